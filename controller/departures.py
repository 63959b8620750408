"""The timetable: the trucks and flights that take containers of a destination, as they stand now.

A departure is a live thing: the centre says it anew, with a higher version, when it is delayed, closed or cancelled.
What the floor adds is how many parcels are booked with it. Its times are UTC ms, its cut-off the last moment at which a
parcel in its lane still goes with it; each departure carries the record it was made from, so that it can be kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from controller.advice import Departure
from controller.moments import site_ms, utc_ms

MOST = 10_000
"""Departures that are remembered: of more, those that leave first."""

REMEMBERED_MS = 2 * 86_400_000.0
"""So long after its cut-off a departure is still known."""

OPEN = frozenset(("scheduled", "delayed", "closing"))
"""States in which it takes what reaches it before its cut-off."""


@dataclass(slots=True)
class Run:
    """One departure. `booked` = parcels on their way with it, or loaded; its record and `booked` are what is kept."""

    record: Departure
    cut_off_ms: float
    arrives_ms: float
    booked: int

    @property
    def id(self) -> str:
        """The departure's id."""
        return self.record.departure

    @property
    def open(self) -> bool:
        """Whether it takes parcels until its cut-off."""
        return self.record.status in OPEN

    def has_place_for(self, more: int) -> bool:
        """Whether so many more parcels can be booked."""
        return more < 0 or self.record.capacity == 0 or self.booked + more <= self.record.capacity


def times(departure: Departure, zone: tzinfo) -> tuple[float, float]:
    """(cut-off, arrival) in UTC ms. Raises ValueError in the form `what is wrong; what to write`."""
    try:
        cut_off = site_ms(departure.cut_off, zone)
    except ValueError as error:
        raise ValueError(f"cut_off: {error}") from None
    try:
        arrives = utc_ms(departure.arrives)
    except ValueError as error:
        raise ValueError(f"arrives: {error}") from None
    if arrives < cut_off:
        raise ValueError("arrives: lies before cut_off; write when it is at its destination, with the offset there")
    return cut_off, arrives


class Timetable:
    """All departures that are known, by destination and in order of their cut-off."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._of: dict[str, list[Run]] = {}
        self._order: list[Run] = []

    def take(self, departure: Departure, zone: tzinfo) -> Run | None:
        """Take the centre's word; bookings stay. None: a newer version is known. Raises ValueError as `times` does.

        Call `forget` afterwards: only there the number of departures is bounded.
        """
        known = self._runs.get(departure.departure)
        if known is not None and departure.version < known.record.version:
            return None
        return self.restore(departure, known.booked if known else 0, zone)

    def restore(self, departure: Departure, booked: int, zone: tzinfo) -> Run:
        """Put it in with its bookings, whatever is known of it. Raises ValueError as `times` does."""
        run = Run(departure, *times(departure, zone), booked)
        self._remove(run.id)
        self._runs[run.id] = run
        for order in (self._order, *(self._of.setdefault(each, []) for each in dict.fromkeys(departure.destinations))):
            insort(order, run, key=_place)
        return run

    def get(self, departure: str) -> Run | None:
        """The departure of that id."""
        return self._runs.get(departure)

    def of(self, destination: str) -> Sequence[Run]:
        """Every known departure of a destination by cut-off, then id; to be read, not changed."""
        return self._of.get(destination, ())

    def catchable(self, destination: str, ready_ms: float, booked: str | None = None) -> Iterator[Run]:
        """Those, in the same order, that take a parcel which is in their lane at `ready_ms`.

        `booked`: the departure that the parcel is booked with; its place there is its own.
        """
        runs = self.of(destination)
        for at in range(bisect_left(runs, ready_ms, key=_cut_off), len(runs)):
            run = runs[at]
            if run.open and (run.has_place_for(1) or run.id == booked):
                yield run

    def book(self, departure: str, change: int) -> Run | None:
        """So many parcels more are booked with it, or fewer; None when nothing changed.

        That is: it is not known, has not the place, or has not so many to lose. What is booked stays booked when it
        closes, or when its capacity shrinks below that.
        """
        run = self._runs.get(departure)
        if run is None or run.booked + change < 0 or not run.has_place_for(change):
            return None
        run.booked += change
        return run

    def next_cut_off(self, after_ms: float) -> float | None:
        """The first cut-off of an open departure after this moment: then what it does not take is decided anew."""
        start = bisect_right(self._order, after_ms, key=_cut_off)
        return next((run.cut_off_ms for run in self._order[start:] if run.open), None)

    def forget(self, now_ms: float) -> tuple[str, ...]:
        """Forget what is long past, and beyond `MOST` what leaves last; their ids."""
        past = bisect_left(self._order, now_ms - REMEMBERED_MS, key=_cut_off)
        gone = tuple(run.id for run in (*self._order[:past], *self._order[past + MOST :]))
        for departure in gone:
            self._remove(departure)
        return gone

    def __len__(self) -> int:
        return len(self._runs)

    def _remove(self, departure: str) -> None:
        run = self._runs.pop(departure, None)
        if run is None:
            return
        del self._order[bisect_left(self._order, _place(run), key=_place)]
        for destination in dict.fromkeys(run.record.destinations):
            runs = self._of[destination]
            del runs[bisect_left(runs, _place(run), key=_place)]
            if not runs:
                del self._of[destination]


def _place(run: Run) -> tuple[float, str]:
    return run.cut_off_ms, run.record.departure


def _cut_off(run: Run) -> float:
    return run.cut_off_ms
