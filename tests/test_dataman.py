"""`dataman`: silent and extended, numbers that tell whose an answer is, a checksum that may look like a line end."""

from __future__ import annotations

import base64
from functools import reduce
from itertools import pairwise, product
from operator import xor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codes import CONTROL, PROGRAMMING
from devices.commands import EXPIRED, GONE, SILENT, UNANSWERED
from devices.framing import SILENT as SILENCE
from devices.framing import UNFINISHED
from devices.scanners import dataman
from devices.scanners._dmcc import CHECKSUM, TORN
from devices.scanners._proof import LENGTH
from devices.scanners.dataman import AGAIN_MS, ANSWERS, BARE, ECHO, NO_ANSWER, NOT_BASE64
from devices.types import (
    Answered,
    Condition,
    DeviceError,
    Garbled,
    GivenUp,
    Item,
    Kept,
    NoRead,
    Read,
    Reply,
    SetTime,
    Trigger,
)
from tests.test_scanners import S10, heard, said

ON = bytes.fromhex("7C7C 303A 32 3E 54524947474552204F4E 0D0A")
"""`||0:2>TRIGGER ON`: the second command after the opening."""
READ = b"||[1]RB123456785GB\r\n"
TRIGGERED = b"||0:2[0]\r\n"


def reader(**settings: Any) -> dataman.Driver:
    return dataman.Driver(dataman.Settings(**settings))


def extended(**settings: Any) -> dataman.Driver:
    """One whose reader has answered."""
    driver = reader(**settings)
    driver.opened(0.0, Kept())
    driver.take()
    driver.feed(b"||0:1[0]\r\n", 1.0)
    return driver


def checked(line: bytes, covered: bytes | None = None) -> bytes:
    return line + bytes([reduce(xor, line if covered is None else covered, 0)]) + b"\r\n"


def until(driver: dataman.Driver, end: float) -> list[Item]:
    """Let time pass, and take what is written."""
    items: list[Item] = []
    for _ in range(100):
        driver.take()
        due = driver.next_at()
        if due is None or due > end:
            return items
        items += driver.tick(due)
    raise AssertionError("it never rests")


# --- the switch to extended -------------------------------------------------------------------------------------------


def test_the_trap_of_silent_a_reader_is_switched_to_extended_at_the_opening() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    d11 = bytes.fromhex("7C7C3E 53455420434F4D2E444D43432D524553504F4E53452031 0D0A")
    assert driver.take() == d11.replace(b"||>", b"||0:1>")
    assert driver.take() == b""
    assert driver.feed(b"||0:1[0]\r\n", 5.0) == [Reply("1", "", b"||0:1[0]", 5.0)]
    assert driver.next_at() is None


def test_a_silent_reader_is_asked_twice_and_then_said_to_be_silent_once() -> None:
    driver = reader(check="s10")
    driver.opened(0.0, Kept())
    assert until(driver, 9e3) == [Condition(False, NO_ANSWER, b"", 3000.0, "commands")]
    assert said(driver.feed(b"RB123456785GB\r\n", 9e3)) == [("read", S10)]
    assert until(driver, 60e3) == []


def test_a_silent_reader_that_begins_to_answer_is_said_to_be_well() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    until(driver, 3000.0)
    driver.tick(3000.0 + AGAIN_MS)
    assert driver.take() == b"||0:3>SET COM.DMCC-RESPONSE 1\r\n"
    assert driver.feed(b"||0:3[0]\r\n", 13e3 + 1)[-1] == Condition(True, ANSWERS, b"", 13e3 + 1, "commands")


def test_a_reader_that_never_answers_the_switch_itself_is_well_when_its_reads_have_headers() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    assert said(driver.feed(READ, 1.0)) == [("read", S10)]
    assert until(driver, 60e3) == []


def test_a_reader_that_was_switched_off_and_on_is_switched_to_extended_again() -> None:
    driver = extended(check="s10")
    driver.feed(READ, 2.0)
    assert driver.take() == b""
    assert said(driver.feed(b"\r\nDataMan 300\r\n", 3.0)) == [("garbled", "fails the check s10")]
    assert driver.take() == b"||0:2>SET COM.DMCC-RESPONSE 1\r\n"
    driver.feed(b"||0:2[0]\r\n", 4.0)
    assert said(driver.feed(b"RB123456785GB\r\n", 5.0)) == [("read", S10)]
    assert driver.take() == b"", "firmware that sends bare lines is not asked each time"


def test_a_command_without_an_answer_makes_it_ask() -> None:
    driver = extended()
    driver.send(Trigger(True), 10.0, None)
    assert driver.take() == ON
    assert driver.tick(1010.0) == [GivenUp(2, SILENT, 1010.0)]
    driver.tick(2010.0)
    assert driver.take() == b"||0:3>SET COM.DMCC-RESPONSE 1\r\n"


