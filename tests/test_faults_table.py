"""docs/faults.md names a test for each fault that it calls tested, and says of each other one why not."""

from __future__ import annotations

from pathlib import Path

from tests.faults.__main__ import STATES, rows
from tests.layers import functions

HERE = Path(__file__).parent
FAULTS = 50


def test_every_fault_has_its_row_and_its_state() -> None:
    assert [row.number for row in rows()] == list(range(1, FAULTS + 1))
    assert {row.state for row in rows()} <= set(STATES)


def test_what_is_called_tested_names_tests_that_exist() -> None:
    for row in rows():
        assert bool(row.tests) or row.state != "tested", f"row {row.number} is called tested and names no test"
        for file, name in row.tests:
            assert not name or name in functions(HERE / file), f"row {row.number}: {file} has no {name}"
