"""A decision is filters and one ranking; whatever changes its outcome before the gate makes a new one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.advice import Advice
from controller.customs import Verdict
from controller.identity import Identity
from controller.lanes import NOT_AVAILABLE, LaneState
from controller.routing import MAX_LANES, Decision, Question, decide
from devices.types import Measured
from tests.floor_fixture import Bench, advice, ready, ride, small_floor

CONFIG, PLAN = small_floor()
RELEASED, HELD = Verdict(True, "release", "H7 BE"), Verdict(False, "hold", "H7 BE")
Lanes = dict[str, LaneState]


def lanes(**states: str) -> Lanes:
    """All lanes free but those named, without the line's name."""
    made = {name: LaneState(name, lane) for name, lane in CONFIG.lane.items()}
    for name, state in states.items():
        made[f"S1-{name}"].state = state
    return made


def ask(country: str = "FR", found: Lanes | None = None, **more: Any) -> Decision:
    identity = Identity("READ", advice(country=country), "1 code of P1")
    fields: dict[str, Any] = {
        "identity": identity,
        "customs": RELEASED,
        "position_mm": 2000.0,
        "length_mm": 200,
        "weight_g": None,
        "doubtful": False,
        "going_to": None,
    }
    return decide(Question("S1", plan=PLAN, lanes=found or lanes(), **(fields | more)))


def short(decision: Decision) -> tuple[tuple[str, ...], str]:
    return tuple(lane[3:] for lane in decision.lanes), decision.reason


# --- the ranking ------------------------------------------------------------------------------------------------------


def test_the_plans_order_and_then_overflow() -> None:
    decision = ask()
    assert short(decision) == (("L01", "L02", "EX"), "PLAN")
    assert (decision.destination, decision.plan, decision.customs, decision.released) == (
        "FRANCE",
        "day 1",
        "release",
        True,
    )


def test_four_lanes_at_most() -> None:
    assert short(ask("DE")) == (("L01", "L02", "L03", "L04"), "PLAN")
    assert short(ask("DE", lanes(L02="FULL"))) == (("L01", "L03", "L04", "BOND"), "PLAN")


def test_a_parcel_that_no_rule_fits() -> None:
    assert short(ask("IT"))[0] == ("EX",)


# --- the filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(NOT_AVAILABLE))
def test_a_lane_that_is_not_available(state: str) -> None:
    assert short(ask(found=lanes(L01=state))) == (("L02", "EX"), state)


def test_only_the_first_choice_gives_the_reason() -> None:
    assert short(ask(found=lanes(L02="FULL"))) == (("L01", "EX"), "PLAN")
    assert short(ask(found=lanes(L01="FULL", L02="LOCK"))) == (("EX",), "FULL")


def test_half_full_is_available() -> None:
    assert short(ask(found=lanes(L01="HALF"))) == (("L01", "L02", "EX"), "PLAN")


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"length_mm": 300}, True),
        ({"length_mm": 301}, False),
        ({"weight_g": 5000}, True),
        ({"weight_g": 5001}, False),
    ],
)
def test_size_and_weight(fields: dict[str, Any], fits: bool) -> None:
    expected = (("L04", "L02", "EX"), "PLAN") if fits else (("L02", "EX"), "SIZE")
    assert short(ask("NL", **fields)) == expected


def test_a_gate_that_is_passed() -> None:
    assert short(ask(position_mm=4999.0))[0] == ("L01", "L02", "EX")
    assert short(ask(position_mm=5000.0)) == (("L02", "EX"), "PASS")
    assert ask(position_mm=15_000.0).lanes == ()


def test_capacity_counts_what_is_on_its_way() -> None:
    found = lanes()
    found["S1-L03"].inside, found["S1-L03"].on_way = 1, 1
    assert short(ask("BE", found))[0] == ("L03", "EX"), "nobody says what leaves an open chute"
    found["S1-L03"].put("BAG-1", 0.0)
    found["S1-L03"].inside = 1
    assert short(ask("BE", found)) == (("EX",), "FULL")
    assert short(ask("BE", found, going_to="S1-L03"))[0] == ("L03", "EX"), "its own place is kept"
    found["S1-L03"].on_way = 0
    assert short(ask("BE", found)) == (("L03", "EX"), "PLAN")


