"""Doubt: after a fault on the belt nobody can say which item is where.

An item lost beside one that nobody tracked is usually one item that shifted by a place, and its neighbours may have
been swapped. So all travels between the last certain eye and the fault are doubtful. A doubtful travel uses no customs
release; it is sure again when a reader that lies ahead names it (on loops: in the next lap), else it goes to a
supervised exception lane.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller import deciding
from controller.advice import Look
from controller.floor_state import FloorState
from controller.line import LineState
from controller.travel import Travel
from devices.types import Lagging


def cast(floor: FloorState, line: LineState, travels: Iterable[Travel], now: float, look: Look) -> None:
    """These travels may be others than they were taken for."""
    doubted = list({travel.id: travel for travel in travels}.values())
    for travel in doubted:
        travel.doubt("D", now)
        floor.keep("travel", travel.id, travel)
    for travel in doubted:
        deciding.consider(floor, line, travel, now, look)


def everything(floor: FloorState, line: LineState, now: float, look: Look) -> None:
    """Nothing on this line is certain any more."""
    cast(floor, line, list(line.travels.values()), now, look)


def after_lag(floor: FloorState, line: LineState, item: Lagging, now: float, look: Look) -> None:
    """The PLC's messages came so late that its items were farther on than we thought: where those are that it spoke of
    since is not known before the next eye. A lateness that is sure counts when it is more than a reader's window, one
    that may be a lost frame only when it is more than the reader's own lateness that is reckoned with."""
    late_mm = item.ms * line.odometer.speed / 1000
    if all(late_mm <= (reader.window_mm if item.sure else reader.late_mm) for reader in line.readers):
        return
    moved = [travel for travel in line.travels.values() if travel.mark_at >= item.since]
    for travel in moved:
        travel.mark_mm = None
    cast(floor, line, moved, now, look)


def after_loss(
    floor: FloorState,
    line: LineState,
    lost: Travel,
    last_point: str | None,
    tracks: tuple[int, ...],
    edge: float,
    now: float,
    look: Look,
) -> None:
    """`lost` was missed at `edge`: it may have shifted anywhere between its last eye and there."""
    point = floor.config.point.get(last_point or "")
    start = point.position_mm if point is not None and point.line == line.id else None
    fault = line.position(lost, edge)
    if start is None or fault is None:
        cast(floor, line, (travel for travel in line.travels.values() if travel is not lost), now, look)
        return
    near = [*_between(line, float(start), fault, edge), *_named(line, tracks)]
    cast(floor, line, (travel for travel in near if travel is not lost), now, look)


def after_ghost(
    floor: FloorState, line: LineState, ghost: Travel, point: str, tracks: tuple[int, ...], now: float, look: Look
) -> None:
    """An item that nobody tracked was seen at `point`: between the eye before and there something happened."""
    place = floor.config.point.get(point)
    here = place.position_mm if place is not None and place.line == line.id else None
    near = line.travels.values() if here is None else [*_unseen(line, float(here)), *_named(line, tracks)]
    cast(floor, line, (travel for travel in near if travel is not ghost), now, look)


def after_slip(floor: FloorState, line: LineState, slipped: Travel, here: float, edge: float) -> None:
    """An eye saw an item later than the belt's travel says: it and who is behind it may have been swapped.

    They are decided again with the next thing heard of them.
    """
    for travel in (slipped, *_unseen(line, here)):
        travel.doubt("D", edge)
        floor.keep("travel", travel.id, travel)


def last_eye(line: LineState, here: float) -> float:
    """The position of the eye that an item passes before one at `here`."""
    ways = [(way, eye) for eye in line.eyes if (way := line.way(float(eye), here)) > 0]
    return float(min(ways)[1]) if ways else 0.0


def _unseen(line: LineState, here: float) -> list[Travel]:
    """Travels that the eye at `here` has not seen yet: the last one that did is the one before it."""
    start = last_eye(line, here)
    reach = line.way(start, here)
    return [
        travel
        for travel in line.travels.values()
        if travel.eye_mm is None or 0 <= line.way(start, travel.eye_mm) < reach
    ]


def _between(line: LineState, start: float, end: float, when: float) -> list[Travel]:
    """Travels from `start` on up to `end`, and those of which nobody knows where they are."""
    mark, reach = line.odometer.at(when), line.way(start, end)
    found = []
    for travel in line.travels.values():
        position = line.place(travel, mark)
        if position is None or 0 <= line.way(start, position) <= reach:
            found.append(travel)
    return found


def _named(line: LineState, tracks: tuple[int, ...]) -> list[Travel]:
    return [travel for track in tracks if (travel := line.by_track.get(track)) is not None]
