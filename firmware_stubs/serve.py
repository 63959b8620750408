"""A simulated floor in real time: one loop, one timer, the wires, the manifest and the ledger."""

from __future__ import annotations

import asyncio
import json
import math
import signal
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from firmware_stubs.api.operator import Interface, Run
from firmware_stubs.api.watch import Watch
from firmware_stubs.cables import Cables
from firmware_stubs.coupling import Listener
from firmware_stubs.drills.room import Room
from firmware_stubs.events_wire import EventsWire
from firmware_stubs.faults.engine import Engine
from firmware_stubs.faults.scenario import Scenario
from firmware_stubs.floor_file import Floor
from firmware_stubs.manifest import Manifest
from firmware_stubs.notice import notices
from firmware_stubs.source import Source
from firmware_stubs.traffic import Traffic
from firmware_stubs.wire import Job, PortError, Wire, say
from firmware_stubs.wires import open_wire
from firmware_stubs.world import World
from firmware_stubs.world_clock import WorldClock

WAIT_S = 30.0  # for controllers, before parcels come anyway
LINGER_S = 1.0  # after the last parcel, so that the PLCs can report it and hands are answered
DRAIN_EXTRA_S = 10.0
LOOK_MOST_S = 1.0  # for brokers that are looked at, before parcels come anyway
NAMED = 3  # of those that are waited for, so many have their names said
EVENTS_S = 5.0  # within which the centre's broker lets us listen


