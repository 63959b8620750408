"""How many promises the rule keeps, deciding parcel by parcel, beside the most that anybody could who knows them all.

    python -m tests.promise_share

A day of a hub: departures of some destinations, each with the same capacity, and `load` times as many parcels as there
are places. Each parcel is made from a departure, its witness, that it can catch and that keeps its promise with
`slack_min` at least; but its plan may name lanes of other destinations before. So the optimum keeps every promise up to
load 1, and what the rule loses, it loses by giving places away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from random import Random

from controller.advice import Departure
from controller.departures import Timetable
from controller.promise import MINUTE_MS, Way, rank
from controller.stamps import rfc3339

MIDNIGHT_MS = 1_795_478_400_000.0
DESTINATIONS, PER_DESTINATION, CAPACITY = 5, 8, 20
PLACES = DESTINATIONS * PER_DESTINATION * CAPACITY
SLACK_MIN = 30
LOADS = (0.5, 0.8, 1.0, 1.2)


@dataclass(frozen=True)
class Parcel:
    """One of the day; its ways are in the plan's order."""

    ready_ms: float
    due_ms: float
    destinations: tuple[str, ...]

    def ways(self) -> list[Way]:
        """A lane for each of its destinations."""
        return [Way(f"L{each}", each, self.ready_ms) for each in self.destinations]


def day(load: float, seed: int) -> tuple[list[Departure], list[Parcel]]:
    """Departures and parcels in order of their time; every departure is the witness of as many parcels as any other."""
    rng = Random(seed)
    names = [f"D{number}" for number in range(DESTINATIONS)]
    departures, parcels = [], []
    for number in range(DESTINATIONS * PER_DESTINATION):
        own = names[number % DESTINATIONS]
        cut_off = MIDNIGHT_MS + rng.randrange(6 * 60, 24 * 60) * MINUTE_MS
        arrives = cut_off + rng.randrange(2 * 60, 30 * 60) * MINUTE_MS
        departures.append(
            Departure(
                departure=f"TR-{number}",
                destinations=(own,),
                cut_off=rfc3339(cut_off),
                arrives=rfc3339(arrives),
                capacity=CAPACITY,
            )
        )
        for _ in range(round(load * CAPACITY)):
            others = rng.sample([name for name in names if name != own], rng.choice((0, 0, 1, 2)))
            wished = rng.sample([own, *others], len(others) + 1)
            spare = (SLACK_MIN + rng.randrange(6 * 60)) * MINUTE_MS
            parcels.append(Parcel(cut_off - rng.randrange(6 * 60) * MINUTE_MS, arrives + spare, tuple(wished)))
    return departures, sorted(parcels, key=lambda parcel: parcel.ready_ms)


def kept_online(departures: Sequence[Departure], parcels: Sequence[Parcel]) -> int:
    """Promises kept by the rule, each parcel decided when it comes and never again."""
    timetable, kept = Timetable(), 0
    for departure in departures:
        timetable.take(departure, UTC)
    for parcel in parcels:
        ranked = rank(parcel.ways(), timetable, parcel.due_ms, SLACK_MIN)
        run = timetable.book(ranked.departure, 1) if ranked.departure else None
        kept += run is not None and run.arrives_ms <= parcel.due_ms
    for departure in departures:
        run = timetable.get(departure.departure)
        assert run is not None
        assert run.booked <= CAPACITY
    return kept


def kept_at_best(departures: Sequence[Departure], parcels: Sequence[Parcel]) -> int:
    """The most promises that can be kept: the maximum flow from parcels to departures."""
    timetable = Timetable()
    for departure in departures:
        timetable.take(departure, UTC)
    keeping = [
        [
            run.id
            for each in parcel.destinations
            for run in timetable.of(each)
            if run.cut_off_ms >= parcel.ready_ms and run.arrives_ms <= parcel.due_ms
        ]
        for parcel in parcels
    ]
    return max_flow(keeping, {departure.departure: departure.capacity for departure in departures})


def max_flow(choices: Sequence[Sequence[str]], capacity: dict[str, int]) -> int:
    """How many can have one of their choices at once: augmenting paths, one for each that gets a place."""
    holders: dict[str, list[int]] = {choice: [] for choice in capacity}

    def place(who: int, tried: set[str]) -> bool:
        for choice in choices[who]:
            if choice in tried:
                continue
            tried.add(choice)
            if len(holders[choice]) < capacity[choice]:
                holders[choice].append(who)
                return True
            for at, other in enumerate(holders[choice]):
                if place(other, tried):
                    holders[choice][at] = who
                    return True
        return False

    return sum(place(who, set()) for who in range(len(choices)))


def main() -> None:
    """Print the table, over ten days each."""
    days = range(10)
    print(f"{'load':>4} {'parcels':>8} {'kept':>8} {'at best':>8} {'of that':>8}")
    for load in LOADS:
        made = [day(load, seed) for seed in days]
        parcels = sum(len(one) for _, one in made)
        kept = sum(kept_online(*one) for one in made)
        best = sum(kept_at_best(*one) for one in made)
        print(f"{load:4.1f} {parcels:8} {kept / parcels:8.1%} {best / parcels:8.1%} {kept / best:8.1%}")


if __name__ == "__main__":
    main()
