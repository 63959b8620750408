"""Node: the whole daemon as data, without I/O, without a clock.

The real daemon and every test that kills it run this same object: bytes, messages and time go in; bytes to write,
transactions to commit and messages to publish come out. A restart is a new Node made from what `committed` had
confirmed.

Order of things (design: answer first, record at once, tell the machine when durable): `received` lets a driver make
items of bytes, the floor makes effects of items; commands are ready in `take(link)` at once, events and changed state
wait for `rows()`. Only `committed(batch)` lets a driver tell its machine "durable", lets a broker message be
acknowledged, and an event be published. Its drivers and what waits to be written to them stand in machines.py, what
it knows of clock, disk and broker in surroundings.py, what goes into the next transaction in reporting.py.

Time: `now` is monotonic ms. UTC is anchored at the start and slewed (clock.py); wall time is a label.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial

from controller import __version__, acks, ending, inbound, simulators
from controller.advices import Advices, Around, Fetch
from controller.config import Config
from controller.effects import Ask, Effect, Emit, Keep, Reply, Send, Tell
from controller.events import Alarm, Data, DeviceChanged, NodeChanged
from controller.inputs import CameBack, Connection, Heard, Input, Parted, Reached, Tick
from controller.journal_rows import Batch, Restored, Row
from controller.plan import Plan
from controller.replies import Replies
from controller.reporting import Complaints, Gathering, concerned
from controller.simulators import Simulators
from controller.standing import Once, words
from controller.starting import Start
from controller.states import Publish, States
from controller.surroundings import Surroundings
from controller.upward import LONGEST_MS
from devices.driver import earliest
from devices.types import Answered, Destination, GivenUp, Item, Message, SessionLost, Speed, Synchronised

__all__ = ["Node", "Start"]

ANSWERS = (Answered, GivenUp)
CHANNEL = (Synchronised, SessionLost, Speed)
"""What a PLC's channel says of itself."""

AT_ONCE = 8
"""Drivers that a tick calls: sessions that began together would say their signs of life together, too, and a scan would
wait for all of them. The others stay due, and their turn comes behind what has arrived meanwhile."""

TOLD = ("alarm/raised", "alarm/cleared")
SAID = 1000
"""Alarms that wait to be told; of more, whom nobody asks for, the latest."""


