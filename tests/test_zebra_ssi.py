"""`zebra_ssi`: packets and their checksum, what is answered when, codes that are read once, commands one at a time."""

from __future__ import annotations

import itertools
import time
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codes import CONTROL, PROGRAMMING
from devices.commands import EXPIRED, GONE, SILENT
from devices.framing import BETWEEN, UNFINISHED
from devices.framing import SILENT as GAP
from devices.scanners import zebra_ssi
from devices.scanners._ssi import CHECKSUM, encode
from devices.scanners._ssi_ear import MISSED, UNKNOWN
from devices.scanners._ssi_parts import LIES, NO_TYPE, OTHER, PAUSE_MS, STRAY, TOO_LONG, UNENDED
from devices.scanners.zebra_ssi import ASK_MS, DEAF, REPEATED
from devices.types import (
    Answered,
    Condition,
    Destination,
    DeviceError,
    EventSeen,
    Garbled,
    GivenUp,
    Heartbeat,
    Item,
    Kept,
    NoRead,
    Read,
    Reply,
    Trigger,
)
from tests.floor_fixture import TUNNEL
from tests.test_node import Daemon
from tests.test_scanners import S10, heard, said

HOST_ACK, DECODER_ACK = bytes.fromhex("04D00400FF28"), bytes.fromhex("04D00000FF2C")  # S1 S2
NAK_RESEND, NAK_CONTEXT = bytes.fromhex("05D1040001FF25"), bytes.fromhex("05D1040002FF24")  # S3 S4
REQUEST_REVISION = bytes.fromhex("04A30400FF55")  # S7
REPLY_REVISION = bytes.fromhex("16A40000504141424153 30302D3030312D52303020 31FB50")  # S8
START, STOP = bytes.fromhex("04E40400FF14"), bytes.fromhex("04E50400FF13")  # S9 S10
CODE = bytes.fromhex("12F3000003524231323334353637383547 42FC02")  # S16
MARKED = bytes.fromhex("12F3000103524231323334353637383547 42FC01")  # S17
BEAT = bytes.fromhex("11F30000034D4F544556544842 3A303031FBC5")  # S19
XON_XOFF = bytes.fromhex("0AF30000034111421343FE16")  # S20
EVENT = bytes.fromhex("05F6000001FF04")  # S21
DAMAGED = bytes.fromhex("12F3000003524231323334353637383547 42FC03")  # S25
MALFORMED = bytes.fromhex("04D10001FF25")  # S26

CRC = zlib.crc32(CODE[4:-2])


def packet(opcode: int, data: bytes = b"", source: int = 0, status: int = 0) -> bytes:
    """By the rule, apart from the driver's encoder."""
    head = bytes([len(data) + 4, opcode, source, status]) + data
    total = 0
    for byte in head:
        total += byte
    total = 0x10000 - total
    return head + bytes([total >> 8, total & 0xFF])


def data(code: bytes, kind: int = 3, status: int = 0) -> bytes:
    return packet(0xF3, bytes([kind]) + code, status=status)


def ssi(**settings: Any) -> zebra_ssi.Driver:
    return zebra_ssi.Driver(zebra_ssi.Settings(**settings))


def quiet(**settings: Any) -> zebra_ssi.Driver:
    """Open, without a question of its own."""
    driver = ssi(revision=False, **settings)
    driver.opened(0.0, Kept())
    return driver


def reads(items: Sequence[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, Read)]


def ends(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if isinstance(item, Answered | GivenUp)]


# --- packets ----------------------------------------------------------------------------------------------------------


def test_vectors_obey_the_rule() -> None:
    assert packet(0xD0, source=4) == HOST_ACK
    assert packet(0xF3, b"\x03RB123456785GB") == CODE
    assert packet(0xF3, b"\x03RB123456785GB", status=1) == MARKED
    assert packet(0xF6, b"\x01") == EVENT


@pytest.mark.parametrize(
    ("opcode", "body", "wire"),
    [
        *((0xD0, b"", "04D00400FF28"), (0xD1, b"\x01", "05D1040001FF25"), (0xD1, b"\x02", "05D1040002FF24")),
        *((0xD1, b"\x06", "05D1040006FF20"), (0xA3, b"", "04A30400FF55"), (0xE4, b"", "04E40400FF14")),
        *((0xE5, b"", "04E50400FF13"), (0xE6, b"\x00", "05E6040000FF11"), (0xE7, b"\x01", "05E7040001FF0F")),
        *((0xE8, b"\x01", "05E8040001FF0E"), (0xE9, b"", "04E90400FF0F"), (0xEA, b"", "04EA0400FF0E")),
    ],
)
def test_what_a_host_may_say_byte_for_byte(opcode: int, body: bytes, wire: str) -> None:
    assert encode(opcode, body).hex().upper() == wire


def test_a_code() -> None:
    assert quiet().feed(CODE, 5.0) == [Read(S10, CODE[5:-2], 5.0, symbology="]C0", token=(1, CRC))]


