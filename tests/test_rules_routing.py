"""Decisions by the table: which filter gives the reason, shares, ways on a loop, and who goes with a departure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.config import Lane
from controller.customs import Verdict
from controller.identity import Identity
from controller.lanes import LaneState
from controller.plan import Plan, Special
from controller.plan_rules import Index, Rule
from controller.routing import FILTERS, Decision, Question, decide
from tests.floor_fixture import advice
from tests.test_departures import BASE, MINUTE, departure, table

RULES = (Rule(destination="SHARED", country="ES"), Rule(destination="ELSEWHERE", country="IT"), Rule(destination="FR"))
SPECIAL = Special(held="HELD", unknown="ODD", no_read="DUMB", overflow="REST")
CHUTES = {
    "FR": ("A", "B"),
    "SHARED": ("A", "B", "C"),
    "ELSEWHERE": ("Z",),
    "HELD": ("X",),
    "ODD": ("X", "Y"),
    "DUMB": ("Y",),
    "REST": ("Y",),
}
PLACES = {"A": 1000, "B": 2000, "C": 3000, "X": 8000, "Y": 9000}
KNOWN = Identity("READ", advice(), "1 code of P1")
RELEASED, HELD = Verdict(True, "release", "H7 BE"), Verdict(False, "hold", "H7 BE")


def plan(**shares: int) -> Plan:
    lines = {**dict.fromkeys(PLACES, "S1"), "Z": "S2"}
    return Plan("day", "1", "w1", RULES, SPECIAL, {"w1": CHUTES}, {"w1": {"SHARED": shares}}, lines, Index(RULES))


def lanes(**settings: dict[str, Any]) -> dict[str, LaneState]:
    """X and Y supervised, all with these settings."""
    found = {}
    for name, position in PLACES.items():
        config = {"supervised": name in "XY", **settings.get(name, {})}
        found[name] = LaneState(name, Lane(line="S1", position_mm=position, **config))
    return found


def ask(country: str = "FR", identity: Identity | None = None, **more: Any) -> Question:
    fields: dict[str, Any] = {
        "identity": identity or replace(KNOWN, advice=advice(country=country)),
        "customs": RELEASED,
        "plan": plan(),
        "lanes": lanes(),
        "position_mm": 0.0,
        "length_mm": 200,
        "weight_g": None,
        "doubtful": False,
        "going_to": None,
    }
    return Question("S1", **(fields | more))


def short(decision: Decision) -> tuple[str, str]:
    return "".join(decision.lanes), decision.reason


# --- the filters ------------------------------------------------------------------------------------------------------

REFUSALS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("HOLD", {"supervised": False}, {"customs": HELD}),
    ("SECU", {"secure": True}, {}),
    ("SIZE", {"max_length_mm": 199}, {}),
    ("GOOD", {"goods": ("dg", "cool")}, {"goods": "food"}),
    ("NCON", {"needs_container": True}, {}),
    ("PASS", {}, {"position_mm": 8000.0}),
)


@pytest.mark.parametrize("first", range(len(REFUSALS)))
@pytest.mark.parametrize("second", range(len(REFUSALS)))
def test_the_first_filter_gives_the_reason(first: int, second: int) -> None:
    """Whatever else is wrong with the first choice. X is refused, Y taken."""
    settings: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for _, wrong, fact in (REFUSALS[first], REFUSALS[second]):
        settings |= wrong
        facts |= fact
    unknown = Identity("UNKNOWN_CODE", None, "the code is not advised")
    decision = decide(ask(identity=unknown, lanes=lanes(X=settings), **facts))
    assert short(decision) == ("Y", REFUSALS[min(first, second)][0])
    assert len(REFUSALS) == len(FILTERS)


def test_without_a_release_no_unsupervised_lane_is_entered_whatever_the_plan_says() -> None:
    """P17: no plan that passed its check names one, and if it did it would not be entered."""
    open_at = lanes(X={"supervised": False})
    assert short(decide(ask(customs=HELD, lanes=open_at))) == ("Y", "HOLD")
    assert short(decide(ask(doubtful=True, lanes=open_at))) == ("Y", "HOLD")
    assert short(decide(ask(customs=HELD, lanes=open_at, laps_left=1, position_mm=9000.0))) == ("Y", "HOLD")


@pytest.mark.parametrize(
    ("goods", "takes", "why"),
    [("dg", True, ""), ("food", False, "it takes dg cool, not food"), (None, False, "dg cool, not what is not known")],
)
def test_a_lane_for_some_goods(goods: str | None, takes: bool, why: str) -> None:
    decision = decide(ask(lanes=lanes(A={"goods": ("dg", "cool")}), goods=goods))
    assert short(decision) == (("ABY", "PLAN") if takes else ("BY", "GOOD"))
    assert why in decision.why


def test_a_lane_for_what_was_screened() -> None:
    assert short(decide(ask(lanes=lanes(A={"secure": True}), screened=True))) == ("ABY", "PLAN")
    assert short(decide(ask(lanes=lanes(A={"secure": True})))) == ("BY", "SECU")


@pytest.mark.parametrize(
    ("state", "change", "keeps"),
    [
        ("FREE", {"on_way": 2}, True),
        ("HALF", {"on_way": 2}, True),
        ("RUN", {"on_way": 2}, True),
        ("SLOW", {"on_way": 2}, False),
        ("FREE", {"closed_by": "anna"}, False),
        ("FREE", {"locked": True}, False),
        ("FULL", {}, False),
    ],
)
@pytest.mark.parametrize("counted", ["capacity", "rate_per_min"])
def test_its_own_place_is_counted_and_nothing_else_is_forgiven(
    state: str, change: dict[str, Any], keeps: bool, counted: str
) -> None:
    found = lanes(A={counted: 2})
    found["A"].state = state
    for name, value in change.items():
        setattr(found["A"], name, value)
    assert (decide(ask(lanes=found, going_to="A")).lanes[0] == "A") is keeps
    assert decide(ask(lanes=found, going_to="B")).lanes[0] == "B"


# --- where the plan sends it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "lane", "reason"), [("UNKNOWN_CODE", "XY", "UNKN"), ("NO_READ", "Y", "NORD"), ("MULTI", "Y", "MULT")]
)
def test_what_is_unknown_goes_elsewhere_than_what_was_not_read(outcome: Any, lane: str, reason: str) -> None:
    assert short(decide(ask(identity=Identity(outcome, None, "")))) == (lane, reason)


def test_a_destination_without_a_lane_on_this_line() -> None:
    assert short(decide(ask("IT"))) == ("Y", "PLAN"), "the overflow takes it"
    gone = decide(ask("IT", position_mm=9000.0))
    assert (short(gone), gone.destination) == (("", "NOLN"), "ELSEWHERE")
    assert gone.why.endswith("ELSEWHERE has no lane on line S1")
    assert short(decide(ask(position_mm=9000.0))) == ("", "PASS"), "this one has lanes, all passed"


@pytest.mark.parametrize(
    ("given", "going_to", "order"),
    [
        ({}, None, "ABC"),
        ({"A": 1}, None, "BAC"),
        ({"A": 1}, "A", "ABC"),
        ({"A": 1}, "B", "BAC"),
        ({"A": 2, "B": 1}, "A", "ABC"),
        ({"A": 2}, "A", "BAC"),
    ],
)
def test_shares_and_the_place_that_is_its_own(given: dict[str, int], going_to: str | None, order: str) -> None:
    shared = ask("ES", plan=plan(A=1, B=1), given={"SHARED": given}, going_to=going_to)
    assert short(decide(shared)) == (f"{order}Y", "PLAN")


# --- ways -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "position", "loop", "passed", "way"),
    [
        ("B", 1999.0, {}, False, 2000),
        ("B", 2000.0, {}, True, 2000),
        ("B", 0.0, {"origin_mm": 1500.0, "lap_mm": 10_000.0}, False, 500),
        ("A", 0.0, {"origin_mm": 1500.0, "lap_mm": 10_000.0}, False, 9500),
        ("A", 0.0, {"origin_mm": 1500.0, "lap_mm": 10_000.0, "reach_mm": 9500.0}, False, 9500),
        ("A", 0.0, {"origin_mm": 1500.0, "lap_mm": 10_000.0, "reach_mm": 9499.0}, True, 9500),
        ("A", 9500.0, {"origin_mm": 1500.0, "lap_mm": 10_000.0}, True, 9500),
    ],
)
def test_how_far_a_gate_is(gate: str, position: float, loop: dict[str, Any], passed: bool, way: float) -> None:
    asked = ask(position_mm=position, **loop)
    lane = asked.lanes[gate]
    assert (asked.passed(lane), asked.way(lane)) == (passed, way)


def test_when_it_would_be_there() -> None:
    asked = ask(utc_ms=50_000.0, speed_mm_s=500.0, position_mm=1200.0)
    assert [asked.ready_ms(asked.lanes[name]) for name in "AB"] == [50_000.0, 51_600.0]
    assert ask(position_mm=999.5).ready_ms(asked.lanes["A"]) == 500.0


# --- on a loop --------------------------------------------------------------------------------------------------------


def test_it_waits_for_lanes_that_it_may_enter_and_fits_into() -> None:
    found = lanes(B={"max_length_mm": 100}, C={"secure": True}, Y={"goods": ("dg",)})
    for lane in found.values():
        lane.locked = True
    waiting = decide(ask("ES", lanes=found, lap_mm=10_000.0, laps_left=1))
    assert (short(waiting), waiting.stay, waiting.waits) == (("A", "LOCK"), True, True)
    given_up = decide(ask("ES", lanes=found, lap_mm=10_000.0))
    assert (short(given_up), given_up.stay, given_up.waits) == (("", "LOCK"), False, False)
    found["A"].locked = False
    taken = decide(ask("ES", lanes=found, lap_mm=10_000.0, laps_left=1))
    assert (short(taken), taken.stay, taken.waits) == (("A", "PLAN"), True, False)


@pytest.mark.parametrize(
    ("outcome", "doubtful", "laps", "reads", "again"),
    [
        ("NO_READ", False, 1, 1, True),
        ("NO_READ", False, 0, 1, False),
        ("NO_READ", False, 1, 0, False),
        ("READ", False, 1, 1, False),
        ("READ", True, 1, 1, True),
        ("DUPLICATE_LIVE", False, 1, 1, False),
    ],
)
def test_who_is_read_again(outcome: Any, doubtful: bool, laps: int, reads: int, again: bool) -> None:
    identity = KNOWN if outcome == "READ" else Identity(outcome, None, "words")
    decision = decide(ask(identity=identity, doubtful=doubtful, laps_left=laps, reads_left=reads, lap_mm=10_000.0))
    assert (decision.reason == "AGIN") is again
    assert ("it is read again in the next lap" in decision.why) is again
    assert (decision.lanes == ()) is again
    assert not decision.waits


def test_on_a_line_nothing_goes_round() -> None:
    decision = decide(ask(identity=Identity("NO_READ", None, "")))
    assert (decision.lanes, decision.stay, decision.waits, decision.number) == (("Y",), False, False, 0)


# --- the promise ------------------------------------------------------------------------------------------------------


def booked(**more: Any) -> Decision:
    fields: dict[str, Any] = {"utc_ms": BASE, "speed_mm_s": 1000.0, "due_ms": BASE + 100 * MINUTE}
    fields["timetable"] = table(departure("truck", 10, 100, destinations=("FR", "HELD", "DUMB")))
    return decide(ask(**(fields | more)))


def test_a_released_parcel_has_its_place() -> None:
    decision = booked()
    assert (short(decision), decision.departure, decision.slack_min) == (("ABY", "PLAN"), "truck", 0)
    assert decision.why == "rule 3: everything; A with truck keeps the promise by 0 min"
    assert not decision.at_risk
    assert decide(ask()).why == "rule 3: everything"


@pytest.mark.parametrize(
    "fact",
    [
        {"customs": HELD},
        {"doubtful": True},
        {"touching": True},
        {"identity": Identity("NO_READ", None, "")},
        {"identity": Identity("NO_READ", None, ""), "customs": HELD},
    ],
)
def test_what_goes_to_an_exception_lane_takes_nobodys_place(fact: dict[str, Any]) -> None:
    decision = booked(**fact)
    assert (decision.departure, decision.slack_min, decision.at_risk) == (None, None, False)


def test_a_lane_that_keeps_the_promise_comes_first_and_says_so() -> None:
    late, early = departure("late", 10, 101, destinations=("FR",)), departure("early", 10, 90, destinations=("ALSO",))
    rules = (Rule(destination="FR", also=("ALSO",)),)
    waves = {"w1": {**CHUTES, "ALSO": ("C",)}}
    also = replace(plan(), rules=rules, waves=waves, index=Index(rules))
    moved = booked(plan=also, timetable=table(late, early), slack_min=10)
    assert (short(moved), moved.departure, moved.destination) == (("CABY", "PROM"), "early", "ALSO")
    at_risk = booked(plan=also, timetable=table(late, early), slack_min=11)
    assert (short(at_risk), at_risk.departure, at_risk.at_risk) == (("ABCY", "PLAN"), "late", True)
    assert (
        booked(plan=also, timetable=table(late, departure("early", 10, 100, destinations=("ALSO",)))).reason == "PROM"
    )


@pytest.mark.parametrize(
    ("config", "state", "code", "why"),
    [
        ({}, {"state": "FULL"}, "FULL", "the lane is full"),
        ({}, {"state": "LOCK"}, "LOCK", "the lane is locked"),
        ({}, {"closed_by": "desk-4"}, "CLSD", "the lane was closed by command"),
        ({"needs_container": True}, {}, "NCON", "no open container stands at the lane"),
        ({"rate_per_min": 1}, {"on_way": 1}, "RATE", "the lane takes no more for this minute"),
        ({}, {"state": "JAM"}, "JAM", "the lane is jammed"),
        ({}, {"state": "MAIN"}, "MAIN", "the lane says MAIN"),
    ],
)
def test_why_a_lane_is_not_available(config: dict[str, Any], state: dict[str, Any], code: str, why: str) -> None:
    there = lanes(A=config)
    for key, value in state.items():
        setattr(there["A"], key, value)
    decision = decide(ask(lanes=there))
    assert (decision.reason, decision.lanes[0]) == (code, "B")
    assert why in decision.why
