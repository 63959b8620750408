"""Frames of SICK's CoLa-A and CoLa-B, both ways.

CoLa-A: STX text ETX. CoLa-B: four STX, the length of the data as 32 bits big-endian, the data, one byte XOR of the
data. Both are found on one stream: STX begins a CoLa-A frame and restarts it, but four STX begin a CoLa-B frame unless
a printable character or ETX follows, because the first byte of a length below 2^29 is neither. The data of CoLa-B may
hold STX and ETX.

Sources: SICK manuals Bulkscan LMS511 (8014829) and LMS4000. The latter calls the last byte a CRC; its examples are XOR.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from devices.framing import BETWEEN, RESTART, Frame, Framer, Piece
from devices.value import value

STX, ETX = b"\x02", b"\x03"
MAGIC = STX * 4

CHECKSUM = "wrong XOR"
EMPTY = "a CoLa-B frame without data"

_RUN = re.compile(b"\x02+")
_MARK = re.compile(b"[\x02\x03]")


def encode(data: bytes, dialect: str) -> bytes:
    """One frame; `dialect` is `a` or `b`."""
    if dialect == "a":
        return STX + data + ETX
    return MAGIC + len(data).to_bytes(4) + data + bytes([reduce(xor, data, 0)])


@value
class Binary(Frame):
    """A frame that came as CoLa-B."""


class ColaFrames(Framer):
    """CoLa-A and CoLa-B frames, told apart by content alone, so that no split of the bytes changes them."""

    def __init__(self, max_length: int, gap_ms: float) -> None:
        super().__init__(gap_ms)
        self._max_length = max_length
        self._too_long = f"longer than {max_length} bytes"
        self._start_over()

    def _start_over(self) -> None:
        self._inside = False
        self._seen = 1  # no mark stands before this place of the buffer, but the first
        self._outside_why = BETWEEN

    def _step(self, out: list[Piece]) -> bool:
        if not self._inside:
            return self._outside(out)
        run = _RUN.match(self._buffer)
        stx = run.end() if run else 0
        if stx == len(self._buffer):  # what follows decides
            self._skip(max(0, stx - len(MAGIC)), RESTART, out)
            return False
        binary = stx >= len(MAGIC) and not (0x20 <= self._buffer[stx] <= 0x7E or self._buffer[stx] == ETX[0])
        self._skip(stx - (len(MAGIC) if binary else 1), RESTART, out)
        return self._binary(out) if binary else self._text(out)

    def _outside(self, out: list[Piece]) -> bool:
        start = self._buffer.find(STX)
        self._skip(start if start >= 0 else len(self._buffer), self._outside_why, out)
        if start < 0:
            return False
        self._report(out)
        self._inside, self._outside_why = True, BETWEEN
        return True

    def _text(self, out: list[Piece]) -> bool:
        found = _MARK.search(self._buffer, self._seen)
        reach = found.start() if found else len(self._buffer)
        if reach - 1 > self._max_length:
            return self._give_up(1, out)
        if found is None:
            self._seen = reach
            return False
        if found.group() == STX:
            self._drop(reach, RESTART, out)
            self._seen = 1
            return True
        self._report(out)
        out.append(Frame(bytes(self._buffer[1:reach]), self._at))
        return self._next(reach + 1)

    def _binary(self, out: list[Piece]) -> bool:
        if len(self._buffer) < 8:
            return False
        length = int.from_bytes(self._buffer[4:8])
        if length > self._max_length:
            return self._give_up(4, out)
        end = 8 + length
        if len(self._buffer) <= end:
            return False
        data = bytes(self._buffer[8:end])
        if length and self._buffer[end] == reduce(xor, data):
            self._report(out)
            out.append(Binary(data, self._at))
            return self._next(end + 1)
        # No look inside for other frames: the data of a damaged frame would be taken for a code.
        self._drop(end + 1, CHECKSUM if length else EMPTY, out)
        return self._next(0)

    def _give_up(self, count: int, out: list[Piece]) -> bool:
        """Too long: skip the start mark and all up to the next one."""
        self._skip(count, self._too_long, out)
        self._inside, self._seen, self._outside_why = False, 1, self._too_long
        return True

    def _next(self, count: int) -> bool:
        del self._buffer[:count]
        self._start_over()
        return True
