"""The closure by itself: every way that a floor or a plan leaves, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.closure import by_floor, by_plan, report, still_open
from controller.sections import Lane, Line
from controller.sheet import Sheet


@dataclass
class Layout:
    """Lines and lanes, and the file they might have been read from."""

    line: dict[str, Line]
    lane: dict[str, Lane]
    sheet: Sheet = field(default_factory=lambda: Sheet(Path("floor.toml"), ""))


def line(default: str = "EX", kind: Any = "line") -> Line:
    return Line(kind=kind, speed_mm_s=1000, length_mm=9000, default_lane=default)


def lane(position: int = 1, on: str = "S1", **more: Any) -> Lane:
    return Lane(line=on, position_mm=position, **more)


def layout(lines: dict[str, Line] | None = None, broken: str = "", **lanes: Lane) -> Layout:
    """All as in its file; `broken` = what stands there besides and could not be read."""
    made = Layout(lines or {"S1": line()}, lanes)
    tables = "".join(f"[line.{name}]\n" for name in made.line) + "".join(f"[lane.{name}]\n" for name in lanes)
    made.sheet = Sheet(Path("floor.toml"), tables + broken)
    return made


def said(made: Layout) -> dict[str, tuple[str, str]]:
    report(made)
    return {problem.key: (problem.what, problem.instead) for problem in made.sheet.problems}


NOWHERE = "no lane of this line is supervised: an item on customs hold has nowhere to go"
GETS_THERE = "an item without a customs release can get there"


# --- the ways ---------------------------------------------------------------------------------------------------------


def test_every_way_of_a_floor() -> None:
    roles = lane(1, roles=("recirculate", "overflow", "exception"))
    ways = by_floor(layout({"S1": line("A"), "S2": line("GONE")}, A=roles, B=lane(5), C=lane(5), D=lane(9, "S2")))
    assert [(way.lane, way.path) for way in ways] == [
        ("A", "A is the default lane of line S1"),
        ("B", "line S1 ends in B"),
        ("C", "line S1 ends in C"),
        ("D", "line S2 ends in D"),
        ("A", "A has the role exception"),
        ("A", "A has the role overflow"),
        ("A", "A has the role recirculate"),
    ]


def test_a_line_that_ends_in_its_default_lane_and_a_loop_end_nowhere_else() -> None:
    for one in (line("B"), line("A", "loop")):
        ways = by_floor(layout({"S1": one}, A=lane(1), B=lane(5), C=lane(5)))
        assert [way.lane for way in ways] == [one.default_lane]


def test_every_way_of_a_plan() -> None:
    special = {"overflow": "X", "no_read": "X", "unknown": "X", "held": "X", "other": "O"}
    made = layout(A=lane(), B=lane(supervised=True), C=lane(on="S2"))
    ways = by_plan(made, special, {"w1": {"X": ("A", "GONE", "A", "C"), "O": ("A",)}, "w2": {}, "w3": {"X": ("B",)}})
    path = "X is special.held and special.unknown and special.no_read and special.overflow"
    only = "of line S1 only supervised lanes may stand here: B"
    none = "of line S2 only supervised lanes may stand here: it has none"
    assert [(way.lane, way.path, way.otherwise, way.at) for way in ways] == [
        ("A", path, only, ("waves", "w1", "X")),
        ("C", path, none, ("waves", "w1", "X")),
        ("B", path, only, ("waves", "w3", "X")),
    ]
    assert [way.lane for way in still_open(made, ways)] == ["A", "C"]
    assert by_plan(made, {"held": "X"}, {"w1": {"X": ("A",)}})[0].path == "X is special.held"


def test_six_supervised_lanes_are_named() -> None:
    many: dict[str, Any] = {f"L{number}": lane(supervised=True) for number in range(7)}
    (way,) = by_plan(layout(**many), {"held": "X"}, {"w1": {"X": ("L0",)}})
    assert way.otherwise.endswith(": L0, L1, L2, L3, L4, L5")


# --- what is said -----------------------------------------------------------------------------------------------------


def test_an_open_lane_is_told_with_every_way_to_it() -> None:
    made = layout(EX=lane(1, roles=("overflow", "exception")), S=lane(5, supervised=True))
    assert said(made) == {
        "lane.EX.supervised": (
            f"false, but EX is the default lane of line S1 and EX has the role exception and EX has the role overflow: "
            f"{GETS_THERE}",
            "write supervised = true or choose another default_lane and take the role away",
        )
    }


def test_what_was_reported_already_is_not_told_again() -> None:
    made = layout(EX=lane(5))
    made.sheet.broken.add(("lane", "EX", "supervised"))
    assert said(made) == {"line.S1": (NOWHERE, "write supervised = true at EX")}
    other = layout(A=lane(1), EX=lane(5, supervised=True))
    other.sheet.broken.add(("lane", "A", "supervised"))
    assert said(other) == {}


@pytest.mark.parametrize(
    ("misread", "told"), [((), True), (("A",), False), (("A", "B"), False), (("C",), True), (("EX",), True)]
)
def test_a_line_without_a_supervised_lane(misread: tuple[str, ...], told: bool) -> None:
    """Who could not read a lane's `supervised` cannot say that none is; EX is open whatever it says."""
    made = layout({"S1": line(), "S2": line("C")}, A=lane(1), B=lane(2), EX=lane(5), C=lane(1, "S2", supervised=True))
    made.sheet.broken = {("lane", name, "supervised") for name in misread}
    assert ("line.S1" in said(made)) is told