@pytest.mark.parametrize("status", [0x20, 0x80, 0xF0, 0x04])
def test_undocumented_status_bits_are_ignored(status: int) -> None:
    driver = quiet()
    assert reads(driver.feed(data(b"A", status=status), 1.0)) == ["A"]
    driver.send(Trigger(True), 2.0, None)
    driver.confirm((1, 0), 2.0)
    assert (driver.take(), driver.take()) == (HOST_ACK, START)
    assert ends(driver.feed(packet(0xD0, status=status), 3.0)) == [Answered(1, None, 3.0)]
    assert reads(driver.feed(data(b"A", status=status | 1), 4.0)) == [], "and bit 0 among them still says: again"


@pytest.mark.parametrize(
    ("kind", "symbology"),
    [(1, "]A0"), (3, "]C0"), (0x0B, "]E0"), (0x0F, "]C1"), (0x1B, "]d1"), (0x1C, "]Q1"), (0x73, ""), (0xEE, "")],
)
def test_a_code_type_is_a_symbology(kind: int, symbology: str) -> None:
    [item] = quiet().feed(data(b"A1", kind), 1.0)
    assert (item.text, item.symbology) == ("A1", symbology)  # type: ignore[union-attr]


def test_an_aim_identifier_in_the_data_counts_more_than_the_type() -> None:
    [item] = quiet().feed(data(b"]d20104012345678901", 0x1B), 1.0)
    assert (item.text, item.symbology) == ("0104012345678901", "]d2")  # type: ignore[union-attr]


def test_xon_and_xoff_in_the_data_arrive_and_make_the_code_garbled() -> None:
    assert said(quiet().feed(XON_XOFF, 1.0)) == [("garbled", CONTROL)]


@given(st.binary(max_size=250), st.integers(0, 255), st.data())
def test_any_split_is_the_same(code: bytes, kind: int, draw: st.DataObject) -> None:
    wire = data(code, kind) + BEAT + EVENT + DAMAGED + b"\x00\xff\x7e" + CODE
    whole = quiet().feed(wire, 1.0)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    driver = quiet()
    split = [item for a, b in itertools.pairwise([0, *cuts, len(wire)]) for item in driver.feed(wire[a:b], 1.0)]
    assert split == whole
    bytewise = quiet()
    assert [item for byte in wire for item in bytewise.feed(bytes([byte]), 1.0)] == whole


@pytest.mark.parametrize("place", range(len(CODE)))
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_never_a_read(place: int, bit: int) -> None:
    wire = bytearray(CODE)
    wire[place] ^= 1 << bit
    driver = quiet()
    items = [*driver.feed(bytes(wire), 1.0), *driver.tick(300.0)]
    assert reads(items) == []
    assert {type(item) for item in items} == {Garbled}


# --- resynchronising --------------------------------------------------------------------------------------------------


def test_noise_between_packets_is_skipped_counted_and_not_answered() -> None:
    driver = quiet()
    items = driver.feed(b"\x00\xff\x7e" + CODE, 1.0)
    assert said(items) == [("garbled", BETWEEN), ("read", S10)]
    assert driver.counters.garbled == {BETWEEN: 1}
    driver.confirm((1, CRC), 1.0)
    assert driver.take() == HOST_ACK


@pytest.mark.parametrize("noise", [b"\x41", b"\xff", b"\x41\x42", b"\x12\xf3\x00"])
def test_noise_under_four_bytes_gets_no_answer(noise: bytes) -> None:
    driver = quiet()
    assert driver.feed(noise, 1.0) == []
    assert driver.next_at() == 201.0
    assert said(driver.tick(201.0)) == [("garbled", GAP)]
    assert driver.take() == b""
    assert reads(driver.feed(CODE, 202.0)) == [S10]


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_a_length_under_four_is_skipped(length: int) -> None:
    assert said(quiet().feed(bytes([length]) + CODE, 1.0)) == [("garbled", BETWEEN), ("read", S10)]


def test_a_length_of_ff_and_then_silence_does_not_wait_for_ever() -> None:
    driver = quiet()
    driver.feed(b"\xff\xf3\x00\x00\x03AB", 1.0)
    assert driver.take() == b""
    assert driver.next_at() == 201.0
    assert said(driver.tick(201.0)) == [("garbled", GAP)]
    assert driver.take() == NAK_RESEND, "the decoder waits for an answer to it"
    assert reads(driver.feed(CODE, 202.0)) == [S10]


@pytest.mark.parametrize("cut", range(1, len(CODE)))
def test_half_a_packet_ends_with_silence_or_with_the_channel(cut: int) -> None:
    driver = quiet()
    assert driver.feed(CODE[:cut], 1.0) == []
    assert said(driver.tick(driver.next_at() or 0.0)) == [("garbled", GAP)]
    assert driver.feed(CODE[:cut], 500.0) == []
    assert said(driver.closed(501.0)) == [("garbled", UNFINISHED)]
    driver.opened(502.0, Kept())
    assert driver.take() == b"", "nothing is owed on a new connection"
    assert reads(driver.feed(CODE, 503.0)) == [S10]


