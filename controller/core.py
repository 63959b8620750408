"""The core of the daemon: Node, its journal, and the one way in and out, `_step` and `_pump`.

Whatever happens, Node is told of it by `_step`; then `_pump` writes the answers, submits what is to be recorded, and
publishes what is durable. An exception of Node itself ends the process, for what is in memory may no longer fit what is
on disk: nothing of that step is recorded, and the next start reads the journal.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice
from random import Random
from typing import Any

from controller import crashes, poison, state_dir
from controller.config import Config
from controller.control import Control
from controller.journal import Journal, Reader, Writer
from controller.journal_file import JournalError
from controller.journal_identity import RENEW
from controller.journal_rows import Batch
from controller.logs import say, stack
from controller.node import Node, Start
from controller.parts import Parts
from controller.plan import Plan
from controller.recording import Recorder, Texts
from controller.recording_file import RecordingFile
from controller.room import Disk
from controller.stalls import Stalls
from controller.stamps import rfc3339
from controller.uplink import Uplink
from devices.driver import earliest
from devices.links import Link

EXIT_OK, EXIT_DISK, EXIT_OWN = 0, 70, 71
LONGEST_SLEEP_MS = 1000.0
CLOCK_EVERY_MS = 1000.0


def monotonic_ms() -> float:
    """The one clock: CLOCK_MONOTONIC in ms."""
    return time.monotonic() * 1000


class Core:
    """Base of the daemon, which brings the parts: links, uplink and control socket. Made anew in renewing.py."""

    links: dict[str, Link]
    control: Control
    _uplink: Uplink
    _parts: Parts
    _connections: set[str]
    """ports where breaking the connection means something to the machine"""

    def __init__(
        self, config: Config, plans: Mapping[str, Plan], record: tuple[Texts, int] | None, stalls: Stalls | None
    ) -> None:
        self.config = config
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[int] = self._loop.create_future()
        self._lock = state_dir.take(config.state_dir)
        self._stalls = stalls or Stalls()
        self._rng = rng = Random(secrets.randbits(128))
        utc_ms = round(time.time() * 1000)
        path = config.state_dir / "journal.db"
        self._journal, restored = Journal.begin(path, rng=rng, utc_ms=utc_ms, rules=config.journal)
        self._again = Reader(self._journal.path)
        """for what is published again"""
        self._damaged = 0
        same_boot = state_dir.same_boot(config.state_dir / "boot-id")
        start = Start(monotonic_ms(), time.time() * 1000, same_boot, rng)
        self.node = Node(config, plans, restored, self._journal.look, start, self._journal.around)
        self.node.poison.marks = poison.suspects(crashes.read(config.state_dir / "crashes"), round(start.utc_ms))
        self._recording: RecordingFile | None = None
        if record is not None:
            self.node.recorder = Recorder(record[0], restored, start)
            name = rfc3339(start.utc_ms).replace("-", "").replace(":", "")
            path = config.state_dir / "recordings" / f"{name}.jsonl"
            self._recording = RecordingFile(path, record[1], self._loop, self._recording_stopped)
            say(f"recording to {path}")
        self._writer = self._new_writer()
        self._held: str | None = None
        """why the disk takes nothing"""
        self._committing_since: float | None = None
        self._resting = False
        """nothing more is given to the disk"""
        self._over = False
        """Node is not asked any more"""
        self._timer: asyncio.TimerHandle | None = None
        self._wakes = self._clock_due = self._pumped = 0.0
        self._heard = self._noted = False
        """something was told that is not dealt with yet"""

    def _new_writer(self) -> Writer:
        told = (self._committed, self._disk_failed, self._disk_held)
        return Writer(self._journal, self._loop, *told, keeps=self._journal)

    def _step(self, take: Callable[..., object], *arguments: Any) -> None:
        """Tell Node something, and do what it wants done."""
        self._guarded(take, *arguments, then=self._pump)

    def _hear(self, take: Callable[..., object], *arguments: Any) -> None:
        """Tell Node what a machine may wait for: its answer is written at once, the rest is done at the end of this
        turn of the loop, once for all that was told in it."""
        self._guarded(take, *arguments, then=self._answer)
        self._pump_soon()

    def _note(self, take: Callable[..., object], *arguments: Any) -> None:
        """Tell Node something that nobody waits for: at the end of this turn it is seen whether anything is due."""
        self._guarded(take, *arguments)
        if not self._noted:
            self._noted = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._noted = False
        if not self._heard:
            self._guarded(then=self._pump_if_due)

    def _pump_if_due(self, now: float) -> None:
        due = self._due()
        if (due is not None and due <= now) or (self.node.waits and self._committing_since is None):
            self._pump(now)
        else:
            self._wake_at(due, now)

    def _pump_soon(self) -> None:
        if not self._heard:
            self._heard = True
            self._loop.call_soon(self._pump_heard)

    def _pump_heard(self) -> None:
        self._heard = False
        self._guarded(then=self._pump)

    def _guarded(
        self,
        take: Callable[..., object] | None = None,
        *arguments: Any,
        then: Callable[[float], None] | None = None,
    ) -> None:
        if self._over:
            return
        try:
            self.node.poison.at_work = None
            if take is not None:
                take(*arguments)
            if then is not None:
                then(monotonic_ms())
        except JournalError as error:
            self._disk_failed(error)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # native code that panics raises no Exception
            self._own_fault(error)

    def _pump(self, now: float) -> None:
        node = self.node
        if now >= self._clock_due:
            self._clock_due = now + CLOCK_EVERY_MS
            node.clock(time.time() * 1000, monotonic_ms())
            node.disk(Disk(state_dir.free(self.config.state_dir), self._held), now)
            self._stalls.alive()
        self._answer(now)
        for link, why in node.hang_ups():
            if link in self._connections:
                self._contained(link, self.links[link].hang_up, why)
        for failure in node.failures():
            say(f"{failure.device}: {failure.why}; it is made anew\nlast bytes {failure.last}\n{failure.stack}")
            self._contained(failure.port, self.links[failure.port].hang_up, failure.why)
        for line in node.alarmed():
            say(line)
        if self._committing_since is None and not self._resting:
            batch = node.rows(None if self._done.done() else now)
            if batch is not None:
                self._committing_since = now
                self._writer.submit(batch)
        wanted = node.outbox.wants()
        if wanted is not None and node.online:
            node.backlog(self._journal.backlog(*wanted))
        again = node.upward.repair.wants(now) if node.online else None
        if again is not None:
            after, limit = again
            node.upward.repair.rows(list(islice(self._again.since(after + 1, limit), limit)))
        there, lacking = self._journal.damaged, self._again.damaged
        if len(there) + len(lacking) != self._damaged:
            self._damaged = len(there) + len(lacking)
            node.damaged(there | lacking, now)
        for publish in node.publishes(now):
            self._contained(
                "uplink", self._uplink.publish, publish.key, publish.topic, publish.payload, 1, publish.retain
            )
        for token in node.acks():
            self._contained("uplink", self._uplink.ack, token)
        if node.recorder is not None and self._recording is not None:
            try:
                self._recording.write(node.recorder.lines())
            except Exception as error:  # whatever it was: the floor goes on without a recording
                self._recording_stopped(f"the recording has ended: {type(error).__name__}: {error}")
        if node.upward.renew and not self._done.done():
            self._renew(node.upward.renew)
        self._pumped = now
        self._wake_at(self._due(), now)

    def _answer(self, now: float) -> None:
        """Write what machines are told."""
        node = self.node
        while node.dirty:
            link = next(iter(node.dirty))
            data = node.take(link)
            if data:
                self._contained(link, self.links[link].write, data)

    def _contained(self, part: str, call: Callable[..., object], *arguments: Any) -> None:
        """Call a part; what it raises is its own affair."""
        try:
            call(*arguments)
        except Exception as error:
            self._parts.fails(part, error)

    def _due(self) -> float | None:
        settles = self.node.outbox.settles_at if self._committing_since is None else None
        return earliest(self.node.next_at(), settles)

    def _wake_at(self, due: float | None, now: float) -> None:
        """Tick when it is due, or earlier: what is due moves on with nearly every message, and a timer that comes too
        early once in a while costs less than one that is made anew each time."""
        longest = now + LONGEST_SLEEP_MS
        due = longest if due is None or due > longest else due
        if self._timer is not None:
            if self._wakes <= due:
                return
            self._timer.cancel()
        self._wakes = due
        self._timer = self._loop.call_later(max(0.0, due - now) / 1000, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._step(self.node.tick, monotonic_ms())

    def _committed(self, batch: Batch) -> None:
        self._committing_since = None
        self._hear(self.node.committed, batch, monotonic_ms())
        self._contained("control", self.control.events, batch.events)
        for about, text in self.node.poison.dropped:
            say(f"dropped an input of {about}, for it has ended us twice: {text}")
        self.node.poison.dropped.clear()

    def _recording_stopped(self, why: str) -> None:
        say(why)
        self.node.recording_stops(why, monotonic_ms())

    # --- what ends it --------------------------------------------------------------------------------------------

    def _thread_died(self, died: threading.ExceptHookArgs) -> None:
        error = died.exc_value or died.exc_type()
        say(f"thread {died.thread.name if died.thread else '?'} ended:\n{stack(error)}")
        if died.thread is not None and died.thread.name == "journal":
            self._loop.call_soon_threadsafe(self._disk_failed, error)

    def _disk_held(self, error: Exception | None) -> None:
        """The disk takes nothing for now, or it does again: nothing is lost, and the floor goes on meanwhile."""
        self._held = str(error) if error else None
        say(f"the journal waits for its disk: {error}" if error else "the journal's disk takes events again")
        self._clock_due = 0.0
        self._step(self.node.tick, monotonic_ms())

    def _disk_failed(self, error: BaseException) -> None:
        say(f"the journal cannot be written: {error}; stopping, so that the next start reads what is really on disk")
        self._finish(EXIT_DISK)

    def _renew(self, why: str) -> None:
        """Nothing more may be given under this journal id: the marker tells the next start to make another one."""
        say(f"{why}; stopping, so that the next start begins a new journal id")
        try:
            (self.config.state_dir / RENEW).write_text(f"{why}\n")
        except OSError as error:
            say(f"{RENEW} cannot be written: {error.strerror}; it will be found out again")
        self._finish(EXIT_DISK)

    def _own_fault(self, error: BaseException) -> None:
        """Ours: nothing of this step may be recorded, told or sent; the end comes without Node."""
        self._over = True
        about, what = self.node.poison.at_work or ("", None)
        taking = f", taking an input of {about}" if about else ""
        say(f"an error of our own{taking}; the next start reads the journal\n{stack(error)}")
        why = f"{type(error).__name__}: {error}"[:300]
        mark = poison.mark(about, what) if about else ""
        try:
            crashes.note(self.config.state_dir / "crashes", poison.Crash(round(time.time() * 1000), about, mark, why))
        except OSError as failed:
            say(f"{self.config.state_dir}/crashes: {failed}")
        self._finish(EXIT_OWN)

    def _finish(self, code: int) -> None:
        if not self._done.done():
            self._done.set_result(code)
