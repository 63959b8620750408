"""Departures on the floor: who is booked with which, live changes, cut-offs that pass, and a promise at risk."""

from __future__ import annotations

from typing import Any

from controller import kept
from controller.advice import Departure
from controller.floor import Floor
from controller.inputs import Planned
from controller.plan import plan_of_text
from controller.stamps import rfc3339
from tests.floor_fixture import PLAN, UTC, Bench, advice, ready, ride

MINUTE = 60_000.0


def at(bench: Bench, minutes: float) -> str:
    """RFC 3339 of so many minutes from now."""
    return rfc3339(UTC + bench.now + minutes * MINUTE)


def departs(bench: Bench, name: str, to: str, cut_off: float, arrives: float, **more: Any) -> None:
    """The centre says a departure; minutes from now."""
    fields = {"departure": name, "destinations": [to], "cut_off": at(bench, cut_off), "arrives": at(bench, arrives)}
    bench.step(Planned((Departure.model_validate({**fields, **more}),)))


def bench(due: float | None = None, parcels: int = 1) -> Bench:
    """French parcels go to FRANCE (lanes 1 and 2), or as well to BENELUX (lane 3)."""
    made = ready()
    text = PLAN.replace('destination = "FRANCE"\n', 'destination = "FRANCE"\nalso = ["BENELUX"]\n')
    made.floor.plan = plan_of_text(text, "plan", made.config)
    promise = {"promise_by": at(made, due)} if due is not None else {}
    made.advise(*(advice(f"P{n}", customs="none", **promise) for n in range(1, parcels + 1)))
    return made


def booked(floor: Floor, name: str) -> int:
    run = floor.timetable.get(name)
    assert run is not None
    return run.booked


def test_the_plan_is_followed_while_its_first_choice_keeps_the_promise() -> None:
    b = bench(due=600)
    departs(b, "F1", "FRANCE", 60, 600)
    departs(b, "B1", "BENELUX", 60, 100)
    ride(b)
    assert b.dests() == [(1, ("L01", "L02", "L03", "EX"), "PLAN")]
    assert b.last("parcel/routed").departure == "F1"
    assert (booked(b.floor, "F1"), booked(b.floor, "B1")) == (1, 0)


def test_another_lane_that_keeps_it_comes_first_when_the_first_one_breaks_it() -> None:
    b = bench(due=500)
    departs(b, "F1", "FRANCE", 60, 600)
    departs(b, "B1", "BENELUX", 60, 400)
    ride(b)
    assert b.dests() == [(1, ("L03", "L01", "L02", "EX"), "PROM")]
    assert b.last("parcel/routed").destination == "BENELUX"


def test_nothing_keeps_it_is_said_once() -> None:
    b = bench(due=500)
    departs(b, "F1", "FRANCE", 60, 600)
    ride(b)
    b.answer()
    b.stat("S1-L01", "FULL")
    assert [data.slack_min for data in b.named("parcel/at_risk")] == [-100]


def test_a_departure_that_is_cancelled_is_left_while_there_is_time() -> None:
    b = bench(due=600)
    departs(b, "F1", "FRANCE", 60, 600)
    departs(b, "B1", "BENELUX", 60, 400)
    ride(b)
    b.answer()
    departs(b, "F1", "FRANCE", 60, 600, version=1, status="cancelled")
    assert b.dests()[-1] == (2, ("L03", "L01", "L02", "EX"), "PROM")
    assert (booked(b.floor, "F1"), booked(b.floor, "B1")) == (0, 1)


def test_a_cut_off_that_passes_on_the_way_moves_the_booking_without_another_destination() -> None:
    b = bench(due=600)
    departs(b, "F1", "FRANCE", 0.1, 300)
    departs(b, "F2", "FRANCE", 60, 400)
    ride(b, left=60_000)
    b.answer()
    assert booked(b.floor, "F1") == 1
    b.stat("LINE", "STOP")
    b.after(10_000)
    assert (booked(b.floor, "F1"), booked(b.floor, "F2")) == (0, 1)
    assert len(b.dests()) == 1


def test_a_full_departure_is_no_choice() -> None:
    b = bench(due=600, parcels=2)
    departs(b, "F1", "FRANCE", 60, 300, capacity=1)
    departs(b, "F2", "FRANCE", 90, 400)
    for track in (1, 2):
        ride(b, track, f"CP{track}")
        b.answer()
    assert (booked(b.floor, "F1"), booked(b.floor, "F2")) == (1, 1)


def test_who_goes_elsewhere_loses_its_place_and_who_is_sorted_keeps_it() -> None:
    b = bench(due=600, parcels=2)
    departs(b, "F1", "FRANCE", 60, 300)
    for track, lane in ((1, "S1-L01"), (2, "S1-EX")):
        ride(b, track, f"CP{track}")
        b.answer()
        b.divc(track, lane, 1, wanted="S1-L01")
    assert booked(b.floor, "F1") == 1
    assert [data.departure for _, data in b.terminals()] == ["F1", None]


def test_a_restart_knows_departures_and_bookings() -> None:
    b = bench(due=600)
    departs(b, "F1", "FRANCE", 60, 300)
    ride(b)
    again = Floor(b.config, b.plan, "jrnl0000")
    kept.restore(again, {place: kept.dump(value) for place, value in b.kept.items()}, same_boot=True)
    assert booked(again, "F1") == 1
    assert again.cut_off == b.floor.cut_off


def test_an_older_version_changes_nothing() -> None:
    b = bench(due=600)
    departs(b, "F1", "FRANCE", 60, 300, version=2)
    departs(b, "F1", "FRANCE", 60, 900, version=1)
    ride(b)
    assert b.dests()[0][2] == "PLAN"