def test_the_rest_of_a_torn_packet_is_no_read() -> None:
    for cut in range(1, len(CODE)):
        driver = quiet()
        assert reads([*driver.feed(CODE[cut:], 1.0), *driver.tick(900.0)]) == [], cut
        assert reads(driver.feed(CODE, 1000.0)) == [S10]


def test_a_megabyte_of_anything_is_bounded_and_quick() -> None:
    driver = quiet()
    begun = time.process_time()
    for chunk in (b"\x02" * 2**18, b"\xff\xf3\x00\x00" * 2**16, b"\x04\xf3\x00\x00\x00\x00" * 2**15):
        for item in driver.feed(chunk, 1.0):
            assert isinstance(item, Garbled)
            assert len(item.raw) <= 64
        assert len(driver._frames._buffer) <= 257
    assert time.process_time() - begun < 5
    driver.tick(1000.0)
    assert len(driver.take()) <= 16 * 7
    assert reads(driver.feed(CODE, 2000.0)) == [S10]


@pytest.mark.parametrize("garbage", [b"\x00\xfe\xf8" * 200, b"\xf8\x00\x00" * 200, bytes(b | 0x80 for b in CODE) * 9])
def test_a_wrong_speed_or_parity_gives_no_read(garbage: bytes) -> None:
    driver = quiet()
    items = [*driver.feed(garbage, 1.0), *driver.tick(300.0)]
    assert {type(item) for item in items} == {Garbled}


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_code_is_acknowledged_only_when_it_is_durable() -> None:
    driver = quiet()
    driver.feed(CODE, 1.0)
    assert (driver.take(), driver.tick(500.0), driver.take()) == (b"", [], b"")
    driver.confirm((1, CRC), 501.0)
    assert (driver.take(), driver.take()) == (HOST_ACK, b"")


def test_retransmitted_before_it_is_durable_one_read_one_acknowledgement() -> None:
    driver = quiet()
    assert reads(driver.feed(CODE, 1.0)) == [S10]
    assert driver.feed(MARKED, 2001.0) == []
    assert driver.feed(MARKED, 4001.0) == []
    assert driver.take() == b""
    driver.confirm((1, CRC), 4002.0)
    assert (driver.take(), driver.take()) == (HOST_ACK, b"")
    assert driver.counters.noted == {REPEATED: 2}


def test_retransmit_after_a_lost_acknowledgement_is_acknowledged_and_not_read() -> None:
    driver = quiet()
    driver.feed(CODE, 1.0)
    driver.confirm((1, CRC), 2.0)
    driver.take()
    assert driver.feed(MARKED, 2001.0) == []
    assert (driver.take(), driver.take()) == (HOST_ACK, b"")


def test_the_same_code_without_the_mark_is_a_new_read() -> None:
    driver = quiet()
    tokens = [item.token for _ in range(3) for item in driver.feed(CODE, 1.0)]  # type: ignore[union-attr]
    assert tokens == [(1, CRC), (2, CRC), (3, CRC)]


def test_a_marked_packet_that_is_not_the_last_one_is_a_read() -> None:
    driver = quiet()
    driver.feed(data(b"A"), 1.0)
    assert reads(driver.feed(MARKED, 2.0)) == [S10], "its first transmission was lost"
    assert reads(driver.feed(data(b"A", status=1), 3.0)) == ["A"]


def test_a_restart_knows_the_last_durable_code() -> None:
    after = ssi(revision=False)
    after.opened(0.0, Kept(epoch=41, evt=CRC))
    assert after.feed(MARKED, 1.0) == []
    assert after.take() == HOST_ACK
    assert [item.token for item in after.feed(CODE, 2.0)] == [(42, CRC)]  # type: ignore[union-attr]
    other = ssi(revision=False)
    other.opened(0.0, Kept(epoch=41, evt=CRC ^ 1))
    assert reads(other.feed(MARKED, 1.0)) == [S10]
    assert other.take() == b""


def test_a_reopened_channel_does_not_take_a_waiting_code_for_durable() -> None:
    driver = quiet()
    driver.feed(CODE, 1.0)
    driver.closed(2.0)
    driver.opened(3.0, Kept(epoch=1, evt=CRC))
    assert driver.feed(MARKED, 4.0) == []
    assert driver.take() == b""
    driver.confirm((1, CRC), 5.0)
    assert driver.take() == HOST_ACK


def test_the_acknowledgement_of_an_older_code_is_not_taken_for_that_of_the_last() -> None:
    driver = quiet()
    driver.feed(CODE, 1.0)
    driver.feed(data(b"A"), 9000.0)
    driver.confirm((1, CRC), 9001.0)
    assert driver.take() == b"", "the decoder would forget A, which is not durable"
    driver.confirm((2, 0), 9002.0)
    assert driver.take() == HOST_ACK


