"""What every test shares: how hypothesis runs, and how much is run of what takes many cases."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No deadline: a busy machine is not a failure. No example database: a run depends on nothing but the tree.
settings.register_profile("hubfloor", deadline=None, database=None, max_examples=50)
settings.register_profile("hubfloor-full", settings.get_profile("hubfloor"), max_examples=200)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="faults at every place, more seeds and examples, not some of them"
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("hubfloor-full" if config.getoption("--full") else "hubfloor")


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether a test takes every case; else it takes as many as are quick, one of each kind."""
    return bool(request.config.getoption("--full"))
