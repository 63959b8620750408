"""The floors that ran beside the tests of this folder: killed, and on a disk and under a clock that misbehave."""

from __future__ import annotations

import re

from tests.faults.conftest import QUICK, Floor


def test_a_floor_whose_daemon_is_killed_loses_and_doubles_nothing(floors: dict[str, Floor]) -> None:
    code, printed = floors["kills"].told()
    assert code == 0, printed
    assert re.search(r"^[6-9] kills .*\n\d+ events, ([5-9]|\d\d+) parcels", printed), printed


def test_a_floor_on_a_bad_disk_sorts_on(floors: dict[str, Floor]) -> None:
    code, printed = floors["disk"].told()
    assert code == 0, printed
    assert printed.startswith(f"{', '.join(QUICK)}: held")
