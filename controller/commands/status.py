"""`floord status`: how the running daemon does."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from controller.commands import _device
from controller.commands._story import safe
from controller.commands._texts import json_line
from controller.commands._where import ask, floor_option, state_dir
from controller.well import problems
from controller.wording import counted

FEW, MOST = 10, 3
"""So many rows hold every link and line, with the reason below each link that is down; of more only those in trouble
are shown, and at most MOST of each. So 24 rows hold everything but alarms, and `--json` names all."""

ALARMS = 8
"""So many are shown with their words."""


@click.command("status")
@floor_option
@click.option("--device", help="Only this scanner or PLC: its link, session, epochs, and what it counts by reason.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for scripts.")
def command(floor: Path, device: str | None, as_json: bool) -> None:
    """Show links, lines, lanes, journal and broker of the running daemon.

    Exit code 0: links, sessions, broker and customs feed are there, no line stands in trouble, no alarm stands (with
    --device: its link and session are there). 1: something is not well. 69: no daemon answers.
    """
    closed: dict[str, Any] = {"ok": False, "error": "the daemon closed the connection"}
    answer = next(ask(state_dir(floor), {"do": "status"}), closed)
    if not answer.pop("ok"):
        raise click.ClickException(str(answer.get("error")))
    width = max(40, shutil.get_terminal_size((80, 24)).columns)
    if device is not None:
        one = _of(answer["links"], device)
        click.echo(json_line(one) if as_json else "\n".join(of_device(device, one, width)))
        sys.exit(0 if one["up"] and one.get("session", {"synchronised": True})["synchronised"] else 1)
    if as_json:
        click.echo(json_line(answer))
    else:
        click.echo("\n".join(shown(answer, width)))
    sys.exit(1 if problems(answer) else 0)


def shown(s: dict[str, Any], width: int) -> list[str]:
    """The answer of the daemon (controller/status.py) in rows of at most `width` characters."""
    broker, customs = s["broker"], s["customs"]
    down = sum(not link["up"] for link in s["links"].values())
    most = FEW if len(s["links"]) + down + len(s["lines"]) <= FEW else MOST
    rows = [
        f"{s['site']}/{s['node']}  {s['mode']}  plan {s['plan']}  journal {s['journal']}  sequence {s['sequence']}",
        f"broker   {'online' if broker['online'] else 'AWAY':<10} {broker['queued']} queued, "
        f"{broker['quarantined']} quarantined{_broker(broker)}",
        f"customs  {'fresh' if customs['fresh'] else 'NOT FRESH':<10} {counted(customs['records'], 'record')}, "
        f"position {customs['position']} in the feed",
        "",
        *_links(s["links"], most),
        "",
        *_lines(s["lines"], most),
        "",
        *_lanes(s["lanes"], s["late"]),
    ]
    told = [(f"told     {one['time'][11:19]} {one['alarm']}", one["what"]) for one in s.get("told", ())]
    stand = [(f"alarm    {name}", what) for name, what in s.get("alarms", {}).items()]
    if told or stand:
        rows += ["", *_alarms(told, "told", width), *_alarms(stand, "alarm", width)]
    found = problems(s)
    rows.append("not well: " + "; ".join(found) if found else "all well")
    return _wrapped(rows, width)


def of_device(name: str, link: dict[str, Any], width: int) -> list[str]:
    """One of its links, with all that it counts, in rows of at most `width` characters."""
    return _wrapped(_device.shown(name, link), width)


def _broker(broker: dict[str, Any]) -> str:
    """Which one, or why it is away; in at most two rows of a terminal."""
    said = broker["url"] if broker["online"] else textwrap.shorten(broker["why"], 95, placeholder=" …")
    return f"; {said}" if said else ""


def _of(links: dict[str, Any], device: str) -> dict[str, Any]:
    if device not in links:
        raise click.UsageError(f"--device {device}: no scanner or PLC has this name; there are {', '.join(links)}")
    found: dict[str, Any] = links[device]
    return found


def _wrapped(rows: list[str], width: int) -> list[str]:
    """What a library or a machine said why may stand in a row: a terminal is told nothing but text."""
    wrapped = (
        textwrap.wrap(safe(row), width, subsequent_indent="    ", break_on_hyphens=False) or [""] for row in rows
    )
    return [part for parts in wrapped for part in parts]


def _picked(things: dict[str, Any], most: int, troubled: Callable[[Any], bool]) -> tuple[dict[str, Any], list[Any]]:
    """Those that get a row (of more than `most` only some in trouble), and the rest."""
    found = {name: thing for name, thing in things.items() if len(things) <= most or troubled(thing)}
    shown = dict(list(found.items())[:most])
    return shown, [thing for name, thing in things.items() if name not in shown]


def _links(links: dict[str, Any], most: int) -> list[str]:
    shown, rest = _picked(links, most, lambda link: not link["up"])
    first = max(18, *(len(name) + 1 for name in shown)) if shown else 18
    rows = [f"{'link':<{first}}{'':<6}{'last byte':>10}{'frames':>9}{'garbled':>9}{'reopened':>9}"]
    for name, link in shown.items():
        rows.append(f"{name:<{first}}{'up' if link['up'] else 'DOWN':<6}{_figures([link])}")
        if not link["up"]:
            rows.append(f"    {link['why'] or _device.NOT_OPEN}")
    if rest:
        down = sum(not link["up"] for link in rest)
        rows.append(f"{_rest(shown, rest, 'link'):<{first}}{f'{down} DOWN' if down else 'up':<6}{_figures(rest)}")
    return rows


def _rest(shown: dict[str, Any], rest: list[Any], word: str) -> str:
    return counted(len(rest), f"other {word}" if shown else word)


def _figures(links: list[dict[str, Any]]) -> str:
    """Figures of some links: the longest silence, the sums of the rest."""
    silences = [link["last_byte_ms"] for link in links]
    last = "never" if None in silences else f"{max(silences) / 1000:.1f} s"
    garbled = sum(sum(link["garbled"].values()) for link in links)
    frames, reopened = (sum(link[name] for link in links) for name in ("frames", "reopened"))
    return f"{last:>10}{frames:>9}{garbled:>9}{reopened:>9}"


def _lines(lines: dict[str, Any], most: int) -> list[str]:
    rows = [f"{'line':<18}{'session':<10}{'state':<7}{'mm/s':>6}{'travels':>9}"]
    shown, rest = _picked(lines, most, _in_trouble)
    for name, line in shown.items():
        session = _device.session_word(line)
        inhibited = "  induction inhibited" if line["inhibited"] else ""
        speed = line["speed_mm_s"] if line["running"] else 0
        rows.append(f"{name:<18}{session:<10}{line['state']:<7}{speed:>6}{line['travels']:>9}{inhibited}")
    if rest:
        bad = sum(map(_in_trouble, rest))
        travels = sum(line["travels"] for line in rest)
        rows.append(
            f"{_rest(shown, rest, 'line'):<18}{f'{bad} in trouble' if bad else 'normal and RUN':<23}{travels:>9}"
        )
    return rows


def _in_trouble(line: dict[str, Any]) -> bool:
    return not line["synchronised"] or line["inhibited"] or line["state"] != "RUN"


def _lanes(lanes: dict[str, Any], late: int) -> list[str]:
    busy = [f"{name} {lane['state']}" for name, lane in lanes.items() if lane["state"] not in ("FREE", "RUN")]
    drops, on_way = (sum(lane[key] for lane in lanes.values()) for key in ("drops", "on_way"))
    more = [f"{len(busy) - MOST} more"] if len(busy) > MOST else []
    counts = f"{counted(len(lanes), 'lane')}, {counted(drops, 'drop')}, {on_way} on their way"
    return [f"{counts}; {', '.join([*busy[:MOST], *more]) or 'all free'}; late answers {late}"]


def _alarms(alarms: list[tuple[str, str]], word: str, width: int) -> list[str]:
    """(name, what), each in two rows at most."""
    two: dict[str, Any] = {"subsequent_indent": "    ", "max_lines": 2, "placeholder": " …"}
    rows = [row for name, what in alarms[:ALARMS] for row in textwrap.wrap(f"{name}: {what}", width, **two)]
    more = len(alarms) - ALARMS
    if more > 0:
        said = counted(more, "more alarm") if word == "alarm" else f"{more} more told"
        rows.append(f"and {said}: floord status --json")
    return rows
