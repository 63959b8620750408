"""The telegram PLC stub's items and commands against PLC interface v1 §2: from induction to lane, gates, losses, STAT.

The controller is the script of `scripted_hub.py`; no driver and no codec of the project is used.
"""

from __future__ import annotations

import dataclasses

import pytest

from firmware_stubs.plcs.telegram import Geometry, Plc
from firmware_stubs.stub import Taken
from tests.plc_bench import LINE, arrived, arrived_two, divc, kinds, new, session
from tests.scripted_hub import Hub, pad


def test_an_item_from_induction_to_its_lane() -> None:
    plc, hub = session()
    track = plc.edge("IND", 400, 0.0)
    assert plc.edge("EYE", 400, 500.0) == track
    assert plc.edge("DEC", 400, 1010.0) == track
    plc.tick(1022.0)
    said = hub.listen(1022.0)
    assert kinds(said) == ["INDU", "PASS", "ARRV"]
    assert said[0].body == f"000001{pad('IND')}{track:06d}0000000" + "00400" + "01022"
    # left: 5000 mm to the last gate at 1 mm a ms, less 50 ms; nobody is ahead
    assert said[2].body == f"000003{pad('DEC')}{track:06d}00012" + "04950" + "00400" + "00000" + "000000" + "00S0"
    assert plc.sent_arrivals() == [(1, track, 1022.0)]
    assert hub.dest(track, 1, ["L02", "EX"], 1030.0) == "A"
    assert plc.taken() == [Taken(1, track, 1, "PLAN", ("L02", "EX"), "D", False, None, 1030.0)]
    assert plc.next_at() is not None
    assert plc.gates(4009.0) == []
    (command,) = plc.gates(4011.0)
    assert (command.lane, command.track) == ("L02", track)
    assert command.at == pytest.approx(4010.0)
    assert plc.gates(4012.0) == []
    hub.ask("LIFE", "000000", 4000.0)
    plc.lane_eye("L02", 4310.0)
    (divc,) = [one for one in hub.listen(4320.0) if one.kind == "DIVC"]
    assert divc.body == f"000004{track:06d}0001{pad('L02')}{pad('L02')}OKE00" + "00010"


def test_next_at_names_what_comes_next_and_does_not_stand_still() -> None:
    plc = new()
    plc.edge("IND", 400, 0.0)
    plc.edge("IND", 400, 2000.0)
    seen = []
    for _ in range(10):
        due = plc.next_at()
        if due is None:
            break
        plc.tick(due)
        seen.append(due)
        assert plc.next_at() != due
    # Without a destination only the default lane's gate counts: its point of no return, the gate, the eye behind it.
    assert seen == [pytest.approx(at) for at in (5950, 6000, 6750, 7950, 8000, 8750)]


def test_late_is_when_no_lane_named_can_be_reached_and_the_older_one_stands() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    assert hub.dest(track, 1, ["L02"], 1100.0) == "A"
    assert hub.ask("LIFE", "000000", 2500.0).flag == "A"
    assert hub.dest(track, 2, ["L01"], 2951.0) == "LATE"
    assert hub.dest(track, 2, ["L01", "EX"], 2952.0) == "A"  # a refused number is not held
    assert hub.dest(track, 3, ["L01"], 2953.0) == "LATE"
    plc.tick(5960.0)
    plc.lane_eye("EX", 6400.0)
    assert divc(plc, hub, 6400.0).body[12:44] == f"0002{pad('L01')}{pad('EX')}LAE0"


def test_in_time_to_the_last_millisecond() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.ask("LIFE", "000000", 2000.0)
    assert hub.dest(track, 1, ["L01"], 2949.0) == "A"
    assert hub.dest(track, 2, ["L02"], 2951.0) == "LATE"  # the gate is commanded
    assert [command.lane for command in plc.gates(3000.0)] == ["L01"]


