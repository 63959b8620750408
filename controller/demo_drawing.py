"""The picture of the demo as text: each line's belt with its parcels, its lanes, and the figures of the run. Pure.

Where a parcel is comes from the physical ledger: the moment of its induction and the speed of the belt, until the
ledger says in what lane it lies. Figures called "now" are of the last half minute, latencies of the last minute, so
that a frame costs the same after an hour as after a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.demo_floor import LENGTH_MM, SORT_LANES, SPEED_MM_S
from controller.demo_ledger import Ledger, Physical

WIDTH, HEIGHT = 80, 24
"""Never larger than this."""
WIDE, SUMMARY = 60, 24
"""From so many characters on a line shows what is in its lanes; so many of them it needs beside the belt."""

POINTS = {"in": 0, "T": 1200, "D": 2000}
GATES = {f"L{lane:02}": 5000 + 2000 * lane for lane in range(1, SORT_LANES + 1)} | {"BOND": 20_000, "EX": 22_000}
"""Positions in mm, as in the floor file that the demo writes."""

RECENT_MS, NOW_MS, DROP_MS = 60_000.0, 30_000.0, 400.0
ENOUGH_MS = 3000.0
"""A rate needs so long a time."""

WAITING, SORTED, HELD, EXCEPTION, DROPPED, BELT = "?", "o", "H", "x", "v", "-"
SERIOUS = (BELT, SORTED, DROPPED, WAITING, EXCEPTION, HELD)
"""Of several parcels in one place the last of these is shown."""

LEGEND = "? undecided  o to sort lane  H to bond  x to exception  v drops  [4] lane full"
SIMULATED = "simulated: belts, PLCs, scanners, the centre; real: wire, floord, journal, MQTT"
KEYS = "Ctrl-C: stop induction, run empty, print the ledger"
LEAST_NEEDED = ("legend", "simulated", "times", "trouble", "counts", "ruler", "keys")
"""What a small terminal goes without, in this order."""


@dataclass(frozen=True, slots=True)
class State:
    """What the picture is made of. `began` = monotonic ms; `parcels` None = until Ctrl-C."""

    ledger: Ledger
    lines: tuple[str, ...]
    rate: float
    parcels: int | None
    began: float
    restarts: int = 0
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What is worked out of the last minute. None = not known yet."""

    per_hour: int | None
    p50: float | None
    p99: float | None


