"""What goes wrong too often at one place: each time is an event of its own, and together they are an alarm that says
where to look. A dirty window, a blind eye and a loose connector are seen so before somebody counts.
"""

from __future__ import annotations

from collections import deque

from controller.floor_state import FloorState
from controller.line import LineState
from controller.travel import Travel
from devices.types import Discharged, NoRead, Read

LAST = 20
"""So many are looked at, the latest."""

TOO_OFTEN, WELL = 8, 3
"""So many of them raise the alarm; with no more than so many it is over."""

WORDS = {
    "no-read": "{} read nothing {}: look at its window, its light, and the labels",
    "unseen": "items left line {} that no decision point had seen, {}: look at the eye there",
    "ghosts": "items came on line {} that nobody had announced, {}: look at the induction's eye, or for a bouncing one",
    "lost": "items were lost on line {}, {}: look whether an eye bounces, and whether parcels slip or are taken off",
    "gate": "the gate of {} missed its items, {}: look at it",
}
"""kind -> what is said of a place: the place, and how often"""


def happened(floor: FloorState, kind: str, place: str, at: float, *, bad: bool) -> None:
    """Once more at a place something was well, or not."""
    alarm = f"{kind}-{place}"
    if not bad and alarm not in floor.frequent:
        return
    last = floor.frequent.setdefault(alarm, deque(maxlen=LAST))
    last.append(bad)
    times = sum(last)
    if times >= TOO_OFTEN and alarm not in floor.standing:
        floor.alarm(alarm, WORDS[kind].format(place, f"{times} of the last {len(last)}"), at, "medium", stands=True)
    elif times <= WELL:
        floor.clear(alarm, f"{place}: {times} of the last {len(last)}", at)
    if not times:
        del floor.frequent[alarm]


def left(floor: FloorState, line: LineState, travel: Travel, item: Discharged, at: float) -> None:
    """An item left a line."""
    happened(floor, "unseen", line.id, at, bad=not travel.arrived_at and item.result == "NA")
    happened(floor, "lost", line.id, at, bad=False)
    if item.wanted:
        happened(floor, "gate", item.wanted, at, bad=item.result == "MI")


def read(floor: FloorState, device: str, item: object, at: float) -> None:
    """A reader on a line said something."""
    if isinstance(item, Read | NoRead):
        happened(floor, "no-read", device, at, bad=isinstance(item, NoRead))