def test_decision_numbers() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    assert hub.dest(track, 9998, ["L01"], 1100.0) == "A"
    assert hub.dest(track, 9998, ["L01"], 1101.0) == "A"
    assert hub.dest(track, 9998, ["L02"], 1102.0) == "OLDD"
    assert hub.dest(track, 9997, ["L02"], 1103.0) == "OLDD"
    assert hub.dest(track, 2, ["L02"], 1104.0) == "A"
    assert hub.dest(track, 9998, ["L01"], 1105.0) == "OLDD"
    assert hub.dest(track, 5002, ["EX"], 1106.0) == "OLDD"
    assert hub.dest(track, 5001, ["EX"], 1107.0) == "A"


def test_other_refusals_of_dest() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    assert hub.dest(track + 1, 1, ["L01"], 1100.0) == "UNKT"
    assert hub.dest(track, 1, ["L01", "NOPE"], 1100.0) == "LUNK"
    assert hub.dest(track, 1, ["L01"], 1100.0, point="NOPE") == "PUNK"
    assert hub.dest(track, 1, ["L01"], 1100.0, flags="N") == "FORM"
    assert hub.dest(track, 1, ["L01"], 1100.0, flags="Q") == "FORM"
    assert hub.dest(track, 1, ["L01"], 1100.0, if_none="X") == "FORM"
    assert hub.dest(track, 0, ["L01"], 1100.0) == "FORM"
    assert hub.dest(track, 1, [], 1100.0) == "FORM"
    assert hub.dest(track, 1, ["L01"] * 5, 1100.0) == "FORM"
    plc.line_state("MANU", 1100.0)
    assert hub.dest(track, 1, ["L01"], 1100.0) == "MODE"
    assert [taken.refusal for taken in plc.taken()] == ["UNKT", "LUNK", "PUNK", "FORM", "MODE"]


@pytest.mark.parametrize(("state", "result"), [("FULL", "FU"), ("LOCK", "LK")])
def test_a_closed_first_lane_gives_the_next_one(state: str, result: str) -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L01", "L02"], 1100.0)
    plc.lane_state("L01", state, 2000.0)
    hub.listen(2000.0)
    assert [command.lane for command in plc.gates(4000.0)] == ["L02"]
    plc.lane_eye("L02", 4300.0)
    assert divc(plc, hub, 4300.0).body[12:44] == f"0001{pad('L01')}{pad('L02')}{result}E0"


def test_a_first_lane_that_lies_behind_the_second_is_preferred_while_it_is_open() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L02", "L01"], 1100.0)
    assert [command.lane for command in plc.gates(4000.0)] == ["L02"]
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L02", "L01"], 1100.0)
    plc.lane_state("L02", "FULL", 2000.0)
    assert [command.lane for command in plc.gates(3000.0)] == ["L01"]
    plc.lane_eye("L01", 3300.0)
    assert divc(plc, hub, 3300.0).body[12:44] == f"0001{pad('L02')}{pad('L01')}FUE0"


def test_without_destination_the_item_goes_into_the_default_lane() -> None:
    plc, hub = session()
    arrived(plc, hub)
    assert [command.lane for command in plc.gates(6000.0)] == ["EX"]
    plc.lane_eye("EX", 6300.0)
    assert divc(plc, hub, 6300.0).body[12:44] == f"0000{pad('')}{pad('EX')}NAE0"


def test_a_destination_that_only_came_late_is_told_as_la() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.ask("LIFE", "000000", 2500.0)
    assert hub.dest(track, 1, ["L01"], 3000.0) == "LATE"
    plc.gates(5960.0)
    plc.lane_eye("EX", 6500.0)
    assert divc(plc, hub, 6500.0).body[12:44] == f"0000{pad('')}{pad('EX')}LAE0"


def test_flag_n_stops_the_belt_at_the_end_until_the_item_is_taken_off() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    assert hub.dest(track, 1, ["L01"], 1100.0, flags="N", if_none="K") == "A"
    plc.lane_state("L01", "FULL", 1200.0)
    assert plc.gates(5960.0) == []
    assert plc.stop_wanted
    plc.belt_speed(0, 5960.0)
    plc.removed(track, 9000.0)
    said = hub.start(9000.0)
    assert [one.body[6:22] for one in said if one.kind == "STAT"] == [pad("L01") + "FULL", pad("LINE") + "STOP"]
    (gone,) = [one for one in said if one.kind == "DIVC"]
    assert gone.body[12:44] == f"0001{pad('L01')}{pad('')}MRX0"
    plc.belt_speed(1000, 9100.0)
    assert not plc.stop_wanted


