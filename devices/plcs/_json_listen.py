"""Messages of both sides as items, without any rule of a session: for reading what was recorded of a broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from devices.framing import Bad, Delimited
from devices.plcs import _json_tables as tables
from devices.plcs import _messages as messages
from devices.plcs._messages import Incoming
from devices.types import CommandSeen, Garbled, Heartbeat, Item, Reply, SessionBegun, Synchronised

DOWN = ("SYES", "TIME", "DEST", "CMND", "LAMP")
LONGEST = 1_048_576
RAW = 64


class Sniffer:
    """One payload a line, as `mosquitto_sub` prints them."""

    def __init__(self, settings: object = None) -> None:
        self._framer = Delimited(start=None, end=b"\n", max_length=LONGEST, gap_ms=None)

    def feed(self, data: bytes, at: float) -> Sequence[Item]:
        """What these bytes complete. The PLC's messages become their items, ours CommandSeen, answers Reply."""
        return [self._item(piece.raw if isinstance(piece, Bad) else piece.data, at) for piece in self._pieces(data, at)]

    def close(self, now: float) -> Sequence[Item]:
        """The recording ends, with or without an end of line."""
        return self.feed(b"\n", now)

    def _pieces(self, data: bytes, at: float) -> list[Any]:
        found = self._framer.feed(data, at)
        return [piece for piece in found if isinstance(piece, Bad) or piece.data.strip()]

    def _item(self, payload: bytes, at: float) -> Item:
        try:
            body = tables.members(payload)
            kind, flag = body.get("type"), body.get("flag")
            if flag == "R" and (kind in DOWN or (kind == "LIFE" and "durable_evt" in body)):
                return CommandSeen(str(kind), _readable(body), payload, at)
            message = tables.parse(payload).message
        except tables.Malformed as error:
            return Garbled(payload[:RAW], str(error), at)
        if message.flag != "R":
            return Reply(f"{message.type} {message.flag}", _readable(body), payload, at)
        return Garbled(payload[:RAW], message.problem, at) if message.problem else _up(message, at)


def _up(message: Incoming, at: float) -> Item:
    if message.evt:
        return messages.event(message.type, message.fields, at, (message.epoch, message.evt))
    match message.type:
        case "SYBE":
            return SessionBegun(message.epoch, False, at)
        case "SYEN":
            return Synchronised(at)
        case "TRAK":
            return messages.tracks(message.fields, at)
        case "SPED":
            return messages.speed(message.fields, at)
        case _:
            return Heartbeat(message.raw, at)


def _readable(body: dict[str, Any]) -> str:
    """`epoch=3 seq=7 point=IND-1 track=417 lanes=["L07"]`."""
    shown = {key: value for key, value in body.items() if key not in ("v", "session", "type", "flag")}
    return " ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value, default=_twice)}"
        for key, value in shown.items()
    )


def _twice(value: object) -> str:
    """A member that stands twice."""
    return "…"
