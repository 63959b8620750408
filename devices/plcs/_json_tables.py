"""The messages as JSON objects: one line a message, its members in order (PLC interface v1 §5).

A member is read into the field of the same meaning in devices/types.py, `age` excepted: it becomes the time of the
edge. `none` is null for texts and carriers, 0 for numbers. Members that a message's line does not name are ignored:
later versions may append some (§2, rule 10).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from devices.plcs._messages import Incoming, Outgoing
from devices.types import Code
from devices.value import value

VERSION = 1
LAST = 2**31 - 1
"""Sequence numbers and event numbers run so far and never wrap (§5)."""
LONGEST_TEXT, MOST_CODES, MOST_ITEMS, LONGEST_CODE = 64, 100, 12, 4096
STATES = ("RUN", "STOP", "JAM", "FULL", "HALF", "FREE", "LOCK", "NCON", "FALT", "ESTP", "MANU", "MAIN", "SLOW")
RESULTS = ("OK", "FU", "LK", "NC", "RL", "IN", "MI", "SZ", "DB", "JA", "LA", "NA", "MR")


class Malformed(ValueError):
    """Not a message. `reason` is for counting, the text says what is wrong with it."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


@value
class Member:
    """A member of the object: `read` makes a field of its value, or raises ValueError that says what is wanted."""

    key: str
    name: str
    read: Callable[[Any], Any]


def number(key: str, name: str = "", least: int = 0, most: int = LAST) -> Member:
    """A whole number."""

    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most} is wanted")
        return value

    return Member(key, name or key, read)


def text(key: str, name: str = "", optional: bool = False) -> Member:
    """A text of printable characters; null = none, where the message allows it."""

    def read(value: Any) -> str | None:
        if value is None and optional:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable():
            or_null = ", or null," if optional else ""
            raise ValueError(f"a printable text of 1 to {LONGEST_TEXT} characters{or_null} is wanted")
        return value

    return Member(key, name or key, read)


def choice(key: str, *values: str) -> Member:
    """One of few words."""

    def read(value: Any) -> str:
        if value not in values or not isinstance(value, str):
            raise ValueError(f"one of {' '.join(values)} is wanted")
        return value

    return Member(key, key, read)


def carrier() -> Member:
    """A carrier's number as text; null = none."""
    digits = number("carrier", least=1)
    return Member("carrier", "carrier", lambda value: None if value is None else str(digits.read(value)))


def code(key: str, name: str, optional: bool = False) -> Member:
    """A barcode: each character is one byte."""

    def read(value: Any) -> Code | None:
        if value is None and optional:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_CODE or any(ord(c) > 0xFF for c in value):
            raise ValueError(f"a text of 1 to {LONGEST_CODE} characters up to \\u00FF is wanted")
        return Code(value.encode("latin-1"))

    return Member(key, name, read)


