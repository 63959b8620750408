"""The faults of a cable, seeded: what a healthy machine says arrives lost, doubled, cut, damaged, late, or slowly.

A filter between a stub and its wire. Faults of the line live here only, so that no stub pretends to be broken itself.
Each piece of data handed in (a message, or what one write held) is judged once; order is kept in all cases. With a baud
rate a character arrives when its last bit does. `bad_messages.py` is the same for a broker.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

HELD_MOST = 65536  # bytes that a stalled line keeps; more is lost, as in a full UART
BITS = 10  # of a character: start, 8 data bits, stop
FIFO = 16  # characters that a receiver's chip collects before it says so
_ALMOST = 1e-5  # of a character: what adding up times may lack


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances from 0 to 1 per piece of data; what is rolled first happens, at most one fault a piece."""

    lost: float = 0.0
    doubled: float = 0.0
    half: float = 0.0  # only the first part arrives
    flipped: float = 0.0  # one bit
    stalled: float = 0.0  # the line stands still for `stall_ms`, then delivers all
    stall_ms: float = 500.0
    delayed: float = 0.0  # messages only: one comes up to `delay_ms` later, and others pass it by
    reordered: float = 0.0  # messages only: one comes behind the next one, or after `delay_ms`
    delay_ms: float = 500.0

    def __post_init__(self) -> None:
        chances = self.chances.values()
        if min(chances) < 0 or sum(chances) > 1:
            raise ValueError("chances must not be negative and not more than 1 in all")
        if self.stall_ms < 0 or self.delay_ms < 0:
            raise ValueError("stall_ms and delay_ms must not be negative")

    @property
    def chances(self) -> Mapping[str, float]:
        """In the order in which they are rolled."""
        return {name: getattr(self, name) for name in (*LINE_FAULTS, *MESSAGE_FAULTS)}


LINE_FAULTS = ("lost", "doubled", "half", "flipped", "stalled")
MESSAGE_FAULTS = ("delayed", "reordered")


class Dice:
    """Rolls the faults and damages data."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._chances = faults.chances
        self._random = random.Random(seed)

    def roll(self) -> str | None:
        """What happens to the next piece; None = nothing."""
        point = self._random.random()
        for fault, chance in self._chances.items():
            point -= chance
            if point < 0:
                return fault
        return None

    def damage(self, fault: str | None, data: bytes) -> bytes:
        """What is left of data that is `half` or `flipped`."""
        if fault == "half" and data:
            return data[: self._random.randrange(len(data))]
        if fault == "flipped" and data:
            damaged = bytearray(data)
            damaged[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
            return bytes(damaged)
        return data

    def share(self, most: float) -> float:
        """Somewhere from 0 to `most`."""
        return self._random.uniform(0, most)


class BadLine:
    """One direction of one cable. `baud` 0 = as fast as one looks at it."""

    def __init__(self, faults: Faults, seed: int, baud: int = 0) -> None:
        """Raises ValueError for faults that only messages have."""
        if faults.delayed or faults.reordered:
            raise ValueError("delayed and reordered are faults of messages; a cable keeps the order")
        if baud < 0:
            raise ValueError(f"baud must not be negative, not {baud}; 0 = no pacing")
        self._faults = faults
        self._dice = Dice(faults, seed)
        self._byte_ms = BITS * 1000 / baud if baud else 0.0
        self._out = bytearray()  # arrived and not fetched
        self._came = 0.0  # when the last of that did
        self._held = bytearray()
        self._begins = 0.0  # when the first bit of what is held is on the line
        self.counts = dict.fromkeys((*LINE_FAULTS, "overflowed"), 0)

    def feed(self, data: bytes, now: float) -> None:
        """Data enters the cable."""
        if not data:
            return
        self._arrive(now)
        fault = self._dice.roll()
        if fault:
            self.counts[fault] += 1
        if fault == "lost":
            return
        data = data + data if fault == "doubled" else self._dice.damage(fault, data)
        begins = now + self._faults.stall_ms if fault == "stalled" else now
        if not self._held or fault == "stalled":
            self._begins = max(self._begins, begins)
        if len(self._out) + len(self._held) + len(data) > HELD_MOST:
            self.counts["overflowed"] += 1
            return
        self._held += data

    def take(self, now: float) -> bytes:
        """What comes out of the other end by now: the characters whose last bit has come."""
        self._arrive(now)
        out = bytes(self._out)
        self._out.clear()
        return out

    def next_at(self) -> float | None:
        """When `take` has something: the next `FIFO` characters, or all that there are. None = the cable is empty."""
        if self._out:
            return self._came
        return self._begins + min(len(self._held), FIFO) * self._byte_ms if self._held else None

    def _arrive(self, now: float) -> None:
        if now < self._begins:
            return
        count = len(self._held)
        if self._byte_ms:
            count = min(count, int((now - self._begins) / self._byte_ms + _ALMOST))
        self._out += self._held[:count]
        del self._held[:count]
        self._begins += count * self._byte_ms
        if count:
            self._came = self._begins
