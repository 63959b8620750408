"""Which item comes next: a heap, so that a belt with many items costs no more than one with few."""

from __future__ import annotations

import heapq
import itertools
import math

from firmware_stubs.plcs._item import Item

# A position that is a rounding error short of a mark is at it; else a timer set for the mark would fire for ever.
AT_MARK_MM = 0.01
_SPARE = 64


class Marks:
    """Items by the odometer reading at which something is to be decided about them; one mark an item."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._order = itertools.count()

    def put(self, item: Item, mark: float) -> None:
        """From now on the item's mark is this one."""
        if mark == item.mark:
            return
        item.mark = mark
        if mark < math.inf:
            heapq.heappush(self._heap, (mark, next(self._order), item))

    def first(self) -> float:
        """The nearest mark; infinity = none."""
        heap = self._heap
        while heap:
            mark, _, item = heap[0]
            if item.on_line and item.mark == mark:
                return mark
            heapq.heappop(heap)
        return math.inf

    def pop(self) -> Item:
        """Take out the item of the nearest mark, which `first` has just told."""
        item = heapq.heappop(self._heap)[2]
        item.mark = math.nan
        return item

    def tidy(self, items: int) -> None:
        """Forget marks that are none any more, when they are many against the items there are."""
        if len(self._heap) > 4 * items + _SPARE:
            self._heap = [entry for entry in self._heap if entry[2].on_line and entry[2].mark == entry[0]]
            heapq.heapify(self._heap)

    def clear(self) -> None:
        """Nobody is known."""
        self._heap.clear()
