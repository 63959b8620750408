"""The floor cannot tell which encoding a PLC speaks: the same parcels end alike."""

from __future__ import annotations

import os
from functools import partial
from multiprocessing import get_context

import pytest

from tests.encodings import PLCS, Outcome, ride

LAPS = 1
"""An unread parcel goes round no oftener: what a lap is counted by, no encoding knows, and each costs 48 s of polls."""


@pytest.fixture(scope="module")
def rides() -> dict[str, Outcome]:
    """With each encoding, over some processes."""
    with get_context("spawn").Pool(min(len(PLCS), os.cpu_count() or 1)) as pool:
        return dict(zip(PLCS, pool.map(partial(ride, parcels=60, laps=LAPS), PLCS, chunksize=1), strict=True))


@pytest.mark.parametrize("plc", PLCS[1:])
def test_the_same_parcels_end_alike(plc: str, rides: dict[str, Outcome]) -> None:
    found, by_telegram = rides[plc], rides[PLCS[0]]
    assert found.ends == by_telegram.ends
    assert found.events == by_telegram.events
    assert found.events["parcel/recirculated"]
    assert len(found.ends) >= 60
