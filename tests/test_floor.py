"""The rules of the floor: one end for each travel, deadlines, refusals, doubt, synchronisation, recall."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.effects import Send
from controller.events import TERMINAL
from controller.floor import CameBack, Heard
from devices import types as said
from tests.floor_fixture import PLC, TUNNEL, Bench, advice, ready, ride


def on_belt(**more: Any) -> Bench:
    """P1, released, obeyed, on its way to L01."""
    bench = ready(parcels=(advice(**more),))
    bench.customs("release")
    bench.head()
    ride(bench)
    bench.answer()
    return bench


def found(
    bench: Bench, track: int = 1, decision: int = 0, certainty: str = "S", age: float | None = 0.0
) -> said.TrackOnBelt:
    """What TRAK says of a track."""
    edge = None if age is None else bench.now - age
    return said.TrackOnBelt(track, "S1-DEC", "S1-L01" if decision else None, decision, certainty, 0, edge)


# --- the end of a travel ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lane", "fields", "event", "reason"),
    [
        ("S1-L01", {}, "sorted", "OK"),
        ("S1-L02", {"wanted": "S1-L01", "result": "FU"}, "sorted", "FU"),
        ("S1-EX", {"wanted": "S1-L01", "result": "MI"}, "rejected", "PLAN"),
        ("S1-EX", {"decision": 0, "wanted": None, "result": "NA"}, "rejected", "NA"),
        ("S1-L04", {"wanted": "S1-L01", "result": "MI"}, "mis_sorted", "wanted S1-L01 S1-L02 S1-EX"),
        ("S1-BOND", {"wanted": "S1-L01"}, "mis_sorted", "wanted S1-L01 S1-L02 S1-EX"),
        (None, {"result": "MR", "evidence": "X"}, "removed", "taken off by hand"),
        (None, {"result": "IN"}, "lost", "left the line, nobody knows where to"),
    ],
)
def test_divc(lane: str | None, fields: dict[str, Any], event: str, reason: str) -> None:
    bench = on_belt()
    bench.divc(1, lane, **fields)
    ((name, end),) = bench.terminals()
    assert (name, getattr(end, "reason", None), getattr(end, "lane", None)) == (f"parcel/{event}", reason, lane)


@pytest.mark.parametrize(
    ("letter", "word"), [("C", "commanded"), ("G", "gate"), ("E", "chute_eye"), ("X", "cell_empty")]
)
def test_the_end_says_how_it_is_known(letter: str, word: str) -> None:
    bench = on_belt()
    bench.divc(1, "S1-L01", evidence=letter)
    assert bench.last("parcel/sorted").evidence == word


def test_a_mis_sort_into_an_unsupervised_lane_without_release_is_critical() -> None:
    bench = ready(parcels=(advice(),))
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L01", wanted="S1-BOND", result="MI")
    assert [name for name, _ in bench.terminals()] == ["parcel/mis_sorted"]
    escaped, alarm = bench.last("parcel/held_escaped"), bench.last("alarm/raised")
    assert (escaped.parcel, escaped.lane, escaped.ordinal) == ("P1", "S1-L01", 1)
    assert alarm.priority == "critical"


def test_an_unknown_item_in_an_unsupervised_lane_escaped_too() -> None:
    bench = ready()
    bench.divc(77, "S1-L02", decision=0)
    assert bench.last("parcel/held_escaped").parcel is None


def test_a_released_parcel_did_not_escape() -> None:
    bench = on_belt()
    bench.divc(1, "S1-L01")
    assert not bench.named("parcel/held_escaped")
    assert not bench.named("parcel/recall")


def test_a_held_parcel_in_a_supervised_lane_did_not_escape() -> None:
    bench = ready(parcels=(advice(),))
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-BOND")
    assert not bench.named("parcel/held_escaped")


def test_lost() -> None:
    bench = on_belt()
    bench.plc(said.TrackLost(1, "S1-DEC", 0, 0, bench.now, bench.now))
    ((name, end),) = bench.terminals()
    assert name == "parcel/lost"
    assert end.parcel == "P1"
    assert bench.floor.travels() == []


def test_an_item_that_the_journal_does_not_know_begins_and_ends() -> None:
    bench = ready()
    bench.divc(5, "S1-EX", decision=3, wanted="S1-L01", result="MI")
    assert bench.names()[:1] == ["parcel/inducted"]
    ((_, end),) = bench.terminals()
    assert getattr(end, "decision_not_recorded", None) is True
    assert end.travel == bench.last("parcel/inducted").travel


def test_a_track_number_comes_again_and_is_another_travel() -> None:
    bench = on_belt()
    bench.divc(1, "S1-L01")
    ride(bench, 1, "CP2")
    bench.divc(1, "S1-EX")
    ends = [end.travel for _, end in bench.terminals()]
    assert len(set(ends)) == 2
    assert ends == [begun.travel for begun in bench.named("parcel/inducted")]


def test_recirculated_is_not_the_end() -> None:
    bench = on_belt()
    bench.plc(said.Recirculated(1, 1, "S1-L01", "FU", 1, bench.now, bench.now))
    assert bench.terminals() == []
    assert bench.last("parcel/recirculated").lap == 1
    bench.divc(1, "S1-L01", lap=1)
    assert len(bench.terminals()) == 1


# --- recall -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [("parcel", "P1"), ("air_waybill", "W1")])
def test_a_hold_after_the_gate_is_a_recall(subject: tuple[str, str]) -> None:
    bench = on_belt(belongs={"air_waybill": "W1"})
    bench.divc(1, "S1-L01")
    bench.after(2500).customs("hold", 2, subject)
    recall = bench.last("parcel/recall")
    assert (recall.parcel, recall.lane, recall.ordinal, recall.customs) == ("P1", "S1-L01", 1, "hold")
    assert recall.seconds_since_drop == 2.5
    assert recall.terminal == bench.last("parcel/sorted").travel
    assert len(bench.terminals()) == 1, "never a second terminal"
    bench.customs("seize", 3, subject)
    assert len(bench.named("parcel/recall")) == 1


def test_a_release_before_it_was_found_ends_the_recall() -> None:
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    bench.head()
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L01")
    bench.customs("hold", 2)
    assert len(bench.named("parcel/recall")) == 1
    assert not bench.named("parcel/corrected")
    bench.customs("release", 3)
    corrected = bench.last("parcel/corrected")
    assert (corrected.parcel, corrected.why) == ("P1", "released: it need not be found any more")


def test_a_hold_between_the_gate_and_its_message_is_a_recall() -> None:
    bench = on_belt()
    bench.customs("hold", 2)
    bench.answer("LATE")
    bench.divc(1, "S1-L01", decision=1)
    assert bench.last("parcel/recall").lane == "S1-L01"


def test_a_supervised_lane_needs_no_recall() -> None:
    bench = on_belt()
    bench.divc(1, "S1-EX", result="MI")
    bench.customs("hold", 2)
    assert not bench.named("parcel/recall")


def test_a_stale_feed_recalls_nobody() -> None:
    bench = on_belt()
    bench.divc(1, "S1-L01")
    bench.after(120_000)
    assert not bench.named("parcel/recall")


def test_the_ordinal_counts_the_drops_of_the_lane() -> None:
    bench = on_belt()
    for track in (7, 8):
        bench.divc(track, "S1-L01", decision=0)
    bench.divc(1, "S1-L01")
    assert bench.last("parcel/sorted").ordinal == 3


# --- deadlines and refusals -------------------------------------------------------------------------------------------


def test_decide_by_is_edge_plus_left_less_the_margin() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.after(900).arrv(1, age=100, left=2500)
    assert bench.destinations()[-1].expires == bench.now - 100 + 2500 - 50
    assert bench.last("parcel/routed").deadline_ms == 2350


@pytest.mark.parametrize(("age", "left"), [(2450, 2500), (2600, 2500), (99_000, 2500), (0, 50), (0, 0)])
def test_too_late_is_never_sent_but_counted_and_reported(age: int, left: int) -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.arrv(1, age=age, left=left)
    assert bench.dests() == []
    assert bench.floor.late == 1
    refused = bench.last("parcel/refused")
    assert (refused.code, refused.decision, refused.standing) == ("EXPIRED", 0, 0)
    bench.stat("S1-L01", "FULL")
    assert bench.floor.late == 1, "said once"


def test_an_arrival_of_unknown_age_is_too_late() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.plc(said.Arrived("S1-DEC", 1, None, 60_000, 200, 0, None, 0, "S", (), bench.now))
    assert bench.dests() == []
    assert bench.floor.late == 1


def test_a_late_answer_leaves_the_older_decision() -> None:
    bench = on_belt()
    bench.after(2460).customs("hold", 2)
    assert len(bench.dests()) == 1
    refused = bench.last("parcel/refused")
    assert (refused.code, refused.standing) == ("EXPIRED", 1)
    assert bench.floor.late == 1


def test_the_last_moment_to_decide_is_used() -> None:
    bench = ready(
        '[scanner.tunnel-1]\n => [point.S1-T2]\nline = "S1"\nposition_mm = 2600\n[scanner.tunnel-2]\n'
        'kind = "line"\nlink = "tcp://127.0.0.1:2114"\nprefix = "\\u0002"\nsuffix = "\\u0003"\npoint = "S1-T2"\n'
        "[scanner.tunnel-1]\n",
        parcels=(advice(customs="none"),),
    )
    bench.floor.readers["tunnel-2"][1].up = True
    bench.indu(1)
    bench.after(2000).arrv(1, left=400)
    assert bench.dests() == []
    bench.after(348)
    assert bench.dests() == []
    bench.after(1)
    assert bench.dests() == [(1, ("EX",), "SCAN")]
    assert bench.floor.late == 0


def test_a_decision_waits_for_a_reader_that_lies_ahead_and_no_longer() -> None:
    bench = ready(
        '[scanner.tunnel-1]\n => [point.S1-T2]\nline = "S1"\nposition_mm = 2600\n[scanner.tunnel-2]\n'
        'kind = "line"\nlink = "tcp://127.0.0.1:2114"\nprefix = "\\u0002"\nsuffix = "\\u0003"\npoint = "S1-T2"\n'
        "[scanner.tunnel-1]\n",
        parcels=(advice(customs="none"),),
    )
    bench.floor.readers["tunnel-2"][1].up = True
    bench.indu(1)
    bench.after(2000).arrv(1)
    bench.after(600).read("CP1", reader="tunnel-2")
    assert bench.dests() == [(1, ("L01", "L02", "EX"), "PLAN")]


def test_late_says_the_plc_and_other_lanes_are_tried() -> None:
    bench = on_belt()
    bench.after(1000).customs("hold", 2)
    bench.answer("LATE")
    assert bench.last("parcel/refused").code == "LATE"
    assert bench.last("parcel/refused").standing == 1
    assert len(bench.dests()) == 2, "the same lanes are not tried again"
    bench.after(100).customs("release", 3)
    bench.customs("hold", 4)
    assert len(bench.dests()) == 2
    assert bench.travel().obeyed == 1
    bench.divc(1, "S1-L01", decision=1)
    assert bench.last("parcel/sorted").decision == 1


def test_unkt_is_no_alarm() -> None:
    bench = on_belt()
    bench.customs("hold", 2)
    bench.answer("UNKT")
    assert bench.last("parcel/refused").code == "UNKT"
    assert not bench.named("alarm/raised")


def test_mode_is_tried_again_at_the_next_occasion() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench, left=9000)
    bench.answer("MODE")
    bench.after(300).stat("LINE", "STOP")
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def test_an_answer_to_a_travel_that_has_ended() -> None:
    bench = on_belt()
    bench.customs("hold", 2)
    travel = bench.travel().id
    bench.divc(1, "S1-L01")
    before = len(bench.events)
    for refusal in (None, "LATE", "UNKT", "EXPIRED"):
        bench.step(CameBack(PLC, travel, 2, refusal))
    bench.step(CameBack(PLC, "S1-other-9", 1, None))
    assert len(bench.events) == before


def test_an_answer_to_an_older_decision_says_what_is_obeyed() -> None:
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    bench.head()
    ride(bench)
    first = bench.destinations()[-1]
    bench.customs("hold", 2)
    bench.answer(None, first)
    assert bench.travel().obeyed == 1
    bench.answer("LATE")
    assert bench.last("parcel/refused").standing == 1


@pytest.mark.parametrize(("speed", "left"), [(1000, 13_000), (250, 13_000), (2000, 6_500)])
def test_what_an_unknown_arrival_has_left_is_never_overestimated(speed: int, left: int) -> None:
    """The PLC names an item that came to the decision point meanwhile. A belt that is slow now was not always so."""
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.floor.lines["S1"].belt(bench.now, speed=float(speed))
    bench.after(3000)
    bench.session(found(bench, age=500))
    assert bench.travel().decide_by == bench.now - 500 + left - 50


# --- doubt ------------------------------------------------------------------------------------------------------------


def doubtful(bench: Bench) -> list[bool]:
    return [bench.travel(track).doubtful for track in (1, 2, 3)]


def three() -> Bench:
    """Three released parcels with decisions on the belt."""
    bench = ready(parcels=tuple(advice(f"P{n}", customs="none") for n in (1, 2, 3)))
    for track in (1, 2, 3):
        ride(bench, track, f"CP{track}", left=30_000)
        bench.answer()
    assert [reason for _, _, reason in bench.dests()] == ["PLAN"] * 3
    return bench


def test_the_neighbours_of_a_lost_item_use_no_release() -> None:
    bench = three()
    bench.indu(4)
    bench.plc(said.TrackLost(4, "S1-IND", 2, 3, bench.now, bench.now))
    assert doubtful(bench) == [False, True, True]
    assert [(lanes, reason) for _, lanes, reason in bench.dests()[3:]] == [(("BOND", "EX"), "DOUB")] * 2
    assert all(event.doubtful for event in bench.named("parcel/rerouted"))


def test_the_neighbours_of_a_ghost_and_the_ghost_itself() -> None:
    bench = three()
    bench.plc(said.Ghost("S1-DEC", 9, 1, 0, None, bench.now, bench.now))
    assert doubtful(bench) == [True, False, False]
    bench.read("CP3")
    bench.arrv(9, certainty="U", left=30_000)
    bench.after(2000)
    assert bench.dests()[-1] == (1, ("BOND", "EX"), "DOUB")


@pytest.mark.parametrize("state", ["ESTP", "MANU"])
def test_an_emergency_stop_makes_all_doubtful(state: str) -> None:
    bench = three()
    bench.stat("LINE", state)
    assert doubtful(bench) == [True, True, True]


@pytest.mark.parametrize("state", ["STOP", "JAM", "SLOW"])
def test_an_ordinary_stop_does_not(state: str) -> None:
    bench = three()
    bench.stat("LINE", state)
    assert doubtful(bench) == [False, False, False]


def test_an_overflow_makes_all_doubtful_and_raises_an_alarm() -> None:
    bench = three()
    bench.plc(said.Overflow(12, bench.now, bench.now))
    assert doubtful(bench) == [True, True, True]
    assert "12 events" in bench.last("alarm/raised").what


@pytest.mark.parametrize("certainty", ["D", "U"])
def test_what_the_plc_is_not_sure_of(certainty: str) -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench, certainty=certainty)
    assert bench.dests() == [(1, ("BOND", "EX"), "DOUB")]


def test_doubt_before_the_reader_ends_with_its_read() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.plc(said.TrackLost(5, None, 1, 0, bench.now, bench.now))
    assert bench.travel().doubtful
    bench.after(1200).read("CP1")
    bench.after(800).arrv(1)
    assert bench.dests() == [(1, ("L01", "L02", "EX"), "PLAN")]


def test_doubt_behind_the_reader_stays() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.after(10).plc(said.TrackLost(5, None, 1, 0, bench.now, bench.now))
    bench.after(790).arrv(1)
    assert bench.dests() == [(1, ("BOND", "EX"), "DOUB")]


# --- lines and lanes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "event"), [("STOP", "stopped"), ("JAM", "jammed"), ("ESTP", "estop"), ("MANU", "stopped")]
)
def test_states_of_the_line(state: str, event: str) -> None:
    bench = ready()
    bench.stat("LINE", state)
    bench.stat("LINE", state)
    bench.stat("LINE", "RUN")
    assert bench.names() == [f"line/{event}", "line/started"]


def test_states_of_a_lane() -> None:
    bench = ready()
    for state in ("HALF", "FULL", "FULL", "FREE", "LOCK", "FREE"):
        bench.stat("S1-L01", state)
    assert bench.names() == ["lane/half", "lane/full", "lane/free", "lane/locked", "lane/opened"]


def test_elements_that_nobody_configured() -> None:
    bench = ready()
    bench.stat("DRIVE-7", "FALT")
    assert bench.names() == []


def test_no_supervised_lane_free_inhibits_induction_once() -> None:
    bench = ready(parcels=(advice(), advice("P2")))
    for lane in ("S1-BOND", "S1-EX"):
        bench.stat(lane, "FULL")
    ride(bench, 1)
    ride(bench, 2, "CP2")
    assert bench.requests() == ["INHB"]
    assert bench.names().count("line/inhibited") == 1
    assert [lanes for _, lanes, _ in bench.dests()] == [("EX",), ("EX",)], "the default lane is supervised"


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_without_a_session_nothing_is_sent() -> None:
    bench = on_belt()
    bench.lose_session()
    assert bench.last("device/degraded").device == PLC
    bench.customs("hold", 2)
    bench.head()
    assert len(bench.dests()) == 1
    bench.begin()
    bench.customs("hold", 3)
    assert len(bench.dests()) == 1, "the PLC has not named the track in this session"
    bench.plc(said.Tracks((found(bench, decision=1),), bench.now))
    bench.plc(said.Synchronised(bench.now))
    assert bench.dests()[1:] == [(2, ("BOND", "EX"), "HOLD")]


def test_what_nobody_names_is_no_longer_on_the_belt() -> None:
    bench = three()
    bench.lose_session()
    bench.begin()
    bench.plc(said.Tracks((found(bench, 1, 1),), bench.now))
    bench.divc(2, "S1-L01")
    bench.plc(said.Synchronised(bench.now))
    assert [(name, end.parcel) for name, end in bench.terminals()] == [("parcel/sorted", "P2"), ("parcel/lost", "P3")]
    assert [travel.track for _, travel in bench.floor.travels()] == [1]


@pytest.mark.parametrize("held", [0, 1])
def test_a_decision_that_the_plc_does_not_hold_is_made_anew(held: int) -> None:
    bench = on_belt()
    bench.lose_session()
    bench.session(found(bench, decision=held))
    assert bench.dests()[1:] == ([] if held else [(2, ("L01", "L02", "EX"), "PLAN")])


def test_a_decision_that_the_journal_lacks() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.lose_session()
    bench.after(800).begin()
    bench.plc(said.Tracks((found(bench, decision=4),), bench.now))
    bench.arrv(1)
    assert bench.dests() == [(5, ("L01", "L02", "EX"), "PLAN")], "the first number is TRAK's + 1"
    bench.plc(said.Synchronised(bench.now))
    assert len(bench.dests()) == 1
    bench.answer("LATE")
    bench.divc(1, "S1-L02", decision=4)
    ((_, end),) = bench.terminals()
    assert getattr(end, "decision_not_recorded", None) is True
    assert end.parcel == "P1"
    assert bench.last("parcel/held_escaped").lane == "S1-L02", "nobody knows that it was released"


def test_an_unknown_track_on_the_belt_begins_a_travel() -> None:
    bench = Bench()
    bench.session(found(bench, 40))
    begun = bench.last("parcel/inducted")
    assert (begun.via, begun.track, begun.line) == ("TRAK", 40, "S1")
    bench.divc(40, "S1-EX", decision=0)
    assert len(bench.terminals()) == 1


def test_trak_and_a_buffered_arrival_are_one_item() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.lose_session()
    bench.begin()
    bench.plc(said.Tracks((found(bench, 3),), bench.now))
    bench.arrv(3)
    bench.plc(said.Synchronised(bench.now))
    assert len(bench.named("parcel/inducted")) == 1
    assert len(bench.dests()) == 1


def test_a_new_epoch_of_the_plc() -> None:
    bench = three()
    bench.lose_session()
    bench.session(epoch=8, new=True)
    assert [name for name, _ in bench.terminals()] == ["parcel/lost"] * 3
    assert all("memory" in str(getattr(end, "reason", "")) for _, end in bench.terminals())
    bench.plc(said.Ghost("S1-DEC", 1, 0, 0, None, bench.now, bench.now))
    ghost = bench.last("parcel/inducted")
    assert (ghost.via, ghost.epoch, ghost.track) == ("GHST", 8, 1)
    assert ghost.travel not in {end.travel for _, end in bench.terminals()}


def test_the_same_epoch_keeps_the_travels() -> None:
    bench = three()
    bench.lose_session()
    bench.session(*(found(bench, track, 1) for track in (1, 2, 3)))
    assert bench.terminals() == []
    assert len(bench.dests()) == 3


def test_a_doubt_of_trak_stays() -> None:
    bench = on_belt()
    bench.lose_session()
    bench.session(found(bench, decision=1, certainty="D"))
    assert bench.dests()[1:] == [(2, ("BOND", "EX"), "DOUB")]


# --- floods and chaos -------------------------------------------------------------------------------------------------


def test_reads_without_parcels_do_not_grow() -> None:
    bench = ready()
    for number in range(2000):
        bench.after(1).read(f"X{number}")
    (reader,) = bench.floor.lines["S1"].readers
    assert len(reader.recent) <= 64
    assert len(bench.named("parcel/read")) >= 2000 - 64, "what is given up is reported"


def test_one_parcel_read_a_thousand_times() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1180)
    for _ in range(1000):
        bench.after(0.04).read("CP1")
    assert len(bench.travel().results) <= 100
    bench.at(bench.now + 780).arrv(1)
    assert bench.travel().parcel == "P1"


TRACKS = st.integers(1, 4)
MOVES = st.one_of(
    st.tuples(st.just("indu"), TRACKS),
    st.tuples(st.just("arrv"), TRACKS),
    st.tuples(st.just("divc"), TRACKS),
    st.tuples(st.just("lost"), TRACKS),
    st.tuples(st.just("ghost"), TRACKS),
    st.tuples(st.just("read"), TRACKS),
    st.tuples(st.just("answer"), st.sampled_from((None, "LATE", "UNKT", "MODE", "BUSY", "NSYN", "OLDD", "EXPIRED"))),
    st.tuples(st.just("customs"), st.sampled_from(("hold", "release", "pending"))),
    st.tuples(
        st.just("stat"), st.sampled_from(("L01 FULL", "L01 FREE", "BOND FULL", "EX FULL", "EX FREE", "L02 LOCK"))
    ),
    st.tuples(st.just("line"), st.sampled_from(("RUN", "STOP", "ESTP"))),
    st.tuples(st.just("session"), st.sampled_from(("same", "new", "lose"))),
    st.tuples(st.just("head"), st.just(None)),
)


def _do(bench: Bench, what: str, how: Any, number: int) -> None:
    epoch = bench.floor.lines["S1"].epoch
    match what:
        case "indu":
            bench.indu(how)
        case "arrv":
            bench.arrv(how)
        case "divc":
            bench.divc(how, ("S1-L01", "S1-BOND", "S1-EX", None)[number % 4], decision=number % 3)
        case "lost":
            bench.plc(said.TrackLost(how, None, how - 1, how + 1, None, bench.now))
        case "ghost":
            bench.plc(said.Ghost("S1-DEC", how + 10, how, 0, None, bench.now, bench.now))
        case "read":
            bench.read(f"CP{how}")
        case "answer" if bench.destinations():
            bench.answer(how)
        case "customs":
            bench.customs(how, number)
        case "stat":
            bench.stat(f"S1-{how.split()[0]}", how.split()[1])
        case "line":
            bench.stat("LINE", how)
        case "session" if how == "lose":
            bench.lose_session()
        case "session":
            on_belt = tuple(found(bench, track, number % 2) for track in (1, 2) if how == "same")
            bench.session(*on_belt, epoch=epoch + (how == "new"), new=how == "new")
        case "head":
            bench.head()


def _allowed(bench: Bench, send: Send) -> bool:
    """No unsupervised lane is named for what is doubtful, unidentified or not released at this moment."""
    if not isinstance(send.command, said.Destination) or send.ref is None:
        return True
    if all(bench.floor.lanes[lane].config.supervised for lane in send.command.lanes):
        return True
    travel = bench.floor.lines[send.line].travels[send.ref[0]]
    if travel.doubtful or travel.parcel is None:
        return False
    return bench.floor.book.verdict(bench.store[travel.parcel], bench.now).released


@settings(max_examples=150)
@given(st.lists(st.tuples(MOVES, st.integers(0, 1500)), max_size=40))
def test_whatever_happens(moves: list[tuple[tuple[str, Any], int]]) -> None:
    """Conservation, P5 and P17 of what was sent, whatever comes in whatever order."""
    bench = ready(parcels=tuple(advice(f"P{n}") for n in range(1, 5)))
    for number, ((what, how), after) in enumerate(moves):
        bench.after(after)
        sent = len(bench.sent)
        _do(bench, what, how, number)
        for send in bench.sent[sent:]:
            assert send.expires is None or send.expires > bench.now, "a late answer is never sent"
            assert _allowed(bench, send), "P17"
    begun = [str(event.data.travel) for event in bench.events if event.name == "parcel/inducted"]
    ended = [str(event.data.travel) for event in bench.events if event.name in TERMINAL]
    still = [travel.id for _, travel in bench.floor.travels()]
    assert sorted(begun) == sorted(ended + still)
    assert len(set(ended)) == len(ended)
    assert {key for kind, key in bench.kept if kind == "travel"} == set(still)
    assert all(lane.on_way >= 0 for lane in bench.floor.lanes.values())
    going = [t.decision.lanes[0] for _, t in bench.floor.travels() if t.decision and t.decision.lanes]
    assert sum(lane.on_way for lane in bench.floor.lanes.values()) == len(going)


def test_items_that_the_floor_does_not_know() -> None:
    bench = ready()
    for item in (said.Heartbeat(b"", 0.0), said.Garbled(b"x", "y", 0.0), said.DeviceError("FORM", "z", b"", 0.0)):
        bench.step(Heard(PLC, item))
        bench.step(Heard(TUNNEL, item))
    assert bench.floor.travels() == []
