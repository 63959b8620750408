"""When each of many things wants to be called next, and which of them first.

What is due moves with nearly every message (a sign of life is due a second after the last one), while what is asked is
always the earliest. So each name stands at most where it stood when it was earliest: one that has moved on is put right
when it comes to the front, and nothing is searched, however many there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Dues(Generic[Name]):
    """Times are monotonic ms."""

    def __init__(self) -> None:
        self._dues: dict[Name, float | None] = {}
        self._placed: dict[Name, float] = {}
        """name -> its earliest entry in the heap"""
        self._heap: list[tuple[float, int, Name]] = []
        self._pushed = 0

    def set(self, name: Name, due: float | None) -> None:
        """`name` is due then; None = not at all."""
        self._dues[name] = due
        if due is not None:
            placed = self._placed.get(name)
            if placed is None or due < placed:
                self._push(name, due)

    def forget(self, name: Name) -> None:
        """Nothing is known of it any more."""
        self._dues.pop(name, None)

    def __contains__(self, name: Name) -> bool:
        return name in self._dues

    def first(self) -> float | None:
        """When the first is due; None = never."""
        front = self.front()
        return front[1] if front else None

    def front(self) -> tuple[Name, float] | None:
        """Who is due first, and when; None = nobody is."""
        while self._heap:
            placed, _, name = self._heap[0]
            due = self._dues.get(name)
            if due == placed:
                return name, placed
            heapq.heappop(self._heap)
            if self._placed.get(name) == placed:
                del self._placed[name]
                if due is not None:
                    self._push(name, due)
        return None

    def due(self, now: float) -> list[Name]:
        """Those that are due, in the order in which they were first set; they stay due until they are set anew."""
        first = self.first()
        if first is None or first > now:
            return []
        return [name for name, due in self._dues.items() if due is not None and due <= now]

    def _push(self, name: Name, due: float) -> None:
        self._pushed += 1
        self._placed[name] = due
        heapq.heappush(self._heap, (due, self._pushed, name))
