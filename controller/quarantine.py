"""Rows that the broker refused: they block nobody, and come again when it takes them. Pure.

Brokers permit and refuse by topic, so of each topic the first row is tried every `RETRY_MS`. When it is accepted, all
others of its topic follow at once, in the order of their sequences: who was refused for an hour is heard within
`RETRY_MS` of the permission, and in order. It may be refused for its own sake, though: so another one is tried right
after it, each in its turn, and where that is accepted the rest follows, too.

A row on which the broker **closes the connection** costs everybody several connections each time. It speaks for no
topic, and is tried after `RETRY_MS`, then at doubling intervals up to an hour.
"""

from __future__ import annotations

import heapq
from collections import deque

from controller.journal_rows import Row

RETRY_MS, RETRY_MAX_MS = 30_000.0, 3_600_000.0


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
        self._first: dict[str, int] = {}
        """topic -> its first row, while it is tried"""
        self._another: set[str] = set()
        """topics of which another row is to be tried next"""
        self._closing: list[tuple[float, int, Row]] = []
        """heap: when a row on which the broker closes is tried, its sequence, the row"""
        self._closed: dict[int, int] = {}
        """sequence -> how often the broker closed on it"""

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
        return len(self._follow) + len(self._closing) + sum(map(len, self._waiting.values()))

    def refuse(self, row: Row, now: float, closes: bool = False) -> None:
        """The broker refused it, for the first time or again. `closes`: it closed the connection on it."""
        self._known.add(row.seq)
        if closes:
            times = self._closed[row.seq] = self._closed.get(row.seq, 0) + 1
            due = now + min(RETRY_MS * 2.0 ** (times - 1), RETRY_MAX_MS)
            heapq.heappush(self._closing, (due, row.seq, row))
            return
        if row.topic not in self._waiting:
            self._waiting[row.topic] = {}
            heapq.heappush(self._probes, (now + RETRY_MS, row.topic))
        if self._first.pop(row.topic, None) == row.seq and self._waiting[row.topic]:
            self._another.add(row.topic)
            self._at(row.topic, now)
        self._waiting[row.topic][row.seq] = row

    def accepted(self, row: Row) -> None:
        """The broker took it. Nothing where it was not in here."""
        if row.seq in self._known:
            self._known.discard(row.seq)
            self._closed.pop(row.seq, None)
            self._release(row.topic)

    def due(self, now: float) -> Row | None:
        """The next one to be tried; it is here again by `refuse`."""
        if self._follow:
            return self._follow.popleft()
        while self._probes and self._probes[0][0] <= now:
            _, topic = heapq.heappop(self._probes)
            rows = self._waiting.pop(topic, {})
            if rows:
                row = rows.pop(self._which(topic, rows))
                self._waiting[topic] = rows
                heapq.heappush(self._probes, (now + RETRY_MS, topic))
                return row
        return heapq.heappop(self._closing)[2] if self._closing and self._closing[0][0] <= now else None

    def _which(self, topic: str, rows: dict[int, Row]) -> int:
        if topic in self._another:
            self._another.discard(topic)
            return next(iter(rows))
        self._first[topic] = min(rows)
        return self._first[topic]

    def due_at(self, now: float) -> float | None:
        """When `due` has one; None = never."""
        if self._follow:
            return now
        return min((heap[0][0] for heap in (self._probes, self._closing) if heap), default=None)

    def release(self) -> None:
        """All of them are due now."""
        for topic in list(self._waiting):
            self._release(topic)
        self._follow = deque(sorted((*self._follow, *(row for *_, row in self._closing)), key=lambda row: row.seq))
        self._closing.clear()

    def _release(self, topic: str) -> None:
        rows = self._waiting.pop(topic, {})
        self._at(topic, None)
        self._another.discard(topic)
        self._follow = deque(sorted((*self._follow, *rows.values()), key=lambda row: row.seq))

    def _at(self, topic: str, due: float | None) -> None:
        """When a row of the topic is tried next."""
        self._probes = [probe for probe in self._probes if probe[1] != topic]
        if due is not None:
            self._probes.append((due, topic))
        heapq.heapify(self._probes)
