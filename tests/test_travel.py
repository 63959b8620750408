"""The travel: its table of moves, its decisions, exactly one end, and its way through the journal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.identity import Result
from controller.routing import Decision
from controller.travel import KEPT_DECISIONS, KEPT_RESULTS, TRANSITIONS, TRAVEL, ImpossibleMove, State, Travel
from tests.floor_fixture import advice, ready, ride

MOVES = ("arrive", "route", "obey", "refuse", "pass", "end")
AFTER = {
    State.INDUCTED: "arrived  -       obeyed  -        inducted  ended",
    State.ARRIVED: " arrived  routed  obeyed  arrived  inducted  ended",
    State.ROUTED: "  routed   routed  obeyed  arrived  inducted  ended",
    State.OBEYED: "  obeyed   routed  obeyed  obeyed   inducted  ended",
    State.ENDED: "   -        -       -       -        -         -",
}
"""state -> the states after `MOVES`"""


def travel(state: State = State.INDUCTED) -> Travel:
    return Travel("S1-jrnl0000-1", "S1", 7, 1, "S1-jrnl0000-1", state=state)


def decision(number: int, *lanes: str) -> Decision:
    return Decision(lanes, "FRANCE", "PLAN", "rule 1", "READ", "day 1", "release", True, number)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", [*MOVES, "no such move"])
def test_every_move_of_every_state(state: State, move: str) -> None:
    one = travel(state)
    after = dict(zip(MOVES, AFTER[state].split(), strict=True)).get(move, "-")
    if after != "-":
        one.move(move)
        assert one.state.value == after
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


@pytest.mark.parametrize("obeyed", [0, 1, 95])
def test_decisions_are_remembered_by_number_and_bounded(obeyed: int) -> None:
    one = travel()
    for number in range(1, 100):
        one.take(decision(number, f"lane-{number}"))
        one.obeyed = obeyed if number >= obeyed else 0
    latest = {number: decision(number, f"lane-{number}") for number in range(100 - KEPT_DECISIONS, 100)}
    first = {1: decision(1, "lane-1")} if obeyed == 1 else {}
    assert one.decisions == latest | first, "the one that the PLC obeys is not forgotten"
    assert (one.decision, one.number) == (latest[99], 99)


def test_numbers_begin_again_and_the_latest_decisions_are_not_forgotten() -> None:
    one = travel()
    one.resend = True
    for number in (*range(9990, 10_000), 1, 2, 3):
        one.take(decision(number, "S1-L01"))
    assert list(one.decisions) == [*range(9995, 10_000), 1, 2, 3]
    assert (one.number, one.decision, one.resend) == (3, decision(3, "S1-L01"), False)


# --- doubt and what is read after it ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "said", "after", "news"),
    [
        ("S", "D", "D", True),
        ("S", "U", "U", True),
        ("D", "D", "D", False),
        ("D", "U", "U", True),
        ("U", "D", "U", False),
        ("U", "U", "U", False),
    ],
)
def test_doubt_grows_and_does_not_shrink(before: str, said: str, after: str, news: bool) -> None:
    one = travel()
    one.certainty = before
    assert one.doubtful is (before != "S")
    assert one.doubt(said, 70.0) is news
    assert (one.certainty, one.doubted_at, one.doubtful) == (after, 70.0, True)


def results(*said: tuple[float, str | None]) -> list[Result]:
    return [Result("t1", "READ" if code else "NO_READ", code, at) for at, code in said]


@pytest.mark.parametrize(
    ("certainty", "heard", "again"),
    [
        ("D", [(50.0, "OLD"), (70.0, "OLD"), (71.0, "NEW")], True),
        ("U", [(71.0, "NEW")], True),
        ("S", [(71.0, "NEW")], False),
        ("D", [(50.0, "OLD"), (70.0, "NEW")], False),
        ("D", [(50.0, "OLD"), (71.0, None)], False),
        ("D", [], False),
    ],
)
def test_a_read_after_the_doubt_makes_it_sure_again(
    certainty: str, heard: list[tuple[float, str | None]], again: bool
) -> None:
    one = travel()
    one.certainty, one.doubted_at, one.shifts, one.results = certainty, 70.0, (300.0,), results(*heard)
    assert one.read_again() is again
    assert one.suspect is not again
    assert one.certainty == ("S" if again else certainty)
    assert one.results == (results((71.0, "NEW")) if again else results(*heard))


def test_what_somebody_told_later_lifts_no_doubt() -> None:
    one = travel()
    one.doubt("D", 70.0)
    one.results = [Result("t1", "READ", "OLD", 71.0, dated=False)]
    assert not one.read_again()
    assert one.doubtful


def test_results_are_noted_once_and_bounded() -> None:
    one = travel()
    assert one.heard(Result("t1", "READ", "C1", 1.0))
    assert not one.heard(Result("t1", "READ", "C1", 2.0)), "said again"
    assert one.heard(Result("t2", "READ", "C1", 2.0))
    assert one.heard(Result("t1", "READ", "C2", 2.0))
    assert one.heard(Result("t1", "NO_READ", None, 2.0))
    assert one.heard(Result("t1", "AMBIGUOUS", None, 2.0))
    for number in range(KEPT_RESULTS):
        assert one.heard(Result("t3", "READ", f"X{number}", 3.0)) is (number < KEPT_RESULTS - 5)
    assert len(one.results) == KEPT_RESULTS
    assert one.results[0].at == 1.0


@pytest.mark.parametrize(("old", "new", "kept"), [(5.0, 8.0, 8.0), (7.0, 8.0, 8.0), (7.5, 8.0, 7.5), (5.0, 7.0, 5.0)])
def test_what_is_said_again_after_a_doubt_counts_from_then(old: float, new: float, kept: float) -> None:
    one = travel()
    one.doubted_at = 7.0
    one.results = [Result("t2", "READ", "C1", 1.0), Result("t1", "READ", "C1", old)]
    assert one.heard(Result("t1", "READ", "C1", new)) is (kept == new)
    assert [result.at for result in one.results] == [1.0, kept]


# --- on a loop, and on the next line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "certainty", "kept"),
    [("READ", "S", ["C1", "C2"]), ("READ", "D", ["C2"]), ("NO_READ", "S", ["C2"]), ("NO_READ", "D", ["C2"])],
)
def test_past_its_gates_it_begins_anew(identity: str, certainty: str, kept: list[str]) -> None:
    one = travel(State.OBEYED)
    one.take(decision(3, "S1-L01"))
    one.identity, one.certainty, one.arrived_at = identity, certainty, 60.0
    one.obeyed, one.decide_by, one.stop_at, one.refused = 3, 99.0, 98.0, ("S1-L02",)
    one.expired = one.resend = one.touching = True
    one.shifts = (300.0,)
    one.results = results((50.0, "C1"), (55.0, None), (60.0, None), (60.5, "C2"), (61.0, None))
    one.pass_gates(2)
    assert [result.code for result in one.results] == [*kept, None]
    expected = travel(State.INDUCTED)
    expected.identity, expected.certainty, expected.arrived_at = identity, certainty, 60.0
    expected.results, expected.lap, expected.number = one.results, 2, 3
    expected.decisions = {3: decision(3, "S1-L01")}
    assert one == expected
    assert one.decision is None


def test_what_the_plc_s_scanner_said_is_of_the_arrival_behind_it() -> None:
    one = travel(State.OBEYED)
    one.arrived_at = 60.0
    one.results = [Result("S1-DEC", "READ", "C1", 61.0, source="plc"), Result("t1", "READ", "C2", 61.0)]
    one.pass_gates(2)
    assert [result.code for result in one.results] == ["C2"]


def test_on_the_next_line_it_knows_what_it_knew() -> None:
    before, after = travel(), Travel("S2-jrnl0000-9", "S2", 7, 4, "S1-jrnl0000-1")
    before.results, before.weight_g, before.shifts = results((5.0, "C1")), 900, (300.0,)
    before.certainty, before.doubted_at = "U", 6.0
    after.goes_on(before)
    found = (after.before, after.weight_g, after.shifts, after.certainty, after.doubted_at, after.results)
    assert found == (before.id, 900, (300.0,), "U", 6.0, before.results)
    after.heard(Result("t2", "READ", "C2", 7.0))
    assert len(before.results) == 1, "they share no memory"


def test_what_is_known_of_it_on_the_next_line_holds_there() -> None:
    before, after = travel(), Travel("S2-jrnl0000-9", "S2", 7, 4, "S1-jrnl0000-1")
    before.results, before.doubted_at = results((5.0, "C1")), 6.0
    before.length_mm, before.weight_g, before.shifts = 300, 900, (300.0,)
    after.results, after.doubted_at = results((8.0, "C2")), 3.0
    after.length_mm, after.weight_g, after.shifts, after.at_risk = 310, 0, (-200.0,), True
    after.goes_on(before)
    assert (after.length_mm, after.weight_g, after.shifts, after.at_risk) == (310, 0, (-200.0,), True)
    assert (after.results, after.doubted_at) == (results((5.0, "C1"), (8.0, "C2")), 3.0), "it was sure before, too"
    measured = Travel("S2-jrnl0000-10", "S2", 7, 5, "S1-jrnl0000-1")
    measured.goes_on(before)
    assert measured.length_mm == 300


@pytest.mark.parametrize(("doubted", "sure"), [(3.0, True), (8.0, False)])
def test_what_was_read_on_the_next_line_lifts_the_doubt_of_the_line_before(doubted: float, sure: bool) -> None:
    before, after = travel(), Travel("S2-jrnl0000-9", "S2", 7, 4, "S1-jrnl0000-1")
    before.results, before.certainty, before.doubted_at = results((5.0, "C1")), "D", 6.0
    after.results, after.doubted_at = results((8.0, "C2")), doubted
    after.goes_on(before)
    assert after.doubtful is not sure
    assert [result.code for result in after.results] == (["C2"] if sure else ["C1", "C2"])


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


def test_what_an_older_journal_does_not_say() -> None:
    kept = TRAVEL.validate_python({"id": "T1", "line": "S1", "epoch": 7, "track": 1, "visit": "V1"})
    assert kept == Travel("T1", "S1", 7, 1, "V1")
    assert (kept.state, kept.identity, kept.point, kept.certainty) == (State.INDUCTED, "SCANNER_LATE", "", "S")
    assert (kept.mark_mm, kept.mark_at, kept.arrived_at, kept.doubted_at) == (None, 0, 0, 0)
    assert (kept.length_mm, kept.weight_g, kept.lap, kept.number, kept.current, kept.obeyed) == (0, None, 0, 0, 0, 0)
    assert not kept.flushed
    old = decision(3, "S1-L01")
    said = {name: getattr(old, name) for name in "lanes destination reason why identity plan customs released".split()}
    again = TRAVEL.validate_python(
        {"id": "T1", "line": "S1", "epoch": 7, "track": 1, "visit": "V", "decisions": {3: said}}
    )
    known = again.decisions[3]
    assert (known.stay, known.waits, known.at_risk, known.departure, known.slack_min) == (
        False,
        False,
        False,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("predicted", "moved"), [(None, True), (2000.0, False), (2499.0, False), (2500.0, True), (1999.0, True)]
)
def test_a_late_message_does_not_set_a_parcel_back(predicted: float | None, moved: bool) -> None:
    """The eye cannot have seen it before it came there: what was thought to be a little further on is so."""
    one = travel()
    one.mark_mm, one.mark_at = 100.0, 50.0
    assert one.seen(2000.0, 900.0, predicted, 500.0) is moved
    assert (one.mark_mm, one.mark_at) == ((2000.0, 900.0) if moved else (100.0, 50.0))


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
