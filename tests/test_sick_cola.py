"""`sick_cola`: two dialects on one stream, free text beside commands, and which answer belongs to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from devices.codes import CONTROL
from devices.framing import BETWEEN, RESTART, UNFINISHED
from devices.scanners import sick_cola
from devices.scanners._cola import encode
from devices.scanners._commands import EXPIRED, GONE, MOST_WAITING, OVERTAKEN, SILENT
from devices.types import Answered, DeviceError, GivenUp, Heartbeat, Item, Kept, NoRead, Read, Reply, Trigger
from tests.test_scanners import S10, heard, said


def cola(**settings: Any) -> sick_cola.Driver:
    return sick_cola.Driver(sick_cola.Settings(**settings))


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


TRIGGER_ON_B = hexed("02020202 0000000D 734D4E206D5443676174656F6E 3C")
DONE_B = hexed("02020202 0000000F 73414E206D5443676174656F6E2001 11")


def test_results_heartbeat_and_no_read_share_one_chunk() -> None:
    wire = hexed("024E6F526561640302484203025242313233343536373835474203")
    assert heard(cola(), wire) == [("no_read", ""), ("heartbeat", ""), ("read", S10)]


def test_a_heartbeat_inside_a_frame() -> None:
    assert heard(cola(), hexed("025202484203 4203")) == [
        *(("garbled", RESTART), ("heartbeat", ""), ("garbled", BETWEEN)),
    ]


def test_both_dialects_on_one_stream() -> None:
    wire = b"\x02A\x03" + DONE_B + b"\x02NoRead\x03" + TRIGGER_ON_B + DONE_B + b"\x02B\x03"
    assert heard(cola(), wire) == [
        *(("read", "A"), ("reply", "1"), ("no_read", ""), ("command", ""), ("reply", "1"), ("read", "B")),
    ]


@pytest.mark.parametrize("size", ["7FFFFFFF", "FFFFFFFF", "00001001", "00FFFFFF"])
def test_a_length_that_lies_is_capped_and_the_next_frame_is_whole(size: str) -> None:
    assert heard(cola(), hexed("02020202" + size), b"\x02A\x03") == [
        *(("garbled", "longer than 4096 bytes"), ("read", "A")),
    ]


def test_a_length_that_is_not_reached_ends_in_silence() -> None:
    driver = cola()
    assert driver.feed(hexed("02020202 00000FFF") + b"\x02A\x03", 1.0) == []
    assert driver.next_at() == 501.0
    assert [item for item, _ in said(driver.tick(501.0))] == ["garbled"]
    assert said(driver.feed(b"\x02A\x03", 502.0)) == [("read", "A")]


@pytest.mark.parametrize("starts", [2, 3, 4, 5, 9])
def test_many_stx_before_text_are_restarts(starts: int) -> None:
    assert heard(cola(), b"\x02" * starts + b"A\x03") == [("garbled", RESTART), ("read", "A")]
    assert heard(cola(), b"\x02" * starts + b"\x03") == [("garbled", RESTART), ("no_read", "")]


@pytest.mark.parametrize("more", [1, 2, 7])
def test_stx_before_a_cola_b_frame(more: int) -> None:
    assert heard(cola(), b"\x02" * more + DONE_B) == [("garbled", RESTART), ("reply", "1")]


@pytest.mark.parametrize("place", range(8, 24))
def test_a_flipped_bit_in_cola_b_is_garbled_and_no_code(place: int) -> None:
    wire = bytearray(DONE_B)
    wire[place] ^= 0x10
    assert heard(cola(), bytes(wire), b"\x02A\x03") == [("garbled", "wrong XOR"), ("read", "A")]


def test_a_damaged_cola_b_frame_is_not_searched_for_codes() -> None:
    wire = bytearray(encode(b"sSN x \x02CODE\x03", "b"))
    wire[-1] ^= 1
    assert heard(cola(), bytes(wire)) == [("garbled", "wrong XOR")]


@pytest.mark.parametrize(
    ("body", "item"),
    [
        (b"sAN x", ("reply", "")),
        (b"sANx", ("read", "sANx")),
        (b"sAN", ("reply", "")),
        (b"xsAN x", ("read", "xsAN x")),
        (b"SAN x", ("read", "SAN x")),
        (b"sFAx", ("read", "sFAx")),
        (b"sFA", ("error", "an error without a known meaning")),
        (b"sFA FFFF", ("error", "an error without a known meaning")),
        (b"sFA 07", ("error", "buffer overflow")),
        (b"sRA a 12 +5", ("reply", "12 +5")),
        (b"HB ", ("read", "HB ")),
        (b"A\x01B", ("garbled", CONTROL)),
    ],
)
def test_what_a_text_is_taken_for(body: bytes, item: tuple[str, str]) -> None:
    assert heard(cola(), b"\x02" + body + b"\x03") == [item]


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        (b"\x01", "1"),
        (b"\x01\x00", "256"),
        (b"\0\0\0\x2a", "42"),
        (b"\x01\x02\x03", "010203"),
        (b"abc", "abc"),
        (b"", ""),
    ],
)
def test_binary_arguments_become_text(argument: bytes, text: str) -> None:
    assert heard(cola(), encode(b"sRA name " + argument, "b")) == [("reply", text)]


def test_texts_and_separator_are_settings() -> None:
    driver = cola(no_read=("???", "ERR"), heartbeat="alive", separator="\r\n")
    wire = b"\x02???\x03\x02alive\x03\x02HB\x03\x02NoRead\x03\x02A\r\nB\r\n\x03"
    assert heard(driver, wire) == [
        *(("no_read", ""), ("heartbeat", ""), ("read", "HB"), ("read", "NoRead"), ("read", "A"), ("read", "B")),
    ]
    assert cola(heartbeat="").feed(b"\x02\x03", 1.0) == [NoRead(b"", 1.0)]


def test_items_carry_the_body_and_the_time() -> None:
    assert cola().feed(b"\x02A\x03\x02HB\x03", 5.0) == [Read("A", b"A", 5.0), Heartbeat(b"HB", 5.0)]


def test_a_partial_frame_ends_with_the_channel() -> None:
    driver = cola()
    driver.feed(b"\x02AB", 1.0)
    assert said(driver.closed(2.0)) == [("garbled", UNFINISHED)]
    assert driver.counters.garbled == {UNFINISHED: 1}
    driver.feed(b"\x02AB", 3.0)
    driver.opened(4.0, Kept())
    assert heard(driver, b"C\x03") == [("garbled", BETWEEN)]


@pytest.mark.parametrize(
    "settings", [{"dialect": "c"}, {"max_length": 0}, {"max_length": 2**20}, {"no_read": ("\u20ac",)}]
)
def test_sick_cola_refuses_what_cannot_work(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        cola(**settings)


# --- what it says -----------------------------------------------------------------------------------------------------

DONE, REFUSED = b"\x02sAN mTCgateon 1\x03", b"\x02sAN mTCgateon 0\x03"


def answers(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if isinstance(item, Answered | GivenUp)]


def test_trigger_on_the_wire() -> None:
    a, b = cola(), cola(dialect="b")
    a.send(Trigger(True), 0.0, None)
    b.send(Trigger(True), 0.0, None)
    assert (a.take(), a.take()) == (b"\x02sMN mTCgateon\x03", b"")
    assert (b.take(), b.take()) == (TRIGGER_ON_B, b"")
    a.feed(DONE, 1.0)
    a.send(Trigger(False), 2.0, None)
    assert a.take() == b"\x02sMN mTCgateoff\x03"


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        *((DONE, None), (REFUSED, "0"), (b"\x02sAN mTCgateon\x03", None), (b"\x02sFA 4\x03", "4")),
        *((DONE_B, None), (encode(b"sFA\x00\x04", "b"), "4")),
    ],
)
def test_an_answer_belongs_to_the_open_command(answer: bytes, refusal: str | None) -> None:
    driver = cola()
    number = driver.send(Trigger(True), 0.0, None)
    driver.take()
    items = driver.feed(answer, 5.0)
    assert isinstance(items[0], Reply | DeviceError)
    assert items[1:] == [Answered(number, refusal, 5.0)]
    assert driver.next_at() is None


def test_an_answer_nobody_asked_for_is_only_a_reply() -> None:
    driver = cola()
    assert answers(driver.feed(DONE, 1.0)) == []
    driver.send(Trigger(True), 2.0, None)
    assert answers(driver.feed(DONE, 2.5)) == [], "it was not written yet"
    driver.take()
    assert answers(driver.feed(b"\x02sAN mTCgateoff 1\x03\x02sRA mTCgateon 1\x03", 3.0)) == []
    assert len(answers(driver.feed(DONE, 4.0))) == 1


def test_one_command_at_a_time() -> None:
    driver = cola()
    on, off = driver.send(Trigger(True), 0.0, None), driver.send(Trigger(False), 0.0, None)
    assert driver.take() == b"\x02sMN mTCgateon\x03"
    assert answers(driver.feed(DONE, 1.0)) == [Answered(on, None, 1.0)]
    assert driver.take() == b"\x02sMN mTCgateoff\x03"
    assert answers(driver.feed(b"\x02sAN mTCgateoff 1\x03", 2.0)) == [Answered(off, None, 2.0)]


def test_without_an_answer_it_is_given_up_and_a_late_one_is_nobodys() -> None:
    driver = cola()
    first, second = driver.send(Trigger(True), 0.0, None), driver.send(Trigger(True), 0.0, None)
    driver.take()
    assert driver.next_at() == 1000.0
    assert driver.tick(999.0) == []
    assert driver.tick(1000.0) == [GivenUp(first, SILENT, 1000.0)]
    assert driver.take() == b""
    assert answers(driver.feed(DONE, 1500.0)) == []
    assert driver.next_at() == 2000.0
    driver.tick(2000.0)
    assert driver.take() == b"\x02sMN mTCgateon\x03"
    assert answers(driver.feed(DONE, 2001.0)) == [Answered(second, None, 2001.0)]


def test_a_command_is_not_sent_after_it_expired() -> None:
    driver = cola()
    first = driver.send(Trigger(True), 0.0, 100.0)
    second = driver.send(Trigger(False), 0.0, 150.0)
    assert driver.next_at() == 100.0
    assert driver.tick(100.0) == [GivenUp(first, EXPIRED, 100.0)]
    assert driver.take() == b"\x02sMN mTCgateoff\x03"
    assert driver.tick(150.0) == [], "it is on the wire and has its answer time"
    assert driver.tick(1100.0) == [GivenUp(second, SILENT, 1100.0)]


def test_the_end_of_the_channel_gives_up_everything() -> None:
    driver = cola()
    numbers = [driver.send(Trigger(True), 0.0, None) for _ in range(3)]
    driver.take()
    assert driver.closed(5.0) == [GivenUp(number, GONE, 5.0) for number in numbers]
    assert (driver.take(), driver.next_at()) == (b"", None)


def test_waiting_commands_are_bounded() -> None:
    driver = cola()
    numbers = [driver.send(Trigger(True), 0.0, None) for _ in range(MOST_WAITING + 3)]
    assert driver.tick(1.0) == [GivenUp(number, OVERTAKEN, 1.0) for number in numbers[1:3]]


def test_other_commands_are_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match="only Trigger"):
        cola().send("on", 0.0, None)  # type: ignore[arg-type]
