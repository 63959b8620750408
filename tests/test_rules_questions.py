"""What a decision is asked, and until when it waits for readers."""

from __future__ import annotations

from typing import Any

import pytest

from controller import questions
from controller.advice import Advice
from controller.identity import Identity, Result
from controller.line import LineState
from controller.promise import HOUR_MS
from controller.questions import LONGEST_WAIT_MS
from controller.readers import Reader
from controller.routing import Decision, Question
from controller.travel import Travel
from tests.floor_fixture import UTC, Bench, advice, ready
from tests.test_loops import LOOP

LAP = 16_000


def bench(*changes: str, loop: bool = False) -> Bench:
    return ready(*((LOOP,) if loop else ()), *changes)


def on(made: Bench, position: float | None = 2000.0, **more: Any) -> Travel:
    """A travel that is there now."""
    one = Travel("T1", "S1", 7, 1, "V1", mark_mm=position, mark_at=made.now, **more)
    made.floor.lines["S1"].add(one)
    return one


def ask(made: Bench, one: Travel, parcel: Advice | None = None) -> Question:
    identity = Identity("READ", parcel, "") if parcel else Identity("NO_READ", None, "")
    return questions.question(made.floor, made.floor.lines["S1"], one, identity, made.now)


def decided(one: Travel, *lanes: str, **more: Any) -> None:
    one.take(Decision(lanes, "FRANCE", "PLAN", "", "READ", "day 1", "release", True, 1, **more))


# --- the question -----------------------------------------------------------------------------------------------------


def test_all_that_is_known() -> None:
    made = bench("[customs]\n => [promise]\nhours = 24\nslack_min = 45\n[customs]\n")
    one = on(made, length_mm=350, weight_g=900, touching=True, certainty="D")
    decided(one, "S1-L02", "S1-L01", departure="F1")
    made.floor.given = {"FRANCE": {"S1-L01": 3}}
    made.after(500)
    parcel = advice(goods="dg", screened=True, weight_g=100, accepted="2026-11-23T00:00:00Z", customs="none")
    asked, floor = ask(made, one, parcel), made.floor
    assert (asked.line, asked.identity.advice, asked.customs.status) == ("S1", parcel, "none")
    assert (asked.plan, asked.lanes, asked.given, asked.timetable) == (
        floor.plan,
        floor.lanes,
        floor.given,
        floor.timetable,
    )
    assert (asked.position_mm, asked.length_mm, asked.weight_g) == (2500, 350, 900)
    assert (asked.doubtful, asked.touching, asked.going_to, asked.booked) == (True, True, "S1-L02", "F1")
    assert (asked.goods, asked.screened) == ("dg", True)
    assert (asked.slack_min, asked.now, asked.utc_ms, asked.speed_mm_s) == (45, made.now, UTC + made.now, 1000)
    assert asked.due_ms == 1_795_392_000_000 + 24 * HOUR_MS
    assert (asked.lap_mm, asked.origin_mm, asked.reach_mm, asked.laps_left, asked.reads_left) == (
        0,
        0,
        float("inf"),
        0,
        0,
    )


def test_hardly_anything_is_known() -> None:
    made = bench()
    made.floor.lines["S1"].odometer.change(made.now, speed=0)
    asked = ask(made, on(made, None))
    assert (asked.position_mm, asked.length_mm, asked.weight_g, asked.doubtful, asked.touching) == (
        0,
        0,
        None,
        False,
        False,
    )
    assert (asked.going_to, asked.booked, asked.goods, asked.screened, asked.due_ms) == (None, None, None, False, None)
    assert (asked.speed_mm_s, asked.customs.released) == (1, False)


def test_the_advised_weight_where_no_machine_said_one() -> None:
    made = bench()
    one = on(made)
    assert ask(made, one, advice(weight_g=100)).weight_g == 100
    one.weight_g = 0
    assert ask(made, one, advice(weight_g=100)).weight_g == 0


@pytest.mark.parametrize(
    ("lanes", "waits", "place"), [(("S1-L02",), False, "S1-L02"), (("S1-L02",), True, None), ((), False, None)]
)
def test_who_waits_has_no_place(lanes: tuple[str, ...], waits: bool, place: str | None) -> None:
    made = bench()
    one = on(made)
    decided(one, *lanes, waits=waits)
    assert ask(made, one).going_to == place


