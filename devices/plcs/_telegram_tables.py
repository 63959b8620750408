"""The messages as ASCII telegrams: one line a message, its fields in order (PLC interface v1 §2, §3).

Every event begins with `evt`, which stands in EVENTS only once, by `event`. The names of the fields are those of the
values in devices/types.py, `age` excepted: it becomes the time of the edge.
"""

from __future__ import annotations

from typing import Any

from devices.plcs._messages import Incoming, Outgoing
from devices.plcs._telegram_codec import (
    VERSION,
    Field,
    Malformed,
    Telegram,
    barcode,
    carrier,
    choice,
    group,
    hex4,
    ident,
    listed,
    number,
    read_body,
    text,
    write_body,
)

STATES = ("RUN", "STOP", "JAM", "FULL", "HALF", "FREE", "LOCK", "NCON", "FALT", "ESTP", "MANU", "MAIN", "SLOW")
RESULTS = ("OK", "FU", "LK", "NC", "RL", "IN", "MI", "SZ", "DB", "JA", "LA", "NA", "MR")
COMMANDS = ("STOP", "INHB", "ENAB", "BLCK", "OPEN", "EMPT", "ACKN")

EVT = number("evt", 6, 1)
POINT = ident("point")
ELEMENT = ident("element")
TRACK = number("track", 6, 1)
BEFORE, BEHIND = number("before", 6), number("behind", 6)
AGE = number("age", 5)
LENGTH = number("length", 5)
DECISION = number("decision", 4)
WANTED = ident("wanted", optional=True)
RESULT = choice("result", *RESULTS)
EVIDENCE = choice("evidence", "C", "G", "E", "X")
LAP = number("lap", 2)
CERTAINTY = choice("certainty", "S", "D", "U")
CODES = listed("codes", 1, 0, 9, barcode("code"))
STATE = choice("state", *STATES)
DURABLE = number("durable_evt", 6)

ITEM = group("item", TRACK, POINT, ident("lane", optional=True), DECISION, CERTAINTY, LAP, AGE)


def event(*fields: Field) -> tuple[Field, ...]:
    """The fields of a class E body."""
    return (EVT, *fields)


def status(name: str) -> Field:
    """How far a measured value may be trusted."""
    return choice(name, "A", "U", "E")


EVENTS: dict[str, tuple[Field, ...]] = {
    "INDU": event(POINT, TRACK, carrier(), number("carriers", 1), LENGTH, AGE),
    "ARRV": event(
        POINT, TRACK, AGE, number("left", 5), LENGTH, number("gap", 5), carrier(), LAP, CERTAINTY, CODES
    ),
    "CODE": event(POINT, TRACK, choice("outcome", "R", "N", "F"), CODES),
    "MEAS": event(
        POINT, TRACK, number("weight_g", 8), status("weight_status"), ident("record_id", optional=True),
        number("length_mm", 5), number("width_mm", 5), number("height_mm", 5), status("size_status"),
    ),
    "PASS": event(POINT, TRACK, AGE),
    "DIVC": event(TRACK, DECISION, WANTED, ident("actual", optional=True), RESULT, EVIDENCE, LAP, AGE),
    "RCIR": event(TRACK, DECISION, WANTED, RESULT, LAP, AGE),
    "LOST": event(TRACK, ident("last_point", optional=True), BEFORE, BEHIND, AGE),
    "GHST": event(POINT, TRACK, BEFORE, BEHIND, carrier(), AGE),
    "HAND": event(ident("from_line", 4), hex4("from_epoch", 1), number("from_track", 6, 1), POINT, TRACK, AGE),
    "STAT": event(ELEMENT, STATE, text("code", 6), AGE),
    "BUTN": event(ELEMENT, choice("button", "CLOS", "LOCK", "FREE"), AGE),
    "CONT": event(ident("lane"), choice("presence", "P", "G"), barcode("code", optional=True), AGE),
    "OVFL": event(number("lost", 5), AGE),
}  # fmt: skip

SESSION: dict[str, tuple[Field, ...]] = {
    "SYBE": (),
    "TRAK": (listed("items", 2, 1, 12, ITEM),),
    "SYEN": (),
    "LIFE": (),
    "SPED": (ELEMENT, number("mm_s", 5), number("encoder", 10), AGE),
}

UP: dict[str, tuple[Field, ...]] = {**EVENTS, **SESSION}

DOWN: dict[str, tuple[Field, ...]] = {
    "SYES": (number("term", 8), hex4("durable_epoch"), DURABLE),
    "LIFE": (DURABLE,),
    "TIME": (number("utc_ms", 13),),
    "DEST": (
        POINT, TRACK, number("decision", 4, 1), text("reason", 4), choice("flags", "-", "N"),
        choice("if_none", "D", "L", "K"), listed("lanes", 1, 1, 4, ident("lane")),
    ),
    "CMND": (ELEMENT, choice("command", *COMMANDS), text("command_id", 8)),
    "LAMP": (ELEMENT, choice("colour", *"RGBYW-"), choice("mode", "S", "B"), text("text", 8)),
}  # fmt: skip

TAKEN = (DURABLE,)
"""The body of the controller's `A`."""

REFUSED = (text("code", 4),)
"""The body of an `N`."""


def incoming(telegram: Telegram, raw: bytes) -> Incoming:
    """A telegram of the PLC with its fields read. Raises Malformed for an `N` without a code."""
    t = telegram
    fields: dict[str, Any] = {}
    evt, problem = None, ""
    foreign = t.flag == "R" and (t.version != VERSION or t.type not in UP)
    if t.flag == "N":
        fields = read_body(REFUSED, t.body)
    elif t.flag == "R":
        try:
            if foreign or t.type in EVENTS:
                evt, _ = EVT.read(t.body, 0)
            fields = {} if foreign else read_body(UP[t.type], t.body)
        except Malformed as error:
            problem = f"{t.type}: {error}"
    if foreign:
        problem = f"unknown version {t.version!r}" if t.version != VERSION else f"unknown type {t.type!r}"
    return Incoming(t.type, t.flag, t.epoch, t.sequence, fields, raw, evt, problem, foreign)


def outgoing_body(message: Outgoing) -> str:
    """The body of a message to the PLC. Raises ValueError when a value does not fit its field."""
    table = {"A": TAKEN, "N": REFUSED}.get(message.flag) or DOWN[message.type]
    return write_body(table, message.fields)