def test_an_acknowledgement_that_was_not_written_is_not_given_to_the_next_code() -> None:
    driver = quiet()
    driver.feed(CODE, 1.0)
    driver.confirm((1, CRC), 2.0)
    driver.feed(data(b"A"), 3.0)
    assert driver.take() == b""


def test_a_daemon_acknowledges_after_its_commit_and_knows_the_code_after_a_restart() -> None:
    change = 'kind = "line"\nlink = "tcp://127.0.0.1:2112" => kind = "zebra_ssi"\nlink = "tcp://127.0.0.1:2112"'
    changes = (change, 'late_mm = 400\nprefix = "\\u0002"\nsuffix = "\\u0003"\n => late_mm = 400\n')
    hub = Daemon(*changes).up()
    assert hub.node.take(TUNNEL) == REQUEST_REVISION
    hub.node.received(TUNNEL, REPLY_REVISION, hub.now)
    hub.node.received(TUNNEL, CODE, hub.now)
    assert hub.node.take(TUNNEL) == b""
    batch = hub.on_its_way()
    assert hub.node.take(TUNNEL) == b"", "it is on its way to the disk"
    hub.durable(batch)
    assert hub.node.take(TUNNEL) == HOST_ACK
    again = Daemon(*changes, journal=hub.journal, now=hub.now + 300)
    again.node.link_up(TUNNEL, again.now)
    again.node.received(TUNNEL, MARKED, again.now)
    assert again.node.take(TUNNEL) == HOST_ACK, "its acknowledgement was lost in the restart"
    assert again.node.drivers[TUNNEL].counters.noted == {REPEATED: 1}


def test_a_wrong_checksum_is_refused_and_the_repetition_is_read() -> None:
    driver = quiet()
    assert said(driver.feed(DAMAGED, 1.0)) == [("garbled", CHECKSUM)]
    assert driver.take() == NAK_RESEND
    assert reads(driver.feed(MARKED, 2.0)) == [S10]
    assert driver.counters.garbled == {CHECKSUM: 1}


def test_a_malformed_nak_of_a_public_driver_is_garbled() -> None:
    driver = quiet()
    driver.send(Trigger(True), 0.0, None)
    driver.take()
    assert said(driver.feed(MALFORMED, 1.0)) == [("garbled", CHECKSUM)]
    assert driver.take() == NAK_RESEND


def test_a_heartbeat_as_data_is_no_read_and_acknowledged_at_once() -> None:
    driver = quiet()
    assert driver.feed(BEAT, 1.0) == [Heartbeat(b"MOTEVTHB:001", 1.0)]
    assert driver.take() == HOST_ACK
    assert driver.feed(data(b"]C0MOTEVTHB:002"), 2.0) == [Heartbeat(b"]C0MOTEVTHB:002", 2.0)]
    assert driver.counters.noted == {}
    driver.feed(data(b"MOTEVTHB:100"), 3.0)
    assert driver.counters.noted == {MISSED: 1}
    driver.feed(BEAT, 4.0)
    assert driver.counters.noted == {MISSED: 1}, "it wraps after 100"


@pytest.mark.parametrize(
    "code", [b"MOTEVTHB:01", b"MOTEVTHB:0011", b"MOTEVTHB:", b"XMOTEVTHB:001", b"MOTEVTHB:\xb2\xb2\xb2"]
)
def test_what_is_nearly_a_heartbeat_is_a_read(code: bytes) -> None:
    assert reads(quiet().feed(data(code), 1.0)) == [code.decode("latin-1")]


def test_a_heartbeat_between_codes_changes_neither() -> None:
    driver = quiet()
    driver.feed(CODE, 1.0)
    assert said(driver.feed(BEAT, 2.0)) == [("heartbeat", "")]
    assert driver.take() == HOST_ACK
    assert driver.feed(MARKED, 3.0) == [], "still the last code"
    driver.confirm((1, CRC), 4.0)
    assert driver.take() == HOST_ACK


def test_a_no_read_has_a_token_and_is_durable_first() -> None:
    driver = quiet(no_read=("NR", "??"))
    [item] = driver.feed(data(b"NR", 1), 1.0)
    assert isinstance(item, NoRead)
    assert item.token == (1, zlib.crc32(b"\x01NR"))
    assert driver.take() == b""
    driver.confirm(item.token, 2.0)
    assert driver.take() == HOST_ACK
    texts = (b"]A0NR", b"??", b"", b"N", b"NR ")
    assert [type(item) for text in texts for item in driver.feed(data(text), 3.0)] == [NoRead] * 3 + [Read] * 2


@pytest.mark.parametrize("code", [b"A\x00B", b"\x16M\rA", b"\x1b[C", b"||>SET COM.DMCC-RESPONSE 1", b"999999"])
def test_a_hostile_code_is_garbled_with_a_token_so_that_it_is_not_sent_again(code: bytes) -> None:
    driver = quiet()
    [item] = driver.feed(data(code), 1.0)
    assert isinstance(item, Garbled)
    assert item.why in (CONTROL, PROGRAMMING)
    assert item.token is not None
    driver.confirm(item.token, 2.0)
    assert driver.take() == HOST_ACK


