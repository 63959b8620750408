"""Keyence SR and BL readers on RS-232 or TCP, and several behind an N-410.

Text and CR, or STX text ETX; an answer has the framing of its command, results that of the settings. LF may follow CR
in a command. ESC clears what was heard, silence of 10 s does so, too.

LON, LON01 (bank)   OK,LON     begins to read; while it reads: ER,LON,20
LOFF                OK,LOFF    ends it, then the error string when nothing was read; not reading: ER,LOFF,20
anything else       ER,text,00

In single mode it sends at the read, and that ends reading; else all it saw is sent behind LOFF. Set like an SR-600 it
answers nothing. Behind an N-410 a command is `%Tmm-text`, its answer `%Tmm-OK` or `%Tmm-NG`, and a result
`%Pmm-nnnn` with its length in front.

Sources: SR-750 user's manual (framing, ESC, LON, LOFF, SR-600 compatible answers), N-410 user's manual (%T, %P, error
string, OVER), error codes of the SR series.
Guesses: bank behind LON; that a length is decimal; ERR91 for a command that the N-410 does not know; the code behind
ER,LOFF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.stub import Piece, as_bytes

_LONGEST = 256  # of one command
_GAP_MS = 10_000.0  # between two characters of a command
_STX, _ETX, _LF, _CR, _ESC = 2, 3, 10, 13, 27
_UNDEFINED, _FORMAT, _RANGE, _NOT_NOW = b"00", b"01", b"02", b"20"
_MULTIDROP = re.compile(rb"%T([0-9]{2})-(.*)", re.DOTALL)
_BANKS = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section; texts are latin-1. `trigger` "eye": a sensor at its input opens every item;
    "command": it reads between LON and LOFF. `send` is for the latter: "read" (single) or "loff"."""

    framing: str = "cr"  # of results: or "stx"
    replies: bool = True  # False = like an SR-600
    address: int = 0  # its number behind an N-410, 0 = none
    others: tuple[int, ...] = ()  # more readers there: every one sees the next item in turn
    no_read: str = "ERROR"  # empty = silent when nothing was read
    trigger: str = "eye"
    send: str = "read"
    on: str = "LON"
    off: str = "LOFF"
    buffer: int = 10_000  # bytes of results that it can keep for LOFF; beyond it says OVER
    delay_ms: float = 0.0  # from the transmit point to the first byte

    def __post_init__(self) -> None:
        one_of("framing", self.framing, "cr", "stx")
        one_of("trigger", self.trigger, "eye", "command")
        one_of("send", self.send, "read", "loff")
        within("address", self.address, 0, 31)
        for other in self.others:
            within("others", other, 1, 31)
        if self.others and (not self.address or len({self.address, *self.others}) <= len(self.others)):
            raise ValueError("others must be numbers beside address, which must not be 0, and each another one")
        for key in ("on", "off"):
            if not 0 < len(getattr(self, key)) <= 8:
                raise ValueError(f"{key} must have 1 to 8 characters, not {getattr(self, key)!r}")
        if self.on == self.off:
            raise ValueError(f"on and off must differ, not both be {self.on!r}")
        if len(self.no_read) > 8:
            raise ValueError(f"no_read must have at most 8 characters, not {self.no_read!r}")
        within("buffer", self.buffer, 1, 1e6)
        within("delay_ms", self.delay_ms, 0, 1e6)
        latin(no_read=self.no_read, on=self.on, off=self.off)


@dataclass(slots=True)
class _Reader:
    """One of them: whether LON opened it, and what it keeps for LOFF."""

    number: int
    reading: bool = False
    kept: list[Shown] = field(default_factory=list)
    size: int = 0


