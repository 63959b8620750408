"""The difference between two floors, as it is told before a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import Config
from controller.plan import Plan
from controller.plans import load_floor
from controller.reloading import SHOWN, Change, difference, refused, told
from tests.floor_fixture import FLOOR, PLAN


def loaded(folder: Path, *changes: tuple[str, str], plan: str = PLAN) -> tuple[Config, dict[str, Plan]]:
    text = FLOOR
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "floor.toml").write_text(text)
    (folder / "plan.toml").write_text(plan)
    return load_floor(folder / "floor.toml")


def differ(folder: Path, *changes: tuple[str, str], plan: str = PLAN) -> list[str]:
    (before, plans), (after, then) = loaded(folder), loaded(folder, *changes, plan=plan)
    return told(difference(before, after, plans, then))


LANE = '[lane.S1-L02]\nline = "S1"\nposition_mm = 7000\n'
READER = '[scanner.dock-1]\nkind = "line"\nlink = "tcp://127.0.0.1:2113"\npoint = "DOCK"\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("capacity = 2", "capacity = 30", "~ lane.S1-L03.capacity: 2 -> 30"),
        ("max_weight_g = 5000\n", "", "- lane.S1-L04.max_weight_g"),
        ("durable_first = false", "durable_first = true", "~ line.S1.durable_first: false -> true"),
        (LANE, LANE + "max_weight_g = 900\n", "+ lane.S1-L02.max_weight_g = 900"),
        (READER, READER + "gap_ms = 5\n", '~ scanner.dock-1.gap_ms: '),
        ('url = "mqtt://127.0.0.1:1"', 'url = "mqtt://127.0.0.1:2"', '~ broker.url: ["mqtt://127.0.0.1:1"] -> ["mqtt://127.0.0.1:2"]'),
        ("[broker]", "[promise]\nhours = 48\n[broker]", "~ promise.hours: 72 -> 48"),
        (LANE, LANE + LANE.replace("L02", "L09").replace("7000", "7500"), "+ lane.S1-L09 = …"),
    ],
)  # fmt: skip
def test_each_key_that_differs_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    (row,) = differ(tmp_path, (old, new))
    assert row.startswith(said)


def test_the_same_floor_differs_in_nothing(tmp_path: Path) -> None:
    assert differ(tmp_path) == []
    assert differ(tmp_path, ("[line.S1]", "# a remark\n\n[line.S1]")) == []


def test_a_plan_that_differs_is_told(tmp_path: Path) -> None:
    newer = PLAN.replace('version = "1"', 'version = "2"')
    assert differ(tmp_path, plan=newer) == ["~ plan.day: 1 -> 2"]
    assert differ(tmp_path, plan=PLAN.replace('country = "FR"', 'country = "ES"', 1)) == [
        "~ plan.day: 1 -> 1 with another text"
    ]
    renamed = differ(tmp_path, plan=PLAN.replace('plan = "day"', 'plan = "night"'))
    assert renamed == ["- plans.day", "+ plans.night = 1"]


def test_what_names_the_node_needs_a_new_start(tmp_path: Path) -> None:
    (before, plans), (after, then) = loaded(tmp_path), loaded(tmp_path, ('node = "n1"', 'node = "n2"'))
    assert refused(difference(before, after, plans, then)) == [
        "node: a reload cannot change it; stop floord and start it again"
    ]
    (after, then) = loaded(tmp_path, ("capacity = 2", "capacity = 3"))
    assert refused(difference(before, after, plans, then)) == []


def test_not_everything_is_told_where_everything_changed() -> None:
    rows = told([Change(("lane", f"L{number}", "capacity"), "1", "2") for number in range(SHOWN + 7)])
    assert (len(rows), rows[-1]) == (SHOWN + 1, "and 7 more")
