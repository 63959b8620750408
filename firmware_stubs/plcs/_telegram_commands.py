"""What the controller's requests of a session mean to the line (all but SYES, which begins one).

Source: PLC interface v1 §2 and the widths of §3. TIME is only checked and answered.
"""

from __future__ import annotations

from firmware_stubs.plcs._elements import Lamp
from firmware_stubs.plcs._item import Destination
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._telegram_codec import FieldError, Fields, Telegram

IF_NONE = frozenset("DLK")


def judge(telegram: Telegram, line: Line, *, synchronised: bool, now: float) -> str | None:
    """The code of the refusal, or None = answered with A. Raises FieldError for a bad body."""
    if telegram.version != "1" or telegram.sequence == 0:
        return "FORM"
    fields = Fields(telegram.body)
    if telegram.type == "LIFE":
        line.forget(fields.number(6))
    elif telegram.type == "DEST":
        return line.judge(_destination(fields), now)
    elif telegram.type == "CMND":
        element, command = fields.text(12), fields.text(4)
        fields.text(8)
        return line.command(element, command, now) if synchronised else "NSYN"
    elif telegram.type == "TIME":
        fields.number(13)
    elif telegram.type == "LAMP":
        element, colour, mode, text = (fields.text(width) for width in (12, 1, 1, 8))
        return line.elements.light(element, Lamp(colour, mode, text))
    else:
        return "FORM"
    return None


def _destination(fields: Fields) -> Destination:
    point, track, decision, reason = fields.text(12), fields.number(6), fields.number(4), fields.text(4)
    flags, if_none, count = fields.text(1), fields.text(1), fields.number(1)
    if flags not in ("-", "N") or if_none not in IF_NONE or decision == 0 or not 1 <= count <= 4:
        raise FieldError("flags, if_none, decision or count of lanes")
    lanes = tuple(fields.text(12) for _ in range(count))
    return Destination(point, track, decision, reason, flags == "N", if_none, lanes)
