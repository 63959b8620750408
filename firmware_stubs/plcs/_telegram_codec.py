"""The ASCII telegram, seen from the PLC: frames in and out, bodies out, pieces of the controller's bodies in.

Source: PLC interface v1 §3 (header, widths, crc, escapes) and §2 (fields in order).
"""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from firmware_stubs.plcs._messages import FieldError

STX, ETX = b"\x02", b"\x03"
_PIECES = re.compile(rb"[\x20-\x7E]+|[^\x20-\x7E]")
LONGEST = 600  # characters between STX and ETX
HEADER = 25
CRC = 4
LONGEST_BODY = LONGEST - HEADER - CRC

# Fields in order: name:kind; t = text, n = number, h = hex, with their width; c = a code with its length before it.
BODIES: dict[str, str] = {
    "SPED": "element:t12 mm_s:n5 encoder:n10 age:n5",
    "INDU": "evt:n6 point:t12 track:n6 carrier:n6 carriers:n1 length:n5 age:n5",
    "ARRV": "evt:n6 point:t12 track:n6 age:n5 left:n5 length:n5 gap:n5 carrier:n6 lap:n2 certainty:t1 codes:c*",
    "CODE": "evt:n6 point:t12 track:n6 outcome:t1 codes:c*",
    "MEAS": "evt:n6 point:t12 track:n6 grams:n8 weight_status:t1 record_id:t12 "
    "length:n5 width:n5 height:n5 size_status:t1",
    "PASS": "evt:n6 point:t12 track:n6 age:n5",
    "DIVC": "evt:n6 track:n6 decision:n4 wanted:t12 actual:t12 result:t2 evidence:t1 lap:n2 age:n5",
    "RCIR": "evt:n6 track:n6 decision:n4 wanted:t12 result:t2 lap:n2 age:n5",
    "LOST": "evt:n6 track:n6 last_point:t12 before:n6 behind:n6 age:n5",
    "GHST": "evt:n6 point:t12 track:n6 before:n6 behind:n6 carrier:n6 age:n5",
    "HAND": "evt:n6 from_line:t4 from_epoch:h4 from_track:n6 point:t12 track:n6 age:n5",
    "STAT": "evt:n6 element:t12 state:t4 code:t6 age:n5",
    "BUTN": "evt:n6 element:t12 button:t4 age:n5",
    "CONT": "evt:n6 lane:t12 presence:t1 code:c age:n5",
    "OVFL": "evt:n6 lost_count:n5 age:n5",
}
TRAK_ITEM = "track:n6 point:t12 lane:t12 decision:n4 certainty:t1 lap:n2 age:n5"
CODES_MOST = 9  # their count has one digit


_HEX4 = re.compile("[0-9A-F]{4}")


def crc(text: bytes) -> bytes:
    """CRC-16/CCITT-FALSE, 4 hex digits."""
    return b"%04X" % binascii.crc_hqx(text, 0xFFFF)


def frame(sender: str, receiver: str, kind: str, flag: str, epoch: int, sequence: int, body: str = "") -> bytes:
    """A whole telegram from STX to ETX."""
    head = f"1{sender:.<4}{receiver:.<4}{kind}{flag}{epoch:04X}{sequence:04d}{len(body):03d}"
    text = (head + body).encode("ascii")
    return b"\x02%b%04X\x03" % (text, binascii.crc_hqx(text, 0xFFFF))


class Layout:
    """Fields of a body, ready to be filled in."""

    def __init__(self, fields: str) -> None:
        named = [field.split(":") for field in fields.split()]
        self._fields = [(name, _TOP[kind[0]](int(kind[1:])) if kind[0] in "nh" else kind) for name, kind in named]
        self._filled = "".join(_SHAPE[kind[0]](kind[1:]) for _, kind in named)

    def fill(self, values: Mapping[str, object]) -> str:
        """The body; numbers too large for their place are sent as the largest, a missing field as none."""
        out: list[object] = []
        for name, top in self._fields:
            value = values.get(name)
            if isinstance(top, int):
                number = value if isinstance(value, int) else 0
                out.append(number if 0 <= number <= top else min(max(number, 0), top))
            elif top[0] == "c":
                codes = value if isinstance(value, tuple) else ()
                out.append(code_list(codes) if top == "c*" else "".join(map(code_text, codes)))
            else:
                out.append(value or "")
        return self._filled.format(*out)


