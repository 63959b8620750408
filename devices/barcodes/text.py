"""The text of a code's bytes: strict ASCII, else what the code declares (ECI), else UTF-8, else Latin-1 as a guess.

Never another guess: those who guess confuse Latin-1, Shift JIS and UTF-8. The bytes themselves stay beside the text.

A code declares its encoding where its AIM identifier says that the ECI protocol is followed: then a backslash and six
digits change the encoding of what follows, and every other backslash byte stands doubled, also one inside a character
of Shift JIS. Without such an identifier a backslash is a backslash.

Sources: Datalogic KA-01228 and Zebra DS457 integration guide (modifiers that follow the ECI protocol), AIM ECI 3
(numbers of the encodings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from devices.barcodes.aim import follows_eci

UTF_8, LATIN_1 = "utf-8", "latin-1?"
"""Names of encodings: strict UTF-8 that nobody declared; the question mark says that it is only the usual one."""

ECI: dict[int, str] = {
    **{0: "cp437", 1: "iso8859-1", 2: "cp437", 3: "iso8859-1", 20: "shift_jis", 25: "utf-16-be", 26: "utf-8"},
    **{number: f"iso8859-{number - 2}" for number in (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18)},
    **{21: "cp1250", 22: "cp1251", 23: "cp1252", 24: "cp1256", 27: "ascii", 28: "big5", 29: "gb2312", 30: "euc-kr"},
    **{31: "gbk", 32: "gb18030", 33: "utf-16-le", 34: "utf-32-be", 35: "utf-32-le", 170: "ascii"},
}
"""Number of an encoding as codes declare it -> Python's name for it."""

_ESCAPE = re.compile(rb"\\\\|\\([0-9]{6})")


def text_of(raw: bytes, aim: str = "") -> tuple[str, str]:
    """(text, encoding) of a code without its AIM identifier `aim`; encoding empty = ASCII only. Never fails.

    A declared encoding is told as `eci-26`, several with a space between. A declaration that is not known or that the
    bytes do not fit counts as none: the text is Latin-1, with the declarations taken out.
    """
    if b"\\" in raw and follows_eci(aim):
        return _declared(raw)
    return _undeclared(raw)


def _undeclared(raw: bytes) -> tuple[str, str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1"), LATIN_1
    return text, "" if text.isascii() else UTF_8


def _declared(raw: bytes) -> tuple[str, str]:
    pieces = list(_pieces(raw))
    declared = list(dict.fromkeys(number for number, _ in pieces if number is not None))
    if not declared:
        return _undeclared(b"".join(piece for _, piece in pieces))
    try:
        text = "".join(piece.decode("iso8859-1" if number is None else ECI[number]) for number, piece in pieces)
    except (KeyError, UnicodeDecodeError):
        text = b"".join(piece for _, piece in pieces).decode("latin-1")
        return text, "" if text.isascii() else LATIN_1
    return text, "" if text.isascii() else " ".join(f"eci-{number}" for number in declared)


def _pieces(raw: bytes) -> Iterator[tuple[int | None, bytes]]:
    """(number of the encoding, its bytes), backslashes as they were before they were doubled. None = not declared."""
    number: int | None = None
    piece, start = bytearray(), 0
    for found in _ESCAPE.finditer(raw):
        piece += raw[start : found.start()]
        start = found.end()
        if found[1] is None:
            piece += b"\\"
        else:
            yield number, bytes(piece)
            number, piece = int(found[1]), bytearray()
    yield number, bytes(piece + raw[start:])