def missed_l01() -> tuple[Plc, Hub, int, int]:
    """The first one's gate of L01 does not take it; the second one follows 400 ms behind, into the same lane."""
    plc, hub = session()
    first, second = arrived_two(plc, hub)
    for number, track in enumerate((first, second)):
        assert hub.dest(track, 1, ["L01"], 1410.0 + number) == "A"
    assert [command.track for command in plc.gates(3400.0)] == [first, second]
    return plc, hub, first, second


def test_the_drop_of_the_next_one_is_not_taken_for_the_one_that_its_gate_missed() -> None:
    plc, hub, first, second = missed_l01()
    plc.lane_eye("L01", 3700.0)
    assert divc(plc, hub, 3700.0).body[6:44] == f"{second:06d}0001{pad('L01')}{pad('L01')}OKE0"
    assert [*plc.tracking.items] == [first]


def test_who_was_missed_is_commanded_into_the_next_lane_and_told_as_mi() -> None:
    plc, hub, first, _ = missed_l01()
    plc.lane_eye("L01", 3700.0)
    assert [(command.lane, command.track) for command in plc.gates(6000.0)] == [("EX", first)]
    plc.lane_eye("EX", 6300.0)
    gone = [one.body for one in hub.start(6300.0) if one.kind == "DIVC"]
    assert gone[1][6:44] == f"{first:06d}0001{pad('L01')}{pad('EX')}MIE0"


@pytest.mark.parametrize("length", [6500, 7500])
def test_who_is_missed_by_the_default_lane_too_comes_to_the_end_of_the_line(length: int) -> None:
    plc, hub = session(dataclasses.replace(LINE, length_mm=length))
    arrived(plc, hub)
    plc.gates(6000.0)
    plc.lane_eye("EX", float(length))
    assert divc(plc, hub, float(length)).body[12:44] == f"0000{pad('')}{pad('EX')}NAE0"


def test_a_drop_long_after_the_gate_is_of_nobody() -> None:
    plc, hub = session()
    hub.dest(arrived(plc, hub), 1, ["L01"], 1100.0)
    plc.gates(3000.0)
    plc.lane_eye("L01", 3900.0)  # a flight lasts 300 ms; whoever was missed is 900 mm behind the gate
    assert plc.counts["eye_without_item"] == 1
    assert len(plc.tracking.items) == 1


def test_who_was_not_awaited_is_not_taken_for_a_drop_while_it_passes_the_gate() -> None:
    plc, hub = session()
    hub.dest(arrived(plc, hub), 1, ["L02"], 1100.0)
    plc.lane_eye("L01", 3000.0)
    plc.lane_eye("L01", 3300.0)
    assert plc.counts["eye_without_item"] == 2
    assert len(plc.tracking.items) == 1


def test_an_item_that_no_lane_has_seen_is_lost_behind_the_end_of_the_line() -> None:
    plc, hub = session()
    ahead, track = arrived_two(plc, hub)
    hub.dest(track, 1, ["L01"], 1510.0)
    plc.gates(6000.0)
    plc.lane_eye("EX", 6300.0)
    assert [*plc.tracking.items] == [track]
    plc.tick(7149.0)  # at the default lane's gate at 6400, awaited there for 750 ms
    assert [*plc.tracking.items] == [track]
    plc.tick(7151.0)
    (lost,) = [one for one in hub.start(7151.0) if one.kind == "LOST"]
    assert lost.body[6:] == f"{track:06d}{pad('DEC')}{0:06d}{0:06d}00000"
    assert ahead != track


def test_lost_names_the_neighbours_that_are_still_on() -> None:
    plc, hub = session()
    ahead, track = arrived_two(plc, hub)
    behind = plc.edge("IND", 100, 1450.0)
    hub.listen(1450.0)
    plc.tick(7151.0)
    (_, lost) = [one for one in hub.start(7151.0) if one.kind == "LOST"]
    assert lost.body[6:12] + lost.body[24:36] == f"{track:06d}{0:06d}{behind:06d}"  # who is in a lane is none
    assert ahead not in plc.tracking.items


