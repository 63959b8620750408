"""Modbus frames: requests to read or write holding registers, and what answers them (Modbus Application Protocol
V1.1b3 §6.3, §6.12, §7; Modbus over serial line V1.02 §2.5.1; Modbus messaging on TCP/IP V1.0b §3.1.3).

PDUs and CRC are pymodbus's. Finding a frame in what arrived is done here: on a serial line an answer has the length
that its request fixes, and a checksum; whatever stands before it is noise. On TCP the header gives length and
transaction. Lengths are checked before a PDU is decoded, so no bytes raise, and pymodbus has nothing to log.
"""

from __future__ import annotations

import struct
from typing import Protocol

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersRequest,
)

from devices.value import value

READ, WRITE = 3, 16
FAILED = 0x80
MOST_KEPT = 600
"""So many bytes are looked at for an answer; the longest answer asked for has 230."""

EXCEPTIONS = {
    1: "illegal function: the PLC must offer function codes 3 and 16",
    2: "illegal address: the PLC must offer the holding registers 0 to 543 (read) and 1024 to 1295 (read and write)",
    3: "illegal value: the PLC must allow the whole range in one request, up to 112 registers",
    4: "the PLC's Modbus server failed",
    5: "the PLC says only that it is still working on it: it must answer when it is done",
    6: "the PLC's Modbus server is busy",
    8: "memory error in the PLC",
    10: "the gateway has no way to the PLC",
    11: "the gateway got no answer from the PLC",
}
"""Exception codes (Modbus Application Protocol V1.1b3 §7), and what the PLC should do."""


@value
class Ask:
    """A request: read `count` holding registers from `address`, or write `values` there."""

    address: int
    count: int
    values: tuple[int, ...] = ()

    @property
    def function(self) -> int:
        """The function code."""
        return WRITE if self.values else READ

    @property
    def pdu_length(self) -> int:
        """Bytes of the PDU that asks."""
        return 6 + 2 * self.count if self.values else 5

    @property
    def answer_length(self) -> int:
        """Bytes of the PDU that answers."""
        return 5 if self.values else 2 + 2 * self.count

    def __str__(self) -> str:
        last = self.address + self.count - 1
        return f"{'writing' if self.values else 'reading'} registers {self.address} to {last}"


@value
class Answer:
    """The registers read (none after a write), or an exception's code; `raw` is the frame."""

    registers: tuple[int, ...]
    exception: int
    raw: bytes


@value
class Stray:
    """Something that is not the answer waited for. `void`: who waits must stop waiting and begin anew; `garbled`: it
    is no answer to anything."""

    why: str
    raw: bytes
    void: bool
    garbled: bool = False


class Wire(Protocol):
    """How frames travel."""

    def request(self, unit: int, ask: Ask) -> bytes:
        """The frame of a request; what arrived so far cannot be its answer."""

    def feed(self, data: bytes) -> None:
        """More bytes came."""

    def find(self, unit: int, ask: Ask | None) -> Answer | Stray | None:
        """The next that those bytes hold; None = nothing yet. `ask` None = nothing is waited for."""

    def reset(self) -> bytes:
        """Forget what has arrived and was no answer; returns it."""

    def is_full(self, ask: Ask) -> bool:
        """So many bytes have come as the answer has, or more."""

    def time(self, pdu_length: int) -> float:
        """Milliseconds that a frame with such a PDU takes on the wire."""


def read_pdu(ask: Ask, pdu: bytes, raw: bytes) -> Answer | None:
    """What a PDU says to a request; None if it does not answer it."""
    if len(pdu) == 2 and pdu[0] == ask.function | FAILED:
        return Answer((), pdu[1], raw)
    if len(pdu) != ask.answer_length or pdu[0] != ask.function:
        return None
    if ask.values:
        return Answer((), 0, raw) if struct.unpack(">HH", pdu[1:]) == (ask.address, ask.count) else None
    if pdu[1] != len(pdu) - 2:
        return None
    response = ReadHoldingRegistersResponse()
    response.decode(pdu[1:])
    return Answer(tuple(response.registers), 0, raw)


