"""Parcels, what a belt knows of one that it carries, and the order in which they lie on it.

A ride's front edge is at `mm` when the odometer shows `origin + mm`: so the belt moves and no number changes, and who
lies behind has the greater origin. On a loop an origin counts modulo one lap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_stubs.mixes.stream import Goods

CLOSE_MM = 0.01  # nearer than a rounding error; times of a machine that ran for months have one of some nm


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a parcel is before it is on any belt. `induction` empty = the line's first one.

    With a `point` it is shown to the readers there and never comes onto a belt: `line` is empty, and it is shown
    `after_ms` behind the one before it. `goods`: what a mix made of it, None = it comes from the manifest.
    """

    parcel: str
    line: str
    codes: tuple[bytes, ...]
    length_mm: int
    weight_g: int
    width_mm: int = 200
    height_mm: int = 150
    induction: str = ""
    point: str = ""
    after_ms: float = 0.0
    goods: Goods | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A parcel on its way from a lane to another line, and what the first line's PLC tells of it (0 = nothing)."""

    parcel: Parcel
    lane: str
    from_line: str
    epoch: int
    track: int
    ready: float  # it is at the other line's point then


@dataclass(slots=True, eq=False)
class Ride:
    """A parcel on the belt."""

    parcel: Parcel
    origin: float
    point: str = ""  # where it came onto the belt; empty = nobody announced it
    came: HandedOver | None = None
    track: int | None = None  # as the PLC calls it
    epoch: int = 0
    coming_on: bool = True  # the eye where it came onto the belt has seen it for that only
    station: int = 0  # the next one, and in which lap
    lap: int = 0
    stamp: int = 0  # what was planned with another one is void
    bound: tuple[float, str] | None = None  # a wrong gate sends it into this lane at this odometer reading
    leader: Ride | None = None  # it touches this one: eyes see both as one item
    follower: Ride | None = None

    def chain(self) -> list[Ride]:
        """It, and what touches it from behind."""
        found = [self]
        while follower := found[-1].follower:
            found.append(follower)
        return found


@dataclass(slots=True)
class Told:
    """Something that physically happened; `ride` where it happened to a parcel."""

    what: str  # inducted handed_over eye reader falling lane full free locked missed struck speed bag
    at: float
    ride: Ride | None = None
    place: str = ""  # lane, point, or name of a reader
    overfilled: bool = False
    track: int = 0  # of a gate that fired on nothing
    mm_s: int = 0
    container: str | None = None  # that stood at the lane
    said: str | None = None  # what was scanned of a bag
    names: tuple[str, ...] = ()  # of the parcels that a reader says something of, one for each thing said
    mishap: str = ""  # that struck now


class Rides:
    """Everything on one belt, the foremost of a line first."""

    def __init__(self, lap_mm: float | None) -> None:
        """`lap_mm` None = a line."""
        self._lap = lap_mm
        self._rides: list[Ride] = []
        self._phases: list[float] = []
        self._longest = 0

    def __len__(self) -> int:
        return len(self._rides)

    def __iter__(self) -> Iterator[Ride]:
        return iter(self._rides)

    def add(self, ride: Ride) -> None:
        """It lies on the belt; its origin must not change until it is removed."""
        phase = self._phase(ride.origin)
        index = bisect_right(self._phases, phase)
        self._phases.insert(index, phase)
        self._rides.insert(index, ride)
        self._longest = max(self._longest, ride.parcel.length_mm)

    def remove(self, ride: Ride) -> None:
        """It does not lie there any more."""
        index = self._index(ride)
        del self._phases[index], self._rides[index]

    def nearest(self, origin: float, reach: float) -> Ride | None:
        """Whose origin is nearest to this one, and at most so far from it."""
        near = self._walk(origin - reach, 2 * reach)
        return min(((abs(away - reach), order, ride) for order, (away, ride) in enumerate(near)), default=(0, 0, None))[
            2
        ]

    def behind(self, ride: Ride) -> Ride | None:
        """The next one on the belt."""
        index = self._index(ride) + 1
        if index == len(self._rides):
            if self._lap is None or index == 1:
                return None
            index = 0
        return self._rides[index]

    def room(self, origin: float, length: float, gap: float) -> float:
        """The first origin, from this one on, that keeps the gap to all that is in the way now; the same = it is free.

        Behind what is in the way something else may be: ask again there.
        """
        reach = self._longest + gap
        free = origin
        for away, ride in self._walk(origin - reach, reach + length + gap):
            ahead = away - reach  # its origin, seen from ours
            behind_it = ahead + ride.parcel.length_mm + gap
            if ahead < length + gap - CLOSE_MM and behind_it > CLOSE_MM:
                free = max(free, origin + behind_it)
        return free

    def _phase(self, origin: float) -> float:
        return origin if self._lap is None else origin % self._lap

    def _index(self, ride: Ride) -> int:
        index = bisect_left(self._phases, self._phase(ride.origin))
        while self._rides[index] is not ride:
            index += 1
        return index

    def _walk(self, start: float, reach: float) -> Iterator[tuple[float, Ride]]:
        """Rides with an origin up to `reach` behind `start`, with how far behind it is, in this order."""
        start, count = self._phase(start), len(self._rides)
        first = bisect_left(self._phases, start)
        for index in range(first, count if self._lap is None else first + count):
            index %= count
            away = self._phases[index] - start
            if away < 0 and self._lap is not None:
                away += self._lap
            if away > reach:
                return
            yield away, self._rides[index]