class Simulation:
    """One floor, from the first link to the end of the ledger. One loop, one timer; used once."""

    def __init__(
        self,
        floor: Floor,
        ledger: TextIO | None,
        *,
        seed: int | None,
        utc_ms: float,
        parcels: int | None = None,
        tap: Listener | None = None,
        events: str | None = None,
        hurried: bool = False,
    ) -> None:
        """`utc_ms`: now. `parcels`: so many come of all mixes, None = until it is stopped. `tap` hears what passes on
        every wire, with the machine's times; `events`: a broker where it also hears what floord publishes, and the
        centre. `hurried`: the first `stop` ends it at once. Raises FloorError."""
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._open_wires: list[Wire] = []
        self._hurried = hurried
        self.flowing = False
        """Parcels come."""
        self._floor = floor
        self._source: Source | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turned = asyncio.Event()
        self._notices = notices(floor.stubs, self._turned.set)
        self._error: Exception | None = None
        self._stopping = self._quitting = self._closed = False
        self._jobs: set[asyncio.Task[None]] = set()
        self._clock = WorldClock(lambda: self._loop.time() * 1000)  # the machine's is CLOCK_MONOTONIC
        self._now = self._clock.now
        self._utc_offset_ms = utc_ms - self._now()
        self._tap, self._events = tap or Listener(), events
        names = [stub.name for stub in floor.stubs]
        self._watch = Watch(names, self._now())
        self._world = World(
            floor, self._record, seed=seed, now=self._now(), utc_offset_ms=self._utc_offset_ms, parcels=parcels
        )
        self.cables = Cables(names, floor.on_broker(), seed=seed)
        self._traffic = Traffic(
            self._world,
            self._clock,
            self.cables,
            (self._watch, self._tap),
            self._guarded,
            (self._turn, lambda: self._loop.call_soon(self._turn)),
            self._start,
            centre_heard=events is not None,
        )
        self._engine = Engine(self._world, self.cables, self._traffic.medium, self._record, seed or 0)

    async def run(
        self,
        manifest_fd: int | None,
        *,
        wait: bool,
        real: bool,
        interface: Interface | None = None,
        scenario: Scenario | None = None,
        opened: Callable[[], None] = lambda: None,
    ) -> int:
        """The exit code; `manifest_fd` None = there is no manifest. `opened` is called when every link is open. With a
        scenario, which begins with the parcels, the run lasts as long as that says. Raises PortError, OSError when the
        ledger cannot be written, and FaultError when the scenario is not for this floor."""
        manifest = Manifest(self._floor.places())
        try:
            if scenario:
                self._rehearse(scenario)
            if interface:
                await interface.start(self._for_operator())
            await self._open(real, opened)
            self._source = Source(manifest_fd, manifest, self._world, self._now, self._turn)
            self._turn()
            if wait:
                await self._wait()
            empty = await self._flow(self._source, scenario)
            self._engine.end_all(self._now())
            self._record({"what": "end", "t": round(self._now(), 3), **self._world.counts(), **self._losses(manifest)})
        finally:
            self._close()
            if interface:
                await interface.close()
            if self._jobs:
                await asyncio.wait(self._jobs)
            await asyncio.sleep(0)  # transports close in the next turn of the loop
        return 0 if empty and not manifest.bad else 1

    def stop(self) -> None:
        """No more parcels, run empty, for which a floor that stands goes on, end; the second time: end now."""
        if not self._stopping and not self._hurried:
            say(f"stopping: {self._world.on_belts} parcels run out, {self._world.waiting} do not come any more")
        self._quitting = self._stopping or self._hurried
        self._stopping = True
        self._world.hold()
        self._clock.resume()
        self._turn()

    @property
    def stopped(self) -> bool:
        """Somebody ended it."""
        return self._stopping

    def _for_operator(self) -> Run:
        return Run(
            floor=self._floor,
            world=self._world,
            clock=self._clock,
            watch=self._watch,
            links=self._traffic.links,
            utc_offset_ms=self._utc_offset_ms,
            turn=self._turn,
            stop=self.stop,
            stopping=lambda: self._stopping,
            engine=self._engine,
            room=Room(self._engine, self._record),
        )

    async def _open(self, real: bool, opened: Callable[[], None]) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self.stop)
        for link, names in self._floor.wires():
            allowed = self._notices[link].allowed if link in self._notices else None
            wire = await open_wire(link, self._traffic.side(names), real=real, allowed=allowed)
            self._traffic.add(wire, names)
            self._begin(wire, f"wire of {', '.join(names)}")
        opened()
        for link, notice in self._notices.items():
            self._start(notice.run(), f"notice at {link}")
        await self._until(lambda: all(notice.allowed.is_set() for notice in self._notices.values()), LOOK_MOST_S)
        if self._events is not None:
            await self._listen(self._events)
        links = self._traffic.links()
        self._record({"what": "ready", "t": round(self._now(), 3), "links": links})
        say("ready: " + ", ".join(f"{name} at {where}" for name, where in links.items()))

    async def _listen(self, broker: str) -> None:
        """To what floord publishes, from before it can be ready on."""
        wire = EventsWire(broker, self._tap, self._clock.machine)
        self._begin(wire, "events")
        try:
            async with asyncio.timeout(EVENTS_S):
                await wire.there.wait()
        except TimeoutError:
            raise PortError(f"{broker}: no broker lets us listen there; it is tried for {EVENTS_S:g} s") from None

    def _begin(self, wire: Wire, name: str) -> None:
        self._open_wires.append(wire)
        for job in wire.jobs():
            self._start(job, name)

    def _rehearse(self, scenario: Scenario) -> None:
        """Whether all of it can be on this floor, before anything begins. Raises FaultError."""
        Engine(self._world, self.cables, self._traffic.medium, self._record, 0).schedule(scenario, self._now())

    async def _wait(self) -> None:
        """Until every PLC and every hand has its controller and the centre its node, but not for ever."""
        if self._world.in_session:
            return
        say(f"waiting up to {WAIT_S:g} s for floord at {_some(self._world.awaited)} (--no-wait: not at all)")
        if await self._until(lambda: self._world.in_session or self._stopping, WAIT_S):
            if not self._stopping:
                say("floord is there; the parcels come")
        else:
            say(f"no floord at {_some(self._world.awaited)} after {WAIT_S:g} s; the parcels come all the same")

    async def _flow(self, source: Source, scenario: Scenario | None) -> bool:
        """Parcels over the belts and to the readers until the source has ended and all is done; False = some is not."""
        world = self._world
        if not self._stopping:
            self.flowing = True
            world.release(self._now())
            if scenario:
                self._engine.schedule(scenario, self._now())
            self._turn()
        if scenario:
            await self._until(lambda: self._stopping, scenario.minutes * 60)
            if not self._stopping:
                self.stop()
        else:
            await self._until(lambda: self._stopping or (source.ended and not world.waiting))
        if self._stopping:  # a belt that a fault keeps from running would never run empty
            self._engine.end_all(self._now())
        empty = await self._until(lambda: not world.on_belts, world.longest_ms / 1000 + DRAIN_EXTRA_S)
        if not empty:
            say(f"{world.on_belts} parcels are still on the belts")
        # what fell last is still to be shown at its desk
        await self._until(lambda: self._stopping or not world.waiting, world.desk_ms / 1000 + DRAIN_EXTRA_S)
        said = await self._until(lambda: not world.unsaid, DRAIN_EXTRA_S)
        if not said:
            say(f"{world.unsaid} results of readers that no belt passes are not said, or not acknowledged")
        inducting = any(line.inductions for line in self._floor.lines.values())
        if empty and said and world.in_session and (inducting or world.shown):
            await self._until(lambda: False, LINGER_S)
        return empty and said

    def _losses(self, manifest: Manifest) -> dict[str, Any]:
        dropped = {name: wire.dropped for name, wire in self._traffic.wires.items() if wire.dropped}
        return {"bad_lines": manifest.bad, "dropped": dropped}

    def _close(self) -> None:
        self._closed = True
        for task in self._jobs:
            task.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)
        if self._timer:
            self._timer.cancel()
        if self._source:
            self._source.close()
        for wire in self._open_wires:
            wire.close()
        for notice in self._notices.values():
            notice.close()

    def _start(self, job: Job, name: str) -> None:
        task = self._loop.create_task(job, name=name)
        task.add_done_callback(self._job_ended)
        self._jobs.add(task)

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._error = error if isinstance(error, Exception) else RuntimeError(str(error))
            self._turned.set()

    def _turn(self) -> None:
        if not self._closed:
            self._guarded(self._move)

    def _move(self) -> None:
        self._engine.advance(self._now())
        self._world.advance(self._now())
        self._traffic.carry()
        if self._source:
            self._source.resume()
        if self._timer:
            self._timer.cancel()
        movers = self._world, self._traffic, self._engine
        at = min((at for one in movers if (at := one.next_at()) is not None), default=None)
        due = None if at is None else self._clock.machine_at(at)
        self._timer = None if due is None else self._loop.call_at(due / 1000, self._turn)
        self._turned.set()

    def _guarded(self, act: Callable[[], None]) -> None:
        """An error inside a callback of the loop ends the run instead of being logged and forgotten."""
        try:
            act()
        except Exception as error:
            self._error = error
            self._turned.set()

    async def _until(self, done: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait for something that only a turn can bring about; False = not within so many seconds of the world, or told
        to end now."""
        deadline = math.inf if seconds is None else self._now() + seconds * 1000
        while not done():
            if self._error:
                raise self._error
            if self._quitting:
                return False
            self._turned.clear()
            try:
                due = None if deadline == math.inf else self._clock.machine_at(deadline)
                async with asyncio.timeout_at(None if due is None else due / 1000):
                    await self._turned.wait()
            except TimeoutError:
                if self._now() >= deadline:
                    return done()
        return True

    def _record(self, entry: dict[str, Any]) -> None:
        """Into the ledger, whose times are the machine's: another process compares them with its own."""
        if entry["what"] == "lane" and "leads_to" not in entry:
            self._watch.ended(entry["t"])
        if lag := self._clock.lag():
            entry["t"] = round(entry["t"] + lag, 3)
            if "utc_ms" in entry:
                entry["utc_ms"] += round(lag)
        if self._watch.listeners and self._engine.shows(entry):
            self._watch.ledger(entry)
        if self._ledger:
            self._ledger.write(json.dumps(entry) + "\n")
            self._ledger.flush()


def _some(names: Sequence[str]) -> str:
    """The first ones, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


async def beside(jobs: Iterable[Job], main: Job) -> None:
    """Run `main` to its end, and these jobs of wires beside it; the first of them that raises ends it, too."""
    tasks = [asyncio.get_running_loop().create_task(job) for job in (main, *jobs)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the next turn of the loop
    for result in results:
        if isinstance(result, Exception):
            raise result
