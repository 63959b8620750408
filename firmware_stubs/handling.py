"""What hands do to the parcels of a belt: take off, lay on, push, exchange. The PLC is told nothing of it."""

from __future__ import annotations

import math

from firmware_stubs.belt import Belt
from firmware_stubs.rides import Parcel, Ride


class NotThereError(ValueError):
    """What was to be handled is not there; the text says what and where."""


def ride_of(belt: Belt, parcel: str) -> Ride:
    """A parcel on the belt. Raises NotThereError."""
    ride = belt.named.get(parcel)
    if ride is None:
        raise NotThereError(f"parcel {parcel!r} does not ride on line {belt.line.name}")
    return ride


def lay(belt: Belt, parcel: Parcel, mm: float, now: float) -> None:
    """Somebody lays a parcel on the belt with its front edge at `mm`, on a carrier at that carrier's front."""
    if not 0 <= mm <= belt.line.length_mm:
        raise NotThereError(f"{mm:g} mm is not on line {belt.line.name}")
    if parcel.parcel in belt.named:
        raise NotThereError(f"parcel {parcel.parcel!r} rides on line {belt.line.name} already")
    origin = belt.motion.reading(now) - mm
    if belt.carriers:
        origin = belt.carriers.front(origin)
        if not belt.carriers.free(origin, parcel.length_mm):
            raise NotThereError(f"the carrier at {mm:g} mm of line {belt.line.name} is taken")
    ride = Ride(parcel, origin, coming_on=False)
    lap, place = _place(belt, belt.front(ride, now))
    belt.put(ride, lap, belt.stations_before(place, with_it=False))


def slide(belt: Belt, ride: Ride, mm: float, now: float) -> None:
    """It slides back by `mm`, on a line to its start at most; eyes ahead of it see it again. Nothing is pushed."""
    if not mm > 0:
        raise NotThereError(f"a parcel slides back by more than 0 mm, not {mm:g}")
    next_one = ride.lap, ride.station
    belt.take(ride)
    front = belt.front(ride, now)
    ride.origin += mm if belt.line.loop else min(mm, front)
    lap, place = _place(belt, belt.front(ride, now))
    lap, station = min(next_one, (lap, belt.stations_before(place, with_it=True)))
    belt.put(ride, lap, station)


def exchange(belt: Belt, one: Ride, other: Ride) -> None:
    """Two parcels change places."""
    for ride in (one, other):
        belt.take(ride)
    places = (other.origin, other.lap, other.station), (one.origin, one.lap, one.station)
    for ride, (origin, lap, station) in zip((one, other), places, strict=True):
        ride.origin = origin
        belt.put(ride, lap, station)


def touch(belt: Belt, parcel: str) -> None:
    """The next parcel at its induction will follow this waiting one without a gap; without a next one nothing will."""
    for feeder in belt.feeders.values():
        if any(waiting.parcel.parcel == parcel for waiting in feeder.queue):
            feeder.touching.add(parcel)
            return
    raise NotThereError(f"parcel {parcel!r} does not wait at an induction of line {belt.line.name}")


def _place(belt: Belt, front: float) -> tuple[int, float]:
    """Lap and mm in it of a front edge that has come so far."""
    if not belt.line.loop:
        return 0, front
    lap = math.floor(front / belt.line.length_mm)
    return lap, front - lap * belt.line.length_mm