def test_a_reader_that_refuses_the_switch_answers_all_the_same() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    driver.take()
    [refused] = driver.feed(b"||0:1[102]\r\n", 1.0)
    assert isinstance(refused, DeviceError)
    assert until(driver, 60e3) == []


def test_no_answer_is_waited_for_after_the_channel_has_gone() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    assert driver.closed(5.0) == []
    assert driver.next_at() is None


# --- commands ---------------------------------------------------------------------------------------------------------


def test_trigger_on_and_off() -> None:
    driver = extended()
    assert driver.send(Trigger(True), 10.0, None) == 2
    assert driver.send(Trigger(False), 10.0, None) == 3
    assert driver.take() == ON
    assert driver.take() == b""
    assert driver.feed(TRIGGERED, 11.0) == [Reply("2", "", TRIGGERED[:-2], 11.0), Answered(2, None, 11.0)]
    assert driver.take() == b"||0:3>TRIGGER OFF\r\n"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (100, "an unidentified error"),
        (101, "no such command"),
        (102, "a parameter that is not allowed"),
        (103, "wrong checksum of the command"),
        (104, "the parameter was refused or altered in the state that the reader is in"),
        (105, "the reader is unavailable"),
        (999, "an error without a known meaning"),
    ],
)
def test_a_refusal_in_words(status: int, why: str) -> None:
    driver = extended()
    driver.send(Trigger(True), 10.0, None)
    driver.take()
    line = f"||0:2[{status}]".encode()
    assert driver.feed(line + b"\r\n", 11.0) == [
        DeviceError(str(status), why, line, 11.0),
        Answered(2, str(status), 11.0),
    ]


@pytest.mark.parametrize("line", [b"||0:1[0]", b"||0:3[0]", b"||[0]", b"||0:22[0]", b"||:[0]"])
def test_the_answer_to_another_command_is_nobodys(line: bytes) -> None:
    driver = extended()
    driver.send(Trigger(True), 10.0, None)
    driver.take()
    [reply] = driver.feed(line + b"\r\n", 11.0)
    assert isinstance(reply, Reply)


def test_late_frame_an_answer_after_the_time_out_is_not_the_next_commands() -> None:
    driver = extended()
    driver.send(Trigger(True), 10.0, None)
    driver.send(Trigger(False), 10.0, None)
    driver.take()
    driver.tick(1010.0)
    driver.tick(2010.0)
    assert driver.take() == b"||0:3>TRIGGER OFF\r\n"
    assert said(driver.feed(TRIGGERED, 2011.0)) == [("reply", "")]


def test_a_command_expires_before_its_turn() -> None:
    driver = extended()
    driver.send(Trigger(True), 10.0, None)
    driver.send(Trigger(False), 10.0, 500.0)
    driver.take()
    assert driver.tick(500.0) == [GivenUp(3, EXPIRED, 500.0)]
    assert driver.closed(600.0) == [GivenUp(2, GONE, 600.0)]


def test_a_silent_reader_answers_nothing_and_gets_one_command_after_the_other() -> None:
    driver = reader(response="silent", check="s10")
    driver.opened(0.0, Kept())
    assert driver.take() == b""
    driver.send(Trigger(True), 10.0, None)
    driver.send(Trigger(False), 10.0, None)
    assert driver.take() == b"||0:1>TRIGGER ON\r\n"
    assert driver.take() == b""
    assert driver.tick(110.0) == [GivenUp(1, UNANSWERED, 110.0, sent=True)]
    assert driver.take() == b"||0:2>TRIGGER OFF\r\n"


def test_it_takes_nothing_but_triggers() -> None:
    with pytest.raises(TypeError, match="dataman takes no SetTime, only Trigger"):
        reader().send(SetTime(1), 0.0, None)


def test_rs_485_echo_our_own_command_is_dropped() -> None:
    driver = extended()
    driver.send(Trigger(True), 10.0, None)
    assert driver.feed(driver.take(), 11.0) == []
    assert driver.counters.noted == {ECHO: 1}
    assert said(driver.feed(b"||0:9>TRIGGER ON\r\n", 11.0)) == [("garbled", PROGRAMMING)]


# --- reads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [b"||[1]", b"||0[1]", b"||0:7[1]", b"||0:[1]", b"||:::7[1]"])
def test_a_read_with_a_header_needs_no_other_proof(header: bytes) -> None:
    line = header + b"RB123456785GB"
    assert extended().feed(line + b"\r\n", 5.0) == [Read(S10, line, 5.0)]


