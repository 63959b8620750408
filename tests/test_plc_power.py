"""A full belt when the power goes or the disk stalls: every item ends once, and arrivals are answered in time."""

from __future__ import annotations

import pytest

from tests.plc_power import CASES, ITEMS, run


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("plc", ["telegram", "mqtt_json", "modbus-tcp"])
def test_every_item_ends_once(plc: str, case: str) -> None:
    found = run(plc, case, 1)
    assert not found.broken
    assert found.on_belt >= ITEMS
    assert sum(found.ends.values()) > ITEMS
