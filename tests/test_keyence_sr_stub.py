"""The Keyence stub by the words of its manuals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scanners.keyence_sr import Scanner, Settings
from tests.test_scanner_stubs import CODE, answer


def keyence(**keys: object) -> Scanner:
    return Scanner(Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"LON\r", b"OK,LON\r"),
        (b"LON\r\n", b"OK,LON\r"),
        (b"\x02LON\x03", b"\x02OK,LON\x03"),
        (b"LON01\r", b"OK,LON01\r"),
        (b"LON16\r", b"OK,LON16\r"),
        (b"LON17\r", b"ER,LON17,02\r"),
        (b"LON00\r", b"ER,LON00,02\r"),
        (b"LON1\r", b"ER,LON1,01\r"),
        (b"LONG\r", b"ER,LONG,00\r"),
        (b"LOFF\r", b"ER,LOFF,20\r"),
        (b"LON\rLON\r", b"OK,LON\rER,LON,20\r"),
        (b"LON\rLOFF\r", b"OK,LON\rOK,LOFF\rERROR\r"),
        (b"LON\x1bLOFF\x1bLON\r", b"OK,LON\r"),
        (b"\x02XY\x1bLON\x03", b"\x02OK,LON\x03"),
        (b"HELLO\r", b"ER,HELLO,00\r"),
        (b"\r\n\r\n", b""),
        (b"\x02L\x02LON\x03", b"\x02OK,LON\x03"),
    ],
)
def test_answers_have_the_framing_of_their_command(command: bytes, said: bytes) -> None:
    assert answer(keyence(), command) == said
    drop = keyence()
    assert b"".join(answer(drop, bytes((byte,))) for byte in command) == said


def test_silence_of_ten_seconds_ends_half_a_command() -> None:
    scanner = keyence()
    assert answer(scanner, b"LO", 0.0) == b""
    assert answer(scanner, b"N\r", 10_000.0) == b"OK,LON\r"
    assert answer(scanner, b"LO", 11_000.0) == b""
    assert answer(scanner, b"FF\r", 21_001.0) == b"ER,FF,00\r"


def test_like_an_sr_600_it_obeys_without_an_answer() -> None:
    scanner = keyence(replies=False, trigger="command")
    assert answer(scanner, b"LON\rLON\rHELLO\r") == b""
    assert scanner.reading == [0]
    scanner.gate([CODE], 1.0)
    assert scanner.take() == CODE + b"\r"
    assert answer(scanner, b"LON\rLOFF\r") == b"ERROR\r"


def test_a_sensor_opens_it_for_every_item() -> None:
    scanner = keyence(framing="stx", delay_ms=30)
    scanner.gate([CODE, b"2"], 0.0)
    scanner.gate([], 1.0)
    scanner.tick(31.0)
    assert scanner.take() == b"\x02RB123456785GB\x03\x022\x03\x02ERROR\x03"
    assert scanner.said() == [CODE, b"2", None]


def test_a_single_read_ends_reading_and_a_late_loff_is_an_error() -> None:
    scanner = keyence(trigger="command")
    scanner.gate([b"unseen"], 0.0)
    answer(scanner, b"LON\r")
    scanner.gate([], 1.0)
    scanner.gate([CODE], 2.0)
    assert (scanner.take(), scanner.reading) == (CODE + b"\r", [])
    assert answer(scanner, b"LOFF\r") == b"ER,LOFF,20\r"
    assert scanner.said() == [None, None, CODE]


def test_it_can_send_only_behind_loff() -> None:
    scanner = keyence(trigger="command", send="loff")
    answer(scanner, b"LON\r")
    for codes in ([CODE], [], [b"2", b"3"]):
        scanner.gate(codes, 1.0)
    assert (scanner.take(), scanner.said()) == (b"", [])
    assert answer(scanner, b"LOFF\r") == b"OK,LOFF\r" + CODE + b"\r2\r3\r"
    assert scanner.said() == [CODE, None, b"2", b"3"]
    assert answer(scanner, b"LON\rLOFF\r") == b"OK,LON\rOK,LOFF\rERROR\r"


def test_what_it_cannot_keep_is_over() -> None:
    scanner = keyence(trigger="command", send="loff", buffer=20)
    answer(scanner, b"LON\r")
    for _ in range(1000):
        scanner.gate([CODE], 1.0)
    assert len(scanner._readers[0].kept) == 2
    assert answer(scanner, b"LOFF\r") == b"OK,LOFF\rOVER\r"
    assert scanner.said() == [None] * 1000
    answer(scanner, b"LON\r")
    scanner.gate([CODE], 2.0)
    assert answer(scanner, b"LOFF\r") == b"OK,LOFF\r" + CODE + b"\r", "all is well again"


def test_readers_behind_an_n410_are_addressed_and_take_turns() -> None:
    scanner = keyence(address=3, others=(4,), trigger="command")
    assert answer(scanner, b"%T03-LON\r%T05-LON\rLON\r%T04-HELLO\r") == b"%T03-OK\r%T04-ERR91\r"
    assert scanner.reading == [3]
    assert answer(scanner, b"%T03-LON\r") == b"%T03-NG\r"
    scanner.gate([CODE], 1.0)  # 3
    scanner.gate([CODE], 2.0)  # 4, which nobody opened
    assert scanner.take() == b"%P03-0013RB123456785GB\r"
    assert answer(scanner, b"%T04-LON\r%T04-LOFF\r") == b"%T04-OK\r%T04-OK\r%P04-0005ERROR\r"
    assert scanner.said() == [CODE, None]


def test_the_ledger_keeps_the_order_of_the_gates() -> None:
    scanner = keyence(address=1, others=(2,), trigger="command", send="loff")
    answer(scanner, b"%T01-LON\r%T02-LON\r")
    scanner.gate([b"A"], 1.0)
    scanner.gate([b"B"], 2.0)
    assert answer(scanner, b"%T02-LOFF\r") == b"%T02-OK\r%P02-0001B\r"
    assert scanner.said() == []
    assert answer(scanner, b"%T01-LOFF\r") == b"%T01-OK\r%P01-0001A\r"
    assert scanner.said() == [b"A", b"B"]


def test_commands_can_have_other_names() -> None:
    scanner = keyence(on="READ", off="STOP")
    assert answer(scanner, b"READ\rSTOP\rLON\r") == b"OK,READ\rOK,STOP\rERROR\rER,LON,00\r"


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"framing": "lf"}, "framing must be 'cr' or 'stx'"),
        ({"trigger": "x"}, "trigger must be"),
        ({"send": "later"}, "send must be"),
        ({"address": 32}, "address must be from 0 to 31"),
        ({"others": (3,)}, "others must be"),
        ({"address": 3, "others": (3,)}, "others must be"),
        ({"address": 3, "others": (0,)}, "others must be from 1"),
        ({"on": ""}, "on must have 1 to 8"),
        ({"off": "LON"}, "must differ"),
        ({"no_read": "TOO LONG."}, "no_read must have at most 8"),
        ({"buffer": 0}, "buffer must be"),
        ({"no_read": "\u20ac"}, "no_read = '€'"),
    ],
)
def test_settings_that_no_device_has(keys: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        keyence(**keys)


@given(
    pieces=st.lists(
        st.one_of(st.binary(max_size=300), st.sampled_from([b"LON", b"\r", b"\x02", b"%T03-", b"\x1b"])), max_size=20
    ),
    address=st.sampled_from([0, 3]),
)
def test_no_bytes_raise_or_grow(pieces: list[bytes], address: int) -> None:
    scanner = keyence(address=address)
    for piece in pieces:
        assert len(answer(scanner, piece)) <= 300 * (len(piece) + 1)
    assert len(scanner._in) <= 256
    head = b"%T03-" if address else b""
    answer(scanner, b"\x1b\x03\r" + head + b"LOFF\r", 99_999.0)
    assert answer(scanner, head + b"LON\r", 99_999.0) == (head + b"OK\r" if address else b"OK,LON\r")