def figures(ledger: Ledger, now: float) -> Figures:
    """Throughput and latency of late."""
    near = recent(ledger, now)
    drops = [parcel.lane_at for parcel in near.values() if parcel.lane is not None and parcel.lane_at <= now]
    since = max(now - NOW_MS, min(drops, default=now))
    count = sum(at >= since for at in drops)
    took = now - since
    times = Ledger(physical=near).divert_ms()
    return Figures(
        round(count * 3_600_000 / took) if took >= ENOUGH_MS else None,
        times[len(times) // 2] if times else None,
        times[min(len(times) - 1, len(times) * 99 // 100)] if times else None,
    )


def recent(ledger: Ledger, now: float) -> dict[str, Physical]:
    """Parcels inducted in the last minute, which all that are still on a belt are; the newest first."""
    found: dict[str, Physical] = {}
    for name, parcel in reversed(ledger.physical.items()):
        if now - parcel.inducted > RECENT_MS:
            break
        found[name] = parcel
    return found


def draw(state: State, now: float, width: int, height: int) -> list[str]:
    """The picture at a moment: at most `height` rows of at most `width` characters."""
    width, height = min(width, WIDTH), min(height, HEIGHT)
    texts = _texts(state, now, width)
    for name in LEAST_NEEDED:
        if len(texts) + len(state.lines) > height:
            del texts[name]
    room = height - len(texts)
    counted = width >= WIDE and room >= 2 * len(state.lines)
    cells = max(1, width - 6 - (SUMMARY if width >= WIDE and not counted else 0))
    belts = [_belt(state, name, now, cells, counted) for name in state.lines]
    if "ruler" in texts:
        belts[0].insert(0, _ruler(cells))
    above = [texts[name] for name in ("title", "counts", "times", "trouble") if name in texts]
    below = [texts[name] for name in ("legend", "simulated", "keys") if name in texts]
    packed = [row for belt in belts for row in belt]
    rows = _spaced(height, [above, *belts, below], [above, packed, below], [above + packed + below])
    if len(rows) > height > 0:
        rows = [*rows[: height - 1], f"... {len(rows) - height + 1} more"]
    return [row[:width].rstrip() for row in rows[: max(0, height)]]


def _spaced(height: int, *groupings: list[list[str]]) -> list[str]:
    """The rows of the first grouping that fits with an empty row between groups; without them if none does."""
    for groups in groupings:
        groups = [group for group in groups if group]
        if sum(map(len, groups)) + len(groups) - 1 <= height:
            return [row for group in groups for row in ("", *group)][1:]
    return [row for group in groupings[-1] for row in group]


def _texts(state: State, now: float, width: int) -> dict[str, str]:
    """Every row that is no belt, by name."""
    ledger, late = state.ledger, figures(state.ledger, now)
    asked = f"{len(state.lines)} line{'s' * (len(state.lines) > 1)}, {state.rate:g} parcels/s"
    seconds = max(0, int((now - state.began) / 1000))
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    title = f"floord demo: {asked}; {_phase(state)}"
    bond = sum(count for lane, count in ledger.lanes.items() if lane.endswith("-BOND"))
    of = f" of {state.parcels}" if state.parcels else ""
    return {
        "title": title[: max(0, width - len(clock) - 1)].ljust(width - len(clock)) + clock,
        "counts": _row(
            width,
            f"{len(ledger.physical)}{of} inducted",
            f"{ledger.in_lanes} in lanes",
            f"{len(ledger.terminals)} reported",
            f"{bond} held in bond",
        ),
        "times": _row(
            width,
            f"{'-' if late.per_hour is None else format(late.per_hour, ',')} parcels/h now",
            f"scan to divert p50 {_ms(late.p50)}, p99 {_ms(late.p99)}",
            f"late {ledger.late}",
        ),
        "trouble": _row(
            width,
            f"recalled {len(ledger.recalled)}",
            f"duplicates {ledger.duplicates}",
            f"restarts of floord {state.restarts}",
            f"full: {' '.join(sorted(ledger.full)) or 'none'}",
        ),
        "ruler": "",
        "legend": LEGEND,
        "simulated": SIMULATED,
        "keys": KEYS,
    }


def _phase(state: State) -> str:
    inducted, in_lanes = len(state.ledger.physical), state.ledger.in_lanes
    if not state.stopping and (state.parcels is None or inducted < state.parcels):
        return "running" if inducted else "starting"
    return "belts running empty" if in_lanes < inducted else "reports and customs settling"


def _row(width: int, *texts: str) -> str:
    """As many of the texts, from the first on, as there is room for."""
    row = ""
    for text in texts:
        if row and len(row) + 3 + len(text) > width:
            break
        row += "   " * bool(row) + text
    return row


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _column(mm: float, cells: int) -> int:
    return max(0, min(cells - 1, int(mm * cells / LENGTH_MM)))


def _ruler(cells: int) -> str:
    short = cells < 60
    names = [(name.lstrip("L0")[:1] if short else name, mm) for name, mm in GATES.items()]
    return " " * 5 + _placed(cells, [*((name[:1], mm) for name, mm in POINTS.items()), *names])


def _placed(cells: int, texts: Iterable[tuple[str, float]]) -> str:
    """Texts centred over their places; what would touch its neighbour on the left is left out."""
    row = ""
    for text, mm in texts:
        start = max(0, _column(mm, cells) - (len(text) - 1) // 2)
        if start > len(row) or not row:
            row = row.ljust(start) + text
    return row


def _belt(state: State, line: str, now: float, cells: int, counted: bool) -> list[str]:
    """One line: its belt, and under it or beside it what lies in its lanes."""
    ledger = state.ledger
    belt = f"{line:<4.4}|{_items(ledger, line, now, cells)}|"
    inside = {name: ledger.lanes.get(f"{line}-{name}", 0) for name in GATES}
    full = [name for name in GATES if f"{line}-{name}" in ledger.full]
    if not counted:
        return [f"{belt} {sum(inside.values()):>6} in lanes" + (f" [{' '.join(full)}]" if full else "")]
    texts = [(f"[{count}]" if name in full else str(count), GATES[name]) for name, count in inside.items()]
    return [belt, " " * 5 + _placed(cells, texts)]


def _items(ledger: Ledger, line: str, now: float, cells: int) -> str:
    belt = [BELT] * cells
    for place, glyph in _glyphs(recent(ledger, now).values(), line, now):
        column = _column(place, cells)
        belt[column] = max(belt[column], glyph, key=SERIOUS.index)
    return "".join(belt)


def _glyphs(parcels: Iterable[Physical], line: str, now: float) -> Iterator[tuple[float, str]]:
    """(mm, what is shown there) of each parcel on a belt, or just dropped from it."""
    for parcel in parcels:
        if parcel.line != line:
            continue
        if parcel.lane is None or now < parcel.lane_at:
            obeyed = parcel.obeyed()
            going = obeyed["lanes"][0] if obeyed and obeyed["lanes"] else None
            yield (now - parcel.inducted) * SPEED_MM_S / 1000, _fate(going)
        elif now - parcel.lane_at < DROP_MS:
            yield GATES.get(parcel.lane.partition("-")[2], LENGTH_MM), DROPPED


def _fate(lane: str | None) -> str:
    if lane is None:
        return WAITING
    return HELD if lane.endswith("-BOND") else EXCEPTION if lane.endswith("-EX") else SORTED
