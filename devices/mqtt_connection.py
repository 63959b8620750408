"""One MQTT connection, used once: paho does the protocol, the event loop does the I/O.

paho's callbacks only note what happened; the listener is called after paho has returned, so it may publish, acknowledge
and raise without touching paho's state. Writing is gathered: what is published in one turn of the loop leaves at its
end, and the descriptor is watched for writing only while the kernel takes no more.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices import mqtt_tls
from devices.mqtt_client import Client
from devices.mqtt_options import Options
from devices.mqtt_watch import Prints, prints

__all__ = ["Connection", "Listener", "Options"]

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 7 * 86_400
RECEIVE_MAXIMUM = 100  # messages the broker may send before our PUBACK
INCOMING_BYTES = 1_048_576  # MQTT 5 brokers keep longer messages back; in 3.1.1 they are dropped
PENDING = 1000  # publishes without an answer; far above the outbox's window
OUTGOING_BYTES = 262_144
MISC = 8  # so often in a keepalive it is seen whether a ping or its answer is due
UNSUPPORTED_VERSION, KEEP_ALIVE_TIMEOUT, SESSION_TAKEN_OVER = 0x84, 0x8D, 0x8E  # reason codes of MQTT 5
OF_ITSELF = frozenset((0x89, 0x8B, SESSION_TAKEN_OVER, 0x9C, 0x9D, 0x9F, 0xA0))
"""Busy, shutting down, session taken over, another server, too many connections, too long: no message is to blame."""
CREDENTIALS = (0x86, 0x87)  # bad user name or password, not authorized
DEAD_LINE = frozenset((errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN))


class Listener(Protocol):
    """Who owns the connection; called on the loop, never from inside one of the connection's methods."""

    def opened(self, session_present: bool, window: int, longest: int) -> None:
        """The broker accepted; it takes `window` unanswered publishes, of at most `longest` bytes."""

    def granted(self, refused: Sequence[tuple[str, str]]) -> None:
        """The broker has answered to subscriptions; what comes from now on is heard, but for `refused`, each a topic
        and the broker's reason."""

    def closed(self, why: str, code: int, by_broker: bool) -> None:
        """It is over, or never came to be; the last call. `code` is the broker's reason code, 0 without one.
        `by_broker`: it ended what stood, maybe for what we sent; not we, not a line that is dead, and it did not say a
        reason of its own."""

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
        self._writing = self._flushing = self._over = self._accepted = self._leaving = False
        self._why, self._code = "", 0
        self._socket: socket.socket | None = None
        self._errno = 0  # of the socket, when it failed
        self._asked: dict[int | None, list[str]] = {}  # message id -> topics of a subscription without an answer
        self.prints: Prints = ()
        """the files it was made of"""
        self.certificate_ends: float | None = None
        """until when the broker's certificate is valid, in UTC seconds"""

    def _new_client(self, protocol: MQTTProtocolVersion) -> Client:
        options = self._options
        client = Client(
            self._on_answer,
            CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=None if self._five else options.clean,
            protocol=protocol,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if will := options.will:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def open(self) -> None:
        """Begin to connect."""
        self._loop.run_in_executor(None, self._reach).add_done_callback(self._reached)

    @property
    def _keepalive_s(self) -> int:
        """A ping leaves after so long, and its answer is waited for as long: a dead line is noticed within 1.5 times
        `Options.keepalive_s`."""
        return max(1, self._options.keepalive_s * 3 // 4)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int | None:
        """Send; the message id that comes back in `answered`, or None where the connection is just breaking."""
        if qos:
            return self._client.send(topic, payload, retain)
        sent = self._client.publish(topic, payload, qos, retain)
        return sent.mid if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def ack(self, mid: int) -> None:
        """Let the PUBACK of a message leave."""
        self._client.ack(mid, 1)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask again for these of the subscriptions; `granted` follows."""
        wanted = [(topic, self._how(qos)) for topic, qos in self._options.subscriptions if topic in topics]
        if wanted:
            _, mid = self._client.subscribe(wanted)
            self._asked[mid] = [topic for topic, _ in wanted]

    def disconnect(self) -> None:
        """Say goodbye (the will stays unsaid); `closed` follows."""
        self._leaving = True
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

    def _reach(self) -> str:
        """Runs beside the loop, for files, name, TCP and TLS block; why it failed, "" when it did not."""
        client, options = self._client, self._options
        try:
            self.prints = prints(options)
            if options.username is not None:
                client.username_pw_set(options.username, mqtt_tls.password(options))
            client.connect_timeout = mqtt_tls.CONNECT_S
            if options.tls:
                client.tls_set_context(mqtt_tls.context(options))
            self._connect()
        except mqtt_tls.Unusable as error:
            return str(error)
        except Exception as error:  # of the resolver, of TCP, of TLS, of paho
            return f"{options.where}: {mqtt_tls.words(error, options)}"
        return ""

    def _connect(self) -> None:
        client, options = self._client, self._options
        if not self._five:
            client.connect(options.host, options.port, self._keepalive_s)
            return
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        asked.SessionExpiryInterval = 0 if options.clean else SESSION_EXPIRY_S
        asked.ReceiveMaximum = RECEIVE_MAXIMUM
        asked.MaximumPacketSize = INCOMING_BYTES
        client.connect(options.host, options.port, self._keepalive_s, clean_start=options.clean, properties=asked)

    def _reached(self, future: asyncio.Future[str]) -> None:
        if future.cancelled() or self._over:
            return self.abandon()
        why = future.result()
        self._socket = connection = cast("socket.socket | None", self._client.socket())
        if why or connection is None:
            self._over = True
            self._listener.closed(why or f"{self._options.where}: no connection", 0, False)
            return
        self.certificate_ends = mqtt_tls.ends(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        silence_ms = 1000 * max(1, self._options.keepalive_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, silence_ms)
        self._client.on_socket_register_write = self._on_register_write
        self._client.on_socket_close = lambda client, _, closing: self._unwatch(closing.fileno())
        self._loop.add_reader(connection.fileno(), self._readable)
        self._misc_timer = self._loop.call_later(self._keepalive_s / MISC, self._misc)
        self._flush()

    def _readable(self) -> None:
        self._note_error()
        self._client.read()
        while (connection := self._client.socket()) and isinstance(connection, ssl.SSLSocket) and connection.pending():
            self._client.read()  # decrypted bytes that the descriptor does not show
        self._dispatch()

    def _misc(self) -> None:
        self._misc_timer = self._loop.call_later(self._keepalive_s / MISC, self._misc)
        self._client.loop_misc()  # keepalive
        self._dispatch()

    def _on_register_write(self, client: Paho, _: Any, connection: Any) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._over:
            return
        self._note_error()
        self._client.loop_write()
        connection = self._client.socket()
        if connection is not None and self._client.want_write() != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(connection.fileno(), self._flush)
            else:
                self._loop.remove_writer(connection.fileno())
        self._dispatch()

    def _note_error(self) -> None:
        """Why the kernel gave the connection up, before paho takes it for an end like any other."""
        connection = self._socket
        if connection and connection.fileno() >= 0:
            self._errno = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or self._errno

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

    def _on_connect(self, client: Paho, _: Any, flags: ConnectFlags, code: ReasonCode, given: Any) -> None:
        if code.is_failure:
            self._why, self._code = f"the broker refused: {code}", code.value
            if code.value in CREDENTIALS:
                self._why += "; see username, password_file and cert_file, and its list of users"
            return
        self._accepted = True
        window = getattr(given, "ReceiveMaximum", PENDING)
        longest = min(OUTGOING_BYTES, getattr(given, "MaximumPacketSize", OUTGOING_BYTES))
        self.subscribe([topic for topic, _ in self._options.subscriptions])
        self._events.append(lambda: self._listener.opened(flags.session_present, window, longest))

    def _how(self, qos: int) -> Any:
        """Of a subscription. In MQTT 5 a retained message keeps its mark also when it comes while we are connected."""
        return SubscribeOptions(qos=qos, retainAsPublished=True) if self._five else qos

    def _on_disconnect(self, client: Paho, _: Any, flags: DisconnectFlags, code: ReasonCode, given: Any) -> None:
        if self._over:
            return
        self._over = True
        if flags.is_disconnect_packet_from_server:
            self._why, self._code = f"the broker closed: {code}", code.value
        if self._code == SESSION_TAKEN_OVER:
            self._why = f"another client uses the client id {self._options.client_id!r} too; give each its own"
        silent = code.value == KEEP_ALIVE_TIMEOUT or self._errno in DEAD_LINE
        why = self._why or self._ending(silent)
        by_broker = not (silent or self._leaving or self._code in OF_ITSELF)
        self._events.append(lambda: self._listener.closed(why, self._code, by_broker))

    def _ending(self, silent: bool) -> str:
        """Of a connection about which the broker has said nothing."""
        failure = getattr(self._socket, "failure", None)
        if silent:
            return "the broker gives no sign of life"
        if isinstance(failure, ssl.SSLError):
            return mqtt_tls.refusal(failure, self._options)
        if not self._accepted and not self._options.tls:
            return "the broker closed before it answered: does it want TLS (mqtts://) on this port?"
        return "the connection to the broker broke"

    def _on_subscribe(self, client: Paho, _: Any, mid: int, codes: list[ReasonCode], given: Any) -> None:
        asked = zip(self._asked.pop(mid, ()), codes, strict=False)
        refused = [(topic, str(code)) for topic, code in asked if code.is_failure]
        for topic, reason in refused:
            log.error("the broker refused the subscription to %s: %s", topic, reason)
        self._events.append(lambda: self._listener.granted(refused))

    def _on_answer(self, mid: int, code: int) -> None:
        self._events.append(partial(self._listener.answered, mid, code))

    def _on_message(self, client: Paho, _: Any, message: MQTTMessage) -> None:
        topic, payload, mid = message.topic, bytes(message.payload), message.mid if message.qos else 0
        if len(payload) > INCOMING_BYTES:
            log.error("message of %d bytes on %s dropped: at most %d are taken", len(payload), topic, INCOMING_BYTES)
            client.ack(message.mid, message.qos)
        else:
            self._events.append(lambda: self._listener.arrived(topic, payload, message.retain, mid))
