"""The text of a code's bytes: strict ASCII, else what the code declares (ECI), else UTF-8, else Latin-1 as a guess.

Never another guess: those who guess confuse Latin-1, Shift JIS and UTF-8. The bytes themselves stay beside the text.
"""

from __future__ import annotations

UTF_8, LATIN_1 = "utf-8", "latin-1?"
"""Names of encodings: strict UTF-8 that nobody declared; the question mark says that it is only the usual one."""


def text_of(raw: bytes, aim: str = "") -> tuple[str, str]:
    """(text, encoding) of a code without its AIM identifier `aim`; encoding empty = ASCII only. Never fails."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1"), LATIN_1
    return text, "" if text.isascii() else UTF_8
