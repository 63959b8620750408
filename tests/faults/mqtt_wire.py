"""The packets of MQTT 3.1.1 and MQTT 5 that a broker needs, as bytes and values; QoS 0 and 1. Pure.

Written from the OASIS standards "MQTT Version 3.1.1" and "MQTT Version 5.0" alone; § numbers are those of MQTT 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14

# §2.2.2.2: the property's identifier -> how its value lies there.
BYTE, TWO, FOUR, VARIABLE, TEXT, PAIR = "byte", "two", "four", "variable", "text", "pair"
PROPERTIES = {
    0x01: BYTE, 0x02: FOUR, 0x03: TEXT, 0x08: TEXT, 0x09: TEXT, 0x0B: VARIABLE, 0x11: FOUR, 0x12: TEXT, 0x13: TWO,
    0x15: TEXT, 0x16: TEXT, 0x17: BYTE, 0x18: FOUR, 0x19: BYTE, 0x1A: TEXT, 0x1C: TEXT, 0x1F: TEXT, 0x21: TWO,
    0x22: TWO, 0x23: TWO, 0x24: BYTE, 0x25: BYTE, 0x26: PAIR, 0x27: FOUR, 0x28: BYTE, 0x29: BYTE, 0x2A: BYTE,
}  # fmt: skip
RECEIVE_MAXIMUM = 0x21


class Malformed(ValueError):
    """Not a packet of the standard; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Connect:
    """§3.1. `level` 4 = 3.1.1, 5 = 5.0."""

    level: int
    client: str
    clean: bool
    keepalive_s: int
    receive_maximum: int
    will: tuple[str, bytes, bool] | None
    """topic, payload, retain"""


@dataclass(frozen=True, slots=True)
class Publish:
    """§3.3."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int


class Cursor:
    """Reads through the body of one packet."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if count > self.left:
            raise Malformed("the packet ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        """A big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def binary(self) -> bytes:
        """Two bytes of length, then so many."""
        return self.take(self.number(2))

    def text(self) -> str:
        """The same in UTF-8."""
        return self.binary().decode()

    def variable(self) -> int:
        """§1.5.5: seven bits a byte, the least first."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("a length of more than four bytes")

    def properties(self) -> dict[int, int]:
        """§2.2.2; only numbers are kept."""
        inside = Cursor(self.take(self.variable()))
        found: dict[int, int] = {}
        while inside.left:
            name = inside.variable()
            kind = PROPERTIES.get(name)
            if kind is None:
                raise Malformed(f"no property {name:#x}")
            if kind in (TEXT, PAIR):
                for _ in range(2 if kind == PAIR else 1):
                    inside.binary()
            else:
                found[name] = inside.variable() if kind == VARIABLE else inside.number({BYTE: 1, TWO: 2, FOUR: 4}[kind])
        return found


@dataclass(slots=True)
class Packets:
    """Bytes of a connection in any split -> (type, flags, body)."""

    _rest: bytes = b""
    _out: list[tuple[int, int, bytes]] = field(default_factory=list)

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """The packets that are complete now."""
        self._rest += data
        found, at = [], 0
        while (whole := self._whole(at)) is not None:
            start, end = whole
            found.append((self._rest[at] >> 4, self._rest[at] & 15, self._rest[start:end]))
            at = end
        self._rest = self._rest[at:]
        return found

    def _whole(self, at: int) -> tuple[int, int] | None:
        size = 0
        for place in range(4):
            if at + 1 + place >= len(self._rest):
                return None
            byte = self._rest[at + 1 + place]
            size |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                start = at + 2 + place
                return (start, start + size) if start + size <= len(self._rest) else None
        raise Malformed("a length of more than four bytes")


def connect(body: bytes) -> Connect:
    """A CONNECT; `receive_maximum` is 65535 where nothing else is said."""
    cursor = Cursor(body)
    name, level, flags = cursor.text(), cursor.number(1), cursor.number(1)
    if name != "MQTT":
        raise Malformed(f"the protocol {name!r}")
    keepalive = cursor.number(2)
    properties = cursor.properties() if level == 5 else {}
    client = cursor.text()
    will = None
    if flags & 0x04:
        if level == 5:
            cursor.properties()
        will = (cursor.text(), cursor.binary(), bool(flags & 0x20))
    return Connect(level, client, bool(flags & 0x02), keepalive, properties.get(RECEIVE_MAXIMUM, 65_535), will)


def publish(flags: int, body: bytes, level: int) -> Publish:
    """A PUBLISH of QoS 0 or 1."""
    cursor = Cursor(body)
    qos = flags >> 1 & 3
    if qos > 1:
        raise Malformed(f"QoS {qos}")
    topic = cursor.text()
    mid = cursor.number(2) if qos else 0
    if qos and not mid:
        raise Malformed("packet identifier 0")
    if level == 5:
        cursor.properties()
    return Publish(topic, cursor.take(cursor.left), qos, bool(flags & 1), bool(flags & 8), mid)


def subscribe(body: bytes, level: int) -> tuple[int, list[str]]:
    """A SUBSCRIBE: packet identifier and topic filters."""
    cursor = Cursor(body)
    mid = cursor.number(2)
    if level == 5:
        cursor.properties()
    filters = []
    while cursor.left:
        filters.append(cursor.text())
        cursor.number(1)
    return mid, filters


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    """Any packet."""
    size, length = len(body), b""
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([kind << 4 | flags]) + length + body


def publish_packet(message: Publish, level: int) -> bytes:
    """A PUBLISH without properties."""
    name = message.topic.encode()
    body = len(name).to_bytes(2, "big") + name + (message.mid.to_bytes(2, "big") if message.qos else b"")
    body += (b"\0" if level == 5 else b"") + message.payload
    return packet(PUBLISH, body, message.dup << 3 | message.qos << 1 | message.retain)


def puback(mid: int, code: int, level: int) -> bytes:
    """A PUBACK; 3.1.1 has no reason codes."""
    return packet(PUBACK, mid.to_bytes(2, "big") + (bytes([code, 0]) if level == 5 else b""))


def matches(topic: str, wanted: str) -> bool:
    """§4.7: whether a topic filter takes a topic."""
    parts, levels = wanted.split("/"), topic.split("/")
    for number, part in enumerate(parts):
        if part == "#":
            return True
        if number >= len(levels) or part not in ("+", levels[number]):
            return False
    return len(parts) == len(levels)
