"""The stub of a Datalogic scanner by the words of its manuals; host mode in order stands in
tests/wire/datalogic_host.txt."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scanners import datalogic
from tests import transcripts

CODE, SSCC = b"RB123456785GB", b"373400306542500000"
FOUR = [b"0027110002054872550918034976966", b"1234567890123", b"0467", b"675898767566"]
ENTER, PROGRAM, LEAVE = b"\x1b[C", b"\x1b[B", b"\x1b[A"


def made(**keys: object) -> datalogic.Scanner:
    return datalogic.Scanner(datalogic.Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


def answer(scanner: datalogic.Scanner, data: bytes, now: float = 0.0) -> bytes:
    scanner.feed(data, now)
    return scanner.take()


def shown(scanner: datalogic.Scanner, *codes: bytes, now: float = 0.0, index: int = 0) -> bytes:
    scanner.gate(list(codes), now, index)
    return scanner.take()


def at(scanner: datalogic.Scanner, now: float) -> bytes:
    """What it says up to `now`."""
    while (due := scanner.next_at()) is not None and due <= now:
        scanner.tick(due)
    scanner.tick(now)
    return scanner.take()


def test_the_manuals_examples() -> None:
    said = {message.meaning.split(": ")[1]: message.raw for message in reversed(transcripts.read("datalogic"))}
    assert shown(made(), *FOUR) == said["all four were read"]
    assert shown(made(), *FOUR[1:]) == said["three codes of one parcel"]
    assert shown(made()) == said["global no-read"] == b"\x02???????\r\n"
    assert shown(made(), FOUR[0], FOUR[1], FOUR[3]) == said["code collection, whatever was read"]
    assert shown(made(no_read="NO READ")) == said["its text is a setting"]
    indexed = made(index_digits=6)
    assert shown(indexed, CODE, index=12) == said["index 12"]


def test_local_no_read_of_the_groups_that_are_missing() -> None:
    scanner = made(groups=4)
    assert shown(scanner, *FOUR[:3]) == b"\x02" + b",".join(FOUR[:3]) + b",?\r\n"
    assert shown(scanner, *FOUR) == b"\x02" + b",".join(FOUR) + b"\r\n"
    assert shown(scanner) == b"\x02???????\r\n"
    assert shown(made(groups=2, no_read="")) == b"\x02?,?\r\n"
    assert scanner.said() == [*FOUR[:3], *FOUR, None]


def test_it_can_be_silent_when_nothing_was_read() -> None:
    scanner = made(no_read="")
    assert (shown(scanner), scanner.said()) == (b"", [None])


def test_framing_and_address_are_settings() -> None:
    scanner = made(header="", terminator="\r", separator="\x1d", address="07,", delay_ms=20.0)
    assert shown(scanner, CODE, SSCC, now=5.0) == b""
    assert scanner.next_at() == 25.0
    assert at(scanner, 25.0) == b"07," + CODE + b"\x1d" + SSCC + b"\r"


def test_the_index_begins_again_behind_its_last_number() -> None:
    scanner = made(index_digits=3)
    assert shown(scanner, CODE, index=1999) == b"\x02999," + CODE + b"\r\n"
    assert shown(scanner, index=2000) == b"\x02000,???????\r\n"


def test_the_index_of_the_host_is_for_one_item_and_the_last_one_counts() -> None:
    scanner = made(index_digits=6, index_from_host=True, index_header="<", index_terminator=">")
    assert answer(scanner, b"<A-1><A-2>noise<A-3") == b""
    assert shown(scanner, CODE) == b"\x02A-2," + CODE + b"\r\n"
    assert answer(scanner, b">", 1.0) == b""
    assert shown(scanner, now=2.0) == b"\x02A-3,???????\r\n"
    assert shown(scanner, CODE, now=3.0) == b"\x02" + CODE + b"\r\n"
    assert answer(scanner, b"<" + b"9" * 129 + b"><>", 4.0) == b""
    assert shown(scanner, CODE, now=5.0) == b"\x02" + CODE + b"\r\n"


def test_unconditioned_heartbeat_takes_no_notice_of_results() -> None:
    scanner = made(heartbeat="HB", heartbeat_s=1.0)
    shown(scanner, CODE, now=900.0)
    assert at(scanner, 999.0) == b""
    assert at(scanner, 2000.0) == b"HB\r\nHB\r\n"
    assert scanner.said() == [CODE]


def test_conditioned_heartbeat_comes_when_nothing_else_did() -> None:
    scanner = made(heartbeat="HB", heartbeat_s=1.0, heartbeat_when="conditioned")
    shown(scanner, CODE, now=900.0)
    assert at(scanner, 1899.0) == b""
    assert at(scanner, 1900.0) == b"HB\r\n"
    assert scanner.next_at() == 2900.0


@pytest.mark.parametrize(
    ("keys", "counters"),
    [
        ({"heartbeat_modulus": 10, "heartbeat_start": 8}, [b"8", b"9", b"0"]),
        ({"heartbeat_modulus": 100, "heartbeat_start": 7}, [b"07", b"08", b"09"]),
        ({"heartbeat_modulus": 1000, "heartbeat_start": 1, "heartbeat_up": False}, [b"001", b"000", b"999"]),
        ({"heartbeat_modulus": 10000, "heartbeat_start": 9999}, [b"9999", b"0000", b"0001"]),
    ],
)
def test_heartbeat_counter(keys: dict[str, object], counters: list[bytes]) -> None:
    scanner = made(heartbeat="HB", heartbeat_s=1.0, **keys)
    assert at(scanner, 3000.0) == b"".join(b"HB" + counter + b"\r\n" for counter in counters)


def test_in_host_mode_nothing_is_read() -> None:
    scanner = made(heartbeat="HB", heartbeat_s=1.0)
    assert answer(scanner, ENTER) == b"\x1bH\r\n"
    assert (shown(scanner, CODE, SSCC), scanner.said()) == (b"", [None, None])
    assert at(scanner, 1500.0) == b""
    assert answer(scanner, LEAVE, 1501.0) == b"\x1b[X"
    assert (shown(scanner, CODE, now=1502.0), scanner.said()) == (b"\x02" + CODE + b"\r\n", [CODE])
    assert at(scanner, 2000.0) == b"HB\r\n"


def test_programming_again_and_again() -> None:
    scanner = made()
    answer(scanner, ENTER + PROGRAM)
    right, wrong = b"\x1bK\r\n", b"\x1bW1\r\n"
    assert answer(scanner, b"\x1bEA\x1bIA#" * 2 + b"\x1bE\x1bIA#\x1bIA#") == right * 2 + wrong * 2
    assert answer(scanner, b"\x1bAA" * 400 + b"\x1bIA#") != right  # longer than it can hold
    assert answer(scanner, LEAVE, 1.0) == b"\x1b[X"


@pytest.mark.parametrize("rubbish", [b"\x00\xff\x7e", b"\x1b", b"\x1b\x1b[", b"\x1b" * 5000, PROGRAM + LEAVE])
def test_it_hears_again_after_rubbish_and_silence(rubbish: bytes) -> None:
    scanner = made()
    assert answer(scanner, rubbish) == b""
    assert answer(scanner, ENTER, 2001.0) == b"\x1bH\r\n"


def test_silence_ends_half_a_command() -> None:
    scanner = made()
    assert answer(scanner, ENTER[:2]) == b""
    assert answer(scanner, ENTER[2:], 2001.0) == b""


PIECES = st.one_of(st.binary(max_size=300), st.sampled_from([ENTER, PROGRAM, LEAVE, b"\x1bIA#", b"#12\r"]))


@given(pieces=st.lists(PIECES))
def test_any_bytes_neither_raise_nor_grow(pieces: list[bytes]) -> None:
    scanner = made(index_digits=6, index_from_host=True)
    for number, piece in enumerate(pieces):
        shown(scanner, CODE, now=number * 10.0)
        answer(scanner, piece, number * 10.0)
        scanner.said()
    assert len(pickle.dumps(scanner)) < 5000
    answer(scanner, LEAVE, 1e6)
    assert answer(scanner, b"#12\r", 2e6) == b""
    assert shown(scanner, CODE, now=3e6) == b"\x0212," + CODE + b"\r\n"


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"terminator": ""}, "terminator"),
        ({"header": "x" * 129}, "header"),
        ({"separator": "\u20ac"}, "separator"),
        ({"groups": 11}, "groups"),
        ({"groups": -1}, "groups"),
        ({"index": "item"}, "index"),
        ({"index_digits": 19}, "index_digits"),
        ({"index_from_host": True, "index_header": ""}, "index_header"),
        ({"heartbeat": "x" * 33}, "heartbeat"),
        ({"heartbeat": "\r\n"}, "heartbeat"),
        ({"heartbeat_s": 0.0}, "heartbeat_s"),
        ({"heartbeat_when": "never"}, "heartbeat_when"),
        ({"heartbeat_modulus": 12}, "heartbeat_modulus"),
        ({"heartbeat_modulus": 10, "heartbeat_start": 10}, "heartbeat_start"),
        ({"delay_ms": -1.0}, "delay_ms"),
    ],
)
def test_settings_that_no_scanner_has(keys: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} "):
        made(**keys)
