"""Machines with lights, faults and alarms that stand, figures and the last events, as rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from controller.view import glyphs
from controller.view.causes import ends
from controller.view.facts import Light, Moment, Plant
from controller.view.ink import Row, cropped, safe, wrapped
from controller.well import problems
from controller.wording import counted

FAMILIES = ("alarm", "line", "lane", "device", "node")
"""Families of floord's events that are shown; those of parcels would fill every screen."""
GRAVE = ("off", "fault", "quiet", "ok")
"""The order of machines: trouble first."""


GRAVE_EVENTS = ("/raised", "/offline", "/stopped", "/jammed", "/estop")
WIDE = 70
"""From so many columns on there is room for everything in one row."""


class Health(Protocol):
    """What floord said (health.py)."""

    @property
    def where(self) -> Path:
        """Its state_dir."""

    @property
    def status(self) -> dict[str, Any] | None:
        """Its last answer; None while nobody answers."""

    @property
    def why(self) -> str:
        """Why nobody answers; empty while somebody does."""

    @property
    def events(self) -> Iterable[tuple[str, str]]:
        """(name, words) of the last ones, the newest last."""


def clock(utc_ms: float, digits: int = 0) -> str:
    """Time of the day in UTC."""
    ms = int(utc_ms) % 86_400_000
    text = f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}"
    return f"{text}.{ms % 1000:03}" if digits else text


def figures(moment: Moment, statuses: Iterable[Mapping[str, Any]]) -> Row:
    """Counts of the floor; `late` is what floord counts, since its start."""
    counts = moment.counts
    names = {"inducted": "inducted", "in_lanes": "in lanes", "on_belts": "on belts", "not_inducted": "waiting"}
    parts = [f"{counts.get(name, 0):,} {word}" for name, word in names.items()]
    parts += [f"{counts[name]:,} {name}" for name in ("removed", "shown") if counts.get(name)]
    known = list(statuses)
    late = f"{sum(status.get('late', 0) for status in known)} late" if known else "late ?"
    rate = "- parcels/h" if moment.per_hour is None else f"{moment.per_hour:,.0f} parcels/h"
    return [(f" {rate}", "title"), ("  " + "  ".join([late, *parts]), "plain")]


def machines(plant: Plant, moment: Moment, width: int) -> list[Row]:
    """Each machine with its light, trouble first."""
    names = sorted(plant.stubs, key=lambda name: GRAVE.index(_light(moment, name)))
    first = min(24, max((len(name) for name in names), default=0))
    wide = width >= WIDE
    rows: list[Row] = []
    for name in names:
        stub, light = plant.stubs[name], moment.stubs.get(name, Light())
        sign, ink = glyphs.light(light)
        age = "" if light.age_ms is None else f"{light.age_ms / 1000:.1f} s"
        row: Row = [(f" {sign} {light.light:<5} ", ink), (f"{name:<{first}} ", "plain" if ink == "ok" else ink)]
        row.append((f"{stub.place:<8} ", "plain"))
        if wide:
            row.append((f"{stub.kind:<12} said {light.said:<6} heard {light.heard:<6} {age:>8} ", "dim"))
        rows.append(cropped([*row, (safe(light.why), ink)] if light.why else row, width))
    return rows or [[(" This floor has no machine.", "dim")]]


def lights(plant: Plant, moment: Moment) -> Row:
    """All machines in a few words: `7 ok  1 fault tunnel-1`."""
    by: dict[str, list[str]] = {}
    for name in plant.stubs:
        by.setdefault(_light(moment, name), []).append(name)
    row: Row = []
    for light in GRAVE:
        if found := by.get(light):
            sign, ink = glyphs.LIGHTS[light]
            named = f" ({', '.join(found[:2])}{' …' * (len(found) > 2)})" if light in ("off", "fault") else ""
            row += [(f"{sign} {len(found)} {light}{named}", ink), ("  ", "plain")]
    return row


def faults(moment: Moment, width: int) -> list[Row]:
    """Faults that stand, with the time that they have left."""
    return [
        cropped(
            [(f" ! {one.fault} {one.target}".rstrip(), "warn"), (f"  {ends(one)}", "plain")]
            + ([(f"  by {one.by}", "dim")] if one.by else []),
            width,
        )
        for one in moment.faults
    ]


def alarms(standing: Mapping[str, str], missing: Iterable[str], width: int, most: int = 3) -> list[Row]:
    """What floord says: that it does not answer, and each alarm with what it means, in at most `most` rows each."""
    rows: list[Row] = []
    for why in missing:
        rows += wrapped(why, width, "warn", " ? ", most)
    for name, what in standing.items():
        rows += wrapped(f"{name}: {what}", width, "fault", " # ", most)
    return rows


def trouble(moment: Moment, standing: Mapping[str, str], missing: Iterable[str], width: int, height: int) -> list[Row]:
    """Faults and alarms in at most `height` rows, one each; the last row says how many are left out."""
    rows = [*faults(moment, width), *alarms(standing, missing, width, most=1)]
    if len(rows) > height > 0:
        rows = [*rows[: height - 1], [(f" and {len(rows) - height + 1} more: pane 4", "warn")]]
    return rows[:height]


def unwell(daemon: Health) -> str:
    """What is not well with a floord, its alarms left out; empty if all is."""
    if daemon.status is None:
        return daemon.why
    found = "; ".join(problems(daemon.status, alarms=False))
    return f"floord {daemon.status.get('node', '')}: {found}" if found else ""


def daemons(known: Sequence[Health]) -> Row:
    """Every floord of this floor in a few words."""
    row: Row = []
    all_, there = list(known), [daemon for daemon in known if daemon.status is not None]
    if missing := len(all_) - len(there):
        row.append(
            (f"? {f'{missing} of {len(all_)} floords do' if len(all_) > 1 else 'floord does'} not answer  ", "warn")
        )
    for daemon in there:
        assert daemon.status is not None  # those are left out above
        alarms, node = daemon.status.get("alarms", {}), f"floord {daemon.status.get('node', '')}"
        if alarms:
            row.append((f"# {node}: {counted(len(alarms), 'alarm')}  ", "warn"))
        elif unwell(daemon):
            row.append((f"! {node} is not well  ", "warn"))
        else:
            row.append((f"+ {node}  ", "ok"))
    return row


def events(said: Iterable[tuple[str, str]], width: int) -> list[Row]:
    """The last events of floord, (name, words) each, the newest first; wrapped where there is little room."""
    rows: list[Row] = []
    for name, words in reversed(list(said)):
        ink = "warn" if name.endswith(GRAVE_EVENTS) else "plain"
        if width >= WIDE:
            rows.append(cropped([(f" {safe(words)}", ink)], width))
        else:
            rows += wrapped(" ".join(words.split()), width, ink, " ")
    return rows


def _light(moment: Moment, name: str) -> str:
    light = moment.stubs.get(name, Light()).light
    return light if light in GRAVE else "fault"
