"""A script in place of a PLC that speaks JSON over MQTT: it says what the test says and reads what it is told."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from devices.plcs.mqtt_json import Driver, Settings
from devices.types import Code, Destination, Item, Kept, Message

UP, DOWN, STATUS = "plc/S1/up", "plc/S1/down", "plc/S1/status"
EPOCH = 26
UTC = 1795412345678
KEPT = Kept(epoch=EPOCH, evt=411, boot=3, term=7, utc_ms=UTC)
DEST = Destination("IND-1", 417, 1, "PLAN", ("L07", "L08"))
NULL: Any = None

ARRV: dict[str, Any] = {
    "point": "IND-1", "track": 417, "age_ms": 12, "left_ms": 1300, "length_mm": 380, "gap_mm": 1210,
    "carrier": NULL, "lap": 0, "certainty": "S", "codes": [],
}  # fmt: skip
PASS: dict[str, Any] = {"point": "P2", "track": 417, "age_ms": 10}
DIVC: dict[str, Any] = {
    "track": 417, "decision": 1, "wanted": "L07", "actual": "L07", "result": "OK", "evidence": "G", "lap": 0,
    "age_ms": 3,
}  # fmt: skip


def readable(value: Any, at: float) -> str:
    """An item in the words of the transcript: `Passed point=P2 track=417 edge=10 token=(26, 418)`."""
    match value:
        case None:
            return "none"
        case Code():
            return value.raw.hex()
        case tuple() if value and isinstance(value[0], int):
            return str(value)
        case tuple() | list():
            return f"[{', '.join(readable(one, at) for one in value)}]"
    if not dataclasses.is_dataclass(value):
        return str(value)
    words = [type(value).__name__]
    order = ("token", "refused", "why") if words == ["Garbled"] else [f.name for f in dataclasses.fields(value)]
    for name in order:
        field = getattr(value, name)
        if name == "edge" and field is not None:
            field = round(at - field)
        if name not in ("at", "raw"):
            words.append(f"{name}={readable(field, at)}")
    return " ".join(words)


class Line:
    """A driver with a clock, and the next sequence and event number of the PLC."""

    def __init__(self, kept: Kept = KEPT, **settings: Any) -> None:
        self.driver = Driver(Settings("plc/S1", **settings))
        self.now = 1000.0
        self.seq, self.evt = 6240, 411
        self.boot = kept.boot
        self.session = 0
        self.syes: dict[str, Any] = {}
        self.driver.opened(self.now, kept)

    def say(self, topic: str, payload: bytes, retain: bool = False) -> list[Item]:
        return list(self.driver.feed(Message(topic, payload, 1, retain), self.now))

    def plc(self, kind: str, flag: str = "R", seq: int | None = None, retain: bool = False, **more: Any) -> list[Item]:
        """A message of the PLC, in the session in force and with its next number; `more` adds and replaces members."""
        if seq is None:
            self.seq = seq = self.seq + 1
        body = {"v": 1, "session": self.session, "type": kind, "flag": flag, "epoch": EPOCH, "seq": seq, **more}
        return self.say(UP, json.dumps(body).encode(), retain)

    def event(self, kind: str, body: dict[str, Any], **more: Any) -> list[Item]:
        """The next event."""
        self.evt += 1
        return self.plc(kind, **{"evt": self.evt, **body, **more})

    def answer(self, to: dict[str, Any], code: str = "", **more: Any) -> list[Item]:
        """The PLC's answer to a message of the driver."""
        told = {"code": code} if code else {}
        same = {key: to[key] for key in ("session", "epoch")}
        return self.plc(to["type"], "N" if code else "A", to["seq"], **{**same, **told, **more})

    def written(self) -> list[dict[str, Any]]:
        """What the driver writes now, as objects; the session of a SYES is from then on in force."""
        out = []
        for message in self.driver.take():
            assert (message.topic, message.qos, message.retain) == (DOWN, 1, False)
            said = json.loads(message.payload)
            if said["type"] == "SYES" and said["flag"] == "R":
                self.session, self.syes = said["session"], said
            out.append(said)
        return out

    def one(self) -> dict[str, Any]:
        (said,) = self.written()
        return said

    def run(self, ms: float) -> list[Item]:
        """Let time pass, calling `tick` exactly when the driver wants it."""
        end = self.now + ms
        items: list[Item] = []
        for _ in range(10_000):
            at = self.driver.next_at()
            if at is None or at > end:
                self.now = end
                return items
            self.now = max(self.now, at)
            items += self.driver.tick(self.now)
            assert self.driver.next_at() != at, "tick at next_at() must make progress"
        raise AssertionError("busy loop")

    def tick(self, after_ms: float) -> list[Item]:
        self.now += after_ms
        return list(self.driver.tick(self.now))

    def begin(self, **more: Any) -> list[Item]:
        """SYES is taken and SYBE comes."""
        self.written()
        items = self.answer(self.syes)
        return items + self.plc("SYBE", **more)

    def normal(self, **more: Any) -> Line:
        self.begin(**more)
        self.plc("SYEN", **more)
        self.written()
        return self


def heads(said: Sequence[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """(type, flag, sequence) of each."""
    return [(one["type"], one["flag"], one["seq"]) for one in said]


def refusals(said: Sequence[dict[str, Any]]) -> list[str]:
    """The codes of all `N`."""
    return [one["code"] for one in said if one["flag"] == "N"]
