"""What is kept and said of departures: each change of a booking, what is forgotten, and a promise at risk, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller import booking
from controller.advice import Departure
from controller.effects import Emit, Keep
from controller.routing import Decision
from controller.stamps import rfc3339
from controller.travel import Travel
from tests.floor_fixture import Bench, advice, ready, ride
from tests.test_booking import MINUTE, at

DAYS = 24 * 60


def bench(*departures: str) -> Bench:
    """With departures F1, F2, … to FRANCE, whose cut-offs are 10, 20, … minutes from now."""
    made = ready(parcels=(advice(customs="none"),))
    plan(made, *(departure(made, name, 10.0 * number) for number, name in enumerate(departures, 1)))
    return made


def departure(made: Bench, name: str, cut_off: float, **more: object) -> Departure:
    fields = {"destinations": ["FRANCE"], "cut_off": at(made, cut_off), "arrives": at(made, cut_off + 60)}
    return Departure.model_validate({"departure": name, **fields, **more})


def plan(made: Bench, *departures: Departure) -> list[tuple[str, str, bool]]:
    """The centre says these; (kind, key, whether there is something) of what is kept."""
    made.floor.effects.clear()
    booking.planned(made.floor, departures, made.now, made.look)
    return kept(made)


def kept(made: Bench) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.key, one.value is not None) for one in made.floor.effects if isinstance(one, Keep)]


def booked(made: Bench, *names: str) -> list[int]:
    return [run.booked for name in names if (run := made.floor.timetable.get(name))]


def decision(departure: str | None = None, **more: object) -> Decision:
    made = Decision(("S1-L01",), "FRANCE", "PLAN", "", "READ", "day 1", "none", True, 1, departure=departure)
    return replace(made, **more)  # type: ignore[arg-type]


# --- what the centre says ---------------------------------------------------------------------------------------------


def test_what_is_told_is_kept_and_what_is_older_is_not() -> None:
    made = bench()
    told = [departure(made, name, 10, version=2) for name in ("F1", "F2")]
    assert plan(made, *told) == [("departure", "F1", True), ("departure", "F2", True)]
    assert plan(made, departure(made, "F1", 30, version=1)) == []
    assert made.floor.cut_off == made.floor.utc(made.now) + 10 * MINUTE


def test_what_is_wrong_is_an_alarm_and_the_others_are_taken() -> None:
    made = bench()
    wrong = departure(made, "F1", 10, arrives=at(made, 9))
    said_of = plan(made, wrong, departure(made, "F2", 10))
    assert said_of == [("alarm", "departure-F1", True), ("departure", "F2", True)]
    (alarm,) = [one for one in made.floor.effects if isinstance(one, Emit)]
    assert (alarm.name, alarm.subject, alarm.at) == ("alarm/raised", "alarm/departure-F1", made.now)
    said = alarm.data.model_dump()
    assert said["what"].startswith("departure F1: arrives: lies before cut_off")
    assert said["priority"] == "high"


def test_what_is_long_past_is_forgotten() -> None:
    made = bench("F1", "F2")
    made.now += 2 * DAYS * MINUTE + 15 * MINUTE
    assert plan(made) == [("departure", "F1", False)]
    assert made.floor.timetable.get("F1") is None
    assert made.floor.cut_off is None, "nothing leaves any more"


@pytest.mark.parametrize(
    ("minutes", "again", "next_"), [(9.999, False, 10), (10, True, 20), (11, True, 20), (99, True, None)]
)
def test_a_cut_off_decides_again_and_nothing_else_does(minutes: float, again: bool, next_: float | None) -> None:
    made = bench("F1", "F2")
    start = made.now
    ride(made)
    made.answer()
    made.stat("LINE", "STOP")
    made.floor.lanes["S1-L01"].state = "FULL"
    made.travel().decide_by = None
    made.floor.effects.clear()
    booking.due(made.floor, start + minutes * MINUTE, made.look)
    assert any(isinstance(one, Emit) and one.name == "parcel/rerouted" for one in made.floor.effects) is again
    assert made.floor.cut_off == (None if next_ is None else made.floor.utc(start) + next_ * MINUTE)


def test_without_a_departure_no_cut_off_passes() -> None:
    made = bench()
    made.floor.effects.clear()
    booking.due(made.floor, made.now + DAYS * MINUTE, made.look)
    assert (made.floor.cut_off, made.floor.effects) == (None, [])


# --- who is booked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "places", "changed"),
    [
        (None, decision("F1"), [6, 5], ["F1"]),
        (decision("F1"), None, [4, 5], ["F1"]),
        (decision("F1"), decision("F2"), [4, 6], ["F1", "F2"]),
        (decision("F1"), decision("F1"), [5, 5], []),
        (decision("F1"), decision(), [4, 5], ["F1"]),
        (decision(), decision("F2"), [5, 6], ["F2"]),
        (decision(), None, [5, 5], []),
        (decision("GONE"), decision("F2"), [5, 6], ["F2"]),
        (decision("F1"), decision("GONE"), [4, 5], ["F1"]),
    ],
)
def test_a_place_moves(before: Decision | None, after: Decision | None, places: list[int], changed: list[str]) -> None:
    made = bench("F1", "F2")
    for name in ("F1", "F2"):
        made.floor.timetable.book(name, 5)
    made.floor.effects.clear()
    booking.moves(made.floor, before, after)
    assert booked(made, "F1", "F2") == places
    assert kept(made) == [("departure", name, True) for name in changed]


# --- at risk ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_risk", "said_before", "due", "says"),
    [(True, False, 5e12, True), (False, False, 5e12, False), (True, True, 5e12, False), (True, False, None, False)],
)
def test_a_promise_at_risk_is_said_once(at_risk: bool, said_before: bool, due: float | None, says: bool) -> None:
    made = bench()
    one = Travel("T1", "S1", 7, 1, "V1", parcel="P1", at_risk=said_before)
    made.floor.effects.clear()
    for _ in range(2):
        booking.at_risk(made.floor, one, decision("F1", at_risk=at_risk, slack_min=-7), due, made.now)
    assert len(made.floor.effects) == says
    assert one.at_risk is (said_before or says)
    for effect in made.floor.effects:
        assert isinstance(effect, Emit)
        assert (effect.name, effect.subject, effect.at) == ("parcel/at_risk", "parcel/P1", made.now)
        assert effect.data.model_dump(exclude_none=True) == {
            "visit": "V1",
            "travel": "T1",
            "parcel": "P1",
            "departure": "F1",
            "promise_by": rfc3339(5e12),
            "slack_min": -7,
        }
