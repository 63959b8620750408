"""paho's client, with a short way for the two packets of which there are thousands: PUBLISH with QoS 1, and its PUBACK.

paho keeps a message object, a condition and two locks for each publish, sends each with a call of its own, receives a
PUBACK in three, and makes objects of its reason code and properties: together two thirds of what an event cost. Here a
publish is bytes, all of one turn of the loop leave in one call, and what has arrived is received at once. Connecting,
subscribing, pings, messages for us and QoS 0 stay paho's, over the same socket and in the same order.

Sources: OASIS MQTT 5.0 and 3.1.1, §3.3 PUBLISH and §3.4 PUBACK. Written against the internals of paho-mqtt 2.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client as Paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

PUBLISH_QOS_1, PUBACK = 0x32, 0x40
AHEAD = 65_536
LONGEST = 268_435_455
"""Bytes that a packet can have behind its length (§2.1.4)."""
TOPICS = 1000
UNSPECIFIED = 0x80
PUBACK_CODES = frozenset((0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99))
"""MQTT 5 §3.4.2.1."""


class Client(Paho):
    """`answered(mid, code)` is called from within `read`, for each PUBACK of a `send`."""

    def __init__(self, answered: Callable[[int, int], None], *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._answered = answered
        self._five = self._protocol == MQTTProtocolVersion.MQTTv5
        self._waiting: set[int] = set()
        self._topics: dict[str, bytes] = {}
        self._gathered: list[bytes] = []
        self._ahead, self._at = b"", 0
        self._end: OSError | bytes | None = None
        """what the socket said last: an error, or b"" at its end"""

    # --- out ----------------------------------------------------------------------------------------------------------

    def send(self, topic: str, payload: bytes, retain: bool) -> int | None:
        """Publish with QoS 1: the message id that `answered` will have, or None where the connection is just breaking.
        Raises ValueError for a topic or a payload that no packet can hold."""
        if self._sock is None:
            return None
        head = self._topics.get(topic) or self._head(topic)
        mid = self._mid_generate()
        while mid in self._waiting:
            mid = self._mid_generate()
        body = b"%b%b%b%b" % (head, mid.to_bytes(2, "big"), b"\0" if self._five else b"", payload)
        self._gathered.append(b"%c%b%b" % (PUBLISH_QOS_1 | retain, _length(len(body)), body))
        self._waiting.add(mid)
        self._call_socket_register_write()
        return mid

    def _head(self, topic: str) -> bytes:
        """A topic as it stands in a packet."""
        raw = topic.encode()
        if not raw:
            raise ValueError("Invalid topic.")
        self._raise_for_invalid_topic(raw)
        if len(self._topics) >= TOPICS:
            self._topics.clear()
        head = self._topics[topic] = len(raw).to_bytes(2, "big") + raw
        return head

    def loop_write(self) -> MQTTErrorCode:
        """See paho."""
        self._close_gathered()
        return super().loop_write()

    def _packet_queue(self, *arguments: Any, **more: Any) -> MQTTErrorCode:
        self._close_gathered()  # what paho sends now comes behind it
        return super()._packet_queue(*arguments, **more)

    def _close_gathered(self) -> None:
        """What was gathered is one piece of output for paho, which may be sent in parts."""
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            self._out_packet.append(
                {
                    "command": PUBLISH_QOS_1,
                    "mid": 0,
                    "qos": 1,
                    "pos": 0,
                    "to_process": len(data),
                    "packet": data,
                    "info": None,
                }
            )

    # --- in -----------------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Take all that has arrived; as paho's `loop_read`, to be called when the socket is readable."""
        self._fill()
        while self._sock is not None:
            if not self._in_packet["command"]:
                self._pubacks()
            if self._at == len(self._ahead) and self._end is None:
                return
            self.loop_read()

    def _fill(self) -> None:
        if self._at < len(self._ahead) or self._end is not None or self._sock is None:
            return
        try:
            data = super()._sock_recv(AHEAD)
        except BlockingIOError:
            return
        except OSError as error:
            self._end = error
            return
        if data:
            self._ahead, self._at = data, 0
            self._last_bytes_received = time.monotonic()
        else:
            self._end = data

    def _sock_recv(self, bufsize: int) -> bytes:
        """What paho asks for, from what was received already."""
        if self._at == len(self._ahead):
            if isinstance(self._end, OSError):
                raise self._end
            if self._end is not None:
                return self._end
            raise BlockingIOError
        data = self._ahead[self._at : self._at + bufsize]
        self._at += len(data)
        return data

    def _pubacks(self) -> None:
        """Take a run of PUBACKs in one of their short forms; everything else is left for paho."""
        data, at, end = self._ahead, self._at, len(self._ahead)
        while end - at >= 4 and data[at] == PUBACK:
            length, mid = data[at + 1], data[at + 2] << 8 | data[at + 3]
            if length == 2:
                code = 0
            elif length == 3 and self._five and end - at >= 5:
                code = data[at + 4]
            else:
                break
            at += 2 + length
            self._at = at
            self._took(mid, code)

    def _handle_pubackcomp(self, cmd: Any) -> MQTTErrorCode:
        """A PUBACK with properties. paho breaks the connection over a reason code that the standard does not give to a
        PUBACK. Whatever a broker means by another one, it did not say that it has taken the message: it is a refusal
        like others."""
        packet = bytes(self._in_packet["packet"])
        code = packet[2] if self._five and len(packet) > 2 else 0
        if code not in PUBACK_CODES:
            self._in_packet["packet"] = bytearray(packet[:2] + bytes([UNSPECIFIED]) + packet[3:])
        done = super()._handle_pubackcomp(cmd)
        self._took(int.from_bytes(packet[:2], "big"), code)
        return done

    def _took(self, mid: int, code: int) -> None:
        if mid in self._waiting:
            self._waiting.remove(mid)
            self._answered(mid, code if code in PUBACK_CODES else max(code, UNSPECIFIED))


def _length(number: int) -> bytes:
    """A variable byte integer (§1.5.5). Raises ValueError."""
    if number < 128:
        return b"%c" % number
    if number > LONGEST:
        raise ValueError("Payload too large.")
    out = bytearray()
    while number:
        number, low = divmod(number, 128)
        out.append(low | (0x80 if number else 0))
    return bytes(out)
