"""The PLC's end of a telegram channel for the bench: as little as a session takes, so that the load costs little.

PLC interface v1 §2 and §3. One request is open at a time; what floord asks is taken at once. A refused request, or an
answer that is none, is an error: the bench measures a floor that works.
"""

from __future__ import annotations

import os
from binascii import crc_hqx
from collections import deque
from collections.abc import Callable

SPEED_MM_S = 20_000
"""Faster than any belt: it keeps the items of a line apart at rates that no belt has."""
LIFE_NS = 800_000_000
EPOCH = 1


class PlcEnd:
    """`fd`: the terminal. `on_dest(track, lane, at_ns)` is called for each destination, after it was answered."""

    def __init__(self, fd: int, name: str, on_dest: Callable[[int, str, int], None]) -> None:
        self.fd, self._name, self._on_dest = fd, name.ljust(4, ".").encode(), on_dest
        self.synchronised = False
        self.refused: list[bytes] = []
        self._buffer = self._taken = b""
        self._sequence = self._evt = 0
        self._open: Callable[[], None] | None = None
        self._is_open = False
        self._waiting: deque[tuple[bytes, bytes, Callable[[], None] | None]] = deque()
        self._said = 0

    def event(self, kind: bytes, body: bytes, taken: Callable[[], None] | None = None) -> None:
        """Report an event, its body without `evt`; `taken` is called when its A is there."""
        self._evt += 1
        self._request(kind, b"%06d" % self._evt + body, taken)

    def arrived(self, point: str, track: int, left_ms: int, taken: Callable[[], None]) -> None:
        """ARRV without codes, at the moment of its edge."""
        body = b"%s%06d%05d%05d%05d%05d%06d%02dS0" % (_text(point), track, 0, left_ms, 300, 1000, 0, 0)
        self.event(b"ARRV", body, taken)

    def discharged(self, track: int, lane: str, taken: Callable[[], None]) -> None:
        """DIVC of decision 1, by the gate's own sensor."""
        place = _text(lane)
        self.event(b"DIVC", b"%06d0001%s%sOKG00%05d" % (track, place, place, 0), taken)

    def alive(self, now_ns: int) -> None:
        """LIFE, where nothing was said for long."""
        if self.synchronised and now_ns - self._said > LIFE_NS and not self._is_open:
            self._request(b"LIFE", b"", None)

    def received(self, at_ns: int, data: bytes) -> None:
        """Bytes of floord."""
        frames = (self._buffer + data).split(b"\x03")
        self._buffer = frames.pop()
        for frame in frames:
            start = frame.rfind(b"\x02")
            if start < 0 or crc_hqx(frame[start + 1 : -4], 0xFFFF) != int(frame[-4:], 16):
                raise RuntimeError(f"floord said what is no telegram: {frame!r}")
            self._telegram(frame[start:], at_ns)

    def _telegram(self, frame: bytes, at_ns: int) -> None:
        kind, flag = frame[10:14], frame[14:15]
        if flag == b"R":
            self._send(kind, b"A", frame[15:23], b"")
            again, self._taken = frame[15:23] == self._taken, frame[15:23]
            if again and kind != b"SYES":
                return  # a repeat: our answer was late
            if kind == b"DEST":
                self._on_dest(int(frame[38:44]), frame[55:67].rstrip(b".").decode(), at_ns)
            elif kind == b"SYES":
                self._synchronise()
        elif self._is_open and int(frame[19:23]) == self._sequence:
            taken, self._open, self._is_open = self._open, None, False
            if flag != b"A":
                self.refused.append(frame)
            if self._waiting:
                self._next()
            if taken is not None:
                taken()

    def _synchronise(self) -> None:
        self._waiting.clear()
        self._is_open = self.synchronised = False
        self._request(b"SYBE", b"", None)
        self._request(b"SPED", b"%s%05d%010d%05d" % (_text("LINE"), SPEED_MM_S, 0, 0), None)
        self._request(b"SYEN", b"", self._ready)

    def _ready(self) -> None:
        self.synchronised = True

    def _request(self, kind: bytes, body: bytes, taken: Callable[[], None] | None) -> None:
        self._waiting.append((kind, body, taken))
        if not self._is_open:
            self._next()

    def _next(self) -> None:
        kind, body, self._open = self._waiting.popleft()
        self._is_open = True
        self._sequence = self._sequence % 9999 + 1
        self._send(kind, b"R", b"%04X%04d" % (EPOCH, self._sequence), body)

    def _send(self, kind: bytes, flag: bytes, number: bytes, body: bytes) -> None:
        text = b"1%sHUB.%s%s%s%03d%s" % (self._name, kind, flag, number, len(body), body)
        self._write(b"\x02%s%04X\x03" % (text, crc_hqx(text, 0xFFFF)))

    def _write(self, data: bytes) -> None:
        os.write(self.fd, data)


def _text(name: str) -> bytes:
    return name.encode().ljust(12, b".")
