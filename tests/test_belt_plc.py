"""The belt under its telegram PLC: what the PLC tells of each item is what really became of it."""

from __future__ import annotations

import copy
import random
from typing import Any, cast

import pytest

from firmware_stubs import floor_file
from firmware_stubs.plcs._events import Event
from firmware_stubs.plcs._item import Destination
from firmware_stubs.plcs.telegram import Plc
from firmware_stubs.rides import Parcel
from firmware_stubs.world import World
from tests.floor_bench import S1, line

LANES = {"L1": 5000, "L2": 5400, "L3": 8000, "EX": 9000}
LINE = line("S1", 10_000, LANES)
PLAIN = line("S1", 12_000, LANES, loop=True)
TRAYS = line("S1", 12_000, LANES, loop=True, carriers=20)
MERGE = copy.deepcopy(LINE)
MERGE["point"]["S1-IN2"] = {"line": "S1", "position_mm": 1500, "induction": True}
MERGE["induction"]["second"] = {"point": "S1-IN2", "rate_per_s": 2.0}
BESIDE = copy.deepcopy(MERGE)  # the decision point stands before it in the file, too
BESIDE["point"]["S1-IN2"]["position_mm"] = 2000
DECIDES = copy.deepcopy(MERGE)
DECIDES["point"]["S1-IN2"]["decision"] = True
del DECIDES["point"]["S1-DEC"]


class Floor:
    """A floor whose PLC is asked and answered without its wire: each arrival gets a lane by the dice."""

    def __init__(self, document: dict[str, Any], seed: int, parcels: int = 60) -> None:
        self.dice = random.Random(seed)
        self.ledger: list[dict[str, Any]] = []
        self.world = World(floor_file.read(document), self.ledger.append, seed=seed, now=0.0, utc_offset_ms=0.0)
        self.cell = self.world._by_line["S1"]
        self.plc = cast(Plc, self.cell.plc)
        self.events: list[Any] = []
        self.wanted: dict[int, str] = {}  # lane by track
        inductions = [*document["induction"]]
        for number in range(parcels):
            length = self.dice.randrange(100, 500)
            parcel = Parcel(f"p{number}", "S1", (b"C",), length, 900, induction=inductions[number % len(inductions)])
            self.world.add(parcel, 0.0)
        self.world.release(0.0)

    def run(self, until: float) -> None:
        while (at := self.world.next_at()) is not None and at <= until:
            self.world.advance(at)
            self.world.output()
            self._hear(at)
        self.world.advance(until)

    def _hear(self, now: float) -> None:
        heard = list(self.plc.buffer.waiting)
        if heard:
            self.plc.forget(heard[-1].evt)
        self.events += heard
        for event in heard:
            if event.type == "ARRV":
                self._decide(event, now)

    def _decide(self, event: Event, now: float) -> None:
        track, point = cast(int, event.values["track"]), str(event.values["point"])
        lane = self.wanted.setdefault(track, f"S1-{self.dice.choice(['L1', 'L2', 'L3'])}")
        held = self.plc.tracking.items[track].held
        dest = Destination(point, track, held.decision + 1 if held else 1, "PLAN", False, "L", (lane,))
        assert self.plc.judge(dest, now) is None
        self.cell.heed()

    def of(self, kind: str, *keys: str) -> list[Any]:
        return [tuple(event.values[key] for key in keys) for event in self.events if event.type == kind]

    def lanes(self) -> dict[int, str]:
        """Where each item really is, by track."""
        tracks = {entry["parcel"]: entry["track"] for entry in self.ledger if entry["what"] == "inducted"}
        return {tracks[entry["parcel"]]: entry["lane"] for entry in self.ledger if entry["what"] == "lane"}


ALL = pytest.mark.parametrize("document", [LINE, PLAIN, TRAYS, MERGE, BESIDE, DECIDES])


