"""Every drill that comes with floorsim: floord shows what is broken, and only who names it gets the points."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from controller.config import Config
from controller.plan import Plan
from controller.plans import load_floor
from firmware_stubs import floors
from firmware_stubs.cables import Cables
from firmware_stubs.drills import find, names
from firmware_stubs.drills.attempt import HINT_COSTS, MINUTE_COSTS, PASSED, WRONG_COSTS, Attempt
from firmware_stubs.drills.room import NoDrillError, Room
from firmware_stubs.faults.engine import Engine
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.scenario import Scenario, judge
from firmware_stubs.floor_file import Floor
from firmware_stubs.lockstep import Lockstep
from firmware_stubs.several_floors import load_all
from firmware_stubs.world import World
from tests.rehearsed import NOW, UTC_MS, Published, Rehearsed

BEFORE_S = 5.0
AFTER_S = 5.0


@cache
def ready(name: str) -> tuple[Floor, tuple[tuple[Config, dict[str, Plan]], ...]]:
    """A ready floor as both sides read it, once."""
    with TemporaryDirectory() as folder:
        files = floors.write(name, Path(folder) / "floor")
        return load_all(files), tuple(load_floor(file) for file in files)


class Trainee:
    """A floor in virtual time, the room where drills take place, and what floord published since the drill began."""

    def __init__(self, drill: Scenario) -> None:
        floor, nodes = ready(drill.floor)
        self.streamed: list[dict[str, Any]] = []
        self.heard = Published()
        self.drill = drill
        world = World(floor, self._record, seed=drill.seed, now=NOW, utc_offset_ms=UTC_MS - NOW)
        daemons = [Rehearsed(*node, seed=drill.seed) for node in nodes]
        cables = Cables((stub.name for stub in floor.stubs), floor.on_broker(), seed=drill.seed)
        self.lockstep = Lockstep(world, floor.wires(), daemons, now=NOW, cables=cables, listener=self.heard)
        self.engine = self.lockstep.engine = Engine(world, cables, self.lockstep, self._record, drill.seed)
        self.room = Room(self.engine, self._record)
        self.lockstep.run(NOW + BEFORE_S * 1000)
        world.release(self.now)
        self.began = self.now

    def _record(self, entry: dict[str, Any]) -> None:
        """What the stream of the ledger shows."""
        if hasattr(self, "engine") and self.engine.shows(entry):
            self.streamed.append(entry)

    @property
    def now(self) -> float:
        return self.lockstep.now

    def work(self, seconds: float) -> None:
        self.lockstep.run(self.now + seconds * 1000)

    def shown(self) -> list[float | None]:
        """When each expectation of the drill was fulfilled."""
        events = [
            ((at - self.began) / 1000, topic.split("/event/")[1], json.loads(payload)["data"])
            for at, topic, payload, _ in self.heard.all
            if at >= self.began and "/event/" in topic
        ]
        return judge(self.drill.expects, events)


def seconds(drill: Scenario) -> float:
    """How long floord may take to show all that it must."""
    return max(one.by_s for one in drill.expects)


@pytest.mark.parametrize("name", names())
def test_floord_shows_what_is_broken_and_who_names_it_passes(name: str) -> None:
    drill = find(name)
    assert drill.drill is not None
    trainee = Trainee(drill)
    trainee.room.start(drill, trainee.now)
    trainee.work(seconds(drill))
    shown = trainee.shown()
    assert None not in shown, list(zip(drill.expects, shown, strict=True))
    assert trainee.engine.standing(trainee.now) == []  # nothing of it is told
    assert len(trainee.engine.standing(trainee.now, hidden=True)) == len(drill.drill.answers)
    told = trainee.room.answer("jam", "W1", trainee.now)
    assert (told["verdict"], told["score"], told["found"]) == ("wrong", 0, [])
    for hidden in drill.drill.answers:
        told = trainee.room.answer(hidden.faults[-1], hidden.target, trainee.now)
        assert told["verdict"] == "right"
    assert not {"fault", "mishap", "struck"} & {entry["what"] for entry in trainee.streamed}
    late = max(0.0, seconds(drill) - drill.drill.par_s)
    assert told["score"] == 100 - WRONG_COSTS - MINUTE_COSTS * -(-late // 60)
    assert told["over"]
    assert told["passed"] == (told["score"] >= PASSED)
    assert trainee.engine.standing(trainee.now, hidden=True) == []  # who is right has it repaired


@pytest.mark.parametrize("floor", sorted({find(name).floor for name in names()}))
def test_without_faults_floord_shows_nothing_of_the_kind(floor: str) -> None:
    drills = [drill for drill in map(find, names()) if drill.floor == floor]
    trainee = Trainee(drills[0])
    trainee.work(max(map(seconds, drills)))
    for drill in drills:
        trainee.drill = drill
        assert set(trainee.shown()) == {None}, drill.title


def test_ten_drills_and_each_has_what_a_trainee_needs() -> None:
    assert len(names()) >= 10
    for drill in map(find, names()):
        assert drill.drill is not None
        assert drill.expects
        assert all(step.hidden for step in drill.steps)
        assert len(drill.drill.hints) >= 2
        assert len(drill.drill.task) <= 400
        assert all(drill.minutes * 60 > step.at_s for step in drill.steps)
    with pytest.raises(FaultError, match="did you mean 'blind-eye'"):
        find("blind-eyes")


def test_the_document_lists_them() -> None:
    rows = [
        f"| `{name}` | `{one.floor}` | {one.drill.par_s / 60:g} | {one.title} |"
        for name, one in zip(names(), map(find, names()), strict=True)
        if one.drill
    ]
    assert "\n".join(rows) in (Path(__file__).parents[1] / "docs/drills.md").read_text()


# --- the score


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(find("two-at-once"), 1000.0)


def minute(number: float) -> float:
    return 1000.0 + number * 60_000


def test_a_wrong_diagnosis_costs_once_and_says_which_half_is_right(attempt: Attempt) -> None:
    words = [attempt.answer(*wrong, minute(1)).words for wrong in (("eye_blind", "W1-L05"), ("lane_full", "W1-L04"))]
    assert words == [
        "wrong: W1-L05 is the right place, but it is not eye_blind",
        "wrong: lane_full is right, but not at W1-L04",
    ]
    assert attempt.answer("jam", "W1", minute(1)).words == "wrong: W1 has no jam"
    assert attempt.answer("jam", "W1", minute(1)).verdict == "wrong"
    assert attempt.answer("lane_full", "W1-L05", minute(1)).verdict == "right"
    assert attempt.answer("lane_full", "W1-L05", minute(1)).verdict == "known"
    assert attempt.score(minute(1)) == 50 - 3 * WRONG_COSTS
    assert attempt.told(minute(1))["to_find"] == 1


def test_hints_and_time_beyond_par_cost(attempt: Attempt) -> None:
    assert attempt.hint(minute(1)) != attempt.hint(minute(1))
    assert attempt.hint(minute(1)) == attempt.hint(minute(1))  # there are only two
    for fault, target in (("lane_full", "W1-L05"), ("gate_fails", "W1-L09")):
        attempt.answer(fault, target, minute(6.5))
    assert attempt.drill.par_s == 300
    assert attempt.score(minute(99)) == 100 - 2 * HINT_COSTS - 2 * MINUTE_COSTS
    assert attempt.told(minute(99))["passed"]


def test_what_is_not_broken_yet_cannot_be_found_and_an_end_is_an_end(attempt: Attempt) -> None:
    assert attempt.answer("lane_full", "W1-L05", 1000.0).verdict == "wrong"
    assert attempt.told(minute(1))["missed"] == []
    last = attempt.told(minute(16))
    assert (last["over"], last["passed"], last["seconds"]) == (True, False, 900)
    assert last["missed"] == [
        {"fault": "lane_full", "target": "W1-L05"},
        {"fault": "gate_fails", "target": "W1-L09"},
    ]
    assert attempt.answer("lane_full", "W1-L05", minute(16)).verdict == "over"


def test_one_drill_at_a_time_and_giving_up_repairs_everything() -> None:
    drill = find("silent-tunnel")
    trainee = Trainee(drill)
    with pytest.raises(NoDrillError, match="floorsim drill start"):
        trainee.room.told(trainee.now)
    trainee.room.start(drill, trainee.now)
    with pytest.raises(NoDrillError, match="give up first"):
        trainee.room.start(drill, trainee.now)
    trainee.work(40)
    told = trainee.room.give_up(trainee.now)
    assert told["missed"] == [{"fault": "silent", "target": "tunnel-1"}]
    assert told["shown"] == [{"event": "alarm/raised", "where": {"alarm": "device-tunnel-1"}}]
    assert trainee.engine.standing(trainee.now, hidden=True) == []
    trainee.room.start(drill, trainee.now)


def test_who_gives_up_early_has_a_floor_that_stays_well() -> None:
    drill = find("silent-tunnel")
    trainee = Trainee(drill)
    trainee.room.start(drill, trainee.now)
    trainee.room.give_up(trainee.now)
    assert trainee.engine.next_at() is None


def test_a_drill_begins_on_a_floor_that_is_well() -> None:
    drill = find("silent-tunnel")
    step = dataclasses.replace(drill.steps[0], for_s=9000.0)
    trainee = Trainee(drill)
    id = trainee.engine.strike("slow", "W1", now=trainee.now)
    with pytest.raises(NoDrillError, match="slow stands at W1; end all faults before a drill begins"):
        trainee.room.start(drill, trainee.now)
    trainee.engine.end(id, trainee.now)
    trainee.room.start(dataclasses.replace(drill, steps=(step,), minutes=0.6), trainee.now)
    trainee.work(40)  # its time is over, and the tunnel still silent
    trainee.room.start(drill, trainee.now)
    assert trainee.engine.standing(trainee.now, hidden=True) == []
