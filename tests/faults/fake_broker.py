"""A small MQTT broker for what no real broker does on command, with a ledger of what it received.

One node is its client. It speaks MQTT 5 and 3.1.1 as the standards say (tests/faults/mqtt_wire.py) where `rules` do not
say otherwise: it keeps one session a client id, without expiry, sends again what was not acknowledged, keeps the
client's receive maximum, closes a connection that is silent for 1.5 keepalives, and hands a session over to the newest
connection.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType

from tests.faults import mqtt_wire as wire
from tests.faults.mqtt_wire import Connect, Malformed, Publish
from tests.faults.threads import LoopThread

LOOPBACK = "127.0.0.1"
TAKEN_OVER, NOT_AUTHORISED, UNSUPPORTED_VERSION = 0x8E, 0x87, 0x01


@dataclass
class Rules:
    """What it does otherwise; changed at any time, from any thread, by whole values."""

    code: Callable[[Publish], int] = lambda message: 0
    """the reason code of its PUBACK"""
    silent: bool = False
    """acknowledge nothing; what came meanwhile is answered by `answer_all`, or never"""
    batch: int = 1
    """gather so many PUBACKs and send them in reversed order"""
    times: int = 1
    """send each PUBACK so often; 0 = it is lost"""
    stray: bool = False
    """before each PUBACK send one for an identifier that nobody used"""
    forget: bool = False
    """have no session of anybody: session_present = 0"""
    close_on: Callable[[Publish], bool] = lambda message: False
    """close the connection instead of taking this packet"""
    goodbye: int = 0
    """say so first, with this code, where the client speaks MQTT 5"""
    grants: bool = True
    """accept subscriptions"""
    only_3_1_1: bool = False
    """refuse MQTT 5 with the code of 3.1.1 for it"""
    refusal: int = 0
    """refuse every CONNECT with this code"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A PUBLISH that came. `code` None: it was not answered. `at`: monotonic s."""

    message: Publish
    connection: int
    code: int | None
    at: float


@dataclass
class Session:
    """What it keeps of one client id."""

    filters: set[str] = field(default_factory=set)
    waiting: deque[Publish] = field(default_factory=deque)
    """to be sent, when the receive maximum allows"""
    unanswered: dict[int, Publish] = field(default_factory=dict)
    last_mid: int = 0


