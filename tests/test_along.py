"""Travels near a place are found as if all were looked at."""

from __future__ import annotations

import math
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from controller.along import SLACK_MM, Along
from controller.matching import match, reach
from controller.travel import Travel

PLACES = st.floats(-20_000, 20_000).map(lambda place: round(place, 1))
MOVES = st.lists(st.tuples(st.integers(0, 12), st.none() | PLACES | st.just("gone")), max_size=60)


def travel(number: int) -> Travel:
    return Travel(f"T{number}", "S1", 7, number, "V")


def apart(one: float, other: float, lap: float) -> float:
    """How far from each other, on a loop the nearer of both ways round."""
    way = abs(one - other)
    return min(way % lap, lap - way % lap) if lap else way


@given(MOVES, PLACES, st.floats(0, 12_000), st.sampled_from((0.0, 900.0, 15_000.0)), st.booleans())
def test_all_that_are_near_and_no_other_in_order(
    moves: list[tuple[int, float | Literal["gone"] | None]], place: float, reached: float, lap: float, anew: bool
) -> None:
    along, there = Along(lap), dict[int, tuple[Travel, float | None]]()
    for number, where in moves:
        if where == "gone":
            if number in there:
                along.remove(there.pop(number)[0])
            continue
        if number not in there:
            there[number] = travel(number), where
            along.add(there[number][0])
        there[number] = there[number][0], where
        along.put(*there[number])
    if anew:
        along.put_all(there.values())
    found = along.near(place, reached)
    assert [one for one, _ in there.values() if one in found] == found, "in the order in which they were added"
    for one, where in there.values():
        way = math.inf if where is None else apart(where, place, lap)
        assert way > reached or one in found
        assert way < reached + 2 * SLACK_MM or one not in found


ITEMS = st.lists(st.tuples(st.floats(-1000, 1000), st.sampled_from((0.0, 30.0, 60.0))), max_size=8)


@given(ITEMS, st.floats(1, 200))
def test_who_is_out_of_reach_changes_nothing_of_a_match(places: list[tuple[float, float]], window: float) -> None:
    items = [(str(number), place, extra) for number, (place, extra) in enumerate(places)]
    widest = reach(window + max((extra for _, extra in places), default=0.0))
    assert match(0.0, window, items) == match(0.0, window, [item for item in items if abs(item[1]) <= widest])
