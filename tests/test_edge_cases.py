"""The edge cases that a real sorter meets, by number. Left out here:

25 (a silent or half-open link) is a matter of links: tests/test_links.py and the silence rules in
tests/test_telegram_session.py. 34 (a robot takes a parcel over and dies) needs robots, which are not built yet.
35: the mode is one for a node; a single simulated device on a real floor is not marked by itself yet.
"""

from __future__ import annotations

from typing import Any

import pytest

from controller.effects import Emit
from controller.events import TERMINAL
from controller.floor import Connection
from controller.inputs import Ordered, Parted, Replied
from controller.orders import PlanSwitch
from controller.plan import load_plan, plan_of_text
from controller.sheet import ConfigErrors
from devices import types as said
from devices.plcs import telegram
from tests.floor_fixture import PLAN, PLC, TUNNEL, UTC, Bench, advice, ready, ride, write
from tests.test_loops import lap, loop, on
from tests.test_node import Daemon, arrv, divc, indu

FREE = advice("P1", customs="none")


def both(*changes: str) -> Bench:
    return ready(*changes, parcels=(FREE, advice("P2", "BE", customs="none")))


def reasons(bench: Bench) -> list[str]:
    return [reason for _, _, reason in bench.dests()]


def outcomes(bench: Bench) -> list[str]:
    return [read.outcome for read in bench.named("parcel/read")]


# --- identity ---------------------------------------------------------------------------------------------------------


def test_01_no_read_scanner_down_and_scanner_late_are_three_things() -> None:
    bench = ready()
    ride(bench, 1, None)
    assert bench.last("parcel/routed").identity == "NO_READ"
    bench.indu(2)
    bench.after(2000).arrv(2)
    bench.after(2500)
    assert bench.last("parcel/routed").identity == "SCANNER_LATE"
    bench.step(Connection(TUNNEL, False))
    bench.indu(3)
    bench.after(2000).arrv(3)
    bench.after(2500)
    assert bench.last("parcel/routed").identity == "SCANNER_DOWN"
    assert all(lanes == ("EX",) for _, lanes, _ in bench.dests())


def test_01_on_a_loop_it_is_read_again_before_people_do_it() -> None:
    bench = loop()
    for number in (0, 1):
        lap(bench, number, None)
        bench.answer()
        on(bench, number + 1, number + 1)
    lap(bench, 2, None)
    assert reasons(bench) == ["AGIN", "AGIN", "NORD"]