class Node(Surroundings):
    """One daemon. Call `take` for the links in `dirty`, `rows`, `publishes` and `acks` after each input."""

    def __init__(
        self,
        config: Config,
        plans: Mapping[str, Plan],
        restored: Restored,
        fetch: Fetch,
        start: Start,
        around: Around | None = None,
    ) -> None:
        """`plans`: every plan that can be switched to, by name; the first one is in force until another is. `fetch`,
        `around`: committed advice (advices.py)."""
        super().__init__(config, plans, restored, start)
        self.online = False
        self.broker, self.broker_why = "", ""
        """the one it is connected to, or was; why it is away"""
        self._states = States(self.origin, self.boot, self.floor, self.outbox, self.links_up)
        self._next = Gathering(self.origin, self._clock, start.rng)
        self._advices = Advices(fetch, around)
        self._acks: list[int] = []
        self._held: deque[tuple[int, Send | Tell]] = deque()
        """answers to hands, and commands of lines with `durable_first`: each waits for the commit of a sequence"""
        self._complaints = Complaints()
        self._simulators = Simulators()
        site_base = f"hub/v1/{config.site}"
        self._replies = Replies(self.origin.base, site_base, config.node, restored.last_seq)
        self._alarmed: deque[Emit] = deque(maxlen=SAID)
        self.once = Once()
        """critical alarms of which none stands"""
        name = "node/restarted" if restored.last_seq else "node/started"
        self._emit(name, f"node/{config.node}", start.now, self._changed(start.why))
        for alarm in self.floor.earlier:
            self._apply([Keep("alarm", alarm.alarm, None)], start.now)
            self._emit("alarm/cleared", f"alarm/{alarm.alarm}", start.now, alarm)
        for alarm in self.floor.restored:
            self._emit("alarm/raised", f"alarm/{alarm.alarm}", start.now, alarm)
        for finding in restored.findings:
            self.alarm(finding.alarm, finding.what, start.now, finding.priority)
        self._apply(ending.orphaned(self.floor, start.now), start.now)

    # --- in: devices ------------------------------------------------------------------------------------------------

    def link_up(self, port: str, now: float) -> None:
        """A port is open, and with it the channels of its devices."""
        self._contain(now)
        if not self._settled(port):
            self._waiting[port] = None
            return
        self._runs(port, now)
        for link in self.ports[port]:
            self._opened(link, self.boot, self.utc_ms(now), now)
            self._emit("device/online", f"device/{link}", now, DeviceChanged(device=link, why="link open"))
            self._step(Connection(link, True), now)

    def link_down(self, port: str, now: float, why: str) -> None:
        """A port is gone."""
        self._contain(now)
        self._waiting.pop(port, None)
        for link in self.ports[port]:
            self.links_up[link] = False
            self._moved[link] = None
            self._items(link, self._guard(link, (), self.drivers[link].closed, now), now)
            self._emit("device/offline", f"device/{link}", now, DeviceChanged(device=link, why=why))
            self._step(Connection(link, False), now)

    def received(self, port: str, data: bytes | Message, at: float) -> None:
        """Bytes or a message of a port, stamped when they arrived."""
        if port in self._deaf:
            return
        self.dirty[port] = None
        self._last[port] = data
        for link in self.ports[port]:
            self._items(link, self._guard(link, (), self.drivers[link].feed, data, at), at)

    # --- in: the centre ---------------------------------------------------------------------------------------------

    def connected(
        self, now: float, broker: str = "", certificate_ends: float | None = None, *, awaits: bool = False
    ) -> None:
        """The broker is there: what was published without an answer goes again, then the rest in order. `broker`: its
        url; `certificate_ends`: until when its certificate is valid, in UTC seconds. `awaits`: nothing is published
        before it has said what it knows of our journal, or had the time to."""
        self.online, self.broker, self.broker_why = True, broker, ""
        self.upward.connected(broker, certificate_ends)
        if awaits:
            self.upward.awaits(now + LONGEST_MS)
        self.outbox.connected()
        self._states.connected(now)
        self._simulators.connected()
        self.alarm(simulators.ALARM, None, now)
        self._step(Reached(self.utc_ms(now)), now)

    def disconnected(self, now: float, why: str = "", by_broker: bool = True) -> None:
        """The broker is gone; deciding goes on from local advice. `by_broker`: it closed the connection itself."""
        was_online, self.online, self.broker_why = self.online, False, why
        self.outbox.disconnected(by_broker)
        self.upward.repair.disconnected(by_broker)
        self._replies.parted()
        if was_online:
            self._step(Parted(), now)

    def message(self, topic: str, payload: bytes, token: int, now: float, retained: bool = False) -> None:
        """A message of the centre. Its acknowledgement leaves after the commit of what it caused."""
        if topic.startswith(simulators.PREFIX):
            self._simulators.heard(topic, payload)
            self.alarm(simulators.ALARM, self._simulators.what, now, "critical")
            return
        name = inbound.name_of(topic, self.config.site, self.config.node)
        (self._acks if name in acks.TOPICS else self._next.batch.tokens).append(token)
        if self._dropped(topic, payload, now):
            return
        understood = inbound.read(name, payload, self._advices, self.config, retained=retained)
        before = self.floor.sequence
        for why in understood.refused:
            alarm = self._complaints.note(name, topic, why, now)
            if alarm is not None:
                self._emit("alarm/raised", "alarm/inbound", now, alarm)
        self._next.batch.advice.extend(understood.advice)
        for what in understood.inputs:
            self._step(what, now)
        for ack in understood.acks:
            self.upward.heard(ack, now)
        if understood.state is not None:
            self.upward.found(understood.state)
        if understood.reply is not None:
            refusal = Reply(*understood.reply, False, understood.refused[0])
            self._replies.reply(refusal, self.floor.sequence, self.utc_ms(now), now)
        if understood.evidence is not None:
            caused = range(before + 1, self.floor.sequence + 1)
            about = concerned(understood.evidence, self.floor.lanes)
            self._next.attest(topic, payload, about, understood.refused, caused, now)

    def puback(self, key: int, code: int, now: float) -> None:
        """The broker answered a publish with this reason code; `key` as `Publish` had it."""
        if self.upward.puback(key, code, now):
            self._alarms(now)

    def backlog(self, rows: list[Row]) -> None:
        """Rows that `outbox.wants()` asked for."""
        self.outbox.backlog(rows)

    # --- in: durability and time ------------------------------------------------------------------------------------

    def committed(self, batch: Batch, now: float) -> None:
        """This batch of `rows()` is on disk."""
        self._confirm(batch.channels, now)
        for port in [port for port in self._waiting if self._settled(port)]:
            del self._waiting[port]
            self.link_up(port, now)
        self._acks.extend(batch.tokens)
        self._advices.committed((parcel for parcel, _, _ in batch.advice), (body for _, _, body in batch.advice))
        self.outbox.offer(batch.events)
        if batch.events:
            self._durable = batch.events[-1].seq
        self._replies.committed(self._durable)
        while self._held and self._held[0][0] <= self._durable:
            self._send_held(self._held.popleft()[1], now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._contain(now)
        for link in self._driver_dues().due(now)[:AT_ONCE]:
            self._items(link, self._guard(link, (), self.drivers[link].tick, now), now)
            self._soil(link)
        due = self.floor.next_at()
        if due is not None and due <= now:
            self._step(Tick(), now)
        self._alarms(now)
        for link in self._time_at.due(now):
            self._tell_time(link, self.floor.plc_line[link].synchronised, self.utc_ms(now), now)

    def stopping(self, now: float, why: str) -> None:
        """The daemon is about to end."""
        self._emit("node/stopping", f"node/{self.config.node}", now, self._changed(why))

    # --- out --------------------------------------------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When `tick` (or, for a paced outbox, `publishes`) wants to be called next."""
        if self._untold:
            return 0.0
        states = self._states.next_at if self.online else None
        ours = earliest(self.outbox.next_at(), self.upward.next_at(), states)
        if ours is not None:
            ours = max(ours, self.upward.sure_at)
        machines = earliest(self._driver_dues().first(), self._time_at.first(), *self._well_at.values())
        return earliest(machines, self.floor.next_at(), ours)

    @property
    def waits(self) -> bool:
        """Whether there is something to be recorded."""
        return self._next.waits

    def rows(self, now: float | None = None) -> Batch | None:
        """One transaction: everything since the last call; None when there is nothing. With `now` there is nothing
        either while rows were delivered and no more, and that can wait until `outbox.settles_at`."""
        settles = self.outbox.settles_at
        if now is not None and not self._next.waits and (settles is None or now < settles):
            return None
        return self._next.close(*self.outbox.settled())

    def publishes(self, now: float) -> list[Publish]:
        """What shall be published now, in order; nothing while the broker is away, or under a journal id given up."""
        if not self.online or self.upward.renew or now < self.upward.sure_at:
            return []
        out = self._states.take(now, self.utc_ms(now)) + self._replies.take(now)
        out += [Publish(row.seq, row.topic, row.body) for row in self.outbox.take(now)]
        out += [Publish(-row.seq, row.topic, row.body) for row in self.upward.repair.take(now)]
        return out

    def acks(self) -> list[int]:
        """Tokens of messages whose PUBACK may leave now."""
        acks, self._acks = self._acks, []
        return acks

    def alarmed(self) -> list[str]:
        """A line for the log about each alarm that was raised or cleared since the last call: at once, since the disk
        may be what it is about."""
        lines = [words(effect.name, effect.data) for effect in self._alarmed if isinstance(effect.data, Alarm)]
        self._alarmed.clear()
        return lines

    @property
    def alarms(self) -> dict[str, str]:
        """What stands now: what is said of each alarm of the daemon itself and of its devices."""
        return {**self.standing, **self.floor.standing}

    @property
    def errors(self) -> dict[str, int]:
        """Inbound messages refused, by topic."""
        return self._complaints.counts

    def will(self) -> Publish:
        """What the broker says when we vanish."""
        return self._states.will()

    def subscriptions(self) -> list[str]:
        """Topics of the centre that this node hears."""
        topics = [f"hub/v1/{self.config.site}/{name}" for name in inbound.TOPICS]
        return [*topics, *(f"{self.origin.base}/{name}" for name in (f"{inbound.COMMAND}+", *acks.TOPICS))]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _items(self, link: str, items: Sequence[Item], now: float) -> None:
        for item in items:
            if isinstance(item, ANSWERS):
                self._came_back(link, item, now)
                continue
            self._note(link, item)
            if self.spoilt[link].heard(item):
                self.alarm(f"garbled-{link}", self.spoilt[link].alarm, now)
            if not self._dropped(link, item, now):
                self._step(Heard(link, item), now)
            token = getattr(item, "token", None)
            if token is not None:
                self.channels[link] = self._next.batch.channels[link] = token
            if isinstance(item, CHANNEL):
                self._channel_said(link, item, now)

    def _channel_said(self, link: str, item: Synchronised | SessionLost | Speed, now: float) -> None:
        line = self.floor.plc_line[link]
        self._states.changed(f"line/{line.id}")
        if not isinstance(item, Speed):
            self._tell_time(link, line.synchronised, self.utc_ms(now), now)
        if isinstance(item, SessionLost) and item.hang_up:
            self._hang_ups.append((self._port_of[link], item.why))

    def _came_back(self, link: str, item: Answered | GivenUp, now: float) -> None:
        ref = self._refs.pop((link, item.id), None)
        if ref is not None:
            if isinstance(item, Answered):
                refusal = item.refusal
            else:
                refusal = None if item.sent else "EXPIRED"
            self._step(CameBack(link, *ref, refusal), now)

    def _step(self, what: Input, now: float) -> None:
        step = self.floor.step if self.recorder is None else partial(self.recorder.step, self.floor)
        self._apply(step(what, now, self._advices.look), now)

    def _apply(self, effects: list[Effect], now: float) -> None:
        for effect in effects:
            match effect:
                case Emit():
                    if effect.name in TOLD:
                        self._alarmed.append(effect)
                    data = effect.data
                    if effect.name == "alarm/raised" and isinstance(data, Alarm) and data.alarm not in self.alarms:
                        self.once.heard(data, effect.at)
                    self._states.reported(effect)
                    self._next.events.append((effect, now, not self.online))
                case Keep(kind, key, value):
                    self._next.state[kind, key] = value
                case Send(line):
                    if self.config.line[line].durable_first and self.floor.sequence > self._durable:
                        self._held.append((self.floor.sequence, effect))
                    else:
                        self._send(effect, now)
                case Tell():
                    if self.floor.sequence > self._durable and not effect.at_once:
                        self._held.append((self.floor.sequence, effect))
                    else:
                        self._tell(effect, now)
                case Reply():
                    self._replies.reply(effect, self.floor.sequence, self.utc_ms(now), now)
                case Ask():
                    if self.online:
                        self._replies.ask(effect, self.utc_ms(effect.until))

    def _send_held(self, effect: Send | Tell, now: float) -> None:
        """What waited for the disk, if it still means the same item in the same session of the PLC."""
        if isinstance(effect, Tell):
            self._tell(effect, now)
            return
        line = self.floor.lines[effect.line]
        if isinstance(effect.command, Destination) and effect.ref is not None:
            travel = line.travels.get(effect.ref[0])
            if travel is None or travel.current != effect.ref[1] or not line.in_session or travel.id not in line.named:
                return
        self._send(effect, now)

    def _emit(self, name: str, subject: str, now: float, data: Data) -> None:
        self.floor.sequence += 1
        self._apply([Emit(self.floor.sequence, name, subject, now, data)], now)

    def _changed(self, why: str) -> NodeChanged:
        return NodeChanged(boot=self.boot, version=__version__, why=why)