def test_a_standing_belt_loses_nobody_and_decides_nothing() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L01"], 1100.0)
    plc.belt_speed(0, 2000.0)
    assert plc.gates(60_000.0) == []
    plc.belt_speed(1000, 60_000.0)
    assert plc.gates(60_999.0) == []
    (command,) = plc.gates(61_000.0)
    assert command.lane == "L01"
    assert command.at == pytest.approx(61_000.0)


@pytest.mark.parametrize("speeds", [[(2970.0, 0), (9000.0, 1000)], [(2960.0, 100)], [(2900.0, 4000), (2920.0, 500)]])
def test_a_gate_fires_when_the_belt_has_come_so_far_whatever_its_speed(speeds: list[tuple[float, int]]) -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L01"], 1100.0)
    way, since, speed = 0.0, 0.0, 1000
    for at, mm_s in speeds:
        assert plc.gates(at) == []
        plc.belt_speed(mm_s, at)
        way, since, speed = way + (at - since) * speed / 1000, at, mm_s
    due = since + (3000 - way) * 1000 / speed
    assert plc.gates(due - 1) == []
    (command,) = plc.gates(due + 1)
    assert (command.lane, command.track) == ("L01", track)
    assert command.at == pytest.approx(due)


def test_a_drop_is_known_by_its_time_of_flight_while_the_belt_stands() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L01"], 1100.0)
    assert plc.gates(3000.0)
    plc.belt_speed(0, 3010.0)
    plc.lane_eye("L01", 3300.0)
    assert divc(plc, hub, 3300.0).body[6:44] == f"{track:06d}0001{pad('L01')}{pad('L01')}OKE0"


def test_a_ghost_gets_a_track_and_certainty_u_and_can_be_sorted() -> None:
    plc, hub = session()
    known = plc.edge("IND", 300, 0.0)
    ghost = plc.edge("DEC", 300, 500.0)
    said = hub.listen(500.0)
    assert kinds(said) == ["INDU", "GHST", "ARRV"]
    assert said[1].body == f"000002{pad('DEC')}{ghost:06d}{0:06d}{known:06d}{0:06d}00000"
    assert said[2].body[-2:] == "U0"
    assert hub.dest(ghost, 1, ["L01"], 600.0) == "A"
    assert [command.track for command in plc.gates(2500.0)] == [ghost]


@pytest.mark.parametrize(("slip", "matched"), [(-149, True), (149, True), (-151, False), (151, False)])
def test_an_edge_belongs_to_the_item_expected_within_150_mm(slip: int, matched: bool) -> None:
    plc, _ = session()
    track = plc.edge("IND", 300, 0.0)
    assert (plc.edge("DEC", 300, 1000.0 + slip) == track) is matched


def test_an_edge_between_two_items_is_doubtful() -> None:
    plc, hub = session()
    plc.edge("IND", 50, 0.0)
    nearest = plc.edge("IND", 50, 100.0)
    assert plc.edge("DEC", 50, 1080.0) == nearest
    assert hub.listen(1080.0)[-1].body[-2:] == "D0"


def test_a_missed_item_in_the_wrong_lane_is_told_as_mi() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L01"], 1100.0)
    plc.gates(3000.0)
    plc.lane_eye("L02", 3500.0)
    assert plc.counts["eye_without_item"] == 1
    plc.lane_eye("L02", 4300.0)
    assert divc(plc, hub, 4300.0).body[12:44] == f"0001{pad('L01')}{pad('L02')}MIE0"


def test_two_items_of_one_lane_leave_in_order() -> None:
    plc, hub = session()
    first, second = arrived_two(plc, hub)
    hub.dest(first, 1, ["L01"], 1410.0)
    hub.dest(second, 1, ["L01"], 1420.0)
    assert [command.track for command in plc.gates(3400.0)] == [first, second]
    plc.lane_eye("L01", 3420.0)
    plc.lane_eye("L01", 3700.0)
    said = hub.start(3710.0)
    assert [int(one.body[6:12]) for one in said if one.kind == "DIVC"] == [first, second]


