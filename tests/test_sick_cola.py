"""`sick_cola`: two dialects on one stream, free text beside commands, and which answer belongs to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from controller.commands._texts import settings as settings_of
from devices.codes import CONTROL
from devices.commands import EXPIRED, GONE, MOST_WAITING, OVERTAKEN, SILENT
from devices.framing import BETWEEN, RESTART, UNFINISHED
from devices.scanners import sick_cola
from devices.scanners._cola import encode
from devices.scanners._cola_telegrams import Telegram
from devices.scanners.sick_cola import STATES, STRANGE
from devices.types import (
    Answered,
    Condition,
    DeviceError,
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
from tests import transcripts
from tests.test_scanners import S10, heard, said
from tests.transcripts import Recorded

RECORDED = transcripts.read("sick_cola")


def cola(**settings: Any) -> sick_cola.Driver:
    return sick_cola.Driver(sick_cola.Settings(**settings))


def sniffer() -> sick_cola.Sniffer:
    return sick_cola.Sniffer(sick_cola.Settings())


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
    expected = [
        *(("read", "A"), ("reply", "1"), ("no_read", ""), ("command", ""), ("reply", "1"), ("read", "B")),
    ]
    assert heard(cola(), wire) == said(sniffer().feed(wire, 1.0)) == expected


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
        (b"sANx", ("read", "sANx")),
        (b"xsAN x", ("read", "xsAN x")),
        (b"SAN x", ("read", "SAN x")),
        (b"sFAx", ("read", "sFAx")),
        (b"HB ", ("read", "HB ")),
        (b"A\x01B", ("garbled", CONTROL)),
        (b"A\x00B", ("garbled", CONTROL)),
    ],
)
def test_what_a_text_is_taken_for(body: bytes, item: tuple[str, str]) -> None:
    wire = b"\x02" + body + b"\x03"
    assert heard(cola(), wire) == said(sniffer().feed(wire, 1.0)) == [item]


TELEGRAMS = [
    (b"sAN x", ("reply", "")),
    (b"sAN", ("reply", "")),
    (b"sAN mTCgateon 1", ("reply", "1")),
    (b"sFA", ("error", "an error without a known meaning")),
    (b"sFA FFFF", ("error", "an error without a known meaning")),
    (b"sFA 07", ("error", "buffer overflow")),
    (b"sRA a 12 +5", ("reply", "12 +5")),
    (b"sMN mTCgateon", ("command", "")),
    (b"sSN SCdevicestate 1", ("event", "1")),
]


@pytest.mark.parametrize(("body", "item"), TELEGRAMS)
def test_a_code_that_reads_like_a_telegram_is_a_read_while_nobody_asked(body: bytes, item: tuple[str, str]) -> None:
    assert heard(cola(), b"\x02" + body + b"\x03") == [("read", body.decode())]


@pytest.mark.parametrize(("body", "item"), TELEGRAMS)
def test_on_a_wire_with_both_sides_whatever_reads_like_a_telegram_is_one(body: bytes, item: tuple[str, str]) -> None:
    assert said(sniffer().feed(b"\x02" + body + b"\x03", 1.0)) == [item]
    binary = encode(body, "b")
    assert [name for name, _ in said(sniffer().feed(binary, 1.0))] == [item[0]]
    assert [name for name, _ in heard(cola(), binary)] == [item[0]], "no code comes in a frame of CoLa-B"


@pytest.mark.parametrize(
    ("text", "binary", "number"),
    [
        *(("1F", False, 31), ("10", False, 16), ("+10", False, 10), ("-10", False, -10), ("00", False, 0)),
        *(("10", True, 10), ("1F", True, 31), ("", False, None), ("1 2", False, None), ("\u0661", False, None)),
        *(("G", False, None), ("+1F", False, None), ("123456789", False, None)),
    ],
)
def test_a_number_with_a_sign_is_decimal_and_without_one_hexadecimal(
    text: str, binary: bool, number: int | None
) -> None:
    assert Telegram(b"sRA", "sRA x", text, binary).number() == number


@pytest.mark.parametrize("message", RECORDED, ids=str)
def test_silence_ends_a_cut_frame_and_the_next_is_whole(message: Recorded) -> None:
    settings = settings_of(sick_cola.Settings, message.settings)
    once = sick_cola.Driver(settings).feed(message.raw, 9e9)
    for cut in range(1, len(message.raw)):
        driver = sick_cola.Driver(settings)
        driver.opened(0.0, Kept())
        before = driver.feed(message.raw[:cut], 1.0)
        silent = driver.tick(driver.next_at() or 1.0)
        assert [*before, *silent], cut
        assert {type(item) for item in [*before, *silent]} == {Garbled}, cut
        assert driver.feed(message.raw, 9e9) == once, cut


def test_a_heartbeat_that_says_a_number_is_a_regular_expression() -> None:
    driver = cola(heartbeat="CLV620 [0-9]+")
    assert heard(driver, b"\x02CLV620 17\x03\x02CLV620 x\x03\x02XCLV620 17\x03") == [
        *(("heartbeat", ""), ("read", "CLV620 x"), ("read", "XCLV620 17")),
    ]
    assert heard(cola(heartbeat="[HB]+"), b"\x02[HB]+\x03\x02HBH\x03\x02A\x03") == [
        *(("heartbeat", ""), ("heartbeat", ""), ("read", "A")),
    ]
    with pytest.raises(ValueError, match=r"heartbeat = 'HB\(': no regular expression: .* write a backslash"):
        cola(heartbeat="HB(")


def test_a_boot_banner_outside_frames_is_no_read() -> None:
    assert heard(cola(), b"\r\nCLV620 V6.10\r\n" + b"\x02A\x03") == [("garbled", BETWEEN), ("read", "A")]


def test_noise_between_frames_is_skipped_and_counted() -> None:
    driver = cola()
    assert heard(driver, b"\x02A\x03\x00\xff\x7e\x02B\x03") == [("read", "A"), ("garbled", BETWEEN), ("read", "B")]
    assert driver.counters.garbled == {BETWEEN: 1}


def test_eighth_bits_set_are_no_data() -> None:
    """The machine sends 7E1, the link is set to 8N1."""
    assert heard(cola(), bytes(byte | 0x80 for byte in b"\x02RB1\x03")) == [("garbled", BETWEEN)]


@pytest.mark.parametrize("garbage", [b"\x00\xfe\xf8" * 50, b"\x02\x00\xf8" * 50 + b"\x03"])
def test_a_wrong_speed_gives_no_read(garbage: bytes) -> None:
    assert {name for name, _ in heard(cola(), garbage)} == {"garbled"}


def test_a_megabyte_after_stx_is_bounded_and_the_next_frame_is_whole() -> None:
    driver = cola()
    for _ in range(16):
        assert all(isinstance(item, Garbled) for item in driver.feed(b"\x02" + b"A" * 65536, 1.0))
        assert len(driver._frames._buffer) <= 4097
    assert said(driver.feed(b"\x02B\x03", 2.0))[-1] == ("read", "B")


def test_stx_and_etx_inside_cola_b_are_data() -> None:
    assert heard(cola(), encode(b"sRA x \x02\x03\x02\x02\x02\x02\x03", "b")) == [("reply", "02030202020203")]


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
    "settings",
    [{"dialect": "c"}, {"max_length": 0}, {"max_length": 2**20}, {"state_s": -1.0}, {"no_read": ("\u20ac",)}],
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


def test_an_answer_nobody_asked_for_is_a_code() -> None:
    driver = cola()
    assert said(driver.feed(DONE, 1.0)) == [("read", "sAN mTCgateon 1")]
    number = driver.send(Trigger(True), 2.0, None)
    assert said(driver.feed(DONE, 2.5)) == [("read", "sAN mTCgateon 1")], "it was not written yet"
    driver.take()
    others = driver.feed(b"\x02sAN mTCgateoff 1\x03\x02sRA mTCgateon 1\x03", 3.0)
    assert said(others) == [("read", "sAN mTCgateoff 1"), ("read", "sRA mTCgateon 1")]
    assert answers(driver.feed(DONE, 4.0)) == [Answered(number, None, 4.0)]
    assert said(driver.feed(DONE, 5.0)) == [("read", "sAN mTCgateon 1")]


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
    assert said(driver.feed(DONE, 1500.0)) == [("reply", "1")], "and no code"
    assert said(driver.feed(b"\x02sFA 4\x03", 1500.0))[0][0] == "error"
    assert said(driver.feed(b"\x02sAN mTCgateoff 1\x03", 1500.0)) == [("read", "sAN mTCgateoff 1")]
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


def test_the_late_answer_to_a_command_of_the_last_connection_is_no_code() -> None:
    driver = cola()
    driver.send(Trigger(True), 0.0, None)
    driver.take()
    driver.closed(10.0)
    driver.opened(20.0, Kept())
    assert said(driver.feed(DONE, 30.0)) == [("reply", "1")]
    assert said(driver.feed(DONE, 1011.0)) == [("read", "sAN mTCgateon 1")]


# --- how it is --------------------------------------------------------------------------------------------------------

ASK_STATE, READY = b"\x02sRN SCdevicestate\x03", b"\x02sRA SCdevicestate 1\x03"


def opened(**settings: Any) -> sick_cola.Driver:
    driver = cola(**settings)
    driver.opened(0.0, Kept())
    return driver


def test_it_asks_nothing_by_default() -> None:
    driver = opened()
    assert (driver.take(), driver.next_at()) == (b"", None)


def test_the_state_is_asked_for_each_so_often_and_only_changes_are_said() -> None:
    driver = opened(state_s=30.0)
    assert (driver.take(), driver.take()) == (ASK_STATE, b"")
    assert driver.feed(READY, 10.0) == []
    assert driver.next_at() == 30_010.0
    for at, wire, expected in (
        (30_010.0, b"\x02sRA SCdevicestate 2\x03", [(False, STATES[2])]),
        (60_020.0, b"\x02sRA SCdevicestate 2\x03", []),
        (90_030.0, b"\x02sRA SCdevicestate 0\x03", [(False, STATES[0])]),
        (120_040.0, READY, [(True, f"it is well again, after: {STATES[0]}")]),
        (150_050.0, b"\x02sRA SCdevicestate 7\x03", [(False, STRANGE)]),
        (180_060.0, encode(b"sRA SCdevicestate \x01", "b"), [(True, f"it is well again, after: {STRANGE}")]),
    ):
        assert driver.tick(at) == []
        assert driver.take() == ASK_STATE
        items = driver.feed(wire, at + 10.0)
        assert [(item.ok, item.what) for item in items if isinstance(item, Condition)] == expected
        assert len(items) == len(expected), "the answer to our own question is no item"


def test_a_machine_that_does_not_answer_is_not_well_until_it_does() -> None:
    driver = opened(state_s=30.0)
    driver.take()
    assert driver.tick(1000.0) == [Condition(False, "it does not answer sRN SCdevicestate", b"", 1000.0)]
    assert said(driver.feed(b"\x02A\x03", 2000.0)) == [("read", "A")]
    driver.tick(31_000.0)
    assert driver.take() == ASK_STATE
    assert driver.tick(32_000.0) == []
    driver.tick(62_000.0)
    driver.take()
    [condition] = driver.feed(READY, 62_010.0)
    assert isinstance(condition, Condition)
    assert condition.ok


def test_a_machine_without_that_variable_is_asked_once() -> None:
    driver = opened(state_s=30.0)
    driver.take()
    assert said(driver.feed(b"\x02sFA 3\x03", 10.0)) == [("error", "unknown variable")]
    assert driver.next_at() is None


def test_a_code_that_reads_like_a_state_does_not_change_it() -> None:
    driver = opened(state_s=30.0)
    driver.take()
    driver.feed(READY, 10.0)
    assert said(driver.feed(b"\x02sRA SCdevicestate 2\x03", 20.0)) == [("read", "sRA SCdevicestate 2")]


def test_triggers_and_questions_take_turns() -> None:
    driver = opened(state_s=30.0, identify=True)
    number = driver.send(Trigger(True), 1.0, None)
    assert driver.take() == b"\x02sRN DIornr\x03"
    assert said(driver.feed(b"\x02sRA DIornr 1041548\x03", 2.0)) == [("reply", "1041548")]
    assert driver.take() == ASK_STATE
    assert driver.feed(READY, 3.0) == []
    assert driver.take() == b"\x02sMN mTCgateon\x03"
    assert answers(driver.feed(DONE, 4.0)) == [Answered(number, None, 4.0)]


def test_a_channel_that_goes_while_it_is_asked_says_nothing_of_the_machine() -> None:
    driver = opened(state_s=30.0, identify=True)
    driver.take()
    assert driver.closed(5.0) == []
    assert driver.next_at() is None


def test_a_heartbeat_that_is_expected_and_does_not_come() -> None:
    driver = opened(heartbeat_s=10.0)
    assert driver.next_at() == 10_000.0
    assert said(driver.feed(b"\x02HB\x03", 8000.0)) == [("heartbeat", "")]
    [condition] = driver.tick(18_000.0)
    assert isinstance(condition, Condition)
    assert not condition.ok
    back, item = driver.feed(b"\x02A\x03", 19_000.0)
    assert isinstance(back, Condition)
    assert back.ok
    assert isinstance(item, Read)


def test_one_thing_that_is_well_again_does_not_hide_another() -> None:
    driver = opened(heartbeat_s=10.0, state_s=5.0)
    driver.take()
    driver.feed(b"\x02sRA SCdevicestate 2\x03", 10.0)
    driver.tick(5010.0)
    driver.take()
    driver.tick(6010.0)
    [both] = driver.tick(10_010.0)
    assert isinstance(both, Condition)
    assert "heartbeat" in both.what
    back, *_ = driver.feed(b"\x02HB\x03", 10_020.0)
    assert isinstance(back, Condition)
    assert not back.ok
    assert STATES[2] is not None
    assert STATES[2] in back.what
    assert "heartbeat" not in back.what
