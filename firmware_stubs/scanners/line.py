"""A scanner that only talks: prefix, text, suffix, on a serial line.

What most fixed scanners do out of the box: each code a frame of its own, a settable text when nothing was read, a
settable text every so often as a sign of life. What it hears it ignores. Such a frame proves nothing (no checksum).

A scanner that is told which item it sees, or counts the belt's encoder, can be set to say so in front of each result:
prefix, index in `index_digits` digits, encoder count in `encoder_digits` digits, code, suffix. Both are filled with
zeros and begin again at 0 behind their last number; results without a code have them, too, a heartbeat has not.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.stub import Piece


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
        one_of("index", self.index, "track", "carrier")
        within("index_digits", self.index_digits, 0, 18)
        within("encoder_digits", self.encoder_digits, 0, 18)
        within("heartbeat_s", self.heartbeat_s, 0.001, 1e6)
        within("delay_ms", self.delay_ms, 0, 1e6)
        latin(prefix=self.prefix, suffix=self.suffix, no_read=self.no_read, heartbeat=self.heartbeat)


class Scanner(Results):
    """One scanner; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms, beat_s=settings.heartbeat_s if settings.heartbeat else 0.0)
        self._settings = settings

    def feed(self, data: Piece, now: float) -> None:
        """It does not listen."""

    def result(self, shown: Shown, now: float) -> None:
        """Each code is a frame, and so is the text when nothing was read."""
        settings = self._settings
        head = _digits(shown.index, settings.index_digits) + _digits(shown.encoder, settings.encoder_digits)
        no_read = [settings.no_read.encode("latin-1")] if settings.no_read else []
        for text in shown.codes or no_read:
            self._frame(head + text)
        shown.all_said()

    def beat(self, now: float) -> None:
        """Its text, without the numbers."""
        self._frame(self._settings.heartbeat.encode("latin-1"))

    def _frame(self, text: bytes) -> None:
        self._out += self._settings.prefix.encode("latin-1") + text + self._settings.suffix.encode("latin-1")


def _digits(number: int, digits: int) -> bytes:
    return b"%0*d" % (digits, number % 10**digits) if digits else b""
