"""A simulated floor in real time: one loop, one timer, the wires, the manifest and the ledger."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TextIO

from firmware_stubs.cables import Cables
from firmware_stubs.floor_file import Floor
from firmware_stubs.manifest import Manifest
from firmware_stubs.medium import WireMedium
from firmware_stubs.notice import notices
from firmware_stubs.stub import Knock, Piece
from firmware_stubs.wire import BUFFER, Job, Side, Wire, say
from firmware_stubs.wire_print import Seen
from firmware_stubs.wires import open_wire
from firmware_stubs.world import World

WAIT_S = 30.0  # for controllers, before parcels come anyway
LINGER_S = 1.0  # after the last parcel, so that the PLCs can report it and hands are answered
DRAIN_EXTRA_S = 10.0
_QUEUE_HIGH, _QUEUE_LOW = 10_000, 5_000  # parcels read ahead of the belts


class Source:
    """The manifest's file or pipe, read without blocking and no further ahead than the belts need."""

    def __init__(self, fd: int | None, manifest: Manifest, world: World, turn: Callable[[], None]) -> None:
        """`fd` None = there is none."""
        self.ended = fd is None
        self._fd = -1 if fd is None else fd
        self._manifest = manifest
        self._world = world
        self._turn = turn
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._pollable = True  # a regular file is not

    def resume(self) -> None:
        """Read on when there is room."""
        if self.ended or self._reading or self._world.waiting > _QUEUE_LOW:
            return
        self._reading = True
        if self._pollable:
            try:
                self._loop.add_reader(self._fd, self._read)
                return
            except OSError:
                self._pollable = False
        self._loop.call_soon(self._read)

    def close(self) -> None:
        """Read no more."""
        self.ended = True
        if self._reading and self._pollable:
            self._loop.remove_reader(self._fd)

    def _read(self) -> None:
        if self.ended:
            return
        try:
            data = os.read(self._fd, BUFFER)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = self._loop.time() * 1000
        for parcel in self._manifest.feed(data) if data else self._manifest.end():
            self._world.add(parcel, now)
        while self._manifest.complaints:
            say(self._manifest.complaints.pop(0))
        if not data:
            self.close()
        elif not self._pollable or self._world.waiting > _QUEUE_HIGH:
            if self._pollable:
                self._loop.remove_reader(self._fd)
            self._reading = False
        self._turn()


