"""The uplink: one MQTT session with the broker, over as many connections as it takes.

- **A connection is a new object** (devices/mqtt_connection.py). What was in flight on the old one is forgotten at
  once, and the outbox resends it. The broker's half of the session (subscriptions, and messages for us that were not
  acknowledged) outlives connections: one client id, clean start off.
- **MQTT 5 first**: reason codes, session expiry. Where the broker refuses exactly the version, 3.1.1 from then on;
  there a PUBACK says nothing about permission, which is warned of once.
- **The broker's limits** (MQTT 5: receive maximum, maximum packet size) are kept here: what exceeds the first waits its
  turn, what exceeds the second is answered with 0x95, since sending it would end one connection after the other.
- **Several brokers** may serve as well (a cluster, or a spare): the next one's turn comes when one cannot be reached or
  does not hold, and the one that works is stayed with. Each speaks its own version of MQTT.
- **A broker that acknowledges nothing** for `ANSWER_S` is left, however well it answers pings; so is one that
  acknowledged later messages and not the oldest for so long: that answer is lost, for they come in order.
- **Files that change** (password, certificates) are proved, then the connection is made anew in order.
- **Refused subscriptions** are told, and asked for again every `SUBSCRIBE_S`.
- A message's PUBACK leaves with `ack(token)` and never by itself, so what was not made durable comes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Protocol, TypedDict, cast

from paho.mqtt.enums import MQTTProtocolVersion

from controller.sections import FILES, Config, OnBroker
from controller.wording import counted
from devices.links import HELD_S, Backoff
from devices.mqtt_connection import OUTGOING_BYTES, PENDING, UNSUPPORTED_VERSION, Connection, Options
from devices.mqtt_watch import Watch

__all__ = ["Handler", "Options", "Uplink", "files_of", "options_of"]

log = logging.getLogger(__name__)

HEADER_BYTES = 16  # of a PUBLISH at most, beside topic and payload
STOP_S = 2.0
ANSWER_S = 30.0
FOR_EVENTS = 200  # of `PENDING`; more than the outbox and the repair have on their way
SUBSCRIBE_S = 300.0
SHORT_LIVES = 3  # not every broker says that it gave our session to somebody else
TOPIC_INVALID, PACKET_TOO_LARGE = 0x90, 0x95  # reason codes of MQTT 5
MIDS = 65536


class Files(TypedDict, total=False):
    """Paths of what is read for each connection; see `Options`."""

    password_file: str
    ca_file: str
    cert_file: str
    key_file: str


def files_of(section: OnBroker) -> Files:
    """The files that a section of the floor file names for its broker."""
    return cast("Files", {key: str(path) for key in FILES if (path := getattr(section, key)) is not None})


def options_of(config: Config) -> Options:
    """How this node reaches the centre's broker, without what it hears there and leaves behind."""
    first, *others = config.broker.url
    return Options(
        first,
        f"floord-{config.site}-{config.node}",
        config.broker.username,
        keepalive_s=config.broker.keepalive_s,
        others=tuple(others),
        **files_of(config.broker),
    )


class Handler(Protocol):
    """Who uses the uplink; called on the loop, never from inside one of the uplink's methods."""

    def connected(self, session_present: bool) -> None:
        """The broker is there. `session_present` False: it knew nothing of us, whatever it had queued is gone."""

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        """The broker answered to the subscriptions: all are granted but these, each a topic and the broker's reason."""

    def disconnected(self, why: str, by_broker: bool) -> None:
        """The broker is gone, or an attempt to reach it failed; `why` in plain words. No answer is to be awaited.
        `by_broker`: it closed a connection that stood; else we gave it up, the line is dead, there was none, or the
        broker said a reason of its own."""

    def puback(self, key: int, code: int) -> None:
        """The broker's answer to `publish(key, …)` with QoS 1: an MQTT 5 reason code; accepted below 0x80."""

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        """A message arrived. Until `ack(token)` it comes again after a reconnect; with QoS 0 `token` is 0."""


class _Nobody:
    """A handler that has gone."""

    def connected(self, session_present: bool) -> None: ...

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None: ...

    def disconnected(self, why: str, by_broker: bool) -> None: ...

    def puback(self, key: int, code: int) -> None: ...

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None: ...


