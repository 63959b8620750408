"""What Honeywell scanners hear and say beside codes: triggers, menu commands, and the letters that name a symbology.

A menu command is SYN M CR, six characters of tag and subtag, a value, and where it is kept: `!` until the power goes,
`.` in flash, which wears out. In place of the value `?` asks for the current one, `^` for the default, `*` for the
range. The answer is the command again, with ACK (done), ENQ (no such tag) or NAK (the value is not allowed) before its
last character; a question is answered with the value. It ends there, without a line end.

Sources: Honeywell N86 manual ch. 10 (menu commands, answers, SYN T CR, SYN U CR); 1450g and 1202g manuals (ACK/NAK,
its time-out); 3820 manual appendix A (letters c and E). The other letters stand so in two public programs (enioka_scan,
a scanner service of Urovo).
"""

from __future__ import annotations

import re

from devices.value import value

ACK, NAK = b"\x06", b"\x15"
SUB = b"\x1a"
MENU, ON, OFF = b"\x16M\r", b"\x16T\r", b"\x16U\r"

REFUSALS = {0x05: ("ENQ", "no such tag or subtag"), 0x15: ("NAK", "the value is not allowed")}

PROVEN = frozenset("cEj")
"""Letters that a manual proves; the modifiers of the AIM identifiers are the plain ones, a letter does not say more."""

CODE_IDS = {
    "a": "]F0",  # Codabar
    "b": "]A0",  # Code 39
    "c": "]E0",  # UPC-A
    "d": "]E0",  # EAN-13
    "D": "]E4",  # EAN-8
    "E": "]E0",  # UPC-E
    "e": "]I0",  # Interleaved 2 of 5
    "f": "]S0",  # Straight 2 of 5
    "g": "]M0",  # MSI
    "h": "]H0",  # Code 11
    "i": "]G0",  # Code 93
    "I": "]C1",  # GS1-128
    "j": "]C0",  # Code 128
    "n": "]P0",  # Plessey
    "o": "]K0",  # Code 16K
    "q": "]O4",  # Codablock F
    "r": "]L0",  # PDF417
    "R": "]L0",  # MicroPDF417
    "s": "]Q1",  # QR Code
    "t": "]B0",  # Telepen
    "w": "]d1",  # Data Matrix
    "x": "]U0",  # MaxiCode
    "y": "]e0",  # GS1 DataBar
    "z": "]z0",  # Aztec
    # Matrix 2 of 5, NEC 2 of 5, Trioptic, Code 32, Han Xin, codes of postal services
    **dict.fromkeys("mY=<HABCJKLMNPQ?", "]X0"),
}

NO_READ_ID = 0x9C
"""The letter of "nothing was read"."""

COMMAND = re.compile(r"[A-Za-z0-9]{6}(?:[^\x00-\x1f!,.;?*^\x7f-\U0010ffff]{0,32}!|[?^*][!.])")
"""One menu command to send at each opening: kept until the power goes, or a question."""


def menu(command: str) -> bytes:
    """A menu command with its last character, `CBRENA1!`."""
    return MENU + command.encode("ascii")


@value
class Answer:
    """`refusal` None = done; `text` = the value."""

    raw: bytes
    text: str
    refusal: tuple[str, str] | None


def find_answer(heard: bytes, tag: str) -> tuple[int, Answer] | None:
    """Where the answer to the command that begins with `tag` stands in `heard`, None = it is not there, or not yet."""
    found = re.search(
        re.escape(tag.encode("ascii")) + rb"([^\r\n\x05\x06\x15]{0,200})([\x05\x06\x15])[!.]", heard, re.IGNORECASE
    )
    if found is None:
        return None
    return found.start(), Answer(found[0], found[1].decode("latin-1"), REFUSALS.get(found[2][0]))