class Simulation:
    """One floor, from the first link to the end of the ledger. One loop, one timer; used once."""

    def __init__(
        self, floor: Floor, ledger: TextIO | None, *, seed: int | None, utc_ms: float, parcels: int | None = None
    ) -> None:
        """`utc_ms`: now. `parcels`: so many come of all mixes, None = until it is stopped. Raises FloorError."""
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._wires: dict[str, Wire] = {}  # by stub
        self._notices = notices(floor.stubs)
        self._others: dict[str, list[str]] = {}  # by stub: who hangs on its wire beside it
        self._floor = floor
        self._source: Source | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._turned = asyncio.Event()
        self._error: Exception | None = None
        self._stopping = self._quitting = self._closed = False
        self._jobs: set[asyncio.Task[None]] = set()
        now = self._now()
        self._world = World(floor, self._record, seed=seed, now=now, utc_offset_ms=utc_ms - now, parcels=parcels)
        self.cables = Cables((stub.name for stub in floor.stubs), floor.on_broker(), seed=seed)
        self.medium = WireMedium(self._wires, self._others, self.cables, self._start)
        self.seen: Callable[[Seen], None] = lambda seen: None  # told of everything on the wires
        self.hurried = False  # the first signal ends it at once
        self.flowing = False  # parcels come

    async def run(self, manifest_fd: int | None, *, wait: bool, real: bool) -> int:
        """The exit code; `manifest_fd` None = there is no manifest. Raises PortError, and OSError when the ledger
        cannot be written."""
        manifest = Manifest(self._floor.places())
        try:
            await self._open(real)
            self._source = Source(manifest_fd, manifest, self._world, self._turn)
            self._turn()
            if wait:
                await self._wait()
            empty = await self._flow(self._source)
            self._record({"what": "end", "t": round(self._now(), 3), **self._world.counts(), **self._losses(manifest)})
        finally:
            self._close()
            if self._jobs:
                await asyncio.wait(self._jobs)
            await asyncio.sleep(0)  # transports close in the next turn of the loop
        return 0 if empty and not manifest.bad else 1

    def stop(self) -> None:
        """No more parcels, run empty, end; the second time: end now."""
        if not self._stopping and not self.hurried:
            say(f"stopping: {self._world.on_belts} parcels run out, {self._world.waiting} do not come any more")
        self._quitting = self._stopping or self.hurried
        self._stopping = True
        self._world.hold()
        self._turned.set()

    @property
    def stopped(self) -> bool:
        """Somebody ended it."""
        return self._stopping

    async def _open(self, real: bool) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self.stop)
        for link, names in self._floor.wires():
            allowed = self._notices[link].allowed if link in self._notices else None
            wire = await open_wire(link, self._side(names), real=real, allowed=allowed)
            self._wires.update(dict.fromkeys(names, wire))
            self._others.update({name: [other for other in names if other != name] for name in names})
            for job in wire.jobs():
                self._start(job, f"wire of {', '.join(names)}")
        for link, notice in self._notices.items():
            self._start(notice.run(), f"notice at {link}")
        links = {name: wire.where for name, wire in self._wires.items()}
        self._record({"what": "ready", "t": round(self._now(), 3), "links": links})
        say("ready: " + ", ".join(f"{name} at {where}" for name, where in links.items()))

    async def _wait(self) -> None:
        """Until every PLC and every hand has its controller and the centre its node, but not for ever."""
        if self._world.in_session:
            return
        say(f"waiting up to {WAIT_S:g} s for floord at every PLC and handheld (--no-wait: not at all)")
        if await self._until(lambda: self._world.in_session or self._stopping, WAIT_S):
            if not self._stopping:
                say("floord is there; the parcels come")
        else:
            say(f"no controller at every PLC and handheld after {WAIT_S:g} s; the parcels come all the same")

    async def _flow(self, source: Source) -> bool:
        """Parcels over the belts and to the readers until the source has ended and all is done; False = some is not."""
        world = self._world
        if not self._stopping:
            self.flowing = True
            world.release(self._now())
            self._turn()
        await self._until(lambda: self._stopping or (source.ended and not world.waiting))
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
        dropped = {name: wire.dropped for name, wire in self._wires.items() if wire.dropped}
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
        for wire in dict.fromkeys(self._wires.values()):
            wire.close()
        for notice in self._notices.values():
            notice.close()

    def _side(self, names: Sequence[str]) -> Side:
        """The stubs of a wire as it sees them: all of them hear what comes. What they answer at once leaves in a turn
        of its own: the wire goes first."""
        world, now = self._world, self._now

        def heard(data: Piece) -> None:
            for name in names:
                self._guarded(partial(self.cables.from_host, name, data, now()))
                self.seen(Seen(name, now(), "hears", data))
            self._turn()

        def connected(there: bool) -> None:
            for name in names:
                self._guarded(partial(world.connected, name, there, now()))
                self.seen(Seen(name, now(), "connected" if there else "gone"))
                if not there:
                    self.cables.cut_off(name)
            self._loop.call_soon(self._turn)

        def knock(data: bytes, new: bool) -> Knock:
            answer = Knock()

            def ask() -> None:
                nonlocal answer
                for name in names:
                    answer = world.knock(name, data, now(), new=new)

            self._guarded(ask)
            self._loop.call_soon(self._turn)
            return answer

        stub = world.stub(names[0])
        return Side(heard, connected, knock, tuple(stub.subscriptions()), stub.will())

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
        now = self._now()
        self._world.advance(now)
        while self._carry(now):
            pass
        for name in self._world.hang_ups():
            self._wires[name].hang_up()
        if self._source:
            self._source.resume()
        if self._timer:
            self._timer.cancel()
        at = min((at for at in (self._world.next_at(), self.cables.next_at()) if at is not None), default=None)
        self._timer = None if at is None else self._loop.call_at(at / 1000, self._turn)
        self._turned.set()

    def _carry(self, now: float) -> bool:
        """Everything that has come over the cables by now, both ways; False = nothing."""
        come = self.cables.to_stub(now)
        for name, piece in come:
            if self.medium.carries(name):
                self._world.feed(name, piece, now)
        for name, piece in self._world.output():
            self.cables.from_stub(name, piece, now)
        gone = self.cables.to_host(now)
        for name, piece in gone:
            if self.medium.carries(name):
                dropped = self._wires[name].dropped
                self._wires[name].write(piece)
                self.seen(Seen(name, now, "says" if self._wires[name].dropped == dropped else "lost", piece))
                for other in self._others[name]:
                    self.cables.from_host(other, piece, now)
        return bool(come or gone)

    def _guarded(self, act: Callable[[], None]) -> None:
        """An error inside a callback of the loop ends the run instead of being logged and forgotten."""
        try:
            act()
        except Exception as error:
            self._error = error
            self._turned.set()

    async def _until(self, done: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait for something that only a turn can bring about; False = not in time, or told to end now."""
        deadline = None if seconds is None else self._loop.time() + seconds
        while not done():
            if self._error:
                raise self._error
            if self._quitting:
                return False
            self._turned.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._turned.wait()
            except TimeoutError:
                return done()
        return True

    def _now(self) -> float:
        return self._loop.time() * 1000  # CLOCK_MONOTONIC

    def _record(self, entry: dict[str, Any]) -> None:
        if self._ledger:
            self._ledger.write(json.dumps(entry) + "\n")
            self._ledger.flush()