_TOP: dict[str, Callable[[int], int]] = {"n": lambda width: 10**width - 1, "h": lambda width: 16**width - 1}
_SHAPE: dict[str, Callable[[str], str]] = {
    "t": lambda width: f"{{:.<{width}.{width}}}",
    "n": lambda width: f"{{:0{width}d}}",
    "h": lambda width: f"{{:0{width}X}}",
    "c": lambda _: "{}",
}
_LAYOUTS = {kind: Layout(fields) for kind, fields in BODIES.items()}
_TRAK_ITEM = Layout(TRAK_ITEM)


def report_body(kind: str, values: Mapping[str, object]) -> str:
    """Body of an event or of SPED."""
    return _LAYOUTS[kind].fill(values)


def trak_body(items: Sequence[Mapping[str, object]]) -> str:
    """Body of TRAK."""
    return f"{len(items):02d}" + "".join(map(_TRAK_ITEM.fill, items))


def escape(code: bytes) -> str:
    """A barcode as it travels: bytes outside 0x20-0x7E and `%` as `%hh`."""
    return "".join(chr(b) if 0x20 <= b <= 0x7E and b != 0x25 else f"%{b:02X}" for b in code)


def code_text(code: bytes) -> str:
    """One code with the length of its escaped text before it."""
    text = escape(code)
    return f"{len(text):03d}{text}"


def code_list(codes: tuple[bytes, ...]) -> str:
    """Count, then each code."""
    return str(len(codes)) + "".join(map(code_text, codes))


def split_codes(codes: tuple[bytes, ...], kind: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The codes that fit behind the fields of ARRV or CODE, and the rest."""
    room = LONGEST_BODY - len(report_body(kind, {}))
    fit = 0
    for code in codes[:CODES_MOST]:
        room -= len(code_text(code))
        if room < 0:
            break
        fit += 1
    return codes[:fit], codes[fit:]


class Telegram(NamedTuple):
    """One telegram whose length and crc are right."""

    version: str
    sender: str
    receiver: str
    type: str
    flag: str
    epoch: int
    sequence: int
    body: str


class Fields:
    """Reads a body from left to right; what follows the fields read is ignored (rule 10)."""

    def __init__(self, body: str) -> None:
        self._body = body
        self._at = 0

    def _cut(self, width: int) -> str:
        text = self._body[self._at : self._at + width]
        if len(text) < width:
            raise FieldError("the body is too short")
        self._at += width
        return text

    def text(self, width: int) -> str:
        """Text without its filler; empty = none."""
        return self._cut(width).rstrip(".")

    def number(self, width: int) -> int:
        """A zero-filled number."""
        text = self._cut(width)
        if not text.isdigit():
            raise FieldError("not a number")
        return int(text)

    def hex4(self) -> int:
        """An epoch."""
        return _hex4(self._cut(4))


def _hex4(text: str) -> int:
    if not _HEX4.fullmatch(text):
        raise FieldError("not 4 hex digits in upper case")
    return int(text, 16)


class Deframer:
    """Bytes to telegrams. A new STX restarts; a gap, a foreign byte or too many characters discard what is partial."""

    def __init__(self, gap_ms: float, counts: Counter[str]) -> None:
        self._gap_ms = gap_ms
        self._counts = counts
        self._partial: bytes | None = None  # None = waiting for STX
        self._last = 0.0

    def reset(self) -> None:
        """Forget a partial telegram."""
        self._partial = None

    def feed(self, data: bytes, now: float) -> list[Telegram]:
        """The telegrams that these bytes complete; bad ones are counted as `garbled`."""
        if self._partial is not None and now - self._last > self._gap_ms:
            self._discard()
        self._last = now
        found = []
        for piece in _PIECES.findall(data):
            if piece == STX:
                if self._partial is not None:
                    self._discard()
                self._partial = b""
            elif self._partial is None:
                continue
            elif piece == ETX:
                telegram, self._partial = _parse(self._partial), None
                if telegram is None:
                    self._counts["garbled"] += 1
                else:
                    found.append(telegram)
            elif len(piece) > LONGEST - len(self._partial) or not 0x20 <= piece[0] <= 0x7E:
                self._discard()
            else:
                self._partial += piece
        return found

    def _discard(self) -> None:
        self._counts["garbled"] += 1
        self._partial = None


def _parse(data: bytes) -> Telegram | None:
    if len(data) < HEADER + CRC or crc(data[:-CRC]) != data[-CRC:]:
        return None
    text = data.decode("ascii")
    body = text[HEADER:-CRC]
    sequence, length = text[18:22], text[22:25]
    if not (sequence.isdigit() and length.isdigit() and int(length) == len(body)):
        return None
    try:
        epoch = _hex4(text[14:18])
    except FieldError:
        return None
    return Telegram(text[0], text[1:5], text[5:9], text[9:13], text[13], epoch, int(sequence), body)
