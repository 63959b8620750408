"""What a frame of CoLa says: the kind of telegram, a name, arguments; both dialects.

`sRN`, `sWN`, `sMN`, `sEN` are commands, `sRA`, `sWA`, `sAN`, `sEA` their answers, `sFA` an error in place of an
answer, `sSN` an event. In CoLa-A a number with a sign is decimal, one without is hexadecimal. In CoLa-B arguments are
binary and not typed on the wire: a lone number of 1, 2 or 4 bytes becomes decimal text.

Sources: SICK manuals Bulkscan LMS511 (numbers), LMS4000, TiM781, picoScan120 (verbs, states), Visionary CoLaError.
"""

from __future__ import annotations

import re

from devices.barcodes.text import text_of
from devices.framing import Frame
from devices.scanners._cola import Binary
from devices.value import value

ERRORS = {
    1: "access denied",
    2: "unknown method",
    3: "unknown variable",
    4: "a local condition failed, such as the range of a value",
    5: "invalid data",
    6: "unknown error",
    7: "buffer overflow",
    8: "buffer underflow",
    9: "unknown type",
}
UNKNOWN = "an error without a known meaning"

ERROR, EVENT = b"sFA", b"sSN"

_TELEGRAM = re.compile(rb"(s(?:RN|WN|MN|EN|RA|WA|AN|EA|SN))(?: ([^ ]*)(?: (.*))?)?", re.DOTALL)


@value
class Telegram:
    """`kind` is its first three letters, `verb` kind and name, `text` the arguments. `binary`: it came as CoLa-B."""

    kind: bytes
    verb: str
    text: str
    binary: bool

    def is_command(self) -> bool:
        """Whether a host says it."""
        return self.kind.endswith(b"N") and self.kind not in (b"sAN", EVENT)

    def number(self) -> int | None:
        """Its only argument, None if that is no number."""
        text = self.text
        if re.fullmatch(r"[+-][0-9]{1,10}", text) or (self.binary and re.fullmatch(r"[0-9]{1,10}", text)):
            return int(text)
        return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", text) else None


def telegram(frame: Frame) -> Telegram | None:
    """What a frame says, None when it cannot be a telegram. In CoLa-A a code may read like one."""
    binary = isinstance(frame, Binary)
    if frame.data[:3] == ERROR and (binary or frame.data[3:4] in (b"", b" ")):
        return Telegram(ERROR, "sFA", _value(frame.data[3:].removeprefix(b" "), binary), binary)
    found = _TELEGRAM.fullmatch(frame.data)
    if found is None:
        return None
    kind, name, argument = (group or b"" for group in found.groups())
    return Telegram(kind, text_of(kind + b" " + name)[0].rstrip(), _value(argument, binary), binary)


def _value(argument: bytes, binary: bool) -> str:
    if not binary or all(0x20 <= byte <= 0x7E for byte in argument):
        return text_of(argument)[0]
    return str(int.from_bytes(argument)) if len(argument) in (1, 2, 4) else argument.hex()
