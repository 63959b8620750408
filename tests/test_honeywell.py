"""`honeywell`: what may be acknowledged when, and the same code twice that is one read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codes import CONTROL, PROGRAMMING
from devices.commands import EXPIRED, GONE, UNANSWERED
from devices.framing import SILENT as SILENCE
from devices.framing import UNFINISHED
from devices.scanners import honeywell
from devices.scanners._acknak import LAG_MS, MOST_NAKS
from devices.scanners._honeywell import CODE_IDS, PROVEN, menu
from devices.scanners._honeywell_setup import AGAIN_MS, ANSWERS, NO_ANSWER, UNASKED
from devices.scanners._lines import TORN
from devices.scanners._proof import LENGTH
from devices.scanners.honeywell import DAMAGED, NO_AIM, NO_ID, REPEATED
from devices.types import Condition, DeviceError, Garbled, GivenUp, Item, Kept, NoRead, Read, Reply, SetTime, Trigger
from tests.floor_fixture import DOCK
from tests.test_node import Daemon
from tests.test_scanners import S10, heard, said

ACK, NAK = b"\x06", b"\x15"
LETTER = bytes.fromhex("6A 52423132333435363738354742 0D")
AIM = bytes.fromhex("5D4330 52423132333435363738354742 0D0A")
OTHER = b"]C0RB123456785US\r\n"


def scanner(**settings: Any) -> honeywell.Driver:
    return honeywell.Driver(honeywell.Settings(**({"code_id": "aim"} | settings)))


def opened(kept: Kept | None = None, **settings: Any) -> honeywell.Driver:
    driver = scanner(**settings)
    driver.opened(0.0, kept or Kept())
    return driver


def waiting(**settings: Any) -> honeywell.Driver:
    """One that waits for ACK."""
    return opened(ack="acknak", **settings)


def token(number: int, wire: bytes) -> tuple[int, int]:
    return number, crc32(wire.strip(b"\r\n"))


# --- ACK and NAK ------------------------------------------------------------------------------------------------------


def test_ack_leaves_when_the_read_is_durable_and_not_before() -> None:
    driver = waiting()
    [read] = driver.feed(AIM, 10.0)
    assert read == Read(S10, AIM[:-2], 10.0, symbology="]C0", token=token(1, AIM))
    assert driver.take() == b""
    driver.tick(500.0)
    assert driver.take() == b""
    driver.confirm(token(1, AIM), 600.0)
    assert driver.take() == ACK
    assert driver.take() == b""
    driver.confirm(token(1, AIM), 601.0)
    assert driver.take() == b""


def test_without_ack_nothing_is_ever_sent() -> None:
    driver = opened()
    assert driver.feed(AIM + AIM, 10.0) == [Read(S10, AIM[:-2], 10.0, symbology="]C0")] * 2
    driver.feed(b"\x1a\r\n\xff", 11.0)
    driver.confirm((9, 9), 12.0)
    driver.tick(9999.0)
    assert driver.take() == b""


def test_retransmit_the_same_code_twice_before_our_ack_left_is_one_read() -> None:
    driver = waiting()
    assert said(driver.feed(AIM, 10.0)) == [("read", S10)]
    assert driver.feed(AIM, 2010.0) == []
    assert driver.feed(AIM, 9000.0) == []
    assert driver.take() == b""
    driver.confirm(token(1, AIM), 9001.0)
    assert driver.take() == ACK
    assert driver.counters.noted == {REPEATED: 2}


def test_retransmit_after_a_lost_ack_is_acknowledged_again_and_no_second_read() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.confirm(token(1, AIM), 20.0)
    assert driver.take() == ACK
    assert driver.feed(AIM, 2020.0 + LAG_MS - 1) == []
    assert driver.take() == ACK
    assert driver.feed(AIM, 4300.0) == []
    assert driver.take() == ACK


def test_duplicates_the_same_code_after_the_time_out_is_a_second_read() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.confirm(token(1, AIM), 20.0)
    [read] = driver.feed(AIM, 2020.0 + LAG_MS)
    assert isinstance(read, Read)
    assert read.token == token(2, AIM)
    assert driver.take() == ACK, "of the first one; the second is not durable"


def test_the_time_out_is_the_scanners_own() -> None:
    driver = waiting(timeout_ms=500.0)
    driver.feed(AIM, 10.0)
    driver.confirm(token(1, AIM), 20.0)
    assert driver.feed(AIM, 519.0) == []
    assert said(driver.feed(AIM, 519.0 + 500.0 + LAG_MS)) == [("read", S10)]


def test_another_code_within_the_time_out_is_a_read() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.confirm(token(1, AIM), 20.0)
    assert said(driver.feed(OTHER, 30.0)) == [("read", "RB123456785US")]
    assert said(driver.feed(AIM, 40.0)) == [("read", S10)]


def test_an_ack_never_answers_a_frame_that_is_not_durable() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.feed(OTHER, 2010.0)
    driver.confirm(token(1, AIM), 2011.0)
    assert driver.take() == b""
    driver.confirm(token(2, OTHER), 2012.0)
    assert driver.take() == ACK


def test_a_code_that_was_durable_before_a_restart_is_acknowledged_and_not_read_again() -> None:
    driver = waiting(kept=Kept(7, token(7, AIM)[1]))
    assert driver.feed(AIM, 1999.0) == []
    assert driver.take() == ACK
    [read] = driver.feed(OTHER, 3000.0)
    assert isinstance(read, Read)
    assert read.token == token(8, OTHER)


def test_the_same_code_long_after_a_restart_is_a_read() -> None:
    assert said(waiting(kept=Kept(7, token(7, AIM)[1])).feed(AIM, 2000.0 + LAG_MS)) == [("read", S10)]
    assert said(waiting().feed(AIM, 1.0)) == [("read", S10)]


def test_a_code_that_was_not_durable_when_the_channel_broke_is_acknowledged_only_when_it_is() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.closed(20.0)
    driver.opened(30.0, Kept(*token(1, AIM)))
    assert driver.feed(AIM, 40.0) == []
    assert driver.take() == b""
    driver.confirm(token(1, AIM), 50.0)
    assert driver.take() == ACK


def test_no_ack_for_a_frame_of_the_last_channel() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.closed(20.0)
    driver.opened(30.0, Kept(*token(1, AIM)))
    driver.confirm(token(1, AIM), 50.0)
    assert driver.take() == b""


def test_parity_a_damaged_frame_gets_nak_and_comes_again() -> None:
    driver = waiting()
    damaged = AIM.replace(b"5", b"\x1a", 1)
    assert said(driver.feed(damaged, 10.0)) == [("garbled", DAMAGED)]
    assert driver.take() == NAK
    assert said(driver.feed(AIM, 20.0)) == [("read", S10)]
    driver.confirm(token(1, AIM), 30.0)
    assert driver.take() == ACK


@pytest.mark.parametrize("cut", [1, 2, 3, 7, len(AIM) - 3])
def test_a_frame_without_its_first_bytes_gets_nak(cut: int) -> None:
    driver = waiting()
    assert said(driver.feed(AIM[cut:], 10.0)) == [("garbled", NO_AIM)]
    assert driver.take() == NAK


def test_a_wrong_length_gets_nak() -> None:
    driver = waiting(code_id="none", fixed_lengths=(13,))
    assert said(driver.feed(b"RB12345678GB\r\n", 10.0)) == [("garbled", LENGTH)]
    assert driver.take() == NAK


def test_a_frame_that_silence_cuts_off_or_that_is_too_long_gets_nak() -> None:
    driver = waiting(max_length=20)
    driver.feed(AIM[:9], 10.0)
    assert said(driver.tick(510.0)) == [("garbled", SILENCE)]
    assert driver.take() == NAK
    assert said(driver.feed(b"A" * 30 + b"\r\n", 600.0)) == [("garbled", "longer than 20 bytes")]
    assert driver.take() == NAK


def test_a_damaged_repetition_of_an_acknowledged_frame_is_no_second_read() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.confirm(token(1, AIM), 20.0)
    driver.take()
    driver.feed(AIM.replace(b"5", b"\x1a", 1), 2300.0)
    assert driver.take() == NAK
    assert driver.feed(AIM, 2400.0) == []
    assert driver.take() == ACK


def test_no_ack_follows_a_nak_before_the_frame_has_come_again() -> None:
    driver = waiting()
    driver.feed(AIM, 10.0)
    driver.feed(AIM.replace(b"5", b"\x1a", 1), 2010.0)
    assert driver.take() == NAK
    driver.confirm(token(1, AIM), 2011.0)
    assert driver.take() == b""
    assert driver.feed(AIM, 2020.0) == []
    assert driver.take() == ACK


def test_a_label_that_is_wrong_itself_is_acknowledged_when_it_comes_so_again() -> None:
    driver = waiting(check="s10")
    wrong = b"]C0RB123456786US\r\n"
    assert said(driver.feed(wrong, 10.0)) == [("garbled", "fails the check s10")]
    assert driver.take() == NAK
    [garbled] = driver.feed(wrong, 20.0)
    assert isinstance(garbled, Garbled)
    assert garbled.token == token(1, wrong)
    assert driver.take() == b""
    driver.confirm(token(1, wrong), 30.0)
    assert driver.take() == ACK


@pytest.mark.parametrize("length", [2, 80])
def test_a_label_that_holds_an_identifier_is_acknowledged_when_it_comes_so_again(length: int) -> None:
    driver = waiting()
    wrong = b"]C0" + b"7" * length + b"]C0RB123456785GB\r\n"
    assert said(driver.feed(wrong, 10.0)) == [("garbled", TORN)]
    assert driver.take() == NAK
    assert said(driver.feed(wrong, 20.0)) == [("garbled", TORN)]
    assert driver.take() == b""
    driver.confirm(token(1, wrong), 30.0)
    assert driver.take() == ACK


def test_parity_errors_at_the_same_place_twice_are_not_acknowledged() -> None:
    driver = waiting()
    damaged = AIM.replace(b"5", b"\x1a", 1)
    driver.feed(damaged, 10.0)
    assert driver.take() == NAK
    [garbled] = driver.feed(damaged, 20.0)
    assert isinstance(garbled, Garbled)
    assert garbled.token is None
    assert driver.take() == b""


def test_wrong_baud_garbage_and_nak_do_not_answer_one_another_for_ever() -> None:
    driver = waiting()
    for number in range(100):
        driver.feed(bytes([0xF8, number, 0xFE]) + b"\r\n", 10.0 * number)
    assert driver.take() == NAK * MOST_NAKS
    driver.feed(AIM, 2000.0)
    driver.feed(b"\xfe\r\n", 2001.0)
    assert driver.take() == NAK


def test_security_a_code_that_would_program_a_scanner_is_refused_and_not_asked_for_again() -> None:
    driver = waiting()
    wire = b"]C0999999\r\n"
    [garbled] = driver.feed(wire, 10.0)
    assert isinstance(garbled, Garbled)
    assert garbled.why == PROGRAMMING
    driver.confirm(token(1, wire), 20.0)
    assert driver.take() == ACK


def test_security_nothing_decoded_is_ever_echoed() -> None:
    driver = waiting(setup=("CBRENA1!",))
    said_to_it = driver.take()
    for number, code in enumerate([b"\x16M\rDEFALT.", b"\x16T\r", b"\x1b1", b"||>REBOOT", b"]C0CBRENA0!"]):
        driver.feed(b"]C0" + code + b"\r\n", 10.0 * number)
        driver.confirm((number + 1, 0), 10.0 * number)
        said_to_it += driver.take()
    assert said_to_it.removeprefix(b"\x16M\rCBRENA1!").strip(ACK + NAK) == b""


def test_an_endless_repetition_is_one_read() -> None:
    driver = waiting()
    reads = 0
    for number in range(256):
        reads += len(driver.feed(AIM, 2100.0 * number))
        driver.confirm(token(1, AIM), 2100.0 * number + 1)
        assert driver.take() == ACK
    assert reads == 1


# --- symbologies ------------------------------------------------------------------------------------------------------


def test_h9_the_letter_of_code_128_is_stripped() -> None:
    driver = opened(code_id="honeywell", check="s10")
    assert driver.feed(LETTER, 1.0) == [Read(S10, LETTER[:-1], 1.0, symbology="]C0")]


def test_h10_the_aim_identifier_is_stripped() -> None:
    assert opened().feed(AIM, 1.0) == [Read(S10, AIM[:-2], 1.0, symbology="]C0")]


@pytest.mark.parametrize("letter", CODE_IDS)
def test_each_letter_names_a_symbology(letter: str) -> None:
    driver = opened(code_id="honeywell", fixed_lengths=(12,))
    [read] = driver.feed(letter.encode() + b"123456789012\r", 1.0)
    assert isinstance(read, Read)
    assert (read.text, read.symbology) == ("123456789012", CODE_IDS[letter])


def test_letters_that_a_manual_proves() -> None:
    assert {letter: CODE_IDS[letter] for letter in sorted(PROVEN)} == {"E": "]E0", "c": "]E0", "j": "]C0"}
    assert len(CODE_IDS) > 30


@pytest.mark.parametrize("body", [b"5RB123456785GB", b"j", b"\xe9RB123456785GB"])
def test_a_letter_that_is_none_is_no_code(body: bytes) -> None:
    assert heard(opened(code_id="honeywell", check="s10"), body + b"\r") == [("garbled", NO_ID)]


def test_a_lost_letter_makes_no_other_code() -> None:
    assert heard(opened(code_id="honeywell", check="s10"), LETTER[1:]) == [("garbled", "fails the check s10")]


def test_a_lost_line_end_makes_no_other_code() -> None:
    assert heard(opened(), AIM[:-2] + OTHER) == [("garbled", TORN)]
    assert heard(opened(fixed_lengths=(13,)), AIM[:-2] + OTHER) == [("garbled", LENGTH)]
    assert said(opened(prefix="\x02", suffix="\x03").feed(b"\x02]Q1A]C1B\x03", 1.0)) == [("read", "A]C1B")]


def test_no_read_is_exact() -> None:
    assert opened().feed(b"NR\r\n", 1.0) == [NoRead(b"NR", 1.0)]
    assert heard(opened(), b"]C0NR\r\nnr\r\n") == [("read", "NR"), ("garbled", NO_AIM)]
    assert heard(opened(code_id="honeywell", check="s10"), b"\x9cNR\rNR\r") == [("no_read", "")] * 2
    [no_read] = waiting().feed(b"NR\r\n", 1.0)
    assert no_read == NoRead(b"NR", 1.0, token=token(1, b"NR"))


# --- commands ---------------------------------------------------------------------------------------------------------


def test_h1_h2_triggers_are_written_and_given_up_because_nothing_answers() -> None:
    driver = opened()
    assert driver.send(Trigger(True), 10.0, None) == 1
    assert driver.send(Trigger(False), 10.0, None) == 2
    assert driver.take() == bytes.fromhex("16540D")
    assert driver.take() == b""
    assert driver.tick(60.0) == [GivenUp(1, UNANSWERED, 60.0, sent=True)]
    assert driver.take() == bytes.fromhex("16550D")
    assert driver.tick(110.0) == [GivenUp(2, UNANSWERED, 110.0, sent=True)]
    assert driver.next_at() is None


def test_a_trigger_expires_before_its_turn() -> None:
    driver = opened()
    driver.send(Trigger(True), 10.0, None)
    driver.send(Trigger(False), 10.0, 30.0)
    driver.take()
    assert driver.tick(30.0) == [GivenUp(2, EXPIRED, 30.0)]
    assert driver.closed(40.0) == [GivenUp(1, GONE, 40.0)]


def test_h3_h4_menu_commands() -> None:
    assert menu("232BAD9.") == bytes.fromhex("164D0D32333242414439 2E".replace(" ", ""))
    assert menu("CBRENA?.") == bytes.fromhex("164D0D434252454E413F2E")


def test_an_answer_to_a_menu_command_that_was_not_written_is_garbled_and_counted() -> None:
    driver = opened(setup=("CBRENA1!",))
    assert said(driver.feed(b"CBRENA1\x06!", 1.0)) == [("garbled", UNASKED)]
    assert driver.counters.garbled == {UNASKED: 1}


def test_h11_ack_and_nak() -> None:
    driver = waiting()
    driver.feed(b"\x1a\r\n" + AIM, 10.0)
    driver.confirm(token(1, AIM), 11.0)
    assert driver.take() == bytes.fromhex("1506")


def test_it_takes_nothing_but_triggers() -> None:
    with pytest.raises(TypeError, match="honeywell takes no SetTime, only Trigger"):
        scanner().send(SetTime(1), 0.0, None)


def test_setup_is_written_at_each_opening_one_command_after_the_other() -> None:
    driver = opened(setup=("CBRENA1!", "CBRENA?."))
    assert driver.take() == b"\x16M\rCBRENA1!"
    assert driver.take() == b""
    assert driver.feed(b"CBRENA1\x06!", 1.0) == [Reply("CBRENA", "1", b"CBRENA1\x06!", 1.0)]
    assert driver.take() == bytes.fromhex("164D0D434252454E413F2E")
    assert driver.feed(bytes.fromhex("434252454E41302D31062E"), 2.0) == [
        Reply("CBRENA", "0-1", bytes.fromhex("434252454E41302D31062E"), 2.0),
    ]
    assert driver.next_at() is None
    driver.closed(3.0)
    driver.opened(4.0, Kept())
    assert driver.take() == b"\x16M\rCBRENA1!"


@pytest.mark.parametrize(
    ("wire", "code", "why"),
    [
        (bytes.fromhex("434252454E4139152E"), "NAK", "the value is not allowed"),
        (b"cbrena9\x05!", "ENQ", "no such tag or subtag"),
    ],
)
def test_h8_a_refused_menu_command_in_words(wire: bytes, code: str, why: str) -> None:
    driver = opened(setup=("CBRENA9!",))
    driver.take()
    assert driver.feed(wire, 1.0) == [DeviceError(code, why, wire, 1.0)]


@pytest.mark.parametrize("size", [1, 2, 5, 99])
def test_answers_among_reads_are_found_in_any_split(size: int) -> None:
    driver = opened(setup=("CBRENA1!", "232BAD9!"))
    items: list[Item] = []
    for wire in (AIM + b"CBRENA1\x06!" + OTHER, AIM + b"232bad9\x06!", OTHER):
        driver.take()
        for start in range(0, len(wire), size):
            items += driver.feed(wire[start : start + size], 1.0)
    assert said(items) == [
        *(("read", S10), ("reply", "1"), ("read", "RB123456785US")),
        *(("read", S10), ("reply", "9"), ("read", "RB123456785US")),
    ]


def test_an_answer_without_a_command_is_content() -> None:
    assert heard(opened(), b"CBRENA1\x06!\r\n") == [("garbled", NO_AIM)]
    assert heard(opened(code_id="none", prefix="\x02", suffix="\x03"), b"\x02CBRENA1\x06!\x03") == [
        ("garbled", CONTROL),
    ]


def test_a_scanner_that_does_not_answer_the_menu_is_said_once_and_asked_again() -> None:
    driver = opened(setup=("CBRENA1!",))
    driver.take()
    driver.feed(AIM[:5], 900.0)
    assert driver.tick(1000.0) == [Condition(False, NO_ANSWER, b"", 1000.0, "setup")]
    assert said(driver.feed(AIM[5:], 1001.0)) == [("read", S10)]
    assert driver.tick(1000.0 + AGAIN_MS) == []
    assert driver.take() == b"\x16M\rCBRENA1!"
    assert driver.feed(b"CBRENA1\x06!", 31_001.0) == [
        Reply("CBRENA", "1", b"CBRENA1\x06!", 31_001.0),
        Condition(True, ANSWERS, b"", 31_001.0, "setup"),
    ]


# --- the wire ---------------------------------------------------------------------------------------------------------

STREAM = AIM + b"NR\r\n]C0A\x01B\r\n\x00\xff\x7e\r\n]C0X\x1a\r\n" + OTHER
SAID = ["read", "no_read", "garbled", "garbled", "garbled", "read"]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8), setup=st.booleans())
def test_byte_by_byte_or_at_once_any_split_says_the_same(cuts: list[int], setup: bool) -> None:
    chunks = [STREAM[a:b] for a, b in pairwise([0, *sorted(cuts), len(STREAM)])]
    driver = opened(setup=("CBRENA1!",) if setup else ())
    assert [kind for kind, _ in heard(driver, *chunks)] == SAID


@given(data=st.binary(max_size=200))
def test_no_bytes_bring_an_ack_before_confirm(data: bytes) -> None:
    driver = waiting()
    driver.feed(data, 1.0)
    driver.tick(5000.0)
    assert ACK not in driver.take()


def test_partial_frame_ends_with_the_channel_and_gets_no_nak() -> None:
    driver = waiting()
    driver.feed(AIM[:5], 10.0)
    assert said(driver.closed(20.0)) == [("garbled", UNFINISHED)]
    driver.opened(30.0, Kept())
    assert driver.take() == b""
    assert said(driver.feed(AIM, 40.0)) == [("read", S10)]


def test_reboot_banner_nul_and_seven_bit_leftovers_are_no_code() -> None:
    wire = b"\r\nXenon 1900\r\n]C0A\x00B\r\n" + bytes(byte | 0x80 for byte in AIM[:-2]) + b"\r\n"
    assert heard(opened(), wire) == [("garbled", NO_AIM), ("garbled", CONTROL), ("garbled", NO_AIM)]


def test_endless_bytes_are_not_kept_back_for_an_answer() -> None:
    driver = opened(max_length=100, setup=("CBRENA1!",))
    items = [item for _ in range(20) for item in driver.feed(b"A" * 500, 1.0)]
    assert [len(item.raw) for item in items if isinstance(item, Garbled)] == [64, 64]


def test_oversize_is_capped_and_it_finds_the_next_frame() -> None:
    for setup in ((), ("CBRENA1!",)):
        assert heard(opened(max_length=100, setup=setup), b"]C0" + b"A" * 100_000 + b"\r\n" + AIM)[-1] == ("read", S10)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ack": "ack"}, 'write "none" or "acknak"'),
        ({"code_id": "symbol"}, 'write "none", "aim" or "honeywell"'),
        ({"code_id": "none"}, "nothing proves that a code is whole"),
        ({"code_id": "honeywell"}, "nothing proves that a code is whole"),
        ({"suffix": ""}, "suffix is empty"),
        ({"timeout_ms": 0.0}, "timeout_ms = 0.0"),
        ({"setup": ("232BAD9.",)}, "would write to flash"),
        ({"setup": ("CBRENA1",)}, "six characters, a value and !"),
        ({"setup": ("CBRENA1!\r",)}, "six characters, a value and !"),
        ({"setup": ("CBRENA1!CBRENA0!",)}, "six characters, a value and !"),
        ({"max_length": 0}, "max_length = 0"),
        ({"check": "crc"}, "write one of s10, gs1, mod10"),
        ({"no_read": ("\u20ac",)}, "no_read"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        scanner(**settings)


# --- with a journal ---------------------------------------------------------------------------------------------------

FLOOR = (
    'kind = "line"\nlink = "tcp://127.0.0.1:2113" => kind = "honeywell"\nlink = "tcp://127.0.0.1:2113"\nack = "acknak"',
    'point = "DOCK"\nprefix = "\\u0002"\nsuffix = "\\u0003" => point = "DOCK"\ncode_id = "aim"',
)


def test_the_daemon_acknowledges_after_the_commit_and_after_a_restart() -> None:
    daemon = Daemon(*FLOOR).up()
    daemon.node.link_up(DOCK, daemon.now)
    daemon.node.received(DOCK, AIM, daemon.now)
    assert daemon.node.take(DOCK) == b""
    batch = daemon.on_its_way()
    assert daemon.node.take(DOCK) == b""
    daemon.durable(batch)
    assert daemon.node.take(DOCK) == ACK
    after = Daemon(*FLOOR, journal=daemon.journal, now=daemon.now + 1000.0).up()
    after.node.link_up(DOCK, after.now)
    after.node.received(DOCK, AIM, after.now)
    after.commit_if_any()
    assert after.node.take(DOCK) == ACK
    assert after.node.drivers[DOCK].counters.noted == {REPEATED: 1}
    after.node.received(DOCK, OTHER, after.now)
    assert after.node.take(DOCK) == b""
    after.commit()
    assert after.node.take(DOCK) == ACK
