"""What the suite does on all cores (conftest.py)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ENDS = """\
import os

def test_first(): ...
def test_ends(): os._exit(1)
def test_next(): ...
def test_last(): ...
"""


def test_a_test_that_ends_its_process_fails_once_and_the_others_run_on(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_ends.py").write_text(ENDS)
    (tmp_path / "test_other.py").write_text("def test_other(): ...\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-n", "2", "--dist", "loadfile", str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert re.search("^=+ 1 failed, 4 passed in ", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert "crashed while running 'test_ends.py::test_ends'" in done.stdout
