"""How far a belt has come: its odometer, and when it will have come so far.

Everything that will happen to a parcel is known as a reading of the odometer; a reading becomes a time through the
present speed, exactly, and nothing drifts.
"""

from __future__ import annotations

import math


class Motion:
    """A belt's odometer in mm; times are monotonic ms, not before the last change of speed."""

    __slots__ = ("_odometer", "_since", "speed")

    def __init__(self, mm_s: int, now: float) -> None:
        self.speed = float(mm_s)
        self._odometer, self._since = 0.0, now

    def set_speed(self, mm_s: int, now: float) -> None:
        """From now on the belt runs with this speed; 0 = it stands."""
        self._odometer, self._since, self.speed = self.reading(now), now, float(mm_s)

    def reading(self, at: float) -> float:
        """What the odometer shows at a time."""
        return self._odometer + (at - self._since) * self.speed / 1000

    def when(self, reading: float) -> float:
        """When the odometer will show this; of a reading that has passed, the last change of speed at the earliest."""
        if self.speed == 0:
            return math.inf
        return max(self._since + (reading - self._odometer) * 1000 / self.speed, self._since)
