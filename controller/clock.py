"""The node's UTC: anchored at the start, slewed towards the system's clock, never stepped.

UTC runs at the speed of the monotonic clock, at most 500 ppm faster or slower, so it never stands and never goes back.
A moment that has passed keeps its UTC, whatever was slewed since: of two events the earlier one never gets the later
time, whenever they are written. A system clock that is more than `STEP_MS` away has been stepped: that is told, and not
followed until a restart.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

SLEW = 500e-6
"""ms of correction in a ms: as much as NTP takes, too."""

STEP_MS = 1000.0
"""More than so much between the system's clock and this one is no drift any more."""

SETTLE_MS = 1000.0
"""A deviation is made good within so much time, where `SLEW` allows it: about the time between two comparisons."""


KEPT = 1000
"""Changes of speed that are remembered, one a second at most. Before them UTC counts as not slewed."""


class Pace(NamedTuple):
    """From a monotonic moment on: its UTC, and how much faster than the monotonic clock UTC runs."""

    at: float
    utc: float
    rate: float

    def of(self, now: float) -> float:
        """UTC of a moment."""
        return self.utc + (now - self.at) * (1 + self.rate)


class Clock:
    """`stepped`: how far the system's clock was away when it was last compared, 0.0 when it was near enough."""

    def __init__(self, utc_ms: float, now: float) -> None:
        self.stepped = 0.0
        self._pace = Pace(now, utc_ms, 0.0)
        self._before: list[Pace] = []

    def utc(self, now: float) -> float:
        """UTC of a monotonic moment; both in ms."""
        if now >= self._pace.at:
            return self._pace.of(now)
        place = bisect_right(self._before, now, key=_at)
        if place:
            return self._before[place - 1].of(now)
        oldest = self._before[0] if self._before else self._pace
        return oldest.utc - (oldest.at - now)

    def compare(self, system_utc_ms: float, now: float) -> None:
        """Take the system's clock at this moment; call it about once a second."""
        own = self.utc(now)
        off = system_utc_ms - own
        self.stepped = off if abs(off) > STEP_MS else 0.0
        rate = 0.0 if self.stepped else max(-SLEW, min(SLEW, off / SETTLE_MS))
        if rate != self._pace.rate:
            self._before.append(self._pace)
            del self._before[:-KEPT]
            self._pace = Pace(now, own, rate)


def _at(pace: Pace) -> float:
    return pace.at