@pytest.mark.parametrize(
    ("lap", "late", "laps_left", "reads_left"),
    [(0, "next_lap", 4, 2), (1, "next_lap", 3, 1), (3, "next_lap", 1, 0), (9, "next_lap", 0, 0), (0, "fallback", 4, 0)],
)
def test_on_a_loop_it_is_seen_from_its_decision_point(lap: int, late: str, laps_left: int, reads_left: int) -> None:
    second = '[point.S1-IND]\n => [point.S1-DC2]\nline = "S1"\nposition_mm = 9000\ndecision = true\n[point.S1-IND]\n'
    made = bench(
        second, f'margin_ms = 50 => margin_ms = 50\nlaps_max = 4\nlaps_unknown = 2\non_late = "{late}"', loop=True
    )
    one = on(made, 1000.0, lap=lap, point="S1-DEC")
    asked = ask(made, one)
    assert (asked.position_mm, asked.origin_mm, asked.lap_mm, asked.reach_mm) == (15_000, 2000, LAP, 7000)
    assert (asked.laps_left, asked.reads_left) == (laps_left, reads_left)
    for point in ("", "S1-IND"):
        one.point = point
        asked = ask(made, one)
        assert (asked.position_mm, asked.origin_mm, asked.reach_mm) == (1000, 0, 2000)


# --- why nobody said anything -----------------------------------------------------------------------------------------


def readers(made: Bench, *found: Reader) -> LineState:
    line = made.floor.lines["S1"]
    line.readers[:] = found
    return line


def reader(device: str = "t1", at: float = 1200.0, up: bool = True, since: float = 0.0) -> Reader:
    return Reader(device, "P", at, 80.0, True, 400.0, up=up, up_since=since)


@pytest.mark.parametrize(
    ("up", "since", "loop", "outcome"),
    [
        (True, 0.0, False, "SCANNER_LATE"),
        (False, 0.0, False, "SCANNER_DOWN"),
        (True, 100_280.0, False, "SCANNER_LATE"),  # it came up when the item was at the end of its window
        (True, 100_281.0, False, "SCANNER_DOWN"),
        (True, 100_281.0, True, "SCANNER_LATE"),  # on a loop the item comes by again
        (False, 0.0, True, "SCANNER_DOWN"),
    ],
)
def test_down_or_late(up: bool, since: float, loop: bool, outcome: str) -> None:
    made = bench(loop=loop)
    one = on(made, 1000.0)
    line = readers(made, reader("t0", up=False), reader(up=up, since=since))
    assert questions.silent(line, one) == outcome
    assert questions.silent(readers(made), one) == "SCANNER_DOWN"


def test_where_it_is_unknown_a_reader_that_is_up_is_late() -> None:
    made = bench()
    assert questions.silent(readers(made, reader(at=-80.0)), on(made, None)) == "SCANNER_LATE"


# --- how long it is worth waiting -------------------------------------------------------------------------------------


def until(made: Bench, one: Travel, *found: Reader) -> float | None:
    """In ms from now."""
    at = questions.readers_until(readers(made, *found), one, made.now)
    return None if at is None else at - made.now


@pytest.mark.parametrize(
    ("position", "found", "wait"),
    [
        (0, [reader()], 1280),
        (1000, [reader()], 280),
        (1279, [reader()], 1),
        (1280, [reader()], None),
        (1000, [reader(), reader("t2", 1500.0)], 580),
        (1000, [reader("t2", 1500.0), reader()], 580),
        (1000, [reader("t2", 1500.0, up=False), reader()], 280),
        (1000, [reader("heard", 1500.0), reader()], 280),
        (1000, [reader("heard")], None),
        (1000, [], None),
        (None, [reader()], None),
    ],
)
def test_until_the_last_window_closes(position: float | None, found: list[Reader], wait: float | None) -> None:
    made = bench()
    one = on(made, position, results=[Result("heard", "NO_READ", None, 0.0)])
    assert until(made, one, *found) == wait


@pytest.mark.parametrize(("left", "wait"), [(281, 280), (280, 279), (100, 99), (900, 280)])
def test_never_up_to_the_deadline(left: float, wait: float) -> None:
    made = bench()
    assert until(made, on(made, 1000.0, decide_by=made.now + left), reader()) == wait


def test_on_a_belt_that_stands() -> None:
    made = bench()
    made.floor.lines["S1"].odometer.change(made.now, running=False)
    one = on(made, 1000.0)
    assert until(made, one, reader()) == LONGEST_WAIT_MS
    one.decide_by = made.now + 99_000
    assert until(made, one, reader()) == 98_999


@pytest.mark.parametrize(("left", "wait"), [(15_280, None), (15_281, 15_280), (None, 15_280)])
def test_on_a_loop_what_would_come_too_late_comes_in_the_next_lap(left: float | None, wait: float | None) -> None:
    made = bench(loop=True)
    one = on(made, 2000.0, decide_by=None if left is None else made.now + left)
    assert until(made, one, reader()) == wait
    assert until(made, one, reader(), reader("t2", 2100.0)) == (180 if wait is None else wait)
    made.floor.lines["S1"].odometer.change(made.now, running=False)
    assert until(made, one, reader()) == (LONGEST_WAIT_MS if left is None else left - 1)
