"""The faults of a cable, seeded: what a healthy machine says arrives lost, doubled, cut, damaged, late, or slowly.

A filter between a stub and its wire. Faults of the line live here only, so that no stub pretends to be broken itself.
Each piece of data handed in (a message, or what one write held) is judged once; order is kept in all cases. With a baud
rate a character arrives when its last bit does. `bad_messages.py` is the same for a broker.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_stubs.wrong_baud import garble

HELD_MOST = 65536  # bytes that a stalled line keeps; more is lost, as in a full UART
BITS = 10  # of a character: start, 8 data bits, stop
FIFO = 16  # characters that a receiver's chip collects before it says so
NOISE_MOST = 8  # bytes that noise inserts in one place
_ALMOST = 1e-5  # of a character: what adding up times may lack


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances from 0 to 1 per piece of data; what is rolled first happens, at most one fault a piece.

    Raises ValueError for what cannot be.
    """

    lost: float = 0.0
    doubled: float = 0.0
    half: float = 0.0  # only the first part arrives
    flipped: float = 0.0  # one bit
    inserted: float = 0.0  # 1 to 8 bytes that nobody said, anywhere in it
    stalled: float = 0.0  # the line stands still for `stall_ms`, then delivers all
    stall_ms: float = 500.0
    delayed: float = 0.0  # `delay_ms` late (a message: up to that); on a cable what follows waits, messages pass it by
    reordered: float = 0.0  # messages only: one comes behind the next one, or after `delay_ms`
    delay_ms: float = 500.0
    stopped: bool = False  # the line stands still as long as this is so, then delivers all
    bauds: tuple[int, int] | None = None  # cables only: sent at the first rate, heard at the second (`wrong_baud.py`)

    def __post_init__(self) -> None:
        chances = self.chances.values()
        if min(chances) < 0 or sum(chances) > 1:
            raise ValueError("chances must not be negative and not more than 1 in all")
        if self.stall_ms < 0 or self.delay_ms < 0:
            raise ValueError("stall_ms and delay_ms must not be negative")
        if self.bauds and min(self.bauds) <= 0:
            raise ValueError(f"bauds must be above 0, not {min(self.bauds)}")

    @property
    def chances(self) -> Mapping[str, float]:
        """In the order in which they are rolled."""
        return {name: getattr(self, name) for name in (*LINE_FAULTS, *MESSAGE_FAULTS)}


LINE_FAULTS = ("lost", "doubled", "half", "flipped", "stalled", "delayed", "inserted")
MESSAGE_FAULTS = ("reordered",)
GOOD = Faults()


@dataclass(slots=True)
class Tally:
    """How many pieces were struck, and after how many it is enough (None: never); more than one line may share it."""

    most: int | None = None
    struck: int = 0

    @property
    def spent(self) -> bool:
        """No piece is struck any more."""
        return self.most is not None and self.struck >= self.most


@dataclass(slots=True)
class Dice:
    """Rolls the faults and damages data. The faults may be exchanged at any time."""

    faults: Faults
    seed: int | str
    tally: Tally = field(default_factory=Tally)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def roll(self) -> str | None:
        """What happens to the next piece; None = nothing."""
        if self.tally.spent:
            return None
        point = self._random.random()
        for fault, chance in self.faults.chances.items():
            point -= chance
            if point < 0:
                self.tally.struck += 1
                return fault
        return None

    def damage(self, fault: str | None, data: bytes) -> bytes:
        """What becomes of data that is `half` or `flipped`, or into which something is `inserted`."""
        if fault == "half" and data:
            return data[: self._random.randrange(len(data))]
        if fault == "flipped" and data:
            damaged = bytearray(data)
            damaged[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
            return bytes(damaged)
        if fault == "inserted":
            at = self._random.randrange(len(data) + 1)
            return data[:at] + self._random.randbytes(self._random.randint(1, NOISE_MOST)) + data[at:]
        return data

    def share(self, most: float) -> float:
        """Somewhere from 0 to `most`."""
        return self._random.uniform(0, most)

    def heard(self, data: bytes) -> bytes:
        """What a receiver at another rate hears, where `bauds` say so."""
        if self.faults.bauds is None or self.tally.spent:
            return data
        self.tally.struck += 1
        return garble(data, *self.faults.bauds)


class BadLine:
    """One direction of one cable. `baud` 0 = as fast as one looks at it."""

    def __init__(self, faults: Faults, seed: int | str, baud: int = 0, tally: Tally | None = None) -> None:
        """Raises ValueError for faults that only messages have."""
        _check(faults)
        if baud < 0:
            raise ValueError(f"baud must not be negative, not {baud}; 0 = no pacing")
        self._dice = Dice(faults, seed, tally or Tally())
        self._byte_ms = BITS * 1000 / baud if baud else 0.0
        self._out = bytearray()  # arrived and not fetched
        self._came = 0.0  # when the last of that did
        self._held: deque[tuple[float, bytearray]] = deque()  # when the first bit of each may be on the line
        self._size = 0
        self._free = 0.0  # when the line has delivered what arrived, or a standstill ends
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
        data = self._dice.heard(data)
        if fault == "stalled":
            self._free = max(self._free, now + self._dice.faults.stall_ms)
        if self._size + len(self._out) + len(data) > HELD_MOST:
            self.counts["overflowed"] += 1
            return
        self._hold(data, now + self._dice.faults.delay_ms if fault == "delayed" else now)

    def take(self, now: float) -> bytes:
        """What comes out of the other end by now: the characters whose last bit has come."""
        self._arrive(now)
        out = bytes(self._out)
        self._out.clear()
        return out

    def next_at(self) -> float | None:
        """When `take` has something: the next `FIFO` characters, or all that there are. None = the cable is empty, or
        is `stopped`."""
        if self._out:
            return self._came
        if not self._held or self._dice.faults.stopped:
            return None
        begins, data = self._held[0]
        return max(self._free, begins) + min(len(data), FIFO) * self._byte_ms

    def change(self, faults: Faults, now: float) -> None:
        """From now on other faults befall what enters; what is on its way goes on. Raises ValueError as at first."""
        _check(faults)
        self._arrive(now)
        if self._dice.faults.stopped and not faults.stopped:
            self._free = max(self._free, now)
        self._dice.faults = faults

    def cut_off(self) -> None:
        """The cable is out: what was on its way is lost."""
        self._held.clear()
        self._out.clear()
        self._size = 0

    @property
    def empty(self) -> bool:
        """Nothing is on its way."""
        return not self._held and not self._out

    def _hold(self, data: bytes, begins: float) -> None:
        if not data:
            return
        self._size += len(data)
        if self._held:
            last, waiting = self._held[-1]
            if begins <= max(last, self._free) + len(waiting) * self._byte_ms:  # it would wait for that anyway
                waiting += data
                return
        self._held.append((begins, bytearray(data)))

    def _arrive(self, now: float) -> None:
        while self._held and not self._dice.faults.stopped:
            begins, data = self._held[0]
            begins = max(self._free, begins)
            if now < begins:
                return
            count = len(data)
            if self._byte_ms:
                count = min(count, int((now - begins) / self._byte_ms + _ALMOST))
            if not count:
                return
            self._out += data[:count]
            del data[:count]
            self._size -= count
            self._free = self._came = begins + count * self._byte_ms
            if data:
                return
            self._held.popleft()


def _check(faults: Faults) -> None:
    if faults.reordered:
        raise ValueError("reordered is a fault of messages; a cable keeps the order")
