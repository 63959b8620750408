"""The travel: its table of moves, its decisions, exactly one end, and its way through the journal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.identity import Result
from controller.routing import Decision
from controller.travel import KEPT_DECISIONS, TRANSITIONS, TRAVEL, ImpossibleMove, State, Travel
from tests.floor_fixture import advice, ready, ride

MOVES = ("arrive", "route", "obey", "refuse", "end")
POSSIBLE = {
    State.INDUCTED: {"arrive", "obey", "end"},
    State.ARRIVED: set(MOVES),
    State.ROUTED: set(MOVES),
    State.OBEYED: set(MOVES),
    State.ENDED: set(),
}


def travel(state: State = State.INDUCTED) -> Travel:
    return Travel("S1-jrnl0000-1", "S1", 7, 1, "S1-jrnl0000-1", state=state)


def decision(number: int, *lanes: str) -> Decision:
    return Decision(lanes, "FRANCE", "PLAN", "rule 1", "READ", "day 1", "release", True, number)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", [*MOVES, "no such move"])
def test_every_move_of_every_state(state: State, move: str) -> None:
    one = travel(state)
    if move in POSSIBLE[state]:
        one.move(move)
        assert one.state is TRANSITIONS[state][move]
    else:
        with pytest.raises(ImpossibleMove, match=f"S1-jrnl0000-1.*{move}.*{state.value}"):
            one.move(move)
        assert one.state is state


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(State)
    reached, todo = {State.INDUCTED}, [State.INDUCTED]
    while todo:
        for after in TRANSITIONS[todo.pop()].values():
            if after not in reached:
                reached.add(after)
                todo.append(after)
    assert reached == set(State)


def test_every_open_state_can_end_and_the_end_is_the_end() -> None:
    for state in State:
        assert ("end" in TRANSITIONS[state]) == (state is not State.ENDED)
    assert TRANSITIONS[State.ENDED] == {}


@given(st.lists(st.sampled_from(MOVES), max_size=30))
def test_one_end_at_most(moves: list[str]) -> None:
    one, ends = travel(), 0
    for move in moves:
        try:
            one.move(move)
            ends += move == "end"
        except ImpossibleMove:
            pass
    assert ends <= 1
    assert (one.state is State.ENDED) == (ends == 1)


def test_decisions_are_remembered_by_number_and_bounded() -> None:
    one = travel()
    one.take(decision(1, "S1-L01"))
    one.obeyed = 1
    for number in range(2, 100):
        one.take(decision(number, f"lane-{number}"))
    assert one.decision == decision(99, "lane-99")
    assert one.decisions[1].lanes == ("S1-L01",), "the one that the PLC obeys is not forgotten"
    assert len(one.decisions) <= KEPT_DECISIONS + 2
    assert one.number == 99


def test_through_the_journal() -> None:
    one = travel(State.OBEYED)
    one.results = [
        Result("t1", "READ", "C\u00e9\u0000\U0001f4e6", 12.5, "C0"),
        Result("t1", "NO_READ", None, 13.0, source="plc"),
    ]
    one.take(decision(1, "S1-L01", "S1-EX"))
    one.refused, one.decide_by, one.mark_mm, one.mark_at = ("S1-L02",), 4.5, 2000.0, 100.25
    one.parcel, one.certainty, one.expired, one.shifts, one.resend = "P1", "D", True, (300.0,), True
    assert TRAVEL.validate_json(TRAVEL.dump_json(one)) == one


def test_a_late_message_does_not_set_a_parcel_back() -> None:
    one = travel()
    assert one.seen(2000.0, 100.0, None, 500.0)
    assert not one.seen(2000.0, 150.0, 2050.0, 500.0), "the eye cannot have seen it twice: the message was late"
    assert one.seen(3000.0, 900.0, 2800.0, 500.0), "it is further than we thought"
    assert (one.mark_mm, one.mark_at) == (3000.0, 900.0)


def test_decision_numbers_wrap() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.travel().number = 9998
    bench.after(800).arrv(1)
    bench.answer()
    bench.advise(advice(country="BE", customs="none", version=1))
    assert [number for number, _, _ in bench.dests()] == [9999, 1]


def test_the_id_is_the_sequence_of_its_inducted_event() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench, 1)
    ride(bench, 2, None)
    for event in bench.events:
        if event.name == "parcel/inducted":
            assert event.data.travel == f"S1-jrnl0000-{event.seq}"
            assert event.subject == f"travel/{event.data.travel}"
    assert len(bench.named("parcel/inducted")) == 2


def test_the_story_of_a_travel() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench)
    bench.answer()
    bench.after(3000).divc(1, "S1-L01")
    assert bench.names() == ["parcel/inducted", "parcel/read", "parcel/routed", "parcel/sorted"]
    end = bench.last("parcel/sorted")
    assert (end.lane, end.decision, end.wanted, end.result, end.evidence) == ("S1-L01", 1, "S1-L01", "OK", "gate")
    assert (end.parcel, end.destination, end.identity, end.ordinal) == ("P1", "FRANCE", "READ", 1)
    assert not end.decision_not_recorded
    assert bench.floor.travels() == []
    assert ("travel", end.travel) not in bench.kept
