"""The faults of a cable, seeded: what a healthy machine says arrives lost, doubled, cut, damaged or late.

A filter between a stub and its wire. Faults of the line live here only, so that no stub pretends to be broken itself.
Each piece of data handed in (a message, or what one write held) is judged once; order is kept in all cases.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

_HELD = 65536  # bytes that a stalled line keeps; more is lost, as in a full UART


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances from 0 to 1 per piece of data; what is rolled first happens, at most one fault a piece."""

    lost: float = 0.0
    doubled: float = 0.0
    half: float = 0.0  # only the first part arrives
    flipped: float = 0.0  # one bit
    stalled: float = 0.0  # the line stands still for `stall_ms`, then delivers all
    stall_ms: float = 500.0

    def __post_init__(self) -> None:
        chances = (self.lost, self.doubled, self.half, self.flipped, self.stalled)
        if min(chances) < 0 or sum(chances) > 1:
            raise ValueError("chances must not be negative and not more than 1 in all")
        if self.stall_ms < 0:
            raise ValueError("stall_ms must not be negative")


class BadLine:
    """One direction of one cable."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = random.Random(seed)
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._free_at = 0.0
        self.counts = dict.fromkeys(("lost", "doubled", "half", "flipped", "stalled", "overflowed"), 0)

    def feed(self, data: bytes, now: float) -> None:
        """Data enters the cable."""
        if not data:
            return
        fault = self._roll()
        if fault:
            self.counts[fault] += 1
        if fault == "lost":
            return
        if fault == "doubled":
            data += data
        elif fault == "half":
            data = data[: self._random.randrange(len(data))]
        elif fault == "flipped":
            damaged = bytearray(data)
            damaged[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
            data = bytes(damaged)
        elif fault == "stalled":
            self._free_at = max(self._free_at, now + self._faults.stall_ms)
        if self._held_bytes + len(data) > _HELD:
            self.counts["overflowed"] += 1
            return
        self._held.append(data)
        self._held_bytes += len(data)

    def take(self, now: float) -> bytes:
        """What comes out of the other end by now."""
        if now < self._free_at:
            return b""
        out = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return out

    def next_at(self) -> float | None:
        """When `take` has something; None = nothing is in the cable."""
        return self._free_at if self._held else None

    def _roll(self) -> str | None:
        point = self._random.random()
        for fault in ("lost", "doubled", "half", "flipped", "stalled"):
            point -= getattr(self._faults, fault)
            if point < 0:
                return fault
        return None