def test_track_numbers_wrap_and_skip_live_ones() -> None:
    plc = new(next_track=999_999)
    assert plc.edge("IND", 100, 0.0) == 999_999
    assert plc.edge("IND", 100, 200.0) == 1


def test_codes_that_do_not_fit_follow_in_code() -> None:
    plc, hub = session()
    plc.edge("IND", 300, 0.0)
    plc.edge("DEC", 300, 1000.0, codes=[b"A%\x1d" * 60, b"B" * 200, b"C"])
    indu, arrv, code = hub.listen(1000.0)
    assert (indu.kind, arrv.kind, code.kind) == ("INDU", "ARRV", "CODE")
    assert arrv.body[53:57] == "1420"
    assert arrv.body[57:64] == "A%25%1D"
    assert code.body[6:] == f"{pad('DEC')}{1:06d}R2200" + "B" * 200 + "001C"


# A second induction in the course of the line

MERGE = Geometry(
    points={"IND": 0, "IN2": 2000, "DEC": 3000},
    inductions=["IND", "IN2"],
    decisions=["DEC"],
    lanes={"L01": 4000, "EX": 6000},
    default_lane="EX",
    speed_mm_s=1000,
    length_mm=6500,
)


@pytest.mark.parametrize("slip", [-140, 0, 140])
def test_who_comes_by_an_induction_stays_who_it_is_and_who_comes_on_there_is_new(slip: int) -> None:
    plc, hub = session(MERGE)
    first = plc.edge("IND", 300, 0.0)
    assert plc.edge("IN2", 300, 2000.0 + slip) == first
    second = plc.edge("IN2", 300, 2400.0)
    said = hub.listen(2400.0)
    assert [(one.kind, one.body[6:24]) for one in said] == [
        ("INDU", f"{pad('IND')}{first:06d}"),
        ("PASS", f"{pad('IN2')}{first:06d}"),
        ("INDU", f"{pad('IN2')}{second:06d}"),
    ]
    assert plc.edge("DEC", 300, 3000.0 + slip) == first
    assert plc.edge("DEC", 300, 3400.0) == second
    assert [one.body[-2] for one in hub.listen(3400.0)] == ["S", "S"]
    assert hub.dest(first, 1, ["L01"], 3450.0) == "A"
    assert [(command.lane, command.track) for command in plc.gates(4000.0 + slip)] == [("L01", first)]
    plc.lane_eye("L01", 4300.0 + slip)
    assert [(command.lane, command.track) for command in plc.gates(6400.0)] == [("EX", second)]


@pytest.mark.parametrize("points", [{"IND": 0, "IN2": 2000}, {"IND": 0, "IN2": 2000, "DEC": 2000}])
def test_an_induction_that_decides_or_has_a_decision_point_beside_it(points: dict[str, int]) -> None:
    plc, hub = session(dataclasses.replace(MERGE, points=points, decisions=[[*points][-1]]))
    first = plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    tracks = {plc.edge(point, 300, 2000.0) for point in [*points][1:]}
    assert tracks == {first}
    second = {plc.edge(point, 300, 2500.0) for point in [*points][1:]}
    assert len(second | tracks) == 2
    said = [one for one in hub.listen(2500.0) if one.kind not in ("PASS", "INDU")]
    assert [(one.kind, int(one.body[18:24])) for one in said] == [("ARRV", first), ("ARRV", *second)]


def test_an_eye_that_bounces_beside_another_gives_a_second_track() -> None:
    plc, _ = session(dataclasses.replace(MERGE, points={"IND": 0, "IN2": 2000, "DEC": 2000}))
    first = plc.edge("IN2", 300, 0.0)
    assert plc.edge("DEC", 300, 0.0) == first
    assert plc.edge("DEC", 300, 20.0) != first


# Commands, speed


