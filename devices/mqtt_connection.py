"""One MQTT connection, used once: paho does the protocol, the event loop does the I/O.

paho's callbacks only note what happened; the listener is called after paho has returned, so it may publish, acknowledge
and raise without touching paho's state. Writing is gathered: what is published in one turn of the loop leaves at its
end, and the descriptor is watched for writing only while the kernel takes no more.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.types import Message

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 7 * 86_400
RECEIVE_MAXIMUM = 100  # messages the broker may send before our PUBACK
INCOMING_BYTES = 1_048_576  # MQTT 5 brokers keep longer messages back; in 3.1.1 they are dropped
PENDING = 1000  # publishes without an answer; far above the outbox's window
OUTGOING_BYTES = 262_144
MISC_S = 1.0
UNSUPPORTED_VERSION, KEEP_ALIVE_TIMEOUT, SESSION_TAKEN_OVER = 0x84, 0x8D, 0x8E  # reason codes of MQTT 5


@dataclass(frozen=True, slots=True)
class Options:
    """How to reach the broker. `url` is `mqtt://host[:port]` or `mqtts://…`; ValueError for another.

    `subscriptions`: (topic filter, QoS 0 or 1). `will`: what the broker publishes when this connection breaks. `clean`:
    the broker shall forget us when it does; else it keeps subscriptions and messages for `client_id`.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    keepalive_s: int = 5
    subscriptions: tuple[tuple[str, int], ...] | list[tuple[str, int]] = ()
    will: Message | None = None
    clean: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path or parts.username is not None:
            raise ValueError("broker url: write mqtt://host:port or mqtts://host:port, user and password beside it")
        _ = parts.port  # ValueError when it is none

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith("mqtts:")

    @property
    def port(self) -> int:
        """The broker's port."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)


class Listener(Protocol):
    """Who owns the connection; called on the loop, never from inside one of the connection's methods."""

    def opened(self, session_present: bool, window: int, longest: int) -> None:
        """The broker accepted; it takes `window` unanswered publishes, of at most `longest` bytes."""

    def granted(self, refused: Sequence[str]) -> None:
        """The broker has answered to the subscriptions; what comes from now on is heard, but for `refused` topics."""

    def closed(self, why: str, code: int) -> None:
        """It is over, or never came to be; the last call. `code` is the broker's reason code, 0 without one."""

    def answered(self, mid: int, code: int) -> None:
        """The PUBACK of a publish with QoS 1."""

    def arrived(self, topic: str, payload: bytes, retain: bool, mid: int) -> None:
        """A message; `mid` 0 = QoS 0, no `ack` wanted."""


