"""A point that no belt passes: a desk, a dock door, a hand. Its readers are shown one item after another."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from firmware_stubs.mixes.supply import Supply
from firmware_stubs.readers import Reader
from firmware_stubs.rides import Parcel
from firmware_stubs.spells import struck
from firmware_stubs.stub import Measures

Tell = Callable[[Parcel, float, Mapping[str, int], Mapping[str, str]], None]
NEXT_MS = 1000
"""From one item to the next where the manifest does not say: a person takes the next one."""


class Desk:
    """One presence point. It shows nothing before `release`."""

    def __init__(self, readers: Sequence[Reader], tell: Tell, now: float) -> None:
        """`tell`: an item is shown now, and all readers are told next; how many results each of those that are alive
        will have, and what goes wrong at which."""
        self.queue: deque[Parcel] = deque()
        self.shown = 0
        self.again: deque[tuple[float, Parcel]] = deque()  # fell into a lane, and when they may be shown
        self.shown_again = 0
        self.supply: Supply | None = None  # fills the queue by itself
        self._readers = readers
        self._tell = tell
        self._held = True
        self._since = now  # nothing is shown before what made it possible
        self._last = -math.inf

    def add(self, parcel: Parcel, now: float) -> None:
        """Another item, behind those that wait."""
        if not self.queue:
            self._since = max(self._since, now)
        self.queue.append(parcel)

    def bring(self, parcel: Parcel, ready: float) -> None:
        """An item that fell into a lane is shown then, or later."""
        self.again.append((ready, parcel))

    def fill(self, now: float, most: float = math.inf) -> None:
        """With a mix the queue is as long again as it shall be, or `most`."""
        while self.supply and len(self.queue) < min(self.supply.depth, most) and (parcel := self.supply.next(now)):
            self.add(parcel, now)

    def release(self, now: float) -> None:
        """The first one may be shown."""
        self._held, self._since = False, max(self._since, now)

    def hold(self) -> None:
        """Nothing more is shown."""
        self._held = True

    def next_at(self) -> float:
        """When the next one is shown; infinity = not as things stand."""
        return math.inf if self._held else min(self._next(), self._next_again())

    def step(self, at: float) -> None:
        """Show the next one to every reader here."""
        if self._next_again() < self._next():
            _, parcel = self.again.popleft()
            self.shown_again += 1
        else:
            parcel = self.queue.popleft()
            self.shown += 1
            self.fill(at)
        self._last = at
        self._show(parcel, at)

    def _show(self, parcel: Parcel, at: float) -> None:
        alive = [reader for reader in self._readers if not reader.dead]
        mishaps = {reader.name: spell.kind for reader in alive if (spell := struck(reader.spells))}
        seen = {reader.name: self._seen(parcel, mishaps.get(reader.name, "")) for reader in alive}
        self._tell(
            parcel, at, {name: sum(max(1, len(codes)) for codes in gates) for name, gates in seen.items()}, mishaps
        )
        for reader in alive:
            for codes in seen[reader.name]:
                if reader.measure:
                    reader.measure(_measures(parcel), at)
                reader.scanner.gate(list(codes), at)

    def _seen(self, parcel: Parcel, mishap: str) -> list[tuple[bytes, ...]]:
        """The codes that a reader sees, once for each time that it is shown the item."""
        if mishap == "no_read":
            return [()]
        if mishap == "wrong":
            return [self.queue[0].codes if self.queue else ()]
        return [parcel.codes] * (2 if mishap == "double" else 1)

    def _next(self) -> float:
        return max(self._since, self._last + self.queue[0].after_ms) if self.queue else math.inf

    def _next_again(self) -> float:
        if not self.again:
            return math.inf
        ready, parcel = self.again[0]
        return max(self._since, self._last + parcel.after_ms, ready)


def _measures(parcel: Parcel) -> Measures:
    sizes = (parcel.length_mm, parcel.width_mm, parcel.height_mm)
    return Measures(parcel.weight_g, "A", "", *sizes, size_status="A")
