"""A simulated floor with a clock that the test turns, and its operator; nothing hangs on its wires."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_stubs import floor_file
from firmware_stubs.api.operator import Operator, Run
from firmware_stubs.api.watch import Watch
from firmware_stubs.cables import Cables
from firmware_stubs.drills.room import Room
from firmware_stubs.faults.engine import Engine
from firmware_stubs.world import World
from firmware_stubs.world_clock import WorldClock

FLOOR = """
[line.S1]
speed_mm_s = 1000
length_mm = 10_000
default_lane = "EX"
[line.S2]
kind = "loop"
speed_mm_s = 1000
length_mm = 20_000
carriers = 40
default_lane = "S2-EX"
[point.IND]
line = "S1"
position_mm = 0
induction = true
[point.DEC]
line = "S1"
position_mm = 1000
decision = true
[point.S2-IN]
line = "S2"
position_mm = 0
induction = true
[point.DOCK]
[lane.L01]
line = "S1"
position_mm = 3000
[lane.L02]
line = "S1"
position_mm = 4000
leads_to = "S2"
[lane.EX]
line = "S1"
position_mm = 10_000
supervised = true
[lane.S2-EX]
line = "S2"
position_mm = 15_000
[chute.L01]
capacity = 2
empty_every_ms = 5000
[transfer.L02]
point = "S2-IN"
after_ms = 500
[induction.S1]
point = "IND"
rate_per_s = 1.0
[stub.tunnel]
kind = "line"
link = "pty:///t"
point = "DEC"
[stub.hand]
kind = "line"
link = "tcp-listen://127.0.0.1:0"
point = "DOCK"
[stub.s1]
kind = "telegram"
link = "pty:///s1"
line = "S1"
plc = "S1"
controller = "HUB"
[stub.s2]
kind = "telegram"
link = "pty:///s2"
line = "S2"
plc = "S2"
controller = "HUB"
"""


class Medium:
    """Remembers what faults did to it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def unplug(self, stub: str) -> None:
        self.done.append(("unplug", stub))

    def plug(self, stub: str) -> None:
        self.done.append(("plug", stub))

    def flow(self, stub: str, stopped: bool) -> None:
        self.done.append(("flow", stub, stopped))


@dataclass
class Rig:
    """`machine_ms`: the machine's clock; `turns` counts how often the operator let things go on."""

    text: str = FLOOR
    machine_ms: float = 1000.0
    turns: int = 0
    stops: int = 0
    ledger: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.floor = floor_file.read(tomllib.loads(self.text))
        self.clock = WorldClock(lambda: self.machine_ms)
        self.watch = Watch((stub.name for stub in self.floor.stubs), self.clock.now())
        self.world = World(self.floor, self._record, seed=7, now=self.clock.now(), utc_offset_ms=0.0)
        names = [stub.name for stub in self.floor.stubs]
        self.medium = Medium()
        self.cables = Cables(names, seed=7)
        self.engine = Engine(self.world, self.cables, self.medium, self._record, 7)
        self.run = Run(
            floor=self.floor,
            world=self.world,
            clock=self.clock,
            watch=self.watch,
            links=lambda: {"tunnel": "/run/tunnel"},
            utc_offset_ms=500.0,
            turn=self._turn,
            stop=self._stop,
            stopping=lambda: self.stops > 0,
            engine=self.engine,
            room=Room(self.engine, self._record),
        )
        self.operator = Operator(self.run, [Path("/floors/small.toml")])
        self.world.release(self.clock.now())

    def give(self, *names: str, **fields: Any) -> None:
        """Parcels wait at S1."""
        rows = [{"parcel": name, "line": "S1", "codes": ["A", "B"], "length_mm": 300} | fields for name in names]
        self.operator.parcels(b"\n".join(json.dumps(row).encode() for row in rows))

    def go(self, ms: float) -> None:
        """The machine's time passes."""
        self.machine_ms += ms
        self._turn()

    def _turn(self) -> None:
        self.turns += 1
        self.engine.advance(self.clock.now())
        self.world.advance(self.clock.now())
        self.world.output()

    def _stop(self) -> None:
        self.stops += 1

    def _record(self, entry: dict[str, Any]) -> None:
        self.ledger.append(entry)
        self.watch.ledger(entry)
