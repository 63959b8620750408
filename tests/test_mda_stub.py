"""The Master Data Analyzer stub by the words of its manual."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.scales.mda import Scanner, Settings
from firmware_stubs.stub import Measures, SizingStub

CODE = b"1JVGL0012345"
GOOD = Measures(81_212, "A", "", 321, 150, 87, "A")


def mda(seed: int = 1, **keys: Any) -> Scanner:
    return Scanner(Settings(**keys), seed, 0.0)


def record(scanner: SizingStub, measures: Measures | None, codes: list[bytes], index: int = 0) -> bytes:
    if measures:
        scanner.measure(measures, 5.0)
    scanner.gate(codes, 5.0, index)
    said = scanner.take()
    assert isinstance(said, bytes)
    return said


def test_one_record_an_item_with_the_values_of_the_manual() -> None:
    scanner = mda()
    assert record(scanner, GOOD, [CODE]) == b"\x020001;1JVGL0012345;000081212;g;0;0321;0150;0087;mm;0000;4189050\x03"
    assert record(scanner, GOOD, []) == b"\x020002;NoRead;000081212;g;0;0321;0150;0087;mm;0000;4189050\x03"
    assert record(scanner, GOOD, [CODE, b"2"]).startswith(b"\x020003;1JVGL0012345;")
    assert scanner.said() == [CODE, None, CODE, None], "one code of one item"


def test_the_object_number_may_be_the_items_own() -> None:
    assert record(mda(object="track"), GOOD, [CODE], 10_145)[:6] == b"\x020145;"
    scanner = mda()
    for _ in range(9999):
        record(scanner, GOOD, [CODE])
    assert record(scanner, GOOD, [CODE])[:6] == b"\x020001;"


def test_a_weight_that_is_not_legal_for_trade_is_zeros() -> None:
    for scanner, measures in (
        (mda(legal_for_trade=False), GOOD),
        (mda(), Measures(81_212, "U", "", 321, 150, 87, "A")),
        (mda(), Measures(0, "E", "", 321, 150, 87, "A")),
    ):
        assert record(scanner, measures, [CODE]).split(b";")[2:5] == [b"000000000", b"g", b"0"]


def test_a_scale_that_is_not_connected_is_an_error() -> None:
    assert record(mda(scale_connected=False), GOOD, [CODE]).split(b";")[2:5] == [b"000000000", b"g", b"1"]


def test_sizes_that_were_not_measured_are_zeros() -> None:
    zeros = [b"0000", b"0000", b"0000", b"mm", b"0000", b"0000000\x03"]
    for measures in (Measures(1, "A", "", 0, 0, 0, "E"), Measures(1, "A", "", 10_000, 5, 5, "A"), None):
        assert record(mda(), measures, [CODE]).split(b";")[5:] == zeros
    outside = record(mda(outside=1.0), GOOD, [CODE]).split(b";")[5:]
    assert outside == [b"0000", b"0000", b"0000", b"mm", b"0001", b"0000000\x03"]


def test_measures_are_of_the_next_gate_only() -> None:
    scanner = mda(delay_ms=50)
    scanner.measure(GOOD, 0.0)
    scanner.gate([CODE], 0.0)
    scanner.gate([CODE], 10.0)
    scanner.measure(GOOD, 20.0)
    scanner.tick(60.0)
    first, second, _ = scanner.take().split(b"\x03")
    assert (first.split(b";")[5], second.split(b";")[5]) == (b"0321", b"0000")


def test_a_large_volume_has_more_digits() -> None:
    assert record(mda(), Measures(1, "A", "", 500, 400, 300, "A"), [CODE]).endswith(b";60000000\x03")


def test_the_same_seed_has_the_same_mishaps() -> None:
    def outside(seed: int) -> list[bool]:
        scanner = mda(seed, outside=0.3)
        return [b";0001;" in record(scanner, GOOD, [CODE]) for _ in range(200)]

    assert outside(7) == outside(7)
    assert outside(7) != outside(8)
    assert 30 < sum(outside(7)) < 90


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"no_read": ""}, "no_read must be a text without ;"),
        ({"no_read": "a;b"}, "no_read must be a text without ;"),
        ({"object": "x"}, "object must be 'count' or 'track'"),
        ({"outside": 1.5}, "outside must be from 0 to 1"),
        ({"delay_ms": -1.0}, "delay_ms must be"),
    ],
)
def test_settings_that_no_device_has(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mda(**keys)


@given(st.binary(max_size=300))
def test_it_does_not_listen(data: bytes) -> None:
    scanner = mda()
    scanner.feed(data, 0.0)
    assert (scanner.take(), scanner.next_at()) == (b"", None)