@pytest.mark.parametrize(("encoder_um", "first", "second"), [(1000, 12_000, 12_200), (1500, 8000, 8133)])
def test_sped_tells_the_encoder_as_it_was_at_its_age(encoder_um: int, first: int, second: int) -> None:
    plc, hub = session(dataclasses.replace(LINE, encoder_um=encoder_um))
    plc.belt_speed(2000, 2000.0)
    (sped,) = [one for one in hub.start(7000.0) if one.kind == "SPED"]
    assert sped.body == f"{pad('LINE')}02000{first:010d}00000"
    plc.belt_speed(0, 7100.0)
    (sped,) = [one for one in hub.listen(7300.0) if one.kind == "SPED"]
    assert sped.body == f"{pad('LINE')}00000{second:010d}00200"


def test_the_encoder_wraps_after_ten_digits() -> None:
    _, hub = session(dataclasses.replace(LINE, encoder_um=1))
    (sped,) = [one for one in hub.start(9_999_999.0) if one.kind == "SPED"]
    assert sped.body[17:27] == "9999999000"
    (sped,) = [one for one in hub.start(10_000_001.0) if one.kind == "SPED"]
    assert sped.body[17:27] == "0000001000"


def cmnd(hub: Hub, element: str, command: str, now: float) -> str:
    answer = hub.ask("CMND", f"{pad(element)}{command}0000000A", now)
    return answer.body or answer.flag


def test_commands_show_in_stat() -> None:
    plc, hub = session()
    for element, command, states in (
        ("L01", "BLCK", ["L01.........LOCK"]),
        ("L01", "BLCK", []),
        ("L01", "OPEN", ["L01.........FREE"]),
        ("IND", "INHB", ["IND.........STOP"]),
        ("LINE", "ENAB", ["IND.........RUN."]),
        ("LINE", "EMPT", ["IND.........STOP"]),
        ("LINE", "STOP", ["LINE........STOP"]),
        ("LINE", "ACKN", []),
    ):
        hub.heard.clear()
        assert cmnd(hub, element, command, 10.0) == "A"
        heard = list(hub.heard)
        heard += hub.listen(10.0, heard[-1] if heard else None)
        assert [one.body[6:22] for one in heard] == states
    assert plc.inhibited == {"IND"}
    assert plc.stop_wanted
    assert cmnd(hub, "L99", "BLCK", 20.0) == "LUNK"
    assert cmnd(hub, "L01", "INHB", 20.0) == "PUNK"
    assert cmnd(hub, "LINE", "DOIT", 20.0) == "FORM"
    assert hub.ask("TIME", "1795412345678", 20.0).flag == "A"
    assert hub.ask("LAMP", f"{pad('L01')}RBHELLO...", 20.0).flag == "A"
    assert hub.ask("TIME", "soon", 20.0).body == "FORM"


def test_a_blocked_lane_takes_nothing_and_a_full_one_opens_as_full() -> None:
    plc, hub = session()
    track = arrived(plc, hub)
    hub.dest(track, 1, ["L01", "L02"], 1100.0)
    cmnd(hub, "L01", "BLCK", 1200.0)
    assert [command.lane for command in plc.gates(4000.0)] == ["L02"]
    plc.lane_state("L01", "FULL", 4000.0)
    hub.start(4000.0)
    cmnd(hub, "L01", "OPEN", 4010.0)
    assert [one.body[6:22] for one in hub.heard if one.kind == "STAT"][-1] == pad("L01") + "FULL"


def test_sped_on_a_change_over_two_percent_and_line_stop_with_the_belt() -> None:
    plc, hub = session()
    plc.belt_speed(1020, 10.0)
    assert hub.listen(10.0) == []
    plc.belt_speed(1021, 20.0)
    (sped,) = hub.listen(25.0)
    assert sped.body == f"{pad('LINE')}01021" + "0000000020" + "00005"  # the count when it changed, as old as the age
    plc.belt_speed(0, 30.0)
    assert [one.body[6:22] for one in hub.listen(30.0) if one.kind == "STAT"] == [pad("LINE") + "STOP"]
    plc.belt_speed(1000, 40.0)
    said = hub.listen(40.0)
    assert kinds(said) == ["STAT", "SPED"]
    assert said[0].body[6:22] == pad("LINE") + "RUN."
