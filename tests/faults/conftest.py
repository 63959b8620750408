"""What mostly waits runs beside the other tests: whole floors as children, and scenarios on threads of their own.

`@pytest.mark.meanwhile(scenario=…)`: `scenario(folder, full)` returns its figures as text; the fixture `meanwhile` is
that text, or raises what it raised.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from controller.broker import BrokerMissing, mosquitto_binary
from tests.faults.preload import MISSING, compiler

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
QUICK = ("slow", "short", "interrupted", "clock", "full")


class Floor:
    """A floor that runs as a child."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def told(self) -> tuple[int, str]:
        """Its exit code and what it printed, when it has ended."""
        printed, _ = self._process.communicate(timeout=LIMIT_S)
        return self._process.returncode, printed

    def end(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.communicate(timeout=LIMIT_S)


@pytest.fixture(scope="session")
def floors() -> Iterator[dict[str, Floor]]:
    """`kills`: killed some times. `disk`: one trouble of the disk and of the clock after another."""
    if compiler() is None:
        pytest.skip(MISSING)
    try:
        mosquitto_binary()
        broker = "mosquitto"  # keeps the order of all that it delivers, not only within a topic
    except BrokerMissing:
        broker = "nats"
    together = ("--together", "--pace", "0.3", "--rate", "6", "--broker", broker)
    running = {
        "kills": Floor("tests.faults.kills", "--kills", "6", "--seed", "3"),
        "disk": Floor("tests.faults.disk_faults", *together, *QUICK),
    }
    yield running
    for floor in running.values():
        floor.end()


BESIDE = 3


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "meanwhile(scenario): run on a thread from the first fault test on")


@pytest.fixture(scope="session", autouse=True)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """The scenario of each selected test that has one."""
    full = bool(request.config.getoption("--full"))
    threads = ThreadPoolExecutor(BESIDE, "meanwhile")
    futures = {}
    for item in request.session.items:
        if mark := item.get_closest_marker("meanwhile"):
            futures[item.nodeid] = threads.submit(mark.kwargs["scenario"], tmp_path_factory.mktemp("meanwhile"), full)
    yield futures
    threads.shutdown(cancel_futures=True)


@pytest.fixture
def meanwhile(request: pytest.FixtureRequest, running: dict[str, Future[str]]) -> str:
    """The figures of this test's scenario."""
    return running[request.node.nodeid].result()
