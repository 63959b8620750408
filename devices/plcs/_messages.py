"""Messages of the PLC interface between fields by name and the values of devices/types.py, in whatever encoding.

`Incoming` and `Outgoing` are what an encoding and the channel exchange: a request `R`, its `A` or `N`, with fields by
name. An encoding decodes everything it can; what it cannot stands in `problem`, and the channel judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from devices.types import (
    Arrived,
    Button,
    Codes,
    Command,
    ContainerSeen,
    Destination,
    Discharged,
    Ghost,
    HandedOver,
    Inducted,
    Item,
    Lamp,
    Measured,
    Overflow,
    Passed,
    Recirculated,
    Request,
    SetTime,
    Speed,
    Status,
    Token,
    TrackLost,
    TrackOnBelt,
    Tracks,
)
from devices.value import value

AGE_UNKNOWN = 99999
"""An age that says only "that or older" (PLC interface v1 §2, rule 10)."""

EVENTS: dict[str, type[Any]] = {
    "INDU": Inducted,
    "ARRV": Arrived,
    "CODE": Codes,
    "MEAS": Measured,
    "PASS": Passed,
    "DIVC": Discharged,
    "RCIR": Recirculated,
    "LOST": TrackLost,
    "GHST": Ghost,
    "HAND": HandedOver,
    "STAT": Status,
    "BUTN": Button,
    "CONT": ContainerSeen,
    "OVFL": Overflow,
}

REFUSALS = frozenset("NSYN UNKT LATE OLDD LUNK PUNK BUSY MODE OLDC FORM".split())


@value
class Incoming:
    """A valid message of the PLC. In answers `epoch` and `sequence` are those of our request.

    `evt` = the number of an event, None when it is no event or the number cannot be read. `problem` = why a request
    must be refused with FORM, empty if it is sound. `foreign` = its type or version is unknown: `evt` is what stands
    where an event has its number.
    """

    type: str
    flag: str
    epoch: int
    sequence: int
    fields: Mapping[str, Any]
    raw: bytes
    evt: int | None = None
    problem: str = ""
    foreign: bool = False

    @property
    def refusal(self) -> str | None:
        """The code of an `N`; None in an `A`."""
        return self.fields["code"] if self.flag == "N" else None


@value
class Outgoing:
    """A message to the PLC; the encoding adds the names of both sides."""

    type: str
    flag: str
    epoch: int
    sequence: int
    fields: Mapping[str, Any] = field(default_factory=dict)


def _edged(values: Mapping[str, Any], at: float) -> dict[str, Any]:
    """The same values with `edge`, the time of the physical edge, in place of `age`."""
    out = dict(values)
    if "age" in out:
        age = out.pop("age")
        out["edge"] = None if age >= AGE_UNKNOWN else at - age
    return out


def event(kind: str, fields: Mapping[str, Any], at: float, token: Token) -> Item:
    """The item of a class E message."""
    values = _edged(fields, at)
    del values["evt"]
    made: Item = EVENTS[kind](**values, at=at, token=token)
    return made


def tracks(fields: Mapping[str, Any], at: float) -> Tracks:
    """The item of TRAK."""
    return Tracks(tuple(TrackOnBelt(**_edged(item, at)) for item in fields["items"]), at)


def speed(fields: Mapping[str, Any], at: float) -> Speed:
    """The item of SPED."""
    return Speed(**_edged(fields, at), at=at)


def command(value: Command) -> tuple[str, dict[str, Any]]:
    """Message type and fields of a command. Raises TypeError for what no PLC knows, ValueError for a contradiction."""
    match value:
        case Destination():
            if value.no_default and value.if_none == "D":
                raise ValueError("a DEST that forbids the default lane cannot name it for `if_none`: use L or K")
            return "DEST", {
                "point": value.point,
                "track": value.track,
                "decision": value.decision,
                "reason": value.reason,
                "flags": "N" if value.no_default else "-",
                "if_none": value.if_none,
                "lanes": value.lanes,
            }
        case Request():
            return "CMND", {"element": value.element, "command": value.command, "command_id": value.command_id}
        case SetTime():
            return "TIME", {"utc_ms": value.utc_ms}
        case Lamp():
            return "LAMP", {"element": value.element, "colour": value.colour, "mode": value.mode, "text": value.text}
        case _:
            raise TypeError(f"a PLC takes no {type(value).__name__}")
