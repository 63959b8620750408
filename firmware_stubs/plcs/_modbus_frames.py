"""Modbus frames as a server sees them: MBAP on TCP, CRC and silence on a serial line. Bytes in, requests out.

Source: MODBUS Messaging on TCP/IP 1.0b (MBAP header), MODBUS over Serial Line 1.02 (RTU framing, CRC-16/MODBUS: check
value of `123456789` is 4B37, low byte first). A PDU has 1 to 253 bytes. What is no request is counted and not answered.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, Protocol

PDU_MOST = 253
SHORT_PDU = 5  # of a request with two words behind its function code
TCP_GAP_MS = 500.0
_MBAP = 7
_RTU_MOST = 256
_CHARACTER_BITS = 11  # start, 8 data, parity or a second stop, stop
_FIXED_SILENCE_MS, _FAST_BAUD = 1.75, 19_200


class Request(NamedTuple):
    """One request: what its answer begins with (TCP: transaction and protocol; RTU: nothing), unit, PDU."""

    head: bytes
    unit: int
    pdu: bytes


class Frames(Protocol):
    """A framing of Modbus."""

    def feed(self, data: bytes, now: float) -> list[Request]:
        """Bytes in any split; the requests that are complete now, silence before them included."""

    def tick(self, now: float) -> list[Request]:
        """Silence: what it ends, or throws away."""

    def next_at(self) -> float | None:
        """When silence would mean something; None = nothing is half heard."""

    def reset(self) -> None:
        """Forget what is half heard."""

    def answer(self, request: Request, pdu: bytes) -> bytes:
        """The frame of an answer."""


def silence_ms(baud: int) -> float:
    """3.5 characters, the end of an RTU frame; above 19,200 baud a fixed time."""
    return 3.5 * _CHARACTER_BITS * 1000 / baud if baud <= _FAST_BAUD else _FIXED_SILENCE_MS


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, as it stands on the wire."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class TcpFrames:
    """MBAP. Bytes that cannot be a header are skipped one by one; a request is answered whatever its unit is."""

    def __init__(self, gap_ms: float, counts: Counter[str]) -> None:
        self._gap_ms = gap_ms
        self._counts = counts
        self._buffer = b""
        self._heard_at = 0.0

    def feed(self, data: bytes, now: float) -> list[Request]:
        """See Frames."""
        self.tick(now)
        self._heard_at = now
        buffer, at = self._buffer + data, 0
        found = []
        while len(buffer) - at >= _MBAP:
            length = int.from_bytes(buffer[at + 4 : at + 6], "big")  # of unit and PDU
            if buffer[at + 2 : at + 4] != b"\0\0" or not 2 <= length <= PDU_MOST + 1:
                self._counts["garbled"] += 1
                at += 1
                continue
            end = at + 6 + length
            if end > len(buffer):
                break
            found.append(Request(buffer[at : at + 4], buffer[at + 6], buffer[at + 7 : end]))
            at = end
        self._buffer = buffer[at:]
        return found

    def tick(self, now: float) -> list[Request]:
        """See Frames: the rest of a request that does not come is not waited for."""
        if self._buffer and now >= self._heard_at + self._gap_ms:
            self._counts["partial"] += 1
            self._buffer = b""
        return []

    def next_at(self) -> float | None:
        """See Frames."""
        return self._heard_at + self._gap_ms if self._buffer else None

    def reset(self) -> None:
        """See Frames."""
        self._buffer = b""

    def answer(self, request: Request, pdu: bytes) -> bytes:
        """See Frames."""
        return request.head + (len(pdu) + 1).to_bytes(2, "big") + bytes([request.unit]) + pdu


class RtuFrames:
    """RTU. A request of a known function ends by its own length, any other by silence.

    After a bad CRC nothing is heard until the line is silent: where a frame begins is known only then. Good requests
    for another unit are skipped, and so is what that unit answers.
    """

    def __init__(self, unit: int, gap_ms: float, counts: Counter[str]) -> None:
        self._unit = unit
        self._gap_ms = gap_ms
        self._counts = counts
        self._buffer = b""
        self._deaf = False
        self._heard_at = 0.0

    def feed(self, data: bytes, now: float) -> list[Request]:
        """See Frames."""
        found = self.tick(now)
        if not data:
            return found
        self._heard_at = now
        buffer, at = self._buffer + data, 0
        while not self._deaf and (length := rtu_length(buffer[at : at + 7])) and len(buffer) - at >= length:
            found += self._whole(buffer[at : at + length])
            at += length
        self._buffer = buffer[at:]
        if self._deaf or len(self._buffer) > _RTU_MOST:
            self._go_deaf()
        return found

    def tick(self, now: float) -> list[Request]:
        """See Frames."""
        if not (self._buffer or self._deaf) or now < self._heard_at + self._gap_ms:
            return []
        buffer, known = self._buffer, rtu_length(self._buffer)
        self.reset()
        if known == 0 and len(buffer) >= 4:  # a function whose length is not known here
            found = self._whole(buffer)
            self._deaf = False
            return found
        self._counts["partial"] += bool(buffer)
        return []

    def next_at(self) -> float | None:
        """See Frames."""
        return self._heard_at + self._gap_ms if self._buffer or self._deaf else None

    def reset(self) -> None:
        """See Frames."""
        self._buffer, self._deaf = b"", False

    def answer(self, request: Request, pdu: bytes) -> bytes:
        """See Frames."""
        frame = bytes([request.unit]) + pdu
        return frame + crc16(frame)

    def _whole(self, frame: bytes) -> list[Request]:
        if crc16(frame[:-2]) != frame[-2:]:
            self._counts["garbled"] += 1
            self._deaf = True
            return []
        if frame[0] != self._unit:
            self._counts["other_unit"] += 1
            return []
        return [Request(b"", frame[0], frame[1:-2])]

    def _go_deaf(self) -> None:
        self._buffer, self._deaf = b"", True


def rtu_length(start: bytes) -> int | None:
    """Bytes of the request that begins so; 0 = only silence tells, None = not known yet."""
    if len(start) < 2:
        return None
    if start[1] in (3, 6):
        return 1 + SHORT_PDU + 2
    if start[1] == 16:
        return 1 + 6 + start[6] + 2 if len(start) >= 7 else None
    return 0