def test_a_place_that_is_kept_does_not_open_a_full_lane() -> None:
    assert short(ask(found=lanes(L01="FULL"), going_to="S1-L01")) == (("L02", "EX"), "FULL")


def test_held_goes_to_the_held_destination() -> None:
    assert short(ask(customs=HELD)) == (("BOND", "EX"), "HOLD")
    assert short(ask(customs=HELD, found=lanes(BOND="FULL"))) == (("EX",), "FULL")


def test_doubtful_never_uses_a_release() -> None:
    decision = ask(doubtful=True)
    assert (short(decision), decision.released) == ((("BOND", "EX"), "DOUB"), False)


def test_without_identity() -> None:
    for outcome, reason in (("UNKNOWN_CODE", "UNKN"), ("NO_READ", "NORD"), ("CONFLICT", "CONF"), ("MULTI", "MULT")):
        identity = Identity(outcome, None, "")  # type: ignore[arg-type]
        assert short(ask(identity=identity, customs=HELD)) == (("EX",), reason)


def test_nowhere_to_go() -> None:
    decision = ask(customs=HELD, found=lanes(BOND="FULL", EX="JAM"))
    assert short(decision) == ((), "FULL")


STATES = st.sampled_from(("FREE", "HALF", "RUN", *NOT_AVAILABLE))


@given(
    st.fixed_dictionaries({name[3:]: STATES for name in CONFIG.lane}),
    st.sampled_from(("FR", "BE", "DE", "NL", "IT")),
    st.booleans(),
    st.booleans(),
    st.integers(0, 16_000),
    st.sampled_from((100, 400)),
    st.sampled_from((None, "S1-L01", "S1-BOND")),
)
def test_whatever_the_floor_is_like(
    states: dict[str, str],
    country: str,
    released: bool,
    doubtful: bool,
    position: int,
    length: int,
    going_to: str | None,
) -> None:
    found = lanes(**states)
    decision = ask(
        country,
        found,
        customs=RELEASED if released else HELD,
        doubtful=doubtful,
        position_mm=float(position),
        length_mm=length,
        going_to=going_to,
    )
    assert len(decision.lanes) == len(set(decision.lanes)) <= MAX_LANES
    assert 1 <= len(decision.reason) <= 4
    for lane in decision.lanes:
        config = CONFIG.lane[lane]
        assert found[lane].state not in NOT_AVAILABLE
        assert config.position_mm > position
        assert config.max_length_mm is None or length <= config.max_length_mm
        assert config.supervised or (released and not doubtful), "P17"


# --- deciding again ---------------------------------------------------------------------------------------------------


def on_belt(*parcels: Advice, **more: Any) -> Bench:
    """Parcel P1, released, on its way to its first lane, the PLC has taken the decision."""
    bench = ready(parcels=(*(parcels or (advice(**more),)),))
    bench.customs("release")
    bench.head()
    ride(bench)
    bench.answer()
    return bench


def test_a_hold_on_the_way_and_its_release() -> None:
    bench = on_belt()
    bench.after(500).customs("hold", 2)
    assert bench.dests()[-1] == (2, ("BOND", "EX"), "HOLD")
    bench.answer()
    bench.after(500).customs("release", 3)
    assert bench.dests()[-1] == (3, ("L01", "L02", "EX"), "PLAN")
    assert [name for name in bench.names() if "rout" in name] == ["parcel/routed", "parcel/rerouted", "parcel/rerouted"]
    assert [event.decision for event in bench.named("parcel/rerouted")] == [2, 3]


