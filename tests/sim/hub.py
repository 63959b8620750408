"""A whole hub in one process: Node, the stubs on their belts, cables, disk, broker and centre, under one clock.

Every interaction is one step, so the daemon can be killed between any two of them. Only the wire is left out: bytes go
from stub to driver and back as they are. Faults (faults/) turn the knobs of this hub; `watch` judges every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.plans import load_floor
from controller.room import Disk
from devices.driver import earliest
from devices.links import parse as parse_link
from devices.types import Message
from firmware_stubs import floor_file
from firmware_stubs.handling import NotThereError
from firmware_stubs.manifest import Places, parse
from firmware_stubs.stub import Message as Said
from firmware_stubs.world import World
from tests.sim import floor_text
from tests.sim.broken import Broken
from tests.sim.broker import Broker
from tests.sim.cable import Cable
from tests.sim.centre import BROKER_MS, HEAD_MS, Centre, Record
from tests.sim.clock import Clock
from tests.sim.journal import Journal
from tests.sim.parcels import Parcel, Parcels
from tests.sim.views import Piece
from tests.sim.watch import NOTICE_MS, Watch

START_MS = 1_000_000.0
UTC_MS = 1_790_000_000_000.0
DISK_MS, TOLD_MS, DEAD_MS = 3.0, 0.1, 300.0
QUEUE_MS = 1_200_000.0
"""What waits at the inductions at the end of a run is inducted within this time."""
A_MINUTE_MS = 60_000.0
BITS_A_CHARACTER = 10
AGAIN_FULL_MS = 1000.0
"""A disk that was full is tried again after this time."""
AGAIN_MS = 200.0
"""A broken connection stands again after this time."""
AHEAD_MS = 4000.0
"""Parcels are announced so long before they are put on the belt."""


class Hub:
    """One simulated hub."""

    def __init__(
        self, folder: Path, floor: floor_text.Floor, seed: int, *, utc_ms: float = UTC_MS, boot: int = 0
    ) -> None:
        path = floor_text.write(folder, floor, seed)
        self.floor = floor
        self.config, self.plans = load_floor(path)
        self.rng = Random(f"{seed}/hub")
        self._ids = Random(f"{seed}/ids")
        """the node's own, so that one event more in it changes nothing of what else is drawn"""
        self.clock = Clock(START_MS)
        self.utc_offset = utc_ms - START_MS
        self.journal = Journal(boot)
        self.centre = Centre(self.clock, self.utc_offset)
        self.watch = Watch(self.clock, self.config, self.centre, self.journal)
        self.source = Parcels(seed, utc_ms)
        self.links = (*self.config.scanner, *self.config.plc)
        urls = {name: parse_link(plc.link) for name, plc in self.config.plc.items()}
        self.on_broker = {name for name, url in urls.items() if url.transport == "mqtt"}
        self.connected = {name for name, url in urls.items() if url.is_connection}
        self._statuses: dict[str, Message] = {}
        """link -> what its machine has left with the broker"""
        self.buses: dict[str, list[str]] = {}
        """port -> the machines on it, where there are several"""
        self.up = {link: Cable(self.clock, link, self._to_node) for link in self.links}
        self.down = {link: Cable(self.clock, link, self._to_stub) for link in self.links}
        for name, url in urls.items():
            first = next(other for other in urls if urls[other] == url or other == name)
            if first != name and url.transport == "serial":
                self.up[name], self.down[name] = self.up[first], self.down[first]
                self.buses.setdefault(first, [first]).append(name)
        self.links = tuple(link for link in self.links if not any(link in bus[1:] for bus in self.buses.values()))
        for name, url in urls.items() if floor.paced else ():
            if url.transport == "serial":
                self.up[name].byte_ms = self.down[name].byte_ms = BITS_A_CHARACTER * 1000 / url.baud
        self.open = dict.fromkeys(self.links, True)
        """links that can be opened"""
        self.node: Node | None = None
        self.life = 0
        self.same_boot = True
        self.clock_step = 0.0
        """how far the machine's system clock is from the truth"""
        self.disk_ms: Callable[[], float] = lambda: DISK_MS
        self.full: str | None = None
        """why the disk takes nothing"""
        self.broker = Broker(self)
        self.speak: Callable[[Parcel], None] = self.announce
        """what the centre does with a parcel that comes"""
        self._copied: Parcel | None = None
        self.listeners: list[Callable[[bytes], None]] = []
        """who hears what is delivered, beside the witness"""
        self.tale: list[str] = []
        """what the faults did, in the floor's words"""
        self.containers: dict[str, str | None] = {}
        """lane -> the container that physically stands there"""
        self.copies = 0
        """so many of the next parcels carry the code of an earlier one"""
        self.held_back: dict[int, Record] = {}
        """customs records that have a number and are not sent yet"""
        self.digest = 0
        """of all that came over a wire and all events on the disk, in order: equal where two runs were the same"""
        self._committing = False
        self._kill_in = 0
        self._tick_at = self._world_at = float("inf")
        simulated = floor_file.load(path)
        self.world = World(simulated, self.watch.belt, seed=seed, now=START_MS, utc_offset_ms=self.utc_offset)
        for link in sorted(self.on_broker):
            self.world.connected(link, True, START_MS)
        self.inducting = True
        self.start()
        self._wake_world()
        self._beat()

    # --- the daemon's life -----------------------------------------------------------------------------------------

    def start(self, _: Any = None) -> None:
        """Start the daemon from what was committed."""
        if self.node is not None:
            return
        self.life += 1
        self._committing = False
        now = self.clock.now
        start = Start(now, now + self.utc_offset + self.clock_step, self.same_boot, self._ids)
        self.same_boot = True
        self.node = Node(self.config, self.plans, self.journal.restored(), self.journal.look, start)
        for link in self.links:
            if self.open[link]:
                self._link_up(link)
        self.clock.after(BROKER_MS, self.broker.connect, self.life)
        self.disk_is()

    def disk_is(self) -> None:
        """The node is told what its disk is like."""
        if self.node is not None:
            self.node.disk(Disk(0 if self.full else None, self.full), self.clock.now)
            self.pump()

    def kill(self, dead_ms: float = DEAD_MS) -> None:
        """kill -9: all that is not committed or on a wire is gone; it is started again a little later."""
        if self.node is None:
            return
        self.node = None
        self.life += 1
        self.broker.parted()
        self._tick_at = float("inf")
        self.watch.truth.killed()
        self.clock.after(dead_ms, self.start)

    def reboot(self, dead_ms: float) -> None:
        """The machine is off: links and all, and moments of before mean nothing."""
        self.kill(dead_ms)
        self.same_boot = False

    @property
    def knows_the_time(self) -> bool:
        """Whether the daemon started with the right UTC: else it takes commands for expired."""
        now = self.clock.now
        return self.node is not None and abs(self.node.utc_ms(now) - now - self.utc_offset) < A_MINUTE_MS

    def kill_in(self, steps: int) -> None:
        """kill -9 before the so many-th step from now on."""
        self._kill_in = max(1, steps)

    # --- the run ---------------------------------------------------------------------------------------------------

    def run(self, until: float) -> None:
        """Step to that moment."""
        clock = self.clock
        while clock.due <= until:
            if self._kill_in:
                self._kill_in -= 1
                if not self._kill_in:
                    self.kill()
            clock.step()
        clock.now = max(clock.now, until)

    def done(self) -> bool:
        """Everything in lanes, everything reported, nothing left to be said."""
        node = self.node
        return (
            node is not None
            and not self.world.on_belts
            and not node.floor.travels()
            and not self.journal.pending
            and not self._committing
            and not self.centre.inbox
            and node.online
            and self.world.in_session
        )

    def say(self, what: str) -> None:
        """A fault did something."""
        self.tale.append(f"{(self.clock.now - START_MS) / 1000:8.3f} s  {what}")

    # --- parcels ---------------------------------------------------------------------------------------------------

    def induct(self) -> None:
        """Parcels begin to come."""
        self.world.release(self.clock.now)
        for number, line in enumerate(self.floor.places):
            self.clock.after(number * 100.0, self._parcel, line)
        if self.floor.containers:
            for line in self.floor.lines:
                lane = self.floor.lanes(line)[4]
                self.containers[lane] = f"CAGE-{line}"
                self.mishap("container", lane, f"CAGE-{line}", self.clock.now)

    def _parcel(self, line: str) -> None:
        if not self.inducting:
            return
        parcel = self.source.next(line)
        if self.copies and self._copied is not None and parcel.codes:
            self.copies -= 1
            parcel.codes = list(self._copied.codes)
            self.watch.misread[parcel.name] = f"it carries the label of {self._copied.name}"
        elif parcel.codes:
            self._copied = parcel
        self.watch.coming(parcel)
        self.speak(parcel)
        self.clock.after(AHEAD_MS, self._queue_up, parcel)
        self.clock.after(self.rng.expovariate(self.floor.per_line) * 1000, self._parcel, line)

    def _queue_up(self, parcel: Parcel) -> None:
        self.world.add(parse(parcel.manifest(), Places(self.floor.places)), self.clock.now)
        self._wake_world()

    # --- the centre ------------------------------------------------------------------------------------------------

    def announce(self, parcel: Parcel) -> None:
        """The centre tells what it knows of a parcel."""
        if parcel.advice is not None:
            self.centre.publish("advice", parcel.advice)
        if parcel.first is not None:
            self.customs(("parcel", parcel.name), parcel.first)
        for after, status in parcel.later:
            self.clock.after(after, self._later, (parcel, status))
        self.broker.flush()

    def tell(self, topic: str, body: Any) -> None:
        """The centre publishes a message."""
        self.centre.publish(topic, body)
        self.broker.flush()

    def customs(self, subject: tuple[str, str], status: str) -> None:
        """Customs says something."""
        self.centre.say(self.centre.customs(subject, status))
        self.broker.flush()

    def _later(self, what: tuple[Parcel, str]) -> None:
        self.customs(("parcel", what[0].name), what[1])

    def _beat(self, _: Any = None) -> None:
        self.centre.beat()
        if self.node is not None:
            self.node.clock(self.clock.now + self.utc_offset + self.clock_step, self.clock.now)
            self.pump()
        self.broker.flush()
        self.clock.after(HEAD_MS, self._beat)

    # --- cables ----------------------------------------------------------------------------------------------------

    def link_down(self, link: str, why: str = "cut") -> None:
        """The node's end of a cable is gone."""
        link = self._port(link)
        if self.open[link]:
            self.open[link] = False
            self.up[link].cut = self.down[link].cut = True
            if self.node is not None:
                self.node.link_down(link, self.clock.now, why)
                self.pump()

    def on_the_same_wire(self, where: str) -> list[str]:
        """The cables that suffer when this one does; anything else by itself."""
        return self.buses.get(self._port(where), [where])

    def _port(self, link: str) -> str:
        return next((port for port, bus in self.buses.items() if link in bus), link)

    def link_up(self, link: str) -> None:
        """It is there again."""
        link = self._port(link)
        if not self.open[link]:
            self.open[link] = True
            self.up[link].cut = self.down[link].cut = False
            if self.node is not None:
                self._link_up(link)
                self.pump()

    def _link_up(self, link: str) -> None:
        """The node's end is open: a TCP connection stands, a broker gives what it has kept."""
        assert self.node is not None
        now = self.clock.now
        self.node.link_up(link, now)
        if link in self.connected:
            self.world.connected(link, True, now)
            self.after_world()
        if link in self._statuses:
            self.node.received(link, replace(self._statuses[link], retain=True), now)

    def _hang_up(self, link: str, why: str) -> None:
        """One end closes the TCP connection; the node connects again."""
        if link in self.connected and self.open[link]:
            self.world.connected(link, False, self.clock.now)
            self.after_world()
            self.link_down(link, why)
            self.clock.after(AGAIN_MS, self._again, link)

    def _again(self, link: str) -> None:
        self.link_up(link)

    def power(self, line: str, retentive: bool) -> None:
        """A line's PLC loses power for a moment: a broker says so for it, a TCP connection is gone."""
        link = next(name for name, plc in self.config.plc.items() if plc.line == line)
        self.mishap("plc_power", line, retentive, self.clock.now)
        if link in self.on_broker:
            self.world.connected(link, False, self.clock.now)
            will = self.world.stub(link).will()
            if will is not None:
                self._statuses[link] = Message(will.topic, will.payload)
                self.up[link].send(self._statuses[link])
            self.clock.after(AGAIN_MS, self._online, link)
        self._hang_up(link, "the PLC is gone")

    def _online(self, link: str) -> None:
        self.world.connected(link, True, self.clock.now)
        self.after_world()

    def _to_node(self, what: tuple[str, Piece]) -> None:
        link, data = what
        self._note(link, data)
        if self.node is not None and self.open[link]:
            self.watch.wire.to_node(link, data)
            self.node.received(link, data, self.clock.now)
            self.pump()

    def _to_stub(self, what: tuple[str, Piece]) -> None:
        link, data = what
        self._note(link, data)
        for machine in self.buses.get(link, [link]):
            if isinstance(data, Message):
                self.world.feed(machine, Said(data.topic, data.payload), self.clock.now)
            else:
                self.world.feed(machine, data, self.clock.now)
        self.after_world()

    def _note(self, link: str, data: Piece) -> None:
        payload = data.payload if isinstance(data, Message) else data
        self.digest = crc32(payload, crc32(link.encode(), self.digest))

    def after_world(self) -> None:
        """Take what the stubs say, after anything was done to the world."""
        for link, data in self.world.output():
            if isinstance(data, bytes):
                self.up[link].send(data)
                continue
            message = Message(data.topic, data.payload, data.qos)
            if data.retain:
                self._statuses[link] = message
            self.up[link].send(message)
        for link in self.world.hang_ups():
            self.clock.after(0.0, self._hung_up, link)
        self._wake_world()

    def _hung_up(self, link: str) -> None:
        self._hang_up(link, "closed by the PLC")

    def _wake_world(self) -> None:
        due = self.world.next_at()
        if due is not None and due < self._world_at:
            self._world_at = due
            self.clock.at(due, self._world, due)

    def _world(self, due: float) -> None:
        if due == self._world_at:
            self._world_at = float("inf")
            self.world.advance(self.clock.now)
            self.after_world()

    # --- the machines, for the faults --------------------------------------------------------------------------------

    def mishap(self, what: str, *where: Any) -> bool:
        """One of the world's mishaps happens now; False where what it names is not there."""
        self.world.advance(self.clock.now)
        try:
            getattr(self.world, what)(*where)
        except NotThereError:
            return False
        finally:
            self.after_world()
        return True

    def riding(self, line: str) -> list[str]:
        """The parcels on a belt, in order of their induction."""
        return [
            name
            for name, body in self.watch.bodies.items()
            if body.tracks and body.lane is None and body.tracks[-1][0] == line and not body.gone
        ]

    # --- the one way out -------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Take what the node gives, as its daemon does."""
        node, now = self.node, self.clock.now
        assert node is not None
        while node.dirty:
            link = next(iter(node.dirty))
            data = node.take(link)
            for piece in [data] if isinstance(data, bytes) else data:
                if piece:
                    self.watch.wire.from_node(link, piece)
                    self.down[link].send(piece)
        for link, why in node.hang_ups():
            self.clock.after(0.0, self._hangs_up, (link, why))
        if not self._committing:
            batch = node.rows(self.clock.now)
            if batch is not None:
                self._committing = True
                self.clock.after(self.disk_ms(), self._commit, (batch, self.life))
        if node.online:
            wanted = node.outbox.wants()
            if wanted is not None:
                node.backlog(self.journal.backlog(*wanted))
            rows = [(one.key, one.payload) for one in node.publishes(now) if one.key]
            if rows:
                self.broker.take(rows)
        for token in node.acks():
            self.broker.acked(token)
        self._wake_node(node)

    def _hangs_up(self, what: tuple[str, str]) -> None:
        self._hang_up(*what)

    def _wake_node(self, node: Node) -> None:
        settles = node.outbox.settles_at if not self._committing else None
        due = earliest(node.next_at(), settles)
        if due is not None and due < self._tick_at:
            self._tick_at = due
            self.clock.at(due, self._tick, (due, self.life))

    def _tick(self, what: tuple[float, int]) -> None:
        due, life = what
        if self.node is None or life != self.life or due != self._tick_at:
            return
        self._tick_at = float("inf")
        self.node.tick(self.clock.now)
        self.pump()

    def _commit(self, what: tuple[Batch, int]) -> None:
        """On disk; that the daemon learns of it is a step of its own: it may be killed in between."""
        if what[1] == self.life and self.full:
            self.clock.after(AGAIN_FULL_MS, self._commit, what)
        elif what[1] == self.life:
            self.journal.commit(what[0])
            for row in what[0].events:
                self.digest = crc32(row.body, self.digest)
            self.clock.after(TOLD_MS, self._committed, what)

    def _committed(self, what: tuple[Batch, int]) -> None:
        batch, life = what
        if self.node is not None and life == self.life:
            self._committing = False
            self.node.committed(batch, self.clock.now)
            self.pump()


def settle(hub: Hub, limit_ms: float) -> None:
    """Recovery (P10): once nothing more goes wrong, everything is delivered and nothing stays open, in bounded time,
    counted from when the last parcel that waited was inducted."""
    end, most = hub.clock.now + limit_ms, hub.clock.now + QUEUE_MS
    while not hub.done():
        if hub.world.counts()["not_inducted"] and hub.clock.now < most:
            end = hub.clock.now + limit_ms
        if hub.clock.now >= end:
            raise Broken("recovery", f"after {limit_ms / 1000:.0f} s without faults: {standing(hub)}")
        hub.run(hub.clock.now + 500.0)
    hub.run(hub.clock.now + NOTICE_MS)


def standing(hub: Hub) -> str:
    """Where it stands, for a run that does not end."""
    if hub.node is None:
        return "the daemon is dead"
    floor = hub.node.floor
    travels = [f"{travel.id} {travel.state.value} track {travel.track}" for _, travel in floor.travels()]
    sessions = [line.id for line in floor.lines.values() if not line.synchronised]
    return (
        f"{hub.world.counts()}, rows pending {len(hub.journal.pending)}, messages {len(hub.centre.inbox)}, "
        f"{len(travels)} travels {travels[:5]}, lines without session {sessions}"
    )
