"""Decisions: what makes another one necessary, and what must not stand in its way."""

from __future__ import annotations

from controller import kept
from controller.inputs import Ordered
from controller.orders import LaneClose
from devices import types as said
from tests.floor_fixture import EPOCH, UTC, Bench, advice, ready, ride
from tests.test_loops import lap, loop

SECOND_POINT = '[point.S1-DEC]\n => [point.S1-DEC2]\nline = "S1"\nposition_mm = 4000\ndecision = true\n[point.S1-DEC]\n'


def test_an_alternative_that_the_parcel_turns_out_not_to_fit_is_taken_back() -> None:
    """The first lane is full when it gets there: the PLC takes the next of the list by itself."""
    bench = ready(parcels=(advice(country="DE", customs="none"),))
    ride(bench)
    bench.answer()
    assert bench.dests() == [(1, ("L01", "L02", "L03", "L04"), "PLAN")]
    bench.plc(said.Measured("S1-DEC", 1, 9000, "A", None, 0, 0, 0, "E", bench.now))
    assert bench.dests()[1:] == [(2, ("L01", "L02", "L03", "BOND"), "PLAN")]


def test_an_alternative_that_people_close_is_taken_back() -> None:
    """Its PLC may not have heard of it, and goes by the list."""
    bench = ready(parcels=(advice(country="DE", customs="none"),))
    ride(bench)
    bench.answer()
    utc = int(UTC + bench.now)
    close = {"id": "c-1", "issued": utc, "expires": utc + 1000, "actor": "ann", "lane": "S1-L02"}
    bench.step(Ordered(LaneClose.model_validate(close)))
    assert bench.dests()[1:] == [(2, ("L01", "L03", "L04", "BOND"), "PLAN")]


def test_an_alternative_whose_container_is_closed_is_taken_back() -> None:
    bench = ready("capacity = 2 => needs_container = true", parcels=(advice(country="DE", customs="none"),))
    bench.plc(said.ContainerSeen("S1-L03", "P", said.Code(b"BAG"), bench.now, bench.now))
    ride(bench)
    bench.answer()
    bench.plc(said.Button("S1-L03", "CLOS", bench.now, bench.now))
    assert bench.dests()[1:] == [(2, ("L01", "L02", "L04", "BOND"), "PLAN")]


def test_an_alternative_ahead_is_taken_back_behind_the_first_gate_too() -> None:
    bench = ready(parcels=(advice(country="DE", customs="none"),))
    ride(bench, left=9000)
    bench.answer()
    bench.after(3500)  # past L01
    bench.plc(said.Measured("S1-DEC", 1, 9000, "A", None, 0, 0, 0, "E", bench.now))
    assert bench.dests()[1:] == [(2, ("L02", "L03", "BOND", "EX"), "PASS")]


def test_an_alternative_behind_it_is_not() -> None:
    bench = ready(parcels=(advice(country="DE", customs="none"),))
    ride(bench, left=12_000)
    bench.answer()
    bench.after(9500)  # past L04
    bench.plc(said.Measured("S1-DEC", 1, 9000, "A", None, 0, 0, 0, "E", bench.now))
    assert len(bench.dests()) == 1


def test_the_advised_length_counts_where_nobody_measured_one() -> None:
    bench = ready(parcels=(advice(country="NL", customs="none", length_mm=900),))
    bench.after(2000).arrv(1, length=0, codes=(said.Code(b"CP1"),))
    assert bench.dests() == [(1, ("L02", "EX"), "SIZE")]


def test_what_was_too_late_at_one_decision_point_is_tried_at_the_next() -> None:
    bench = ready(SECOND_POINT, parcels=(advice(customs="none"),))
    ride(bench, left=500)
    bench.after(600).answer("EXPIRED")
    bench.after(1400)
    bench.plc(said.Arrived("S1-DEC2", 1, bench.now, 800, 200, 0, None, 0, "S", (), bench.now))
    assert bench.dests() == [(1, ("L01", "L02", "EX"), "PLAN"), (2, ("L01", "L02", "EX"), "PLAN")]


def test_the_line_is_asked_to_stop_after_a_restart_too() -> None:
    bench = ready(parcels=(advice(),))
    for lane in ("S1-BOND", "S1-EX"):
        bench.stat(lane, "FULL")
    ride(bench)
    assert bench.travel().stop_at is not None
    again = Bench()
    again.store, again.now, again.feed = bench.store, bench.now, bench.feed
    kept.restore(again.floor, {key: kept.dump(value) for key, value in bench.kept.items()}, same_boot=True)
    again.floor.lines["S1"].epoch = EPOCH
    again.reach()
    again.head()
    again.session(said.TrackOnBelt(1, "S1-DEC", None, 0, "S", 0, again.now))
    again.after(3000)
    assert "STOP" in again.requests()


def test_a_stop_that_the_plc_did_not_hear_is_asked_for_by_the_next() -> None:
    bench = ready(parcels=(advice("P1"), advice("P2")))
    for lane in ("S1-BOND", "S1-EX"):
        bench.stat(lane, "FULL")
    ride(bench)
    bench.after(3000)
    ride(bench, 2, "CP2")
    bench.after(3000)
    assert bench.requests() == ["INHB", "STOP", "STOP"]
    assert [alarm.alarm for alarm in bench.named("alarm/raised")].count("no-lane-S1") == 1
    bench.stat("LINE", "STOP")
    ride(bench, 3, "CP3")
    bench.after(3000)
    assert bench.requests() == ["INHB", "STOP", "STOP"], "it stands"


def test_a_lap_that_went_by_without_a_session_spends_the_decision() -> None:
    """RCIR was dropped: only TRAK says that it has passed its gates."""
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    bench.answer()
    bench.after(3000).lose_session()
    bench.after(10_500)
    bench.session(said.TrackOnBelt(1, "S1-DEC", None, 0, "S", 1, bench.now - 13_500))
    assert (bench.travel().current, bench.travel().lap) == (0, 1)
    assert (bench.floor.late, bench.named("parcel/refused")) == (0, [])
    bench.after(500)
    lap(bench, 1)
    assert [number for number, _, _ in bench.dests()] == [1, 2]
