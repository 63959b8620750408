"""The gates of a belt: whom they take, into which lane, and when it lands there.

A gate acts at the moment at which the PLC fires it, and takes whatever parcel is there then, whichever the PLC believed
it to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from firmware_stubs.chutes import After, Chutes
from firmware_stubs.floor_lines import Line
from firmware_stubs.motion import Motion
from firmware_stubs.rides import Ride, Rides, Told
from firmware_stubs.spells import Spell, struck
from firmware_stubs.stub import GateCommand

GATE_MM = 60.0  # half a parcel pitch: a gate takes the parcel whose front edge is within ± this when it fires
DROP_MS = 300.0  # from the gate to the eye in the lane


class Diverts:
    """All gates of one line. `take` takes a ride off the belt, `plan` heeds where it is bound for."""

    def __init__(
        self,
        line: Line,
        chutes: Chutes,
        tell: Callable[[Told], None],
        after: After,
        around: tuple[Motion, Rides],
        rides: tuple[Callable[[Ride], None], Callable[[Ride], None]],
    ) -> None:
        """`rides`: take and plan."""
        self.falling = 0  # between gate and lane eye
        self.wrong = 0  # so many parcels fall into the next lane instead
        self.spells: list[Spell] = []  # in which they do, too
        self._line = line
        self._lap = line.length_mm if line.loop else 0
        self._chutes = chutes
        self._tell = tell
        self._after = after
        self._motion, self._rides = around
        self._take, self._plan = rides
        self._gates = sorted((mm, lane) for lane, mm in line.lanes.items())

    def fire(self, command: GateCommand, now: float) -> None:
        """The PLC fires a gate; one of a lane that is not here takes nothing."""
        lane, reading = self._chutes.lanes.get(command.lane), self._motion.reading(now)
        mm = self._line.lanes.get(command.lane, math.inf)
        ride = self._rides.nearest(reading - mm, GATE_MM) if lane else None
        if lane and (lane.fails or struck(lane.spells)):
            lane.fails -= bool(lane.fails)
            self._tell(Told("struck", now, ride, command.lane, track=command.track, mishap="gate_fails"))
        elif ride is None:
            self._tell(Told("missed", now, place=command.lane, track=command.track))
        elif self.wrong or struck(self.spells):
            self.wrong -= bool(self.wrong)
            self._tell(Told("struck", now, ride, command.lane, mishap="wrong_gate"))
            self._pass_on(ride, command.lane, reading)
        else:
            crossing = self._motion.when(self._crossing(ride, mm, reading))
            self._fall(ride, command.lane, now if crossing == math.inf else crossing, now)

    def fall_wrongly(self, ride: Ride, at: float) -> None:
        """It is at the gate that it is bound for since another one passed it on."""
        if ride.bound:
            self._fall(ride, ride.bound[1], at, at)

    def _crossing(self, ride: Ride, mm: float, reading: float) -> float:
        """The odometer reading nearest to this one at which its front edge is at `mm`."""
        laps = round((reading - mm - ride.origin) / self._lap) if self._lap else 0
        return ride.origin + laps * self._lap + mm

    def _pass_on(self, ride: Ride, lane: str, reading: float) -> None:
        """It will fall into the lane behind this one; behind a line's last one its end is."""
        index = self._gates.index((self._line.lanes[lane], lane)) + 1
        if index < len(self._gates) or self._lap:
            mm, other = self._gates[index % len(self._gates)]
            crossing = self._crossing(ride, mm, reading)
            crossing += self._lap if crossing <= reading else 0
            ride.bound = crossing, other
            self._plan(ride)

    def _fall(self, ride: Ride, lane: str, crossing: float, now: float) -> None:
        self._take(ride)
        self.falling += 1
        self._tell(Told("falling", now, ride, lane))
        self._after(max(crossing + DROP_MS, now), partial(self._land, ride, lane))

    def _land(self, ride: Ride, lane: str, at: float) -> None:
        self.falling -= 1
        self._chutes.land(ride, lane, at)
