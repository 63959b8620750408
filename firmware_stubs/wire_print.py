"""What a stub says and hears, as lines of text in hex and characters, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from firmware_stubs.stub import Message, Piece

Event = Literal["says", "hears", "lost", "connected", "gone"]

_ROW = 16  # bytes
_MARKS = {"says": ">", "hears": "<"}
_WORDS = {"lost": "! nobody took it", "connected": "= connected", "gone": "= the connection is gone"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing on a stub's wire. `lost`: nobody took what it said last; that, `gone` and `connected` have no piece.

    `at`: monotonic ms.
    """

    stub: str
    at: float
    what: Event
    piece: Piece | None = None


def rows(seen: Seen, time: str) -> list[str]:
    """Lines of a terminal with 80 columns, each message of a broker one line however long. `time`: 12 characters."""
    piece = seen.piece
    if piece is None:
        return [f"{time} {_WORDS[seen.what]}"]
    mark = _MARKS[seen.what]
    if isinstance(piece, Message):
        kept = " (retained)" if piece.retain else ""
        return [f"{time} {mark} {piece.topic}{kept}  {piece.payload.decode('utf-8', 'backslashreplace')}"]
    parts = [piece[at : at + _ROW] for at in range(0, len(piece), _ROW)]
    return [
        f"{time if number == 0 else '':12} {mark} {part.hex(' ').upper():{3 * _ROW - 1}} {characters(part)}"
        for number, part in enumerate(parts)
    ]


def as_json(seen: Seen, utc: str) -> dict[str, Any]:
    """The same for scripts. `utc`: as in RFC 3339."""
    entry: dict[str, Any] = {"time": utc, "stub": seen.stub, "what": seen.what}
    if isinstance(seen.piece, Message):
        entry |= {"topic": seen.piece.topic, "payload_hex": seen.piece.payload.hex(), "retain": seen.piece.retain}
    elif seen.piece is not None:
        entry |= {"hex": seen.piece.hex(), "text": characters(seen.piece)}
    return entry


def shown(piece: Piece) -> str:
    """A piece in one line: bytes in hex, a message as its topic and its text."""
    return f"{piece.topic} {printable(piece.payload)}" if isinstance(piece, Message) else piece.hex(" ")


def printable(data: bytes) -> str:
    r"""UTF-8 text as it is, what cannot be printed of it as \xNN."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def characters(data: bytes) -> str:
    """Printable ASCII as it is, all else as a dot."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