class Scanner(Results):
    """One reader, or all of an N-410; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms)
        self._settings = settings
        self._in = bytearray()
        self._heard_at = now
        self._readers = [_Reader(number) for number in (settings.address, *settings.others)]
        self._turn = 0  # whose item is next

    @property
    def reading(self) -> list[int]:
        """The numbers of those that LON has opened."""
        return [reader.number for reader in self._readers if reader.reading]

    def feed(self, data: Piece, now: float) -> None:
        """Commands, in any split."""
        self.tick(now)
        if now - self._heard_at > _GAP_MS:
            self._in.clear()
        self._heard_at = now
        for byte in as_bytes(data):
            self._hear(byte)

    def result(self, shown: Shown, now: float) -> None:
        """What the reader whose turn it is does with an item."""
        reader = self._readers[self._turn]
        self._turn = (self._turn + 1) % len(self._readers)
        if self._settings.trigger == "eye":
            self._send(reader, shown)
        elif not reader.reading or reader.size > self._settings.buffer:
            shown.unsaid()
        elif self._settings.send == "loff":
            reader.size += max(1, sum(len(code) for code in shown.codes))
            reader.kept.append(shown)
        elif shown.codes:
            reader.reading = False
            self._send(reader, shown)
        else:
            shown.unsaid()

    def _send(self, reader: _Reader, shown: Shown) -> None:
        for code in shown.codes:
            self._data(reader, code)
        if not shown.codes:
            self._no_read(reader)
        shown.all_said()

    def _no_read(self, reader: _Reader) -> None:
        if self._settings.no_read:
            self._data(reader, self._settings.no_read.encode("latin-1"))

    def _data(self, reader: _Reader, text: bytes) -> None:
        if reader.number:
            text = b"%%P%02d-%04d" % (reader.number, len(text)) + text
        self._frame(text, stx=self._settings.framing == "stx")

    def _frame(self, text: bytes, *, stx: bool) -> None:
        self._out += b"\x02" + text + b"\x03" if stx else text + b"\r"

    def _hear(self, byte: int) -> None:
        if byte == _ESC:
            in_frame = self._in[:1] == b"\x02"
            self._in[:] = b"\x02" if in_frame else b""
        elif byte == _STX:
            self._in[:] = b"\x02"
        elif byte == _ETX and self._in[:1] == b"\x02":
            self._heard(bytes(self._in[1:]), stx=True)
        elif byte == _CR and self._in[:1] != b"\x02":
            self._heard(bytes(self._in), stx=False)
        elif not (byte == _LF and not self._in):
            self._in.append(byte)
            if len(self._in) > _LONGEST:
                self._in.clear()

    def _heard(self, text: bytes, *, stx: bool) -> None:
        self._in.clear()
        reader, header = self._readers[0], b""
        if self._settings.address:
            addressed = _MULTIDROP.fullmatch(text)
            found = [one for one in self._readers if addressed and one.number == int(addressed[1])]
            if not addressed or not found:
                return
            reader, header, text = found[0], text[:5], addressed[2]
        elif not text:
            return
        was_reading = reader.reading
        error = self._obey(reader, text)
        if header:
            answer = header + (b"OK" if error is None else b"ERR91" if error == _UNDEFINED else b"NG")
            self._frame(answer, stx=stx)
        elif self._settings.replies:
            self._frame(b"OK," + text if error is None else b"ER,%s,%s" % (text, error), stx=stx)
        if was_reading and not reader.reading:
            self._ended(reader)

    def _obey(self, reader: _Reader, text: bytes) -> bytes | None:
        """The code of its error, None = done."""
        on, off = self._settings.on.encode("latin-1"), self._settings.off.encode("latin-1")
        if text == off:
            error = None if reader.reading else _NOT_NOW
            reader.reading = False
            return error
        if not text.startswith(on):
            return _UNDEFINED
        bank = text[len(on) :]
        if bank and not re.fullmatch(rb"[0-9]{2}", bank):
            return _FORMAT if re.fullmatch(rb"[0-9]+", bank) else _UNDEFINED
        if bank and not 1 <= int(bank) <= _BANKS:
            return _RANGE
        if reader.reading:
            return _NOT_NOW
        reader.reading = True
        return None

    def _ended(self, reader: _Reader) -> None:
        """LOFF came while it was reading."""
        kept, over = reader.kept, reader.size > self._settings.buffer
        reader.kept, reader.size = [], 0
        if over:
            self._data(reader, b"OVER")
        for shown in kept:
            if over or not shown.codes:
                shown.unsaid()
            else:
                self._send(reader, shown)
        if not over and not any(shown.codes for shown in kept):
            self._no_read(reader)