@ALL
@pytest.mark.parametrize("seed", range(3))
def test_stops_and_other_speeds_do_not_change_whom_a_gate_takes(document: dict[str, Any], seed: int) -> None:
    floor = Floor(document, seed)
    now = 0.0
    while floor.world.on_belts or floor.world.waiting:
        now += floor.dice.uniform(20, 900)
        floor.run(now)
        if floor.dice.random() < 0.3:
            floor.world.stop("S1", now)
        elif floor.dice.random() < 0.6:
            floor.world.speed("S1", floor.dice.choice([40, 300, 1000, 2500, 4000]), now)
            floor.world.start("S1", now)
        else:
            floor.world.start("S1", now)
    kinds = {event.type for event in floor.events}
    assert kinds.isdisjoint(("LOST", "GHST", "RCIR"))
    assert len(floor.of("PASS")) == (30 if document in (MERGE, BESIDE) else 0)  # who comes by the second induction
    assert not [entry for entry in floor.ledger if entry["what"] == "missed"]
    assert len(floor.wanted) == 60
    assert len(floor.of("INDU")) == (30 if document is DECIDES else 60)
    assert floor.lanes() == floor.wanted
    assert dict(floor.of("DIVC", "track", "actual")) == floor.wanted
    assert {result for (result,) in floor.of("DIVC", "result")} == {"OK"}
    assert floor.plc.counts["eye_without_item"] == 0


@ALL
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_a_gate_that_fails_is_told_of_its_own_item_alone(document: dict[str, Any], seed: int) -> None:
    floor = Floor(document, seed)
    now = 0.0
    while floor.world.on_belts or floor.world.waiting:
        now += 1000.0
        floor.run(now)
        if floor.dice.random() < 0.4 and now < 20_000:
            floor.world.gate_fails(f"S1-{floor.dice.choice([*LANES])}")
    failed = [entry for entry in floor.ledger if entry["what"] == "struck"]
    assert len(failed) > 2
    assert {event.type for event in floor.events}.isdisjoint(("LOST", "GHST"))
    assert dict(floor.of("DIVC", "track", "actual")) == floor.lanes()
    rounds = [entry["parcel"] for entry in failed] if "carriers" in document["line"]["S1"] else []
    assert len(floor.of("RCIR")) == len(rounds)
    assert {result for (result,) in floor.of("RCIR", "result")} <= {"MI"}
    for track, wanted, actual, result in floor.of("DIVC", "track", "wanted", "actual", "result"):
        assert wanted == floor.wanted[track]
        assert result == ("OK" if wanted == actual else "MI")


@pytest.mark.parametrize("document", [S1, LINE])  # while it is still awaited in its own lane, and when it is not
def test_a_parcel_that_the_next_gate_takes_is_found_there_and_nobody_else_is(document: dict[str, Any]) -> None:
    floor = Floor(document, 1, parcels=20)
    floor.wanted = dict.fromkeys(range(1, 21), "S1-L1")
    floor.run(3000.0)
    floor.world.wrong_gate("S1", 3)
    floor.run(60_000.0)
    assert len([entry for entry in floor.ledger if entry["what"] == "struck"]) == 3
    assert dict(floor.of("DIVC", "track", "actual")) == floor.lanes()
    results = [(actual, result) for actual, result in floor.of("DIVC", "actual", "result") if result != "OK"]
    assert results == [("S1-L2", "MI")] * 3


def test_the_plc_reads_the_encoder_that_the_readers_read() -> None:
    document = copy.deepcopy(LINE)
    document["belt"] = {"S1": {"encoder_um": 330}}
    floor = Floor(document, 1, parcels=0)
    assert floor.cell.belt is not None
    for number in range(200):
        floor.run(now := number * 77.7)
        floor.world.speed("S1", floor.dice.randrange(10, 4000), now)
        assert floor.plc.tracking.encoder(0.0) == int(floor.cell.belt.motion.reading(now) * 1000 / 330 + 1e-6)
    assert floor.plc.tracking.encoder(0.0) > 10_000
