"""The stub of a Honeywell scanner by the words of its manuals; what it is told and says in order stands in
tests/wire/honeywell_host.txt."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scanners import honeywell
from tests import transcripts

CODE, SSCC = b"RB123456785GB", b"373400306542500000"
ON, OFF = b"\x16T\r", b"\x16U\r"
ACK, NAK, XON, XOFF = b"\x06", b"\x15", b"\x11", b"\x13"
MENU = b"\x16M\r"


def made(**keys: object) -> honeywell.Scanner:
    return honeywell.Scanner(honeywell.Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


def answer(scanner: honeywell.Scanner, data: bytes, now: float = 0.0) -> bytes:
    scanner.feed(data, now)
    return scanner.take()


def at(scanner: honeywell.Scanner, now: float) -> bytes:
    """What it says up to `now`."""
    while (due := scanner.next_at()) is not None and due <= now:
        scanner.tick(due)
    scanner.tick(now)
    return scanner.take()


def test_the_transcripts_frames_are_this_stubs() -> None:
    said = {message.meaning: message.raw for message in transcripts.read("honeywell")}
    aim, own = made(code_id="aim", suffix="\r\n"), made(code_id="honeywell")
    for scanner in (aim, own):
        scanner.gate([CODE], 0.0)
    assert aim.take() == said["read RB123456785GB: Code 128"]
    assert own.take() == said["read RB123456785GB: j = Code 128"]
    aim.gate([], 0.0)
    assert aim.take() == b"NR\r\n"


def test_out_of_the_box_it_says_codes_bare_and_waits_for_nothing() -> None:
    scanner = made(delay_ms=5.0)
    scanner.gate([CODE, SSCC], 0.0)
    assert (scanner.take(), scanner.next_at()) == (b"", 5.0)
    assert at(scanner, 5.0) == CODE + b"\r" + SSCC + b"\r"
    assert (scanner.next_at(), scanner.said()) == (None, [CODE, SSCC])
    assert answer(scanner, NAK) == b""


def test_no_read_can_be_off() -> None:
    scanner = made(no_read="")
    scanner.gate([], 0.0)
    assert (scanner.take(), scanner.said()) == (b"", [None])
    assert answer(scanner, ON + OFF) == b""


def test_after_the_timeout_the_transmission_is_ended_with_a_beep() -> None:
    scanner = made(ack="acknak")
    scanner.gate([CODE], 0.0)
    assert (scanner.take(), scanner.next_at()) == (CODE + b"\r", 2000.0)
    assert at(scanner, 2000.0) == b""
    assert (scanner.counts["beeps"], scanner.counts["resent"], scanner.next_at()) == (1, 0, None)


def test_timeout_retries() -> None:
    scanner = made(ack="acknak", timeout_ms=1, retries=5)
    scanner.gate([CODE], 0.0)
    assert at(scanner, 100.0) == (CODE + b"\r") * 6
    assert (scanner.counts["beeps"], scanner.counts["resent"]) == (1, 5)


def test_nak_brings_the_last_data_again_as_often_as_it_comes() -> None:
    scanner = made(ack="acknak")
    scanner.gate([CODE, SSCC], 0.0)
    scanner.take()
    for number in range(10):
        assert answer(scanner, NAK, 1000.0 * number) == CODE + b"\r"  # and it waits anew
    assert scanner.said() == []
    assert answer(scanner, ACK, 9500.0) == SSCC + b"\r"
    assert scanner.said() == [CODE, SSCC]
    assert answer(scanner, ACK, 9600.0) == b""
    assert scanner.counts["beeps"] == 0


def test_a_full_queue_loses_the_newest() -> None:
    scanner = made(ack="acknak", queue=1)
    for code in (b"0", b"1", b"2"):
        scanner.gate([code], 0.0)
    assert answer(scanner, ACK + ACK) == b"0\r1\r"
    assert (scanner.said(), scanner.counts["lost"]) == ([b"0", b"1", None], 1)


def test_trigger_by_command() -> None:
    scanner = made(by_command=True)
    scanner.gate([CODE], 0.0)
    assert (answer(scanner, ON), scanner.said()) == (b"", [None])
    scanner.gate([], 1.0)
    scanner.gate([CODE], 2.0)
    scanner.gate([SSCC], 3.0)  # it has read, and its trigger is off
    assert (scanner.take(), scanner.said()) == (CODE + b"\r", [None, CODE, None])
    assert answer(scanner, OFF, 4.0) == b""
    answer(scanner, ON, 5.0)
    assert at(scanner, 30_004.0) == b""
    assert at(scanner, 30_005.0) == b"NR\r"
    assert (scanner.said(), scanner.next_at()) == ([], None)


def test_a_query_of_a_tag_lists_its_values() -> None:
    said = answer(made(), MENU + b"cbr?.")
    assert said == b"CBRENA1\x06,SSX0\x06,CK20\x06,CCT1\x06,MIN2\x06,MAX60\x06."


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (b"CBRENA*.", b"CBRENA0-1\x06."),
        (b"232BAD10.", b"232BAD10\x15."),
        (b"CBRENA.", b"CBRENA\x15."),
        (b"CBRENA?,MAX*;232BAD^!", b"CBRENA1\x06,MAX2-60\x06;232BAD9\x06!"),
        (b"CBRXXX1,ENA1.", b"CBRXXX1\x05,ENA1\x06."),
        (b"ABC?.", b"ABC?\x05."),
        (b".", b"\x05."),
    ],
)
def test_menu_commands(commands: bytes, said: bytes) -> None:
    assert answer(made(), MENU + commands) == said
    scanner = made()
    assert b"".join(answer(scanner, bytes((byte,))) for byte in MENU + commands) == said


def test_volatile_and_flash() -> None:
    scanner = made()
    answer(scanner, MENU + b"CBRMAX30!")
    assert answer(scanner, MENU + b"CBRMAX?!" + MENU + b"CBRMAX?.") == b"CBRMAX30\x06!CBRMAX60\x06."
    answer(scanner, MENU + b"CBRMAX40.")
    assert answer(scanner, MENU + b"CBRMAX?!" + MENU + b"CBRMAX?.") == b"CBRMAX40\x06!CBRMAX40\x06."


def test_xoff_holds_back_results_and_repetitions() -> None:
    scanner = made(ack="acknak", xonxoff=True, retries=1)
    scanner.gate([CODE], 0.0)
    assert answer(scanner, XOFF) == CODE + b"\r"
    scanner.gate([SSCC], 1.0)
    assert at(scanner, 60_000.0) + answer(scanner, NAK + ACK, 60_000.0) == b""
    assert answer(scanner, XON, 60_001.0) == SSCC + b"\r"
    assert at(scanner, 62_001.0) == SSCC + b"\r"
    assert answer(made(), XOFF + MENU + b"CBRENA?.") == b"CBRENA1\x06."  # it is not set to it


@pytest.mark.parametrize("rubbish", [b"\x00\xff\x7e", b"\x16", b"\x16\x16M", b"\x16X\r", MENU + b"A" * 600, b"]C0\r\n"])
def test_it_hears_again_after_rubbish(rubbish: bytes) -> None:
    scanner = made()
    answer(scanner, rubbish)
    assert answer(scanner, MENU + b"CBRENA?.") == b"CBRENA1\x06."


def test_a_lone_syn_swallows_no_acknowledgement() -> None:
    scanner = made(ack="acknak")
    scanner.gate([CODE], 0.0)
    answer(scanner, b"\x16" + ACK)
    assert scanner.next_at() is None


PIECES = st.one_of(st.binary(max_size=300), st.sampled_from([ON, OFF, ACK, NAK, XON, XOFF, MENU, b"CBRENA?."]))


@given(pieces=st.lists(PIECES), ack=st.sampled_from(["none", "acknak"]))
def test_any_bytes_neither_raise_nor_grow(pieces: list[bytes], ack: str) -> None:
    scanner = made(queue=4, xonxoff=True, ack=ack, retries=3)
    for number, piece in enumerate(pieces):
        scanner.gate([CODE], number * 10.0)
        answer(scanner, piece, number * 10.0)
        scanner.said()
    assert len(pickle.dumps(scanner)) < 5000
    later = 1e6
    scanner.feed(XON, later)
    at(scanner, later)
    assert answer(scanner, b"\r." + XON + MENU + b"CBRENA*.", later).endswith(b"CBRENA0-1\x06.")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"code_id": "symbol"}, "code_id"),
        ({"aim": "C0"}, "aim"),
        ({"letter": "jj"}, "letter"),
        ({"letter": "\u0660"}, "letter"),
        ({"ack": "on"}, "ack"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"timeout_ms": 65536}, "timeout_ms"),
        ({"retries": 256}, "retries"),
        ({"read_s": 0.0}, "read_s"),
        ({"queue": 257}, "queue"),
        ({"delay_ms": -1.0}, "delay_ms"),
        ({"suffix": "\u20ac"}, "suffix"),
    ],
)
def test_settings_that_no_scanner_has(keys: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        made(**keys)
