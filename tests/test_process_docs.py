"""What the documents say of running the daemon is what it does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller import __main__, core, notify, stalls
from controller.commands import run

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "docs" / "floord.service"


def test_every_exit_code_of_the_daemon_is_told_everywhere() -> None:
    codes = {core.EXIT_OK, core.EXIT_DISK, core.EXIT_OWN, stalls.EXIT_STALLED, run.EXIT_RUNNING, run.EXIT_CONFIG}
    assert codes == {0, 70, 71, 72, 75, 78}
    assert (run.EXIT_DISK, run.EXIT_OWN) == (core.EXIT_DISK, core.EXIT_OWN)
    operation = (ROOT / "docs" / "operation.md").read_text()
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", operation, re.MULTILINE)}
    assert told == codes | {1}
    listed = {int(code) for code in re.findall(r"^  (\d+)  ", __main__.EXIT_CODES, re.MULTILINE)}
    assert codes <= listed
    readme = (ROOT / "README.md").read_text().partition("Exit codes: ")[2]
    assert all(f"{code} " in readme for code in codes)


def test_the_unit_gives_the_daemon_the_time_it_needs() -> None:
    unit = UNIT.read_text()
    watchdog = re.search(r"^WatchdogSec=(\d+)$", unit, re.MULTILINE)
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert watchdog is not None
    assert stop is not None
    told = notify.Notify({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": f"{watchdog[1]}000000"})
    assert told.every_s < int(watchdog[1]) / 2
    assert int(stop[1]) > 20
    assert "RestartPreventExitStatus=78\n" in unit


def test_the_unit_is_hardened() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here")
    done = subprocess.run(
        [analyze, "security", "--offline=true", str(UNIT)], capture_output=True, text=True, timeout=60, check=False
    )
    if "--offline" in done.stderr:
        pytest.skip("this systemd-analyze reads no files")
    level = re.search(r"Overall exposure level for floord.service: (\S+)", done.stdout)
    assert level is not None, done.stderr
    assert float(level[1]) < 2
