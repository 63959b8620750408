"""Where every parcel really is: one entry each, so that none is in two places."""

from __future__ import annotations

from typing import NamedTuple

KEPT = 200_000  # parcels, the oldest are forgotten first; those on belts are never so old


class Where(NamedTuple):
    """`state` is `waiting` (at an induction, or between two lines), `belt`, `falling`, `lane` or `removed`; `place` the
    induction or the lane that leads on, the line, the lane, the lane, the line."""

    state: str
    place: str


class Whereabouts:
    """The last known place by parcel; who gives two parcels one name knows of the last one only."""

    def __init__(self) -> None:
        self._where: dict[str, Where] = {}

    def moved(self, parcel: str, state: str, place: str) -> None:
        """It is there from now on."""
        if parcel not in self._where and len(self._where) >= KEPT:
            del self._where[next(iter(self._where))]
        self._where[parcel] = Where(state, place)

    def where(self, parcel: str) -> Where | None:
        """None = never heard of it, or long ago."""
        return self._where.get(parcel)
