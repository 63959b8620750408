"""`line`: any scanner that sends `[prefix]code[suffix]` and listens to nothing.

Nearly every scanner can. Most leave the factory sending code CR LF without a prefix, and there the loss of the first
bytes leaves a shorter, complete line. So the settings must hold a proof that a code is whole, one of
- a prefix and a suffix that no code contains (STX and ETX),
- `fixed_lengths` with the one length that a code of this floor has; several prove nothing, 13 may be a torn 16,
- `check`, a check digit that every code of this floor carries. `mod10` alone lets one torn code in ten pass, and `gs1`
  knows numbers of several lengths: add `fixed_lengths`.
Proof of this driver: the one of its settings.

A scanner that follows a belt's encoder can say which item it saw: the item's number (`index_digits`) and the encoder's
count (`encoder_digits`) stand in front of a frame's content, once, as so many decimal digits.

Sources: Datalogic QuickScan and SICK CLV620 manuals (header, terminator), Keyence SR-750 manual (`ERROR`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devices.barcodes import gs1, s10
from devices.codes import RAW
from devices.driver import TalkOnly
from devices.framing import RESTART, Bad, Delimited, Frame
from devices.scanners._content import Content, wire
from devices.types import Garbled, Item, Kept, Message, NoRead, Read

HARD_LIMIT = 8192
MOST_DIGITS = 18
LINE_ENDS = (b"\r", b"\n", b"\r\n")
TORN = "the prefix inside a frame"
LENGTH = "not one of the lengths that codes have here"


@dataclass(frozen=True)
class Settings:
    """One character of prefix, suffix, separator and the texts is one byte on the wire.

    A suffix of CR, LF or CRLF fits all three. `no_read` are whole frames; an empty frame is a no-read where there is a
    prefix. `heartbeat` empty = the scanner sends none. `separator` stands between several codes of one frame.
    `min_length`, `fixed_lengths` count the characters of a code without AIM identifier, `max_length` the bytes of a
    frame. `check` is `s10`, `gs1` (SSCC or GTIN), `mod10` or empty. Silence of `gap_ms` discards a partial frame.
    `index_digits` of the item's number, then `encoder_digits` of the encoder's count, stand in front of the content of
    each frame but the heartbeat, which has them or not; 0 = the scanner does not send it.
    """

    prefix: str = ""
    suffix: str = "\r\n"
    no_read: tuple[str, ...] = ("NoRead", "NOREAD", "NO READ", "ERROR", "???????")
    heartbeat: str = ""
    separator: str = ""
    min_length: int = 1
    max_length: int = 128
    fixed_lengths: tuple[int, ...] = ()
    check: str = ""
    gap_ms: float = 500.0
    index_digits: int = 0
    encoder_digits: int = 0


def _gs1_proof(code: str) -> bool:
    found = gs1.candidate(code)
    return found is not None and found.valid and ("00" in found.parts or "01" in found.parts)


def _s10_proof(code: str) -> bool:
    found = s10.candidate(code)
    return found is not None and found.valid


CHECKS = {"s10": _s10_proof, "gs1": _gs1_proof, "mod10": gs1.is_checked}


class Driver(TalkOnly):
    """Read, NoRead, Heartbeat, Garbled. Raises ValueError for settings without a proof."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        _judge(settings)
        self._settings = settings
        self._prefix = wire("prefix", settings.prefix)
        self._printable_prefix = self._prefix >= b" "
        self._content = Content(settings.no_read, settings.heartbeat, settings.separator, self._proof)
        self._digits = settings.index_digits + settings.encoder_digits
        self._frames = self._new_frames()
        self._cut = False

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: nothing of the last one counts."""
        self._frames = self._new_frames()
        self._cut = False

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Items of the frames that `data` completes."""
        assert isinstance(data, bytes)
        return self._items(self._frames.feed(data, at))

    def tick(self, now: float) -> Sequence[Item]:
        """Discard a partial frame after silence."""
        return self._items(self._frames.silence(now))

    def next_at(self) -> float | None:
        """When silence has lasted long enough."""
        return self._frames.deadline()

    def closed(self, now: float) -> Sequence[Item]:
        """A partial frame is garbled."""
        return self._items(self._frames.close(now))

    def _new_frames(self) -> Delimited:
        settings = self._settings
        suffix = wire("suffix", settings.suffix)
        line_end = suffix in LINE_ENDS and not set(self._prefix) & set(b"\r\n")
        return Delimited(self._prefix or None, None if line_end else suffix, settings.max_length, settings.gap_ms)

    def _items(self, pieces: Sequence[Frame | Bad]) -> list[Item]:
        items: list[Item] = []
        for piece in pieces:
            if isinstance(piece, Bad):
                items.append(Garbled(piece.raw, piece.why, piece.at))
                self._cut = self._printable_prefix and piece.why == RESTART
            else:
                items += self._frame(piece)
                self._cut = False
        for item in items:
            if isinstance(item, Garbled):
                self.counters.bad(item.why)
        return items

    def _frame(self, frame: Frame) -> Sequence[Item]:
        if not frame.data and not self._prefix:
            return ()  # an empty line
        self.counters.frames += 1
        # A prefix that codes may contain: nobody knows whether a frame was cut short or a code holds it.
        if self._cut or (self._printable_prefix and self._prefix in frame.data):
            return [Garbled(frame.data[:RAW], TORN, frame.at)]
        return self._numbered(frame) if self._digits else self._content.items(frame.data, frame.at)

    def _numbered(self, frame: Frame) -> Sequence[Item]:
        """Items of a frame that begins with the item's number, the encoder's count, or both."""
        if frame.data and frame.data == wire("heartbeat", self._settings.heartbeat):
            return self._content.items(frame.data, frame.at)
        digits, at = frame.data[: self._digits], self._settings.index_digits
        if len(digits) < self._digits or not digits.isdigit():
            return [Garbled(frame.data[:RAW], f"no {self._digits} digits of index and encoder in front", frame.at)]
        index, encoder = (int(part) if part else None for part in (digits[:at], digits[at:]))
        return [
            replace(item, raw=frame.data, index=index, encoder=encoder) if isinstance(item, Read | NoRead) else item
            for item in self._content.items(frame.data[self._digits :], frame.at)
        ]

    def _proof(self, code: str) -> str | None:
        settings = self._settings
        if len(code) < settings.min_length:
            return f"shorter than {settings.min_length} characters"
        if settings.fixed_lengths and len(code) not in settings.fixed_lengths:
            return LENGTH
        if settings.check and not CHECKS[settings.check](code):
            return f"fails the check {settings.check}"
        return None


