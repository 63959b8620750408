"""The stub of a Zebra decoder by the words of its manuals; what it is told and says in order stands in
tests/wire/zebra_ssi_host.txt."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scanners import zebra_ssi
from tests import transcripts

CODE = b"RB123456785GB"
SSCC = b"373400306542500000"
HOST_ACK = bytes.fromhex("04D00400FF28")
HOST_NAK = {cause: bytes.fromhex(text) for cause, text in {1: "05D1040001FF25", 6: "05D1040006FF20"}.items()}
ACK = bytes.fromhex("04D00000FF2C")
START, STOP = bytes.fromhex("04E40400FF14"), bytes.fromhex("04E50400FF13")
ENABLE, DISABLE = bytes.fromhex("04E90400FF0F"), bytes.fromhex("04EA0400FF0E")
REVISION, HELLO = bytes.fromhex("04A30400FF55"), bytes.fromhex("16A4000050414142415330302D3030312D5230302031FB50")
CODE_128, CODE_128_AGAIN = (
    bytes.fromhex(f"12F300{status}0352423132333435363738354742FC{low}") for status, low in (("00", "02"), ("01", "01"))
)


def made(**keys: object) -> zebra_ssi.Scanner:
    return zebra_ssi.Scanner(zebra_ssi.Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


def packet(opcode: int, data: bytes = b"", source: int = 0, status: int = 0) -> bytes:
    body = bytes((4 + len(data), opcode, source, status)) + data
    return body + (0x10000 - sum(body)).to_bytes(2)


def answer(scanner: zebra_ssi.Scanner, data: bytes, now: float = 0.0) -> bytes:
    scanner.feed(data, now)
    return scanner.take()


def at(scanner: zebra_ssi.Scanner, now: float) -> bytes:
    """What it says up to `now`."""
    while (due := scanner.next_at()) is not None and due <= now:
        scanner.tick(due)
    scanner.tick(now)
    return scanner.take()


def test_the_transcripts_packets_are_this_stubs() -> None:
    said = {message.meaning: message.raw for message in transcripts.read("zebra_ssi")}
    scanner = made()
    scanner.gate([CODE], 0.0)
    assert scanner.take() == said["read RB123456785GB: Code 128"] == CODE_128
    long = made(code_type=0x1C, segment_ack="any")
    long.gate([b"Z" * 500], 0.0)
    segments = long.take() + answer(long, HOST_ACK) + answer(long, HOST_ACK) + answer(long, HOST_ACK)
    assert segments == next(raw for meaning, raw in said.items() if meaning.startswith("read ZZZ"))


def test_three_times_and_then_a_transmit_error() -> None:
    scanner = made()
    scanner.gate([CODE], 100.0)
    assert (scanner.take(), scanner.said(), scanner.next_at()) == (CODE_128, [CODE], 2100.0)
    assert at(scanner, 2099.0) == b""
    assert at(scanner, 2100.0) == CODE_128_AGAIN
    assert at(scanner, 6099.0) == CODE_128_AGAIN
    assert scanner.counts["beeps"] == 0
    assert at(scanner, 6100.0) == b""
    assert (scanner.counts["resent"], scanner.counts["beeps"]) == (2, 1)
    assert (scanner.next_at(), scanner.said()) == (None, [])
    assert answer(scanner, HOST_ACK, 6200.0) == b""  # late: for nobody


def test_nak_resend_counts_as_one_of_the_resends() -> None:
    scanner = made(timeout_s=5.0)
    scanner.gate([CODE], 0.0)
    scanner.take()
    assert answer(scanner, HOST_NAK[1]) == CODE_128_AGAIN
    assert answer(scanner, HOST_NAK[1]) == CODE_128_AGAIN
    assert answer(scanner, HOST_NAK[1]) == b""
    assert scanner.counts["beeps"] == 1


def test_codes_wait_in_order_and_the_ledger_hears_of_each_once() -> None:
    scanner = made()
    scanner.gate([CODE, SSCC], 0.0)
    scanner.gate([], 10.0)
    assert (scanner.take(), scanner.said()) == (CODE_128, [])  # not until the item's last code
    assert scanner.unheard == 3
    assert at(scanner, 2000.0) == CODE_128_AGAIN
    assert answer(scanner, HOST_ACK, 2001.0) == packet(0xF3, b"\x03" + SSCC)
    assert answer(scanner, HOST_NAK[6], 2002.0) == packet(0xF3, b"\x01NR")
    assert scanner.said() == [CODE, SSCC, None]
    assert (scanner.counts["refused"], scanner.counts["beeps"]) == (1, 0)
    assert scanner.unheard == 1
    assert answer(scanner, HOST_ACK, 2003.0) == b""
    assert scanner.unheard == 0


def test_a_full_queue_loses_the_newest_and_the_ledger_keeps_step() -> None:
    scanner = made(queue=2)
    for number in range(5):
        scanner.gate([b"%d" % number], 0.0)
    said = scanner.said()
    for _ in range(5):
        answer(scanner, HOST_ACK)
        said += scanner.said()
    assert said == [b"0", b"1", b"2", None, None]
    assert scanner.counts["lost"] == 2


def test_flush_queue_forgets_what_waits() -> None:
    scanner = made()
    scanner.gate([CODE, SSCC], 0.0)
    assert answer(scanner, packet(0xD2, source=4)) == CODE_128 + ACK
    assert scanner.said() == [CODE, None]
    assert answer(scanner, HOST_ACK) == b""
    assert scanner.said() == []


def test_a_long_code_goes_in_segments_each_with_its_own_acknowledgement() -> None:
    scanner = made()
    code = bytes(range(65, 91)) * 20
    scanner.gate([code], 0.0)
    first = scanner.take()
    assert (first[0], first[1], first[4], first[5]) == (0xFF, 0x73, 0, 0xF3)
    assert answer(scanner, HOST_ACK) == b""  # acknowledges packets, not segments
    assert at(scanner, 2000.0) == first[:3] + b"\x01" + first[4:-2] + (0x10000 - sum(first[:-2]) - 1).to_bytes(2)
    stream = first[5:-2]
    for index in (1, 2):
        segment = answer(scanner, packet(0x74, source=4), 2000.0 + index)
        assert (segment[1], segment[4], sum(segment[:-2]) + int.from_bytes(segment[-2:])) == (0x73, index, 0x10000)
        stream += segment[5:-2]
    assert stream[-len(code) :] == code
    assert stream[: -len(code)] == bytes.fromhex("F30000020B03010208")
    assert answer(scanner, packet(0x74, source=4), 2003.0) == b""
    assert scanner.said() == [code]


@pytest.mark.parametrize(("length", "opcode"), [(250, 0xF3), (251, 0x73), (8192, 0x73)])
def test_the_longest_code_of_a_packet(length: int, opcode: int) -> None:
    scanner = made(acknak=False)
    scanner.gate([b"A" * length], 0.0)
    said = scanner.take()
    assert said[:2] == bytes((0xFF, opcode))


def test_no_code_is_longer_than_any_symbol() -> None:
    scanner = made()
    scanner.gate([b"A" * 8193], 0.0)
    assert (scanner.take(), scanner.said()) == (b"", [None])


def test_session_by_command() -> None:
    scanner = made(by_command=True, timeout_s=9.9)
    scanner.gate([CODE], 0.0)
    assert (scanner.take(), scanner.said()) == (b"", [None])  # it does not look
    assert answer(scanner, START, 1.0) == ACK
    scanner.gate([], 2.0)
    scanner.gate([CODE], 3.0)
    scanner.gate([SSCC], 4.0)  # the decode has ended the session
    assert (scanner.take(), scanner.said()) == (CODE_128, [None, CODE, None])
    assert answer(scanner, HOST_ACK + STOP, 5.0) == ACK
    assert answer(scanner, START, 10.0) == ACK
    assert at(scanner, 9909.0) == b""
    assert at(scanner, 9910.0) == packet(0xF3, b"\x01NR")  # decode session timeout 9.9 s
    assert scanner.said() == []


def test_scan_disable_and_sleep() -> None:
    scanner = made()
    assert answer(scanner, DISABLE) == ACK
    scanner.gate([CODE], 1.0)
    assert answer(scanner, START, 2.0) == ACK
    assert at(scanner, 20_000.0) == b""
    assert answer(scanner, ENABLE, 20_001.0) == ACK
    scanner.gate([CODE], 20_002.0)
    assert (answer(scanner, HOST_ACK, 20_003.0), scanner.said()) == (CODE_128, [None, CODE])
    assert answer(scanner, packet(0xEB, source=4), 21_000.0) == ACK
    assert answer(scanner, REVISION, 22_000.0) == b""  # its first byte woke the decoder and was lost
    assert answer(scanner, REVISION, 23_000.0) == HELLO
    answer(scanner, packet(0xEB, source=4), 24_000.0)
    assert answer(scanner, b"\x00" + REVISION, 25_000.0) == HELLO


def test_heartbeat_numbers_begin_again_behind_100() -> None:
    scanner = made(heartbeat_s=1.0, acknak=False)
    beats = b"".join(at(scanner, 1000.0 * number) for number in range(1, 102))
    assert beats.startswith(packet(0xF3, b"\x03MOTEVTHB:001"))
    assert beats.endswith(packet(0xF3, b"\x03MOTEVTHB:100") + packet(0xF3, b"\x03MOTEVTHB:001"))
    assert scanner.said() == []


def test_events_and_boot() -> None:
    scanner = made(boot_ms=500.0, boot_event=True, decode_event=True, acknak=False)
    scanner.gate([CODE, SSCC], 1.0)
    assert (answer(scanner, REVISION, 2.0), scanner.said()) == (b"", [None, None])
    assert at(scanner, 500.0) == packet(0xF6, b"\x03")
    scanner.gate([CODE], 501.0)
    assert scanner.take() == CODE_128 + packet(0xF6, b"\x01")


def test_status_bits_that_no_manual_names() -> None:
    scanner = made(status=0x20)
    scanner.gate([CODE], 0.0)
    assert scanner.take() == packet(0xF3, b"\x03" + CODE, status=0x20)
    assert at(scanner, 2000.0) == packet(0xF3, b"\x03" + CODE, status=0x21)


@pytest.mark.parametrize("parameters", [0xC6, 0xC7, 0xC8])
def test_parameters_are_those_of_the_section(parameters: int) -> None:
    assert answer(made(), packet(parameters, b"\xff\x9f\x00", source=4)) == packet(0xD1, b"\x06")


def test_its_own_echo_is_not_the_host() -> None:
    assert answer(made(), CODE_128 + ACK + HELLO) == b""


@pytest.mark.parametrize(
    "rubbish", [b"\x03", b"\x00\xff\x7e", b"\xff" * 5000, START[:-1] + b"\x00", b"\x05\xd1\x04\x00"]
)
def test_it_hears_again_after_rubbish_and_silence(rubbish: bytes) -> None:
    scanner = made()
    answer(scanner, rubbish)
    assert answer(scanner, REVISION, 201.0) == HELLO


@given(pieces=st.lists(st.one_of(st.binary(max_size=300), st.sampled_from([START, STOP, HOST_ACK, HOST_NAK[1]]))))
def test_any_bytes_neither_raise_nor_grow(pieces: list[bytes]) -> None:
    scanner = made(queue=4)
    for number, piece in enumerate(pieces):
        scanner.gate([CODE], number * 10.0)
        answer(scanner, piece, number * 10.0)
        scanner.said()
    assert len(pickle.dumps(scanner)) < 5000
    later = 1000.0 + 10.0 * len(pieces)
    at(scanner, later)
    answer(scanner, b"\x00", later)  # WAKEUP
    assert answer(scanner, REVISION, later + 300.0).endswith(HELLO)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"timeout_s": 3.0}, "timeout_s"),
        ({"session_s": 10.0}, "session_s"),
        ({"status": 1}, "status"),
        ({"status": 256}, "status"),
        ({"code_type": 256}, "code_type"),
        ({"segment_ack": "none"}, "segment_ack"),
        ({"queue": 0}, "queue"),
        ({"heartbeat_s": -1.0}, "heartbeat_s"),
        ({"delay_ms": -1.0}, "delay_ms"),
        ({"boot_ms": -1.0}, "boot_ms"),
        ({"no_read": "\u20ac"}, "no_read"),
        ({"revision": "R" * 251}, "revision"),
    ],
)
def test_settings_that_no_decoder_has(keys: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        made(**keys)