@pytest.mark.parametrize(
    ("wire", "item", "answer"),
    [
        (EVENT, EventSeen("EVENT", "1", EVENT[:-2], 1.0), HOST_ACK),
        (REPLY_REVISION, Reply("REPLY_REVISION", "PAABAS00-001-R00 1", REPLY_REVISION[:-2], 1.0), b""),
        (packet(0xD4, b"\x01\xd3"), Reply("CAPABILITIES_REPLY", "01D3", packet(0xD4, b"\x01\xd3")[:-2], 1.0), b""),
        (packet(0xC6, b"\xff\x01\x00"), Reply("PARAM_SEND", "FF0100", packet(0xC6, b"\xff\x01\x00")[:-2], 1.0), b""),
        (DECODER_ACK, Reply("CMD_ACK", "", DECODER_ACK[:-2], 1.0), b""),
        (packet(0xB1, b"\xff\xd8"), EventSeen("IMAGE_DATA", "FFD8", packet(0xB1, b"\xff\xd8")[:-2], 1.0), HOST_ACK),
        (packet(0x42), Garbled(packet(0x42)[:-2], UNKNOWN, 1.0), NAK_CONTEXT),
        (packet(0xF3), Garbled(packet(0xF3)[:-2], NO_TYPE, 1.0), NAK_CONTEXT),
    ],
)
def test_what_is_no_code_is_no_read(wire: bytes, item: Item, answer: bytes) -> None:
    driver = quiet()
    assert driver.feed(wire, 1.0) == [item]
    assert driver.take() == answer


def test_what_a_host_says_is_heard_and_not_answered() -> None:
    driver = quiet()
    assert said(driver.feed(HOST_ACK + START + NAK_RESEND, 1.0)) == [
        ("command", ""),
        ("command", ""),
        ("command", "01"),
    ]
    assert driver.take() == b""


def test_nothing_is_said_while_a_packet_arrives() -> None:
    driver = quiet()
    driver.feed(EVENT + CODE[:5], 1.0)
    driver.send(Trigger(True), 1.0, None)
    assert driver.take() == b""
    driver.feed(CODE[5:], 2.0)
    assert driver.take() == b"", "the code is not durable, and the acknowledgement of the event has no taker"
    driver.confirm((1, CRC), 3.0)
    assert (driver.take(), driver.take()) == (HOST_ACK, START)


# --- several packets --------------------------------------------------------------------------------------------------

LONG = bytes(range(0x20, 0x7F)) * 6


def continued(code: bytes, kind: int = 0x1C, size: int = 250) -> list[bytes]:
    parts = [code[at : at + size] for at in range(0, len(code), size)]
    return [data(part, kind, 0 if part is parts[-1] else 2) for part in parts]


def segments(code: bytes, kind: int = 0x1C) -> list[bytes]:
    head = b"\xf3\x00\x00" + (len(code) + 3).to_bytes(2) + bytes([kind, 1]) + len(code).to_bytes(2)
    first, rest = code[:241], code[241:]
    parts = [head + first, *(rest[at : at + 250] for at in range(0, len(rest), 250))]
    return [packet(0x73, bytes([number]) + part, 0 if number else len(parts) - 1) for number, part in enumerate(parts)]


def test_segments_as_they_were_seen_in_the_field() -> None:
    wire = segments(b"Z" * 500)
    assert wire[0][:14].hex() == "ff730200 00f3000001f71c0101f4".replace(" ", "")
    assert (wire[0][-2:].hex(), wire[1][-2:].hex(), wire[2].hex()) == ("a6d5", "a6a9", "0e73000002" + "5a" * 9 + "fc53")
    assert reads(quiet().feed(b"".join(wire), 1.0)) == ["Z" * 500]


@pytest.mark.parametrize("wire", [continued(LONG), segments(LONG)], ids=["continued", "segments"])
def test_a_code_in_several_packets_is_one_read(wire: list[bytes]) -> None:
    driver = quiet()
    taken = HOST_ACK if wire[0][1] == 0xF3 else bytes.fromhex("04740400FF84")
    for part in wire[:-1]:
        assert driver.feed(part, 1.0) == []
        assert driver.take() == taken
    [item] = driver.feed(wire[-1], 2.0)
    assert item == Read(LONG.decode(), LONG, 2.0, symbology="]Q1", token=(1, zlib.crc32(wire[-1][4:-2])))
    assert driver.take() == b""
    driver.confirm((1, 0), 3.0)
    assert driver.take() == taken
    again = wire[-1][:3] + b"\x01" + wire[-1][4:-2]
    marked = again + (-sum(again) & 0xFFFF).to_bytes(2)
    for answer in (HOST_ACK, taken, HOST_ACK):
        assert driver.feed(marked, 4.0) == [], "its last packet again"
        assert driver.take() == answer, "a decoder may want either for a segment"
    after = ssi(revision=False)
    after.opened(5.0, Kept(epoch=1, evt=zlib.crc32(wire[-1][4:-2])))
    assert after.feed(marked, 6.0) == []
    assert after.take() == taken


