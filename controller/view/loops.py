"""A loop drawn as a ring: its first half runs to the right above, its second half back to the left below. Pure.

L1 ► 2.50 m/s  412 of 666 carriers  12 waiting
  IND1 T1        C010       C020 …                 names of points and lanes, as far as there is room
  ·1·3F·2…                                         each lane a letter
►o──O?─h──o─────────────────────────────────┐
└─o──x──────o───────────────────────────────┘
  ·2·1…
  C120 …
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.view import glyphs
from controller.view.causes import stands
from controller.view.facts import Lane, Moment, Plant, Track
from controller.view.ink import Canvas, Row, cropped
from controller.view.lines import BELT, HEAD, head, letters, marks

ABOVE, BELOW = 0, 1


def rows(plant: Plant, moment: Moment, line: str, alarms: Mapping[str, str], width: int, level: int) -> list[Row]:
    """A loop in 3 (HEAD), 5 (BELT) or 7 rows (FULL)."""
    cells = max(1, width - 2)
    first = [cropped(head(plant, moment, line, alarms, width), width)]
    above, below = _belts(plant, moment, line, cells)
    still = bool(stands(plant, moment, line))
    start = ("■", "fault") if still else ("►", "belt")
    ring: list[Row] = [[start, *above, ("┐", "belt")], [("◄", "belt"), *below, ("┘", "belt")]]
    if level == HEAD:
        return [*first, *ring]
    chutes = [[(" ", "plain"), *row] for row in _chutes(plant.lines[line], moment, cells)]
    if level == BELT:
        return [*first, chutes[ABOVE], *ring, chutes[BELOW]]
    names = [[(" ", "plain"), *row] for row in _names(plant, moment, line, cells)]
    return [*first, names[ABOVE], chutes[ABOVE], *ring, chutes[BELOW], names[BELOW]]


def place(track: Track, mm: float, cells: int) -> tuple[int, int]:
    """(row, column) of a place on the ring."""
    half = track.length_mm / 2
    mm %= track.length_mm
    column = min(cells - 1, int(mm % half * cells / half))
    return (ABOVE, column) if mm < half else (BELOW, cells - 1 - column)


def _belts(plant: Plant, moment: Moment, line: str, cells: int) -> tuple[Row, Row]:
    track, belt = plant.lines[line], moment.lines.get(line)
    canvases = Canvas(cells, "─", "belt"), Canvas(cells, "─", "belt")
    places: dict[tuple[int, int], list[str]] = {}
    for mm, _, _, lane, _ in belt.parcels if belt else ():
        places.setdefault(place(track, mm, cells), []).append(glyphs.fate(track, lane))
    for (row, column), fates in places.items():
        canvases[row].put(column, *glyphs.heap(fates))
    return canvases[ABOVE].row(), canvases[BELOW].row()


def _chutes(track: Track, moment: Moment, cells: int) -> tuple[Row, Row]:
    exits = track.lanes.items()
    spots = [(place(track, exit_.mm, cells), exit_, moment.lanes.get(name, Lane())) for name, exit_ in exits]
    above, below = (
        letters(cells, ((column, exit_, lane) for (row, column), exit_, lane in spots if row == half))
        for half in (ABOVE, BELOW)
    )
    return above, below


def _names(plant: Plant, moment: Moment, line: str, cells: int) -> tuple[Row, Row]:
    """Troubled points and shut lanes first, then points, then lanes, as far as there is room."""
    track = plant.lines[line]
    canvases = Canvas(cells), Canvas(cells)
    shut = [name for name in track.lanes if glyphs.shut(moment.lanes.get(name, Lane()))]
    wanted = marks(plant, moment, line)
    wanted += [(track.lanes[name].mm, glyphs.short(name, line), "full") for name in shut]
    wanted += [(exit_.mm, glyphs.short(name, line), "dim") for name, exit_ in track.lanes.items() if name not in shut]
    for mm, label, ink in wanted:
        row, column = place(track, mm, cells)
        canvases[row].place(column, label, ink)
    return canvases[ABOVE].row(), canvases[BELOW].row()
