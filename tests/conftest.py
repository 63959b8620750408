"""What every test shares: how hypothesis runs, how much is run of what takes many cases, and what stays together."""

from __future__ import annotations

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

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


TOGETHER = "tests/faults/"
"""One process runs all of these: the floors and scenarios beside them begin with the first, once in a process."""


APART = ("tests/test_sim.py", "tests/test_plc_power.py", "tests/test_killed.py")
"""Their tests are long and share nothing: each goes where there is room."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # it has no annotations
    """A file's tests in one process, for they share brokers and floors, and those of `TOGETHER` in one as well."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(APART):
            return nodeid
        return TOGETHER if nodeid.startswith(TOGETHER) else str(super()._split_scope(nodeid))

    def remove_node(self, node: object) -> str | None:
        """A test that ended its process has failed, by its name: no other process tries it again."""
        units = self.assigned_work[node].values()
        ended: str | None = next((test for unit in units for test, done in unit.items() if not done), None)
        if ended is not None:
            self.assigned_work[node][self._split_scope(ended)][ended] = True
        super().remove_node(node)  # gives the others of its file to another process
        return ended


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile | None:
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None
