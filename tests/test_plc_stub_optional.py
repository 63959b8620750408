"""The telegram PLC stub: MEAS, HAND, BUTN, CONT and LAMP of PLC interface v1, the line's states, counters that wrap."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.plcs._telegram_codec import crc
from firmware_stubs.plcs.telegram import Geometry, Plc, Settings
from firmware_stubs.stub import Measures, PlcStub
from tests.scripted_hub import Hub, Said, build, pad, split

LINE = Geometry(
    points={"IND": 0, "EYE": 500, "DEC": 1000},
    inductions=["IND"],
    decisions=["DEC"],
    lanes={"L01": 3000, "L02": 4000, "EX": 6000},
    default_lane="EX",
    speed_mm_s=1000,
    length_mm=6500,
)
MEASURES = Measures(1250, "A", "R00042", 400, 300, 200, "U")


def session(**settings: object) -> tuple[Plc, Hub]:
    plc = Plc(Settings(plc="PLC1", controller="HUB", **settings), LINE, seed=1, now=0.0)  # type: ignore[arg-type]
    hub = Hub(plc)
    hub.start(0.0)
    return plc, hub


def states(said: list[Said]) -> list[str]:
    return [one.body[6:22] for one in said if one.kind == "STAT"]


def test_what_a_scale_and_a_dimensioner_say_is_told() -> None:
    plc, hub = session()
    track = plc.edge("IND", 400, 0.0)
    hub.listen(0.0)
    plc.measured("EYE", track, MEASURES, 500.0)
    (meas,) = hub.listen(500.0)
    assert meas.kind == "MEAS"
    assert meas.body == f"000002{pad('EYE')}{track:06d}00001250A{pad('R00042')}004000030000200U"


def test_measures_of_an_item_that_has_left_are_not_told() -> None:
    plc, hub = session()
    plc.measured("EYE", 77, MEASURES, 0.0)
    assert hub.listen(0.0) == []
    assert plc.counts["measured_nobody"] == 1


@pytest.mark.parametrize(("point", "kinds"), [("EYE", ["HAND"]), ("DEC", ["HAND", "ARRV"])])
def test_a_hand_over_names_where_the_item_comes_from(point: str, kinds: list[str]) -> None:
    plc, hub = session()
    track = plc.handed_over(point, 400, "S2", 0xABC, 999_999, 100.0)
    said = hub.listen(150.0)
    assert [one.kind for one in said] == kinds
    assert said[0].body == f"000001S2..0ABC999999{pad(point)}{track:06d}00050"
    assert hub.dest(track, 1, ["L01"], 160.0) == "A"
    if point == "EYE":
        assert plc.edge("DEC", 400, 600.0) == track


def test_a_hand_over_onto_a_loop_is_followed_on_its_carrier() -> None:
    loop = Geometry(LINE.points, LINE.inductions, LINE.decisions, LINE.lanes, "EX", 1000, 8000, kind="loop", carriers=8)
    plc = Plc(Settings(plc="PLC1", controller="HUB"), loop, seed=1, now=0.0)
    known = plc.handed_over("EYE", 400, "S2", 1, 7, 0.0, carrier=3)
    unknown = plc.handed_over("EYE", 400, "S2", 1, 8, 100.0)
    assert plc.edge("DEC", 400, 510.0, carrier=3) == known
    assert plc.edge("DEC", 400, 600.0, carrier=4) == unknown
    hub = Hub(plc)
    arrivals = [one for one in hub.start(610.0) if one.kind == "ARRV"]
    assert [one.body[44:50] for one in arrivals] == ["000003", "000004"]


def test_buttons_are_told_and_close_and_open_the_lane() -> None:
    plc, hub = session()
    plc.button("L01", "LOCK", 0.0)
    said = hub.listen(5.0)
    assert [one.kind for one in said] == ["BUTN", "STAT"]
    assert said[0].body == f"000001{pad('L01')}LOCK00005"
    assert states(said) == [pad("L01") + "LOCK"]
    plc.lane_state("L01", "FULL", 10.0)
    assert hub.listen(10.0) == []  # what a hand locked stays locked
    plc.button("L01", "CLOS", 20.0)
    assert [one.kind for one in hub.listen(20.0)] == ["BUTN"]
    plc.button("L01", "FREE", 30.0)
    assert states(hub.listen(30.0)) == [pad("L01") + "FULL"]


def test_the_button_frees_a_lane_told_as_locked_but_not_one_that_the_controller_blocked() -> None:
    plc, hub = session()
    plc.lane_state("L01", "LOCK", 0.0)
    plc.button("L01", "FREE", 10.0)
    assert states(hub.listen(10.0)) == [pad("L01") + "LOCK", pad("L01") + "FREE"]
    assert hub.ask("CMND", f"{pad('L01')}BLCK00000001", 20.0).flag == "A"
    heard = hub.heard[-1]
    plc.button("L01", "FREE", 30.0)
    assert [one.kind for one in hub.listen(30.0, heard)] == ["BUTN"]


def test_a_lane_whose_container_is_gone_takes_nothing() -> None:
    plc, hub = session()
    plc.container("L01", b"", 0.0)
    plc.container("L02", b"CAGE%\x1d7", 0.0)
    said = hub.listen(3.0)
    assert [one.kind for one in said] == ["CONT", "STAT", "CONT"]
    assert said[0].body == f"000001{pad('L01')}G00000003"
    assert said[2].body == f"000003{pad('L02')}P011CAGE%25%1D700003"
    assert states(said) == [pad("L01") + "NCON"]
    track = plc.edge("IND", 400, 100.0)
    hub.listen(100.0)
    assert plc.edge("DEC", 400, 1100.0) == track
    hub.listen(1100.0)
    assert hub.dest(track, 1, ["L01", "L02"], 1100.0) == "A"
    assert [command.lane for command in plc.gates(4100.0)] == ["L02"]
    plc.container("L01", b"CAGE8", 4150.0)
    plc.lane_eye("L02", 4200.0)
    said = hub.start(4200.0)
    assert [one.body[40:42] for one in said if one.kind == "DIVC"] == ["NC"]
    assert states(said)[-1] == pad("L01") + "FREE"


def test_lamps_are_remembered_the_last_of_each_element() -> None:
    plc, hub = session()
    for body in (f"{pad('L01')}RBHELLO...", f"{pad('L02')}-S........", f"{pad('L01')}GSBYE....."):
        assert hub.ask("LAMP", body, 0.0).flag == "A"
    assert plc.lamps == {"L01": ("G", "S", "BYE"), "L02": ("-", "S", "")}
    assert hub.ask("LAMP", f"{pad('L99')}RBHELLO...", 0.0).body == "LUNK"
    assert hub.ask("LAMP", f"{pad('L01')}PBHELLO...", 0.0).body == "FORM"
    assert hub.ask("LAMP", f"{pad('L01')}RXHELLO...", 0.0).body == "FORM"
    assert hub.ask("LAMP", f"{pad('L01')}RB", 0.0).body == "FORM"
    assert len(plc.lamps) == 2
    plc.power_cycle(1.0, retentive=False)
    assert plc.lamps == {}


def test_what_cannot_be_is_named() -> None:
    plc, _ = session()
    with pytest.raises(ValueError, match="button 'OPEN'"):
        plc.button("L01", "OPEN", 0.0)
    with pytest.raises(ValueError, match="lane 'X'"):
        plc.button("X", "LOCK", 0.0)
    with pytest.raises(ValueError, match="lane 'X'"):
        plc.container("X", b"", 0.0)
    with pytest.raises(ValueError, match="101 bytes"):
        plc.container("L01", b"x" * 101, 0.0)
    with pytest.raises(ValueError, match="from_line 'LINE-2'"):
        plc.handed_over("EYE", 1, "LINE-2", 1, 1, 0.0)
    with pytest.raises(ValueError, match="point 'X'"):
        plc.measured("X", 1, MEASURES, 0.0)


def test_the_stub_has_the_shape_that_the_simulator_asks_for() -> None:
    stub: PlcStub = session()[0]
    assert stub.handed_over("EYE", 400, "S2", 1, 1, 0.0) == 1


def test_the_cheap_optional_events_are_given_up_first() -> None:
    plc, _ = session(buffer=64)
    for number in range(40):
        plc.button("L01", "CLOS", float(number))
    for number in range(30):
        plc.handed_over("EYE", 10, "S2", 1, number + 1, 100.0 + number)
    said = Hub(plc, epoch=4).start(200.0)
    kinds = [one.kind for one in said if one.kind in ("BUTN", "HAND", "OVFL")]
    assert kinds == ["BUTN"] * 34 + ["HAND"] * 30


# The line's states


def test_an_emergency_stop_is_told_and_outlives_the_belt_s_own_stop_and_start() -> None:
    plc, hub = session()
    plc.line_state("ESTP", 10.0)
    plc.belt_speed(0, 10.0)
    assert states(hub.listen(10.0)) == [pad("LINE") + "ESTP"]
    plc.line_state("RUN", 500.0)
    plc.belt_speed(1000, 500.0)
    assert states(hub.listen(500.0)) == [pad("LINE") + "RUN."]


def test_in_manual_nothing_is_taken_and_afterwards_whoever_was_on_the_belt_is_doubtful() -> None:
    plc, hub = session()
    first, second = plc.edge("IND", 300, 0.0), plc.edge("IND", 300, 500.0)
    hub.listen(500.0)
    plc.line_state("MANU", 510.0)
    plc.belt_speed(0, 510.0)
    assert states(hub.listen(510.0)) == [pad("LINE") + "MANU"]
    assert hub.dest(first, 1, ["L01"], 520.0) == "MODE"
    assert hub.ask("CMND", f"{pad('LINE')}STOP00000001", 520.0).body == "MODE"
    plc.removed(first, 530.0)
    (gone,) = hub.listen(530.0)
    assert gone.body[6:] == f"{first:06d}0000{pad('')}{pad('')}MRX00" + "00000"
    plc.line_state("STOP", 600.0)
    plc.belt_speed(1000, 610.0)
    assert states(hub.listen(610.0)) == [pad("LINE") + "STOP", pad("LINE") + "RUN."]
    assert hub.dest(second, 1, ["L01"], 620.0) == "A"
    third = plc.edge("IND", 300, 1000.0)
    hub.listen(1000.0)
    for track, at, certainty in ((second, 1600.0, "D"), (third, 2000.0, "S")):
        assert plc.edge("DEC", 300, at) == track
        (arrv,) = [one for one in hub.listen(at) if one.kind == "ARRV"]
        assert arrv.body[52] == certainty


@pytest.mark.parametrize("state", ["JAM", "MAIN", "FALT", "SLOW"])
def test_other_states_of_the_line_are_told_as_they_are(state: str) -> None:
    plc, hub = session()
    plc.line_state(state, 10.0)
    assert states(hub.listen(10.0)) == [pad("LINE") + f"{state:.<4}"]


# Wraps


def test_all_counters_wrap_in_a_session_with_items_on_the_belt() -> None:
    plc, hub = session(next_sequence=9996, next_evt=999_997, next_track=999_999, epoch=0xFFFF)
    hub.durable = 999_996
    tracks = [plc.edge("IND", 100, at) for at in (0.0, 200.0, 400.0)]
    assert tracks == [999_999, 1, 2]
    said = hub.listen(400.0)
    assert [(one.sequence, one.evt) for one in said] == [(9999, 999_997), (1, 999_998), (2, 999_999)]
    for track, at in zip(tracks, (1000.0, 1200.0, 1400.0), strict=True):
        assert plc.edge("DEC", 100, at) == track
    hub.durable = 999_999
    assert [one.evt for one in hub.listen(1400.0)] == [1, 2, 3]
    for track in tracks:
        assert hub.dest(track, 9999, ["L01"], 1410.0) == "A"
        assert hub.dest(track, 1, ["L02"], 1420.0) == "A"
    again = hub.start(1430.0, 0xFFFF, 1)
    assert [one.evt for one in again if one.kind == "ARRV"] == [2, 3]
    (trak,) = [one for one in again if one.kind == "TRAK"]
    assert [trak.body[2 + 42 * index : 8 + 42 * index] for index in range(3)] == ["999999", "000001", "000002"]
    assert [command.track for command in plc.gates(4400.0)] == tracks


def test_a_controller_s_request_numbers_wrap_too() -> None:
    plc, _ = session()
    hub = Hub(plc, epoch=4, sequence=9997)
    hub.start(0.0)
    for expected in (9998, 9999, 1, 2):
        answer = hub.ask("LIFE", "000000", 10.0)
        assert (answer.flag, answer.sequence) == ("A", expected)
    plc.feed(build("LIFE", "R", hub.epoch, 9999, "000000"), 20.0)
    assert plc.take() == b""
    assert plc.counts["old"] == 1


# The codec


def test_the_crc_is_ccitt_false() -> None:
    assert crc(b"123456789") == b"29B1"


@given(st.lists(st.integers(0, 80), max_size=12), st.binary(max_size=12))
def test_telegrams_are_found_in_any_split_and_behind_any_noise(cuts: list[int], noise: bytes) -> None:
    plc, hub = session()
    wire = noise.replace(b"\x02", b"") + build("LIFE", "R", hub.epoch, 500, "000000")
    wire += build("TIME", "R", hub.epoch, 501, "1795412345678")
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    for start, end in itertools.pairwise(edges):
        plc.feed(wire[start:end], 10.0)
    assert [(one.kind, one.flag, one.sequence) for one in split(plc.take())] == [("LIFE", "A", 500), ("TIME", "A", 501)]


def test_a_telegram_may_have_600_characters_and_no_more() -> None:
    plc, hub = session()
    for spare, answers in ((0, 1), (1, 0)):
        body = "000000".ljust(600 - 29 + spare, "9")
        plc.feed(build("LIFE", "R", hub.epoch, 600, body), 10.0)
        assert len(split(plc.take())) == answers
