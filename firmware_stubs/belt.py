"""Parcels on one belt: where they are, what their edges do, and where they really end.

Physics first. A parcel is a front edge at so many mm and a length; the belt moves all of them alike, so everything that
will happen to a parcel is known as a reading of the belt's odometer: its front edge is at `mm` when the odometer shows
`origin + mm`. A reading becomes a time through the present speed, exactly, and nothing drifts. The eye of an induction
or decision point tells the PLC an edge and a length; the place of a reader tells the scanner the codes; a gate is fired
by the PLC alone and takes whatever parcel is there.

Induction: the time from one parcel to the next is `least + exponential(mean 1/rate - least)`, seeded, where `least` is
what the previous parcel's length and `gap_mm` take at the present speed: on average the rate as long as the belt has
room for it, never more, and never closer than the gap (checked in mm, so a belt that slows down in between keeps it).
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from firmware_stubs.floor_file import ChuteSettings, Line
from firmware_stubs.stub import GateCommand, PlcStub, ScannerStub

GATE_MM = 60.0  # half a parcel pitch: a gate takes the parcel whose front edge is within ± this when it fires
DROP_MS = 300.0  # from the gate to the eye in the lane


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a parcel is before it is on any belt."""

    parcel: str
    line: str
    codes: tuple[bytes, ...]
    length_mm: int
    weight_g: int


@dataclass(slots=True, eq=False)
class Ride:
    """A parcel on the belt."""

    parcel: Parcel
    origin: float  # odometer reading at which its front edge was at 0 mm
    track: int | None = None  # as the PLC calls it
    epoch: int = 0
    on_belt: bool = True


@dataclass(slots=True)
class Chute:
    """The places behind a gate: FULL when all are taken, FREE again when emptied to half."""

    settings: ChuteSettings | None
    taken: int = 0
    full: bool = False


@dataclass(slots=True)
class Told:
    """Something that physically happened; `ride` where it happened to a parcel."""

    what: str  # inducted eye reader lane full free missed speed
    at: float
    ride: Ride | None = None
    place: str = ""  # lane, point, or name of a reader
    overfilled: bool = False
    track: int = 0  # of a gate that fired on nothing
    mm_s: int = 0


@dataclass(slots=True)
class _Induction:
    queue: deque[Parcel] = field(default_factory=deque)
    held: bool = True  # until `release`
    due: float = -math.inf  # the drawn moment of the next parcel
    room_at: float = -math.inf  # odometer reading from which on the gap is kept
    since: float = -math.inf  # nothing may happen before what made it possible


_Station = tuple[float, Callable[[Ride, float], None]]  # where, and what a front edge does there


