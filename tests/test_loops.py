"""Loops: laps, recirculation, reading again, carriers, and what is late there."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from controller.inhibiting import INDUCTION
from controller.inputs import CameBack
from devices import types as said
from devices.types import Destination
from tests.floor_fixture import PLC, Bench, advice, ready

LOOP = 'kind = "line"\nspeed_mm_s = 1000 => kind = "loop"\ncarriers = 40\nspeed_mm_s = 1000'
LAP_MS = 16_000


def loop(*changes: str, **more: object) -> Bench:
    return ready(LOOP, *changes, **more)  # type: ignore[arg-type]


def lap(bench: Bench, number: int, code: str | None = "CP1", track: int = 1, **more: Any) -> None:
    """One lap up to the decision point: past the induction eye, the tunnel, and there."""
    if number == 0:
        bench.indu(track)
    bench.after(1200)
    if code != "":
        bench.read(code)
    bench.after(800)
    bench.arrv(track, lap=number, **more)


def on(bench: Bench, number: int, decision: int, track: int = 1, since: float = 0.0) -> None:
    """It passed its gates and comes round to the induction, `since` ms after its decision point."""
    result, wanted = "FU", "S1-L01"
    bench.after(13_500 - since)
    bench.plc(said.Recirculated(track, decision, wanted, result, number, bench.now, bench.now))
    bench.after(500)


def last(bench: Bench) -> Destination:
    send = bench.destinations()[-1]
    assert isinstance(send.command, Destination)
    return send.command


def test_a_destination_on_a_loop_keeps_the_item_on_when_no_lane_takes_it() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    dest = last(bench)
    assert (dest.lanes, dest.if_none, dest.no_default) == (("S1-L01", "S1-L02", "S1-EX"), "K", False)


def test_it_is_decided_anew_in_each_lap() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    bench.answer()
    on(bench, 1, 1)
    assert bench.travel().current == 0
    assert bench.named("parcel/recirculated")[-1].result == "FU"
    lap(bench, 1)
    assert [number for number, _, _ in bench.dests()] == [1, 2]


def test_a_lap_whose_recirculation_was_dropped_counts_all_the_same() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    bench.answer()
    bench.after(14_000)
    lap(bench, 1)
    assert [number for number, _, _ in bench.dests()] == [1, 2]


def test_a_lap_that_only_trak_tells_of_is_decided_anew() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    bench.answer()
    bench.lose_session()
    bench.after(16_000)
    bench.session(said.TrackOnBelt(1, "S1-DEC", None, 0, "S", 1, bench.now))
    assert bench.travel().lap == 1
    assert [number for number, _, _ in bench.dests()] == [1, 2]


def test_what_is_not_identified_is_read_again_and_then_given_up() -> None:
    bench = loop()
    for number in (0, 1):
        lap(bench, number, None)
        dest = last(bench)
        assert (dest.lanes, dest.if_none, dest.no_default, dest.reason) == (("S1-EX",), "K", True, "AGIN")
        bench.answer()
        on(bench, number + 1, dest.decision)
    lap(bench, 2, None)
    dest = last(bench)
    assert (dest.lanes, dest.reason) == (("S1-EX",), "NORD")


def test_a_read_in_the_second_lap_is_no_doubt_of_the_no_read_in_the_first() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0, None)
    bench.answer()
    on(bench, 1, 1)
    lap(bench, 1)
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def plc_lap(bench: Bench, number: int, *codes: str) -> None:
    """A lap in which the scanner hangs on the PLC."""
    if number == 0:
        bench.indu(1)
    bench.after(2000)
    bench.arrv(1, age=5, lap=number, codes=tuple(said.Code(code.encode()) for code in codes))


def test_a_scanner_on_the_plc_reads_a_doubtful_item_again() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    plc_lap(bench, 0, "CP1")
    bench.answer()
    bench.after(100)
    bench.plc(said.Overflow(1, bench.now, bench.now))
    assert bench.dests()[-1] == (2, ("EX",), "AGIN")
    bench.answer()
    on(bench, 1, 2, since=100)
    plc_lap(bench, 1, "CP1")
    assert bench.dests()[-1] == (3, ("L01", "L02", "EX"), "PLAN")
    assert len(bench.named("parcel/read")) == 2


def test_what_a_scanner_on_the_plc_said_of_a_lap_is_over_with_it() -> None:
    bench = loop(parcels=(advice("P1", customs="none"), advice("P2", customs="none")))
    plc_lap(bench, 0, "CP1", "CP2")
    assert bench.travel().identity == "CONFLICT"
    bench.answer()
    on(bench, 1, 1)
    plc_lap(bench, 1, "CP1")
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def test_a_read_before_the_next_arrival_is_no_late_decision() -> None:
    bench = loop()
    lap(bench, 0, None)
    bench.answer()
    on(bench, 1, 1)
    bench.advise(advice(customs="none"))
    lap(bench, 1)
    assert (bench.floor.late, bench.named("parcel/refused")) == (0, [])
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def test_an_answer_of_the_lap_before_means_nothing_in_this_one() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    on(bench, 1, 1)
    bench.answer()
    assert bench.travel().obeyed == 0


def test_fallback_gives_up_in_the_first_lap() -> None:
    bench = loop('carriers = 40 => carriers = 40\non_late = "fallback"')
    lap(bench, 0, None)
    assert bench.dests() == [(1, ("EX",), "NORD")]


def test_a_full_lane_is_waited_for_on_the_loop_and_has_no_place_for_who_waits() -> None:
    bench = loop(parcels=(advice("P1", "BE", customs="none"),))
    for lane in ("S1-L03", "S1-EX"):
        bench.stat(lane, "FULL")
    lap(bench, 0)
    dest = last(bench)
    assert (dest.lanes, dest.if_none, dest.reason) == (("S1-L03", "S1-EX"), "K", "FULL")
    assert bench.floor.lanes["S1-L03"].on_way == 0


def test_after_the_last_lap_the_default_lane_takes_it() -> None:
    bench = loop(parcels=(advice("P1", "BE", customs="none"),))
    for lane in ("S1-L03", "S1-EX"):
        bench.stat(lane, "FULL")
    for number in range(3):
        lap(bench, number)
        assert last(bench).if_none == "K"
        bench.answer()
        on(bench, number + 1, number + 1)
    lap(bench, 3)
    dest = last(bench)
    assert (dest.lanes, dest.if_none, dest.no_default) == (("S1-EX",), "D", False)


def test_a_doubtful_item_is_sure_again_when_it_was_read_in_the_next_lap() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    lap(bench, 0)
    bench.answer()
    bench.after(100).stat("LINE", "ESTP")
    assert bench.dests()[-1][2] == "AGIN"
    bench.answer()
    bench.stat("LINE", "RUN")
    on(bench, 1, 2, since=100)
    lap(bench, 1)
    assert not bench.travel().doubtful
    assert bench.dests()[-1][1:] == (("L01", "L02", "EX"), "PLAN")


def test_a_ghost_on_a_loop_is_read_in_its_next_lap() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    bench.plc(said.Ghost("S1-DEC", 9, 0, 0, "17", bench.now, bench.now))
    bench.arrv(9, certainty="U")
    assert bench.dests()[-1][2] == "AGIN"
    bench.answer()
    on(bench, 1, 1, track=9)
    lap(bench, 1, track=9, certainty="U")
    assert bench.dests()[-1][1:] == (("L01", "L02", "EX"), "PLAN")


def test_who_becomes_doubtful_late_is_read_again_as_often_as_others() -> None:
    """It went round for a full lane; `laps_unknown` counts from the lap in which it was known for the last time."""
    bench = loop("carriers = 40 => carriers = 40\nlaps_max = 4", parcels=(advice("P1", "BE", customs="none"),))
    for lane in ("S1-L03", "S1-EX"):
        bench.stat(lane, "FULL")
    for number in (0, 1):
        lap(bench, number)
        bench.answer()
        on(bench, number + 1, number + 1)
    lap(bench, 2)
    bench.answer()
    bench.stat("LINE", "ESTP")
    bench.stat("LINE", "RUN")
    assert bench.dests()[-1][2] == "AGIN"
    for number in (3, 4):
        bench.answer()
        on(bench, number, bench.travel().number)
        lap(bench, number, None)
    assert [reason for _, _, reason in bench.dests()][-3:] == ["AGIN", "AGIN", "DOUB"]


def test_a_hold_behind_the_supervised_lane_waits_for_the_next_lap() -> None:
    bench = loop(parcels=(advice(),))
    bench.customs("release")
    lap(bench, 0, left=14_000)
    bench.answer()
    bench.after(13_500)  # past the bond lane and the exception lane
    bench.customs("hold", 2)
    dest = last(bench)
    assert (dest.if_none, dest.no_default) == ("K", False)
    assert set(dest.lanes) <= {"S1-BOND", "S1-EX"}


@pytest.mark.parametrize(("lap_number", "kept"), [(0, 0), (1, 1), (3, 3)])
def test_the_travel_knows_its_lap(lap_number: int, kept: int) -> None:
    bench = loop(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(2000).arrv(1, lap=lap_number)
    assert bench.travel().lap == kept


def test_a_loop_that_carries_enough_takes_nothing_more_until_there_is_room() -> None:
    bench = loop("carriers = 40 => carriers = 40\nload_max = 3")
    for track in (1, 2, 3):
        bench.indu(track)
        bench.after(600)
    assert bench.requests() == ["INHB"]
    bench.step(CameBack(PLC, INDUCTION, 1, None))
    for track in (1, 2):
        bench.divc(track, "S1-EX", 0, "NA")
    assert bench.requests() == ["INHB", "ENAB"]


def test_an_item_inducted_behind_the_tunnel_is_read_in_its_second_lap() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    bench.plc(said.Arrived("S1-DEC", 1, bench.now, 2500, 200, 0, "5", 0, "S", (), bench.now))
    assert bench.dests()[-1][2] == "AGIN"
    bench.answer()
    on(bench, 1, 1)
    lap(bench, 1)
    assert bench.dests()[-1][1:] == (("L01", "L02", "EX"), "PLAN")


def test_positions_go_round() -> None:
    bench = loop(parcels=(advice(customs="none"),))
    bench.indu(1)
    line = bench.floor.lines["S1"]
    bench.after(17_000)
    assert line.position(bench.travel(), bench.now) == pytest.approx(1000)
    assert line.ahead(500, 15_900) == pytest.approx(600)
    assert line.way(15_900, 500) == pytest.approx(600)


def test_a_carrier_is_named_by_the_reader() -> None:
    by_carrier = (
        'window_mm => match = "carrier"\nwindow_mm' if False else 'late_mm = 400 => late_mm = 400\nmatch = "carrier"'
    )
    bench = loop(by_carrier, parcels=(advice(customs="none"),))
    bench.plc(said.Inducted("S1-IND", 1, "7", 1, 200, bench.now, bench.now))
    bench.after(900)
    bench.item(said.Read("CP1", b"CP1", bench.now, index=7))
    assert [result.code for result in bench.travel().results] == ["CP1"]


def test_a_travel_goes_on_on_another_line_with_what_was_read() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    visit = bench.travel().visit
    bench.plc(said.HandedOver("S1", 7, 1, "S1-IND", 50, bench.now, bench.now))
    assert bench.travel(50).visit == visit
    bench.after(2000).arrv(50)
    assert bench.dests()[-1][1:] == (("L01", "L02", "EX"), "PLAN")
    assert not bench.named("alarm/raised")


def test_items_too_close_are_both_rejected() -> None:
    bench = ready(
        "durable_first = false => min_gap_mm = 50", parcels=(advice("P1", customs="none"), advice("P2", customs="none"))
    )
    bench.indu(1)
    bench.after(230).indu(2)
    bench.after(970).read("CP1")
    bench.after(230).read("CP2")
    bench.after(570).arrv(1)
    bench.after(230).arrv(2, gap=30)
    assert [reason for _, _, reason in bench.dests()][-2:] == ["GAP", "GAP"]


def test_no_lane_left_at_the_last_moment_asks_the_line_to_stop() -> None:
    bench = ready(parcels=(advice(),))
    for lane in ("S1-BOND", "S1-EX"):
        bench.stat(lane, "FULL")
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.after(800).arrv(1)
    assert bench.requests() == ["INHB"]
    bench.after(2500)
    assert bench.requests() == ["INHB", "STOP"]
    assert bench.last("alarm/raised").priority == "critical"


def test_what_is_read_on_a_carrier_after_its_item_fell_is_the_next_ones() -> None:
    """The PLC could not say for a while that the carrier was emptied and taken again."""
    bench = loop(
        'late_mm = 400 => late_mm = 400\nmatch = "carrier"\nindex_digits = 4',
        parcels=(advice("P1", customs="none"), advice("P2", customs="none")),
    )
    bench.plc(said.Inducted("S1-IND", 1, "7", 1, 200, bench.now, bench.now))
    bench.after(1200)
    bench.item(said.Read("CP1", b"CP1", bench.now, index=7))
    bench.after(800).arrv(1, carrier="7")
    bench.answer()
    bench.lose_session()
    fell = bench.now + 3000
    bench.after(LAP_MS - 800)
    bench.item(said.Read("CP2", b"CP2", bench.now, index=7))
    bench.begin()
    bench.divc(1, "S1-L01", edge=fell)
    assert bench.last("parcel/sorted").parcel == "P1"
    bench.plc(said.Inducted("S1-IND", 2, "7", 1, 200, bench.now - 1200, bench.now))
    bench.plc(said.Synchronised(bench.now))
    bench.after(800).arrv(2, carrier="7")
    assert bench.travel(2).parcel == "P2"
    assert bench.travel(2).visit == bench.travel(2).id


def test_an_item_without_a_code_is_one_that_the_reader_did_not_read_however_often_it_comes_round() -> None:
    bench = loop()
    for number in range(3):
        lap(bench, number, None)
        bench.answer()
        on(bench, number + 1, bench.travel().number)
    assert bench.floor.frequent["no-read-tunnel-1"] == deque([True])
