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

from devices.codes import RAW
from devices.driver import Framed, wire
from devices.framing import Frame
from devices.scanners._content import Content
from devices.scanners._lines import Lines
from devices.scanners._proof import CodeSettings, judge, without_proof
from devices.types import Garbled, Item, NoRead, Read

MOST_DIGITS = 18


@dataclass(frozen=True)
class Settings(CodeSettings):
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


class Driver(Framed):
    """Read, NoRead, Heartbeat, Garbled. Raises ValueError for settings without a proof."""

    def __init__(self, settings: Settings) -> None:
        _judge(settings)
        marks = wire("prefix", settings.prefix), wire("suffix", settings.suffix)
        super().__init__(Lines(*marks, settings.max_length, settings.gap_ms))
        self._settings = settings
        self._content = Content(settings.no_read, settings.heartbeat, settings.separator, settings.flaw)
        self._digits = settings.index_digits + settings.encoder_digits
        self._heartbeat = wire("heartbeat", settings.heartbeat)

    def _frame(self, frame: Frame) -> Sequence[Item]:
        return self._numbered(frame) if self._digits else self._content.items(frame.data, frame.at)

    def _numbered(self, frame: Frame) -> Sequence[Item]:
        """Items of a frame that begins with the item's number, the encoder's count, or both."""
        if frame.data and frame.data == self._heartbeat:
            return self._content.items(frame.data, frame.at)
        digits, at = frame.data[: self._digits], self._settings.index_digits
        if len(digits) < self._digits or not digits.isdigit():
            return [Garbled(frame.data[:RAW], f"no {self._digits} digits of index and encoder in front", frame.at)]
        index, encoder = (int(part) if part else None for part in (digits[:at], digits[at:]))
        return [
            replace(item, raw=frame.data, index=index, encoder=encoder) if isinstance(item, Read | NoRead) else item
            for item in self._content.items(frame.data[self._digits :], frame.at)
        ]


def _judge(settings: Settings) -> None:
    if not settings.suffix:
        raise ValueError('suffix is empty: write what ends a frame, for example suffix = "\\r\\n"')
    judge(settings, settings.max_length)
    for name in ("index_digits", "encoder_digits"):
        if not 0 <= getattr(settings, name) <= MOST_DIGITS:
            raise ValueError(f"{name} = {getattr(settings, name)}: write 0 to {MOST_DIGITS}, 0 = it is not sent")
    if settings.index_digits + settings.encoder_digits >= settings.max_length:
        raise ValueError(f"max_length = {settings.max_length}: write more than the digits in front of a code")
    marks = settings.prefix and any(ch < " " for ch in settings.suffix)
    if not (marks or settings.proves()):
        raise without_proof('Write prefix = "\\u0002" and suffix = "\\u0003" and set the scanner to STX and ETX')


GUESSES: tuple[dict[str, object], ...] = (
    {"prefix": "\x02", "suffix": "\x03"},
    {"prefix": "\x02", "suffix": "\r\n"},
    {},
)
