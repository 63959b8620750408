"""Scenario files: what they may say, where they are wrong, and how they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_stubs.faults import scenario
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.scenario import Expect, Scenario, judge
from tests.faulted import Faulted
from tests.test_faults_engine import Floor

TEXT = """\
title = "A blind eye"
floor = "small"
seed = 3
minutes = 1

[[step]]
at_s = 4
fault = "eye_blind"
target = "S1-DEC"
for_s = 14
hidden = true

[[step]]
at_s = 5.5
fault = "slip"
target = "S1"
count = 2
for_s = 10
settings = { mm = 250 }

[[expect]]
event = "alarm/raised"
where = { alarm = "unseen-*", priority = "medium" }
after_s = 5
by_s = 25

[[expect]]
event = "line/estop"

[drill]
task = "Find it."
hints = ["Look."]
answers = [{ fault = "eye_blind", target = "S1-DEC" }]
par_s = 60
"""


def load(folder: Path, text: str = TEXT) -> Scenario:
    path = folder / "s.toml"
    path.write_text(text)
    return scenario.load(path)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    read = load(tmp_path)
    assert (read.title, read.floor, read.seed, read.minutes) == ("A blind eye", "small", 3, 1.0)
    blind, slip = read.steps
    assert (blind.at_s, blind.fault, blind.target, blind.for_s, blind.hidden) == (
        4.0,
        "eye_blind",
        "S1-DEC",
        14.0,
        True,
    )
    assert (blind.line, slip.line, slip.count, slip.settings) == (6, 13, 2, {"mm": 250})
    assert [one.by_s for one in read.expects] == [25.0, 60.0]
    assert read.drill
    assert (read.drill.task, read.drill.hints, read.drill.par_s) == ("Find it.", ("Look.",), 60.0)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        ("minutes = 1 => minutes = 0", 4, "minutes: give a number above 0"),
        ("minutes = 1 => minuts = 1", 4, "minuts: unknown key; did you mean 'minutes'?"),
        ('floor = "small" => #', 1, "floor is missing"),
        ("at_s = 5.5 => at_s = 61", 14, "[step] at_s: 61 is not before the end, which is after 60 s"),
        ("at_s = 5.5 => ats = 5.5", 14, "[step] ats: unknown key; did you mean 'at_s'?"),
        ('fault = "slip" => fault = "slide"', 15, "[step] fault: no fault is called 'slide'"),
        ('fault = "slip" => #', 13, "[step] fault is missing"),
        ("mm = 250 => cm = 25", 19, "[step] settings: [slip] cm: unknown key"),
        ("settings = { mm = 250 } => settings = 250", 19, "[step] settings: must be a table"),
        ("count = 2 => count = 0", 17, "[step] count: slip: count = 0: give a whole number from 1"),
        ("for_s = 10 => for_s = 1e6", 18, "[step] for_s: slip: for_s = 1000000.0: give seconds"),
        ("for_s = 14 => count = 2", 10, "[step] count: eye_blind: count = 2: it is not counted"),
        ('event = "line/estop" => event = "estop"', 28, "[expect] event: 'estop' is none; write family/name"),
        ("after_s = 5 => after_s = 26", 24, "[expect] after_s: must be from 0 to by_s and the end, 25 s"),
        ("par_s = 60 => par_s = 0", 34, "[drill] par_s: give the seconds"),
        (
            'answers = [{ fault = "eye_blind", => answers = [{ foul = "eye_blind",',
            33,
            "[drill] answers: each is",
        ),
        (
            'answers = [{ fault = "eye_blind", => answers = [{ fault = "x",',
            33,
            "[drill] answers: no fault is called 'x'",
        ),
        ("[[step]] => [step]", 1, ""),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, change: str, line: int, words: str) -> None:
    old, new = change.split(" => ")
    text = TEXT[::-1].replace(old[::-1], new[::-1], 1)[::-1]  # the last one
    with pytest.raises(FaultError) as told:
        load(tmp_path, text)
    assert str(told.value).startswith(f"{tmp_path}/s.toml:{line}: " if words else f"{tmp_path}/s.toml: ")
    assert words in str(told.value)


def test_steps_that_would_undo_each_other_are_refused(tmp_path: Path) -> None:
    text = TEXT.replace('fault = "slip"\ntarget = "S1"\ncount = 2\nfor_s = 10\nsettings = { mm = 250 }', "@")
    with pytest.raises(FaultError, match=r"s.toml:14: \[step\] at_s: step 1 still stands at S1-DEC, until 18 s"):
        load(tmp_path, text.replace("@", 'fault = "eye_stuck"\ntarget = "S1-DEC"'))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match="No such file"):
        scenario.load(tmp_path / "none.toml")


def test_a_scenario_runs_and_is_judged(tmp_path: Path) -> None:
    floor, read = Faulted(), load(tmp_path)
    began = floor.now
    floor.engine.schedule(read, began)
    floor.run(4.5)
    assert floor.engine.standing(floor.now) == []
    assert [one.fault for one in floor.engine.standing(floor.now, hidden=True)] == ["eye_blind"]
    floor.run(20.5)
    told = [(one["fault"], one["state"], one["by"]) for one in floor.ledger if one["what"] == "fault"]
    assert sorted(told) == [(name, state, "scenario") for name in ("eye_blind", "slip") for state in ("begun", "ended")]
    raised, stopped = judge(read.expects, floor.events(began))
    assert raised is not None
    assert 8 < raised < 18
    assert stopped is None


def test_a_target_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    floor = Floor()
    with pytest.raises(FaultError, match=r"s.toml:13: \[step\] target: slip: no line is called 'S7'; known are S1"):
        floor.engine.schedule(load(tmp_path, TEXT.replace('target = "S1"\n', 'target = "S7"\n')), 0.0)
    assert floor.engine.next_at() is None


def test_a_step_that_finds_somebody_elses_fault_there_is_left_out_and_told(tmp_path: Path) -> None:
    floor = Floor()
    floor.engine.schedule(load(tmp_path), 0.0)
    floor.go(3000.0)
    id = floor.strike("eye_stuck", "S1-DEC", for_s=2)
    floor.go(4500.0)
    (refused,) = [one for one in floor.of("fault") if one["state"] == "refused"]
    assert refused["why"] == f"S1-DEC: eye_stuck stands there already ({id}); end it first"
    assert (refused["t"], refused["hidden"]) == (4000.0, True)


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        ({}, True),
        ({"alarm": "unseen-S1"}, True),
        ({"alarm": "unseen-*"}, True),
        ({"alarm": "seen*"}, False),
        ({"number": 2}, True),
        ({"number": "2*"}, False),
        ({"lane": None}, False),
    ],
)
def test_members_of_an_event_are_compared(where: dict[str, object], fits: bool) -> None:
    expect = Expect(event="alarm/raised", where=where, after_s=1.0, by_s=2.0)
    data = {"alarm": "unseen-S1", "number": 2}
    assert expect.fits(1.5, "alarm/raised", data) is fits
    assert not expect.fits(2.5, "alarm/raised", data)
    assert not expect.fits(1.5, "alarm/cleared", data)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 50_000, "a = " + "9" * 5000, TEXT.replace("par_s = 60", "par_s = nan")]
)
def test_a_file_that_means_harm_is_an_error_as_any(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(FaultError, match=r"s\.toml"):
        scenario.load(tmp_path / "s.toml")
