"""The DataMan stub by the words of its manual."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scanners.dataman import Scanner, Settings
from tests.test_scanner_stubs import CODE, answer

EXTENDED = b"||>SET COM.DMCC-RESPONSE 1\r\n"


def dataman(**keys: object) -> Scanner:
    return Scanner(Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


def summed(block: bytes) -> bytes:
    return block + bytes((reduce(xor, block),)) + b"\r\n"


def test_results_are_bare_lines_and_a_no_read_is_a_text() -> None:
    scanner = dataman(no_read="NOTHING", delay_ms=20)
    scanner.gate([CODE, b"X\xff"], 100.0)
    assert (scanner.take(), scanner.said(), scanner.next_at()) == (b"", [], 120.0)
    scanner.gate([], 110.0)
    scanner.tick(130.0)
    assert scanner.take() == CODE + b"\r\nX\xff\r\nNOTHING\r\n"
    assert scanner.said() == [CODE, b"X\xff", None]
    assert scanner.next_at() is None


def test_a_heartbeat_is_a_line_of_its_own() -> None:
    scanner = dataman(heartbeat="HB", heartbeat_s=2.0)
    assert scanner.next_at() == 2000.0
    scanner.tick(9000.0)
    assert (scanner.take(), scanner.next_at()) == (b"HB\r\n", 10_000.0)


def test_from_the_factory_commands_are_obeyed_in_silence() -> None:
    scanner = dataman(trigger="command")
    assert answer(scanner, b"||>TRIGGER ON\r\n") == b""
    assert scanner.triggered
    assert answer(scanner, b"||>NO SUCH COMMAND\r\n||0:7>GET NOTHING\r\n") == b""
    assert answer(scanner, b"||0:9>GET SYMBOL.DATAMATRIX\r\n") == b"ON\r\n", "a bare value, which looks like a code"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"||>TRIGGER ON\r\n", b"||[0]\r\n"),
        (b"||>trigger on\r\n", b"||[0]\r\n"),
        (b"||0:123>GET SYMBOL.DATAMATRIX\r\n", b"||0:123[0]ON\r\n"),
        (b"||>GET SYMBOL.DATAMATRIX\r\n", b"||[0]ON\r\n"),
        (b"||0:7>GET NOTHING\r\n", b"||0:7[101]\r\n"),
        (b"||0:8>REBOOT EVERYTHING\r\n", b"||0:8[100]\r\n"),
        (b"||>\r\n", b"||[100]\r\n"),
        (b"||>TRIGGER MAYBE\r\n", b"||[102]\r\n"),
        (b"||>SET SYMBOL.QR PERHAPS\r\n", b"||[102]\r\n"),
        (b"||>SET DEVICE.TYPE X\r\n", b"||[104]\r\n"),
        (b'||>SET DEVICE.NAME "a \\"b\\\\ \\| c\\t"\r\n||>GET DEVICE.NAME\r\n', b'||[0]\r\n||[0]a "b\\ | c\t\r\n'),
        (b"||>SET SYMBOL.QR on\r\n||>GET symbol.qr\r\n", b"||[0]\r\n||[0]ON\r\n"),
        (summed(b"||1:42>GET DEVICE.TYPE"), summed(b"||1:42[0]DM375")),
        (b"||1:42>GET DEVICE.TYPE\x00\r\n", summed(b"||1:42[103]")),
        (b"rubbish ||0:1>GET SYMBOL.QR\r\n", b"||0:1[0]OFF\r\n"),
        (b"||rubbish||0:1>GET SYMBOL.QR\r\n", b"||0:1[0]OFF\r\n"),
        (CODE + b"\r\n||5:1>GET SYMBOL.QR\r\n", b""),
    ],
)
def test_extended_answers(command: bytes, said: bytes) -> None:
    assert answer(dataman(response="extended"), command) == said
    drop = dataman(response="extended")
    assert b"".join(answer(drop, bytes((byte,))) for byte in command) == said


def test_extended_mode_is_switched_by_a_command_and_frames_results_too() -> None:
    scanner = dataman()
    assert answer(scanner, EXTENDED) == b"||[0]\r\n"
    scanner.gate([CODE], 1.0)
    scanner.gate([], 2.0)
    assert scanner.take() == b"||[1]RB123456785GB\r\n||[1]NOREAD\r\n"
    assert answer(scanner, b"||>SET COM.DMCC-RESPONSE 0\r\n") == b""
    scanner.gate([CODE], 3.0)
    assert scanner.take() == CODE + b"\r\n"


def test_older_firmware_has_base64_in_extended_results() -> None:
    scanner = dataman(response="extended", base64=True)
    scanner.gate([CODE], 1.0)
    assert scanner.take() == b"||[1]UkIxMjM0NTY3ODVHQg==\r\n"


@pytest.mark.parametrize("check", [b"\r", b"\n"])
def test_a_checksum_may_be_the_byte_that_ends_lines(check: bytes) -> None:
    names = [chr(one) + chr(two) for one in range(97, 123) for two in range(33, 123) if chr(two) not in '"\\']
    blocks = [summed(f'||1:42>SET DEVICE.NAME "{name}"'.encode()) for name in names]
    block = next(block for block in blocks if block[-3:-2] == check)
    assert answer(dataman(response="extended"), block) == summed(b"||1:42[0]")


def test_the_checksum_can_cover_the_command_alone() -> None:
    command = b"||1:42>GET DEVICE.TYPE\x58\r\n"
    assert answer(dataman(response="extended", checksum_over="command"), command)[:9] == b"||1:42[0]"
    assert answer(dataman(response="extended"), command)[:11] == b"||1:42[103]"


def test_triggered_it_reads_one_item_and_a_trigger_over_nothing_ends_with_no_read() -> None:
    scanner = dataman(trigger="command")
    scanner.gate([CODE], 1.0)
    assert (scanner.take(), scanner.said()) == (b"", [None]), "nobody triggered it"
    answer(scanner, b"||>TRIGGER ON\r\n")
    scanner.gate([], 2.0)
    assert scanner.take() == b""
    scanner.gate([CODE], 3.0)
    scanner.gate([b"NEXT"], 4.0)
    assert (scanner.take(), scanner.said()) == (CODE + b"\r\n", [None, CODE, None])
    assert answer(scanner, b"||>TRIGGER OFF\r\n") == b"", "it had ended by itself"
    answer(scanner, b"||>TRIGGER ON\r\n")
    assert answer(scanner, b"||>TRIGGER OFF\r\n") == b"NOREAD\r\n"


def test_one_that_is_not_available_says_so() -> None:
    assert answer(dataman(response="extended", available=False), b"||>TRIGGER ON\r\n") == b"||[105]\r\n"


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"response": "loud"}, "response must be 'silent' or 'extended', not 'loud'"),
        ({"trigger": "hope"}, "trigger must be"),
        ({"checksum_over": "none"}, "checksum_over must be"),
        ({"delay_ms": -1.0}, "delay_ms must be from 0"),
        ({"heartbeat_s": 0.0}, "heartbeat_s must be from"),
        ({"delay_ms": float("nan")}, "delay_ms must be from 0"),
        ({"no_read": "\u20ac"}, "no_read = '€'"),
    ],
)
def test_settings_that_no_device_has(keys: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataman(**keys)


@given(
    st.lists(
        st.one_of(st.binary(max_size=200), st.sampled_from([b"||", b"||1:", b">", b"\r\n", b"SET ", b'"'])), max_size=20
    )
)
def test_no_bytes_raise_or_grow(pieces: list[bytes]) -> None:
    scanner = dataman(response="extended")
    for piece in pieces:
        assert len(answer(scanner, piece)) <= 200 * (len(piece) + 1)
    assert answer(scanner, b"\r\n" + EXTENDED).endswith(b"||[0]\r\n")
    assert len(scanner._in) <= 1024


def test_endless_rubbish_is_forgotten() -> None:
    scanner = dataman(response="extended")
    for _ in range(100):
        assert answer(scanner, b"||>GET " + b"A" * 10_000) == b""
    assert len(scanner._in) <= 1024
    assert answer(scanner, b"\r\n" + EXTENDED) == b"||[0]\r\n"
