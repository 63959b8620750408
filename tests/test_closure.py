"""An item without a customs release ends in a supervised lane; a floor that leaves another way is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import load
from controller.sheet import Problem
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


TWO = FLOOR + LOOP
XFER = '[lane.S1-X]\nline = "S1"\nposition_mm = 9000\nleads_to = "LP"\nsupervised = true\n'
BACK = '[lane.LP-X]\nline = "LP"\nposition_mm = 80000\nleads_to = "S1"\nsupervised = true\n'


def on_lines(found: list[Problem]) -> dict[str, tuple[str, str]]:
    return {problem.key: (problem.what, problem.instead) for problem in found}


def test_lanes_that_lead_on_are_supervised(tmp_path: Path) -> None:
    load(write(tmp_path, TWO + XFER + BACK))
    found = on_lines(problems(tmp_path, TWO + XFER.replace("supervised = true", "")))
    assert found == {
        "lane.S1-X.supervised": (
            "false, but S1-X leads to line LP: what left the customs-controlled area cannot go on",
            "write supervised = true, or take leads_to away",
        )
    }


def test_the_line_behind_is_closed_by_itself(tmp_path: Path) -> None:
    text, _ = changed("position_mm = 100\nsupervised = true\n", "position_mm = 100\n", TWO)
    assert set(on_lines(problems(tmp_path, text + XFER))) == {"lane.LP-EX.supervised", "line.LP"}


def test_a_line_may_end_in_a_lane_that_leads_on(tmp_path: Path) -> None:
    text, _ = changed('roles = ["exception"]\n', 'roles = ["exception"]\nleads_to = "LP"\n', TWO)
    load(write(tmp_path, text))


def test_somewhere_an_item_on_hold_comes_to_lie(tmp_path: Path) -> None:
    text, _ = changed('roles = ["exception"]\n', 'roles = ["exception"]\nleads_to = "LP"\n', TWO)
    text, _ = changed("position_mm = 100\n", 'position_mm = 100\nleads_to = "S1"\n', text)
    what = "its supervised lanes only lead on to lines that lead on: an item on customs hold comes to no end"
    assert on_lines(problems(tmp_path, text)) == {
        "line.S1": (what, "take leads_to away at one of S1-EX, or add a supervised lane"),
        "line.LP": (what, "take leads_to away at one of LP-EX, or add a supervised lane"),
    }
    load(write(tmp_path, text + BACK.replace('leads_to = "S1"\n', "")))
