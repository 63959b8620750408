"""What every test shares: how hypothesis runs, and how much of the fault suite is run."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No deadline: a busy machine is not a failure. No example database: a run depends on nothing but the tree.
settings.register_profile("hubfloor", deadline=None, database=None)
settings.load_profile("hubfloor")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="faults at every place, not at some of them")


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether a test of the fault suite takes every case; else it takes as many as are quick."""
    return bool(request.config.getoption("--full"))
