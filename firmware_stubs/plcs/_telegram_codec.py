"""The ASCII telegram, seen from the PLC: frames in and out, bodies out, fields of the controller's bodies in.

Source: PLC interface v1 §3 (header, widths, crc, escapes) and §2 (fields in order).
"""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

STX, ETX = 0x02, 0x03
LONGEST = 600  # characters between STX and ETX
HEADER = 25
CRC = 4
LONGEST_BODY = LONGEST - HEADER - CRC

# Fields in order: name:kind; t = text, n = number, with their width.
BODIES: dict[str, str] = {
    "SPED": "element:t12 mm_s:n5 encoder:n10 age:n5",
    "INDU": "evt:n6 point:t12 track:n6 carrier:n6 carriers:n1 length:n5 age:n5",
    "ARRV": "evt:n6 point:t12 track:n6 age:n5 left:n5 length:n5 gap:n5 carrier:n6 lap:n2 certainty:t1",
    "CODE": "evt:n6 point:t12 track:n6 outcome:t1",
    "PASS": "evt:n6 point:t12 track:n6 age:n5",
    "DIVC": "evt:n6 track:n6 decision:n4 wanted:t12 actual:t12 result:t2 evidence:t1 lap:n2 age:n5",
    "LOST": "evt:n6 track:n6 last_point:t12 before:n6 behind:n6 age:n5",
    "GHST": "evt:n6 point:t12 track:n6 before:n6 behind:n6 carrier:n6 age:n5",
    "STAT": "evt:n6 element:t12 state:t4 code:t6 age:n5",
    "OVFL": "evt:n6 lost_count:n5 age:n5",
}
TRAK_ITEM = "track:n6 point:t12 lane:t12 decision:n4 certainty:t1 lap:n2 age:n5"
WITH_CODES = frozenset({"ARRV", "CODE"})
CODES_MOST = 9  # their count has one digit


class FieldError(ValueError):
    """A field of a body is missing or is not what its place says: answered with FORM."""


def crc(text: str) -> str:
    """CRC-16/CCITT-FALSE, 4 hex digits."""
    return f"{binascii.crc_hqx(text.encode('ascii'), 0xFFFF):04X}"


def frame(sender: str, receiver: str, kind: str, flag: str, epoch: int, sequence: int, body: str = "") -> bytes:
    """A whole telegram from STX to ETX."""
    text = f"1{sender:.<4}{receiver:.<4}{kind}{flag}{epoch:04X}{sequence:04d}{len(body):03d}{body}"
    return b"\x02" + (text + crc(text)).encode("ascii") + b"\x03"


def encode(layout: str, values: Mapping[str, object]) -> str:
    """Fields of a layout; numbers too large for their place are sent as the largest, a missing field as none."""
    out = []
    for field in layout.split():
        name, kind = field.split(":")
        width = int(kind[1:])
        value = values.get(name)
        if kind[0] == "t":
            out.append(f"{value or '':.<{width}}"[:width])
        else:
            number = value if isinstance(value, int) else 0
            out.append(f"{min(max(number, 0), 10**width - 1):0{width}d}")
    return "".join(out)


def event_body(kind: str, values: Mapping[str, object]) -> str:
    """Body of an event or of SPED."""
    body = encode(BODIES[kind], values)
    codes = values.get("codes", ())
    assert isinstance(codes, tuple)
    return body + code_list(codes) if kind in WITH_CODES else body


def trak_body(items: Sequence[Mapping[str, object]]) -> str:
    """Body of TRAK."""
    return f"{len(items):02d}" + "".join(encode(TRAK_ITEM, item) for item in items)


def escape(code: bytes) -> str:
    """A barcode as it travels: bytes outside 0x20-0x7E and `%` as `%hh`."""
    return "".join(chr(b) if 0x20 <= b <= 0x7E and b != 0x25 else f"%{b:02X}" for b in code)


def code_list(codes: Iterable[bytes]) -> str:
    """Count, then each code with the length of its escaped text before it."""
    texts = [escape(code) for code in codes]
    return str(len(texts)) + "".join(f"{len(text):03d}{text}" for text in texts)


def split_codes(codes: tuple[bytes, ...], kind: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The codes that fit behind the fields of ARRV or CODE, and the rest."""
    room = LONGEST_BODY - len(encode(BODIES[kind], {})) - 1
    fit = 0
    for code in codes[:CODES_MOST]:
        room -= 3 + len(escape(code))
        if room < 0:
            break
        fit += 1
    return codes[:fit], codes[fit:]


@dataclass(frozen=True, slots=True)
class Telegram:
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
    if len(text) != 4 or not set(text) <= set("0123456789ABCDEF"):
        raise FieldError("not 4 hex digits in upper case")
    return int(text, 16)


class Deframer:
    """Bytes to telegrams. A new STX restarts; a gap, a foreign byte or too many characters discard what is partial."""

    def __init__(self, gap_ms: float, counts: Counter[str]) -> None:
        self._gap_ms = gap_ms
        self._counts = counts
        self._partial: bytearray | None = None  # None = waiting for STX
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
        for byte in data:
            if byte == STX:
                if self._partial is not None:
                    self._discard()
                self._partial = bytearray()
            elif self._partial is None:
                continue
            elif byte == ETX:
                text, self._partial = self._partial.decode("ascii"), None
                telegram = _parse(text)
                if telegram is None:
                    self._counts["garbled"] += 1
                else:
                    found.append(telegram)
            elif 0x20 <= byte <= 0x7E and len(self._partial) < LONGEST:
                self._partial.append(byte)
            else:
                self._discard()
        return found

    def _discard(self) -> None:
        self._counts["garbled"] += 1
        self._partial = None


def _parse(text: str) -> Telegram | None:
    if len(text) < HEADER + CRC or crc(text[:-CRC]) != text[-CRC:]:
        return None
    body = text[HEADER:-CRC]
    sequence, length = text[18:22], text[22:25]
    if not (sequence.isdigit() and length.isdigit() and int(length) == len(body)):
        return None
    try:
        epoch = _hex4(text[14:18])
    except FieldError:
        return None
    return Telegram(text[0], text[1:5], text[5:9], text[9:13], text[13], epoch, int(sequence), body)