def test_02_two_codes_of_one_parcel_agree_and_two_unknown_ones_are_not_chosen_from() -> None:
    bench = ready(parcels=(advice("P1", customs="none", aliases=("CP1", "EAN")),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.read("EAN")
    bench.after(800).arrv(1)
    assert reasons(bench) == ["PLAN"]
    bench.indu(2)
    bench.after(1200).read("X1")
    bench.read("X2")
    bench.after(800).arrv(2)
    assert bench.last("parcel/routed").identity == "MULTI"


def test_03_codes_of_two_parcels_conflict_and_all_reads_are_kept() -> None:
    bench = both()
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.read("CP2")
    bench.after(800).arrv(1)
    assert reasons(bench) == ["CONF"]
    assert [read.code for read in bench.named("parcel/read")] == ["CP1", "CP2"]


def test_04_a_code_of_b_that_comes_before_the_one_of_a() -> None:
    bench = both()
    bench.indu(1)
    bench.after(400).indu(2)
    bench.after(1200).read("CP2")
    bench.read("CP1", at=bench.now - 400)
    assert [bench.travel(track).results[0].code for track in (1, 2)] == ["CP1", "CP2"]


def test_05_a_code_that_is_alive_twice_is_a_copy_and_an_alarm() -> None:
    bench = both()
    ride(bench, 1)
    ride(bench, 2)
    assert bench.last("parcel/routed").identity == "DUPLICATE_LIVE"
    assert bench.last("alarm/raised").alarm.startswith("duplicate")


def test_06_a_second_scan_of_the_same_item_is_one_read() -> None:
    bench = both()
    bench.indu(1)
    bench.after(1180).read("CP1")
    bench.after(40).read("CP1")
    assert outcomes(bench) == ["READ"]


def test_07_two_that_touch_are_both_rejected_and_each_has_its_own_end() -> None:
    bench = both("durable_first = false => min_gap_mm = 50")
    bench.indu(1)
    bench.after(230).indu(2)
    bench.after(970).read("CP1")
    bench.after(230).read("CP2")
    bench.after(570).arrv(1)
    bench.answer()
    bench.after(230).arrv(2, gap=30)
    assert reasons(bench)[-2:] == ["GAP", "GAP"]
    for track in (1, 2):
        bench.divc(track, "S1-EX", bench.travel(track).current)
    assert [name for name, _ in bench.terminals()] == ["parcel/rejected"] * 2


def test_07_stuck_together_they_are_one_item_with_codes_of_two() -> None:
    bench = both()
    bench.indu(1, length=520)
    bench.after(1200).read("CP1")
    bench.read("CP2")
    bench.after(800).arrv(1, length=520)
    assert reasons(bench) == ["CONF"]


# --- the host ---------------------------------------------------------------------------------------------------------


def test_08_a_decision_that_would_be_late_is_counted_reported_and_never_sent() -> None:
    bench = ready(parcels=(advice(),))
    ride(bench, 1)
    bench.answer()
    bench.after(3000)
    bench.customs("release")
    assert len(bench.dests()) == 1
    assert bench.last("parcel/refused").code == "EXPIRED"
    assert bench.floor.late == 1


def test_09_an_answer_that_nobody_waits_for_is_counted_and_changes_nothing() -> None:
    bench = both()
    ride(bench, 1)
    bench.answer()
    bench.divc(1, "S1-L01", 1)
    bench.step(Replied("CP1", True))
    bench.step(Replied("CP9", False))
    assert bench.floor.unsolicited == 2
    assert len(bench.dests()) == len(bench.terminals()) == 1


def test_10_with_the_broker_away_local_advice_decides_and_the_events_say_so() -> None:
    daemon = Daemon().up()
    daemon.say("advice", {"parcel": "P1", "aliases": ["CP1"], "country": "FR", "customs": "none"})
    daemon.commit()
    daemon.node.disconnected(daemon.now)
    daemon.event("INDU", indu(1))
    daemon.read("CP1", 1200)
    daemon.now += 800
    assert ("DEST", "R") in [(kind, flag) for kind, flag, _ in daemon.event("ARRV", arrv(1))]
    daemon.commit()
    (routed,) = daemon.events("parcel/routed")
    assert (routed["degraded"], routed["data"]["reason"]) == (True, "PLAN")


def test_10_nobody_is_asked_while_the_broker_is_away() -> None:
    bench = ready()
    bench.step(Parted())
    ride(bench, 1, "UNKNOWN")
    assert reasons(bench) == ["UNKN"]


def test_11_a_destination_that_the_floor_has_not_is_refused_before_anything_runs(tmp_path: Any) -> None:
    from controller.config import load

    config = load(write(tmp_path))
    plan = tmp_path / "plan.toml"
    plan.write_text(plan.read_text().replace('FRANCE = ["S1-L01"', 'FRANCE = ["S1-L77"'))
    with pytest.raises(ConfigErrors, match="S1-L77"):
        load_plan(plan, config)


def test_11_a_lane_that_the_plc_does_not_know_is_reported_with_its_refusal() -> None:
    bench = both()
    ride(bench, 1)
    bench.answer("LUNK")
    assert bench.last("parcel/refused").code == "LUNK"
    alarm = bench.last("alarm/raised")
    assert (alarm.alarm, alarm.priority) == ("refused-S1", "critical")
    assert "does not know one of these lanes" in alarm.what


# --- lanes ------------------------------------------------------------------------------------------------------------


def test_12_full_when_it_is_decided_and_full_afterwards() -> None:
    bench = both()
    bench.stat("S1-L01", "FULL")
    ride(bench, 1)
    assert bench.dests()[-1] == (1, ("L02", "EX"), "FULL")
    bench.answer()
    bench.stat("S1-L02", "FULL")
    assert bench.dests()[-1][:2] == (2, ("EX",))


def test_12_a_rate_limit_is_a_reason_of_its_own() -> None:
    bench = both("position_mm = 5000 => position_mm = 5000\nrate_per_min = 1")
    ride(bench, 1)
    bench.answer()
    bench.divc(1, "S1-L01", 1)
    bench.advise(advice("P3", customs="none"))
    ride(bench, 3, "CP3")
    assert bench.dests()[-1] == (1, ("L02", "EX"), "RATE")


def test_13_a_loop_carries_no_more_than_it_may_and_an_item_goes_round_so_often() -> None:
    bench = loop(parcels=(advice("P1", "BE", customs="none"),))
    for lane in ("S1-L03", "S1-EX"):
        bench.stat(lane, "FULL")
    for number in range(3):
        lap(bench, number)
        bench.answer()
        on(bench, number + 1, number + 1)
    lap(bench, 3)
    assert [send.command.if_none for send in bench.destinations()] == ["K", "K", "K", "D"]  # type: ignore[union-attr]


def test_14_what_did_not_leave_at_its_gate_takes_nobody_elses_turn() -> None:
    bench = both()
    ride(bench, 1)
    bench.answer()
    ride(bench, 2, "CP2")
    bench.answer()
    bench.divc(1, "S1-EX", 1, "MI", wanted="S1-L01")
    assert [(name, data.result) for name, data in bench.terminals()] == [("parcel/rejected", "MI")]  # type: ignore[attr-defined]
    bench.divc(2, "S1-L03", 1)
    assert bench.terminals()[-1][0] == "parcel/sorted"


def test_15_another_lane_than_any_wanted_is_mis_sorted_and_says_both() -> None:
    bench = both()
    ride(bench, 1)
    bench.answer()
    bench.divc(1, "S1-L04", 1, "OK", wanted="S1-L01")
    name, data = bench.terminals()[-1]
    assert name == "parcel/mis_sorted"
    assert (data.lane, data.wanted) == ("S1-L04", "S1-L01")  # type: ignore[attr-defined]


# --- tracking ---------------------------------------------------------------------------------------------------------


def test_16_a_loss_touches_those_between_its_last_eye_and_the_place_and_nobody_else() -> None:
    bench = ready(parcels=tuple(advice(f"P{n}", customs="none") for n in range(1, 5)))
    for track in (1, 2, 3):
        ride(bench, track, f"CP{track}", left=30_000)
        bench.answer()
    bench.indu(4)
    bench.plc(said.TrackLost(2, "S1-DEC", 1, 3, bench.now, bench.now))
    # 2 was at 4000 mm: 1 is its neighbour, 3 is behind it, 4 has not come to that eye.
    assert [bench.travel(track).doubtful for track in (1, 3, 4)] == [True, True, False]
    assert [name for name, _ in bench.terminals()] == ["parcel/lost"]
    assert set(reasons(bench)[3:]) == {"DOUB"}


def test_17_a_ghost_gets_nobodys_decision() -> None:
    bench = both()
    bench.plc(said.Ghost("S1-DEC", 9, 0, 0, None, bench.now, bench.now))
    bench.arrv(9, certainty="U")
    bench.after(2500)
    assert bench.dests()[-1][1:] == (("BOND", "EX"), "DOUB")
    assert bench.last("parcel/inducted").via == "GHST"


def test_18_an_early_edge_moves_the_item_not_its_neighbour() -> None:
    bench = both()
    bench.indu(1)
    bench.after(600).indu(2)
    bench.after(600).read("CP1")
    bench.after(600).read("CP2")
    bench.after(150).arrv(1)  # 50 mm earlier than the belt's speed says
    line = bench.floor.lines["S1"]
    assert line.position(bench.travel(1), bench.now) == pytest.approx(2000)
    assert line.position(bench.travel(2), bench.now) == pytest.approx(1350)


def test_19_a_full_belt_at_the_start_is_flushed_on_a_line_and_read_again_on_a_loop() -> None:
    full = [said.TrackOnBelt(n, "S1-DEC", None, 0, "S", 0, 100_000.0 - 100 * n) for n in range(1, 6)]
    for kind, reason in (((), "SCAN"), (("loop",), "AGIN")):
        bench = loop() if kind else ready()
        bench.session(*full)
        bench.after(5000)
        assert set(reasons(bench)) == {reason}
        assert len(bench.dests()) == 5
        for track in range(1, 6):
            assert not bench.named("line/flushed")
            bench.divc(track, "S1-EX")
        assert [name for name, _ in bench.terminals()] == 5 * ["parcel/flushed"]
        assert len(bench.named("line/flushed")) == 1


def test_20_a_jam_is_an_event_and_stops_the_clock_of_the_belt() -> None:
    bench = both()
    bench.indu(1)
    bench.after(600).stat("LINE", "JAM")
    bench.after(60_000).stat("LINE", "RUN")
    assert bench.named("line/jammed")
    bench.after(600).read("CP1")
    assert [result.code for result in bench.travel().results] == ["CP1"]


def test_21_an_emergency_stop_freezes_positions_and_nothing_is_certain_after_it() -> None:
    bench = both()
    ride(bench, 1, left=30_000)
    bench.answer()
    at = bench.floor.lines["S1"].position(bench.travel(), bench.now)
    bench.stat("LINE", "ESTP")
    bench.after(3_600_000)
    assert bench.floor.lines["S1"].position(bench.travel(), bench.now) == at
    assert bench.named("line/estop")
    assert bench.travel().doubtful


def test_22_a_change_of_speed_is_followed_and_slip_is_doubt() -> None:
    bench = both()
    bench.indu(1)
    bench.plc(said.Speed("LINE", 500, 0, bench.now, bench.now))
    bench.after(2400).read("CP1")
    assert [result.code for result in bench.travel().results] == ["CP1"]
    bench.after(2100).arrv(1)  # 250 mm behind where it should be
    assert bench.travel().doubtful


# --- restarts ---------------------------------------------------------------------------------------------------------


def test_23_a_restart_of_the_controller_goes_on_with_what_is_on_the_belt() -> None:
    daemon = Daemon().up()
    daemon.event("INDU", indu(1))
    daemon.event("OVFL", "0000100000")
    daemon.commit()
    again = Daemon(journal=daemon.journal, now=daemon.now + 500)
    again.evt = daemon.evt
    again.node.link_up(PLC, again.now)
    again.begin()
    again.request("TRAK", "01" + f"{1:06}S1-IND......" + "............" + "0000S0000500")
    again.synchronised()
    assert len(again.node.floor.travels()) == 1
    again.event("DIVC", divc(1, 0, "S1-EX"))
    again.commit()
    names = [row.topic.split("/event/")[1] for row in again.journal.rows.values()]
    assert sum(name in TERMINAL for name in names) == names.count("parcel/inducted") == 1
    assert names.count("alarm/raised") == names.count("alarm/cleared") == 1, "the incident of before is closed"
    assert not [key for key in again.journal.state if key[0] == "alarm"]


def test_24_a_new_memory_of_the_plc_ends_what_it_no_longer_knows() -> None:
    bench = both()
    ride(bench, 1)
    bench.session(epoch=8, new=True)
    assert [name for name, _ in bench.terminals()] == ["parcel/lost"]
    bench.indu(1)
    assert len(bench.named("parcel/inducted")) == 2


def test_26_what_is_garbled_on_the_wire_is_counted_and_what_follows_is_read() -> None:
    driver = telegram.Driver(telegram.Settings())
    driver.opened(0.0, said.Kept(0, 0, 1, 1))
    items = driver.feed(b"\x00\xff\x021HUB.XX\x02\x02garbage\x03" + bytes(range(256)) * 40, 1.0)
    assert all(isinstance(item, said.Garbled) for item in items)


def test_27_events_of_an_outage_come_afterwards_in_order() -> None:
    daemon = Daemon().up()
    daemon.node.disconnected(daemon.now)
    for track in range(1, 4):
        daemon.event("INDU", indu(track))
    daemon.commit()
    assert daemon.node.publishes(daemon.now) == []
    daemon.node.connected(daemon.now)
    wanted = daemon.node.outbox.wants()
    if wanted is not None:
        daemon.node.backlog(daemon.journal.backlog(*wanted))
    keys = [publish.key for publish in daemon.node.publishes(daemon.now) if publish.key]
    assert keys == sorted(daemon.journal.open_rows)


def test_28_after_a_reconnection_the_same_event_has_the_same_id() -> None:
    daemon = Daemon().up()
    daemon.event("INDU", indu(1))
    daemon.commit()
    first = [publish for publish in daemon.node.publishes(daemon.now) if publish.key]
    daemon.node.disconnected(daemon.now)
    daemon.node.connected(daemon.now)
    again = [publish for publish in daemon.node.publishes(daemon.now) if publish.key]
    assert again == first
    assert not any(publish.retain for publish in again)


@pytest.mark.parametrize("step", [-2 * 86_400_000.0, 2 * 86_400_000.0, 3_600_000.0])
def test_29_a_step_of_the_clock_changes_no_decision_and_no_deadline(step: float) -> None:
    def told(utc: float) -> list[Any]:
        bench = ready(parcels=(FREE,))
        ride(bench, 1)
        bench.floor.utc_offset += utc
        bench.answer()
        bench.after(500).stat("S1-L01", "FULL")
        bench.after(5000).divc(1, "S1-L02", 2)
        return [(emit.seq, emit.name, emit.at, emit.data) for emit in bench.events if isinstance(emit, Emit)]

    assert told(0.0) == told(step)


def test_30_a_disk_that_takes_its_time_delays_no_answer() -> None:
    daemon = Daemon().up()
    daemon.say("advice", {"parcel": "P1", "aliases": ["CP1"], "country": "FR", "customs": "none"})
    daemon.commit()
    daemon.event("INDU", indu(1))
    stuck = daemon.on_its_way()
    daemon.read("CP1", 1200)
    daemon.now += 800
    assert ("DEST", "R") in [(kind, flag) for kind, flag, _ in daemon.event("ARRV", arrv(1))]
    daemon.durable(stuck)


# --- plan, sizes, customs ---------------------------------------------------------------------------------------------


def test_31_a_switched_plan_decides_again_and_the_old_decision_keeps_its_name() -> None:
    bench = both()
    night = PLAN.replace('plan = "day"', 'plan = "night"').replace(
        'FRANCE = ["S1-L01", "S1-L02"]', 'FRANCE = ["S1-L02"]'
    )
    bench.floor.plans["night"] = plan_of_text(night, "night", bench.config)
    ride(bench, 1)
    bench.answer()
    order = PlanSwitch(
        id="c1", issued=int(UTC + bench.now), expires=int(UTC + bench.now) + 1000, actor="jane", plan="night"
    )
    bench.step(Ordered(order))
    assert bench.dests()[-1][1] == ("L02", "EX")
    decisions = bench.travel().decisions
    assert [decisions[number].plan for number in (1, 2)] == ["day 1", "night 1"]


def test_31_a_decision_names_the_plan_it_was_made_with() -> None:
    bench = both()
    ride(bench, 1)
    assert bench.last("parcel/routed").plan == "day 1"


def test_32_too_long_and_too_heavy_and_a_scale_that_failed() -> None:
    bench = ready(parcels=(advice("P1", "DE", customs="none"),))
    for lane in ("S1-L01", "S1-L02", "S1-L03"):
        bench.stat(lane, "LOCK")
    bench.indu(1, length=900)
    bench.after(1200).read("CP1")
    bench.after(800).arrv(1, length=900)
    assert "L04" not in bench.dests()[-1][1]
    bench.plc(said.Measured("S1-DEC", 1, 0, "E", None, 0, 0, 0, "E", bench.now))
    assert (bench.travel().weight_g, bench.travel().length_mm) == (None, 900)


def test_33_a_hold_after_the_decision_turns_it_while_there_is_time_and_is_a_recall_afterwards() -> None:
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    ride(bench, 1)
    bench.answer()
    bench.customs("hold", 2)
    assert bench.dests()[-1][1:] == (("BOND", "EX"), "HOLD")
    bench.divc(1, "S1-L01", 1, wanted="S1-L01")  # it was too late for the gate
    assert len(bench.named("parcel/recall")) == 1


def test_35_what_is_simulated_says_so_in_every_event() -> None:
    daemon = Daemon('mode = "test" => mode = "simulated"').up()
    assert {event["mode"] for event in daemon.events()} == {"simulated"}
