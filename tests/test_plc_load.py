"""A telegram line carries nearly all that its wire can, before answers come late."""

from __future__ import annotations

import pytest

from tests.plc_load import WANTED, carries, limit


@pytest.mark.parametrize("baud", [9_600, 115_200])
def test_what_a_line_carries(baud: int) -> None:
    assert carries(baud, WANTED * limit(baud), 20.0)


def test_no_line_carries_more_than_its_wire() -> None:
    assert not carries(9_600, 1.05 * limit(9_600), 60.0)
