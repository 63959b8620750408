"""An item without a customs release ends in a supervised lane; a floor that leaves another way is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import load
from tests.test_config import FLOOR, LOOP, changed, problems, write

OPEN = [
    (
        changed("supervised = true", "supervised = false")[0],
        "lane.S1-EX.supervised",
        "S1-EX is the default lane of line S1 and S1-EX has the role exception",
        "choose another default_lane and take the role away",
    ),
    (
        changed("capacity = 40", 'roles = ["sort", "overflow"]')[0],
        "lane.S1-L01.supervised",
        "S1-L01 has the role overflow",
        "take the role away",
    ),
    (
        FLOOR + '[lane.S1-L99]\nline = "S1"\nposition_mm = 23000\n',
        "lane.S1-L99.supervised",
        "line S1 ends in S1-L99",
        "let the line end in a supervised lane",
    ),
]


@pytest.mark.parametrize(("text", "key", "path", "otherwise"), OPEN)
def test_an_open_closure(tmp_path: Path, text: str, key: str, path: str, otherwise: str) -> None:
    found = {problem.key: problem for problem in problems(tmp_path, text)}
    assert found[key].what == f"false, but {path}: an item without a customs release can get there"
    assert found[key].instead == f"write supervised = true or {otherwise}"
    assert text.splitlines()[found[key].line - 1].startswith(("supervised", "[lane."))


def test_a_line_without_a_supervised_lane(tmp_path: Path) -> None:
    text, _ = changed("supervised = true", "supervised = false")
    [problem] = [problem for problem in problems(tmp_path, text) if problem.key == "line.S1"]
    assert (problem.line, problem.instead) == (9, "write supervised = true at S1-EX")


def test_on_a_loop_there_is_no_end(tmp_path: Path) -> None:
    load(write(tmp_path, FLOOR + LOOP + '[lane.LP-L1]\nline = "LP"\nposition_mm = 80000\n'))
