"""The demo under faults: the same floor, witness and judge, with a floord that runs on a disk of ours and a broker that
may stand still or die.

What the demo judges by three ledgers is judged here too; beside it stand the order of each parcel's events at the
witness, the alarms that reached it, and how each floord ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.broker import start_nats
from controller.commands._where import Unavailable, ask
from controller.demo import Options
from controller.demo_journals import rows
from controller.demo_ledger import Ledger
from controller.demo_own import OwnFloor
from controller.journal_file import connect

READY_S = 30.0
Event = dict[str, Any]


@dataclass
class Watched(Ledger):
    """The demo's ledger, and what came in which order. `disorder`: first deliveries of an event after a later one of
    the same travel or parcel. `alarms`: (alarm id, "raised" …, what) as they came."""

    disorder: list[str] = field(default_factory=list)
    alarms: list[tuple[str, str, str]] = field(default_factory=list)
    last: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def event(self, event: Event) -> None:
        """A delivery at the witness."""
        if event["id"] not in self.ids:
            self._first(event)
        super().event(event)

    def _first(self, event: Event) -> None:
        data, sequence = event["data"], int(event["sequence"])
        _, family, name = event["type"].split(".")[:3]
        for kind in ("travel", "parcel"):
            if data.get(kind):
                key = (kind, data[kind], event["source"])
                if sequence < self.last.get(key, 0):
                    self.disorder.append(f"{kind} {data[kind]}: {sequence} after {self.last[key]}")
                self.last[key] = sequence
        if family == "alarm":
            self.alarms.append((data.get("alarm", ""), name, data.get("what", "")))


@dataclass(frozen=True, slots=True)
class End:
    """How a floord ended: its exit code (negative: the signal), and how long it had lived."""

    code: int
    lived_s: float


class Trial(OwnFloor):
    """One run. `environment`: of floord alone."""

    def __init__(self, options: Options, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(options)
        self.ledger: Watched = Watched()
        self.environment = environment
        self.ends: list[End] = []
        self.started = asyncio.Condition()
        self.born = 0.0
        self.before_start: Callable[[], None] = lambda: None
        self.broker_dies = options.broker == "nats"
        """mosquitto here keeps nothing: what it acknowledged would be gone with it, and nobody's fault"""

    @property
    def state(self) -> Path:
        """The state_dir."""
        return self.options.folder / "state"

    @property
    def floord(self) -> asyncio.subprocess.Process | None:
        """The one that runs, None between two."""
        found = self._floords.get(self.options.folder / "floor.toml")
        return found if found is not None and found.returncode is None else None

    async def under(self, script: Callable[[Trial], Coroutine[Any, Any, None]]) -> dict[str, Any]:
        """The verdict of a run during which `script` does its worst; when it is done no more parcels come."""

        async def doing() -> None:
            await script(self)
            self.stop()

        async with asyncio.TaskGroup() as tasks:
            beside = tasks.create_task(doing())
            verdict = await self.run()
            if not beside.done():
                raise AssertionError("the floor had ended before the faults had")
        return verdict

    def unrecorded(self) -> list[str]:
        """After the end: what the witness heard or the centre was thanked for, and the journal has not."""
        found = []
        if gone := sorted(self.ledger.sequences - set(rows(self.state))):
            found.append(f"{len(gone)} events are at the witness and not in the journal: {gone[:5]}")
        with contextlib.closing(connect(self.state / "journal.db", "ro")) as db:
            advised = {parcel for (parcel,) in db.execute("SELECT parcel FROM advice")}
        if lost := sorted(name for name, one in self.parcels.items() if one.advice and name not in advised):
            found.append(f"advice of {len(lost)} parcels is not in the journal: {lost[:5]}")
        return found

    async def spawn(self, floor: Path, log: Path) -> asyncio.subprocess.Process:
        """The next floord, whose end is noted."""
        self.state.mkdir(exist_ok=True)
        self.before_start()
        with log.open("ab") as errors:
            command = (sys.executable, "-m", "controller", "run", str(floor))
            process = await asyncio.create_subprocess_exec(
                *command, stderr=errors, env=self.environment, start_new_session=True
            )
        self._floords[floor] = process
        self.beside(self._watch(process), "end of a floord")
        return process

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        async with self.started:
            self.born = born = time.monotonic()
            self.started.notify_all()
        self.ends.append(End(await process.wait(), time.monotonic() - born))

    async def another(self, known: asyncio.subprocess.Process | None) -> asyncio.subprocess.Process:
        """Wait for a floord other than this one."""
        async with self.started:
            await self.started.wait_for(lambda: self.floord is not None and self.floord is not known)
        found = self.floord
        assert found is not None
        return found

    def kill_floord(self, number: int = signal.SIGKILL) -> None:
        """To the one that runs; to none, if it has just ended."""
        if self.floord is not None:
            with contextlib.suppress(ProcessLookupError):
                self.floord.send_signal(number)

    async def broker_stands(self, seconds: float) -> None:
        """It holds its connections and says nothing."""
        assert self._broker is not None
        os.kill(self._broker.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(self._broker.pid, signal.SIGCONT)

    async def broker_is_gone(self, seconds: float) -> None:
        """It is killed, and started again with what it had on disk."""
        assert self._broker is not None
        self._broker.kill()
        await asyncio.sleep(seconds)
        self._broker = start_nats(self.options.folder / "broker", self._broker.port)

    async def status(self) -> dict[str, Any] | None:
        """What floord says of itself, None while it says nothing."""
        try:
            return await asyncio.to_thread(lambda: next(ask(self.state, {"do": "status"})))
        except (Unavailable, OSError):
            return None

    async def until(self, done: Callable[[], bool], what: str, seconds: float = READY_S) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; see {self.options.folder}")
            await asyncio.sleep(0.02)
