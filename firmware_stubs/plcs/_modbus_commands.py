"""What the controller's commands of a session mean to the line (all but SYES, which begins one).

Source: PLC interface v1 §2, §4. TIME is only taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._modbus_records import COMMANDS, TYPES, Numbers, destination


def judge(words: Sequence[int], numbers: Numbers, line: Line, *, synchronised: bool, now: float) -> str | None:
    """The code of the refusal of the command in this record, or None = taken."""
    kind = words[0]
    if kind == TYPES["DEST"]:
        dest = destination(words, numbers)
        return line.judge(dest, now) if dest else "FORM"
    if kind == TYPES["CMND"]:
        if not synchronised:
            return "NSYN"
        command = COMMANDS.get(words[6])
        return line.command(numbers.name(words[3]), command, now) if command else "FORM"
    return None if kind == TYPES["TIME"] else "FORM"
