"""The promise: the plan's order, left only for a choice that keeps what the first one breaks."""

from __future__ import annotations

from datetime import UTC
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.departures import Timetable
from controller.promise import HOUR_MS, Ranked, Way, due, rank
from tests import promise_share
from tests.floor_fixture import advice
from tests.test_departures import BASE, MINUTE, departure, table

DUE = 1000
"""minutes after BASE, as all times here"""


def at(minute: float) -> float:
    return BASE + minute * MINUTE


def ways(*pairs: tuple[str, str], ready: float = 0) -> list[Way]:
    return [Way(lane, destination, at(ready)) for lane, destination in pairs]


FRANCE, SPAIN, ITALY = ("L1", "FRANCE"), ("L2", "SPAIN"), ("L3", "ITALY")
ALL = ways(FRANCE, SPAIN, ITALY)


def arriving(france: float | None = None, spain: float | None = None, italy: float | None = None) -> Timetable:
    """One departure for each destination, which arrives then."""
    wanted = {"FRANCE": france, "SPAIN": spain, "ITALY": italy}
    return table(*(departure(f"to-{to}", 10, when, destinations=(to,)) for to, when in wanted.items() if when))


def short(ranked: Ranked) -> tuple[str, str | None, int | None, bool]:
    return " ".join(ranked.lanes), ranked.departure, ranked.slack_min, ranked.at_risk


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        # the first choice keeps it: the plan's order, however comfortable others are
        ((1000, 100, 100), ("L1 L2 L3", "to-FRANCE", 0, False)),
        ((999.5, 100, 100), ("L1 L2 L3", "to-FRANCE", 0, False)),
        ((940, 100, 100), ("L1 L2 L3", "to-FRANCE", 60, False)),
        # it breaks it: the next in the plan's order that has 30 minutes to spare
        ((1000.001, 970, 100), ("L2 L1 L3", "to-SPAIN", 30, False)),
        ((1001, 970.001, 100), ("L3 L1 L2", "to-ITALY", 900, False)),
        ((1001, 990, 970), ("L3 L1 L2", "to-ITALY", 30, False)),
        # nobody has 30 minutes to spare: the plan's order, at risk, with the best slack
        ((1001, 990, 995), ("L1 L2 L3", "to-FRANCE", 10, True)),
        ((1001, 1003, 1002), ("L1 L2 L3", "to-FRANCE", -1, True)),
        ((1000.001, 1003, 1002), ("L1 L2 L3", "to-FRANCE", -1, True)),
        ((1005, 1003.5, 1004), ("L1 L2 L3", "to-FRANCE", -4, True)),
        # lanes without a known departure are not judged
        ((None, 100, 1001), ("L1 L2 L3", None, None, False)),
        ((1001, None, 970), ("L3 L1 L2", "to-ITALY", 30, False)),
        ((1001, None, None), ("L1 L2 L3", "to-FRANCE", -1, True)),
    ],
)
def test_the_rule(
    arrivals: tuple[float | None, float | None, float | None], expected: tuple[str, str | None, int | None, bool]
) -> None:
    assert short(rank(ALL, arriving(*arrivals), at(DUE), 30)) == expected


def test_without_minutes_to_spare_it_is_enough_to_be_in_time() -> None:
    assert short(rank(ALL, arriving(1001, 1000.001, 1000), at(DUE), 0)) == ("L3 L1 L2", "to-ITALY", 0, False)


def test_a_later_but_faster_departure_of_the_same_lane() -> None:
    timetable = table(departure("truck", 10, 1100), departure("flight", 20, 500))
    assert short(rank(ALL, timetable, at(DUE), 30)) == ("L1 L2 L3", "flight", 500, False)
    assert short(rank(ALL, timetable, at(1100), 30)) == ("L1 L2 L3", "truck", 0, False)
    assert short(rank(ALL, timetable, at(400), 30)) == ("L1 L2 L3", "truck", -100, True)


def test_the_lane_comes_before_the_cut_off() -> None:
    timetable = table(
        departure("late", 10, 1100), departure("in-time", 90, 500), departure("early", 20, 400, destinations=("SPAIN",))
    )
    assert rank(ALL, timetable, at(DUE), 30).departure == "in-time"


def test_each_lane_has_its_own_time() -> None:
    timetable = arriving(100, 100)
    assert (
        rank([Way("L1", "FRANCE", at(10)), Way("L2", "SPAIN", at(10))], timetable, at(DUE), 0).departure == "to-FRANCE"
    )
    far = [Way("L1", "FRANCE", at(10.001)), Way("L2", "SPAIN", at(10))]
    assert short(rank(far, timetable, at(DUE), 0)) == ("L2 L1", "to-SPAIN", 900, False)


