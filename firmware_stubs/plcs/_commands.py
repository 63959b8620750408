"""What the controller's requests of a session mean to the line (all but SYES, which begins one).

Source: PLC interface v1 §2. TIME is only checked and answered.
"""

from __future__ import annotations

from firmware_stubs.plcs._elements import Lamp
from firmware_stubs.plcs._item import Destination
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._messages import FieldError, Fields, Heard

IF_NONE = frozenset("DLK")


def judge(heard: Heard, line: Line, *, synchronised: bool, now: float) -> str | None:
    """The code of the refusal, or None = answered with A. Raises FieldError for a bad body."""
    if not heard.understood or heard.sequence < 1:
        return "FORM"
    fields = heard.read()
    if heard.type == "LIFE":
        line.forget(fields["durable_evt"])
    elif heard.type == "DEST":
        return line.judge(_destination(fields), now)
    elif heard.type == "CMND":
        return line.command(fields["element"], fields["command"], now) if synchronised else "NSYN"
    elif heard.type == "LAMP":
        return line.elements.light(fields["element"], Lamp(fields["colour"], fields["mode"], fields["text"]))
    elif heard.type != "TIME":
        return "FORM"
    return None


def _destination(fields: Fields) -> Destination:
    flags, if_none, lanes = fields["flags"], fields["if_none"], fields["lanes"]
    if flags not in ((), ("N",)) or if_none not in IF_NONE or fields["decision"] < 1 or not 1 <= len(lanes) <= 4:
        raise FieldError("flags, if_none, decision or count of lanes")
    return Destination(
        fields["point"], fields["track"], fields["decision"], fields["reason"], bool(flags), if_none, lanes
    )