def test_what_no_setting_proves_is_no_code() -> None:
    assert heard(extended(), b"RB123456785GB\r\n", b"NOREAD\r\n") == [("garbled", BARE), ("no_read", "")]
    assert heard(extended(check="s10"), b"RB123456785GB\r\nB123456785GB\r\n") == [
        *(("read", S10), ("garbled", "fails the check s10")),
    ]


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_header_whose_beginning_was_lost_is_no_code(cut: int) -> None:
    assert heard(extended(), READ[cut:]) == [("garbled", BARE)]
    assert heard(extended(fixed_lengths=(13,)), READ[cut:]) == [("garbled", LENGTH)]


def test_two_reads_whose_line_end_was_lost_are_no_code() -> None:
    assert heard(extended(), READ[:-2] + READ) == [("garbled", TORN)]
    assert heard(extended(check="s10"), b"RB123456785GB" + READ) == [("garbled", TORN)]


def test_what_was_read_keeps_the_rules_of_the_floor_behind_a_header_too() -> None:
    driver = extended(fixed_lengths=(13,))
    wire = b"||[1]RB123456785G\r\n||[1]\r\n||[1]NoRead\r\n||[1]A\x01B\r\n||[1]RB123456785GB\r\n"
    assert heard(driver, wire) == [
        *(("garbled", LENGTH), ("no_read", ""), ("no_read", "")),
        *(("garbled", CONTROL), ("read", S10)),
    ]


def test_no_read_and_heartbeat_are_exact() -> None:
    driver = extended(no_read=("???",), heartbeat="HB")
    wire = b"||[1]???\r\nHB\r\n||[1]HB\r\n||[1]?? ?\r\n||[1]hb\r\n||[1]NOREAD\r\n"
    assert heard(driver, wire) == [
        *(("no_read", ""), ("heartbeat", ""), ("heartbeat", "")),
        *(("read", "?? ?"), ("read", "hb"), ("read", "NOREAD")),
    ]


def test_two_codes_one_parcel() -> None:
    assert heard(extended(separator=","), b"||[1]A,B\r\n") == [("read", "A"), ("read", "B")]


def test_base64_of_old_firmware() -> None:
    driver = extended(base64=True, no_read=("NOREAD",))
    wire = b"".join(b"||[1]%b\r\n" % base64.b64encode(text) for text in (b"RB123456785GB", b"NOREAD", b"A\x01B"))
    assert heard(driver, wire, b"||[1]UkIx*\r\n", b"||[1]UkI\r\n") == [
        *(("read", S10), ("no_read", ""), ("garbled", CONTROL), ("garbled", NOT_BASE64), ("garbled", NOT_BASE64)),
    ]


@pytest.mark.parametrize(
    "code",
    [b"||>TRIGGER ON", b"||0:1>X", b"||1>X", b"||1:5>REBOOT", b"||>SET COM.DMCC-RESPONSE 0"],
)
@pytest.mark.parametrize("response", ["silent", "extended"])
def test_security_a_code_that_would_program_a_dataman_is_refused(code: bytes, response: str) -> None:
    driver = reader(response=response, fixed_lengths=(len(code),))
    assert heard(driver, code + b"\r\n") == [("garbled", PROGRAMMING)]
    assert heard(extended(), b"||[1]" + code + b"\r\n") == [("garbled", TORN)]
    assert driver.take() == b""


# --- the checksum -----------------------------------------------------------------------------------------------------


def test_checksum_over_the_frame_as_computed_for_the_example_of_the_manual() -> None:
    """`||1:42>GET DEVICE.TYPE`: 6B over all of it, 58 over the command alone."""
    assert checked(b"||1:42>GET DEVICE.TYPE")[-3] == 0x6B
    assert checked(b"||1:42>GET DEVICE.TYPE", b"GET DEVICE.TYPE")[-3] == 0x58


@pytest.mark.parametrize("checksum_of", ["frame", "data"])
def test_a_checksum_proves_a_read_and_a_wrong_one_refuses_it(checksum_of: str) -> None:
    data = b"RB123456785GB"
    line = b"||1:0[1]" + data
    good = checked(line, line if checksum_of == "frame" else data)
    driver = extended(checksum_of=checksum_of)
    assert heard(driver, good, checked(line, b"U" + data), good) == [
        *(("read", S10), ("garbled", CHECKSUM), ("read", S10)),
    ]
    assert heard(extended(checksum_of=checksum_of), b"||1:0[1]\r\n") == [("garbled", CHECKSUM)]


