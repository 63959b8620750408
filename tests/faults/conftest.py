"""Whole floors under faults, beside the tests of this folder: they wait for belts more than they compute."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.broker import BrokerMissing, mosquitto_binary
from tests.faults.preload import MISSING, compiler

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
QUICK = ("slow", "short", "interrupted", "clock")


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
