"""A line by itself: ways on belts and loops, whose a result is, and how long it is remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import Line
from controller.identity import Result
from controller.line import HOLD_MM, KEPT_RESULTS, NEAR_MM, LineState
from controller.matching import Odometer
from controller.readers import KEPT_OFFSETS, Counter, Reader, Recent
from controller.travel import Travel
from tests.floor_fixture import Bench

LAP = 16_000
INF = float("inf")


def line(kind: Any = "line", *travels: tuple[int, float], **more: Any) -> LineState:
    """1 mm a ms, with travels: (track, position at moment 0). Belt marks are moments until it stops."""
    config = Line(kind=kind, speed_mm_s=1000, length_mm=LAP, default_lane="EX", coast_mm=30)
    made = LineState("S1", config, Odometer(1000), epoch=7, **more)
    for track, position in travels:
        made.add(Travel(f"T{track}", "S1", 7, track, "V", mark_mm=position))
    return made


def reader(*recent: Recent, **more: Any) -> Reader:
    """At 1200 mm, ± 80 mm."""
    fields = {"reports_no_read": True, "late_mm": 400.0, "window_mm": 80.0, **more}
    return Reader("t1", "P1", 1200.0, recent=list(recent), **fields)


def result(code: str | None = "C1", at: float = 0.0, **more: Any) -> Result:
    return Result("t1", "READ" if code else "NO_READ", code, at, **more)


def recent(mark: float = 0.0, travel: str | None = None, code: str | None = "C1", **more: Any) -> Recent:
    return Recent(result(code, mark, **more), mark, travel)


def owners(made: LineState, at: Reader, *results: Recent) -> list[str | None]:
    made.assign(at, list(results))
    return [one.travel for one in results]


def test_before_anything_is_heard() -> None:
    made = Bench().floor.lines["S1"]
    (at,) = made.readers
    assert (at.up, at.up_since, at.match) == (False, 0, "time")
    assert Reader("t1", "P1", 0.0, 0.0, True, 0.0).match == "time"
    assert (made.in_session, made.synchronised, made.state, made.told, made.inhibited) == (
        False,
        False,
        "RUN",
        False,
        False,
    )


# --- ways -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "position", "place", "way", "ahead"),
    [
        ("line", 1000, 1200, 200, 200),
        ("line", 1200, 1000, -200, -200),
        ("line", 0, 15_000, 15_000, 15_000),
        ("loop", 1000, 1200, 200, 200),
        ("loop", 1200, 1000, 15_800, -200),
        ("loop", 15_900, 100, 200, 200),
        ("loop", 100, 15_900, 15_800, -200),
        ("loop", 0, 7999, 7999, 7999),
        ("loop", 0, 8000, 8000, -8000),
        ("loop", 5, 5, 0, 0),
    ],
)
def test_how_far_it_is(kind: str, position: float, place: float, way: float, ahead: float) -> None:
    made = line(kind)
    assert (made.way(position, place), made.ahead(place, position)) == (way, ahead)
    assert made.lap_mm == (LAP if kind == "loop" else 0)


@pytest.mark.parametrize(
    ("kind", "decisions", "position", "way"),
    [
        ("line", (2000, 9000), 2000, 7000),
        ("line", (2000, 9000, 12_000), 2000, 7000),
        ("line", (2000, 9000), 9000, INF),
        ("line", (), 0, INF),
        ("loop", (2000, 9000), 2000, 7000),
        ("loop", (2000, 9000), 9000, 9000),
        ("loop", (2000,), 2000, LAP),
        ("loop", (2000, 2001), 2000, 1),
    ],
)
def test_how_far_the_next_decision_is(kind: str, decisions: tuple[int, ...], position: float, way: float) -> None:
    assert line(kind, decisions=decisions).next_decision(position) == way


def test_where_it_is() -> None:
    for kind, places in (("line", [600, 500, 16_500]), ("loop", [600, 500, 500])):
        made = line(kind, (1, 500.0))
        travel = made.by_track[1]
        assert [made.position(travel, when) for when in (100, 0, 16_000)] == places
        travel.mark_at = 100.0
        assert made.place(travel, 50.0) == 450, "also before its eye saw it"
        travel.mark_mm = None
        assert made.position(travel, 0) is None


def test_a_track_number_that_was_given_anew() -> None:
    made = line("line", (1, 500.0))
    old, new = made.by_track[1], Travel("T9", "S1", 7, 1, "V")
    made.named = {"T1", "T9"}
    made.add(new)
    made.remove(old)
    assert (made.travels, made.by_track, made.named) == ({"T9": new}, {1: new}, {"T9"})
    made.remove(old)
    made.remove(new)
    assert (made.travels, made.by_track, made.named) == ({}, {}, set())


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "owner"), [(1119, None), (1120, "T1"), (1200, "T1"), (1280, "T1"), (1281, None), (1200 + LAP, None)]
)
def test_by_its_window(mark: float, owner: str | None) -> None:
    assert owners(line("line", (1, 0.0)), reader(), recent(mark)) == [owner]
    around = "T1" if mark > LAP else owner
    assert owners(line("loop", (1, 0.0)), reader(), recent(mark)) == [around]


@pytest.mark.parametrize(("coast", "mark", "owner"), [(30, 1310, "T1"), (30, 1311, None), (0, 1281, None)])
def test_the_window_grows_with_each_stop_since_its_eye(coast: int, mark: float, owner: str | None) -> None:
    made = line("line", (1, 0.0))
    made.config = made.config.model_copy(update={"coast_mm": coast})
    made.odometer.change(700, running=False)
    made.odometer.change(900, running=True)
    assert owners(made, reader(), recent(mark)) == [owner]
    made.travels["T1"].mark_mm, made.travels["T1"].mark_at = 700.0, 900.0
    assert owners(made, reader(), recent(mark)) == [None], "stops before it was seen do not count"


@pytest.mark.parametrize(
    ("off", "owner"), [(NEAR_MM, "T1"), (-NEAR_MM, "T1"), (NEAR_MM + 1, None), (-NEAR_MM - 1, None)]
)
def test_who_is_far_away_has_no_say(off: float, owner: str | None) -> None:
    made = line("line", (1, 1200 + off), (2, 0.0))
    made.by_track[2].mark_mm = None
    assert owners(made, reader(window_mm=99_999.0), recent()) == [owner]


def test_between_two_it_is_nobodys_and_says_so() -> None:
    made = line("line", (1, 30.0), (2, -30.0))
    unsure, none = recent(1200), recent(5000)
    assert owners(made, reader(), unsure, none) == [None, None]
    assert (unsure.ambiguous, none.ambiguous) == (True, False)
    made.by_track[2].mark_mm = -100.0
    assert owners(made, reader(), unsure) == ["T1"]
    assert asdict(unsure) == asdict(recent(1200, "T1")), "nothing is left of the doubt"


@pytest.mark.parametrize(
    ("match", "index", "owner"),
    [
        ("index", 2, "T2"),
        ("index", 3, None),
        ("index", None, None),
        ("carrier", 77, "T2"),
        ("carrier", 2, None),
        ("carrier", None, "T1"),
        ("time", 2, "T1"),
    ],
)
def test_who_is_named_gets_it_wherever_it_is(match: str, index: int | None, owner: str | None) -> None:
    made = line("line", (1, 1200.0), (2, 9000.0))
    made.by_track[2].carrier = "77"
    assert owners(made, reader(match=match), recent(index=index)) == [owner]
    made.epoch = 8
    assert owners(made, reader(match=match), recent(index=index)) == ["T1" if owner == "T1" else None]


def test_what_a_new_position_may_change() -> None:
    made = line("line", (1, 0.0), (2, 5000.0))
    one = made.by_track[1]
    marks = {1119: None, 1120: None, 1280: None, 1281: None, 3000: "T1", 1200: "T2"}
    at = reader(*(recent(mark, travel) for mark, travel in marks.items()))
    assert [found.mark for found in made.concerned(at, one)] == [1120, 1280, 3000, 1200]
    made.odometer.change(300, running=False)
    made.odometer.change(400, running=True)
    assert [found.mark for found in made.concerned(at, one)] == [1119, 1120, 1280, 1281, 3000, 1200]
    one.mark_mm = None
    assert [found.mark for found in made.concerned(at, one)] == [3000]
    by_index = reader(recent(1, index=1), recent(2, index=2), recent(3, "T1", index=2), recent(1200), match="index")
    assert [found.mark for found in made.concerned(by_index, one)] == [1, 3]


def test_a_result_changes_hands() -> None:
    made = line("line", (1, 0.0), (2, -300.0), (3, -5000.0))
    at = reader(recent(1500, "T1", "C1"), recent(1500, "T2", "C2"), recent(9000, "GONE", "C3"))
    one, two, three = made.travels.values()
    for found in at.recent:
        found.reported = True
    older, elsewhere = result("OLD", 100.0), Result("t9", "READ", "C1", 1500.0)
    one.results, two.results = [elsewhere, older, result("C1", 1500.0)], [result("C2", 1500.0)]
    assert made.assign(at, at.recent) == [one, two]
    assert one.results == [elsewhere, older], "what is not remembered here stays, and so do other readers' results"
    assert two.results == [result("C1", 1500.0), result("C2", 1500.0)]
    assert [(found.travel, found.reported) for found in at.recent] == [("T2", False), ("T2", True), ("GONE", True)]
    assert made.assign(at, at.recent) == []
    assert three.results == []


# --- results that may be another's ------------------------------------------------------------------------------------


def judged(kind: str, at: Reader, *positions: float, **shifts: tuple[float, ...]) -> tuple[float, ...]:
    """The shifts of T1, judged by what the reader gave it at the marks of `at.recent`. `positions`: of T1, T2, … at
    mark 0, beside one in an unknown place; `shifts`: what others are suspected of."""
    made = line(kind, *enumerate(positions, 1), (99, 9000.0))
    made.by_track[99].mark_mm = None
    for name, known in shifts.items():
        made.travels[name].shifts = known
    lost = recent(5000.0, "T1", "LOST")  # of nobody: so that it is judged anew
    at.recent.append(lost)
    for found in at.recent:
        if found.travel in made.travels:
            made.travels[found.travel or ""].heard(found.result)
    others = {travel.id: travel.shifts for travel in list(made.travels.values())[1:]}
    assert made.assign(at, [lost]) == [made.by_track[1]]
    assert {travel.id: travel.shifts for travel in list(made.travels.values())[1:]} == others, "only it is judged"
    return made.by_track[1].shifts


@pytest.mark.parametrize("kind", ["line", "loop"])
@pytest.mark.parametrize(
    ("ahead", "shifts"),
    [
        ((0.5,), (0.5,)),
        ((400.0,), (400.0,)),
        ((401.0,), ()),
        ((0.0,), ()),
        ((-0.5,), ()),
        ((-300.0,), ()),
        ((300.0, -300.0, 500.0, 350.0), (300.0, 350.0)),
    ],
)
def test_the_late_result_of_one_ahead_that_got_nothing(
    kind: str, ahead: tuple[float, ...], shifts: tuple[float, ...]
) -> None:
    places = [1200.0 + one for one in ahead]
    assert judged(kind, reader(recent(0.0, "T1")), 1200.0, *places) == shifts
    assert judged(kind, reader(recent(0.0, "T1"), reports_no_read=False), 1200.0, *places) == ()


def test_one_ahead_around_the_end_of_the_lap() -> None:
    assert judged("loop", reader(recent(0.0, "T1")), LAP - 100.0, 200.0, LAP - 300.0) == (300.0,)
    assert judged("line", reader(recent(0.0, "T1")), LAP - 100.0, 200.0, LAP - 300.0) == ()


@pytest.mark.parametrize(
    ("shift", "suspect"), [(140.0, True), (300.0, True), (460.0, True), (139.0, False), (461.0, False), (-300.0, False)]
)
def test_one_ahead_that_may_have_got_what_is_of_another_by_the_same_lateness(shift: float, suspect: bool) -> None:
    """T2, 300 mm ahead, got a result and is suspected of a shift itself, or of another one, too."""
    for known in ((shift,), (-999.0, shift), (shift, 9999.0)):
        at = reader(recent(0.0, "T1"), recent(1000.0, "T2"))
        assert judged("line", at, 1200.0, 1500.0, T2=known) == ((300.0,) if suspect else ())


@pytest.mark.parametrize(
    ("heard", "of", "suspect"), [(None, None, True), ("T1", None, False), (None, "t1", False), (None, "t9", True)]
)
def test_who_got_a_result_is_not_silent(heard: str | None, of: str | None, suspect: bool) -> None:
    made = line("line", (1, 1500.0), (2, 1200.0))
    at = reader(recent(0.0), *([recent(-300.0, heard, None)] if heard else []))
    made.by_track[1].results = [Result(of, "READ", "X", 0.0)] if of else []
    made.assign(at, at.recent[:1])
    assert made.by_track[2].shifts == ((300.0,) if suspect else ())


@pytest.mark.parametrize("kind", ["line", "loop"])
@pytest.mark.parametrize("no_reads", [True, False])
@pytest.mark.parametrize(
    ("since", "owner", "shifts"),
    [
        (0.5, None, (-0.5,)),
        (400.0, None, (-400.0,)),
        (401.0, None, ()),
        (0.0, None, ()),
        (-300.0, None, ()),
        (300.0, "GONE", ()),
        (300.0, "T2", ()),
    ],
)
def test_an_earlier_result_that_found_nobody_may_be_its_own(
    kind: str, no_reads: bool, since: float, owner: str | None, shifts: tuple[float, ...]
) -> None:
    """As when the PLC is late: what is read of the next one is given to this one."""
    at = reader(recent(7.0 - since, owner, "OLD"), recent(7.0, "T1"), reports_no_read=no_reads)
    assert judged(kind, at, 1200.0, 3000.0) == shifts


@pytest.mark.parametrize(
    ("shift", "suspect"),
    [(-140.0, True), (-300.0, True), (-460.0, True), (-139.0, False), (-461.0, False), (300.0, False)],
)
def test_an_earlier_result_that_may_be_the_next_ones_by_the_same_lateness(shift: float, suspect: bool) -> None:
    for known in ((shift,), (999.0, shift), (shift, 9999.0)):
        at = reader(recent(-293.0, "T2", "OLD"), recent(7.0, "T1"))
        assert judged("line", at, 1200.0, 3000.0, T2=known) == ((-300.0,) if suspect else ())


def test_an_earlier_result_is_one_before_its_first_and_all_are_shifts() -> None:
    marks = ((-600.0, None), (-300.0, None), (-299.0, "T2"), (0.0, "T1"), (30.0, None), (50.0, "T1"), (60.0, None))
    at = reader(*(recent(mark, owner, f"C{mark}") for mark, owner in marks))
    assert judged("line", at, 1200.0, 3000.0, 1400.0, T2=(-250.0,)) == (200.0, -300.0, -299.0)


@pytest.mark.parametrize(("match", "shifts"), [("index", ()), ("carrier", ()), ("time", (300.0, -100.0))])
def test_a_result_that_says_whose_it_is_suspects_nobody(match: str, shifts: tuple[float, ...]) -> None:
    at = reader(recent(-100.0, index=8), recent(0.0, "T1", index=1), match=match)
    assert judged("line", at, 1200.0, 1500.0) == shifts
    at = reader(recent(0.0, "T1"), recent(900.0, "T1", "C2", index=1), match="carrier")
    assert judged("line", at, 1200.0, 1500.0) == (300.0,), "what says nothing may still be another's"


def test_of_an_item_in_an_unknown_place_nothing_is_known() -> None:
    made = line("line", (1, 1500.0), (2, 1200.0))
    made.by_track[2].mark_mm = None
    at = reader(recent(-300.0), recent(0.0, "T2"), recent(4000.0, "T2"))
    assert made.assign(at, at.recent[2:]) == [made.by_track[2]]
    assert not made.by_track[2].suspect


def test_once_suspect_it_stays_so_until_it_is_read_again() -> None:
    made = line("line", (1, 1500.0), (2, 1200.0))
    made.by_track[2].shifts = (77.0,)
    at = reader(recent(0.0))
    made.assign(at, at.recent)
    assert made.by_track[2].shifts == (77.0,)
    made.by_track[2].doubt("D", -1.0)
    at.recent.append(recent(1.0, code="C2"))
    made.assign(at, at.recent[1:])
    assert made.by_track[2].shifts == (300.0,), "what was read again may be another's, too"


def test_who_lost_its_only_result_is_not_judged() -> None:
    assert judged("line", reader(), 1200.0, 1500.0) == ()


def test_what_is_contended() -> None:
    made = line("line", (1, 30.0), (2, -30.0), (3, -3000.0))
    sure, unsure = recent(4200.0), recent(1200.0)
    made.readers = [reader(), reader(sure, unsure)]
    assert owners(made, made.readers[1], unsure, sure) == [None, "T3"]
    assert [made.contended(travel) for travel in made.travels.values()] == [True, True, False]
    unsure.ambiguous = False
    assert not made.contended(made.by_track[1])


# --- how long it is remembered ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "code", "index", "again"),
    [
        (1080, "C1", 3, True),
        (920, "C1", 3, True),
        (1081, "C1", 3, False),
        (919, "C1", 3, False),
        (1000, "C2", 3, False),
        (1000, "C1", 4, False),
        (1000, None, 3, False),
    ],
)
def test_a_code_said_again(mark: float, code: str | None, index: int, again: bool) -> None:
    at = reader(recent(1000, None, None, index=3), recent(1000, code="C1", index=3))
    assert line().again(at, recent(mark, code=code, index=index)) is again


def test_when_the_oldest_is_given_up() -> None:
    made = line()
    at = reader(recent(100), recent(300))
    assert made.expires_at(reader()) is None
    assert made.expires_at(at) == 100 + HOLD_MM + 1
    at.recent[0].reported = True
    assert made.expires_at(at) == 300 + HOLD_MM + 1
    made.odometer.change(400, running=False)
    assert made.expires_at(at) is None, "the belt stands"
    at.recent[1].reported = True
    assert made.expires_at(at) is None


def test_what_has_passed_on_is_taken_out() -> None:
    made = line()
    old, young = recent(0), recent(1)
    at = reader(old, young)
    assert made.expired(at, HOLD_MM) == []
    assert made.expired(at, HOLD_MM + 1) == [old]
    assert at.recent == [young]


def test_of_too_many_the_oldest_is_taken_out() -> None:
    made = line()
    at = reader(*(recent(-1.0 * (number == 0), code=f"C{number}") for number in range(KEPT_RESULTS + 2)))
    kept = at.recent[2:]
    gone = made.expired(at, HOLD_MM)
    assert [found.result.code for found in gone] == ["C0", "C1"], "each once"
    assert at.recent == kept


# --- encoders ---------------------------------------------------------------------------------------------------------


def test_counts_are_belt_travel_whatever_the_messages_take() -> None:
    counter = Counter(500, 1000, 1e6)
    assert counter.mark(990, 100.0) == 100
    assert counter.mark(10, 115.0) == 110, "the message was 5 mm late; 20 counts on, over the end of the counter"
    assert counter.mark(0, 104.0) == 104, "this one is the least late"
    assert counter.mark(30, 130.0) == 119
    assert counter.mark(529, 999.0) == 368.5, "never more than half the counter"
    assert counter.mark(129, 999.0) == 168.5


def test_only_recent_messages_tie_counts_and_belt_together() -> None:
    counter = Counter(1000, 10_000, 1e6)
    assert counter.mark(0, 0.0) == 0
    for number in range(1, KEPT_OFFSETS):
        assert counter.mark(number, number + 7.0) == number
    assert counter.mark(KEPT_OFFSETS, KEPT_OFFSETS + 7.0) == KEPT_OFFSETS + 7


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 50)), min_size=1, max_size=KEPT_OFFSETS - 1))
def test_the_least_late_message_is_right_for_all(said: list[tuple[int, int]]) -> None:
    counter, at = Counter(1000, 1000, 1e6), 0
    assert counter.mark(0, 0.0) == 0
    for step, late in said:
        at += step
        assert counter.mark(at % 1000, float(at + late)) == at


def test_where_the_belt_was() -> None:
    made, at = line(), reader()
    assert asdict(made.recent(at, result(at=250.0))) == asdict(Recent(result(at=250.0), 250.0))
    assert made.recent(at, result(at=250.0, encoder=5)).mark == 250, "without a counter by time"
    at.counter = Counter(1000, 1000, 1e6)
    assert made.recent(at, result(at=250.0, encoder=5)).mark == 250
    assert made.recent(at, result(at=290.0, encoder=8)).mark == 253
    assert made.recent(at, result(at=300.0)).mark == 300, "without a count by time"


def test_what_ties_counts_and_belt_together_reaches_so_far() -> None:
    for way in (1, -1):
        counter = Counter(1000, 10_000, 500)
        at = 3000.0
        assert counter.mark(0, at) == at
        assert counter.mark(100 * way % 10_000, at + 100 * way + 2) == at + 100 * way
        assert counter.mark(500 * way % 10_000, at + 500 * way + 7) == at + 500 * way
        assert counter.mark(501 * way % 10_000, at + 501 * way + 7) == at + 501 * way + 2
        assert counter.mark(1500 * way % 10_000, at + 1500 * way + 9) == at + 1500 * way + 9, (
            "of all before none is near"
        )


def test_after_the_odometer_went_alone_counts_are_tied_anew() -> None:
    made, counted = line(), reader()
    made.readers = [reader(), counted]
    counted.counter = Counter(1000, 1000, 1e6)
    assert made.recent(counted, result(at=100.0, encoder=10)).mark == 100
    made.forget_counts()
    assert made.recent(counted, result(at=170.0, encoder=20)).mark == 170
    assert made.recent(counted, result(at=190.0, encoder=30)).mark == 180, "and hold from then on"


@pytest.mark.parametrize(("at", "stood"), [(100.0, 100.0), (200.0, 200.0), (201.0, 200.0), (300.0, 200.0)])
def test_what_was_read_since_was_read_elsewhere(at: float, stood: float) -> None:
    """The belt stood from 200 ms on, as is learnt later."""
    made, one = line(), recent(at)
    one.mark = 7000.0
    made.readers = [reader(one)]
    made.belt(200.0, running=False)
    assert one.mark == (stood if at > 200 else 7000.0)


@pytest.mark.parametrize(("read_at", "tied"), [(100.0, True), (300.0, False)])
def test_counts_are_tied_anew_where_something_was_read_since(read_at: float, tied: bool) -> None:
    made = line()
    counted = reader(recent(read_at))
    counted.counter = Counter(1000, 1000, 1e6)
    made.readers = [counted]
    assert made.recent(counted, result(at=100.0, encoder=10)).mark == 100
    made.belt(200.0, speed=1000)
    assert made.recent(counted, result(at=170.0, encoder=20)).mark == (110 if tied else 170)


def test_a_reader_without_counts_has_none_to_tie() -> None:
    made = line()
    made.readers = [reader(recent(300.0))]
    made.belt(200.0, running=False)
    assert made.readers[0].counter is None
