"""floord: moves what Node takes and gives between sockets, the journal's thread and the broker.

All of its work happens in callbacks of one loop: bytes arrive, Node is asked what that means, the answer is written
before anything else is done (`_hear`), then rows go to the journal and publishes to the broker (`_pump`), once for all
that arrived in one turn of the loop. While one transaction
is being written the next one gathers in Node, so the disk sets the size of a commit and never delays an answer.

What fails stays where it fails. A driver that raises is made anew by Node, and its port is hung up here. A link, the
uplink or the control socket that raises is ended and begun anew (parts.py). An exception of Node itself ends the
process, for what is in memory may no longer fit what is on disk: nothing of that step is recorded, and the next start
reads the journal. Exit codes: commands/run.py and docs/operation.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from controller import descriptors, last_good, logs, reaching, state_dir
from controller.config import Config
from controller.control import Answer, Control
from controller.core import EXIT_DISK, EXIT_OK, EXIT_OWN, monotonic_ms
from controller.flaps import Flaps
from controller.logs import say
from controller.notify import Notify
from controller.parts import Parts
from controller.plan import Plan
from controller.recording import Texts
from controller.reload import ALARM, Reloader
from controller.renewing import Renewing
from controller.room import scarce
from controller.sections import Plc, Scanner
from controller.stalls import Stalls
from controller.uplink import Uplink
from controller.wellbeing import Wellbeing
from controller.wording import counted
from devices import links
from devices.driver import SpeaksMqtt
from devices.links import open_link
from devices.types import Message

STOP_S = 5.0
SAID = 100
"""Reasons of the broker that are remembered while it is away: each is said once."""


class Daemon(Renewing):
    """One running node. Also the handler of its links and of its uplink."""

    def __init__(
        self,
        config: Config,
        plans: Mapping[str, Plan],
        record: tuple[Texts, int] | None = None,
        stalls: Stalls | None = None,
        floor_file: Path | None = None,
        wrong: str = "",
    ) -> None:
        """`record`: the texts of the floor and so many bytes at most, to record its steps below the state_dir.
        `stalls`: what watches the loop. `floor_file`: what a reload reads; without it there is none.
        `wrong`: why that was not taken at the start, and what was in force before was."""
        super().__init__(config, plans, record, stalls)
        self._plans = plans
        self._said: set[str] = set()
        self._flaps = Flaps()
        self._parts = Parts(self._loop, self, self._part_told, self._own_fault)
        self.links = {}
        self._make_links()
        self._make_uplink()
        self.control = Control(config.state_dir / "control.sock", {"status": self._status})
        self._parts.add("control", self.control, self._control_failed, self._begin_control)
        self._notify = Notify(os.environ)
        self._wellbeing = Wellbeing(self.node, self.links, self._notify, self._stalls, self._parts)
        self._reloads: set[asyncio.Task[Answer]] = set()
        self._floor_file, self._wrong = floor_file, wrong
        if floor_file is not None:
            self._reloader = Reloader(floor_file, lambda: (self.config, self._plans), self._apply, self._misread)
            self.control.verbs["reload"] = self._reload

    def _make_links(self) -> list[str]:
        """A link for each port that has none; their names."""
        devices: dict[str, Scanner | Plc] = {**self.config.scanner, **self.config.plc}
        self._connections = {port for port in self.node.ports if links.parse(devices[port].link).is_connection}
        made = [port for port in self.node.ports if port not in self.links]
        self._tell(descriptors.make_room(len(self.node.ports)))
        for port in made:
            device, driver = devices[port], self.node.drivers[port]
            broker = reaching.on_broker(self.config, port, device, driver) if isinstance(driver, SpeaksMqtt) else None
            link = self.links[port] = open_link(port, device.link, self, self._loop, self._rng, broker)
            self._parts.add(port, link, partial(self._link_failed, port), link.start)
        return made

    def _make_uplink(self) -> None:
        self._uplink = Uplink(self._loop, reaching.centre(self.config, self.node), self)
        self._parts.add("uplink", self._uplink, self._uplink_failed, self._uplink.start)

    async def run(self) -> int:
        """Run until a signal or a failure; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop_by, number)
        if "reload" in self.control.verbs:
            self._loop.add_signal_handler(signal.SIGHUP, self._reload, {})
        threading.excepthook = self._thread_died
        self._begin_control()
        for link in self.links.values():
            link.start()
        self._uplink.start()
        self._step(self.node.tick, monotonic_ms())
        brokers = " or ".join(self.config.broker.url)
        say(
            f"{self.config.site}/{self.config.node} runs: {counted(len(self.links), 'link')}, broker {brokers}, "
            f"journal {self.node.origin.journal} boot {self.node.boot}, {self._wellbeing.waiting()}"
        )
        for line in self.node.unproven:
            say(line)
        if what := scarce(state_dir.free(self.config.state_dir), self.config.journal):
            say(what)
        self._stalls.keep(self.config.state_dir / "stacks")
        self._misread(self._wrong or None)
        if not self._wrong:
            self._is_good()
        self._notify.ready()
        self._beat()
        code = await self._done
        self._notify.stopping()
        return await self._close(code)

    # --- links ---------------------------------------------------------------------------------------------------

    def up(self, link_name: str, at: float) -> None:
        """A link is open."""
        if link_name not in self.links:
            return  # it was taken away by a reload; so below
        self._tell(self._flaps.up(link_name, at))
        self._step(self.node.link_up, link_name, at)

    def down(self, link_name: str, why: str, at: float) -> None:
        """A link is gone; it reopens by itself."""
        if link_name not in self.links:
            return
        self._tell(self._flaps.down(link_name, why, at))
        self._step(self.node.link_down, link_name, at, why)

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        """Bytes or a message of a device."""
        if link_name not in self.links:
            return
        self._hear(self.node.received, link_name, data, at)

    def _tell(self, *lines: str) -> None:
        for line in filter(None, lines):
            say(line)

    # --- broker --------------------------------------------------------------------------------------------------

    def connected(self, session_present: bool) -> None:
        """The broker is there."""
        self._said.clear()
        say(f"broker: connected to {self._uplink.broker}, {self._wellbeing.waiting()}")
        told = partial(self.node.connected, awaits=True)
        self._step(told, monotonic_ms(), self._uplink.broker, self._uplink.certificate_ends)

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        """The broker answered to the subscriptions."""
        self._step(self.node.subscribed, refused, monotonic_ms())

    def disconnected(self, why: str, by_broker: bool) -> None:
        """The broker is gone; the uplink reconnects by itself."""
        if why not in self._said and "Unsupported protocol version" not in why:  # 3.1.1 follows at once, and is told
            if len(self._said) < SAID:
                self._said.add(why)
            say(f"broker: {why}; trying again, {self._wellbeing.waiting()}")
        self._step(self.node.disconnected, monotonic_ms(), why, by_broker)

    def puback(self, key: int, code: int) -> None:
        """The broker's answer to a publish."""
        if key:
            self._note(self.node.puback, key, code, monotonic_ms())

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        """A message of the centre."""
        self._step(self.node.message, topic, payload, token, monotonic_ms(), retain)

    # --- another configuration -----------------------------------------------------------------------------------

    def _reload(self, request: Answer) -> asyncio.Task[Answer]:
        """By a signal, or of the control socket: `dry_run` only compares."""
        work = self._reloader.compare() if request.get("dry_run") is True else self._reloader.reload()
        task = self._loop.create_task(work)
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)
        return task

    def _is_good(self) -> None:
        """The next start finds what is in force now, whatever becomes of the floor file."""
        if self._floor_file is None:
            return
        try:
            last_good.keep(self._floor_file, self.config)
        except (OSError, UnicodeDecodeError) as error:
            say(f"{self.config.state_dir / last_good.GOOD}: {error}; a wrong floor file would keep the next start away")

    def _misread(self, what: str | None) -> None:
        self._step(self.node.alarm, ALARM, what, monotonic_ms())

    async def _apply(self, config: Config, plans: Mapping[str, Plan], why: str) -> str:
        """Ports whose device is the same stay open: what comes in meanwhile waits in the kernel."""
        self._notify.reloading()
        before = self.config
        failed = await self._renewed(config, plans, why)
        if not failed:
            self._plans = plans
            self._wellbeing = Wellbeing(self.node, self.links, self._notify, self._stalls, self._parts)
            self._rewire(before)
            uplink = self._uplink
            self._make_uplink()
            await uplink.leave()
            self._uplink.start()
            self._is_good()
        self._notify.ready()
        return failed

    def _rewire(self, before: Config) -> None:
        now = monotonic_ms()
        same = {port for port in self.node.ports if port in self.links and reaching.same(port, before, self.config)}
        for port in [port for port in self.links if port not in same]:
            self._parts.remove(port)
            self.links.pop(port).stop()
            self._flaps.forget(port)
        for port in self._make_links():
            self.links[port].start()
        for port in same:
            if self.links[port].health.up and port in self.config.plc and port in self._connections:
                self._contained(port, self.links[port].hang_up, "the floor was made anew")
            elif self.links[port].health.up:
                self._step(self.node.link_up, port, now)

    # --- the parts -----------------------------------------------------------------------------------------------

    def _status(self, request: Answer) -> Answer:
        return self._wellbeing.status(monotonic_ms())

    def _disk_held(self, error: Exception | None) -> None:
        self._wellbeing.held = str(error) if error else ""
        super()._disk_held(error)

    def _beat(self) -> None:
        self._loop.call_later(self._notify.every_s, self._beat)
        self._tell(*self._flaps.due(monotonic_ms()))
        self._step(self._wellbeing.beat, monotonic_ms(), self._pumped, self._committing_since)
        self._step(self._wellbeing.files, self._uplink.files, monotonic_ms())

    def _part_told(self, part: str, why: str | None) -> None:
        self._step(self.node.alarm, f"fault-{part}", why, monotonic_ms())

    def _link_failed(self, port: str, why: str) -> None:
        self._step(self.node.link_down, port, monotonic_ms(), why)
        self.links[port].stop()

    def _uplink_failed(self, why: str) -> None:
        self._step(self.node.disconnected, monotonic_ms())
        self._uplink.abandon()

    def _control_failed(self, why: str) -> None:
        self.control.stop()

    def _begin_control(self) -> None:
        def begun(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()):
                self._parts.fails("control", error)

        self._control_begins = self._loop.create_task(self.control.start())
        self._control_begins.add_done_callback(begun)

    # --- the end -------------------------------------------------------------------------------------------------

    def _stop_by(self, number: int) -> None:
        name = signal.Signals(number).name
        if self._done.done():
            say(f"{name} again: ending at once; what is recorded stays")
            logs.end()
            os._exit(self._done.result())
        say(f"stopping: {name}")
        self._step(self.node.stopping, monotonic_ms(), name)
        self._finish(EXIT_OK)

    async def _close(self, code: int) -> int:
        """Let go of everything, within 20 s; the exit code. A failure says no goodbye: the broker tells the will."""
        self._parts.stop()
        for port, link in self.links.items():
            self._contained(port, link.stop)
        if code == EXIT_OK:
            await self._drain(monotonic_ms() + STOP_S * 1000)
            code = EXIT_OWN if self._over else code
        self._over = True
        written = await self._loop.run_in_executor(None, self._writer.close, STOP_S)
        if self._recording is not None:
            await self._loop.run_in_executor(None, self._recording.close, STOP_S / 2)
        if code == EXIT_OK and written:
            await self._uplink.stop()
        self.control.stop()
        self._stalls.end()
        if written:
            self._again.close()
            self._journal.close()
        elif code == EXIT_OK:
            say("the disk did not take the last events in time; the next start reads what is really there")
            return EXIT_DISK
        return code

    async def _drain(self, until: float) -> None:
        """Give what is recorded a last chance to reach the broker; what does not stays in the journal."""
        while (now := monotonic_ms()) < until and not self._over:
            self._step(self.node.tick, now)
            waiting = self._committing_since is not None or (self.node.online and self.node.outbox.queued)
            if not waiting:
                break
            await asyncio.sleep(0.005)
        if self._timer is not None:
            self._timer.cancel()