def test_a_part_again_counts_once() -> None:
    driver = quiet()
    first, second, third = continued(LONG)
    driver.feed(first, 1.0)
    assert driver.feed(data(LONG[:250], 0x1C, 3), 2.0) == []
    assert driver.take() == HOST_ACK * 2
    assert reads(driver.feed(second + third, 3.0)) == [LONG.decode()]


def test_a_damaged_part_is_refused_and_sent_again() -> None:
    driver = quiet()
    first, second, third = continued(LONG)
    driver.feed(first, 1.0)
    driver.take()
    driver.feed(second[:-1] + bytes([second[-1] ^ 1]), 2.0)
    assert driver.take() == NAK_RESEND
    driver.feed(data(LONG[250:500], 0x1C, 3), 3.0)
    assert reads(driver.feed(third, 4.0)) == [LONG.decode()]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_code_of_which_a_packet_is_missing_is_no_read(lost: int) -> None:
    """Also from a decoder that does not wait between its packets."""
    for wire in (continued(LONG), segments(LONG)):
        driver = quiet()
        damaged = bytearray(wire[lost])
        damaged[20] ^= 1
        items = driver.feed(b"".join([*wire[:lost], bytes(damaged), *wire[lost + 1 :]]), 1.0)
        assert reads([*items, *driver.tick(9000.0)]) == []
        assert reads(driver.feed(CODE, 10_000.0)) == [S10]


def test_a_message_without_its_end_is_garbled_and_its_rest_is_no_read() -> None:
    driver = quiet()
    first, second, third = continued(LONG)
    driver.feed(first + second, 1.0)
    assert driver.next_at() == 1.0 + PAUSE_MS
    assert said(driver.tick(1.0 + PAUSE_MS)) == [("garbled", UNENDED)]
    late = data(LONG[500:], 0x1C, 1)
    assert said(driver.feed(late, 9000.0)) == [("garbled", STRAY)], "a tail is no code"
    assert driver.take() == HOST_ACK * 2 + NAK_CONTEXT
    assert reads(driver.feed(third, 9001.0)) == [LONG[500:].decode()], "what is not marked is a code again"
    assert driver.counters.garbled == {UNENDED: 1, STRAY: 1}


def test_a_marked_end_that_looks_like_the_end_of_the_last_code_belongs_to_its_own() -> None:
    """Two long codes that end alike, and the end of the second was lost on the wire."""
    driver = quiet()
    ending = data(b"END", 0x1C)
    driver.feed(continued(b"1" * 250 + b"END")[0] + ending, 1.0)
    driver.confirm((1, 0), 1.0)
    driver.feed(continued(b"2" * 250 + b"END")[0], 2.0)
    assert reads(driver.feed(data(b"END", 0x1C, 1), 3.0)) == ["2" * 250 + "END"]


def test_a_marked_beginning_that_looks_like_the_last_code_begins_a_message() -> None:
    driver = quiet()
    driver.feed(data(b"Z" * 250, 0x1C), 1.0)
    driver.confirm((1, 0), 1.0)
    driver.feed(data(b"Z" * 250, 0x1C, 3), 2.0)
    assert reads(driver.feed(data(b"END", 0x1C), 3.0)) == ["Z" * 250 + "END"]


def test_what_comes_after_the_pause_does_not_belong_to_a_message() -> None:
    driver = quiet()
    driver.feed(continued(LONG)[0], 1.0)
    assert reads(driver.feed(data(b"A", 0x1C), 1.0 + PAUSE_MS)) == [], "it may be its tail"
    assert reads(driver.feed(data(b"A", 0x1C), 1.0 + 2 * PAUSE_MS)) == ["A"]


def test_the_end_of_the_channel_ends_a_message() -> None:
    for wire in (continued(LONG), segments(LONG)):
        driver = quiet()
        driver.feed(wire[0], 1.0)
        assert said(driver.closed(2.0)) == [("garbled", UNENDED)]


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (continued(LONG)[0] + data(b"A", 0x1B), OTHER),
        (segments(LONG)[1], STRAY),
        (segments(LONG)[0] + segments(LONG)[2], STRAY),
        (packet(0x73), OTHER),
        (packet(0x73, b"\0\xf3\0\0"), OTHER),
        (packet(0x73, b"\0\xf6\0\0\0\4\x1c\1\0\1A"), OTHER),
        (packet(0x73, b"\0\xf3\0\0\0\4\x1c\1\0\2A"), LIES),
        (packet(0x73, b"\0\xf3\0\0\0\4\x1c\1\0\1AB"), LIES),
        (packet(0x73, b"\0\xf3\0\0\xff\xff\x1c\1\xff\xffAB"), TOO_LONG),
    ],
)
def test_packets_that_fit_nothing_are_refused(wire: bytes, why: str) -> None:
    driver = quiet()
    assert said(driver.feed(wire, 1.0)) == [("garbled", why)]
    assert driver.take().endswith(NAK_CONTEXT)


