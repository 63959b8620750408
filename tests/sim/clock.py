"""The virtual clock: a heap of what happens when. Time moves only from one thing to the next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, TypeAlias

Act: TypeAlias = Callable[[Any], None]


class Clock:
    """`now` = monotonic ms. Things of the same moment happen in the order in which they were asked for."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.steps = 0
        self._heap: list[tuple[float, int, Act, Any]] = []
        self._order = 0

    def at(self, when: float, act: Act, what: Any = None) -> None:
        """Do `act(what)` then, or at once where that moment is over."""
        self._order += 1
        heapq.heappush(self._heap, (when if when > self.now else self.now, self._order, act, what))

    def after(self, ms: float, act: Act, what: Any = None) -> None:
        """Do `act(what)` so much later."""
        self._order += 1
        heapq.heappush(self._heap, (self.now + ms, self._order, act, what))

    def step(self) -> None:
        """Do the next single thing."""
        self.now, _, act, what = heapq.heappop(self._heap)
        self.steps += 1
        act(what)

    @property
    def due(self) -> float:
        """When the next thing happens."""
        return self._heap[0][0] if self._heap else float("inf")
