"""The Modbus PLC stub's frames, settings and floor file: MBAP, RTU, exceptions, and bytes that are none of it."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs import floor_file
from firmware_stubs.plcs.modbus import Geometry, Plc, Settings
from firmware_stubs.sections import FloorError, make_settings
from firmware_stubs.world import World
from tests import modbus_hub as mb
from tests.modbus_hub import LINE, NUMBERS, Hub, arrived, new

READ = bytes([3, 0, 0, 0, 2])
HELD = bytes([3, 4, 0, 1, 0, 1])  # map version 1, epoch 1


def adu(pdu: bytes, transaction: int = 1, unit: int = 1) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def rtu(pdu: bytes, unit: int = 1) -> bytes:
    frame = bytes([unit]) + pdu
    return frame + mb.crc(frame)


def told(plc: Plc, data: bytes, now: float = 0.0) -> bytes:
    plc.feed(data, now)
    return plc.take()


def test_the_crc_is_that_of_modbus() -> None:
    assert mb.crc(b"123456789") == bytes([0x37, 0x4B])
    assert rtu(bytes([3, 0, 0, 0, 1])).hex() == "010300000001840a"  # worked example of many a manual
    assert (
        told(new(transport="rtu"), bytes.fromhex("010300000001840a")).hex()
        == "0103020001" + mb.crc(bytes.fromhex("0103020001")).hex()
    )


# TCP


def test_requests_in_any_split_and_several_at_once() -> None:
    data = adu(READ, 1) + adu(READ, 0xFFFF, unit=255) + adu(READ, 3, unit=0)
    answers = adu(HELD, 1) + adu(HELD, 0xFFFF, unit=255) + adu(HELD, 3, unit=0)
    assert told(new(), data) == answers
    plc = new()
    assert b"".join(told(plc, data[at : at + 1], float(at)) for at in range(len(data))) == answers


def test_bytes_that_are_no_header_are_skipped() -> None:
    plc = new()
    for junk in (b"\x00", b"\xff" * 9, b"\0\1\0\1\0\6\1", b"\0\1\0\0\0\1\1", b"\0\1\0\0\0\xff\1", b"\0\1\0\0\1\0\1"):
        assert told(plc, junk + adu(READ, 0x101)).endswith(adu(HELD, 0x101)), junk
    assert plc.counts["garbled"] > 0


def test_half_a_request_is_not_waited_for() -> None:
    plc = new()
    assert told(plc, adu(READ)[:-1], 0.0) == b""
    assert plc.next_at() == 500.0
    plc.tick(500.0)
    assert plc.counts["partial"] == 1
    assert plc.next_at() is None
    assert told(plc, adu(READ), 500.0) == adu(HELD)


def test_half_a_request_of_an_older_connection_is_void_and_the_session_stays() -> None:
    plc = new()
    Hub(plc).start(0.0)
    plc.feed(adu(READ)[:9], 10.0)
    plc.closed(11.0)
    plc.opened(12.0)
    assert told(plc, adu(READ), 12.0) == adu(HELD)
    plc.feed(adu(READ)[:9], 13.0)
    assert plc.knock(b"", 14.0, new=True).admitted
    assert told(plc, adu(READ), 14.0) == adu(HELD)
    assert plc.in_session
    assert not plc.hang_up()


@pytest.mark.parametrize(
    ("pdu", "exception"),
    [
        ("01 0000 0001", 1),
        ("04 0000 0001", 1),
        ("17 0000 0001 0400 0001 02 0001", 1),
        ("00", 1),
        ("2b 0e 01 00", 1),
        ("03 0000 0000", 3),
        ("03 0000 007e", 3),
        ("03 0000", 3),
        ("03 0000 0001 00", 3),
        ("03 0200 0021", 2),
        ("03 ffff 0002", 2),
        ("06 0000 0001", 2),
        ("06 0400", 3),
        ("10 0400 0000 00", 3),
        ("10 0400 007c f8 0000", 3),
        ("10 0400 0001 04 0000 0000", 3),
        ("10 0400 0002 04 0000", 3),
        ("10 0400", 3),
        ("10 050f 0002 04 0000 0000", 2),
        ("10 0000 0001 02 0000", 2),
    ],
)
def test_exceptions(pdu: str, exception: int) -> None:
    data = bytes.fromhex(pdu)
    plc = new()
    assert told(plc, adu(data)) == adu(bytes([data[0] | 0x80, exception]))
    assert Hub(plc).read(1024, 125, 0.0) == [0] * 125


def test_what_nobody_reads_does_not_grow() -> None:
    plc = new()
    for _ in range(2000):
        plc.feed(adu(READ), 0.0)
    assert len(plc.take()) == 1000 * len(adu(HELD))


# RTU


def rtu_plc() -> Plc:
    return new(transport="rtu", baud=9600, unit=17)


def test_a_frame_ends_by_its_length_and_other_units_are_ignored() -> None:
    plc = rtu_plc()
    data = rtu(READ, 16) + rtu(READ, 17) + rtu(READ, 0) + rtu(READ, 17)
    assert told(plc, data) == rtu(HELD, 17) * 2
    assert plc.counts["other_unit"] == 2
    write = rtu(struct.pack(">BHHBHH", 16, 1024, 2, 4, 5, 6), 17)
    halves = [told(plc, write[at : at + 1], 0.0) for at in range(len(write))]
    assert b"".join(halves) == rtu(struct.pack(">BHH", 16, 1024, 2), 17)
    assert told(plc, rtu(bytes([3, 4, 0, 0, 2]), 17)) == rtu(bytes([3, 4, 0, 5, 0, 6]), 17)
    assert told(plc, rtu(bytes([6, 4, 0, 0, 9]), 17)) == rtu(bytes([6, 4, 0, 0, 9]), 17)
    assert told(plc, rtu(bytes([6, 0, 0, 0, 9]), 17)) == rtu(bytes([0x86, 2]), 17)


def test_silence_of_3_5_characters_discards_half_a_frame() -> None:
    plc = rtu_plc()
    silence = 3.5 * 11 / 9.6
    assert told(plc, rtu(READ, 17)[:5], 0.0) == b""
    assert plc.next_at() == pytest.approx(silence)
    assert told(plc, rtu(READ, 17)[5:], silence - 0.01) == rtu(HELD, 17)
    told(plc, rtu(READ, 17)[:5], 100.0)
    assert told(plc, rtu(READ, 17), 100.0 + silence) == rtu(HELD, 17)
    assert plc.counts["partial"] == 1
    fast = new(transport="rtu", baud=115_200)
    told(fast, b"\1\3", 0.0)
    assert fast.next_at() == 1.75
    loose = new(transport="rtu", gap_ms=50)
    told(loose, b"\1\3", 0.0)
    assert loose.next_at() == 50.0


def test_after_a_bad_crc_nothing_is_heard_until_silence() -> None:
    plc = rtu_plc()
    bad = bytearray(rtu(READ, 17))
    bad[3] ^= 1
    assert told(plc, bytes(bad) + rtu(READ, 17), 0.0) == b""
    assert told(plc, rtu(READ, 17), 1.0) == b""
    assert plc.counts["garbled"] == 1
    assert told(plc, rtu(READ, 17), 10.0) == rtu(HELD, 17)


def test_an_unknown_function_ends_by_silence() -> None:
    plc = rtu_plc()
    assert told(plc, rtu(bytes([0x2B, 14, 1, 0]), 17), 0.0) == b""
    plc.tick(10.0)
    assert plc.take() == rtu(bytes([0xAB, 1]), 17)
    told(plc, rtu(bytes([0x2B, 14, 1, 0]), 18), 20.0)
    told(plc, b"\x11\x2b\0\0\0\0", 40.0)
    plc.tick(60.0)
    assert plc.take() == b""
    assert plc.counts["garbled"] == 1
    assert told(plc, rtu(READ, 17), 60.0) == rtu(HELD, 17)
    plc.feed(rtu(bytes([0x2B]) + bytes(300), 17), 70.0)  # longer than a frame can be
    plc.tick(90.0)
    assert plc.take() == b""


def test_what_another_slave_answers_does_no_harm() -> None:
    plc = rtu_plc()
    told(plc, rtu(bytes([3, 0, 0, 0, 8]), 5), 0.0)
    told(plc, rtu(bytes([3, 16]) + bytes(range(16)), 5), 10.0)
    assert told(plc, rtu(READ, 17), 20.0) == rtu(HELD, 17)


def test_a_power_cycle_forgets_half_a_frame() -> None:
    plc = rtu_plc()
    plc.feed(rtu(READ, 17) + rtu(READ, 17)[:4], 0.0)
    plc.power_cycle(0.5)
    assert plc.take() == b""
    assert told(plc, rtu(READ, 17), 1.0) == rtu(HELD, 17)


# Any bytes


def _pieces(transport: str) -> st.SearchStrategy[list[bytes]]:
    wrap = adu if transport == "tcp" else rtu
    word = st.integers(0, 65_535) | st.sampled_from([0, 1, 3, 16, 527, 528, 1024, 1025, 1026, 1027, 1028, 1040, 1295])
    read = st.builds(lambda a, n: wrap(struct.pack(">BHH", 3, a, n)), word, st.integers(0, 130))
    one = st.builds(lambda a, w: wrap(struct.pack(">BHH", 6, a, w)), word, word)
    many = st.builds(
        lambda a, w: wrap(struct.pack(f">BHHB{len(w)}H", 16, a, len(w), 2 * len(w), *w)),
        word,
        st.lists(word | st.integers(1, 19), min_size=1, max_size=40),
    )
    cut = st.builds(lambda data, at: data[: at % (len(data) + 1)], read | many, st.integers(0, 300))
    return st.lists(read | one | many | cut | st.binary(max_size=300), max_size=25)


@pytest.mark.parametrize("transport", ["tcp", "rtu"])
@given(data=st.data())
def test_any_bytes_leave_a_plc_that_answers_and_loses_nothing(transport: str, data: st.DataObject) -> None:
    plc = new(transport=transport)
    now = 0.0
    for number, piece in enumerate(data.draw(_pieces(transport))):
        plc.feed(piece, now)
        if number % 3 == 0:
            plc.edge("IND", 300, now)
        now += data.draw(st.sampled_from([0.0, 1.0, 100.0, 1000.0]))
        plc.tick(now)
        at = plc.next_at()
        assert at is None or at >= now
        plc.take()
    now += 5000
    plc.tick(now)
    wrap, start = (adu, 7) if transport == "tcp" else (rtu, 1)
    answer = told(plc, wrap(struct.pack(">BHH", 3, 0, 9)), now)
    assert answer[start : start + 4] == bytes([3, 18, 0, 1])
    assert len(plc.buffer) <= 2000


@given(st.integers(0, 2**32))
def test_a_controller_with_any_timing_takes_every_event_once_a_session(seed: int) -> None:
    """Sessions that are lost and begun anew, disks that lag, and power cycles: every button press arrives, in order."""
    rng = random.Random(seed)
    plc = new(head=65_500)
    hub = Hub(plc)
    hub.start(0.0, 65_500)
    now = 0.0
    pressed: list[int] = []  # the PLC's clock then
    got: list[int] = []  # presses on the controller's disk
    pending: list[int] = []  # taken since
    durable = hub.taken
    for _ in range(60):
        now += rng.choice((10.0, 40.0, 700.0))
        for _ in range(rng.choice((0, 1, 3, 50))):
            plc.button("L01", "CLOS", now)
            pressed.append(int(now))
        what = rng.random()
        if what < 0.1:
            now += 3000.0  # silence
        elif what < 0.2:
            plc.power_cycle(now, retentive=True)
        if not plc.in_session or not hub.read(7, 1, now)[0]:
            assert hub.begin(now, durable) == 1
            pending.clear()
        else:
            hub.live(now)
        for record in hub.poll(now):
            if record.kind == "BUTN":
                pending.append(record.words[7])
        hub.write(1028, [1], now)
        hub.write(1031, [hub.taken], now)
        if rng.random() < 0.5:
            durable = hub.taken
            hub.write(1026, [durable], now)
            got += pending
            pending.clear()
    hub.begin(now, durable)
    got += [one.words[7] for one in hub.listen(now) if one.kind == "BUTN"]
    assert got == [at % 65_536 for at in pressed]
    assert len(plc.buffer) == 0


# Settings


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"transport": "udp"}, "transport = 'udp': give tcp or rtu"),
        ({"unit": 0}, "unit = 0: give a number from 1 to 247"),
        ({"baud": 12}, "baud = 12: give a number from 300"),
        ({"epoch": 0}, "epoch = 0: give a number from 1 to 65535"),
        ({"head": 65_536}, "head = 65536: give a number from 0 to 65535"),
        ({"commands": -1}, "commands = -1: give"),
        ({"next_track": 0}, "next_track = 0: give"),
        ({"gap_ms": 0.0}, "gap_ms = 0.0: give a number from 1 to 60000, or leave it out"),
        ({"evidence": "Z"}, "evidence = 'Z': give E"),
        ({"numbers": {"IND": 0}}, "numbers: IND = 0: give a number from 1 to 65535"),
        ({"numbers": {"IND": 65_536}}, "numbers: IND = 65536: give"),
        ({"numbers": {"IND": 5, "DEC": 5}}, "numbers: DEC = 5: this is the number of IND already"),
        ({"numbers": {"IND": 1}}, "numbers: IND = 1: 1 is the number of LINE and of nothing else"),
        ({"numbers": {"LINE": 2}}, "numbers: LINE = 2: 1 is the number of LINE"),
        ({"numbers": {"ind": 2}}, "numbers: id 'ind': 1 to 12 characters of A-Z"),
        ({"lines": {"S1": 0}}, "lines: S1 = 0: give a number"),
        ({"lines": {"S1": 4, "S2": 4}}, "lines: S2 = 4: this is the number of S1 already"),
    ],
)
def test_settings_that_cannot_be_say_so(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as error:
        Settings(**settings)
    assert str(error.value).startswith(complaint)


def test_line_may_be_written_as_1() -> None:
    assert Settings(numbers={"LINE": 1}, lines={"S1": 1}).numbers == {"LINE": 1}


def test_points_and_lanes_need_numbers_and_carriers_a_register() -> None:
    with pytest.raises(ValueError, match="numbers: EYE, EX: no number; give each point and lane one from 2 to 65535"):
        Plc(Settings(numbers={"IND": 2, "DEC": 3, "L01": 4, "L02": 5}), LINE, seed=1, now=0.0)
    wide = Geometry(LINE.points, LINE.inductions, LINE.decisions, LINE.lanes, "EX", 1000, 80_000, "loop", 70_000)
    with pytest.raises(ValueError, match="carriers = 70000: on Modbus a loop has at most 65535"):
        new(wide)


def test_sections_hold_tables() -> None:
    settings = make_settings(Settings, "stub.p", {"numbers": dict(NUMBERS), "lines": {"S2": 7}, "gap_ms": 20})
    assert settings == Settings(numbers=NUMBERS, lines={"S2": 7}, gap_ms=20.0)
    for values, complaint in (
        ({"numbers": 5}, "[stub.p] numbers: must be a table, not 5"),
        ({"numbers": {"IND": "a"}}, "[stub.p] numbers.IND: must be int, not 'a'"),
        ({"lines": {"S2": True}}, "[stub.p] lines.S2: must be int, not True"),
        ({"lines": {"S2": 0}}, "[stub.p] lines: S2 = 0: give a number from 1 to 65535"),
    ):
        with pytest.raises(FloorError) as error:
            make_settings(Settings, "stub.p", values)
        assert str(error.value) == complaint


def _floor(numbers: dict[str, int]) -> dict[str, Any]:
    return {
        "line": {"S1": {"speed_mm_s": 1000, "length_mm": 6000, "default_lane": "EX"}},
        "point": {"IND": {"line": "S1", "position_mm": 0, "induction": True, "decision": True}},
        "lane": {"L01": {"line": "S1", "position_mm": 3000}, "EX": {"line": "S1", "position_mm": 5500}},
        "induction": {"S1": {"point": "IND", "rate_per_s": 1.0}},
        "stub": {"p": {"kind": "modbus", "link": "pty:///b", "line": "S1", "transport": "rtu", "numbers": numbers}},
    }


def test_a_floor_file_runs_a_modbus_plc() -> None:
    floor = floor_file.read(_floor({"IND": 2, "L01": 3, "EX": 4}))
    world = World(floor, lambda entry: None, seed=1, now=0.0, utc_offset_ms=0.0)
    world.feed("p", rtu(READ), 1.0)
    assert world.output() == [("p", rtu(HELD))]


def test_a_floor_file_without_a_lanes_number_says_where() -> None:
    floor = floor_file.read(_floor({"IND": 2, "L01": 3}))
    with pytest.raises(FloorError, match=r"^\[stub.p\] numbers: EX: no number; give"):
        World(floor, lambda entry: None, seed=1, now=0.0, utc_offset_ms=0.0)


def test_arrivals_are_told_once_for_the_ledger() -> None:
    plc = new()
    hub = Hub(plc)
    hub.start(0.0)
    before = hub.taken
    hub.durable = False
    track = arrived(plc, hub)
    assert plc.sent_arrivals() == [(1, track, 1000.0)]
    assert plc.sent_arrivals() == []
    plc.tick(4000.0)
    assert mb.kinds(hub.start(4000.0, before))[-2:] == ["ARRV", "SYEN"]
    assert plc.sent_arrivals() == []