def test_a_message_that_never_ends_is_bounded() -> None:
    driver = quiet()
    items = driver.feed(data(b"Z" * 250, 0x1C, 2) * 40, 1.0)
    assert said(items)[0] == ("garbled", TOO_LONG)
    assert {type(item) for item in items} == {Garbled}
    assert len(driver._parts._code) <= 8192 + 250


# --- commands ---------------------------------------------------------------------------------------------------------


def test_trigger_on_the_wire_and_its_answer() -> None:
    driver = quiet()
    on, off = driver.send(Trigger(True), 0.0, None), driver.send(Trigger(False), 0.0, None)
    assert (driver.take(), driver.take()) == (START, b"")
    assert ends(driver.feed(DECODER_ACK, 1.0)) == [Answered(on, None, 1.0)]
    assert driver.take() == STOP
    assert ends(driver.feed(DECODER_ACK, 2.0)) == [Answered(off, None, 2.0)]
    assert ends(driver.feed(DECODER_ACK, 3.0)) == []


@pytest.mark.parametrize(("cause", "why"), [(2, "does not know that command"), (6, "it may not"), (0x0A, "cancelled")])
def test_refusals_say_their_cause(cause: int, why: str) -> None:
    driver = quiet()
    number = driver.send(Trigger(True), 0.0, None)
    driver.take()
    error, answered = driver.feed(packet(0xD1, bytes([cause])), 1.0)
    assert isinstance(error, DeviceError)
    assert why in error.why
    assert answered == Answered(number, f"{cause}", 1.0)
    assert driver.take() == b""


def test_a_command_that_arrived_damaged_is_sent_again_twice() -> None:
    driver = quiet()
    number = driver.send(Trigger(True), 0.0, None)
    driver.take()
    damaged = bytes.fromhex("05D1000001FF29")  # S6
    for at in (1.0, 2.0):
        assert ends(driver.feed(damaged, at)) == []
        assert driver.take() == packet(0xE4, source=4, status=1)
    assert ends(driver.feed(damaged, 3.0)) == [Answered(number, "1", 3.0)]
    assert driver.take() == b""


def test_without_an_answer_it_is_given_up_and_a_late_one_is_nobodys() -> None:
    driver = quiet()
    first, second = driver.send(Trigger(True), 0.0, None), driver.send(Trigger(False), 0.0, None)
    driver.take()
    assert driver.next_at() == 2000.0
    assert driver.tick(2000.0) == [GivenUp(first, SILENT, 2000.0)]
    assert driver.take() == b""
    assert ends(driver.feed(DECODER_ACK, 2500.0)) == []
    driver.tick(4000.0)
    assert driver.take() == STOP
    assert ends(driver.feed(DECODER_ACK, 4001.0)) == [Answered(second, None, 4001.0)]


def test_a_command_expires_and_the_channel_gives_up_everything() -> None:
    driver = quiet()
    first, second = driver.send(Trigger(True), 0.0, 100.0), driver.send(Trigger(True), 0.0, None)
    assert driver.tick(100.0) == [GivenUp(first, EXPIRED, 100.0)]
    assert driver.closed(200.0) == [GivenUp(second, GONE, 200.0)]


def test_other_commands_are_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match="only Trigger"):
        quiet().send(Destination("x", 1, 1, 1, 1), 0.0, None)  # type: ignore[arg-type]


def test_wakeup_goes_before_each_command() -> None:
    driver = quiet(wakeup_ms=10.0)
    driver.send(Trigger(True), 5.0, None)
    assert (driver.take(), driver.take()) == (b"\x00", b"")
    assert driver.next_at() == 15.0
    driver.tick(15.0)
    assert driver.take() == START
    driver.feed(DECODER_ACK, 16.0)
    driver.send(Trigger(False), 20.0, None)
    assert driver.take() == b"\x00"
    driver.tick(30.0)
    assert driver.take() == STOP
    driver.feed(EVENT, 31.0)
    assert driver.take() == HOST_ACK, "an acknowledgement needs none"


def test_a_command_that_waits_for_the_disk_does_not_spin() -> None:
    driver = quiet(wakeup_ms=10.0)
    driver.send(Trigger(True), 0.0, None)
    driver.take()
    driver.feed(CODE, 5.0)
    for _ in range(5):
        due = driver.next_at()
        if due is None:
            break
        driver.tick(due)
        assert driver.next_at() != due
    driver.confirm((1, CRC), 6.0)
    assert driver.take() == HOST_ACK


# --- is it there? -----------------------------------------------------------------------------------------------------


