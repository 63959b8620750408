"""What keeps the queue of an induction or a desk filled: parcels of a stream, as long as there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from firmware_stubs.mixes.stream import Item
from firmware_stubs.rides import Parcel


class Budget:
    """How many parcels all mixes together still give; None = no end."""

    def __init__(self, parcels: int | None) -> None:
        self._left = parcels

    def take(self) -> bool:
        """One of them; False = there are no more."""
        if self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Supply:
    """The parcels of one place. Its queue is kept `depth` long, so each is known so long before it comes."""

    def __init__(
        self,
        stream: Iterator[Item],
        depth: int,
        budget: Budget,
        make: Callable[[Item], Parcel],
        tell: Callable[[Parcel, float], None],
    ) -> None:
        """`make`: the parcel as it waits there; `tell` hears of each as it comes to be."""
        self.depth = depth
        self._stream = stream
        self._budget = budget
        self._make = make
        self._tell = tell

    def next(self, now: float) -> Parcel | None:
        """The next parcel, announced now; None = there are no more."""
        if not self._budget.take():
            return None
        parcel = self._make(next(self._stream))
        self._tell(parcel, now)
        return parcel
