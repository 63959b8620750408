"""What an SSI decoder is told when, and which of its codes is the one before, said again.

A code is acknowledged only when it is durable. Its token is (running number, CRC-32 of the data of its last packet), so
a marked packet with that CRC is the same code again, also after a restart; a packet without the mark is a new one.
"""

from __future__ import annotations

from collections import deque
from zlib import crc32

from devices.scanners import _ssi as ssi
from devices.scanners._timely import Timely
from devices.types import Kept, Token

MOST_WAITING = 16


class Acks:
    """The answers on one channel."""

    def __init__(self) -> None:
        self._out: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._number = self._crc = self._durable = 0  # of the last code, and the last number that is durable
        self._opcodes = _opcodes(ssi.DECODE_DATA)  # what acknowledges that code, the next one first
        self._timely = Timely()
        self.owed = False
        """the decoder waits for the acknowledgement of the last code"""

    def opened(self, kept: Kept) -> None:
        """The channel is open; `kept` = the last code that is durable, unless a later one is known."""
        self.closed()
        if kept.epoch > self._number:
            self._number, self._crc, self._durable = kept.epoch, kept.evt, kept.epoch

    def closed(self) -> None:
        """The channel is gone, and who waited at it."""
        self._out.clear()
        self.owed = False

    def answer(self, opcode: int, cause: bytes = b"") -> None:
        """Tell it this."""
        self._out.append(ssi.encode(opcode, cause))

    def part(self, packet: ssi.Packet) -> None:
        """A packet of a code that goes on: it wants the next one."""
        self.answer(_opcodes(packet.opcode)[0])

    def is_last(self, packet: ssi.Packet) -> bool:
        """Whether it has the data with which the last code ended."""
        return bool(self._number) and not packet.continues and crc32(packet.body) == self._crc

    def again(self, packet: ssi.Packet, now: float) -> None:
        """The last code came again."""
        if set(self._opcodes) != set(_opcodes(packet.opcode)):  # known from before a restart
            self._opcodes = _opcodes(packet.opcode)
        self.owed = True
        self._settle(now)

    def taken(self, packet: ssi.Packet, last: bytes, repeated: bool) -> tuple[Token, bool]:
        """A new code is whole with `packet`, and ends with the data `last`: its token, and whether it is late."""
        self._number, self._crc, self.owed = self._number + 1, crc32(last), True
        self._opcodes = _opcodes(packet.opcode)
        self._out.clear()  # who sends a new code waits for nothing older
        return (self._number, self._crc), self._timely.heard(packet.at, repeated=repeated)

    def confirm(self, token: Token, now: float) -> None:
        """Codes up to `token` are durable: the decoder is told when it waits for that of the last one."""
        self._durable = max(self._durable, token[0])
        self._settle(now)

    def take(self) -> bytes:
        """What it is told now."""
        answers = b"".join(self._out)
        self._out.clear()
        return answers

    def _settle(self, now: float) -> None:
        if self.owed and self._durable >= self._number:
            self.owed = False
            self._timely.acknowledged(now)
            self.answer(self._opcodes[0])
            self._opcodes.rotate()  # a decoder that did not understand it says its code again


def _opcodes(opcode: int) -> deque[int]:
    """What acknowledges a packet of a code; a segment may want either."""
    return deque([ssi.SEGMENT_ACK, ssi.ACK] if opcode == ssi.SEGMENT else [ssi.ACK])
