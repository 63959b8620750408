"""The telegram PLC stub against PLC interface v1: its worked telegrams byte for byte, then each rule of the channel.

The controller is the script of `scripted_hub.py`; no driver and no codec of the project is used.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.plcs.telegram import Geometry, Plc, Settings
from firmware_stubs.stub import PlcStub
from tests.plc_bench import kinds, new, session
from tests.scripted_hub import Hub, Said, build, crc, pad, split, wire

# PLC interface v1 §3, the worked telegrams between STX and ETX.
C_SYES = "1HUB.PLC1SYESR0003011801800000007001A000411E7F0"
P_SYES_A = "1PLC1HUB.SYESA00030118000DBDE"
P_SYBE = "1PLC1HUB.SYBER001A62400001D10"
C_SYBE_A = "1HUB.PLC1SYBEA001A6240006000411B457"
P_SPED = "1PLC1HUB.SPEDR001A6241032LINE........02500000000000000000653D"
P_TRAK = (
    "1PLC1HUB.TRAKR001A624208602000415IND-1.......L03.........0002S0001850"
    "000416IND-1...................0000S0000640A91B"
)
P_STAT = "1PLC1HUB.STATR001A6243033000412L07.........FULL......00020722F"
P_SYEN = "1PLC1HUB.SYENR001A62440006318"
P_ARRV = "1PLC1HUB.ARRVR001A6245054000413IND-1.......0004170001201300003800121000000000S0BFE2"
C_DEST = "1HUB.PLC1DESTR00030119053IND-1.......0004170001PLAN-D2L07.........L08.........FC7F"
C_ARRV_A = "1HUB.PLC1ARRVA001A6245006000412A8F1"
P_DEST_A = "1PLC1HUB.DESTA00030119000131A"
C_DEST_2 = "1HUB.PLC1DESTR00030120041IND-1.......0004170002HOLDNK1BOND-1......AD70"
P_DEST_N = "1PLC1HUB.DESTN00030120004LATE51A1"
P_DIVC = "1PLC1HUB.DIVCR001A62460500004140004170001L07.........L08.........FUG00000039663"
P_ARRV_2 = "1PLC1HUB.ARRVR001A6247070000415IND-1.......0004180001201300002500090000000000S1013RB123456785GB2663"
C_LIFE = "1HUB.PLC1LIFER00030121006000414804E"
P_LIFE_A = "1PLC1HUB.LIFEA00030121000C69D"
P_LIFE = "1PLC1HUB.LIFER001A624800071EC"


# The worked telegrams


def test_worked_session_arrival_refusal_and_divert_come_byte_for_byte() -> None:
    geometry = Geometry(
        points={"IND-1": 0},
        inductions=["IND-1"],
        decisions=["IND-1"],
        lanes={"BOND-1": 500, "L03": 1800, "L07": 2000, "L08": 2600, "EX": 3375},
        default_lane="EX",
        speed_mm_s=1,
        length_mm=5000,
        encoder_um=1_000_000_000,  # so that it shows what the worked telegram says
    )
    settings = Settings(
        plc="PLC1", controller="HUB", epoch=0x1A, evidence="G", next_sequence=6234, next_evt=410, next_track=415
    )
    start = 10_000.0
    plc = Plc(settings, geometry, seed=1, now=start - 2000)
    before = Hub(plc, sequence=112)
    before.start(start - 1990)
    assert plc.edge("IND-1", 300, start - 1850) == 415
    assert [said.evt for said in before.listen(start - 1850)] == [410]
    assert before.dest(415, 1, ["EX"], start - 1800, point="IND-1") == "A"
    assert before.dest(415, 2, ["L03"], start - 1790, point="IND-1") == "A"
    plc.belt_speed(2500, start - 640)  # until now it crept, so 415 still has L03 ahead
    assert plc.edge("IND-1", 640, start - 640) == 416
    assert [said.kind for said in before.listen(start - 640)] == ["ARRV", "SPED"]
    plc.lane_state("L07", "FULL", start - 20)

    plc.feed(wire(C_SYES), start)
    assert plc.take() == wire(P_SYES_A) + wire(P_SYBE)
    plc.feed(wire(C_SYBE_A), start)
    for expected in (P_SPED, P_TRAK, P_STAT, P_SYEN):
        assert plc.take() == wire(expected)
        (said,) = split(wire(expected))
        plc.feed(build(said.kind, "A", said.epoch, said.sequence, "000411"), start)

    assert plc.edge("IND-1", 380, start + 100) == 417
    plc.tick(start + 112)
    assert plc.take() == wire(P_ARRV)
    plc.feed(wire(C_DEST) + wire(C_ARRV_A), start + 130)
    assert plc.take() == wire(P_DEST_A)
    plc.feed(wire(C_DEST_2), start + 300)
    assert plc.take() == wire(P_DEST_N)
    plc.lane_eye("L08", start + 1150)
    plc.tick(start + 1153)
    assert plc.take() == wire(P_DIVC)


def test_worked_arrival_with_code_and_life_come_byte_for_byte() -> None:
    geometry = Geometry(
        points={"IND-1": 0},
        inductions=["IND-1"],
        decisions=["IND-1"],
        lanes={"L08": 2600, "EX": 3375},
        default_lane="EX",
        speed_mm_s=2500,
        length_mm=4000,
    )
    settings = Settings(plc="PLC1", controller="HUB", epoch=0x1A, next_sequence=6243, next_evt=414, next_track=417)
    plc = Plc(settings, geometry, seed=1, now=0.0)
    hub = Hub(plc, sequence=119)
    hub.start(0.0)
    plc.edge("IND-1", 380, 488.0)
    hub.listen(488.0)
    assert plc.edge("IND-1", 250, 1000.0, codes=[b"RB123456785GB"]) == 418
    plc.tick(1012.0)
    assert plc.take() == wire(P_ARRV_2)
    plc.feed(build("ARRV", "A", 0x1A, 6247, "000414"), 1020.0)
    plc.feed(wire(C_LIFE), 1030.0)
    assert plc.take() == wire(P_LIFE_A)
    plc.tick(1933.0)
    assert plc.take() == wire(P_LIFE)
    plc.feed(wire("1HUB.PLC1LIFEA001A62480060004151455"), 1940.0)
    plc.tick(2300.0)
    assert plc.take() == b""


@pytest.mark.parametrize("text", [C_SYES, P_SYES_A, P_TRAK, P_ARRV_2, C_DEST, C_LIFE])
def test_the_tests_own_crc_agrees_with_the_worked_telegrams(text: str) -> None:
    assert crc("123456789") == "29B1"
    assert crc(text[:-4]) == text[-4:]


def test_the_stub_has_the_shape_that_the_simulator_asks_for() -> None:
    stub: PlcStub = new()
    assert stub.next_at() is None
    assert stub.take() == b""


# Session


def test_without_a_session_everything_but_syes_is_refused_and_nothing_is_asked() -> None:
    plc = new()
    hub = Hub(plc)
    plc.edge("IND", 300, 0.0)
    for kind, body in (("LIFE", "000000"), ("DEST", ""), ("XXXX", ""), ("LIFE", "000000")):
        assert hub.ask(kind, body, 10.0).body == "NSYN"
    plc.tick(5000.0)
    assert plc.take() == b""
    assert kinds(hub.start(5000.0)) == ["SYBE", "SPED", "INDU", "SYEN"]


def test_commands_before_syen_are_refused_and_end_the_session() -> None:
    plc = new()
    hub = Hub(plc)
    hub.syes(0.0)
    assert hub.ask("CMND", pad("LINE") + "STOP" + "00000001", 1.0).body == "NSYN"
    assert not plc.in_session


def test_repeats_leave_after_300_ms_four_times_and_then_the_session_is_lost() -> None:
    plc, _hub = session()
    plc.edge("IND", 300, 100.0)
    assert plc.take()
    now, ages = 100.0, [0]
    for _ in range(3):
        due = plc.next_at()
        assert due is not None
        assert 300 <= due - now < 310
        plc.tick(due - 1)
        assert plc.take() == b""
        plc.tick(due)
        (again,) = split(plc.take())
        ages.append(int(again.body[-5:]))
        now = due
    assert ages == sorted(set(ages))
    assert ages[-1] > 900
    plc.tick(now + 305)
    plc.tick(now + 320)
    assert plc.take() == b""
    assert not plc.in_session


def test_below_38400_baud_repeats_wait_a_second_and_trak_has_four_items() -> None:
    plc, hub = session(baud=9600)
    for at in range(0, 500, 100):
        plc.edge("IND", 50, float(at))
        hub.listen(float(at))
    plc.edge("IND", 300, 500.0)
    plc.take()
    due = plc.next_at()
    assert due is not None
    assert due >= 1500 + 61 * 10_000 / 9600
    plc.tick(due - 1)
    assert plc.take() == b""
    plc.tick(due)
    assert kinds(split(plc.take())) == ["INDU"]
    said = Hub(plc, epoch=4).start(1600.0)
    assert [one.body[:2] for one in said if one.kind == "TRAK"] == ["04", "02"]


def test_busy_is_repeated_with_the_same_number_and_not_counted() -> None:
    plc, _ = session()
    plc.edge("IND", 300, 0.0)
    (first,) = split(plc.take())
    now = 0.0
    for _ in range(10):
        plc.feed(build("INDU", "N", first.epoch, first.sequence, "BUSY"), now)
        assert plc.take() == b""
        now += 300
        plc.tick(now)
        (again,) = split(plc.take())
        assert again.sequence == first.sequence
    assert plc.in_session


def test_an_answer_that_does_not_match_the_open_request_is_ignored() -> None:
    plc, _ = session()
    plc.edge("IND", 300, 0.0)
    (asked,) = split(plc.take())
    plc.feed(build("INDU", "A", asked.epoch, asked.sequence - 1, "000000"), 10.0)
    plc.feed(build("INDU", "A", asked.epoch + 1, asked.sequence, "000000"), 10.0)
    plc.tick(320.0)
    assert [one.sequence for one in split(plc.take())] == [asked.sequence]
    assert plc.counts["unmatched"] == 2


def test_form_drops_the_event_and_nsyn_ends_the_session() -> None:
    plc, hub = session()
    plc.edge("IND", 300, 0.0)
    (asked,) = split(plc.take())
    plc.feed(build("INDU", "N", asked.epoch, asked.sequence, "FORM"), 10.0)
    assert plc.take() == b""
    plc.edge("IND", 300, 400.0)
    (asked,) = split(plc.take())
    plc.feed(build("INDU", "N", asked.epoch, asked.sequence, "NSYN"), 410.0)
    assert not plc.in_session
    assert [one.evt for one in hub.start(420.0) if one.kind == "INDU"] == [2]


def test_silence_of_three_seconds_loses_the_session_and_life_comes_after_900_ms() -> None:
    plc, hub = session()
    quiet_from = plc.next_at()
    assert quiet_from is not None
    plc.tick(quiet_from - 1)
    assert plc.take() == b""
    assert kinds(hub.listen(quiet_from)) == ["LIFE"]
    plc.tick(quiet_from + 2999)
    assert plc.in_session
    plc.tick(quiet_from + 3000)
    assert not plc.in_session


def test_syes_begins_anew_in_a_running_session_and_aborts_what_is_open() -> None:
    plc, hub = session()
    plc.edge("IND", 300, 0.0)
    (asked,) = split(plc.take())
    said = hub.start(50.0)
    assert kinds(said) == ["SYBE", "SPED", "TRAK", "INDU", "SYEN"]
    assert [one.sequence for one in said] == list(range(asked.sequence + 1, asked.sequence + 6))


def test_a_repeat_of_a_request_gets_the_same_answer_and_has_no_effect() -> None:
    plc, hub = session()
    track = plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    assert hub.dest(track, 5, ["L01"], 100.0) == "A"
    body = f"{pad('DEC')}{track:06d}0006PLAN-D1{pad('L02')}"
    plc.feed(build("DEST", "R", hub.epoch, hub.sequence - 1, body), 110.0)
    assert [one.flag for one in split(plc.take())] == ["A"]
    plc.feed(build("DEST", "R", hub.epoch, hub.sequence - 2, body), 120.0)
    assert plc.take() == b""
    assert plc.counts["old"] == 1
    assert [taken.decision for taken in plc.taken()] == [5]


def test_a_refusal_is_repeated_too() -> None:
    plc, hub = session()
    assert hub.dest(77, 1, ["L01"], 0.0) == "UNKT"
    plc.feed(build("DEST", "R", hub.epoch, hub.sequence - 1, ""), 10.0)
    assert [one.body for one in split(plc.take())] == ["UNKT"]


def test_a_request_of_another_controller_epoch_is_ignored_in_a_session() -> None:
    plc, _ = session()
    plc.feed(build("LIFE", "R", 9, 500, "000000"), 10.0)
    assert plc.take() == b""
    assert plc.counts["other_session"] == 1
    assert plc.in_session


def test_fencing_a_lower_term_is_refused_and_leaves_the_session_alone_even_after_power_loss() -> None:
    plc, hub = session()
    old = Hub(plc, epoch=9, term=6)
    assert old.syes(10.0).body == "OLDC"
    assert plc.in_session
    assert hub.ask("LIFE", "000000", 20.0).flag == "A"
    assert Hub(plc, epoch=2, term=8).syes(30.0).flag == "A"
    plc.power_cycle(40.0, retentive=False)
    assert hub.syes(50.0).body == "OLDC"
    assert not plc.in_session


def test_unknown_type_version_and_flag() -> None:
    plc, hub = session()
    assert hub.ask("WHAT", "", 0.0).body == "FORM"
    plc.feed(build("LIFE", "R", hub.epoch, hub.sequence, "000000", version="2"), 10.0)
    assert [one.body for one in split(plc.take())] == ["FORM"]
    plc.feed(build("LIFE", "X", hub.epoch, 900, "000000"), 10.0)
    plc.feed(build("LIFE", "A", hub.epoch, 900, "000000", version="2"), 10.0)
    plc.feed(build("LIFE", "R", hub.epoch, 901, "000000", to="PLC2"), 10.0)
    assert plc.take() == b""
    assert plc.counts["unknown"] == 2
    assert plc.counts["wrong_receiver"] == 1


# Synchronisation, durable, epochs


def test_after_a_loss_events_behind_the_durable_one_come_again_with_their_old_evt() -> None:
    plc, hub = session()
    for at in (0.0, 500.0, 1000.0):
        plc.edge("IND", 300, at)
        hub.listen(at)
    plc.tick(4500.0)
    assert not plc.in_session
    plc.lane_state("L02", "FULL", 4510.0)
    said = hub.start(4600.0, plc.epoch, 1)
    assert kinds(said) == ["SYBE", "SPED", "TRAK", "INDU", "INDU", "STAT", "SYEN"]
    assert [one.evt for one in said if one.kind in ("INDU", "STAT")] == [2, 3, 4]


def test_a_durable_stat_is_told_again_as_a_new_event_with_the_age_of_the_state() -> None:
    plc, hub = session()
    plc.lane_state("L01", "FULL", 100.0)
    hub.durable = 1
    hub.listen(100.0)
    said = hub.start(200.0, plc.epoch, 1)
    assert kinds(said) == ["SYBE", "SPED", "STAT", "SYEN"]
    assert said[2].body == f"000002{pad('L01')}FULL......00100"


@pytest.mark.parametrize("by", ["A", "LIFE", "SYES"])
def test_the_durable_number_of_every_message_lets_the_plc_forget(by: str) -> None:
    plc, hub = session()
    for at in (0.0, 400.0, 800.0):
        plc.edge("IND", 300, at)
        if by == "A" and at == 800.0:
            hub.durable = 2
        hub.listen(at)
    if by == "LIFE":
        assert hub.ask("LIFE", "000002", 900.0).flag == "A"
    durable = 2 if by == "SYES" else 0
    said = hub.start(1000.0, plc.epoch, durable)
    assert [one.evt for one in said if one.kind == "INDU"] == [3]


def test_trak_names_only_tracks_of_which_an_event_was_sent() -> None:
    plc, hub = session()
    first = plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    plc.tick(3500.0)
    second = plc.edge("IND", 300, 3500.0)
    (trak,) = [one for one in hub.start(3600.0) if one.kind == "TRAK"]
    assert trak.body.startswith(f"01{first:06d}IND")
    (trak,) = [one for one in hub.start(3700.0) if one.kind == "TRAK"]
    assert trak.body.startswith("02")
    assert trak.body[44:50] == f"{second:06d}"


def test_a_durable_number_ahead_of_ours_makes_a_new_epoch_and_ovfl() -> None:
    plc, hub = session(epoch=0xFFFF)
    plc.edge("IND", 300, 0.0)
    plc.edge("IND", 300, 500.0)
    said = hub.start(700.0, 0xFFFF, 3)
    assert kinds(said) == ["SYBE", "SPED", "OVFL", "SYEN"]
    assert [(one.epoch, one.sequence) for one in said] == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert said[2].body == "000001" + "00002" + "00700"
    assert plc.epoch == 1
    assert plc.edge("IND", 300, 800.0) == 1


def test_a_durable_number_of_another_epoch_means_nothing_is_durable() -> None:
    plc, hub = session(epoch=5)
    plc.edge("IND", 300, 0.0)
    said = hub.start(100.0, 4, 900)
    assert [one.evt for one in said if one.kind == "INDU"] == [1]
    assert plc.epoch == 5


def test_a_retentive_power_cycle_keeps_everything_but_the_session() -> None:
    plc, hub = session()
    track = plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    plc.power_cycle(100.0)
    assert not plc.in_session
    said = hub.start(200.0)
    assert kinds(said) == ["SYBE", "SPED", "TRAK", "INDU", "SYEN"]
    assert said[0].sequence == 5
    assert plc.edge("IND", 300, 300.0) == track + 1


def test_a_forgetful_power_cycle_starts_an_epoch_and_finds_items_as_ghosts() -> None:
    plc, hub = session()
    plc.edge("IND", 300, 0.0)
    hub.listen(0.0)
    plc.power_cycle(100.0, retentive=False)
    said = hub.start(200.0, 1, 1)
    assert kinds(said) == ["SYBE", "SPED", "SYEN"]
    assert (said[0].epoch, said[0].sequence) == (2, 1)
    plc.edge("DEC", 300, 1000.0)
    said = hub.listen(1000.0)
    assert kinds(said) == ["GHST", "ARRV"]
    assert said[1].body[-2] == "U"


def test_overflow_gives_up_the_cheap_events_first_and_says_so() -> None:
    plc = new(buffer=64)
    for number in range(40):
        plc.edge("IND", 10, number * 20.0)
    for number in range(30):
        plc.lane_state("L01", "FULL" if number % 2 == 0 else "FREE", 800.0 + number)
    assert not plc.inhibited
    hub = Hub(plc)
    said = hub.start(1000.0)
    events = [one for one in said if one.kind in ("INDU", "STAT")]
    assert [one.kind for one in events] == ["INDU"] * 34 + ["STAT"] * 30
    assert events[0].evt == 7
    hub.durable = 70
    plc.edge("IND", 10, 1010.0)
    said = hub.listen(1010.0)
    assert kinds(said) == ["INDU", "OVFL"]
    assert said[1].body[6:11] == "00007"
    assert said[1].body[11:] == "01010"  # the oldest lost was the first induction, at 0


def test_overflow_with_nothing_cheap_left_inhibits_the_induction() -> None:
    plc = new(buffer=64)
    for number in range(70):
        plc.lane_state("L01", "FULL" if number % 2 == 0 else "FREE", float(number))
    assert plc.inhibited == {"IND"}
    hub = Hub(plc)
    hub.start(100.0)
    hub.ask("LIFE", "000064", 110.0)
    assert not plc.inhibited
    assert [one.body[6:11] for one in hub.heard if one.kind == "OVFL"] == ["00006"]


# Any bytes


def test_partial_frames_are_discarded_after_a_gap_and_a_new_stx_restarts() -> None:
    good = wire(C_SYES)
    plc = new()
    for byte in good:
        plc.feed(bytes([byte]), 0.0)
    assert split(plc.take())[0].flag == "A"
    plc = new()
    plc.feed(good[:20], 0.0)
    plc.feed(good[20:], 201.0)
    assert plc.take() == b""
    plc.feed(good[:20] + good, 300.0)
    assert split(plc.take())[0].flag == "A"
    assert plc.counts["garbled"] == 2


def test_a_wrong_crc_a_wrong_length_and_foreign_bytes_are_counted_and_not_answered() -> None:
    plc = new()
    good = C_SYES[:-4]
    for bad in (
        wire(good + "0000"),
        wire(good[:-1] + crc(good[:-1])),
        wire("1" * 700),
        b"\x02" + good.encode() + b"\xff" + crc(good).encode() + b"\x03",
        wire(""),
    ):
        before = plc.counts["garbled"]
        plc.feed(bad, 0.0)
        assert plc.counts["garbled"] == before + 1
    assert plc.take() == b""


@given(
    st.lists(
        st.one_of(st.binary(max_size=80), st.sampled_from([wire(C_SYES), wire(C_DEST), wire(C_LIFE)])), max_size=20
    )
)
def test_no_bytes_break_it(parts: list[bytes]) -> None:
    plc = new()
    now = 0.0
    for part in parts:
        now += 50
        plc.feed(part, now)
        plc.take()
    assert Hub(plc, epoch=77, term=99_999_999).syes(now + 10_000).flag == "A"


BODY = st.text(alphabet="0123456789ABCDEFL.-NDK", max_size=80)


@given(st.lists(st.tuples(st.sampled_from("DEST CMND LIFE TIME LAMP SYES ARRV".split()), BODY), max_size=15))
def test_no_body_breaks_it(requests: list[tuple[str, str]]) -> None:
    plc, hub = session()
    plc.edge("IND", 300, 0.0)
    for kind, body in requests:
        plc.feed(build(kind, "R", hub.epoch, hub.sequence, body), 10.0)
        hub.sequence += 1
        for said in split(plc.take()):
            assert said.flag in "RAN"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plc": "PLC-1"}, "plc = 'PLC-1'"),
        ({"epoch": 0}, "epoch = 0"),
        ({"buffer": 9}, "buffer = 9"),
        ({"evidence": "X"}, "X"),
    ],
)
def test_bad_settings_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**({"plc": "PLC1", "controller": "HUB"} | change))  # type: ignore[arg-type]


def test_things_that_are_not_on_the_line_are_named() -> None:
    plc = new()
    with pytest.raises(ValueError, match="point 'X'"):
        plc.edge("X", 1, 0.0)
    with pytest.raises(ValueError, match="lane 'X'"):
        plc.lane_eye("X", 0.0)
    with pytest.raises(ValueError, match="element 'X'"):
        plc.lane_state("X", "FULL", 0.0)
    with pytest.raises(ValueError, match="state 'BAD'"):
        plc.lane_state("L01", "BAD", 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_on_a_bad_cable_every_track_still_ends_once_and_no_event_is_missing(seed: int) -> None:
    """Belt and gates do as commanded; telegrams are lost both ways; the durable number follows at random."""
    dice = random.Random(seed)
    plc = new(epoch=9)
    events: dict[int, Said] = {}
    taken, sequence, at_gate, marks = 0, 0, [], []
    now = 0.0
    for number in range(60):
        marks += [(number * 400.0, "IND"), (number * 400.0 + 1000, "DEC")]
    marks.sort()
    for now in map(float, range(0, 40_000, 10)):
        while marks and marks[0][0] <= now:
            plc.edge(marks.pop(0)[1], 300, now)
        plc.tick(now)
        at_gate += plc.gates(now)
        for command in [one for one in at_gate if one.at <= now]:
            at_gate.remove(command)
            plc.lane_eye(command.lane, now)
        if not plc.in_session and dice.random() < 0.05:
            sequence += 1
            plc.feed(build("SYES", "R", 3, sequence, f"{1:08d}0009{taken:06d}"), now)
        for said in split(plc.take()):
            if said.flag != "R" or dice.random() < 0.1:
                continue
            if said.kind in ("INDU", "ARRV", "DIVC", "LOST", "GHST", "STAT"):
                assert said.evt <= taken + 1
                taken = max(taken, said.evt)
                assert events.setdefault(said.evt, said).body[:12] == said.body[:12]
            if dice.random() < 0.9:
                plc.feed(build(said.kind, "A", said.epoch, said.sequence, f"{dice.choice([0, taken]):06d}"), now)
            if said.kind == "ARRV":
                sequence += 1
                lane = dice.choice(["L01", "L02"])
                body = f"{said.body[6:24]}0001PLAN-D1{pad(lane)}"
                plc.feed(build("DEST", "R", 3, sequence, body), now)
    tracks = [one.body[18:24] for one in events.values() if one.kind == "INDU"]
    ends = [one.body[6:12] for one in events.values() if one.kind in ("DIVC", "LOST")]
    assert len(tracks) == 60
    assert sorted(ends) == sorted(tracks)
    assert sorted(events) == list(range(1, 181))
    assert not plc.tracking.items
