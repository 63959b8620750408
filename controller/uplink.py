"""The uplink: one MQTT session with the broker, over as many connections as it takes.

- **A connection is a new object** (devices/mqtt_connection.py). What was in flight on the old one is forgotten at
  once, and the outbox resends it. The broker's half of the session (subscriptions, and messages for us that were not
  acknowledged) outlives connections: one client id, clean start off.
- **MQTT 5 first**: reason codes, session expiry. Where the broker refuses exactly the version, 3.1.1 from then on;
  there a PUBACK says nothing about permission, which is warned of once.
- **The broker's limits** (MQTT 5: receive maximum, maximum packet size) are kept here: what exceeds the first waits its
  turn, what exceeds the second is answered with 0x95, since sending it would end one connection after the other.
- A message's PUBACK leaves with `ack(token)` and never by itself, so what was not made durable comes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Protocol

from paho.mqtt.enums import MQTTProtocolVersion

from devices.links import HELD_S, Backoff
from devices.mqtt_connection import OUTGOING_BYTES, PENDING, UNSUPPORTED_VERSION, Connection, Options

__all__ = ["Handler", "Options", "Uplink"]

log = logging.getLogger(__name__)

HEADER_BYTES = 16  # of a PUBLISH at most, beside topic and payload
STOP_S = 2.0
SHORT_LIVES = 3  # not every broker says that it gave our session to somebody else
TOPIC_INVALID, PACKET_TOO_LARGE = 0x90, 0x95  # reason codes of MQTT 5
MIDS = 65536


class Handler(Protocol):
    """Who uses the uplink; called on the loop, never from inside one of the uplink's methods."""

    def connected(self, session_present: bool) -> None:
        """The broker is there. `session_present` False: it knew nothing of us, whatever it had queued is gone."""

    def disconnected(self, why: str) -> None:
        """The broker is gone, or an attempt to reach it failed; `why` in plain words. No answer is to be awaited."""

    def puback(self, key: int, code: int) -> None:
        """The broker's answer to `publish(key, …)` with QoS 1: an MQTT 5 reason code; accepted below 0x80."""

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        """A message arrived. Until `ack(token)` it comes again after a reconnect; with QoS 0 `token` is 0."""


class Uplink:
    """Connects by itself and for ever: after a loss at once, then with backoff up to 5 s and jitter."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: Options, on: Handler, rng: Random | None = None
    ) -> None:
        self._loop, self._options, self._on = loop, options, on
        self._backoff = Backoff(rng or Random())
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._connection: Connection | None = None
        self._generation = 0  # of connections; part of a token
        self._up_at: float | None = None
        self._short = 0  # connections in a row that did not hold
        self._window, self._longest = PENDING, OUTGOING_BYTES
        self._keys: dict[int, int] = {}  # message id -> key, sent and not answered
        self._queue: deque[tuple[int, str, bytes, bool]] = deque()  # beyond the broker's window
        self._timer: asyncio.TimerHandle | None = None
        self._closed: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Connect, and stay connected from now on."""
        self._timer = self._loop.call_later(0, self._connect)

    def publish(self, key: int, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        """Publish; with QoS 1 `key` comes back in `puback`. False: not connected, or too many unanswered; not sent."""
        if self._up_at is None or len(self._keys) + len(self._queue) >= PENDING:
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

    def abandon(self) -> None:
        """Drop the connection without a goodbye and without a word to the handler; `start` begins anew."""
        if self._timer:
            self._timer.cancel()
        connection, self._connection, self._up_at = self._connection, None, None
        self._keys.clear()
        self._queue.clear()
        if connection:
            connection.abandon()

    def _connect(self) -> None:
        self._generation += 1
        self._connection = Connection(self._loop, self._options, self._protocol, self)
        self._connection.open()

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
            self._keys[mid] = key

    # --- the connection's listener -----------------------------------------------------------------------------------

    def opened(self, session_present: bool, window: int, longest: int) -> None:
        """Of the connection: the broker accepted."""
        self._up_at = self._loop.time()
        self._window, self._longest = window, longest
        self._on.connected(session_present)

    def granted(self, refused: Sequence[str]) -> None:
        """Of the connection: the broker answered to the subscriptions."""

    def closed(self, why: str, code: int) -> None:
        """Of the connection: it is over."""
        held_s = 0.0
        if self._up_at is not None:
            held_s = self._loop.time() - self._up_at
            self._short = self._short + 1 if held_s < HELD_S else 0
        if self._short >= SHORT_LIVES:
            why += f"; again soon after connecting: does another client use the id {self._options.client_id!r}?"
        self._connection = self._up_at = None
        self._keys.clear()
        self._queue.clear()
        if self._closed:
            if not self._closed.done():
                self._closed.set_result(None)
            return
        if code == UNSUPPORTED_VERSION and self._protocol == MQTTProtocolVersion.MQTTv5:
            self._protocol = MQTTProtocolVersion.MQTTv311
            log.warning("the broker speaks MQTT 3.1.1 only: a publish that it does not permit will look accepted")
        self._timer = self._loop.call_later(self._backoff.next(held_s), self._connect)
        self._on.disconnected(why)

    def answered(self, mid: int, code: int) -> None:
        """Of the connection: a PUBACK."""
        key = self._keys.pop(mid, None)
        if self._queue and len(self._keys) < self._window:
            waiting, topic, payload, retain = self._queue.popleft()
            self._send(waiting, topic, payload, 1, retain)
        if key is not None:  # None: QoS 0
            self._on.puback(key, code)

    def arrived(self, topic: str, payload: bytes, retain: bool, mid: int) -> None:
        """Of the connection: a message."""
        self._on.message(topic, payload, retain, self._generation * MIDS + mid if mid else 0)
