"""`floord demo`: the main job on one machine, on real wire between real processes, and a judge beside it.

Started as children: a broker (or yours is used), `floorsim run`, a `floord run` for each floor file. A witness
subscribes with a persistent QoS 1 session before floord starts. A dead floord is started again at once. What floor it
is, and who brings its parcels, is the part of `OwnFloor` (demo_own.py) and `ReadyFloor` (demo_ready.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller import demo_floor
from controller.broker import Child, start_mosquitto, start_nats
from controller.config import Config
from controller.demo_centre import Centre
from controller.demo_journals import Journals, rows
from controller.demo_ledger import Known, Lanes, Ledger, judge
from controller.demo_progress import Progress
from controller.plans import load_floor

READY_S = 30.0
SETTLE_S = 60.0
GRACE_S = 15.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `parcels` None = until Ctrl-C. `floor`: the name of a ready one; None = the
    demo's own, which `rate`, `lines` and `plc` are for. `view`: the terminal view is shown."""

    parcels: int | None
    rate: float
    lines: int
    seed: int
    broker: str
    folder: Path
    quiet: bool
    plc: str = demo_floor.PLCS[0]
    floor: str | None = None
    view: bool = False
    record: Path | None = None
    """where all wires are recorded"""


class DemoFailed(RuntimeError):
    """The demo could not run; the text says what to do."""


