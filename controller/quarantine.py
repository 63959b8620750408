"""Rows that the broker refused: they block nobody, and come again when it takes them. Pure.

Brokers permit and refuse by topic, so one row of each topic is tried every `RETRY_MS`, the one that was tried longest
ago. When it is accepted, all others of its topic follow at once, in the order of their sequences: who was refused for
an hour is heard within `RETRY_MS` of the permission, and in order. A row that is refused for its own sake costs one
publish in `RETRY_MS` and keeps none of the others for ever.
"""

from __future__ import annotations

import heapq
from collections import deque

from controller.journal_rows import Row

RETRY_MS = 30_000.0


class Quarantine:
    """`now` is monotonic ms. A row is in it from its first refusal until it is accepted, also while it is tried."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._waiting: dict[str, dict[int, Row]] = {}
        """topic -> rows that wait, the one that was tried longest ago first"""
        self._follow: deque[Row] = deque()
        """rows whose topic is permitted again"""
        self._probes: list[tuple[float, str]] = []
        """heap: when one row of a topic is tried, one entry for each topic in `_waiting`"""

    def __contains__(self, seq: int) -> bool:
        return seq in self._known

    def __len__(self) -> int:
        return len(self._known)

    @property
    def sequences(self) -> list[int]:
        """All of them, in order."""
        return sorted(self._known)

    @property
    def waiting(self) -> int:
        """Those that are not being tried now."""
        return len(self._follow) + sum(map(len, self._waiting.values()))

    def refuse(self, row: Row, now: float) -> None:
        """The broker refused it, for the first time or again."""
        self._known.add(row.seq)
        if row.topic not in self._waiting:
            self._waiting[row.topic] = {}
            heapq.heappush(self._probes, (now + RETRY_MS, row.topic))
        self._waiting[row.topic][row.seq] = row

    def accepted(self, row: Row) -> None:
        """The broker took it. Nothing where it was not in here."""
        if row.seq in self._known:
            self._known.discard(row.seq)
            self._release(row.topic)

    def due(self, now: float) -> Row | None:
        """The next one to be tried; it is here again by `refuse`."""
        if self._follow:
            return self._follow.popleft()
        while self._probes and self._probes[0][0] <= now:
            _, topic = heapq.heappop(self._probes)
            rows = self._waiting.pop(topic, {})
            if rows:
                row = rows.pop(next(iter(rows)))
                self._waiting[topic] = rows
                heapq.heappush(self._probes, (now + RETRY_MS, topic))
                return row
        return None

    def due_at(self, now: float) -> float | None:
        """When `due` has one; None = never."""
        if self._follow:
            return now
        return self._probes[0][0] if self._probes else None

    def release(self) -> None:
        """All of them are due now."""
        for topic in list(self._waiting):
            self._release(topic)

    def _release(self, topic: str) -> None:
        rows = self._waiting.pop(topic, {})
        self._probes = [probe for probe in self._probes if probe[1] != topic]
        heapq.heapify(self._probes)
        self._follow = deque(sorted((*self._follow, *rows.values()), key=lambda row: row.seq))
