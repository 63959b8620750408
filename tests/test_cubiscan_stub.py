"""The CubiScan stub by the words of its manuals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scales.cubiscan import Scanner, Settings
from firmware_stubs.stub import Measures, SizingStub

MEASURE = b"\x02M\x03\r\n"
NAK = b"\x02?N\x03\r\n"
GOOD = Measures(12_340, "A", "", 405, 300, 201, "A")


def cubiscan(**keys: object) -> Scanner:
    return Scanner(Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


def lie(scanner: SizingStub, measures: Measures, now: float = 0.0) -> None:
    scanner.measure(measures, now)
    scanner.gate([b"RB123456785GB"], now)


def answer(scanner: Scanner, data: bytes, now: float = 0.0) -> bytes:
    scanner.feed(data, now)
    return scanner.take()


def fields(scanner: Scanner, now: float = 0.0) -> list[str]:
    return answer(scanner, MEASURE, now).decode()[1:-3].split(",")


def test_it_measures_on_m() -> None:
    scanner = cubiscan()
    lie(scanner, GOOD)
    assert scanner.take() == b"", "nobody asked"
    said = b"\x02MAH000000,L040.5,W030.0,H020.1,M,K012.34,D004.88,M,F5000,D\x03\r\n"
    assert answer(scanner, MEASURE) == said
    assert len(said) == 62, "fixed positions"
    assert b"".join(answer(scanner, bytes((byte,))) for byte in MEASURE) == said
    assert scanner.said() == [None]


def test_spaces_may_stand_for_leading_zeros() -> None:
    scanner = cubiscan(zeros=False)
    lie(scanner, GOOD)
    assert answer(scanner, MEASURE) == b"\x02MAH000000,L 40.5,W 30.0,H 20.1,M,K 12.34,D  4.88,M,F5000,D\x03\r\n"


def test_inches_and_pounds() -> None:
    scanner = cubiscan(dimensions="E", weights="E", factor=166, shipping="I", location="SLCUT1")
    lie(scanner, Measures(453_59, "A", "", 254, 254, 508, "A"))
    assert fields(scanner) == ["MAHSLCUT1", "L010.0", "W010.0", "H020.0", "E", "K100.00", "D012.05", "E", "F0166", "I"]


def test_under_over_and_unstable() -> None:
    scanner = cubiscan(settle_ms=500, most_mm=1000, most_g=50_000)
    assert fields(scanner)[1:7] == ["L_____", "W_____", "H_____", "M", "K______", "D______"], "nothing lies there"
    lie(scanner, Measures(50_001, "A", "", 1001, 300, 1, "A"), 1000.0)
    assert fields(scanner, 1499.0)[1:7] == ["L-----", "W-----", "H-----", "M", "K------", "D------"]
    assert fields(scanner, 1500.0)[1:7] == ["L~~~~~", "W030.0", "H_____", "M", "K~~~~~~", "D~~~~~~"]
    lie(scanner, Measures(0, "E", "", 0, 0, 0, "E"), 2000.0)
    assert fields(scanner, 9000.0)[1:7] == ["L-----", "W-----", "H-----", "M", "K------", "D------"]
    assert fields(cubiscan(unstable=1.0))[1] == "L-----"


def test_a_gate_measure_is_sent_unasked() -> None:
    scanner = cubiscan(gate_measure=True)
    lie(scanner, GOOD)
    assert scanner.take()[:13] == b"\x02mAC000000,L0"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"\x02Z\x03\r\n", NAK),
        (b"\x02MM\x03\r\n", NAK),
        (b"\x02\x03\r\n", NAK),
        (b"\x02m\x03\r\n", NAK),
        (b"M\r\n", b""),
        (b"\x02" + b"M" * 1000 + b"\x03\r\n", b""),
        (b"\x02Z\x02Q\x03\r\n", NAK),
    ],
)
def test_all_else_gets_a_nak_where_it_is_framed(command: bytes, said: bytes) -> None:
    scanner = cubiscan()
    assert answer(scanner, command) == said
    assert answer(scanner, MEASURE)[:4] == b"\x02MAH"


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"location": "slc"}, "location must be 6 digits or capital letters"),
        ({"dimensions": "cm"}, "dimensions must be 'M' or 'E'"),
        ({"weights": "kg"}, "weights must be"),
        ({"shipping": "X"}, "shipping must be"),
        ({"factor": 0}, "factor must be from 1 to 9999"),
        ({"unstable": 2.0}, "unstable must be"),
        ({"least_g": 80_000}, "least_g must be"),
        ({"least_mm": 1300}, "least_mm must be"),
        ({"settle_ms": -1.0}, "settle_ms must be"),
    ],
)
def test_settings_that_no_device_has(keys: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cubiscan(**keys)


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([b"\x02", b"\x03", b"M"])), max_size=20))
def test_no_bytes_raise_or_grow(pieces: list[bytes]) -> None:
    scanner = cubiscan()
    for piece in pieces:
        assert len(answer(scanner, piece)) <= 70 * len(piece)
    assert len(scanner._in) <= 64
    assert answer(scanner, MEASURE)[:4] == b"\x02MAH"