def test_it_is_asked_for_its_revision_when_the_channel_opens() -> None:
    driver = ssi()
    driver.opened(0.0, Kept())
    assert (driver.take(), driver.take()) == (REQUEST_REVISION, b"")
    assert said(driver.feed(REPLY_REVISION, 5.0)) == [("reply", "PAABAS00-001-R00 1")]
    assert (driver.take(), driver.next_at()) == (b"", None)


def test_a_channel_that_goes_while_it_is_asked_says_nothing_of_the_machine() -> None:
    driver = ssi()
    driver.opened(0.0, Kept())
    driver.take()
    assert driver.closed(1.0) == []
    assert driver.next_at() is None


@pytest.mark.parametrize("answer", [NAK_CONTEXT[:2] + b"\0\0\2" + b"\xff\x28", DECODER_ACK, CODE, EVENT])
def test_a_dead_or_alien_machine_shows_and_anything_from_a_decoder_ends_it(answer: bytes) -> None:
    driver = ssi()
    driver.opened(0.0, Kept())
    driver.take()
    assert said(driver.feed(b"HELLO\r\n", 1.0)) in ([], [("garbled", BETWEEN)])
    [*_, condition] = driver.tick(2000.0)
    assert condition == Condition(False, DEAF, b"", 2000.0)
    driver.tick(2000.0 + ASK_MS)
    assert driver.take()[-6:] == REQUEST_REVISION
    assert driver.tick(4000.0 + ASK_MS) == [], "it is said once"
    items = driver.feed(answer, 14_500.0)
    assert [item.ok for item in items if isinstance(item, Condition)] == [True]
    assert ends(items) == []


def test_a_heartbeat_that_is_expected_and_does_not_come() -> None:
    driver = quiet(heartbeat_s=10.0)
    driver.feed(BEAT, 5000.0)
    assert driver.next_at() == 15_000.0
    [condition] = driver.tick(15_000.0)
    assert isinstance(condition, Condition)
    assert not condition.ok
    back, beat = driver.feed(BEAT, 16_000.0)
    assert isinstance(back, Condition)
    assert back.ok
    assert beat == Heartbeat(b"MOTEVTHB:001", 16_000.0)


@pytest.mark.parametrize(
    "settings",
    [{"gap_ms": 0.0}, {"answer_ms": 0.0}, {"heartbeat_s": -1.0}, {"wakeup_ms": -1.0}, {"no_read": ("\u20ac",)}],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ssi(**settings)


# --- a wire with both sides -------------------------------------------------------------------------------------------


def test_a_sniffer_hears_both_sides_without_a_session() -> None:
    sniffer = zebra_ssi.Sniffer(zebra_ssi.Settings())
    items = sniffer.feed(CODE + NAK_RESEND + MARKED + HOST_ACK + DECODER_ACK + BEAT + DAMAGED, 1.0)
    assert said(items) == [
        *(("read", S10), ("command", "01"), ("read", S10), ("command", ""), ("reply", ""), ("heartbeat", "")),
        ("garbled", CHECKSUM),
    ]
    assert all(replace(item, token=None) == item for item in items if isinstance(item, Read))
    sniffer.feed(segments(LONG)[0] + CODE[:3], 2.0)
    assert said(sniffer.close(3.0)) == [("garbled", UNFINISHED), ("garbled", UNENDED)]


def test_heard_until_the_end() -> None:
    assert heard(quiet(), CODE, CODE[:4]) == [("read", S10), ("garbled", UNFINISHED)]


# --- when a code was read ---------------------------------------------------------------------------------------------


def came(driver: zebra_ssi.Driver, data_: bytes, at: float, acknowledged_at: float) -> bool:
    """A code comes and is durable then; whether it is said to be late."""
    [item] = [one for one in driver.feed(data_, at) if isinstance(one, Read | NoRead)]
    assert item.token is not None
    driver.confirm(item.token, acknowledged_at)
    driver.take()
    return item.late


def test_a_code_is_late_when_it_is_said_again_or_waited_for_an_acknowledgement() -> None:
    driver = quiet()
    assert not came(driver, data(b"A"), 1000.0, 1010.0)
    assert not came(driver, data(b"B"), 1020.0, 1030.0), "its acknowledgement was prompt"
    assert came(driver, data(b"C", status=1), 3000.0, 3010.0), "its first sending was lost"
    assert came(driver, data(b"D"), 3060.0, 3070.0), "it waited behind that one"
    assert not came(driver, data(b"E"), 3300.0, 3900.0), "it came too long after the acknowledgement to have waited"
    assert came(driver, data(b"F"), 3950.0, 3960.0), "the disk was slow: it may have waited for 600 ms"
    assert came(driver, data(b"", 1), 4000.0, 4010.0), "a no-read, too"
    assert not came(driver, data(b"G"), 4500.0, 4510.0)


def test_a_code_in_several_packets_is_late_when_one_of_them_was_said_again() -> None:
    driver = quiet()
    assert not driver.feed(data(b"AB", status=2), 1000.0)
    driver.take()
    [item] = driver.feed(data(b"CD", status=1), 3000.0)
    assert isinstance(item, Read)
    assert item.late
