"""One line drawn: its head, its points, parcels on the belt with what they are destined for, its lanes. Pure.

S1 ► 2.50 m/s  9 on the belt  2 waiting                  ! eye_stuck DEC 24 s
  IND  T1 DEC!
     ?      L03     L01
├────?──────=o──────=o────────────────────────────────────────────────────►
               L01    L02    L03    L04    L05    L06   BOND*   EX*
               1/40   0/40   FULL   2/40   0/40   0/40    3      1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from controller.view import glyphs
from controller.view.causes import SLOW, left, on_line, stands, why
from controller.view.facts import Exit, Lane, Moment, Plant, Track
from controller.view.ink import Canvas, Row, cropped, spread

HEAD, BELT, FULL = 1, 2, 3
"""How much of a line is drawn: the head and the belt; lanes too; points and destinations too."""
LEVELS = (FULL, BELT, HEAD)
GIVE = 5
"""Columns that the name of a point may stand beside it, where others are near."""
LABEL = 5
"""Columns between two lanes from which on they have words, and not letters."""


def head(plant: Plant, moment: Moment, line: str, alarms: Mapping[str, str], width: int) -> Row:
    """The row that says how a line does."""
    track, belt = plant.lines[line], moment.lines.get(line)
    word = stands(plant, moment, line)
    riding = len(belt.parcels) if belt else 0
    load = f"{riding} of {track.carriers} carriers" if track.carriers else f"{riding} on the belt"
    figures = f"  {load}  {belt.waiting if belt else 0} waiting"
    if word:
        row: Row = [(f" {line} ■ {word}: {why(plant, moment, line, alarms)} ", "fault")]
        return spread(row, [(f"{figures} ", "fault")], width, "fault")
    speed = belt.speed_mm_s if belt else 0
    slow = 0 < speed < track.speed_mm_s * SLOW
    row = [(f" {line} ", "title"), ("▼ SLOW " if slow else "► ", "warn" if slow else "ok")]
    row += [(f"{speed / 1000:.2f} m/s", "warn" if slow else "plain"), (figures, "plain")]
    faults = [f"{one.fault} {glyphs.short(one.target, line)} {left(one)}" for one in on_line(plant, moment, line)]
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return spread(row, [(f"! {faults[0].strip()}{more} ", "warn")] if faults else [], width)


def rows(
    plant: Plant, moment: Moment, line: str, alarms: Mapping[str, str], width: int, level: int = FULL
) -> list[Row]:
    """A line in 2 (HEAD), 4 (BELT) or 6 rows (FULL), each of at most `width` characters."""
    track = plant.lines[line]
    cells = max(1, width - 2)
    first = [cropped(head(plant, moment, line, alarms, width), width)]
    belt = _belt(plant, moment, line, cells)
    if level == HEAD:
        return [*first, belt]
    names, fills = lanes(track, moment, line, cells)
    below = [[(" ", "plain"), *names], [(" ", "plain"), *fills]]
    if level == BELT:
        return [*first, belt, *below]
    above = [points(plant, moment, line, cells), _destinations(track, moment, line, cells)]
    return [*first, *([(" ", "plain"), *row] for row in above), belt, *below]


def column(track: Track, mm: float, cells: int) -> int:
    """Where a place is drawn."""
    return max(0, min(cells - 1, int(mm * cells / track.length_mm)))


def marks(plant: Plant, moment: Moment, line: str) -> list[tuple[float, str, str]]:
    """(mm, label, ink) of each point: what stands there, and what is wrong with it; the troubled ones first."""
    readers: dict[str, list[str]] = {}
    for name, stub in plant.stubs.items():
        readers.setdefault(stub.place, []).append(name)
    faulty = {fault.target for fault in moment.faults}
    found = []
    for point, spot in plant.lines[line].points.items():
        label, own = glyphs.short(point, line), readers.get(point, [])
        bad = [name for name in own if glyphs.light(moment.stubs.get(name))[1] in ("fault", "off")]
        wrong = point in faulty or any(name in faulty for name in own) or bool(bad)
        found.append((spot.mm, label + "!" * wrong, "fault" if wrong else "device" if own else "dim"))
    return sorted(found, key=lambda mark: mark[2] != "fault")


def points(plant: Plant, moment: Moment, line: str, cells: int) -> Row:
    """Names of the points over their places, as far as there is room; `!` where something is wrong."""
    canvas = Canvas(cells)
    for mm, label, ink in marks(plant, moment, line):
        canvas.place(column(plant.lines[line], mm, cells), label, ink, GIVE)
    return canvas.row()


def _destinations(track: Track, moment: Moment, line: str, cells: int) -> Row:
    """Above each parcel its lane, as far as there is room."""
    canvas = Canvas(cells)
    belt = moment.lines.get(line)
    for mm, _, _, lane, _ in sorted(belt.parcels, key=lambda rider: -rider[0]) if belt else ():
        label = glyphs.short(lane, line) if lane else "?"
        canvas.place(column(track, mm, cells), label, glyphs.fate(track, lane))
    return canvas.row()


def _belt(plant: Plant, moment: Moment, line: str, cells: int) -> Row:
    """The belt: each parcel a letter at its front edge, and `=` for the rest of its length."""
    track, belt = plant.lines[line], moment.lines.get(line)
    canvas = Canvas(cells, "─", "belt")
    places: dict[int, list[str]] = {}
    for mm, length, _, lane, _ in belt.parcels if belt else ():
        front, way = column(track, mm, cells), glyphs.fate(track, lane)
        places.setdefault(front, []).append(way)
        for back in range(column(track, mm - length, cells), front):
            canvas.put(back, "=", way)
    for place, fates in places.items():
        canvas.put(place, *glyphs.heap(fates))
    still = bool(stands(plant, moment, line))
    return [("├", "belt"), *canvas.row(), ("■" if still else "►", "fault" if still else "belt")]


def lanes(track: Track, moment: Moment, line: str, cells: int) -> tuple[Row, Row]:
    """Names of the lanes, and how full each is: in words where there is room, else a letter each."""
    places = {name: column(track, exit_.mm, cells) for name, exit_ in track.lanes.items()}
    columns = sorted(places.values())
    wide = all(after - before >= LABEL for before, after in pairwise(columns))
    if not wide:
        names = Canvas(cells)
        for name, place in places.items():
            names.place(place, glyphs.short(name, line), "dim")
        fullness = ((places[name], exit_, _now(moment, name)) for name, exit_ in track.lanes.items())
        return names.row(), letters(cells, fullness)
    names, fills = Canvas(cells), Canvas(cells)
    for name, exit_ in track.lanes.items():
        lane, label = _now(moment, name), glyphs.short(name, line) + "*" * exit_.supervised
        names.place(places[name], label[:LABEL], "full" if glyphs.shut(lane) else "plain")
        fills.place(places[name], *glyphs.fill_text(exit_, lane))
    return names.row(), fills.row()


def letters(cells: int, fills: Iterable[tuple[int, Exit, Lane]]) -> Row:
    """Lanes as a letter each; of several in one place the fullest."""
    canvas = Canvas(cells)
    found: dict[int, tuple[str, str]] = {}
    for place, exit_, lane in fills:
        fill = glyphs.fill_letter(exit_, lane)
        found[place] = glyphs.worst_fill(found[place], fill) if place in found else fill
    for place, fill in found.items():
        canvas.put(place, *fill)
    return canvas.row()


def _now(moment: Moment, lane: str) -> Lane:
    return moment.lanes.get(lane, Lane())
