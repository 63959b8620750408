"""`datalogic`: several codes in one message, two kinds of no-read, heartbeats between results, index and address."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codes import CONTROL, PROGRAMMING
from devices.framing import BETWEEN, RESTART, SILENT, UNFINISHED
from devices.scanners import datalogic
from devices.scanners._datalogic_frames import HOST_MODE, LONGEST_LINE
from devices.scanners.datalogic import JUMP, MISSING, NO_ADDRESS, SEVERAL
from devices.types import Condition, Garbled, Heartbeat, Kept, NoRead, Read, Trigger
from tests.test_scanners import S10, heard, said

HB = r"HB([0-9]{2})"


def dl(**settings: Any) -> datalogic.Driver:
    return datalogic.Driver(datalogic.Settings(**settings))


def message(body: bytes) -> bytes:
    return b"\x02" + body + b"\r\n"


# --- results ----------------------------------------------------------------------------------------------------------


def test_three_codes_of_the_manual() -> None:
    wire = bytes.fromhex("02313233343536373839303132332C303436372C3637353839383736373536360D0A")  # L1
    assert heard(dl(), wire) == [("read", "1234567890123"), ("read", "0467"), ("read", "675898767566")]


def test_items_carry_the_whole_message_and_the_time() -> None:
    assert dl().feed(message(b"A,B"), 5.0) == [Read("A", b"A,B", 5.0), Read("B", b"A,B", 5.0)]
    assert dl().feed(message(b"]C1A"), 5.0) == [Read("A", b"]C1A", 5.0, symbology="]C1")]


@pytest.mark.parametrize("body", [b"???????", b"NO READ", b"", b"?", b"?,?,?", b",", b"NoRead"])
def test_a_no_read(body: bytes) -> None:
    assert dl().feed(message(body), 1.0) == [NoRead(body, 1.0)]


def test_a_local_no_read_leaves_the_other_codes() -> None:
    driver = dl()
    assert heard(driver, message(b"A,?,C")) == [("read", "A"), ("read", "C")]
    assert driver.counters.noted == {MISSING: 1}
    assert heard(driver, message(b"?,?")) == [("no_read", "")]
    assert heard(driver, message(b"A,B")) == [("read", "A"), ("read", "B")]
    assert driver.counters.noted == {MISSING: 1}


@pytest.mark.parametrize("body", [b"??", b"????????", b"no read", b"NO READ ", b"A?"])
def test_what_is_nearly_a_no_read_is_a_code(body: bytes) -> None:
    assert heard(dl(), message(body)) == [("read", body.decode())]


def test_question_mark_and_comma_in_codes_want_control_characters_between_them() -> None:
    """Both are characters of Code 128; the settings say what is a no-read, and what stands between codes."""
    driver = dl(separator="\x1e", local_no_read="\x15", no_read=("\x15\x15",))
    assert heard(driver, message(b"A,1\x1e?\x1e\x15")) == [("read", "A,1"), ("read", "?")]
    assert heard(driver, message(b"\x15\x1e\x15"), message(b"\x15\x15"), message(b"???????")) == [
        *(("no_read", ""), ("no_read", ""), ("read", "???????")),
    ]


def test_a_multiple_read_is_no_code() -> None:
    driver = dl(multiple_read="MULTI")
    assert heard(driver, message(b"MULTI")) == [("no_read", "")]
    assert driver.counters.noted == {SEVERAL: 1}
    assert heard(dl(), message(b"MULTI")) == [("read", "MULTI")], "unless the setting says so"


def test_gs_inside_a_code_is_a_part_of_it() -> None:
    assert heard(dl(), message(b"]d2010629104150021321A\x1d10B,X")) == [
        *(("read", "010629104150021321A\x1d10B"), ("read", "X")),
    ]


@pytest.mark.parametrize("body", [b"A\x00B", b"\x1b[C", b"\x16M\rA", b"A\rB", b"A\nB", b"A\x03"])
def test_a_control_character_makes_a_code_garbled(body: bytes) -> None:
    assert heard(dl(), message(body)) == [("garbled", CONTROL)]


def test_one_hostile_code_does_not_take_the_others_with_it() -> None:
    assert heard(dl(), message(b"A,||>TRIGGER ON,B")) == [("read", "A"), ("garbled", PROGRAMMING), ("read", "B")]


# --- frames -----------------------------------------------------------------------------------------------------------


def test_a_lone_cr_or_lf_ends_nothing() -> None:
    assert heard(dl(), b"\x02AB\rCD\n") == [("garbled", UNFINISHED)]


@pytest.mark.parametrize("cut", range(1, 15))
def test_half_a_message_ends_with_silence_or_with_the_channel(cut: int) -> None:
    wire = message(S10.encode())
    driver = dl()
    assert driver.feed(wire[:cut], 1.0) == []
    assert driver.next_at() == 501.0
    assert said(driver.tick(501.0)) == [("garbled", SILENT)]
    assert driver.feed(wire[:cut], 600.0) == []
    assert said(driver.closed(601.0)) == [("garbled", UNFINISHED)]
    driver.opened(700.0, Kept())
    assert said(driver.feed(wire, 701.0)) == [("read", S10)]


def test_a_message_without_its_beginning_is_no_read() -> None:
    wire = message(S10.encode())
    for lost in range(1, len(wire)):
        assert {name for name, _ in heard(dl(), wire[lost:])} == {"garbled"}, lost


def test_a_new_header_restarts() -> None:
    assert heard(dl(), b"\x02RB12" + message(b"A")) == [("garbled", RESTART), ("read", "A")]


def test_noise_between_messages_is_skipped_and_counted() -> None:
    driver = dl()
    assert heard(driver, message(b"A") + b"\x00\xff\x7e" + message(b"B")) == [
        *(("read", "A"), ("garbled", BETWEEN), ("read", "B")),
    ]
    assert driver.counters.garbled == {BETWEEN: 1}


def test_a_boot_banner_is_no_read() -> None:
    assert heard(dl(heartbeat="HB"), b"\r\nDS8110 6.4\r\n" + message(b"A")) == [("garbled", BETWEEN), ("read", "A")]


def test_eighth_bits_set_are_no_data() -> None:
    """The machine sends 7E1, the link is set to 8N1."""
    assert heard(dl(), bytes(byte | 0x80 for byte in message(b"RB1"))) == [("garbled", BETWEEN)]


@pytest.mark.parametrize("garbage", [b"\x00\xfe\xf8" * 50, b"\x02\x00\xf8" * 50 + b"\r\n"])
def test_a_wrong_speed_gives_no_read(garbage: bytes) -> None:
    assert {name for name, _ in heard(dl(), garbage)} == {"garbled"}


def test_a_lot_of_anything_is_bounded_and_the_next_message_is_whole() -> None:
    for part in (b"A", b"\r", b"\r\n", b"H\x00\r\n", b"\x00"):
        driver = dl(heartbeat=HB)
        for _ in range(4):
            items = driver.feed(b"\x02" + part * (65536 // len(part)), 1.0)
            assert all(isinstance(item, NoRead | Garbled) and len(item.raw) <= 64 for item in items)
            assert len(driver._frames._buffer) <= 1025
        assert said(driver.feed(message(b"B"), 2.0))[-1] == ("read", "B")


def test_a_message_over_max_length_is_garbled() -> None:
    driver = dl(max_length=20)
    assert heard(driver, message(b"A" * 20), message(b"A" * 21), message(b"B")) == [
        *(("read", "A" * 20), ("garbled", "longer than 20 bytes"), ("read", "B")),
    ]


PARTS = [message(b"A,?"), message(b"HB12"), b"HB07\r\n", b"\x1bH\r\n", b"\x00\xff", b"\r", b"\n", b"\x02", b"x" * 150]


@given(st.lists(st.sampled_from(PARTS), max_size=12), st.data())
def test_any_split_is_the_same(parts: list[bytes], draw: st.DataObject) -> None:
    wire = b"".join(parts)
    whole = heard(dl(heartbeat=HB, max_length=100), wire)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    pieces = [wire[a:b] for a, b in itertools.pairwise([0, *cuts, len(wire)])]
    assert heard(dl(heartbeat=HB, max_length=100), *pieces) == whole
    assert heard(dl(heartbeat=HB, max_length=100), *(bytes([byte]) for byte in wire)) == whole


@pytest.mark.parametrize("length", range(LONGEST_LINE - 3, LONGEST_LINE + 6))
def test_a_long_line_is_the_same_in_any_split(length: int) -> None:
    wire = b"H" * length + b"\r\nHB07\r\n"
    driver = dl(heartbeat="H+|HB07")
    whole = heard(driver, wire)
    assert whole[-1] == ("heartbeat", "")
    assert len(whole) == 2
    assert heard(dl(heartbeat="H+|HB07"), *(bytes([byte]) for byte in wire)) == whole


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_a_heartbeat_between_results_is_no_read() -> None:
    beat = bytes.fromhex("484230370D0A")  # L12
    driver = dl(heartbeat=HB)
    assert driver.feed(message(b"A") + beat + message(b"B"), 1.0) == [
        *(Read("A", b"A", 1.0), Heartbeat(b"HB07", 1.0), Read("B", b"B", 1.0)),
    ]
    assert heard(dl(), beat) == [("garbled", BETWEEN)], "unless the setting says so"


def test_a_heartbeat_that_begins_like_a_result() -> None:
    assert heard(dl(heartbeat=HB), message(b"HB07")) == [("heartbeat", "")]


@pytest.mark.parametrize("line", [b"HB7", b"xHB07", b"HB07 ", b"hb07", "HB\u0660\u0667".encode()])
def test_what_is_nearly_a_heartbeat_is_garbled_between_results_and_a_code_in_one(line: bytes) -> None:
    assert heard(dl(heartbeat=HB), line + b"\r\n") == [("garbled", BETWEEN)]
    assert [name for name, _ in heard(dl(heartbeat=HB), message(line))] == ["read"]


@pytest.mark.parametrize("text", ["HB", "*HB*", "<HB+>", "H.B"])
def test_a_heartbeat_may_be_a_plain_text(text: str) -> None:
    driver = dl(heartbeat=text) if text != "*HB*" else dl(heartbeat=r"\*HB\*")
    assert heard(driver, text.encode() + b"\r\n") == [("heartbeat", "")]


def test_the_counter_of_a_heartbeat_is_looked_at() -> None:
    driver = dl(heartbeat=HB, heartbeat_modulus=100)
    for count in (97, 98, 99, 0, 1):
        driver.feed(b"HB%02d\r\n" % count, 1.0)
    assert driver.counters.noted == {}
    driver.feed(b"HB03\r\n", 1.0)
    assert driver.counters.noted == {JUMP: 1}
    driver.feed(b"HB04\r\n", 1.0)
    assert driver.counters.noted == {JUMP: 1}
    driver.opened(2.0, Kept())
    driver.feed(b"HB50\r\n", 3.0)
    assert driver.counters.noted == {JUMP: 1}, "what was said before the channel opened is unknown"


def test_a_counter_may_go_down_and_must_stay_under_its_modulus() -> None:
    down = dl(heartbeat=HB, heartbeat_modulus=10, heartbeat_down=True)
    for count in (1, 0, 9, 8):
        down.feed(b"HB%02d\r\n" % count, 1.0)
    assert down.counters.noted == {}
    other = dl(heartbeat=HB, heartbeat_modulus=10)
    other.feed(b"HB10\r\n", 1.0)
    assert other.counters.noted == {JUMP: 1}


def test_a_heartbeat_that_is_expected_and_does_not_come() -> None:
    driver = dl(heartbeat=HB, heartbeat_s=10.0)
    driver.opened(0.0, Kept())
    driver.feed(message(b"A"), 5000.0)
    assert driver.next_at() == 15_000.0
    [condition] = driver.tick(15_000.0)
    assert isinstance(condition, Condition)
    assert not condition.ok
    back, beat = driver.feed(b"HB01\r\n", 16_000.0)
    assert isinstance(back, Condition)
    assert back.ok
    assert beat == Heartbeat(b"HB01", 16_000.0)


def test_noise_is_no_sign_of_life() -> None:
    driver = dl(heartbeat=HB, heartbeat_s=10.0)
    driver.opened(0.0, Kept())
    driver.feed(b"noise\r\n", 9000.0)
    assert [type(item) for item in driver.tick(10_000.0)] == [Garbled, Condition]


# --- index and address ------------------------------------------------------------------------------------------------


def test_the_protocol_index_is_the_first_packet() -> None:
    driver = dl(index_digits=6)
    assert driver.feed(message(b"000123,A,B"), 1.0) == [
        *(Read("A", b"000123,A,B", 1.0, index=123), Read("B", b"000123,A,B", 1.0, index=123)),
    ]
    assert driver.feed(message(b"000124,???????"), 1.0) == [NoRead(b"000124,???????", 1.0, index=124)]
    assert driver.feed(message(b"000125,"), 1.0) == [NoRead(b"000125,", 1.0, index=125)]


@pytest.mark.parametrize(
    "body", [b"A,B", b"00012,A", b"0001234,A", b"000123", b"", b"+00123,A", b"\xb2\xb2\xb2\xb2\xb2\xb2,A"]
)
def test_a_message_without_its_index_is_garbled(body: bytes) -> None:
    assert heard(dl(index_digits=6), message(body)) == [("garbled", "no index of 6 digits in front")]


def test_a_heartbeat_has_no_index() -> None:
    driver = dl(index_digits=6, addresses=("0001",), heartbeat=HB)
    assert heard(driver, b"HB01\r\n", message(b"HB02")) == [("heartbeat", ""), ("heartbeat", "")]


def test_the_address_of_a_handheld_is_the_reader() -> None:
    driver = dl(addresses=("0001", "0002", "00021"), address_separator=":")
    assert driver.feed(message(b"0002:A"), 1.0) == [Read("A", b"0002:A", 1.0, reader="0002")]
    assert driver.feed(message(b"00021:A"), 1.0) == [Read("A", b"00021:A", 1.0, reader="00021")]
    assert driver.feed(message(b"0001:"), 1.0) == [NoRead(b"0001:", 1.0)]
    assert heard(driver, message(b"0003:A"), message(b"A"), message(b"0002A")) == [("garbled", NO_ADDRESS)] * 3


def test_of_two_addresses_that_begin_alike_the_longer_is_meant() -> None:
    assert dl(addresses=("01", "011")).feed(message(b"011A"), 1.0) == [Read("A", b"011A", 1.0, reader="011")]


def test_address_and_index() -> None:
    driver = dl(addresses=("07",), index_digits=3)
    assert driver.feed(message(b"07123,A"), 1.0) == [Read("A", b"07123,A", 1.0, reader="07", index=123)]


# --- host mode --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [b"\x1bH\r\n", b"\x1bS\r\n", b"\x1bK\r\n", b"\x1bW1\r\n"])
def test_an_answer_of_host_mode_that_nobody_asked_for_is_garbled(answer: bytes) -> None:
    assert heard(dl(), answer + message(b"A")) == [("garbled", HOST_MODE), ("read", "A")]


def test_host_mode_is_never_entered() -> None:
    driver = dl(heartbeat=HB, heartbeat_s=1.0)
    driver.opened(0.0, Kept())
    for body in (b"\x1b[C", b"\x1b[B", b"A"):
        driver.feed(message(body), 1.0)
        driver.tick(5000.0)
        assert driver.take() == b""
    with pytest.raises(TypeError, match="takes no Trigger"):
        driver.send(Trigger(True), 1.0, None)


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{"header": ""}, {"header": "$"}, {"header": "A\x02"}, {"terminator": ""}, {"terminator": ";"}]
)
def test_settings_without_a_proof_are_refused_and_say_what_to_write(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r'nothing proves .* Write header = "\\u0002" and terminator'):
        dl(**settings)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"max_length": 0}, "max_length = 0"),
        ({"max_length": 9000}, "max_length = 9000"),
        ({"index_digits": 19}, "index_digits = 19"),
        ({"index_digits": 3, "separator": ""}, "separator is empty"),
        ({"separator": "\r"}, "a part of the terminator"),
        ({"heartbeat": "HB("}, "heartbeat = 'HB\\(': no regular expression"),
        ({"heartbeat": "HB", "heartbeat_modulus": 10}, "write where its counter stands"),
        ({"heartbeat_modulus": 10}, "write where its counter stands"),
        ({"heartbeat_modulus": -1, "heartbeat": HB}, "heartbeat_modulus = -1"),
        ({"heartbeat_s": -1.0}, "heartbeat_s = -1"),
        ({"addresses": ("",)}, "addresses holds an empty one"),
        ({"separator": "\u20ac"}, "separator = "),
        ({"gap_ms": 0.0}, "gap_ms = 0"),
        ({"header": "\x02", "terminator": "\x02\r"}, "must not contain one another"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        dl(**settings)


def test_other_headers_and_terminators() -> None:
    assert heard(dl(terminator="\x03"), b"\x02A,B\x03\x02C\x03") == [("read", "A"), ("read", "B"), ("read", "C")]
    assert heard(dl(header="\x02#"), b"\x02#A\r\n") == [("read", "A")]
