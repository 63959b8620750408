"""The messages of a channel as JSON, seen from the PLC: what it says, and what it hears.

Source: PLC interface v1 §5. None is null for texts and the carrier, 0 for other numbers; a code is a text in which each
character U+0000 to U+00FF is one byte. Members that are not known are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from firmware_stubs.plcs._messages import FieldError, Fields, Heard

LONGEST = 65_536  # bytes of a message
LAST = 2**31 - 1  # of sequences and event numbers
AGE_MOST = 99_999  # that or older (§2 rule 10)
_NUMBER_MOST = 2**53

# The fields in order, as the line calls them; some have a unit behind their name on the wire.
_SAID: dict[str, str] = {
    "SPED": "element mm_s encoder age",
    "INDU": "evt point track carrier carriers length age",
    "ARRV": "evt point track age left length gap carrier lap certainty codes",
    "CODE": "evt point track outcome codes",
    "MEAS": "evt point track grams weight_status record_id length width height size_status",
    "PASS": "evt point track age",
    "DIVC": "evt track decision wanted actual result evidence lap age",
    "RCIR": "evt track decision wanted result lap age",
    "LOST": "evt track last_point before behind age",
    "GHST": "evt point track before behind carrier age",
    "HAND": "evt from_line from_epoch from_track point track age",
    "STAT": "evt element state code age",
    "BUTN": "evt element button age",
    "CONT": "evt lane presence code age",
    "OVFL": "evt lost_count age",
}
_TRAK_ITEM = "track point lane decision certainty lap age"
_UNITS = {"age": "_ms", "left": "_ms", "length": "_mm", "width": "_mm", "height": "_mm", "gap": "_mm"}

_ASKED: dict[str, str] = {  # name:kind; n = number, t = text, f = list of texts
    "SYES": "term:n durable_epoch:n durable_evt:n",
    "LIFE": "durable_evt:n",
    "TIME": "utc_ms:n",
    "DEST": "point:t track:n decision:n reason:t flags:f if_none:t lanes:f",
    "CMND": "element:t command:t command_id:t",
    "LAMP": "element:t colour:t mode:t text:t",
}
_TAKEN, _REFUSED = "durable_evt:n", "code:t"

_ODD = re.compile(r'[^ -~]|["\\]')


class JsonCodec:
    """What a PLC says on its topic: payloads."""

    def request(self, kind: str, epoch: int, sequence: int, session: int, fields: Fields) -> bytes:
        """A message of the PLC."""
        own: dict[str, object]
        if kind == "TRAK":
            own = {"items": [_named(_TRAK_ITEM, item) for item in fields["items"]]}
        else:
            own = _named(_SAID.get(kind, ""), fields)
        return _payload(session, kind, "R", epoch, sequence, own)

    def answer(self, request: Heard, code: str | None) -> bytes:
        """With the session, epoch and number of the request."""
        flag, own = ("A", {}) if code is None else ("N", {"code": code})
        return _payload(request.session, request.type, flag, request.epoch, request.sequence, own)

    def wire_ms(self, pieces: Sequence[bytes]) -> float:
        """A broker's network is as fast as one looks at it."""
        return 0.0


def heard(payload: bytes) -> Heard | None:
    """The message of a payload; None = it is none, or not whole."""
    if len(payload) > LONGEST:
        return None
    try:
        told = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    numbers: list[Any] = [told.get(key) for key in ("v", "session", "epoch", "seq")]
    kind, flag = told.get("type"), told.get("flag")
    if any(type(number) is not int for number in numbers) or not isinstance(kind, str) or not isinstance(flag, str):
        return None
    version, session, epoch, sequence = numbers
    understood = version == 1 and 1 <= session <= _NUMBER_MOST and sequence <= LAST
    return Heard(kind, flag, epoch, sequence, understood, partial(_fields, kind, flag, told), session)


def _fields(kind: str, flag: str, told: Mapping[str, object]) -> Fields:
    if flag == "R":
        shape = _ASKED.get(kind, "")
    else:
        shape = _TAKEN if flag == "A" else _REFUSED
    named = (field.split(":") for field in shape.split())
    return {name: _field(told.get(name, ...), name, shape) for name, shape in named}


def _field(value: object, name: str, shape: str) -> object:
    if shape == "n" and type(value) is int and 0 <= value <= _NUMBER_MOST:
        return value
    if shape == "t" and (value is None or isinstance(value, str)):
        return value or ""
    if shape == "f" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise FieldError(f"{name} is missing or is not what it must be")


def _named(names: str, fields: Fields) -> dict[str, object]:
    return dict(_member(name, fields.get(name)) for name in names.split())


def _member(name: str, value: object) -> tuple[str, object]:
    if name == "age":
        return "age_ms", min(value, AGE_MOST) if isinstance(value, int) else 0
    if name == "grams":
        return "weight_g", value
    if name == "codes":
        return name, [code.decode("latin-1") for code in value] if isinstance(value, tuple) else []
    if isinstance(value, tuple):  # the code of a container
        value = b"".join(value).decode("latin-1")
    if value == "" or (name == "carrier" and not value):
        value = None
    return name + _UNITS.get(name, ""), value


def _payload(session: int, kind: str, flag: str, epoch: int, sequence: int, own: Mapping[str, object]) -> bytes:
    head = {"v": 1, "session": session, "type": kind, "flag": flag, "epoch": epoch, "seq": sequence}
    return _json({**head, **own}).encode("ascii")


def _json(value: object) -> str:
    if isinstance(value, str):
        return f'"{_ODD.sub(_escaped, value)}"'
    if isinstance(value, dict):
        return _joined("{}", (f'"{name}":{_json(one)}' for name, one in value.items()))
    if isinstance(value, list):
        return _joined("[]", map(_json, value))
    return "null" if value is None else str(value)


def _joined(brackets: str, texts: Iterable[str]) -> str:
    return brackets[0] + ",".join(texts) + brackets[1]


def _escaped(odd: re.Match[str]) -> str:
    character = odd[0]
    if character in '"\\':
        return "\\" + character
    return f"\\u{ord(character):04X}" if ord(character) <= 0xFFFF else json.dumps(character)[1:-1]