class Demo:
    """One run. What a floor brings with it: `write`, `arguments`, `bring`, `entry`, `last_word`."""

    parcels: Mapping[str, Known]
    """what the centre knows, by parcel"""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ledger = Ledger()
        self.restarts = 0
        self.stopping = False
        self._stopped = asyncio.Event()
        self._broker: Child | None = None
        self._floords: dict[Path, asyncio.subprocess.Process] = {}
        self._simulator: asyncio.subprocess.Process | None = None
        self._view: asyncio.subprocess.Process | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._floord_may_die = False
        self._given_up = False

    # --- what floor it is ----------------------------------------------------------------------------------------

    async def write(self, url: str, site: str) -> list[Path]:
        """Write the floor files for this broker and this site; one floord is started for each."""
        raise NotImplementedError

    def arguments(self) -> list[str]:
        """More of `floorsim run`."""
        raise NotImplementedError

    async def bring(self, centre: Centre) -> None:
        """Let parcels come until all have, or `stopping`; then floorsim must end by itself."""
        raise NotImplementedError

    def entry(self, centre: Centre, entry: dict[str, Any]) -> None:
        """An entry of the simulator's ledger, after `ledger` has it."""

    def last_word(self) -> float:
        """Loop time at which customs has said all that it will."""
        return 0.0

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task that runs until the end."""
        assert self._tasks is not None
        task = self._tasks.create_task(work, name=name)
        self._beside.append(task)
        return task

    # --- the run ---------------------------------------------------------------------------------------------------

    async def run(self) -> dict[str, Any]:
        """Run to the end; the verdict. Everything started here is ended here."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        if task := asyncio.current_task():  # the terminal is gone: nobody waits for a verdict
            loop.add_signal_handler(signal.SIGHUP, task.cancel)
        url = self._start_broker()
        site = f"lgg-{os.getpid()}"  # of its own: on a shared broker nobody else is disturbed
        async with contextlib.AsyncExitStack() as ending:
            ending.push_async_callback(self.end)
            nodes = {path: load_floor(path)[0] for path in await self.write(url, site)}
            centre = Centre(url, site, [node.node for node in nodes.values()], self.ledger.event)
            ending.callback(centre.stop)
            await centre.start(READY_S)
            await self._start_simulator(list(nodes), url)
            async with asyncio.TaskGroup() as self._tasks:
                for path in nodes:
                    self.beside(self._keep_floord(path), "floord")
                self.beside(self._look(list(nodes)) if self.options.view else Progress(self).show(), "progress")
                listener = self._tasks.create_task(self._listen(centre), name="belt ledger")
                await self.bring(centre)
                await listener
                await self._settle(nodes)
                for task in self._beside:
                    task.cancel()
            found = [row for node in nodes.values() for row in rows(node.state_dir)]
            return judge(self.ledger, self.parcels, found, Lanes.of(nodes.values()))

    def stop(self) -> None:
        """Ctrl-C: no more parcels; the belts run empty, then the ledger is printed. The second one: end now."""
        if self.stopping and self._simulator is not None and not self.belts_ended:
            self._given_up = True
            self._simulator.terminate()  # its second signal, too, if the first has told it to run empty
        self.stopping = True
        self._stopped.set()

    @property
    def belts_ended(self) -> bool:
        """floorsim has ended."""
        return self._simulator is not None and self._simulator.returncode is not None

    async def ended_or_stopped(self) -> None:
        """Until floorsim has ended, or `stop` was called."""
        assert self._tasks is not None
        waits = [self._tasks.create_task(self.simulator.wait()), self._tasks.create_task(self._stopped.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _settle(self, nodes: Mapping[Path, Config]) -> None:
        """Wait until customs has said all, every travel has ended at the witness, and the journals are heard."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self.last_word() + 0.5 - loop.time()))
        journals = Journals([node.state_dir for node in nodes.values()])
        heard = self.ledger.sequences
        await self._until(lambda: not self.ledger.open_travels() and not journals.unheard(heard), SETTLE_S)
        self._floord_may_die = True
        await self._stop_floords()
        await self._until(lambda: not journals.unheard(heard), SETTLE_S / 4)

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - it looks into the journals' files
            await asyncio.sleep(0.1)

    # --- children ------------------------------------------------------------------------------------------------

    @property
    def simulator(self) -> asyncio.subprocess.Process:
        """floorsim, once it is started."""
        assert self._simulator is not None
        return self._simulator

    def _start_broker(self) -> str:
        wanted = self.options.broker
        if wanted.startswith(("mqtt://", "mqtts://")):
            return wanted
        folder = self.options.folder / "broker"
        folder.mkdir(exist_ok=True)
        self._broker = start_mosquitto(folder) if wanted == "mosquitto" else start_nats(folder)
        return self._broker.url

    async def _start_simulator(self, floors: list[Path], broker: str) -> None:
        record = self.options.record
        recorded = ("--record", str(record), "--events", broker) if record else ()
        with (self.options.folder / "floorsim.log").open("ab") as log:
            self._simulator = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "firmware_stubs", "run", *map(str, floors), "--ledger", "-"),
                *("--seed", str(self.options.seed), *recorded, *self.arguments()),
                *(("--real",) if self.options.broker.startswith("mqtt") else ()),  # yours may be anywhere
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                limit=1 << 20,
            )

    async def _keep_floord(self, floor: Path) -> None:
        """Start floord, and again at once whenever it dies."""
        name = _daemon(floor)
        pid_file, log = floor.with_name(f"{name}.pid"), floor.with_name(f"{name}.log")
        while not self._floord_may_die:
            process = self._floords[floor] = await self.spawn(floor, log)
            written = pid_file.with_suffix(".new")
            written.write_text(f"{process.pid}\n")
            written.replace(pid_file)  # a reader finds the old one or the new one, never half a number
            code = await process.wait()
            if code == 78:
                raise DemoFailed(f"floord refused its configuration; see {log}")
            if not self._floord_may_die:
                self.restarts += 1
                if code > 0:
                    await asyncio.sleep(0.2)

    async def spawn(self, floor: Path, log: Path) -> asyncio.subprocess.Process:
        """One floord."""
        with log.open("ab") as errors:
            command = (sys.executable, "-m", "controller", "run", str(floor))
            return await asyncio.create_subprocess_exec(*command, stderr=errors, start_new_session=True)

    async def _stop_floords(self) -> None:
        for process in self._floords.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
        for process in self._floords.values():
            await asyncio.wait_for(process.wait(), GRACE_S)

    async def _look(self, floors: list[Path]) -> None:
        """The terminal view has the terminal; when it is left, no more parcels come."""
        command = (sys.executable, "-m", "controller", "view", "--floor", str(floors[0]), "--of-demo")
        self._view = await asyncio.create_subprocess_exec(*command)
        await self._view.wait()
        self.stop()
        await Progress(self).show()

    async def end(self) -> None:
        """Nothing that was started outlives the demo."""
        self._floord_may_die = True
        if self._view is not None and self._view.returncode is None:
            self._view.terminate()  # it gives the terminal back as it was
            await self._view.wait()
        for process in (*self._floords.values(), self._simulator):
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        for floor in self._floords:  # the numbers may be somebody else's soon
            floor.with_name(f"{_daemon(floor)}.pid").unlink(missing_ok=True)
        if self._broker is not None:
            self._broker.stop()

    # --- what the belt says ------------------------------------------------------------------------------------------

    async def _listen(self, centre: Centre) -> None:
        """Read the physical ledger until the simulator ends."""
        assert self.simulator.stdout is not None
        with (self.options.folder / "ledger.jsonl").open("wb") as ledger:
            async for line in self.simulator.stdout:
                ledger.write(line)
                entry = json.loads(line)
                self.ledger.belt(entry)
                self.entry(centre, entry)
        code = await self.simulator.wait()
        if self._given_up:
            raise DemoFailed("ended before the belts were empty, so there is no verdict")
        if code != 0:
            raise DemoFailed(f"floorsim ended with {code}; see {self.options.folder / 'floorsim.log'}")


def _daemon(floor: Path) -> str:
    """What the log and the pid file of its floord are called."""
    return "floord" if floor.stem == "floor" else f"floord-{floor.stem}"
