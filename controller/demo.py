"""`floord demo`: the main job on one machine, on real wire between real processes, and a judge beside it.

Started as children: a broker (or yours is used), `floorsim run` with ptys, `floord run`. A witness subscribes with a
persistent QoS 1 session before floord starts. The centre loads advice, speaks for customs with a feed and head beats,
and feeds parcels to the simulator. A dead floord is started again at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller import demo_floor
from controller.broker import Child, free_port, start_mosquitto, start_nats
from controller.demo_centre import Centre
from controller.demo_ledger import Ledger, judge
from controller.demo_parcels import DemoParcel, Parcels
from controller.demo_picture import Picture

BEAT_S = 1.0
READY_S = 30.0
SETTLE_S = 60.0
AHEAD_S = 4.0
"""So long before its induction a parcel is announced."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `parcels` None = until Ctrl-C."""

    parcels: int | None
    rate: float
    lines: int
    seed: int
    broker: str
    folder: Path
    quiet: bool
    plc: str = demo_floor.PLCS[0]
    record: Path | None = None
    """where all wires are recorded"""


class DemoFailed(RuntimeError):
    """The demo could not run; the text says what to do."""


class Demo:
    """One run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.ledger = Ledger()
        self.parcels: dict[str, DemoParcel] = {}
        self.restarts = 0
        self.stopping = False
        self.on_belts_empty = asyncio.Event()
        self._broker: Child | None = None
        self._floord: asyncio.subprocess.Process | None = None
        self._simulator: asyncio.subprocess.Process | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._backlog: deque[DemoParcel] = deque()
        self._floord_may_die = False

    async def run(self) -> dict[str, Any]:
        """Run to the end; the verdict. Everything started here is ended here."""
        options, loop = self.options, asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        url = self._start_broker()
        site = f"lgg-{os.getpid()}"  # of its own: on a shared broker nobody else is disturbed
        plc, ports = options.plc, [free_port() for _ in range(options.lines)]
        floor = demo_floor.write(options.folder, options.lines, options.rate, url, options.seed, site, plc, ports)
        async with contextlib.AsyncExitStack() as ending:
            ending.push_async_callback(self._end)
            centre = Centre(url, site, self.ledger.event)
            ending.callback(centre.stop)
            if plc == "mqtt_json":
                centre.clear(f"{demo_floor.base(site, name)}/status" for name in demo_floor.line_names(options.lines))
            await centre.start(READY_S)
            await self._start_simulator(floor, url)
            async with asyncio.TaskGroup() as tasks:
                keeper = tasks.create_task(self._keep_floord(floor), name="floord")
                picture = tasks.create_task(Picture(self).show(), name="picture")
                beat = tasks.create_task(self._beat(centre), name="head beat")
                listener = tasks.create_task(self._listen(centre), name="belt ledger")
                await self._feed(centre)
                await listener
                await self._settle(floor.parent / "state")
                self._floord_may_die = True
                await self._stop_floord()
                await self._heard(floor.parent / "state")
                for task in (keeper, picture, beat):
                    task.cancel()
            return judge(self.ledger, self.parcels, self._journal(floor.parent / "state"))

    def stop(self) -> None:
        """Ctrl-C: no more parcels; the belts run empty, then the ledger is printed."""
        self.stopping = True

    # --- children ------------------------------------------------------------------------------------------------

    def _start_broker(self) -> str:
        wanted = self.options.broker
        if wanted.startswith(("mqtt://", "mqtts://")):
            return wanted
        folder = self.options.folder / "broker"
        folder.mkdir(exist_ok=True)
        self._broker = start_mosquitto(folder) if wanted == "mosquitto" else start_nats(folder)
        return self._broker.url

    async def _start_simulator(self, floor: Path, broker: str) -> None:
        record = self.options.record
        recorded = ("--record", str(record), "--events", broker) if record else ()
        command = ("-m", "firmware_stubs", "run", str(floor), "--manifest", "-", "--ledger", "-")
        log = (floor.parent / "floorsim.log").open("ab")
        self._simulator = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            *recorded,
            "--seed",
            str(self.options.seed),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            limit=1 << 20,
        )
        log.close()

    async def _keep_floord(self, floor: Path) -> None:
        """Start floord, and again at once whenever it dies."""
        pid_file = floor.parent / "floord.pid"
        while not self._floord_may_die:
            with (floor.parent / "floord.log").open("ab") as log:
                self._floord = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "controller", "run", str(floor), stderr=log, start_new_session=True
                )
            written = pid_file.with_suffix(".new")
            written.write_text(f"{self._floord.pid}\n")
            written.replace(pid_file)  # a reader finds the old one or the new one, never half a number
            code = await self._floord.wait()
            if code == 78:
                raise DemoFailed(f"floord refused its configuration; see {floor.parent / 'floord.log'}")
            if not self._floord_may_die:
                self.restarts += 1
                if code > 0:
                    await asyncio.sleep(0.2)

    async def _stop_floord(self) -> None:
        if self._floord is not None and self._floord.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._floord.terminate()
            await asyncio.wait_for(self._floord.wait(), 15)

    async def _end(self) -> None:
        """Nothing that was started outlives the demo."""
        self._floord_may_die = True
        for timer in self._timers:
            timer.cancel()
        for process in (self._floord, self._simulator):
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        (self.options.folder / "floord.pid").unlink(missing_ok=True)  # the number may be somebody else's soon
        if self._broker is not None:
            self._broker.stop()

    # --- the centre's part -----------------------------------------------------------------------------------------

    async def _beat(self, centre: Centre) -> None:
        while True:
            centre.head(time.time() * 1000)
            await asyncio.sleep(BEAT_S)

    async def _feed(self, centre: Centre) -> None:
        """Announce parcels ahead of their induction, then give them to the belt."""
        options = self.options
        await self._ready(centre)
        stream = Parcels(demo_floor.line_names(options.lines), options.seed)
        ahead = max(10, round(options.rate * AHEAD_S))
        given = 0
        while not self.stopping and (options.parcels is None or given < options.parcels):
            if given - len(self.ledger.physical) >= 2 * ahead:
                await asyncio.sleep(0.05)
                continue
            parcel = stream.next()
            given += 1
            self._announce(centre, parcel)
            await self._give(parcel)
        await centre.flushed()
        assert self._simulator is not None
        assert self._simulator.stdin is not None
        if self.stopping:
            with contextlib.suppress(ProcessLookupError):
                self._simulator.terminate()
        self._simulator.stdin.close()

    async def _ready(self, centre: Centre) -> None:
        """Wait until the node is there and has heard the customs head."""
        deadline = time.monotonic() + READY_S
        while not centre.node_ready and not self.stopping:
            if time.monotonic() > deadline:
                raise DemoFailed(f"floord did not come up; see {self.options.folder / 'floord.log'}")
            await asyncio.sleep(0.02)

    def _announce(self, centre: Centre, parcel: DemoParcel) -> None:
        self.parcels[parcel.parcel] = parcel
        if parcel.advice is not None:
            centre.advise(parcel.advice)
        if parcel.first is not None:
            self._say(centre, parcel, parcel.first)

    def _say(self, centre: Centre, parcel: DemoParcel, status: str) -> None:
        parcel.said.append((time.monotonic() * 1000, status))
        centre.customs(parcel.parcel, len(parcel.said), status)

    async def _give(self, parcel: DemoParcel) -> None:
        """Into the simulator's queue; it is inducted when its turn comes."""
        assert self._simulator is not None
        assert self._simulator.stdin is not None
        self._backlog.append(parcel)
        self._simulator.stdin.write(json.dumps(parcel.manifest()).encode() + b"\n")
        await self._simulator.stdin.drain()

    # --- what the belt says ------------------------------------------------------------------------------------------

    async def _listen(self, centre: Centre) -> None:
        """Read the physical ledger until the simulator ends."""
        assert self._simulator is not None
        assert self._simulator.stdout is not None
        ledger = (self.options.folder / "ledger.jsonl").open("wb")
        with ledger:
            async for line in self._simulator.stdout:
                ledger.write(line)
                entry = json.loads(line)
                self.ledger.belt(entry)
                if entry["what"] == "inducted":
                    self._on_the_way(centre, self.parcels[entry["parcel"]])
        code = await self._simulator.wait()
        if code != 0:
            raise DemoFailed(f"floorsim ended with {code}; see {self.options.folder / 'floorsim.log'}")

    def _on_the_way(self, centre: Centre, parcel: DemoParcel) -> None:
        if parcel.later is not None:
            after, status = parcel.later
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(after / 1000, self._say, centre, parcel, status))

    # --- the end -----------------------------------------------------------------------------------------------------

    async def _settle(self, state: Path) -> None:
        """Wait until customs has said all, and every travel has ended at the witness."""
        last = max((timer.when() for timer in self._timers), default=0.0)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, last + 0.5 - loop.time()))
        await self._until(lambda: self._open(state) == 0, SETTLE_S)

    async def _heard(self, state: Path) -> None:
        await self._until(lambda: all(row in self.ledger.sequences for row in self._journal(state)), SETTLE_S / 4)

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - it looks into the journal's file
            await asyncio.sleep(0.1)

    def _open(self, state: Path) -> int:
        """Travels without a terminal event at the witness, and rows that it has not heard."""
        travels = {travel for names in self.ledger.travel_of.values() for travel in names}
        unheard = sum(row not in self.ledger.sequences for row in self._journal(state))
        return len(travels - self.ledger.terminals.keys()) + unheard

    def _journal(self, state: Path) -> list[tuple[str, int]]:
        from controller.journal_reader import Reader

        reader = Reader(state / "journal.db")
        try:
            return [(json.loads(row.body)["source"].rsplit(":", 1)[1], row.seq) for row in reader.since(1)]
        finally:
            reader.close()
