"""A scanner that only talks: prefix, text, suffix, on a serial line.

What most fixed scanners do out of the box: each code a frame of its own, a settable text when nothing was read, a
settable text every so often as a sign of life. What it hears it ignores. Such a frame proves nothing (no checksum).

A scanner that is told which item it sees, or counts the belt's encoder, can be set to say so in front of each result:
prefix, index in `index_digits` digits, encoder count in `encoder_digits` digits, code, suffix. Both are filled with
zeros and begin again at 0 behind their last number; results without a code have them, too, a heartbeat has not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_stubs.stub import Piece, Quiet


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1."""

    prefix: str = ""
    suffix: str = "\r\n"
    no_read: str = "NoRead"  # empty = silent when nothing was read
    heartbeat: str = ""  # empty = none
    heartbeat_s: float = 10.0
    delay_ms: float = 0.0  # from the transmit point to the first byte
    index_digits: int = 0  # 0 = it does not say the index
    encoder_digits: int = 0  # 0 = it does not say the count
    index: str = "track"  # what the index is: "track" or "carrier"

    def __post_init__(self) -> None:
        if self.index not in ("track", "carrier"):
            raise ValueError(f'index must be "track" or "carrier", not {self.index!r}')
        for key in ("index_digits", "encoder_digits"):
            if not 0 <= getattr(self, key) <= 18:
                raise ValueError(f"{key} must be from 0 (not said) to 18, not {getattr(self, key)}")
        if self.heartbeat_s <= 0:
            raise ValueError("heartbeat_s must be above 0; leave heartbeat empty for none")
        if self.delay_ms < 0:
            raise ValueError("delay_ms must not be negative")
        for text in (self.prefix, self.suffix, self.no_read, self.heartbeat):
            text.encode("latin-1")


class Scanner(Quiet):
    """One scanner; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        self._settings = settings
        self._out = bytearray()
        self._pending: deque[tuple[float, list[bytes], bytes]] = deque()
        self._said: list[bytes | None] = []
        self._beat_at = now + settings.heartbeat_s * 1000 if settings.heartbeat else None

    def feed(self, data: Piece, now: float) -> None:
        """It does not listen."""

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """An item reached the transmit point: it is said `delay_ms` later."""
        settings = self._settings
        head = _digits(index, settings.index_digits) + _digits(encoder, settings.encoder_digits)
        self._pending.append((now + settings.delay_ms, list(codes), head))
        self.tick(now)

    def tick(self, now: float) -> None:
        """Say what is due."""
        while self._pending and self._pending[0][0] <= now:
            self._say(*self._pending.popleft()[1:])
        if self._beat_at is not None and self._beat_at <= now:
            self._frame(self._settings.heartbeat.encode("latin-1"))
            period = self._settings.heartbeat_s * 1000
            self._beat_at += period * ((now - self._beat_at) // period + 1)

    def next_at(self) -> float | None:
        """The earlier of the next frame and the next heartbeat."""
        due = [self._beat_at] if self._beat_at is not None else []
        if self._pending:
            due.append(self._pending[0][0])
        return min(due, default=None)

    def take(self) -> bytes:
        """Whole frames."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def said(self) -> list[bytes | None]:
        """For the ledger."""
        said, self._said = self._said, []
        return said

    def _say(self, codes: list[bytes], head: bytes) -> None:
        for code in codes:
            self._frame(head + code)
            self._said.append(code)
        if not codes:
            self._said.append(None)
            if self._settings.no_read:
                self._frame(head + self._settings.no_read.encode("latin-1"))

    def _frame(self, text: bytes) -> None:
        self._out += self._settings.prefix.encode("latin-1") + text + self._settings.suffix.encode("latin-1")


def _digits(number: int, digits: int) -> bytes:
    return b"%0*d" % (digits, number % 10**digits) if digits else b""