class Connection:
    """From `open` to the listener's `closed`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: Options, protocol: MQTTProtocolVersion, listener: Listener
    ) -> None:
        self._loop, self._options, self._listener = loop, options, listener
        self._five = protocol == MQTTProtocolVersion.MQTTv5
        self._client = self._new_client(protocol)
        self._events: deque[Callable[[], None]] = deque()
        self._misc_timer: asyncio.TimerHandle | None = None
        self._writing = self._flushing = self._over = False
        self._why, self._code = "", 0

    def _new_client(self, protocol: MQTTProtocolVersion) -> Client:
        options = self._options
        client = Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=None if self._five else options.clean,
            protocol=protocol,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(0)  # else every PUBACK scans all that is stored
        if options.username is not None:
            client.username_pw_set(options.username, options.password)
        if will := options.will:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def open(self) -> None:
        """Begin to connect."""
        self._loop.run_in_executor(None, self._reach).add_done_callback(self._reached)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int | None:
        """Send; the message id that comes back in `answered`, or None where the connection is just breaking."""
        sent = self._client.publish(topic, payload, qos, retain)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def ack(self, mid: int) -> None:
        """Let the PUBACK of a message leave."""
        self._client.ack(mid, 1)

    def disconnect(self) -> None:
        """Say goodbye (the will stays unsaid); `closed` follows."""
        self._client.disconnect()

    def abandon(self) -> None:
        """Close at once; the listener is not called any more."""
        self._over = True
        self._events.clear()
        self._client.on_socket_close = None  # paho forgets the socket much later, with itself
        connection = self._client.socket()
        if connection and connection.fileno() >= 0:
            self._unwatch(connection.fileno())
            connection.close()

    # --- input and output --------------------------------------------------------------------------------------------

    def _reach(self) -> None:
        """Runs beside the loop: name, TCP and TLS block."""
        client, options = self._client, self._options
        client.connect_timeout = 5.0
        if options.tls:
            client.tls_set_context(ssl.create_default_context(cafile=options.ca_file))
        if not self._five:
            client.connect(options.host, options.port, options.keepalive_s)
            return
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        asked.SessionExpiryInterval = 0 if options.clean else SESSION_EXPIRY_S
        asked.ReceiveMaximum = RECEIVE_MAXIMUM
        asked.MaximumPacketSize = INCOMING_BYTES
        client.connect(options.host, options.port, options.keepalive_s, clean_start=options.clean, properties=asked)

    def _reached(self, future: asyncio.Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or self._over:
            return self.abandon()
        connection = cast("socket.socket | None", self._client.socket())
        if error or connection is None:
            self._over = True
            self._listener.closed(f"{self._options.host}:{self._options.port}: {_plain(error)}", 0)
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        silence_ms = 1000 * max(1, self._options.keepalive_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence_ms)
        self._client.on_socket_register_write = self._on_register_write
        self._client.on_socket_close = lambda client, _, closing: self._unwatch(closing.fileno())
        self._loop.add_reader(connection.fileno(), self._readable)
        self._misc_timer = self._loop.call_later(MISC_S, self._misc)
        self._flush()

    def _readable(self) -> None:
        self._client.loop_read()
        while (connection := self._client.socket()) and isinstance(connection, ssl.SSLSocket) and connection.pending():
            self._client.loop_read()  # decrypted bytes that the descriptor does not show
        self._dispatch()

    def _misc(self) -> None:
        self._misc_timer = self._loop.call_later(MISC_S, self._misc)
        self._client.loop_misc()  # keepalive
        self._dispatch()

    def _on_register_write(self, client: Client, _: Any, connection: Any) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._over:
            return
        self._client.loop_write()
        connection = self._client.socket()
        if connection is not None and self._client.want_write() != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(connection.fileno(), self._flush)
            else:
                self._loop.remove_writer(connection.fileno())
        self._dispatch()

    def _unwatch(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)
        if self._misc_timer:
            self._misc_timer.cancel()
            self._misc_timer = None

    def _dispatch(self) -> None:
        try:
            while self._events:
                self._events.popleft()()
        finally:
            if self._events:  # the listener raised; the rest is not lost
                self._loop.call_soon(self._dispatch)

    # --- what paho tells: noted only ---------------------------------------------------------------------------------

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, given: Any) -> None:
        if code.is_failure:
            self._why, self._code = f"the broker refused: {code}", code.value
            return
        window = getattr(given, "ReceiveMaximum", PENDING)
        longest = min(OUTGOING_BYTES, getattr(given, "MaximumPacketSize", OUTGOING_BYTES))
        if self._options.subscriptions:
            client.subscribe([(topic, self._how(qos)) for topic, qos in self._options.subscriptions])
        self._events.append(lambda: self._listener.opened(flags.session_present, window, longest))

    def _how(self, qos: int) -> Any:
        """Of a subscription. In MQTT 5 a retained message keeps its mark also when it comes while we are connected."""
        return SubscribeOptions(qos=qos, retainAsPublished=True) if self._five else qos

    def _on_disconnect(self, client: Client, _: Any, flags: DisconnectFlags, code: ReasonCode, given: Any) -> None:
        if self._over:
            return
        self._over = True
        if flags.is_disconnect_packet_from_server:
            self._why, self._code = f"the broker closed: {code}", code.value
        if self._code == SESSION_TAKEN_OVER:
            self._why = f"another client uses the client id {self._options.client_id!r} too; give each its own"
        silent = code.value == KEEP_ALIVE_TIMEOUT
        why = self._why or ("the broker gives no sign of life" if silent else "the connection to the broker broke")
        self._events.append(lambda: self._listener.closed(why, self._code))

    def _on_subscribe(self, client: Client, _: Any, mid: int, codes: list[ReasonCode], given: Any) -> None:
        refused = []
        for (topic, _qos), code in zip(self._options.subscriptions, codes, strict=False):
            if code.is_failure:
                log.error("the broker refused the subscription to %s: %s", topic, code)
                refused.append(topic)
        self._events.append(lambda: self._listener.granted(refused))

    def _on_publish(self, client: Client, _: Any, mid: int, code: ReasonCode, given: Any) -> None:
        self._events.append(lambda: self._listener.answered(mid, code.value))

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        topic, payload, mid = message.topic, bytes(message.payload), message.mid if message.qos else 0
        if len(payload) > INCOMING_BYTES:
            log.error("message of %d bytes on %s dropped: at most %d are taken", len(payload), topic, INCOMING_BYTES)
            client.ack(message.mid, message.qos)
        else:
            self._events.append(lambda: self._listener.arrived(topic, payload, message.retain, mid))


def _plain(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}; see ca_file, host name and clock"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error or "no connection")
