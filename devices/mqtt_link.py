"""A machine on a broker: a clean session of its own for each, MQTT 5 first and 3.1.1 where the broker has only that.

The link is up when the broker has granted the subscriptions, so nothing that is said afterwards is missed. A message
is acknowledged to the broker at once: what must not be lost between a machine and us is the affair of their protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from random import Random

from paho.mqtt.enums import MQTTProtocolVersion

from devices.lasting import Lasting
from devices.links import LinkHandler, LinkUrl, OnBroker
from devices.mqtt_connection import PENDING, UNSUPPORTED_VERSION, Connection, Options
from devices.mqtt_watch import Watch
from devices.types import Message

log = logging.getLogger(__name__)

GRANT_S = 10.0
ANSWER_S = 5.0
"""A broker that was sent so much that nothing more is given to it, and answers nothing for so long, is hung up on."""
RENEWED = "its password or certificate is a new one; connecting with it"


def mqtt_link(
    name: str, url: LinkUrl, on: OnBroker, handler: LinkHandler, loop: asyncio.AbstractEventLoop, rng: Random
) -> MqttLink:
    """A link over the broker at `url`."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    options = Options(
        f"{url.scheme}://{host}:{url.port}",
        on.client_id,
        username=on.username,
        password=on.password,
        password_file=on.password_file,
        ca_file=on.ca_file,
        cert_file=on.cert_file,
        key_file=on.key_file,
        subscriptions=tuple(on.subscriptions),
        will=on.will,
        clean=True,
    )
    return MqttLink(name, options, handler, loop, rng)


class MqttLink(Lasting):
    """A link over a broker; `options.subscriptions` and `options.will` are the driver's."""

    def __init__(
        self, name: str, options: Options, handler: LinkHandler, loop: asyncio.AbstractEventLoop, rng: Random
    ) -> None:
        super().__init__(name, handler, loop, rng)
        self._options = options
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._connection: Connection | None = None
        self._unanswered: set[int] = set()
        self._answered_at = 0.0  # the last answer, or since when one is waited for
        self._granting: asyncio.TimerHandle | None = None
        self._watch = Watch(loop, self._renew, self._unusable)
        self._renewing = False

    def write(self, data: bytes | Sequence[Message]) -> None:
        """Publish; dropped while the link is down, or (counted) while the broker has too much to answer. One that
        answers nothing any more is hung up on."""
        if isinstance(data, bytes):
            raise TypeError(f"{self._name}: its link carries messages, its driver speaks bytes")
        connection = self._connection
        if connection is None or not self.health.up:
            return
        for message in data:
            if len(self._unanswered) >= PENDING:
                if self._now() - self._answered_at > ANSWER_S * 1000:
                    self.hang_up(f"the broker has not answered to {PENDING} messages")
                    return
                self.health.errors["dropped"] = self.health.errors.get("dropped", 0) + 1
                continue
            mid = connection.publish(message.topic, message.payload, message.qos, message.retain)
            self.health.bytes_out += len(message.payload)
            if mid is not None and message.qos:
                self._answered_at = self._answered_at if self._unanswered else self._now()
                self._unanswered.add(mid)

    def hang_up(self, why: str) -> None:
        """Break the connection; `down` follows, and it is opened again."""
        if self.health.up:
            self._loop.call_soon(self._lost, why, self._connection)

    def _begin(self) -> None:
        self._unanswered.clear()
        self._renewing = False
        self._connection = Connection(self._loop, self._options, self._protocol, self)
        self._connection.open()

    def _end(self) -> None:
        if self._granting:
            self._granting.cancel()
            self._granting = None
        self._watch.end()
        if self._connection:
            self._connection.abandon()
            self._connection = None

    def _lost(self, why: str, connection: Connection | None) -> None:
        if connection is self._connection:
            self._end()
            self._is_down(why)

    def _renew(self) -> None:
        if self._connection:
            self._renewing = True
            self._connection.disconnect()

    def _unusable(self, why: str) -> None:
        self.health.files = why
        if why:
            log.error("%s: new files cannot be used, the connection stays as it is: %s", self._name, why)

    # --- the connection's listener -----------------------------------------------------------------------------------

    def opened(self, session_present: bool, window: int, longest: int) -> None:
        """The broker accepted; the subscriptions are still to be granted, if there are any."""
        self.health.files = ""
        if self._connection:
            self._watch.begin(self._options, self._connection.prints)
        if not self._options.subscriptions:
            self.granted(())
        elif self._connection:
            why = "the broker does not answer to the subscriptions"
            self._granting = self._loop.call_later(GRANT_S, self._lost, why, self._connection)

    def granted(self, refused: Sequence[tuple[str, str]]) -> None:
        """The broker answered to the subscriptions; without all of them the machine is not heard."""
        if self._granting:
            self._granting.cancel()
            self._granting = None
        if refused:
            topics = ", ".join(topic for topic, _ in refused)
            self._lost(f"the broker refused the subscription to {topics}: may we read there?", self._connection)
        elif self._connection and not self.health.up:
            self._is_up()

    def closed(self, why: str, code: int, by_broker: bool) -> None:
        """The connection is over."""
        if code == UNSUPPORTED_VERSION and self._protocol == MQTTProtocolVersion.MQTTv5:
            self._protocol = MQTTProtocolVersion.MQTTv311
            self._end()
            self._begin()
        else:
            self._lost(RENEWED if self._renewing else why, self._connection)

    def answered(self, mid: int, code: int) -> None:
        """The broker has a message, or refuses it."""
        self._unanswered.discard(mid)
        self._answered_at = self._now()
        if code >= 0x80:
            self.health.why = f"the broker refused a message with code 0x{code:02X}: may we publish there?"

    def arrived(self, topic: str, payload: bytes, retain: bool, mid: int) -> None:
        """A message."""
        if mid and self._connection:
            self._connection.ack(mid)
        self.health.bytes_in += len(payload)
        self.health.last_byte = at = self._now()
        if self.health.up:
            self._handler.received(self._name, Message(topic, payload, 1 if mid else 0, retain), at)
