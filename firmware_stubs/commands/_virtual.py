"""`floorsim run --virtual`: a floor and its daemons as fast as the machine, each floord a child that rehearses."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from firmware_stubs.cables import Cables
from firmware_stubs.commands._recording import created, header_of
from firmware_stubs.coupling import Listener
from firmware_stubs.faults.engine import Engine
from firmware_stubs.faults.scenario import Scenario
from firmware_stubs.floor_file import Floor
from firmware_stubs.lockstep import Lockstep
from firmware_stubs.manifest import Manifest
from firmware_stubs.rehearsed_child import RehearsedChild, floord
from firmware_stubs.stub import Piece
from firmware_stubs.told_events import EVENT
from firmware_stubs.wire import BUFFER, say
from firmware_stubs.wire_recording import Recorder
from firmware_stubs.world import World

BEGIN_MS, UTC_MS = 0.0, 1_790_000_000_000.0
"""Two runs of the same are equal: each begins at t = 0, on 2026-09-21T14:13:20Z."""
WAIT_MS, DRAIN_MS, LINGER_MS = 30_000.0, 10_000.0, 1000.0
STEP_MS = 1000.0
"""So often it is looked whether all is done, or somebody wants it to end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for. `minutes` None = until nothing comes any more and the belts are empty.
    `scenario`: what strikes, from when the parcels come."""

    floors: Sequence[Path]
    program: str | None
    minutes: float | None
    parcels: int | None
    seed: int | None
    wait: bool
    record: Path | None
    events: Path | None
    scenario: Scenario | None = None


class Heard(Listener):
    """Counts events by name, writes them if wanted, and hands on all to a recording if there is one."""

    def __init__(self, events: TextIO | None, recorder: Recorder | None) -> None:
        self.names: Counter[str] = Counter()
        self._events, self._next = events, recorder or Listener()

    def wire(self, now: float, stub: str, side: str, piece: Piece) -> None:
        """A piece passed."""
        self._next.wire(now, stub, side, piece)

    def link(self, now: float, stub: str, up: bool, why: str) -> None:
        """A wire was opened, or is gone."""
        self._next.link(now, stub, up, why)

    def centre(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        """The centre spoke."""
        self._next.centre(now, topic, payload, retain)

    def published(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        """A daemon published something."""
        self._next.published(now, topic, payload, retain)
        found = EVENT.fullmatch(topic)
        if found is None:
            return
        self.names[found["name"]] += 1
        if self._events is not None:
            line = {"t": round(now, 3), "topic": topic, "event": json.loads(payload)}
            self._events.write(json.dumps(line) + "\n")


def run(floor: Floor, wanted: Wanted, manifest_fd: int | None, ledger: TextIO | None, say_to: TextIO | None) -> int:
    """The exit code. `say_to`: where the figures go. Raises FloorError, FaultError,
    ChildError, LockstepError, OSError."""
    with contextlib.ExitStack() as files:
        events = created(wanted.events, files) if wanted.events else None
        recorder = None
        if wanted.record:
            header = header_of(wanted.floors, floor, UTC_MS)
            recorder = Recorder(created(wanted.record, files).write, header, BEGIN_MS)
        heard = Heard(events, recorder)
        program = floord(wanted.program)
        daemons = [files.enter_context(_child(program, path, wanted.seed)) for path in wanted.floors]

        def record(entry: dict[str, Any]) -> None:
            if ledger is not None:
                ledger.write(json.dumps(entry) + "\n")

        world = World(
            floor, record, seed=wanted.seed, now=BEGIN_MS, utc_offset_ms=UTC_MS - BEGIN_MS, parcels=wanted.parcels
        )
        began = time.monotonic()
        cables = Cables((stub.name for stub in floor.stubs), floor.on_broker(), seed=wanted.seed)
        wires = floor.wires()
        lockstep = Lockstep(world, wires, daemons, now=BEGIN_MS, cables=cables, listener=heard)
        lockstep.engine = engine = Engine(world, cables, lockstep, record, wanted.seed or 0)
        bad = _given(world, floor, manifest_fd)
        ended = _flow(world, lockstep, engine, wanted)
        record({"what": "end", "t": round(lockstep.now, 3), **world.counts(), "bad_lines": bad, "dropped": {}})
        for line in _told(world, heard, lockstep.now - BEGIN_MS, time.monotonic() - began):
            click.echo(line, file=say_to)
        return 0 if ended and not bad else 1


def _child(program: str, path: Path, seed: int | None) -> RehearsedChild:
    return RehearsedChild(program, path, now=BEGIN_MS, utc_ms=UTC_MS, seed=seed or 0)


def _given(world: World, floor: Floor, fd: int | None) -> int:
    """The whole manifest to the world; how many of its lines are bad."""
    if fd is None:
        return 0
    manifest = Manifest(floor.places())
    while data := os.read(fd, BUFFER):
        for parcel in manifest.feed(data):
            world.add(parcel, BEGIN_MS)
    for parcel in manifest.end():
        world.add(parcel, BEGIN_MS)
    for complaint in manifest.complaints:
        say(complaint)
    return manifest.bad


def _flow(world: World, lockstep: Lockstep, engine: Engine, wanted: Wanted) -> bool:
    """Run it; whether all that came is where it belongs, or time was over. Ctrl-C ends it where it is."""
    until = BEGIN_MS + wanted.minutes * 60_000 if wanted.minutes else float("inf")
    try:
        while wanted.wait and not world.in_session and lockstep.now < min(BEGIN_MS + WAIT_MS, until):
            lockstep.run(lockstep.now + STEP_MS / 10)
        world.release(lockstep.now)
        if wanted.scenario:
            engine.schedule(wanted.scenario, lockstep.now)
        while lockstep.now < until and (world.waiting or wanted.minutes):
            lockstep.run(min(lockstep.now + STEP_MS, until))
        if wanted.minutes:
            return True
        last = lockstep.now + world.longest_ms + world.desk_ms + DRAIN_MS
        while (world.on_belts or world.unsaid) and lockstep.now < last:
            lockstep.run(lockstep.now + STEP_MS)
        lockstep.run(lockstep.now + LINGER_MS)
    except KeyboardInterrupt:
        say("ended where it is")
    return not (world.on_belts or world.unsaid)


def _told(world: World, heard: Heard, ms: float, seconds: float) -> list[str]:
    counts = " ".join(f"{name} {count:,}" for name, count in world.counts().items())
    hours = ms / 3_600_000
    inducted = world.counts()["inducted"]
    rate = f", {inducted / hours:,.0f} parcels/h" if hours else ""
    rows = [f"time      {ms / 1000:,.0f} s in {seconds:.1f} s: {ms / 1000 / max(seconds, 1e-3):,.0f} times real time"]
    rows.append(f"parcels   {counts}{rate}")
    return [*rows, *(f"{'events' if not n else '':<10}{count:>9,}  {name}" for n, (name, count) in _sorted(heard))]


def _sorted(heard: Heard) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(sorted(heard.names.items())))
