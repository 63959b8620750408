"""A reader at a tracked point of a line: what it said lately, and what its encoder counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from controller.events import Measured
from controller.identity import Result

SPEED_ERROR = 0.02
"""A PLC says its speed again on a change over 2 % (PLC interface v1 §2, SPED)."""

KEPT_OFFSETS = 32
"""Readings that tie a reader's encoder counts to the belt's travel."""


@dataclass(slots=True, eq=False)
class Recent:
    """A result of a reader and who has it. Two that are alike are two."""

    result: Result
    mark: float
    """the belt's odometer when its item was at the reader"""
    travel: str | None = None
    reported: bool = False
    ambiguous: bool = False
    """nobody has it, for it could be of two"""
    measured: Measured | None = None
    """what the same frame said of its size"""
    sized: str | None = None
    """the travel that has been told so, and"""
    before: tuple[int | None, int] = (None, 0)
    """its weight (g) and length (mm) before that"""
    kept: str = ""
    """its key in the journal, as long as it has no event and its reader wants to hear that it is durable"""


@dataclass(slots=True)
class Reader:
    """A scanner at a tracked point. `late_mm`: closer behind an item without result, nothing is trusted."""

    device: str
    point: str
    transmit_mm: float
    window_mm: float
    reports_no_read: bool
    late_mm: float
    match: str = "time"
    up: bool = False
    up_since: float = 0.0
    recent: list[Recent] = field(default_factory=list)
    counter: Counter | None = None
    """of `encoder`: what its counts are in belt travel"""


@dataclass(slots=True)
class Counter:
    """Counts of a belt encoder -> belt travel in mm.

    A count tells how far the belt moved between two results, exactly; where it stands on our odometer only the moments
    of arrival tell, which are late but never early. So the least late of the recent ones ties the two together. The
    odometer goes by a speed that may be 2 % wrong, so that only results of the last `reach_mm` count.
    """

    um: int
    modulo: int
    reach_mm: float
    _last: int | None = None
    _way: float = 0.0
    _offsets: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=KEPT_OFFSETS))
    """(way of the encoder, what the odometer was ahead of it)"""

    def mark(self, count: int, arrived: float) -> float:
        """The belt's mark (mm) at a count whose message arrived when the belt was at `arrived`."""
        half = self.modulo // 2
        step = 0 if self._last is None else (count - self._last + half) % self.modulo - half
        self._last = count
        self._way += step * self.um / 1000
        self._offsets.append((self._way, arrived - self._way))
        while abs(self._way - self._offsets[0][0]) > self.reach_mm:
            self._offsets.popleft()
        return self._way + min(offset for _, offset in self._offsets)

    def forget(self) -> None:
        """The odometer may not have gone with the belt: nothing ties the two together."""
        self._offsets.clear()