def test_a_release_after_the_first_gates_leaves_the_others() -> None:
    bench = ready(parcels=(advice(),))
    ride(bench, left=20_000)
    bench.answer()
    bench.after(4000).customs("release")
    bench.head()
    assert bench.dests() == [(1, ("BOND", "EX"), "HOLD"), (2, ("L02", "EX"), "PASS")]


def test_a_hold_of_the_waybill() -> None:
    bench = on_belt(belongs={"air_waybill": "W1"})
    bench.customs("do_not_load", 1, ("air_waybill", "W1"), scheme="ICS2")
    assert bench.dests()[-1] == (2, ("BOND", "EX"), "HOLD")


def test_a_hold_of_somebody_else() -> None:
    bench = on_belt(belongs={"air_waybill": "W1"})
    bench.customs("hold", 1, ("air_waybill", "W2"))
    bench.customs("hold", 1, ("parcel", "P2"))
    assert len(bench.dests()) == 1


def test_late_advice() -> None:
    bench = ready()
    ride(bench)
    bench.answer()
    bench.advise(advice(customs="none"), advice("P2", customs="none"))
    assert bench.dests() == [(1, ("EX",), "UNKN"), (2, ("L01", "L02", "EX"), "PLAN")]


def test_newer_advice_sends_it_elsewhere() -> None:
    bench = on_belt()
    bench.advise(advice(country="NL", version=2))
    assert bench.dests()[-1] == (2, ("L04", "L02", "EX"), "PLAN")


def test_advice_about_others_decides_nothing() -> None:
    bench = on_belt()
    bench.advise(advice("P2"))
    assert len(bench.dests()) == 1


def test_a_lane_that_is_free_again() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.stat("S1-L01", "FULL")
    ride(bench)
    bench.answer()
    assert bench.dests() == [(1, ("L02", "EX"), "FULL")]
    bench.stat("S1-L01", "FREE")
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def test_a_lane_that_fills_up_makes_room_for_the_next_of_the_plan() -> None:
    bench = on_belt(country="DE")
    assert bench.dests()[-1][1] == ("L01", "L02", "L03", "L04")
    bench.stat("S1-L01", "FULL")
    assert bench.dests()[-1] == (2, ("L02", "L03", "L04", "BOND"), "FULL")


def test_what_changes_nothing_is_not_sent_again() -> None:
    bench = on_belt()
    bench.stat("S1-L03", "FULL")
    bench.stat("S1-L03", "FREE")
    bench.head()
    bench.advise(advice())
    bench.customs("release", 2)
    assert len(bench.dests()) == 1


def test_the_weight_of_the_machine_counts_more_than_the_advised() -> None:
    bench = ready(parcels=(advice(country="NL", weight_g=100, customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.plc(Measured("S1-T1", 1, 9000, "A", "r1", 0, 0, 0, "E", bench.now))
    bench.after(800).arrv(1)
    assert bench.dests() == [(1, ("L02", "EX"), "SIZE")]
    measured = bench.last("parcel/measured")
    assert (measured.weight_g, measured.length_mm, measured.record_id) == (9000, None, "r1")
    assert (measured.weight_status, measured.size_status) == ("A", "E")


def test_places_on_the_way_are_given_back() -> None:
    bench = ready(parcels=tuple(advice(f"P{n}", "BE", customs="none") for n in (1, 2, 3)))
    for track in (1, 2, 3):
        ride(bench, track, f"CP{track}")
        bench.answer()
    assert [where for _, where, _ in bench.dests()] == [("L03", "EX"), ("L03", "EX"), ("EX",)]
    lane = bench.floor.lanes["S1-L03"]
    assert (lane.on_way, lane.inside) == (2, 0)
    bench.divc(1, "S1-L03")
    assert (lane.on_way, lane.inside) == (1, 1)
    bench.divc(2, "S1-EX", result="MI")
    assert (lane.on_way, lane.inside) == (0, 1)
    bench.stat("S1-L03", "FULL")
    bench.stat("S1-L03", "FREE")
    assert lane.inside == 0
    assert all(lane.on_way >= 0 for lane in bench.floor.lanes.values())