class FakeBroker:
    """Listens on a port of loopback until `close`. A context manager."""

    def __init__(self, port: int = 0, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.ledger: list[Entry] = []
        self.connects: list[tuple[float, Connect]] = []
        """monotonic s and CONNECT of each connection that said so much"""
        self.acked = 0
        """messages of ours that the client acknowledged"""
        self.protocol_errors: list[str] = []
        self.sessions: dict[str, Session] = {}
        self.standing: dict[str, Connection] = {}
        self._thread = LoopThread("fake broker")
        self._server = self._thread.wait_for(self._serve(port))
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._connection, LOOPBACK, port)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(self, reader, writer).run()

    @property
    def url(self) -> str:
        """As in `[broker] url`."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    def accepted(self) -> list[Publish]:
        """Messages that it took on, in the order in which they came, with repetitions."""
        return [entry.message for entry in [*self.ledger] if entry.code is not None and entry.code < 0x80]

    def send(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """To everyone who has subscribed to the topic, when their receive maximum allows."""
        self.send_many([(topic, payload)], retain=retain, qos=qos)

    def send_many(self, messages: list[tuple[str, bytes]], *, retain: bool = False, qos: int = 1) -> None:
        """The same, all at once."""

        def queue() -> None:
            for client, session in self.sessions.items():
                for topic, payload in messages:
                    if any(wire.matches(topic, wanted) for wanted in session.filters):
                        session.waiting.append(Publish(topic, payload, qos, retain, False, 0))
                if client in self.standing:
                    self.standing[client].send_waiting()

        self._thread.call(queue)

    def answer_all(self) -> None:
        """Send every PUBACK that was held back on connections that stand."""
        self._thread.each(Connection.answer_held, lambda: self.standing.values())

    def drop(self) -> None:
        """Close every connection without a word."""
        self._thread.each(Connection.close, lambda: self.standing.values())

    def close(self) -> None:
        """End every connection and the broker."""

        def end() -> None:
            self._server.close()
            for connection in [*self.standing.values()]:
                connection.close()

        self._thread.call(end)
        self._thread.close()

    def __enter__(self) -> FakeBroker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Connection:
    """One connection of a client."""

    def __init__(self, broker: FakeBroker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._broker, self._reader, self._writer = broker, reader, writer
        self._said: Connect | None = None
        self._session = Session()
        self._number = 0
        self._held: list[tuple[int, int]] = []
        """places in the ledger, and the codes to answer with"""
        self._over = False

    async def run(self) -> None:
        """Until it ends."""
        packets = wire.Packets()
        try:
            while not self._over:
                limit = 1.5 * self._said.keepalive_s if self._said and self._said.keepalive_s else None
                async with asyncio.timeout(limit):
                    data = await self._reader.read(65536)
                if not data:
                    break
                for kind, flags, body in packets.feed(data):
                    if not self._over:
                        self._heard(kind, flags, body)
        except (OSError, TimeoutError):
            pass
        except (Malformed, UnicodeDecodeError, KeyError) as error:
            self._broker.protocol_errors.append(repr(error))
        self.close()

    def close(self) -> None:
        """At once, without a word."""
        self._over = True
        if self._said and self._broker.standing.get(self._said.client) is self:
            del self._broker.standing[self._said.client]
        self._writer.transport.abort()

    def _heard(self, kind: int, flags: int, body: bytes) -> None:
        if (self._said is None) != (kind == wire.CONNECT):
            raise Malformed("a second CONNECT" if self._said else f"packet {kind} before CONNECT")
        if kind == wire.CONNECT:
            self._connect(wire.connect(body))
        elif kind == wire.PUBLISH:
            self._publish(wire.publish(flags, body, self._level))
        elif kind == wire.PUBACK:
            self._session.unanswered.pop(int.from_bytes(body[:2], "big"))
            self._broker.acked += 1
            self.send_waiting()
        elif kind == wire.SUBSCRIBE:
            self._subscribe(*wire.subscribe(body, self._level))
        elif kind == wire.PINGREQ:
            self._send(wire.packet(wire.PINGRESP))
        elif kind == wire.DISCONNECT:
            self.close()
        else:
            raise Malformed(f"packet {kind}")

    @property
    def _level(self) -> int:
        assert self._said is not None
        return self._said.level

    def _connect(self, said: Connect) -> None:
        broker, rules = self._broker, self._broker.rules
        broker.connects.append((time.monotonic(), said))
        self._number = len(broker.connects)
        if rules.only_3_1_1 and said.level == 5:
            self._send(wire.packet(wire.CONNACK, bytes([0, UNSUPPORTED_VERSION])))
            self._over = True
            return
        properties = b"\0" if said.level == 5 else b""
        if rules.refusal:
            self._send(wire.packet(wire.CONNACK, bytes([0, rules.refusal]) + properties))
            self._over = True
            return
        if before := broker.standing.get(said.client):
            before.taken_over()
        known = said.client in broker.sessions and not said.clean and not rules.forget
        if not known:
            broker.sessions[said.client] = Session()
        self._said, self._session = said, broker.sessions[said.client]
        broker.standing[said.client] = self
        self._send(wire.packet(wire.CONNACK, bytes([known, 0]) + properties))
        for mid, message in [*self._session.unanswered.items()]:  # §4.4: again, in the order in which they were sent
            self._send(wire.publish_packet(replace(message, mid=mid, dup=True), said.level))
        self.send_waiting()

    def taken_over(self) -> None:
        """Another connection has this client id now."""
        if self._level == 5:
            self._send(wire.packet(wire.DISCONNECT, bytes([TAKEN_OVER, 0])))
        self._over = True
        self._writer.close()

    def _publish(self, message: Publish) -> None:
        rules = self._broker.rules
        if rules.close_on(message):
            self._broker.ledger.append(Entry(message, self._number, None, time.monotonic()))
            if rules.goodbye and self._level == 5:
                self._send(wire.packet(wire.DISCONNECT, bytes([rules.goodbye, 0])))
                self._over = True
                self._writer.close()
            else:
                self.close()
            return
        code = rules.code(message)
        lost = message.qos > 0 and not rules.times
        answered = None if rules.silent or lost else code
        self._broker.ledger.append(Entry(message, self._number, answered, time.monotonic()))
        if message.qos and not (lost and not rules.silent):
            self._held.append((len(self._broker.ledger) - 1, code))
            if not rules.silent and len(self._held) >= rules.batch:
                self.answer_held()

    def answer_held(self) -> None:
        """PUBACKs, the newest first where they are gathered."""
        rules, ledger = self._broker.rules, self._broker.ledger
        held, self._held = self._held, []
        for place, code in reversed(held) if rules.batch > 1 else held:
            mid = ledger[place].message.mid
            ledger[place] = replace(ledger[place], code=code)
            if rules.stray:
                self._send(wire.puback(mid ^ 0x8000 or 1, 0, self._level))
            for _ in range(max(1, rules.times)):
                self._send(wire.puback(mid, code, self._level))

    def _subscribe(self, mid: int, filters: list[str]) -> None:
        grants = self._broker.rules.grants
        if grants:
            self._session.filters.update(filters)
        refused = NOT_AUTHORISED if self._level == 5 else 0x80
        codes = bytes([1 if grants else refused] * len(filters))
        self._send(wire.packet(wire.SUBACK, mid.to_bytes(2, "big") + (b"\0" if self._level == 5 else b"") + codes))

    def send_waiting(self) -> None:
        """As many as the receive maximum allows."""
        session, said = self._session, self._said
        assert said is not None
        while session.waiting and len(session.unanswered) < said.receive_maximum and not self._over:
            message = session.waiting.popleft()
            if message.qos:
                while True:
                    session.last_mid = session.last_mid % 65_535 + 1
                    if session.last_mid not in session.unanswered:
                        break
                message = replace(message, mid=session.last_mid)
                session.unanswered[message.mid] = message
            self._send(wire.publish_packet(message, said.level))

    def _send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)