@pytest.mark.parametrize("check", [0x0D, 0x0A, 0x00, 0x7C])
def test_trap_the_checksum_itself_may_be_cr_or_lf(check: int) -> None:
    """Found by trying: a read whose exclusive or is this byte, byte by byte and whole, twice."""
    line = b"||1:0[1]"
    wanted = reduce(xor, line, 0) ^ check
    letters = range(0x21, 0x7B)
    fill = next(bytes(three) for three in product(letters, repeat=3) if reduce(xor, three) == wanted)
    wire = checked(line + fill)
    assert wire[-3] == check
    text = fill.decode()
    assert heard(extended(), wire * 2) == [("read", text)] * 2
    assert heard(extended(), *(bytes([byte]) for byte in wire * 2)) == [("read", text)] * 2


@given(place=st.integers(0, 24), bit=st.integers(0, 7))
def test_bad_checksum_no_flipped_bit_makes_another_code(place: int, bit: int) -> None:
    wire = bytearray(checked(b"||1:0[1]RB123456785GB"))
    wire[min(place, len(wire) - 3)] ^= 1 << bit
    assert all(kind != "read" for kind, _ in heard(extended(checksum=True), bytes(wire)))


# --- the wire ---------------------------------------------------------------------------------------------------------

STREAM = b"||0:2[0]\r\n" + READ + b"HB\r\n||[1]NOREAD\r\n" + checked(b"||1:0[1]X\r") + READ
SAID = ["reply", "read", "heartbeat", "no_read", "garbled", "read"]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_byte_by_byte_or_at_once_any_split_says_the_same(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(places)]
    assert [kind for kind, _ in heard(extended(heartbeat="HB"), *chunks)] == SAID


def test_partial_frame_silence_discards_it_and_the_next_is_clean() -> None:
    driver = extended()
    assert driver.feed(READ[:9], 10.0) == []
    assert driver.next_at() == 510.0
    assert said(driver.tick(510.0)) == [("garbled", SILENCE)]
    assert said(driver.feed(READ, 511.0)) == [("read", S10)]
    driver.feed(READ[:9], 600.0)
    assert said(driver.closed(601.0)) == [("garbled", UNFINISHED)]
    driver.opened(700.0, Kept())
    assert said(driver.feed(READ, 701.0)) == [("read", S10)]


def test_oversize_is_capped_and_it_finds_the_next_line() -> None:
    assert heard(extended(max_length=100), b"||[1]" + b"A" * 100_000 + b"\r\n" + READ)[-1] == ("read", S10)
    items = extended().feed(b"B" * 10_000, 1.0)
    assert [len(item.raw) for item in items if isinstance(item, Garbled)] == [64, 64]


def test_noise_nul_and_seven_bit_leftovers_are_no_code() -> None:
    driver = extended(check="s10")
    wire = b"\x00\xff\x7e\r\n||[1]A\x00B\r\n" + bytes(byte | 0x80 for byte in b"RB123456785GB") + b"\r\n" + READ
    assert [kind for kind, _ in heard(driver, wire)] == ["garbled", "garbled", "garbled", "read"]


def test_silent_mode_is_a_line_with_its_marks() -> None:
    driver = reader(response="silent", prefix="\x02", suffix="\x03")
    assert heard(driver, b"\x02RB123456785GB\x03\x02\x03\x02NOREAD\x03\x02A\x02B\x03") == [
        *(("read", S10), ("no_read", ""), ("no_read", ""), ("garbled", "a new start inside a frame"), ("read", "B")),
    ]


def test_its_heartbeat_is_missed_and_comes_back() -> None:
    driver = extended(heartbeat="HB", heartbeat_s=10.0)
    assert driver.next_at() == 10_001.0
    driver.feed(b"\xff", 500.0)
    [missing] = [item for item in until(driver, 10_001.0) if isinstance(item, Condition)]
    assert not missing.ok
    assert said(driver.feed(b"HB\r\n", 20e3))[0] == ("heartbeat", "")
    assert driver.next_at() == 30e3


def test_items_keep_the_whole_line() -> None:
    assert extended().feed(b"||[1]\r\n", 5.0) == [NoRead(b"||[1]", 5.0)]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"response": "loud"}, 'write "extended" or "silent"'),
        ({"checksum_of": "all"}, 'write "frame" or "data"'),
        ({"response": "silent"}, "nothing proves that a code is whole"),
        ({"response": "silent", "prefix": "\x02", "suffix": "#"}, "nothing proves that a code is whole"),
        ({"response": "silent", "suffix": "", "check": "s10"}, "suffix is empty"),
        ({"suffix": "\r"}, "prefix and suffix go with"),
        ({"prefix": "\x02"}, "prefix and suffix go with"),
        ({"check": "crc"}, "write one of s10, gs1, mod10"),
        ({"max_length": 0}, "max_length = 0"),
        ({"max_length": 10**6}, "max_length = 1000000"),
        ({"heartbeat": "\u20ac"}, "heartbeat"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        reader(**settings)