def listed(key: str, least: int, most: int, one: Callable[[Any], Any]) -> Member:
    """An array, as a tuple."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError(f"an array of {least} to {most} is wanted")
        return tuple(map(one, value))

    return Member(key, key, read)


def _item(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("objects are wanted")
    return _read(ITEM, value)


AGE = number("age_ms", "age")
POINT, TRACK, ELEMENT = text("point"), number("track", least=1, most=999_999), text("element")
BEFORE, BEHIND = number("before", most=999_999), number("behind", most=999_999)
LENGTH = number("length_mm", "length")
DECISION = number("decision", most=9999)
WANTED, LANE = text("wanted", optional=True), text("lane", optional=True)
RESULT = choice("result", *RESULTS)
LAP = number("lap")
CERTAINTY = choice("certainty", "S", "D", "U")
CODES = listed("codes", 0, MOST_CODES, code("", "").read)
STATE_CODE = Member("code", "code", lambda value: text("code", optional=True).read(value) or "")
ITEM = (TRACK, POINT, LANE, DECISION, CERTAINTY, LAP, AGE)

EVENTS: dict[str, tuple[Member, ...]] = {
    "INDU": (POINT, TRACK, carrier(), number("carriers"), LENGTH, AGE),
    "ARRV": (
        POINT, TRACK, AGE, number("left_ms", "left"), LENGTH, number("gap_mm", "gap"), carrier(), LAP, CERTAINTY, CODES,
    ),
    "CODE": (POINT, TRACK, choice("outcome", "R", "N", "F"), CODES),
    "MEAS": (
        POINT, TRACK, number("weight_g"), choice("weight_status", "A", "U", "E"), text("record_id", optional=True),
        number("length_mm"), number("width_mm"), number("height_mm"), choice("size_status", "A", "U", "E"),
    ),
    "PASS": (POINT, TRACK, AGE),
    "DIVC": (
        TRACK, DECISION, WANTED, text("actual", optional=True), RESULT, choice("evidence", *"CGEX"), LAP, AGE,
    ),
    "RCIR": (TRACK, DECISION, WANTED, RESULT, LAP, AGE),
    "LOST": (TRACK, text("last_point", optional=True), BEFORE, BEHIND, AGE),
    "GHST": (POINT, TRACK, BEFORE, BEHIND, carrier(), AGE),
    "HAND": (
        text("from_line"), number("from_epoch", least=1, most=0xFFFF), number("from_track", least=1, most=999_999),
        POINT, TRACK, AGE,
    ),
    "STAT": (ELEMENT, choice("state", *STATES), STATE_CODE, AGE),
    "BUTN": (ELEMENT, choice("button", "CLOS", "LOCK", "FREE"), AGE),
    "CONT": (text("lane"), choice("presence", "P", "G"), code("code", "code", optional=True), AGE),
    "OVFL": (number("lost_count", "lost"), AGE),
}  # fmt: skip

SESSION: dict[str, tuple[Member, ...]] = {
    "SYBE": (),
    "TRAK": (listed("items", 1, MOST_ITEMS, _item),),
    "SYEN": (),
    "LIFE": (),
    "SPED": (ELEMENT, number("mm_s"), number("encoder", most=9_999_999_999), AGE),
}

UP: dict[str, tuple[Member, ...]] = {**EVENTS, **SESSION}
EVT = number("evt", least=1)
EPOCH = number("epoch", least=1, most=0xFFFF)
HEAD = (number("session", least=1, most=2**53), EPOCH, number("seq", "sequence", least=1))
REFUSAL = text("code")


@value
class Envelope:
    """A message of the PLC, and the session that it belongs to."""

    session: int
    message: Incoming


def members(payload: bytes) -> dict[str, Any]:
    """The object that a payload is. Raises Malformed."""
    try:
        body = json.loads(payload.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_json)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Malformed("json", f"no JSON: {error}") from None
    if not isinstance(body, dict):
        raise Malformed("json", "no JSON object")
    return body


def parse(payload: bytes) -> Envelope:
    """A message of `{base}/up`. Raises Malformed for what has no place in a session."""
    body = members(payload)
    kind, flag, version = body.get("type"), body.get("flag"), body.get("v")
    if not isinstance(kind, str) or not isinstance(flag, str) or type(version) is not int:
        raise Malformed("header", "type and flag must be texts, v a whole number")
    try:
        head = _read(HEAD, body)
        fields = _read((REFUSAL,), body) if flag == "N" else {}
    except ValueError as error:
        raise Malformed("header", str(error)) from None
    evt, problem = None, ""
    foreign = flag == "R" and (version != VERSION or kind not in UP)
    if flag == "R":
        try:
            if kind in EVENTS or (foreign and "evt" in body):
                evt = _read((EVT,), body)["evt"]
            fields = {} if foreign else _read(UP[kind], body)
        except ValueError as error:
            problem = f"{kind[:LONGEST_TEXT]}: {error}"
    if foreign:
        problem = f"unknown version {version}" if version != VERSION else f"unknown type {kind[:LONGEST_TEXT]!r}"
    elif flag not in ("R", "A", "N") or version != VERSION:
        raise Malformed("unknown flag or version", f"flag {flag[:LONGEST_TEXT]!r} of version {version}")
    if evt:
        fields = {**fields, "evt": evt}
    message = Incoming(kind, flag, head["epoch"], head["sequence"], fields, payload, evt, problem, foreign)
    return Envelope(head["session"], message)


class _Twice:
    """What stands in place of a member that an object has twice: nobody knows which of the two is meant."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) < len(pairs):
        body.update({name: _Twice() for name, count in Counter(name for name, _ in pairs).items() if count > 1})
    return body


def _no_json(constant: str) -> Any:
    """Python reads NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{constant} is none")


def _read(members: tuple[Member, ...], body: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for member in members:
        if member.key not in body:
            raise ValueError(f"{member.key} is missing")
        if isinstance(body[member.key], _Twice):
            raise ValueError(f"{member.key} stands twice")
        try:
            values[member.name] = member.read(body[member.key])
        except ValueError as error:
            raise ValueError(f"{member.key}: {error}") from None
    return values


def build(session: int, message: Outgoing) -> bytes:
    """A message for `{base}/down`."""
    body = {
        "v": VERSION,
        "session": session,
        "type": message.type,
        "flag": message.flag,
        "epoch": message.epoch,
        "seq": message.sequence,
        **message.fields,
    }
    if "flags" in body:
        body["flags"] = [] if body["flags"] == "-" else [body["flags"]]
    if message.type == "LAMP":
        body["text"] = body["text"] or None
    return json.dumps(body, separators=(",", ":")).encode("ascii")
