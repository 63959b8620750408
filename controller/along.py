"""Which travels are near a place of a belt, without asking all of them, however many there are.

All travels of a belt move by the same way, so what tells them apart stays the same while they move: their `origin`,
where each would have been when the belt's odometer stood at 0. They lie in the order of that.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from controller.travel import Travel

SLACK_MM = 1.0
"""Rounding never hides a travel; who asks looks at each of the few that are found."""


class _Entry(NamedTuple):
    origin: float
    number: int
    travel: Travel


class Along:
    """Travels with their origins in mm; on a loop of `lap_mm` origins are the same after a lap, 0 = it is a line."""

    def __init__(self, lap_mm: float) -> None:
        self._lap = lap_mm
        self._numbers: dict[str, int] = {}
        """travel -> the how many-eth it was"""
        self._entries: dict[str, _Entry] = {}
        self._sorted: list[_Entry] = []
        self._added = 0

    def add(self, travel: Travel) -> None:
        """One that comes after all others; nobody knows where it is yet."""
        self._added += 1
        self._numbers[travel.id] = self._added

    def put(self, travel: Travel, origin: float | None) -> None:
        """It is there; None = nobody knows."""
        old = self._entries.pop(travel.id, None)
        if old is not None:
            del self._sorted[bisect_left(self._sorted, old)]
        if origin is not None:
            insort(self._sorted, self._entry(travel, origin))

    def remove(self, travel: Travel) -> None:
        """It is on the belt no more."""
        self.put(travel, None)
        self._numbers.pop(travel.id, None)

    def put_all(self, origins: Iterable[tuple[Travel, float | None]]) -> None:
        """The same for all of them at once."""
        self._entries.clear()
        self._sorted.clear()
        for travel, origin in origins:
            if origin is not None:
                self._entry(travel, origin)
        self._sorted.extend(sorted(self._entries.values()))

    def near(self, origin: float, reach: float) -> list[Travel]:
        """Those within `reach` of an origin, and perhaps a few just beyond, in the order in which they were added."""
        low, high = origin - reach - SLACK_MM, origin + reach + SLACK_MM
        if self._lap and high - low >= self._lap:
            low, high = -inf, inf
        elif self._lap:
            low, high = low % self._lap, high % self._lap
        found = self._between(low, high) if low <= high else self._between(low, inf) + self._between(-inf, high)
        if len(found) > 1:
            found.sort(key=_number)
        return [entry.travel for entry in found]

    def _entry(self, travel: Travel, origin: float) -> _Entry:
        entry = _Entry(origin % self._lap if self._lap else origin, self._numbers[travel.id], travel)
        self._entries[travel.id] = entry
        return entry

    def _between(self, low: float, high: float) -> list[_Entry]:
        first = bisect_left(self._sorted, (low,))
        return self._sorted[first : bisect_left(self._sorted, (high,), first)]


def _number(entry: _Entry) -> int:
    return entry.number