def _judge(settings: Settings) -> None:
    if not settings.suffix:
        raise ValueError('suffix is empty: write what ends a frame, for example suffix = "\\r\\n"')
    if settings.check and settings.check not in CHECKS:
        raise ValueError(f"check = {settings.check!r}: write one of {', '.join(CHECKS)}, or leave it out")
    if not 1 <= settings.max_length <= HARD_LIMIT:
        raise ValueError(f"max_length = {settings.max_length}: write a number from 1 to {HARD_LIMIT}")
    for name in ("index_digits", "encoder_digits"):
        if not 0 <= getattr(settings, name) <= MOST_DIGITS:
            raise ValueError(f"{name} = {getattr(settings, name)}: write 0 to {MOST_DIGITS}, 0 = it is not sent")
    if settings.index_digits + settings.encoder_digits >= settings.max_length:
        raise ValueError(f"max_length = {settings.max_length}: write more than the digits in front of a code")
    marks = settings.prefix and any(ch < " " for ch in settings.suffix)
    if not (marks or len(set(settings.fixed_lengths)) == 1 or settings.check):
        raise ValueError(
            "nothing proves that a code is whole: without its first bytes it would be a shorter one. "
            'Write prefix = "\\u0002" and suffix = "\\u0003" and set the scanner to STX and ETX, '
            'or one length, fixed_lengths = [13], or check = "s10" (or "gs1", "mod10")'
        )
