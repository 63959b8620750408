"""ASCII telegrams of the PLC interface: bytes <-> header and fields (PLC interface v1 §3).

A telegram, without its STX and ETX, is

    version 1 | sender 4 | receiver 4 | type 4 | flag 1 | epoch 4 hex | sequence 4 | body length 3 | body | crc 4 hex

Its proof is the CRC-16/CCITT-FALSE over everything before it, and the body length. The tables at the end are the
manual's: one line a message, its fields in order. A field reads itself from a body at a position and writes itself;
what does not fit is Malformed. Fields that follow those of the table are ignored: a later PLC may append some.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from devices.types import Code
from devices.value import value

HEADER = 25
CRC = 4
MAX_LENGTH = 600
STX, ETX = b"\x02", b"\x03"
VERSION = "1"

Fields: TypeAlias = dict[str, Any]

_HEADER = re.compile(r"(.)(.{4})(.{4})(.{4})(.)([0-9A-F]{4})([0-9]{4})([0-9]{3})", re.ASCII)
_ID = re.compile(r"[A-Z0-9_-]+", re.ASCII)
_ESCAPE = re.compile(rb"%([0-9A-F]{2})?")
_PRINTABLE = re.compile(rb"[ -~]*")


class Malformed(ValueError):
    """Not a telegram, or a body that is not its type's. `reason` is one of few words, to count by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@value
class Telegram:
    """One telegram with a valid crc. In answers `epoch` and `sequence` are those of the request."""

    sender: str
    receiver: str
    type: str
    flag: str
    epoch: int
    sequence: int
    body: str
    version: str = VERSION


def parse(data: bytes) -> Telegram:
    """The telegram between STX and ETX. Raises Malformed."""
    if not _PRINTABLE.fullmatch(data):
        raise Malformed("bytes", "bytes outside 0x20-0x7E")
    if len(data) < HEADER + CRC:
        raise Malformed("length", f"{len(data)} characters; the shortest telegram has {HEADER + CRC}")
    text, crc = data[:-CRC].decode("ascii"), data[-CRC:].decode("ascii")
    if crc != crc_of(text):
        raise Malformed("crc", f"crc {crc}, calculated {crc_of(text)}")
    match = _HEADER.match(text)
    if match is None:
        raise Malformed("header", "epoch, sequence or body length is not a number")
    version, sender, receiver, kind, flag, epoch, sequence, length = match.groups()
    if int(length) != len(text) - HEADER:
        raise Malformed("length", f"body length {length}, but {len(text) - HEADER} characters came")
    if not int(epoch, 16) or not int(sequence):
        raise Malformed("header", "epoch and sequence begin at 1")
    names = sender.rstrip("."), receiver.rstrip("."), kind.rstrip(".")
    return Telegram(*names, flag, int(epoch, 16), int(sequence), text[HEADER:], version)


def build(telegram: Telegram) -> bytes:
    """The bytes of a telegram with STX and ETX."""
    t = telegram
    head = f"{t.version}{t.sender:.<4}{t.receiver:.<4}{t.type:.<4}{t.flag}{t.epoch:04X}{t.sequence:04}"
    text = f"{head}{len(t.body):03}{t.body}"
    return STX + (text + crc_of(text)).encode("ascii") + ETX


def crc_of(text: str) -> str:
    """CRC-16/CCITT-FALSE as four upper-case hex digits; of `123456789` it is `29B1`."""
    return f"{binascii.crc_hqx(text.encode('ascii'), 0xFFFF):04X}"


# --- kinds of fields --------------------------------------------------------------------------------------------------


@value
class Field:
    """A named field: `read(body, position)` -> value and the position behind it; `write(value)` -> text."""

    name: str
    read: Callable[[str, int], tuple[Any, int]]
    write: Callable[[Any], str]


def fixed(name: str, width: int, read: Callable[[str], Any], write: Callable[[Any], str]) -> Field:
    """A field of constant width. What `read` or `write` refuses with ValueError is Malformed."""

    def reader(body: str, start: int) -> tuple[Any, int]:
        text = body[start : start + width]
        if len(text) < width:
            raise Malformed("field", f"the body ends before {name}")
        try:
            return read(text), start + width
        except ValueError as error:
            raise Malformed("field", f"{name} is {text!r}: {error}") from None

    def writer(value: Any) -> str:
        try:
            text = write(value)
        except ValueError as error:
            raise ValueError(f"{name} is {value!r}: {error}") from None
        if len(text) != width or not text.isascii() or not text.isprintable():
            raise ValueError(f"{name} is {value!r}: it takes {width} printable ASCII characters on the wire")
        return text

    return Field(name, reader, writer)


