"""What comes onto a belt: parcels that wait at an induction, and parcels that arrive from another line.

Induction: the time from one parcel to the next is `least + exponential(mean 1/rate - least)`, seeded, where `least` is
what the previous parcel's length and `gap_mm` take at the present speed: on average the rate as long as the belt has
room for it, and never closer than the gap to what lies there (checked in mm when it is put on, so a belt that slows
down in between keeps it). On carriers `least` is theirs, less the half pitch that one waits for the next.

A parcel that waits for room does not keep the next one from coming: the induction has a short belt of its own, and what
is late on it, up to `BEHIND` parcels, is made up for when there is room. Without that a loop whose carriers are half
taken would get a sixth less than the rate. What kept the induction itself from working is not made up for.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass

from firmware_stubs.carriers import Carriers
from firmware_stubs.mixes.supply import Supply
from firmware_stubs.motion import Motion
from firmware_stubs.rides import HandedOver, Parcel, Rides

BEHIND = 5  # parcels that wait on an induction's own belt


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel that is to come onto the belt."""

    parcel: Parcel
    came: HandedOver | None = None


class Feeder:
    """The queue of one induction, or of one lane that leads here (then without a rate: as they come)."""

    def __init__(
        self, name: str, point: str, mm: int, gap_mm: float, rate_per_s: float | None, seed: int | str
    ) -> None:
        self.name = name
        self.point = point
        self.mm = mm
        self.queue: deque[Waiting] = deque()
        self.held = rate_per_s is not None  # until `release`; what comes from another line does not wait for that
        self.inhibited = False
        self.supply: Supply | None = None  # fills the queue by itself
        self.touching: set[str] = set()  # parcels that the next one follows without a gap
        self._gap = gap_mm
        self._rate = rate_per_s
        self._random = random.Random(seed)
        self._due = -math.inf  # the drawn moment of the next parcel
        self._ready = -math.inf  # nothing is late that was to come before
        self._room = -math.inf  # the first origin at which the belt may be free
        self._since = -math.inf  # nothing may happen before what made it possible

    @property
    def from_line(self) -> bool:
        """Whether its parcels arrive from another line."""
        return self._rate is None

    def add(self, waiting: Waiting, now: float) -> None:
        """Another parcel waits."""
        if not self.queue:
            self.resume(now)
        self.queue.append(waiting)

    def resume(self, now: float) -> None:
        """What kept parcels off the belt changed now, so none comes onto it earlier."""
        self._since = max(self._since, now)
        self._ready = max(self._ready, now)

    def next_at(self, motion: Motion, carriers: Carriers | None) -> float:
        """When the first one may come onto the belt; infinity = not as things stand."""
        if self.held or self.inhibited or not self.queue or not motion.speed:
            return math.inf
        came = self.queue[0].came
        at = max(self._due, self._since, came.ready if came else -math.inf, motion.when(self._room + self.mm))
        if carriers:
            at = max(at, motion.when(carriers.next_front(motion.reading(at) - self.mm) + self.mm))
        return at

    def origin(self, at: float, motion: Motion, rides: Rides, carriers: Carriers | None) -> float | None:
        """Where the first ones would lie if put on the belt now; None = something is there, look again later."""
        origin = motion.reading(at) - self.mm
        length = sum(waiting.parcel.length_mm for waiting in self._group())
        if carriers:
            origin = round(origin / carriers.pitch) * carriers.pitch
            room = origin if carriers.free(origin, length) else origin + carriers.pitch
        else:
            room = rides.room(origin, length, self._gap)
        if room > origin:
            self._room = room
            return None
        return origin

    def take(self, origin: float, at: float, motion: Motion, carriers: Carriers | None) -> list[Waiting]:
        """They are put on the belt at this origin, which is free: the first one, and those that touch it."""
        group = self._group()
        for waiting in group:
            self.queue.popleft()
            self.touching.discard(waiting.parcel.parcel)
        length = sum(waiting.parcel.length_mm for waiting in group)
        pitch = len(carriers.under(origin, length)) * carriers.pitch if carriers else length + self._gap
        self._room, self._since = origin + pitch, at
        if self._rate is not None:
            least = (pitch - (carriers.pitch / 2 if carriers else 0)) * 1000 / motion.speed
            spread = 1000 / self._rate - least
            asked = max(self._due, self._ready, at - BEHIND * 1000 / self._rate)
            self._due = asked + least + (self._random.expovariate(1 / spread) if spread > 0 else 0.0)
        return group

    def _group(self) -> list[Waiting]:
        if not self.touching:
            return [self.queue[0]]
        group = []
        for waiting in self.queue:
            group.append(waiting)
            if waiting.parcel.parcel not in self.touching:
                break
        return group
