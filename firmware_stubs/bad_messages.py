"""The faults of the way over a broker, seeded: as `bad_line.py`, for whole messages, whose order may change, too."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

from firmware_stubs.bad_line import HELD_MOST, LINE_FAULTS, MESSAGE_FAULTS, Dice, Faults, Tally
from firmware_stubs.stub import Message


class BadMessages:
    """One direction between one machine and the broker. Only payloads are damaged."""

    def __init__(self, faults: Faults, seed: int | str, tally: Tally | None = None) -> None:
        """Raises ValueError for wrong bauds, which only a cable has."""
        _check(faults)
        self._dice = Dice(faults, seed, tally or Tally())
        self._held: list[tuple[float, int, Message]] = []  # a heap: when it comes, and in which order
        self._order = itertools.count()
        self._size = 0
        self._free_at = 0.0  # the end of a standstill
        self._back: tuple[float, Message] | None = None  # comes behind the next one, or then
        self.counts = dict.fromkeys((*LINE_FAULTS, *MESSAGE_FAULTS, "overflowed"), 0)

    def feed(self, message: Message, now: float) -> None:
        """A message is on its way."""
        fault = self._dice.roll()
        if fault:
            self.counts[fault] += 1
        if fault == "lost":
            return
        message = replace(message, payload=self._dice.damage(fault, message.payload))
        if fault == "stalled":
            self._free_at = max(self._free_at, now + self._dice.faults.stall_ms)
        if fault == "reordered" and self._back is None:
            if self._has_room(message):
                self._back = (now + self._dice.faults.delay_ms, message)
            return
        late = self._dice.share(self._dice.faults.delay_ms) if fault == "delayed" else 0.0
        for _ in range(2 if fault == "doubled" else 1):
            if self._has_room(message):
                self._put(now + late, message)
        self._let_back(now)

    def take(self, now: float) -> list[Message]:
        """What has come by now."""
        if self._back and self._back[0] <= now:
            self._let_back(self._back[0])
        out = []
        while self._held and self._free_at <= now and self._held[0][0] <= now and not self._dice.faults.stopped:
            out.append(heapq.heappop(self._held)[2])
            self._size -= _size(out[-1])
        return out

    def next_at(self) -> float | None:
        """When `take` has something; None = nothing is on its way, or the way is `stopped`."""
        if self._dice.faults.stopped:
            return None
        due = [max(self._free_at, self._held[0][0])] if self._held else []
        if self._back:
            due.append(max(self._free_at, self._back[0]))
        return min(due, default=None)

    def change(self, faults: Faults, now: float) -> None:
        """From now on other faults befall what enters; what is on its way goes on. Raises ValueError as at first."""
        _check(faults)
        if self._dice.faults.stopped and not faults.stopped:
            self._free_at = max(self._free_at, now)
        self._dice.faults = faults

    def cut_off(self) -> None:
        """The connection is gone: what was on its way is lost."""
        self._held.clear()
        self._back = None
        self._size = 0

    @property
    def empty(self) -> bool:
        """Nothing is on its way."""
        return not self._held and not self._back

    def _let_back(self, now: float) -> None:
        if self._back:
            self._put(now, self._back[1])
            self._back = None

    def _put(self, due: float, message: Message) -> None:
        heapq.heappush(self._held, (due, next(self._order), message))

    def _has_room(self, message: Message) -> bool:
        if self._size + _size(message) > HELD_MOST:
            self.counts["overflowed"] += 1
            return False
        self._size += _size(message)
        return True


def _size(message: Message) -> int:
    return len(message.topic) + len(message.payload)


def _check(faults: Faults) -> None:
    if faults.bauds:
        raise ValueError("a broker has no baud rate; wrong bauds are a fault of cables")
