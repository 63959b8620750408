"""The floor as pages of rows: every line as large as the room allows, and what stands below. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from controller.view import lines, loops
from controller.view.causes import stands
from controller.view.facts import Moment, Plant
from controller.view.glyphs import LEGEND
from controller.view.ink import Row, cropped, padded

LANES = "3/40 in a lane, of 40  0-9 tenths  F full L locked J jam  * customs-controlled"


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
    if not plant.lines:
        return padded([[("This floor has no line; its machines are in pane 3.", "dim")]], height), 1
    legend: list[Row] = [cropped([(LEGEND, "dim")], width), cropped([(LANES, "dim")], width)]
    if height < 14:
        legend = []
    room = max(1, height - len(legend))
    chosen = next((one for one in lines.LEVELS if _fits(plant, one, room)), lines.HEAD) if level is None else level
    drawn = [_line(plant, moment, name, alarms, width, chosen) for name in plant.lines]
    pages = _pages(drawn, room)
    picture = pages[page % len(pages)]
    return [*padded(picture, room), *legend][:height], len(pages)


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