def test_what_cannot_be_caught_keeps_nothing() -> None:
    missed = ways(FRANCE, SPAIN, ITALY, ready=11)
    assert short(rank(missed, arriving(100, 100), at(DUE), 30)) == ("L1 L2 L3", None, None, True)
    timetable = table(
        departure("to-FRANCE", 10, 100, status="closed"), departure("S", 10, 1007, destinations=("SPAIN",))
    )
    assert short(rank(ALL, timetable, at(DUE), 30)) == ("L1 L2 L3", None, -7, True)


def test_a_full_departure_takes_only_whom_it_has() -> None:
    timetable = table(departure("truck", 10, 100, capacity=1), departure("next", 20, 1100))
    assert rank(ALL, timetable, at(DUE), 30).departure == "truck"
    timetable.book("truck", 1)
    assert short(rank(ALL, timetable, at(DUE), 30)) == ("L1 L2 L3", "next", -100, True)
    assert short(rank(ALL, timetable, at(DUE), 30, booked="truck")) == ("L1 L2 L3", "truck", 900, False)
    assert rank(ALL, timetable, at(DUE), 30, booked="next").departure == "next"


def test_without_a_promise_it_takes_its_place_and_is_not_judged() -> None:
    assert rank(ALL, arriving(5000, 100), None, 30) == Ranked(("L1", "L2", "L3"), "to-FRANCE")
    assert rank(ALL, arriving(None, 100), None, 30) == Ranked(("L1", "L2", "L3"))


def test_without_a_lane() -> None:
    assert rank([], arriving(100), at(DUE), 30) == Ranked(())


def test_the_reason_in_words() -> None:
    def why(*arrivals: float, ready: float = 0) -> str:
        return rank(ways(FRANCE, SPAIN, ready=ready), arriving(*arrivals), at(DUE), 30).why

    assert why(900, 100) == "L1 with to-FRANCE keeps the promise by 100 min"
    broken = "L1 with to-FRANCE breaks the promise by 5 min"
    assert why(1004.5, 100) == f"{broken}; L2 with to-SPAIN keeps the promise by 900 min"
    assert why(1005, 990) == f"{broken}; the best arrival that is left has 10 min"
    assert why(100, 100, ready=11) == "L1: no departure to FRANCE can be caught; no departure is left"


# --- when it is due ---------------------------------------------------------------------------------------------------


def test_when_it_is_due() -> None:
    promised, accepted = "2026-11-24T01:00:00+01:00", "2026-11-23T00:00:00Z"
    assert due(advice(promise_by=promised), 72) == BASE
    assert due(advice(promise_by=promised, accepted=accepted), 72) == BASE
    assert due(advice(accepted=accepted), 72) == BASE + 48 * HOUR_MS
    assert due(advice(accepted=accepted), 1) == BASE - 23 * HOUR_MS
    assert due(advice(), 72) is None


# --- beside an exhaustive search --------------------------------------------------------------------------------------

LANES = ("L1", "L2", "L3", "L4", "L5", "L6")
TARGETS = ("FRANCE", "SPAIN", "ITALY", "BELGIUM")
Row = tuple[str, str, int, int, str, int, int]
"""departure, destination, cut-off, arrival (minutes), status, capacity, booked"""
Stop = tuple[str, str, int]
"""lane, destination, ready (minute)"""


def world(rng: Random) -> tuple[list[Row], Timetable]:
    """Departures on a coarse grid of minutes, so that times meet often."""
    rows: list[Row] = []
    timetable = Timetable()
    for target in TARGETS:
        for number in range(rng.randrange(6)):
            cut_off = rng.randrange(0, 60, 10)
            status = rng.choice(("scheduled", "scheduled", "delayed", "closing", "closed", "departed", "cancelled"))
            capacity = rng.randrange(4)
            row = (
                f"{number}{target}",
                target,
                cut_off,
                cut_off + rng.randrange(0, 90, 10),
                status,
                capacity,
                rng.randrange(4),
            )
            rows.append(row)
            made = departure(row[0], row[2], row[3], destinations=(target,), status=status, capacity=capacity)
            timetable.restore(made, row[6], UTC)
    rng.shuffle(rows)
    return rows, timetable


