"""The floor cannot tell which encoding a PLC speaks: the same parcels end alike."""

from __future__ import annotations

import pytest

from tests.encodings import PLCS, Outcome, ride


@pytest.fixture(scope="module")
def by_telegram() -> Outcome:
    return ride(PLCS[0], 60)


@pytest.mark.parametrize("plc", PLCS[1:])
def test_the_same_parcels_end_alike(plc: str, by_telegram: Outcome) -> None:
    found = ride(plc, 60)
    assert found.ends == by_telegram.ends
    assert found.events == by_telegram.events
    assert len(found.ends) >= 60
