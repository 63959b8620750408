"""Codes of SSI, those that need several packets too.

Two ways are known. A DECODE_DATA whose status says that it continues is followed by others of the same code type, the
last of which does not continue; nothing numbers them. Or the message comes in segments (opcode 73), numbered from 0, of
which the first says the code type and how many bytes the code has. A code is whole when its last packet is there, and
nothing less is a code: where a packet of a message that continues is missing, what follows it is refused.

Sources: Zebra manual SP72 (the status bit); the public driver enioka_scan (segments, as seen on a Zebra RS51B0).
"""

from __future__ import annotations

from devices.scanners._ssi import DECODE_DATA, SEGMENT, Packet
from devices.types import Counters
from devices.value import value

MOST = 8192
"""Bytes of a code in several packets."""
PAUSE_MS = 2500.0
"""A packet of a message comes at most so long after the one before: a decoder that misses an acknowledgement repeats
after 2 s as it leaves the factory. Later it could be the code of another item."""

FIRST_DATA = 10
"""Place of the code in the body of the first segment: number, F3, two bytes, a length, type, 1, the code's length."""

NO_TYPE = "DECODE_DATA without a code type"
STRAY = "a packet of a message whose beginning is missing"
OTHER = "a packet of another message"
UNENDED = "a message in several packets without its end"
TOO_LONG = f"a message of more than {MOST} bytes"
LIES = "a message that is longer or shorter than it says"


@value
class Code:
    """One whole code. `last`: the body of its last packet, by which a decoder's repetition is known."""

    kind: int
    code: bytes
    last: bytes


@value
class Refused:
    """A packet that fits nothing, with the reason; the message that it may belong to is lost."""

    why: str


class Parts:
    """The message that is arriving in several packets, at most one. Messages that are lost are counted."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._opcode: int | None = None  # of the packets of the message that has begun
        self._kind = 0
        self._code = bytearray()
        self._length = 0
        self._number = 0
        self._last = b""
        self._due = 0.0
        self._damaged = False  # since the last packet with a code
        self._orphans_until: float | None = None  # what may belong to a lost message is refused

    def add(self, packet: Packet) -> Code | Refused | None:
        """A DECODE_DATA or a segment arrived: the code that it ends, None when more is to come."""
        if self._opcode is not None and packet.at >= self._due:
            self.lose(packet.at)
        if packet.opcode == self._opcode and packet.retransmitted and packet.body == self._last:
            self._damaged = False
            return None
        found = self._segment(packet) if packet.opcode == SEGMENT else self._data(packet)
        self._damaged = False
        self._due, self._last = packet.at + PAUSE_MS, packet.body
        if isinstance(found, Code):
            self._forget()
        elif isinstance(found, Refused):
            self.lose(packet.at)
        return found

    def damaged(self) -> None:
        """A packet was destroyed on the wire: the next one is either that packet again or another."""
        self._damaged = True

    def deadline(self) -> float | None:
        """When the message that has begun is lost, None when there is none."""
        return None if self._opcode is None else self._due

    def lose(self, at: float) -> bytes:
        """The message that has begun, if any, will not be whole; returns what there is of it."""
        lost = bytes(self._code)
        if self._opcode is not None:
            self._counters.bad(UNENDED)
            if self._opcode == DECODE_DATA:
                self._orphans_until = at + PAUSE_MS
        self._forget()
        return lost

    def opened(self) -> None:
        """Nothing of the last connection counts."""
        self._forget()
        self._damaged, self._orphans_until = False, None

    def _data(self, packet: Packet) -> Code | Refused | None:
        if not packet.body:
            return Refused(NO_TYPE)
        if self._orphans_until is not None:
            if packet.retransmitted or packet.at < self._orphans_until:
                return Refused(STRAY)
            self._orphans_until = None
        kind, code = packet.body[0], packet.body[1:]
        if self._opcode != DECODE_DATA:
            self.lose(packet.at)
            if not packet.continues:
                return Code(kind, code, packet.body)
            self._begin(packet, kind)
        if self._damaged and not packet.retransmitted:
            return Refused(STRAY)
        if kind != self._kind:
            return Refused(OTHER)
        self._code += code
        if len(self._code) > MOST:
            return Refused(TOO_LONG)
        return None if packet.continues else Code(kind, bytes(self._code), packet.body)

    def _segment(self, packet: Packet) -> Code | Refused | None:
        number, data = (packet.body[0], packet.body[1:]) if packet.body else (0, b"")
        if number == 0:
            self.lose(packet.at)
            if len(packet.body) < FIRST_DATA or packet.body[1] != DECODE_DATA:
                return Refused(OTHER)
            self._begin(packet, packet.body[6])
            self._length, data = int.from_bytes(packet.body[8:FIRST_DATA]), packet.body[FIRST_DATA:]
            if self._length > MOST:
                return Refused(TOO_LONG)
        elif self._opcode != SEGMENT or number != self._number + 1:
            return Refused(STRAY)
        self._number = number
        self._code += data
        missing = self._length - len(self._code)
        if missing > 0 and len(packet.data) == 0xFF:  # all but the last are as long as can be
            return None
        return Refused(LIES) if missing else Code(self._kind, bytes(self._code), packet.body)

    def _begin(self, packet: Packet, kind: int) -> None:
        self._opcode, self._kind = packet.opcode, kind

    def _forget(self) -> None:
        self._opcode = None
        self._code.clear()
