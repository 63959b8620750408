"""The carriers of a loop (trays, cross-belts): numbered 1 to N, one pitch apart, all over one lap.

When the odometer shows `n` pitches, the front of carrier `n mod N + 1` is at 0 mm; a parcel's front edge lies at the
front of its carrier, so its origin is a whole number of pitches. What is longer than a pitch lies on the next one, too.
"""

from __future__ import annotations

import math

_CLOSE = 1e-6  # of a pitch


class Carriers:
    """What lies on which carrier."""

    def __init__(self, count: int, lap_mm: float) -> None:
        self.pitch = lap_mm / count
        self._load = [0] * count  # parcels that lie on it: two that touch may share one

    def under(self, origin: float, length: float) -> list[int]:
        """The numbers of the carriers under something with this origin, the foremost first."""
        first = math.floor(origin / self.pitch + _CLOSE)
        behind = math.ceil((origin + length) / self.pitch - _CLOSE)
        return [n % len(self._load) + 1 for n in range(first, max(first + 1, min(behind, first + len(self._load))))]

    def free(self, origin: float, length: float) -> bool:
        """Whether nothing lies on any of them."""
        return not any(self._load[number - 1] for number in self.under(origin, length))

    def put(self, origin: float, length: float, change: int = 1) -> None:
        """Something lies there from now on; `change` -1 = no more."""
        for number in self.under(origin, length):
            self._load[number - 1] += change

    def next_front(self, origin: float) -> float:
        """The first carrier's front at or behind an origin."""
        return math.ceil(origin / self.pitch - _CLOSE) * self.pitch

    def front(self, origin: float) -> float:
        """The front of the carrier that an origin lies on."""
        return math.floor(origin / self.pitch + _CLOSE) * self.pitch
