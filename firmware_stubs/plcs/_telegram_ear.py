"""What a PLC understands of telegrams, for comparing two talks. Source: PLC interface v1 §2 and §3.

Apart are left: the epoch and numbers of the controller, which count its starts and its requests; `durable_evt`, which
says how far its disk is; TIME, and LIFE, which is said when nothing else was.
"""

from __future__ import annotations

import re
from collections import Counter

from firmware_stubs.ears import GARBLED, Number, Told
from firmware_stubs.plcs._messages import FieldError, Fields
from firmware_stubs.plcs._telegram_codec import BODIES, CRC, ETX, HEADER, LONGEST, STX, Deframer, Telegram, crc, frame
from firmware_stubs.plcs._telegram_messages import heard_of
from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.wire_print import shown

UNTIMED_MS = 1e12
"""no gap ends a partial telegram: the pieces of a recording are compared without their times"""

BY_ITSELF = ("LIFE", "TIME")
SUBJECTS = {"DEST": "track", "CMND": "element", "LAMP": "element"}
_FRAME = re.compile(rb"\x02([\x20-\x7e]{%d,})[0-9A-F]{%d}\x03" % (HEADER, CRC))
_PARTS = re.compile(rb"\x02[^\x02\x03]*\x03|\x02[^\x02\x03]*|[^\x02]+")


class TelegramEar:
    """An `Ear`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._deframer = Deframer(UNTIMED_MS, self._counts)
        self._half = b""  # a telegram of the machine that is not whole yet

    def told(self, piece: Piece) -> list[Told]:
        """What the controller says."""
        data, before = as_bytes(piece), self._counts["garbled"]
        told = [_told(telegram) for telegram in self._deframer.feed(data, 0.0)]
        if self._counts["garbled"] > before:
            told.append(Told(GARBLED, f"garbled {shown(data)}"))
        return told

    def parts(self, piece: Piece) -> list[tuple[Number | None, Piece]]:
        """Whole telegrams of the PLC; an answer has the epoch and sequence of its request."""
        parts = _PARTS.findall(self._half + as_bytes(piece))
        self._half = b""
        if parts and parts[-1][:1] == STX and parts[-1][-1:] != ETX and len(parts[-1]) <= LONGEST:
            self._half = parts.pop()
        return [(_number(part), part) for part in parts]

    def renumbered(self, part: Piece, number: Number) -> Piece:
        """An answer with another epoch and sequence."""
        (answer,) = _telegrams(as_bytes(part))
        epoch, sequence = number
        who = answer.sender.rstrip("."), answer.receiver.rstrip(".")
        return frame(*who, answer.type, answer.flag, epoch, sequence, answer.body)


def _telegrams(part: bytes) -> list[Telegram]:
    return Deframer(UNTIMED_MS, Counter()).feed(part, 0.0)


def _number(part: bytes) -> Number | None:
    found = _telegrams(part)
    return (found[0].epoch, found[0].sequence) if len(found) == 1 and found[0].flag in ("A", "N") else None


def _told(telegram: Telegram) -> Told:
    if telegram.flag != "R":
        code = "" if telegram.flag == "A" else f" {telegram.body.rstrip('.')}"
        text = f"{telegram.flag} to {telegram.type} {telegram.epoch:04X} {telegram.sequence}{code}"
        return Told("answers", text, repeats=True)
    number = (telegram.epoch, telegram.sequence)
    names = telegram.receiver.rstrip("."), telegram.sender.rstrip(".")
    answer = frame(*names, telegram.type, "A", *number)
    if telegram.type in BY_ITSELF and telegram.version == "1":
        return Told(telegram.type, "", number, answer=answer)
    about, asks, text = _meaning(telegram)
    return Told(about, text, number, asks, repeats=True, answer=answer)


def _meaning(telegram: Telegram) -> tuple[str, str, str]:
    """About what a request is, what it asks, and all of it."""
    who = f"{telegram.sender.rstrip('.')} to {telegram.receiver.rstrip('.')}"
    try:
        fields = heard_of(telegram).read()
    except FieldError as error:
        return telegram.type, telegram.type, f"{telegram.type} from {who}: {error}: {telegram.body}"
    words = " ".join(f"{name}={word(value)}" for name, value in fields.items()) or telegram.body
    return *meant(telegram.type, fields), f"{telegram.type} from {who}: {words}"


def meant(kind: str, fields: Fields) -> tuple[str, str]:
    """About what a request is, and what it asks."""
    subject = SUBJECTS.get(kind, "")
    if not subject or subject not in fields:
        return kind, kind
    about = f"{subject} {fields[subject]}"
    return about, f"{kind} {about} {fields.get('decision', fields.get('command', ''))}"


def word(value: object) -> str:
    """A field's value in a meaning."""
    return ",".join(value) or "-" if isinstance(value, tuple) else str(value)


def codes_in(data: bytes) -> list[str]:
    """The codes that telegrams of a PLC carry."""
    return [code for telegram in _telegrams(data) for code in _codes(telegram)]


def resealed(data: bytes) -> bytes:
    """Telegrams whose text was changed, each with the check that it must have now."""
    return _FRAME.sub(lambda found: STX + found[1] + crc(found[1]) + ETX, data)


def _codes(telegram: Telegram) -> list[str]:
    shape = BODIES.get(telegram.type, "")
    if telegram.flag != "R" or not shape.endswith(("codes:c*", "code:c age:n5")):
        return []
    fixed = sum(int(width) for width in re.findall(r":[tnh]([0-9]+)", shape.partition(" code")[0]))
    rest, found = telegram.body[fixed:], []
    count = int(rest[:1]) if shape.endswith("*") and rest[:1].isdigit() else 1
    rest = rest[1:] if shape.endswith("*") else rest
    for _ in range(count):
        length = int(rest[:3]) if rest[:3].isdigit() else 0
        found.append(rest[3 : 3 + length])
        rest = rest[3 + length :]
    return found