def number(name: str, width: int, least: int = 0) -> Field:
    """A zero-filled decimal number."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise ValueError(f"a number from {least} is wanted")
        return int(text)

    def write(value: int) -> str:
        if value < least:
            raise ValueError(f"a number from {least} is wanted")
        return f"{value:0{width}}"

    return fixed(name, width, read, write)


def hex4(name: str, least: int = 0) -> Field:
    """An epoch: four upper-case hex digits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9A-F]{4}", text, re.ASCII) or int(text, 16) < least:
            raise ValueError(f"four upper-case hex digits from {least} are wanted")
        return int(text, 16)

    return fixed(name, 4, read, lambda value: f"{value:04X}")


def carrier(name: str = "carrier") -> Field:
    """A carrier's number as text; none is all zeros."""
    digits = number(name, 6)

    def read(text: str) -> str | None:
        value = digits.read(text, 0)[0]
        return str(value) if value else None

    return fixed(name, 6, read, lambda value: digits.write(int(value or 0)))


def ident(name: str, width: int = 12, optional: bool = False) -> Field:
    """An id of `A-Z 0-9 _ -`, left-justified, filled with dots; all dots = none, where the message allows it."""

    def check(text: str) -> None:
        if not (_ID.fullmatch(text) or (optional and not text)):
            raise ValueError(f"an id of A-Z 0-9 _ -{', or none,' if optional else ''} is wanted")

    def read(text: str) -> str | None:
        stripped = text.rstrip(".")
        check(stripped)
        return stripped or None

    def write(value: str | None) -> str:
        check(value or "")
        return (value or "").ljust(width, ".")

    return fixed(name, width, read, write)


def text(name: str, width: int) -> Field:
    """Free text, left-justified, filled with dots."""
    return fixed(name, width, lambda part: part.rstrip("."), lambda value: str(value).ljust(width, "."))


def choice(name: str, *values: str) -> Field:
    """One of few words or letters, the shorter ones filled with dots on the wire."""
    width = max(map(len, values))
    filled = {f"{value:.<{width}}": value for value in values}

    def read(text: str) -> str:
        if text not in filled:
            raise ValueError(f"one of {' '.join(values)} is wanted")
        return filled[text]

    def write(value: str) -> str:
        if value not in values:
            raise ValueError(f"one of {' '.join(values)} is wanted")
        return f"{value:.<{width}}"

    return fixed(name, width, read, write)


def listed(name: str, digits: int, least: int, most: int, one: Field) -> Field:
    """A count of `digits` digits, then so many of `one`; a tuple."""
    count = number(f"count of {name}", digits)

    def read(body: str, start: int) -> tuple[tuple[Any, ...], int]:
        n, position = count.read(body, start)
        if not least <= n <= most:
            raise Malformed("field", f"{n} {name}; {least} to {most} are wanted")
        values = []
        for _ in range(n):
            value, position = one.read(body, position)
            values.append(value)
        return tuple(values), position

    def write(values: tuple[Any, ...]) -> str:
        if not least <= len(values) <= most:
            raise ValueError(f"{len(values)} {name}; {least} to {most} are wanted")
        return count.write(len(values)) + "".join(map(one.write, values))

    return Field(name, read, write)


def group(name: str, *fields: Field) -> Field:
    """Several fields as one value, a dict."""
    return Field(name, lambda body, start: _read_all(fields, body, start), lambda value: _write_all(fields, value))


def barcode(name: str, optional: bool = False) -> Field:
    """A code: length 3 of the escaped text, then the text with `%hh` for other bytes; empty = none where allowed."""
    length = number(f"length of {name}", 3)

    def read(body: str, start: int) -> tuple[Code | None, int]:
        n, position = length.read(body, start)
        escaped = body[position : position + n].encode("ascii")
        if len(escaped) < n or not (n or optional):
            raise Malformed("field", f"{name} has length {n}, but {len(escaped)} characters follow")
        return (Code(_ESCAPE.sub(_unescape, escaped)) if n else None), position + n

    def write(value: Code | None) -> str:
        raw = value.raw if value else b""
        escaped = "".join(chr(b) if 0x20 <= b <= 0x7E and b != 0x25 else f"%{b:02X}" for b in raw)
        return length.write(len(escaped)) + escaped

    return Field(name, read, write)


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        raise Malformed("field", "a % in a code is not followed by two upper-case hex digits")
    return bytes.fromhex(match[1].decode("ascii"))


def _read_all(fields: tuple[Field, ...], body: str, position: int = 0) -> tuple[Fields, int]:
    values: Fields = {}
    for field in fields:
        values[field.name], position = field.read(body, position)
    return values, position


def _write_all(fields: tuple[Field, ...], values: Mapping[str, Any]) -> str:
    return "".join(field.write(values[field.name]) for field in fields)


def read_body(fields: tuple[Field, ...], body: str) -> Fields:
    """The fields of a body by name. Raises Malformed."""
    return _read_all(fields, body)[0]


def write_body(fields: tuple[Field, ...], values: Mapping[str, Any]) -> str:
    """A body. Raises ValueError when a value does not fit its field."""
    return _write_all(fields, values)