class Uplink:
    """Connects by itself and for ever: after a loss at once, then with backoff up to 5 s and jitter."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: Options, on: Handler, rng: Random | None = None
    ) -> None:
        self._loop, self._on = loop, on
        self.files = ""
        """why password or certificates which are new since it connected cannot be used; "" = there are none"""
        self._brokers = [replace(options, url=url, others=()) for url in (options.url, *options.others)]
        self._turn = 0  # whose it is
        self._tries = 0  # since a connection held
        self._backoff = Backoff(rng or Random())
        self._old = set[str]()  # those that speak MQTT 3.1.1 only
        self._connection: Connection | None = None
        self._generation = 0  # of connections; part of a token
        self._up_at: float | None = None
        self._short = 0  # connections in a row that did not hold
        self._window, self._longest = PENDING, OUTGOING_BYTES
        self._keys: dict[int, int] = {}  # message id -> key, sent and not answered
        self._queue: deque[tuple[int, str, bytes, bool]] = deque()  # beyond the broker's window
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.TimerHandle | None = None  # for the broker's answers
        self._answered_at = 0.0
        self._overtaken_at: float | None = None  # since when the oldest of `_keys` lacks an answer that later ones have
        self._asking: asyncio.TimerHandle | None = None  # again for what was refused
        self._watch = Watch(loop, self._renew, self._unusable)
        self._leaving = ""  # why we give the connection up
        self._closed: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Connect, and stay connected from now on."""
        self._timer = self._loop.call_later(0, self._connect)

    @property
    def broker(self) -> str:
        """The URL of the broker that is connected, or tried."""
        return self._options.url

    @property
    def certificate_ends(self) -> float | None:
        """Until when the certificate of the broker that is connected is valid, in UTC seconds; None without one."""
        return self._connection.certificate_ends if self._connection else None

    def publish(self, key: int, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        """Publish; with QoS 1 `key` comes back in `puback`. False: not connected, or too many unanswered; not sent.

        Messages without a key, for whose answer nobody waits, leave room for those with one."""
        most = PENDING if key else PENDING - FOR_EVENTS
        if self._up_at is None or len(self._keys) + len(self._queue) >= most:
            return False
        if len(topic.encode()) + len(payload) + HEADER_BYTES > self._longest:
            log.error("message of %d bytes to %s not sent: at most %d are taken", len(payload), topic, self._longest)
            if qos:
                self._loop.call_soon(self._on.puback, key, PACKET_TOO_LARGE)
        elif qos and len(self._keys) >= self._window:
            self._queue.append((key, topic, payload, retain))
        else:
            self._send(key, topic, payload, qos, retain)
        return True

    def ack(self, token: int) -> None:
        """Let the PUBACK of a message leave; nothing where its connection is gone: the message comes again."""
        generation, mid = divmod(token, MIDS)
        if mid and generation == self._generation and self._connection and self._up_at is not None:
            self._connection.ack(mid)

    async def stop(self) -> None:
        """Say goodbye, so that the will stays unsaid, and close; bounded."""
        self._rest()
        if self._timer:
            self._timer.cancel()
        connection, self._closed = self._connection, self._loop.create_future()
        if connection and self._up_at is not None:
            connection.disconnect()
            try:
                await asyncio.wait_for(self._closed, STOP_S)
            except TimeoutError:
                pass
        if connection:
            connection.abandon()
        self._connection = self._up_at = None

    async def leave(self) -> None:
        """Stop, and tell the handler nothing more: it has another uplink. What it did not acknowledge comes again."""
        self._on = _Nobody()
        await self.stop()

    def abandon(self) -> None:
        """Drop the connection without a goodbye and without a word to the handler; `start` begins anew."""
        if self._timer:
            self._timer.cancel()
        connection, self._connection, self._up_at = self._connection, None, None
        self._keys.clear()
        self._queue.clear()
        if connection:
            connection.abandon()

    @property
    def _options(self) -> Options:
        return self._brokers[self._turn % len(self._brokers)]

    def _connect(self) -> None:
        self._generation += 1
        five = self.broker not in self._old
        protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        self._connection = Connection(self._loop, self._options, protocol, self)
        self._connection.open()

    def _rest(self) -> None:
        """No timer of a connection outlives it."""
        self._watch.end()
        for timer in (self._waiting, self._asking):
            if timer:
                timer.cancel()
        self._waiting = self._asking = None

    def _send(self, key: int, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        assert self._connection
        try:
            mid = self._connection.publish(topic, payload, qos, retain)
        except ValueError as error:
            log.error("message to %r not sent: %s", topic[:200], error)
            if qos:
                self._loop.call_soon(self._on.puback, key, TOPIC_INVALID)
            return
        if qos and mid is not None:
            if not self._keys:
                self._answered_at, self._overtaken_at = self._loop.time(), None
            self._keys[mid] = key
            if self._waiting is None:
                self._waiting = self._loop.call_later(ANSWER_S, self._wait)

    def _wait(self) -> None:
        """Give up a broker that acknowledges nothing, else look again when it could be due."""
        self._waiting = None
        if not self._keys:
            return
        overtaken = self._overtaken_at if self._overtaken_at is not None else float("inf")
        left = min(self._answered_at, overtaken) + ANSWER_S - self._loop.time()
        if left > 0:
            self._waiting = self._loop.call_later(left, self._wait)
        elif overtaken < self._answered_at:
            self._give_up("the broker did not acknowledge a message, and acknowledged later ones")
        else:
            self._give_up(f"the broker acknowledges nothing: {counted(len(self._keys), 'message')} without an answer")

    def _give_up(self, why: str) -> None:
        if self._connection:
            self._connection.abandon()
            self.closed(why, 0, False)

    def _renew(self) -> None:
        """Goodbye, and anew with new files; bounded like `stop`."""
        if self._connection:
            self._leaving = "its password or certificate is a new one; connecting with it"
            self._connection.disconnect()
            if self._waiting:
                self._waiting.cancel()
            self._waiting = self._loop.call_later(STOP_S, self._give_up, self._leaving)

    def _unusable(self, why: str) -> None:
        self.files = why
        if why:
            log.error("new files cannot be used, the connection to the broker stays as it is: %s", why)

    def _ask_again(self, topics: list[str]) -> None:
        self._asking = None
        if self._connection:
            self._connection.subscribe(topics)

    # --- the connection's listener -----------------------------------------------------------------------------------

    def opened(self, session_present: bool, window: int, longest: int) -> None:
        """Of the connection: the broker accepted."""
        self._up_at = self._loop.time()
        self._window, self._longest = window, longest
        self.files = ""
        if self._connection:
            self._watch.begin(self._options, self._connection.prints)
        self._on.connected(session_present)

    def granted(self, refused: Sequence[tuple[str, str]]) -> None:
        """Of the connection: the broker answered to the subscriptions, or to those it had refused."""
        if refused:
            self._asking = self._loop.call_later(SUBSCRIBE_S, self._ask_again, [topic for topic, _ in refused])
        self._on.subscribed(refused)

    def closed(self, why: str, code: int, by_broker: bool) -> None:
        """Of the connection: it is over."""
        held_s, stood = 0.0, self._up_at is not None
        if self._up_at is not None:
            held_s = self._loop.time() - self._up_at
            self._short = self._short + 1 if held_s < HELD_S and by_broker else 0
        if self._short >= SHORT_LIVES:
            why += f"; again soon after connecting: does another client use the id {self._options.client_id!r}?"
        if self._leaving:
            why, by_broker = self._leaving, False
        self._connection = self._up_at = None
        self._keys.clear()
        self._queue.clear()
        self._rest()
        if self._closed:
            if not self._closed.done():
                self._closed.set_result(None)
            return
        if len(self._brokers) > 1 and self._options.where not in why:
            why = f"{self._options.where}: {why}"
        self._timer = self._loop.call_later(self._pause(code, held_s), self._connect)
        self._leaving = ""
        self._on.disconnected(why, by_broker and stood)

    def _pause(self, code: int, held_s: float) -> float:
        """Seconds until the next attempt; whose turn it is then is settled here."""
        if code == UNSUPPORTED_VERSION and self.broker not in self._old:
            self._old.add(self.broker)
            log.warning("the broker speaks MQTT 3.1.1 only: a publish that it does not permit will look accepted")
            return 0.0
        if self._leaving:
            return 0.0
        self._tries = 0 if held_s >= HELD_S else self._tries + 1
        if self._tries:
            self._turn += 1
            if self._tries % len(self._brokers):
                return 0.0  # another one may be well
        return self._backoff.next(held_s)

    def answered(self, mid: int, code: int) -> None:
        """Of the connection: a PUBACK."""
        oldest = next(iter(self._keys), mid)
        key = self._keys.pop(mid, None)
        if key is not None:
            self._answered_at = self._loop.time()
            if mid == oldest:
                self._overtaken_at = None
            elif self._overtaken_at is None:
                self._overtaken_at = self._answered_at
        if self._queue and len(self._keys) < self._window:
            waiting, topic, payload, retain = self._queue.popleft()
            self._send(waiting, topic, payload, 1, retain)
        if key is not None:  # None: QoS 0
            self._on.puback(key, code)

    def arrived(self, topic: str, payload: bytes, retain: bool, mid: int) -> None:
        """Of the connection: a message."""
        self._on.message(topic, payload, retain, self._generation * MIDS + mid if mid else 0)