def by_hand(
    stops: list[Stop], rows: list[Row], promise: int | None, spare: int, booked: str | None
) -> tuple[list[str], str | None, int | None, bool]:
    """Every allowed lane with every departure at that moment, searched with the rule's sentence in hand."""
    choices = []
    for number, (lane, target, ready) in enumerate(stops):
        for name, goes_to, cut_off, arrival, status, capacity, taken in rows:
            is_open = status not in ("closed", "departed", "cancelled")
            room = capacity == 0 or capacity - taken > 0 or name == booked
            if goes_to == target and is_open and room and not cut_off < ready:
                choices.append((number, cut_off, name, lane, arrival))
    choices.sort()
    plan = [lane for lane, _, _ in stops]
    of_first = [choice for choice in choices if choice[0] == 0]
    goes_with = of_first[0][2] if of_first else None
    judged = promise is not None and any(row[1] == stops[0][1] for row in rows)
    if promise is None or not judged:
        return plan, goes_with, None, False
    if of_first and not of_first[0][4] > promise:
        return plan, goes_with, promise - of_first[0][4], False
    enough = [choice for choice in choices if choice[4] + spare <= promise]
    if enough:
        _, _, name, lane, arrival = enough[0]
        plan.remove(lane)
        return [lane, *plan], name, promise - arrival, False
    return plan, goes_with, max((promise - choice[4] for choice in choices), default=None), True


def test_ten_thousand_decisions_beside_an_exhaustive_search() -> None:
    rng = Random(20261123)
    seen: dict[str, int] = {"kept": 0, "moved": 0, "at risk": 0, "nothing left": 0, "not judged": 0}
    for _ in range(500):
        rows, timetable = world(rng)
        for _ in range(20):
            lanes = rng.sample(LANES, rng.randrange(1, 7))
            stops = [(lane, rng.choice(TARGETS), rng.randrange(0, 60, 5)) for lane in lanes]
            promise = rng.choice((None, *range(0, 150, 10), *range(0, 150, 10)))
            spare = rng.choice((0, 10, 30))
            booked = rng.choice((None, *(row[0] for row in rows)))
            found = rank(
                [Way(lane, target, at(ready)) for lane, target, ready in stops],
                timetable,
                None if promise is None else at(promise),
                spare,
                booked,
            )
            expected = by_hand(stops, rows, promise, spare, booked)
            assert (list(found.lanes), found.departure, found.slack_min, found.at_risk) == expected
            if found.at_risk:
                seen["at risk" if found.slack_min is not None else "nothing left"] += 1
            elif found.slack_min is None:
                seen["not judged"] += 1
            else:
                seen["kept" if found.lanes[0] == lanes[0] else "moved"] += 1
    assert min(seen.values()) > 100, seen


# --- whatever the day is like -----------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(0, 150), st.integers(0, 150), st.sampled_from((0, 10, 30)))
def test_a_later_promise_is_never_worse(seed: int, one: int, other: int, spare: int) -> None:
    rng = Random(seed)
    _, timetable = world(rng)
    here = [Way(lane, rng.choice(TARGETS), at(rng.randrange(60))) for lane in LANES]
    sooner, later = (rank(here, timetable, at(promise), spare) for promise in sorted((one, other)))
    assert later.at_risk <= sooner.at_risk
    if later.at_risk and sooner.slack_min is not None:
        assert later.slack_min is not None
        assert later.slack_min >= sooner.slack_min
    for ranked in (sooner, later):
        rest = [lane for lane in LANES if lane != ranked.lanes[0]]
        assert list(ranked.lanes[1:]) == rest, "all others stay in the plan's order"
        if not ranked.at_risk and ranked.slack_min is not None:
            assert ranked.slack_min >= (0 if ranked.lanes[0] == LANES[0] else spare)
            run = timetable.get(ranked.departure or "")
            assert run is not None
            assert run.open


# --- beside the optimum -----------------------------------------------------------------------------------------------


def test_the_most_that_can_be_kept() -> None:
    assert promise_share.max_flow([["A", "B"], ["A"]], {"A": 1, "B": 1}) == 2, "the first makes room"
    assert promise_share.max_flow([["A", "B"], ["A", "C"], ["A"]], {"A": 1, "B": 1, "C": 0}) == 2
    assert promise_share.max_flow([["A"], ["A"], ["A"], []], {"A": 2}) == 2
    chain = [["A", "B"], ["B", "C"], ["C", "D"], ["A"], ["B"]]
    assert promise_share.max_flow(chain, dict.fromkeys("ABCD", 1)) == 4


@pytest.mark.parametrize("load", promise_share.LOADS)
def test_never_more_than_the_optimum(load: float) -> None:
    departures, parcels = promise_share.day(load, seed=1)
    kept, best = promise_share.kept_online(departures, parcels), promise_share.kept_at_best(departures, parcels)
    assert kept <= best <= promise_share.PLACES
    if load <= 1:
        assert best == len(parcels), "every parcel has its place with its witness"


def test_at_half_load_half_of_the_promises_at_least() -> None:
    # A parcel is at risk only if its witness is full: else a choice with slack_min is left. Half of the places are
    # wanted in all, so at most half of the departures are ever full, and each is the witness of as many parcels.
    for seed in range(3):
        departures, parcels = promise_share.day(0.5, seed)
        assert promise_share.kept_online(departures, parcels) >= len(parcels) / 2
