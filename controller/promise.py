"""The promise: which lane and which departure bring a parcel to its destination in time.

The rule, "Follow the plan's order; leave it only when the first choice breaks the promise and another allowed one keeps
it with `slack_min`. If none keeps it, it is at risk", in full:

- A choice is a lane and a departure of its destination that the parcel can still catch. Choices are in order: lanes as
  the plan has them, in a lane the departures by cut-off. The slack of a choice is the promise minus its arrival.
- The first choice is the first lane with the first departure that can be caught from there: with that one a parcel goes
  which nobody books otherwise. If its slack is not negative, it is taken, however comfortable another one would be.
- Else the first choice in order that has `slack_min` is taken. It may be a later but faster departure of the same lane.
- Else the parcel stays with its first choice and is at risk. The slack that is told is the best of all choices; it may
  be positive, but then less than `slack_min`.

A lane whose destination has no known departure is not judged: it neither keeps nor breaks a promise. A first lane with
departures none of which can be caught breaks it. A parcel without promise is not judged either; it takes its place in
its first choice all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor
from typing import Protocol

from controller.departures import Run, Timetable
from controller.moments import utc_ms
from devices.value import value

HOUR_MS, MINUTE_MS = 3_600_000.0, 60_000.0


class Promised(Protocol):
    """What is asked about a parcel: when it is due, when it was accepted; RFC 3339 with offset, None = not known."""

    @property
    def promise_by(self) -> str | None:
        """When it is due."""

    @property
    def accepted(self) -> str | None:
        """When it was accepted."""


@value
class Way:
    """A lane that passed every filter: whose destination's departures take what is in it, and since when (UTC ms) the
    parcel would be in it."""

    lane: str
    destination: str
    ready_ms: float


@value
class Ranked:
    """Lanes in order, and what becomes of the promise."""

    lanes: tuple[str, ...]
    departure: str | None = None
    """the one it goes with; None = none is known that it can catch"""
    slack_min: int | None = None
    """whole minutes, rounded down: of the departure taken; at risk, the best there is. None = not judged, or at risk
    with no departure left"""
    at_risk: bool = False
    why: str = ""
    """in words; empty when nothing was judged"""


def due(advice: Promised, hours: int) -> float | None:
    """UTC ms when the parcel is due: as promised, else so many hours after acceptance, else None.

    Raises ValueError on a text that is no moment; advice that passed the validator of moments.py has none.
    """
    if advice.promise_by is not None:
        return utc_ms(advice.promise_by)
    return utc_ms(advice.accepted) + hours * HOUR_MS if advice.accepted is not None else None


def rank(
    ways: Sequence[Way], timetable: Timetable, due_ms: float | None, slack_min: int, booked: str | None = None
) -> Ranked:
    """Put the lanes (in the plan's order) in the order of the rule above and name the departure.

    `booked` = the departure that the parcel is booked with now. Without a way nothing is judged.
    """
    if not ways:
        return Ranked(())
    lanes = tuple(way.lane for way in ways)
    first = next(_choices(ways[:1], timetable, booked), None)
    departure = first[1].id if first else None
    if due_ms is None or not timetable.of(ways[0].destination):
        return Ranked(lanes, departure)
    if first is not None and first[1].arrives_ms <= due_ms:
        slack = due_ms - first[1].arrives_ms
        return Ranked(lanes, departure, _minutes(slack), why=_kept(*first, slack))
    broken = _broken(ways[0], first, due_ms)
    best: float | None = None
    for way, run in _choices(ways, timetable, booked):
        slack = due_ms - run.arrives_ms
        if slack >= slack_min * MINUTE_MS:
            ahead = (way.lane, *(lane for lane in lanes if lane != way.lane))
            return Ranked(ahead, run.id, _minutes(slack), why=f"{broken}; {_kept(way, run, slack)}")
        best = slack if best is None else max(best, slack)
    left = "no departure is left" if best is None else f"the best arrival that is left has {_minutes(best)} min"
    slack_left = None if best is None else _minutes(best)
    return Ranked(lanes, departure, slack_left, True, f"{broken}; {left}")


def _choices(ways: Sequence[Way], timetable: Timetable, booked: str | None) -> Iterator[tuple[Way, Run]]:
    """Every choice in order."""
    for way in ways:
        for run in timetable.catchable(way.destination, way.ready_ms, booked):
            yield way, run


def _minutes(ms: float) -> int:
    return floor(ms / MINUTE_MS)


def _kept(way: Way, run: Run, slack: float) -> str:
    return f"{way.lane} with {run.id} keeps the promise by {_minutes(slack)} min"


def _broken(way: Way, first: tuple[Way, Run] | None, due_ms: float) -> str:
    if first is None:
        return f"{way.lane}: no departure to {way.destination} can be caught"
    late = -_minutes(due_ms - first[1].arrives_ms)
    return f"{way.lane} with {first[1].id} breaks the promise by {late} min"
