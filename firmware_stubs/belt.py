"""Parcels on one belt: where they are, what their edges do, and where they really end.

Physics first. A parcel is a front edge at so many mm and a length; the belt moves all of them alike, so everything that
will happen to a parcel is known as a reading of the belt's odometer: its front edge is at `mm` when the odometer shows
`origin + mm`, on a loop once every lap. The eye of an induction or decision point tells the PLC an edge and a length;
the place of a reader tells the scanner the codes; a gate is fired by the PLC alone and takes whatever parcel is there
(`diverts.py`).

Only the next place of each parcel is planned, in a heap; a parcel that somebody moved gets a new stamp, and what was
planned for the old one is void.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import partial

from firmware_stubs.carriers import Carriers
from firmware_stubs.chutes import Chutes
from firmware_stubs.diverts import Diverts
from firmware_stubs.feeding import Feeder, Waiting
from firmware_stubs.floor_lines import Line
from firmware_stubs.motion import Motion
from firmware_stubs.readers import Reader
from firmware_stubs.rides import HandedOver, Parcel, Ride, Rides, Told
from firmware_stubs.senses import Senses, Station
from firmware_stubs.stub import PlcStub

__all__ = ["Belt", "Parcel", "Ride", "Told"]


class Belt:
    """One line's belt. `tell` hears what happened, in order, each at its exact time."""

    def __init__(
        self,
        line: Line,
        plc: PlcStub,
        readers: Iterable[Reader],
        tell: Callable[[Told], None],
        seed: int | str,
        now: float,
    ) -> None:
        self.line = line
        self._lap = line.length_mm if line.loop else 0
        self.motion = Motion(line.speed_mm_s, now)
        self.rides = Rides(self._lap or None)
        self.carriers = Carriers(line.carriers, line.length_mm) if line.carriers else None
        self.named: dict[str, Ride] = {}  # what rides, by parcel
        self.waiting = 0  # parcels at inductions
        self.coming = 0  # on their way here from another line
        self.running_mm_s = line.speed_mm_s  # the last speed above 0
        self.barred = False  # somebody stopped it, so it is not started again by itself
        self.chutes = Chutes(line, plc, tell, self._after, seed)
        around = self.motion, self.rides
        self.diverts = Diverts(line, self.chutes, tell, self._after, around, (self.take, self.plan))
        self.senses = Senses(line, plc, readers, tell, self._after, self.approaching, (*around, self.carriers))
        self.feeders = {feeder.name: feeder for feeder in _feeders(line, seed)}
        self._plc = plc
        self._tell = tell
        self._order = itertools.count()  # of things at the same place or time
        self._planned: list[tuple[float, int, Ride, int, Callable[[Ride, float], None]]] = []  # odometer, stamp, what
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._stations = self.senses.stations()
        if not line.loop:
            self._stations.append(Station(line.length_mm, self._end))
        self._places = [station.mm for station in self._stations]
        self._soonest: tuple[float, Callable[[float], None]] | None = None  # None = to be found out
        plc.belt_speed(line.speed_mm_s, now)
        for bagger in self.chutes.baggers.values():
            self._after(now, bagger.begin)

    @property
    def on_the_way(self) -> int:
        """Parcels on the belt, on their way into a lane, and on their way here from another line."""
        return len(self.rides) + self.diverts.falling + self.coming

    @property
    def empty(self) -> bool:
        """Nothing waits, rides or falls."""
        return not (self.waiting or self.on_the_way)

    def add(self, parcel: Parcel, now: float) -> str:
        """Another parcel waits at its induction. Returns which."""
        induction = parcel.induction or next(iter(self.line.inductions))
        self.feeders[induction].add(Waiting(parcel), now)
        self.waiting += 1
        self._soonest = None
        return induction

    def fill(self, feeder: Feeder, now: float, most: float = math.inf) -> None:
        """The queue of an induction with a mix is as long again as it shall be, or `most`."""
        supply = feeder.supply
        while supply and len(feeder.queue) < min(supply.depth, most) and (parcel := supply.next(now)):
            self.add(parcel, now)

    def receive(self, came: HandedOver) -> None:
        """A parcel comes from another line."""
        self.feeders[came.lane].add(Waiting(came.parcel, came), came.ready)
        self.coming += 1
        self._soonest = None

    def release(self, now: float) -> None:
        """Induction may begin, or go on."""
        for feeder in self.feeders.values():
            feeder.held = False
        self.resume(now)

    def resume(self, now: float) -> None:
        """What kept parcels off the belt changed now, so none comes onto it earlier."""
        inhibited = self._plc.inhibited
        for feeder in self.feeders.values():
            feeder.inhibited = feeder.point in inhibited
            feeder.resume(now)
        self._soonest = None

    def hold(self) -> None:
        """Nothing more comes onto the belt until `release`; what is on it, or comes from another line, goes on."""
        for feeder in self.feeders.values():
            feeder.held = not feeder.from_line
        self._soonest = None

    def set_speed(self, mm_s: int, now: float) -> None:
        """The belt runs with this speed from now on; 0 stops it."""
        self.motion.set_speed(mm_s, now)
        self.running_mm_s = mm_s or self.running_mm_s
        self._soonest = None
        self._tell(Told("speed", now, mm_s=mm_s))
        self._plc.belt_speed(mm_s, now)

    def stop(self, now: float) -> None:
        """The drive stops, as the PLC wants; a local hand starts it again after `restart_s`, if there is one."""
        if self.motion.speed:
            self.set_speed(0, now)
            if self.line.restart_s:
                self._after(now + self.line.restart_s * 1000, self._restart)

    def _restart(self, now: float) -> None:
        if not (self.motion.speed or self.barred):
            self.set_speed(self.running_mm_s, now)

    def front(self, ride: Ride, at: float) -> float:
        """Where its front edge is, in mm of all its laps, at a time not before the last change of speed."""
        return self.motion.reading(at) - ride.origin

    def next_at(self) -> float:
        """When the next thing happens; infinity = nothing will."""
        if self._soonest is None:
            self._soonest = self._find()
        return self._soonest[0]

    def step(self) -> None:
        """Do the one thing that happens at `next_at`."""
        at, act = self._soonest or self._find()
        self._soonest = None
        act(at)

    # -- parcels come, move and go

    def put(self, ride: Ride, lap: int, station: int) -> None:
        """It lies on the belt from now on, and its next place is this one."""
        ride.lap, ride.station, ride.bound = lap, station, None
        self.rides.add(ride)
        self.named[ride.parcel.parcel] = ride
        if self.carriers:
            self.carriers.put(ride.origin, ride.parcel.length_mm)
        self.plan(ride)

    def take(self, ride: Ride) -> None:
        """It does not lie there any more, and touches nothing."""
        self.rides.remove(ride)
        if self.named.get(ride.parcel.parcel) is ride:
            del self.named[ride.parcel.parcel]
        if self.carriers:
            self.carriers.put(ride.origin, ride.parcel.length_mm, -1)
        ride.stamp += 1
        self._soonest = None
        for ahead, behind in ((ride.leader, ride), (ride, ride.follower)):
            if ahead and behind:
                ahead.follower = behind.leader = None
                behind.track = None  # the PLC took it for a part of the one ahead

    def plan(self, ride: Ride) -> None:
        """What comes next for it; whatever was planned is void."""
        ride.stamp += 1
        if not self._stations:  # a loop without eye or reader; only gates act there
            return
        if ride.station == len(self._stations):
            ride.station, ride.lap = 0, ride.lap + 1
        station = self._stations[ride.station]
        reading, act = ride.origin + ride.lap * self._lap + station.mm, self._pass
        if station.reader and station.reader.lead_ms:
            reading, act = reading - station.reader.lead_ms * self.motion.speed / 1000, self._pass_early
        if ride.bound and ride.bound[0] <= reading:
            reading, act = ride.bound[0], self.diverts.fall_wrongly
        heapq.heappush(self._planned, (reading, next(self._order), ride, ride.stamp, act))
        self._soonest = None

    def stations_before(self, mm: float, *, with_it: bool) -> int:
        """How many places one has passed whose front edge is at `mm`; `with_it`: also those exactly there."""
        return (bisect_right if with_it else bisect_left)(self._places, mm)

    def approaching(self, reader: Reader) -> None:
        """The reader's mishaps changed: plan anew who comes to it next."""
        for ride in self.rides:
            if self._stations[ride.station % len(self._stations)].reader is reader:
                self.plan(ride)

    def _pass(self, ride: Ride, at: float) -> None:
        station, stamp = self._stations[ride.station], ride.stamp
        ride.station += 1
        station.act(ride, at)
        if ride.stamp == stamp:
            self.plan(ride)

    def _pass_early(self, ride: Ride, at: float) -> None:
        reader = self._stations[ride.station].reader
        if reader and reader.lead_ms:  # else the one that was to be read early was another one
            ride.station += 1
            self.senses.read_early(reader, ride, at)
        self.plan(ride)

    # -- what comes next

    def _find(self) -> tuple[float, Callable[[float], None]]:
        at, act = self._timers[0][0] if self._timers else math.inf, self._timer
        planned = self._planned
        while planned and planned[0][2].stamp != planned[0][3]:
            heapq.heappop(planned)
        if planned and (due := self.motion.when(planned[0][0])) < at:
            at, act = due, self._station
        for feeder in self.feeders.values():
            if feeder.queue and (due := feeder.next_at(self.motion, self.carriers)) < at:
                at, act = due, partial(self._induct, feeder)
        return at, act

    def _timer(self, at: float) -> None:
        heapq.heappop(self._timers)[2](at)

    def _station(self, at: float) -> None:
        _, _, ride, _, act = heapq.heappop(self._planned)
        act(ride, at)

    def _after(self, at: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._timers, (at, next(self._order), act))
        self._soonest = None

    # -- onto it and off it

    def _induct(self, feeder: Feeder, at: float) -> None:
        origin = feeder.origin(at, self.motion, self.rides, self.carriers)
        if origin is None:
            return
        group = feeder.take(origin, at, self.motion, self.carriers)
        if feeder.from_line:
            self.coming -= len(group)
        else:
            self.waiting -= len(group)
            self.fill(feeder, at)
        rides = [Ride(waiting.parcel, origin, feeder.point, waiting.came) for waiting in group]
        for ahead, behind in itertools.pairwise(rides):
            behind.origin = ahead.origin + ahead.parcel.length_mm
            ahead.follower, behind.leader = behind, ahead
        station = self.stations_before(feeder.mm, with_it=False)
        for ride in rides:
            self.put(ride, 0, station)
        for ride in rides:
            self.senses.come_on(ride, at)

    def _end(self, ride: Ride, at: float) -> None:
        self.take(ride)
        self.chutes.land(ride, self.line.default_lane, at)


def _feeders(line: Line, seed: int | str) -> list[Feeder]:
    """The first induction has the belt's own seed."""
    feeders: list[Feeder] = []
    for name, spec in line.inductions.items():
        own = f"{seed}/{name}" if feeders else seed
        feeders.append(Feeder(name, spec.point, line.points[spec.point].mm, spec.gap_mm, spec.rate_per_s, own))
    for lane, transfer in line.feeders.items():
        feeders.append(Feeder(lane, transfer.point, line.points[transfer.point].mm, transfer.gap_mm, None, seed))
    return feeders
