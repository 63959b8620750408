"""A PLC's own millisecond tracking of a line: where each item is believed to be. Independent of any encoding.

The belt's way since the start (the odometer) is integrated from its speed; an item is an offset to it, set anew at each
eye. So a stopped belt needs no special case and no clock of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

TRACK_LAST = 999_999
# A position that is a rounding error short of a mark is at it; else a timer set for the mark would fire for ever.
AT_MARK_MM = 0.01
_ID = re.compile(r"[A-Z0-9_-]{1,12}")


class Gate(NamedTuple):
    """A lane's gate on the line."""

    position_mm: int
    lane: str


@dataclass(frozen=True)
class Geometry:
    """The line as its PLC was configured: ids of 1..12 characters `A-Z 0-9 _ -`, positions in mm along the belt.

    `inductions` and `decisions` name points; a point that is neither only reports who passes.
    """

    points: Mapping[str, int]
    inductions: Collection[str]
    decisions: Collection[str]
    lanes: Mapping[str, int]
    default_lane: str
    speed_mm_s: int
    length_mm: int

    def __post_init__(self) -> None:
        for name in (*self.points, *self.lanes):
            if not _ID.fullmatch(name):
                raise ValueError(f"id {name!r}: 1 to 12 characters of A-Z 0-9 _ - are needed")
        for name in (*self.inductions, *self.decisions):
            if name not in self.points:
                raise ValueError(f"point {name!r} has no position; give one of {sorted(self.points)}")
        if self.default_lane not in self.lanes:
            raise ValueError(f"default lane {self.default_lane!r} is no lane; give one of {sorted(self.lanes)}")
        if self.speed_mm_s <= 0 or self.length_mm <= 0:
            raise ValueError("speed_mm_s and length_mm must be above 0")

    def gates(self) -> tuple[Gate, ...]:
        """The gates in the order in which an item meets them."""
        return tuple(sorted(Gate(position, lane) for lane, position in self.lanes.items()))


@dataclass(frozen=True, slots=True)
class Destination:
    """What a DEST says."""

    point: str
    track: int
    decision: int
    reason: str
    no_default: bool
    if_none: str
    lanes: tuple[str, ...]


@dataclass(eq=False, slots=True)
class Item:
    """One item the PLC tracks, and what became of its destination so far."""

    track: int
    length: int
    point: str  # the last one passed
    edge_at: float
    offset: float  # its front edge is at odometer + offset
    certainty: str
    next_gate: int  # index of the first gate whose point of no return lies ahead
    dest: Destination | None = None
    lane: str | None = None  # commanded into this one
    gate_at: float = 0.0  # when it was to be at that gate
    why_not_first: str = ""  # result code of the first lane's gate, once passed
    result: str = ""
    late: bool = False  # a DEST was refused with LATE
    holds_line: bool = False  # reached the end with flag N
    announced: bool = False  # an event of it was sent at least once


class Tracking:
    """Items on the belt by track number."""

    def __init__(self, geometry: Geometry, tolerance_mm: int, next_track: int, now: float) -> None:
        self.geometry = geometry
        self.items: dict[int, Item] = {}
        self.odometer = 0.0
        self.speed = geometry.speed_mm_s
        self.running_speed = geometry.speed_mm_s  # the last one above 0
        self.now = now
        self._gates = geometry.gates()
        self.tolerance = tolerance_mm
        self._next_track = next_track

    def advance(self, now: float) -> None:
        """The belt moved until now with the speed it had."""
        if now > self.now:
            self.odometer += self.speed * (now - self.now) / 1000
            self.now = now

    def set_speed(self, mm_s: int) -> None:
        """From now on the belt moves with this speed."""
        self.speed = mm_s
        self.running_speed = mm_s or self.running_speed

    def position(self, item: Item) -> float:
        """Where the item's front edge is believed to be, mm."""
        return self.odometer + item.offset

    def reached(self, odometer: float) -> bool:
        """Whether the belt has come as far as this mark."""
        return self.odometer >= odometer - AT_MARK_MM

    def when(self, odometer: float) -> float:
        """When the belt was or will be at this mark, at the present speed; now while it stands."""
        return self.now + (odometer - self.odometer) * 1000 / self.speed if self.speed else self.now

    def add(self, point: str, length: int, certainty: str) -> Item:
        """A new item at a point, with the next track number that is free."""
        while self._next_track in self.items:
            self._next_track = self._next_track % TRACK_LAST + 1
        position = self.geometry.points[point]
        behind = sum(gate.position_mm <= position for gate in self._gates)
        item = Item(self._next_track, length, point, self.now, position - self.odometer, certainty, behind)
        self._next_track = self._next_track % TRACK_LAST + 1
        self.items[item.track] = item
        return item

    def match(self, point: str, length: int) -> Item | None:
        """The item whose edge this is: the nearest within the tolerance; it is at the point now. None = nobody's."""
        position = self.geometry.points[point]
        near = [
            item
            for item in self.near(position)
            if self.geometry.points[item.point] < position  # an eye sees an item once
        ]
        if not near:
            return None
        item = near[0]
        if len(near) > 1 and item.certainty == "S":
            item.certainty = "D"
        if item.lane is not None:  # it was to be in a lane, yet here it is
            item.lane, item.why_not_first = None, item.why_not_first or "MI"
        item.point, item.edge_at, item.offset, item.length = point, self.now, position - self.odometer, length
        return item

    def near(self, position: int) -> list[Item]:
        """Items within the tolerance of a position, the nearest first."""
        found = [item for item in self.items.values() if abs(self.position(item) - position) <= self.tolerance]
        return sorted(found, key=lambda item: abs(self.position(item) - position))

    def on_belt(self) -> list[Item]:
        """Items that are believed not to have left through their gate, the foremost first."""
        items = [
            item
            for item in self.items.values()
            if item.lane is None or self.position(item) < self.geometry.lanes[item.lane]
        ]
        return sorted(items, key=lambda item: -item.offset)

    def neighbours(self, item: Item) -> tuple[Item | None, Item | None]:
        """The items before and behind."""
        others = [other for other in self.on_belt() if other is not item]
        before = [other for other in others if other.offset >= item.offset]
        behind = [other for other in others if other.offset < item.offset]
        return (before[-1] if before else None), (behind[0] if behind else None)

    def gap(self, item: Item) -> int:
        """Millimetres from the rear of the item ahead to the front of this one; 0 = none ahead."""
        ahead = self.neighbours(item)[0]
        return 0 if ahead is None else max(0, round(self.position(ahead) - ahead.length - self.position(item)))

    def forget(self) -> None:
        """A new epoch: nobody is known, track numbers anew."""
        self.items.clear()
        self._next_track = 1
