"""Requests have numbers, and answers repeat them: which number has a request now that had another one then? Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict

from firmware_stubs.ears import Number, Told

Key = tuple[str, int]
"""what was asked, and for which time it was"""


class NumbersNow:
    """Of one link. The same thing asked for the same time is the same request; repeats of it are none."""

    def __init__(self) -> None:
        self._then: defaultdict[Number, list[tuple[int, Key]]] = defaultdict(list)
        self._now: dict[Key, Number] = {}
        self._last_then: dict[str, Number] = {}
        self._last_now: dict[str, Number] = {}
        self._count_then: Counter[str] = Counter()
        self._count_now: Counter[str] = Counter()

    def said_then(self, told: Told, entry: int) -> None:
        """It was said in this line of the recording; call it in their order."""
        if told.number is None or self._last_then.get(told.asks) == told.number:
            return
        self._last_then[told.asks] = told.number
        self._count_then[told.asks] += 1
        self._then[told.number].append((entry, (told.asks, self._count_then[told.asks])))

    def said_now(self, told: Told) -> None:
        """It is said now."""
        if told.number is None or self._last_now.get(told.asks) == told.number:
            return
        self._last_now[told.asks] = told.number
        self._count_now[told.asks] += 1
        self._now[told.asks, self._count_now[told.asks]] = told.number

    def more_than_then(self, told: Told) -> bool:
        """Whether what was just said now was never said then, or not so often."""
        return told.number is not None and self._count_now[told.asks] > self._count_then[told.asks]

    def request(self, number: Number, before: int) -> Key | None:
        """The request that had this number last before line `before`; None = one that is answered without being
        compared. Numbers wrap, so one may have been given many times."""
        given = self._then.get(number, [])
        place = bisect_right(given, before, key=lambda one: one[0])
        return given[place - 1][1] if place else None

    def now(self, request: Key) -> Number | None:
        """The number that a request has now; None = it is not said yet."""
        return self._now.get(request)