def test_where_to_be_supervised() -> None:
    assert said(layout({"S1": line("GONE")}, A=lane(1)))["line.S1"] == (
        NOWHERE,
        "write supervised = true at one of its lanes",
    )
    assert "line.S2" not in said(layout({"S1": line(), "S2": line("Z")}, EX=lane(supervised=True))), (
        "it has no lane at all"
    )


def endless(count: int = 1, broken: str = "") -> Layout:
    """Two lines whose supervised lanes lead to each other."""
    there = {f"A{number}": lane(5, supervised=True, leads_to="S2") for number in range(count)}
    back = lane(5, "S2", supervised=True, leads_to="S1")
    return layout({"S1": line("A0"), "S2": line("B")}, broken, **there, B=back)


def test_round_and_round_is_no_end() -> None:
    found = said(endless(7))
    assert sorted(found) == ["line.S1", "line.S2"]
    assert found["line.S1"][1] == "take leads_to away at one of A0, A1, A2, A3, A4, A5, or add a supervised lane"
    assert found["line.S2"][1] == "take leads_to away at one of B, or add a supervised lane"


@pytest.mark.parametrize("broken", ["[line.S3]\n", "[lane.X]\n"])
def test_who_could_not_read_all_does_not_say_so(broken: str) -> None:
    """What could not be read may be the end."""
    assert said(endless(broken=broken)) == {}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ('[line.S9]\ndefault_lane = "A"\n', True),
        ('[line.S9]\ndefault_lane = "GONE"\n', False),
        ("[line.S9]\ndefault_lane = 5\n", False),
        ("[line.S9]\ndefault_lane = [1]\n", False),
        ("[line.S9]\n", False),
        ("[line]\nS9 = 5\n", False),
    ],
)
def test_the_default_lane_of_a_line_that_has_another_mistake(raw: str, told: bool) -> None:
    made = layout(A=lane(1), EX=lane(5, supervised=True))
    made.sheet = Sheet(Path("floor.toml"), f"{raw}[lane.A]\n[lane.EX]\n")
    found = said(made)
    expected = f"false, but A is the default lane of line S9: {GETS_THERE}"
    assert found == (
        {"lane.A.supervised": (expected, "write supervised = true or choose another default_lane")} if told else {}
    )


def test_a_file_whose_lines_are_no_table() -> None:
    made = layout({}, EX=lane(5, supervised=True))
    made.sheet = Sheet(Path("floor.toml"), "line = 5\n[lane.EX]\n")
    assert said(made) == {}