def _message(unit: int, ask: Ask) -> ReadHoldingRegistersRequest | WriteMultipleRegistersRequest:
    if ask.values:
        return WriteMultipleRegistersRequest(dev_id=unit, address=ask.address, registers=ask.values)
    return ReadHoldingRegistersRequest(dev_id=unit, address=ask.address, count=ask.count)


def sound(frame: bytes) -> bool:
    """The CRC of an RTU frame is right."""
    return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


class Rtu:
    """RTU frames on a serial line; `char_ms` = the time of one character."""

    def __init__(self, char_ms: float) -> None:
        self._char_ms = char_ms
        self._framer = FramerRTU(DecodePDU(False))
        self._arrived = bytearray()

    def request(self, unit: int, ask: Ask) -> bytes:
        """The frame; an answer to anything before it has had its time."""
        self._arrived.clear()
        return self._framer.buildFrame(_message(unit, ask))

    def feed(self, data: bytes) -> None:
        """Keep what may belong to an answer."""
        self._arrived += data
        del self._arrived[:-MOST_KEPT]

    def find(self, unit: int, ask: Ask | None) -> Answer | Stray | None:
        """The answer, wherever it begins; a sound frame of the unit that is none voids the request.

        There is no number that ties an answer to its request, so nothing may be taken for it by mistake.
        """
        arrived = bytes(self._arrived)
        for start in range(len(arrived) - 4):
            size = self._size(arrived, start) if arrived[start] == unit else 0
            frame = arrived[start : start + size]
            if not size or len(frame) < size or not sound(frame):
                continue
            del self._arrived[: start + size]
            answer = read_pdu(ask, frame[1:-2], frame) if ask else None
            return answer or Stray("an answer nobody waits for", frame, True)
        return None

    def reset(self) -> bytes:
        """Forget what has arrived."""
        left = bytes(self._arrived)
        self._arrived.clear()
        return left

    def is_full(self, ask: Ask) -> bool:
        """As many bytes as the answer, or more, and no answer in them."""
        return len(self._arrived) >= ask.answer_length + 3

    def time(self, pdu_length: int) -> float:
        """Unit, PDU, CRC."""
        return (pdu_length + 3) * self._char_ms

    @staticmethod
    def _size(data: bytes, start: int) -> int:
        """Length of the answer that begins there; 0 if none does."""
        function = data[start + 1]
        if function in (READ | FAILED, WRITE | FAILED):
            return 5
        if function == WRITE:
            return 8
        return data[start + 2] + 5 if function == READ else 0


class Tcp:
    """Frames with the MBAP header; every request has a transaction number of its own."""

    def __init__(self) -> None:
        self._framer = FramerSocket(DecodePDU(False))
        self._arrived = bytearray()
        self._transaction = 0

    def request(self, unit: int, ask: Ask) -> bytes:
        """The frame, with the next transaction number."""
        self._transaction = self._transaction % 0xFFFF + 1
        message = _message(unit, ask)
        message.transaction_id = self._transaction
        return self._framer.buildFrame(message)

    def feed(self, data: bytes) -> None:
        """A stream: nothing in it may be dropped while it can be read."""
        self._arrived += data

    def find(self, unit: int, ask: Ask | None) -> Answer | Stray | None:
        """The next whole frame."""
        if len(self._arrived) < 7:
            return None
        transaction, protocol, length = struct.unpack(">HHH", self._arrived[:6])
        if protocol or not 3 <= length <= 254:
            raw = bytes(self._arrived)
            self._arrived.clear()
            return Stray("not a Modbus TCP frame", raw, True, garbled=True)
        if len(self._arrived) < 6 + length:
            return None
        frame = bytes(self._arrived[: 6 + length])
        del self._arrived[: 6 + length]
        if ask is None or transaction != self._transaction:
            return Stray("an answer nobody waits for", frame, False)
        if frame[6] != unit:
            return Stray(f"an answer of unit {frame[6]}", frame, True)
        return read_pdu(ask, frame[7:], frame) or Stray("an answer that does not fit its request", frame, True)

    def reset(self) -> bytes:
        """Forget what has arrived."""
        left = bytes(self._arrived)
        self._arrived.clear()
        return left

    def is_full(self, ask: Ask) -> bool:
        """The header says how long a frame is: no silence ends it."""
        return False

    def time(self, pdu_length: int) -> float:
        """No time on the wire."""
        return 0.0
