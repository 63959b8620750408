"""The floor as pages of rows: every line as large as the room allows, and what stands below. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.view import lines, loops
from controller.view.causes import stands
from controller.view.facts import Moment, Plant
from controller.view.glyphs import BY_GRAVITY, LEGEND, light
from controller.view.ink import Row, cropped, padded, width_of

LANES = "3/40 in a lane, of 40  0-9 tenths  : some  F full L locked J jam"
CUSTOMS = "  * customs lane"

LEGEND_ROWS = 2
DESK_ROWS = 3
"""For points on no line, where there are lines, too."""


def draw(
    plant: Plant,
    moment: Moment,
    alarms: Mapping[str, str],
    width: int,
    height: int,
    page: int = 0,
    level: int | None = None,
) -> tuple[list[Row], int]:
    """(at most `height` rows, number of pages). `level` None = as large as fits, the smallest if nothing does."""
    explained = height >= 14 and bool(plant.lines)
    free = max(1, height - (LEGEND_ROWS if explained else 0))
    desks = _desks(plant, moment, width, DESK_ROWS if plant.lines else free)
    if not plant.lines:
        return padded(desks or [[("This floor has neither a line nor a point.", "dim")]], height), 1
    room = max(1, free - len(desks))
    chosen = next((one for one in lines.LEVELS if _fits(plant, one, room)), lines.HEAD) if level is None else level
    drawn = [_line(plant, moment, name, alarms, width, chosen) for name in plant.lines]
    pages = _pages(drawn, room)
    picture = pages[page % len(pages)]
    legend = _legend(picture, width) if explained else []
    return [*padded(picture, room), *desks, *legend][:height], len(pages)


def _legend(picture: Iterable[Row], width: int) -> list[Row]:
    """What the signs mean; that of a customs lane only where one has room for it."""
    starred = any("*" in text for row in picture for text, _ in row)
    return [cropped([(words, "dim")], width) for words in (LEGEND, LANES + CUSTOMS * starred)]


def _desks(plant: Plant, moment: Moment, width: int, most: int) -> list[Row]:
    """Points on no line, each with the worst light of its machines, trouble first; at most so many rows."""
    lights = {
        point: [moment.stubs.get(name) for name, stub in plant.stubs.items() if stub.place == point]
        for point in plant.points
    }
    signs = {point: min(map(light, own), key=BY_GRAVITY.index) for point, own in lights.items() if own}
    rows: list[Row] = []
    for point in sorted(signs, key=lambda point: BY_GRAVITY.index(signs[point])):
        sign, ink = signs[point]
        cell = [(f" {point} ", "plain" if ink == "ok" else ink), (f"{sign} ", ink)]
        if not rows or width_of(rows[-1]) + width_of(cell) > width:
            rows.append([])
        rows[-1] = rows[-1] + cell
    if len(rows) > most:
        rows = [*rows[: most - 1], [(f" {len(signs)} points in all: pane 3", "dim")]]
    return [cropped(row, width) for row in rows]


def standing(plant: Plant, moment: Moment) -> list[str]:
    """Lines that stand, with the word for it."""
    return [f"{name} {word}" for name in plant.lines if (word := stands(plant, moment, name))]


def _line(plant: Plant, moment: Moment, name: str, alarms: Mapping[str, str], width: int, level: int) -> list[Row]:
    drawer = loops.rows if plant.lines[name].kind == "loop" else lines.rows
    return drawer(plant, moment, name, alarms, width, level)


def _tall(kind: str, level: int) -> int:
    return 2 * level + (kind == "loop")


def _fits(plant: Plant, level: int, room: int) -> bool:
    return sum(_tall(line.kind, level) for line in plant.lines.values()) <= room


def _pages(drawn: list[list[Row]], room: int) -> list[list[Row]]:
    """Whole lines on each page, with an empty row between them where there is room."""
    groups: list[list[list[Row]]] = [[]]
    for one in drawn:
        if groups[-1] and sum(map(len, groups[-1])) + len(one) > room:
            groups.append([])
        groups[-1].append(one)
    return [_joined(group, room) for group in groups]


def _joined(group: list[list[Row]], room: int) -> list[Row]:
    spare = room - sum(map(len, group))
    gap: list[Row] = [[]] if spare >= len(group) - 1 else []
    out: list[Row] = []
    for one in group:
        out += (gap if out else []) + one
    return out
