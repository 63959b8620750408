"""floord: moves what Node takes and gives between sockets, the journal's thread and the broker.

All of its work happens in callbacks of one loop: bytes arrive, Node is asked what that means, the answer is written
before anything else is done (`_pump`), then rows go to the journal and publishes to the broker. While one transaction
is being written the next one gathers in Node, so the disk sets the size of a commit and never delays an answer.

Exit codes: 0 stopped by a signal; 70 the journal's disk failed, or put an older journal there (a restart reads what is
really there, and begins a new journal id where the centre knows more than the journal); 75 another
floord holds the state_dir; 78 the configuration is wrong.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import TextIO

from controller.config import Config
from controller.control import Answer, Control
from controller.journal import Journal, Reader, Writer
from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.plan import Plan
from controller.recording import Recorder, Texts
from controller.recording_file import RecordingFile
from controller.sections import Plc, Scanner
from controller.stamps import rfc3339
from controller.status import status
from controller.uplink import Options, Uplink, files_of, options_of
from devices import links
from devices.driver import SpeaksMqtt
from devices.links import Link, OnBroker, open_link
from devices.types import Message

EXIT_OK, EXIT_DISK, EXIT_RUNNING = 0, 70, 75
LONGEST_SLEEP_S = 1.0
CLOCK_EVERY_MS = 1000.0
STOP_S = 5.0
SAID = 100


def monotonic_ms() -> float:
    """The one clock: CLOCK_MONOTONIC in ms."""
    return time.monotonic() * 1000


class AlreadyRunning(RuntimeError):
    """Another floord holds the state_dir."""


class Daemon:
    """One running node. Also the handler of its links and of its uplink."""

    def __init__(self, config: Config, plans: Mapping[str, Plan], record: tuple[Texts, int] | None = None) -> None:
        """`record`: the texts of the floor and so many bytes at most, to record its steps below the state_dir."""
        self.config = config
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[int] = self._loop.create_future()
        config.state_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(config.state_dir / "lock")
        rng = Random(secrets.randbits(128))
        self._journal = Journal.open(config.state_dir / "journal.db", rng=rng, utc_ms=round(time.time() * 1000))
        self._again = Reader(self._journal.path)  # for what is published again
        self._damaged = 0
        restored = self._journal.restored()
        same_boot = _same_boot(config.state_dir / "boot-id")
        start = Start(monotonic_ms(), time.time() * 1000, same_boot, rng)
        self.node = Node(config, plans, restored, self._journal.look, start)
        self._recording: RecordingFile | None = None
        if record is not None:
            self.node.recorder = Recorder(record[0], restored, start)
            name = rfc3339(start.utc_ms).replace("-", "").replace(":", "")
            path = config.state_dir / "recordings" / f"{name}.jsonl"
            self._recording = RecordingFile(path, record[1], self._loop, self._recording_stopped)
            say(f"recording to {path}")
        self._writer = Writer(self._journal, self._loop, self._committed, self._disk_failed)
        self._committing = False
        self._timer: asyncio.TimerHandle | None = None
        self.links: dict[str, Link] = {}
        self._said: set[str] = set()  # of the broker, while it is away
        self._clock_due = 0.0
        devices: dict[str, Scanner | Plc] = {**config.scanner, **config.plc}
        for port in self.node.ports:
            device, driver = devices[port], self.node.drivers[port]
            on_broker = _on_broker(config, port, device, driver) if isinstance(driver, SpeaksMqtt) else None
            self.links[port] = open_link(port, device.link, self, self._loop, rng, on_broker)
        self._connections = {port for port in self.node.ports if links.parse(devices[port].link).is_connection}
        self._uplink = Uplink(self._loop, _options(config, self.node), self)
        self.control = Control(config.state_dir / "control.sock", {"status": self._status})

    async def run(self) -> int:
        """Run until a signal or a failure; the exit code."""
        await self.control.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop_by, number)
        for link in self.links.values():
            link.start()
        self._uplink.start()
        self._pump(monotonic_ms())
        code = await self._done
        await self._close()
        return code

    # --- links ---------------------------------------------------------------------------------------------------

    def up(self, link_name: str, at: float) -> None:
        """A link is open."""
        self.node.link_up(link_name, at)
        self._pump(at)

    def down(self, link_name: str, why: str, at: float) -> None:
        """A link is gone; it reopens by itself."""
        say(f"{link_name}: {why}")
        self.node.link_down(link_name, at, why)
        self._pump(at)

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        """Bytes or a message of a device."""
        self.node.received(link_name, data, at)
        self._pump(at)

    # --- broker --------------------------------------------------------------------------------------------------

    def connected(self, session_present: bool) -> None:
        """The broker is there."""
        self._said.clear()
        now = monotonic_ms()
        self.node.connected(now, self._uplink.broker, self._uplink.certificate_ends)
        self._pump(now)

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        """The broker answered to the subscriptions."""
        now = monotonic_ms()
        self.node.subscribed(refused, now)
        self._pump(now)

    def disconnected(self, why: str, by_broker: bool) -> None:
        """The broker is gone; the uplink reconnects by itself."""
        if why not in self._said and "Unsupported protocol version" not in why:  # 3.1.1 follows at once, and is told
            if len(self._said) < SAID:
                self._said.add(why)
            say(f"broker: {why}")
        now = monotonic_ms()
        self.node.disconnected(now, why, by_broker)
        self._pump(now)

    def puback(self, key: int, code: int) -> None:
        """The broker's answer to a publish."""
        if key:
            now = monotonic_ms()
            self.node.puback(key, code, now)
            self._pump(now)

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        """A message of the centre."""
        now = monotonic_ms()
        self.node.message(topic, payload, token, now, retain)
        self._pump(now)

    # --- the one way out -----------------------------------------------------------------------------------------

    def _pump(self, now: float) -> None:
        node = self.node
        if now >= self._clock_due:
            self._clock_due = now + CLOCK_EVERY_MS
            node.clock(time.time() * 1000, monotonic_ms())
        while node.dirty:
            link = next(iter(node.dirty))
            data = node.take(link)
            if data:
                self.links[link].write(data)
        for link, why in node.hang_ups():
            if link in self._connections:
                self.links[link].hang_up(why)
        if not self._committing:
            batch = node.rows()
            if batch is not None:
                self._committing = True
                self._writer.submit(batch)
        wanted = node.outbox.wants()
        if wanted is not None and node.online:
            node.backlog(self._journal.backlog(*wanted))
        again = node.upward.repair.wants(now) if node.online else None
        if again is not None:
            after, limit = again
            rows = list(islice(self._again.since(after + 1), limit))
            self._tell_damaged(now)
            node.upward.repair.rows(rows)
        self._tell_damaged(now)
        for publish in node.publishes(now):
            self._uplink.publish(publish.key, publish.topic, publish.payload, 1, publish.retain)
        for token in node.acks():
            self._uplink.ack(token)
        if node.recorder is not None and self._recording is not None:
            try:
                self._recording.write(node.recorder.lines())
            except Exception as error:  # whatever it was: the floor goes on without a recording
                self._recording_stopped(f"the recording has ended: {type(error).__name__}: {error}")
        if node.upward.renew and not self._done.done():
            self._renew(node.upward.renew)
        self._wake_at(node.next_at(), now)

    def _tell_damaged(self, now: float) -> None:
        there, again = self._journal.damaged, self._again.damaged
        if len(there) + len(again) != self._damaged:
            self._damaged = len(there) + len(again)
            self.node.damaged(there | again, now)

    def _renew(self, why: str) -> None:
        """Nothing more may be given under this journal id: the marker tells the next start to make another one."""
        say(f"{why}; stopping, so that the next start begins a new journal id")
        try:
            (self.config.state_dir / "journal.renew").write_text(f"{why}\n")
        except OSError as error:
            say(f"journal.renew cannot be written: {error.strerror}; it will be found out again")
        self._finish(EXIT_DISK)

    def _wake_at(self, due: float | None, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = LONGEST_SLEEP_S if due is None else min(max(0.0, due - now) / 1000, LONGEST_SLEEP_S)
        self._timer = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        now = monotonic_ms()
        self.node.tick(now)
        self._pump(now)

    def _committed(self, batch: Batch) -> None:
        self._committing = False
        now = monotonic_ms()
        self.node.committed(batch, now)
        self.control.events(batch.events)
        self._pump(now)

    def _disk_failed(self, error: Exception) -> None:
        say(f"the journal cannot be written: {error}; stopping, so that the next start reads what is really on disk")
        self._finish(EXIT_DISK)

    def _recording_stopped(self, why: str) -> None:
        say(why)
        self.node.recording_stops(why, monotonic_ms())

    def _status(self, request: Answer) -> Answer:
        return status(self.node, {name: link.health for name, link in self.links.items()}, monotonic_ms())

    # --- the end -------------------------------------------------------------------------------------------------

    def _stop_by(self, number: int) -> None:
        say(f"stopping: {signal.Signals(number).name}")
        self.node.stopping(monotonic_ms(), signal.Signals(number).name)
        self._finish(EXIT_OK)

    def _finish(self, code: int) -> None:
        if not self._done.done():
            self._done.set_result(code)

    async def _close(self) -> None:
        for link in self.links.values():
            link.stop()
        await self._drain(monotonic_ms() + STOP_S * 1000)
        await self._loop.run_in_executor(None, self._writer.close, STOP_S)
        if self._recording is not None:
            await self._loop.run_in_executor(None, self._recording.close)
        await self._uplink.stop()
        self.control.stop()
        self._again.close()
        self._journal.close()

    async def _drain(self, until: float) -> None:
        """Give what is recorded a last chance to reach the broker; what does not stays in the journal."""
        while (now := monotonic_ms()) < until:
            self._pump(now)
            sending = self.node.online and not self.node.upward.renew
            waiting = self._committing or (sending and self.node.outbox.queued)
            if not waiting:
                break
            await asyncio.sleep(0.005)
        if self._timer is not None:
            self._timer.cancel()


def say(text: str) -> None:
    """One line for the service's log."""
    print(f"floord: {text}", file=sys.stderr, flush=True)


def _lock(path: Path) -> TextIO:
    """Hold the state_dir for this process, for as long as it lives."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(f"{path.parent} is in use by the floord with process id {holder}") from None
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _same_boot(path: Path) -> bool:
    """Whether the machine has not been rebooted since the last start; notes the boot for the next one."""
    kernel = Path("/proc/sys/kernel/random/boot_id")
    now = kernel.read_text().strip() if kernel.exists() else ""
    before = path.read_text().strip() if path.exists() else ""
    if now != before:
        path.write_text(now + "\n")
    return bool(now) and now == before


def _on_broker(config: Config, name: str, device: Scanner | Plc, driver: SpeaksMqtt) -> OnBroker:
    client = f"floord-{config.site}-{config.node}-{name}"
    return OnBroker(client, driver.subscriptions(), driver.will(), device.username, **files_of(device))


def _options(config: Config, node: Node) -> Options:
    will = node.will()
    return replace(
        options_of(config),
        subscriptions=[(topic, 1) for topic in node.subscriptions()],
        will=Message(will.topic, will.payload, 1, True),
    )