class Belt:
    """One line's belt. `tell` hears what happened, in order, each at its exact time."""

    def __init__(
        self,
        line: Line,
        plc: PlcStub,
        readers: Iterable[tuple[str, str, ScannerStub]],
        tell: Callable[[Told], None],
        seed: int | str,
        now: float,
    ) -> None:
        """`readers`: name, point, scanner."""
        self.line = line
        self.riding: list[Ride] = []
        self.falling = 0  # between gate and lane eye
        self._plc = plc
        self._tell = tell
        self._random = random.Random(seed)
        self._induction = _Induction()
        self._chutes = {lane: Chute(line.chutes.get(lane)) for lane in line.lanes}
        self._speed, self._odometer, self._since = float(line.speed_mm_s), 0.0, now
        self._order = itertools.count()  # of things at the same place or time
        self._stations: list[tuple[float, int, Ride, Callable[[Ride, float], None]]] = []  # by odometer reading
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._layout = self._stations_of(readers)
        plc.belt_speed(line.speed_mm_s, now)

    @property
    def waiting(self) -> int:
        """Parcels not yet on the belt."""
        return len(self._induction.queue)

    @property
    def inhibited(self) -> bool:
        """Whether the PLC forbids the induction."""
        return self.line.induction is not None and self.line.induction.point in self._plc.inhibited

    @property
    def empty(self) -> bool:
        """Nothing waits, rides or falls."""
        return not (self._induction.queue or self.riding or self.falling)

    def add(self, parcel: Parcel, now: float) -> None:
        """Another parcel waits at the induction."""
        if not self._induction.queue:
            self._induction.since = now
        self._induction.queue.append(parcel)

    def release(self, now: float) -> None:
        """Induction may begin, or go on."""
        self._induction.held = False
        self.resume(now)

    def resume(self, now: float) -> None:
        """What kept parcels off the belt changed now, so none comes onto it earlier."""
        self._induction.since = max(self._induction.since, now)

    def hold(self) -> None:
        """Nothing more comes onto the belt until `release`; what is on it goes on."""
        self._induction.held = True

    def set_speed(self, mm_s: int, now: float) -> None:
        """The belt runs with this speed from now on; 0 stops it."""
        self._odometer, self._since, self._speed = self._reading(now), now, float(mm_s)
        self._tell(Told("speed", now, mm_s=mm_s))
        self._plc.belt_speed(mm_s, now)

    def stop(self, now: float) -> None:
        """The drive stops, as the PLC wants; a local hand starts it again after `restart_s`, if there is one."""
        if self._speed:
            self.set_speed(0, now)
            if self.line.restart_s:
                self._after(now + self.line.restart_s * 1000, partial(self.set_speed, self.line.speed_mm_s))

    def front(self, ride: Ride, at: float) -> float:
        """Where its front edge is, in mm, at a time not before the last change of speed."""
        return self._reading(at) - ride.origin

    def next_at(self) -> float:
        """When the next thing happens; infinity = nothing will."""
        return min(self._induct_at(), self._station_at(), self._timers[0][0] if self._timers else math.inf)

    def step(self) -> None:
        """Do the one thing that happens at `next_at`."""
        at = self.next_at()
        if self._timers and self._timers[0][0] <= at:
            heapq.heappop(self._timers)[2](at)
        elif self._station_at() <= at:
            _, _, ride, act = heapq.heappop(self._stations)
            act(ride, at)
        else:
            self._induct(at)

    def fire(self, command: GateCommand, now: float) -> None:
        """The PLC fires a gate: now, or at the later moment that it names."""
        if command.at > now:
            self._after(command.at, partial(self._gate, command))
        else:
            self._gate(command, now)

    # -- the belt's odometer

    def _reading(self, at: float) -> float:
        return self._odometer + (at - self._since) * self._speed / 1000

    def _when(self, reading: float) -> float:
        if self._speed == 0:
            return math.inf
        return max(self._since + (reading - self._odometer) * 1000 / self._speed, self._since)

    def _after(self, at: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, (at, next(self._order), act))

    def _station_at(self) -> float:
        while self._stations and not self._stations[0][2].on_belt:
            heapq.heappop(self._stations)
        return self._when(self._stations[0][0]) if self._stations else math.inf

    # -- what stands along it

    def _stations_of(self, readers: Iterable[tuple[str, str, ScannerStub]]) -> list[_Station]:
        points = self.line.points
        with_eye = [name for name, place in points.items() if place.induction or place.decision]
        eyes = [(points[name].mm, partial(self._eye, name)) for name in with_eye]
        gates = [(points[point].mm, partial(self._reader, name, scanner)) for name, point, scanner in readers]
        stations: list[_Station] = [*eyes, *gates, (self.line.length_mm, self._end)]
        return sorted(stations, key=lambda station: station[0])

    def _eye(self, point: str, ride: Ride, at: float) -> None:
        ride.track, ride.epoch = self._plc.edge(point, ride.parcel.length_mm, at), self._plc.epoch
        if self.line.induction and point == self.line.induction.point:
            self._tell(Told("inducted", at, ride, point))
        else:
            self._tell(Told("eye", at, ride, point))

    def _reader(self, name: str, scanner: ScannerStub, ride: Ride, at: float) -> None:
        self._tell(Told("reader", at, ride, name))
        scanner.gate(list(ride.parcel.codes), at)

    def _end(self, ride: Ride, at: float) -> None:
        self._off(ride)
        self._drop(ride, self.line.default_lane, at)

    # -- on and off

    def _induct_at(self) -> float:
        waits = self._induction
        if waits.held or not waits.queue or self._speed == 0 or self.inhibited:
            return math.inf
        return max(waits.due, waits.since, self._when(waits.room_at))

    def _induct(self, at: float) -> None:
        spec, waits = self.line.induction, self._induction
        assert spec is not None  # the manifest refuses parcels for a line without
        parcel = waits.queue.popleft()
        start = self.line.points[spec.point].mm
        ride = Ride(parcel, self._reading(at) - start)
        self.riding.append(ride)
        pitch = parcel.length_mm + spec.gap_mm
        least = pitch * 1000 / self._speed
        spread = 1000 / spec.rate_per_s - least
        waits.due = at + least + (self._random.expovariate(1 / spread) if spread > 0 else 0.0)
        waits.room_at, waits.since = self._reading(at) + pitch, at
        for mm, act in self._layout:
            if mm >= start:
                heapq.heappush(self._stations, (ride.origin + mm, next(self._order), ride, act))

    def _gate(self, command: GateCommand, now: float) -> None:
        """Takes the nearest parcel within reach at the commanded moment, whichever the PLC believed it to be."""
        mm, reading = self.line.lanes.get(command.lane, math.inf), self._reading(command.at)
        ride = min(self.riding, key=lambda ride: abs(reading - ride.origin - mm), default=None)
        if ride is None or abs(reading - ride.origin - mm) > GATE_MM:
            self._tell(Told("missed", now, place=command.lane, track=command.track))
            return
        self._off(ride)
        crossing = self._when(ride.origin + mm)
        falls = (command.at if crossing == math.inf else crossing) + DROP_MS
        self._after(max(falls, now), partial(self._drop, ride, command.lane))

    def _off(self, ride: Ride) -> None:
        ride.on_belt = False
        self.riding.remove(ride)
        self.falling += 1

    def _drop(self, ride: Ride, lane: str, at: float) -> None:
        self.falling -= 1
        chute = self._chutes[lane]
        overfilled = chute.settings is not None and chute.taken >= chute.settings.capacity
        self._tell(Told("lane", at, ride, lane, overfilled))
        self._plc.lane_eye(lane, at)
        if chute.settings is None:
            return
        chute.taken += 1
        if chute.taken == 1:
            self._after(at + chute.settings.empty_every_ms, partial(self._empty, lane))
        if not chute.full and chute.taken >= chute.settings.capacity:
            chute.full = True
            self._tell(Told("full", at, place=lane))
            self._plc.lane_state(lane, "FULL", at)

    def _empty(self, lane: str, at: float) -> None:
        """One parcel is taken out of the chute."""
        chute = self._chutes[lane]
        assert chute.settings is not None  # only chutes with places are emptied by the clock
        chute.taken -= 1
        if chute.taken:
            self._after(at + chute.settings.empty_every_ms, partial(self._empty, lane))
        if chute.full and chute.taken <= chute.settings.capacity // 2:
            chute.full = False
            self._tell(Told("free", at, place=lane))
            self._plc.lane_state(lane, "FREE", at)
