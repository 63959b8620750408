"""The node's UTC: anchored at the start, slewed towards the system's clock, never stepped.

UTC runs at the speed of the monotonic clock, at most 500 ppm faster or slower, so it never stands and never goes back.
A system clock that is more than `STEP_MS` away has been stepped: that is told, and not followed until a restart.
"""

from __future__ import annotations

SLEW = 500e-6
"""ms of correction in a ms: as much as NTP takes, too."""

STEP_MS = 1000.0
"""More than so much between the system's clock and this one is no drift any more."""

SETTLE_MS = 1000.0
"""A deviation is made good within so much time, where `SLEW` allows it: about the time between two comparisons."""


class Clock:
    """`stepped`: how far the system's clock was away when it was last compared, 0.0 when it was near enough."""

    def __init__(self, utc_ms: float, now: float) -> None:
        self.stepped = 0.0
        self._utc, self._at, self._rate = utc_ms, now, 0.0

    def utc(self, now: float) -> float:
        """UTC of a monotonic moment; both in ms."""
        return self._utc + (now - self._at) * (1 + self._rate)

    def compare(self, system_utc_ms: float, now: float) -> None:
        """Take the system's clock at this moment; call it about once a second."""
        own = self.utc(now)
        off = system_utc_ms - own
        self.stepped = off if abs(off) > STEP_MS else 0.0
        self._utc, self._at = own, now
        self._rate = 0.0 if self.stepped else max(-SLEW, min(SLEW, off / SETTLE_MS))
