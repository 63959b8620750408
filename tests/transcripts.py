"""Reads tests/wire/<kind>.txt: what goes over the wire of a kind, one message a line, judge of driver and stub alike.

    hex | meaning | source

The hex is one whole message, white space in it means nothing. The meaning may begin with a capital letter for the
direction (`C` from the controller, `P` from a PLC, `S` from a scanner). The source is a manual, a capture with its
date, or "guess". `# set: key=value …` gives the driver's settings for the lines that follow it, in place of those
before; any other line that begins with `#` is a comment.

A kind that speaks MQTT has a whole conversation in place of single messages, one message a line:

    direction | topic | payload | meaning | source

with `# durable: N` where everything up to event N has come to disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

WIRE = Path(__file__).parent / "wire"


@dataclass(frozen=True)
class Recorded:
    """One message of a transcript; `settings` as texts `key=value`, `place` as `file:line`."""

    raw: bytes
    direction: str
    meaning: str
    source: str
    settings: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return f"{self.place} {self.meaning}"


def read(kind: str) -> list[Recorded]:
    """The messages of a kind in their order. A line that is not of the form above raises ValueError with its place."""
    path = WIRE / f"{kind}.txt"
    found: list[Recorded] = []
    settings: tuple[str, ...] = ()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("# set:"):
            settings = tuple(line.removeprefix("# set:").split())
        elif line.strip() and not line.startswith("#"):
            found.append(_message(line, settings, f"{path.name}:{number}"))
    return found


def _message(line: str, settings: tuple[str, ...], place: str) -> Recorded:
    fields = [field.strip() for field in line.split("|")]
    if len(fields) != 3 or not all(fields):
        raise ValueError(f"{place}: want hex | meaning | source")
    directed = re.fullmatch(r"([A-Z]) (.+)", fields[1])
    direction, meaning = directed.groups() if directed else ("", fields[1])
    try:
        raw = bytes.fromhex(fields[0])
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return Recorded(raw, direction, meaning, fields[2], settings, place)


@dataclass(frozen=True)
class Said:
    """One message of a conversation over a broker; `durable` = what had come to disk before it, None: nothing new."""

    direction: str
    topic: str
    payload: bytes
    meaning: str
    source: str
    durable: int | None
    place: str

    def __str__(self) -> str:
        return f"{self.place} {self.meaning}"


def conversation(kind: str) -> list[Said]:
    """The messages of a kind that speaks MQTT. A line of another form raises ValueError with its place."""
    path = WIRE / f"{kind}.txt"
    found: list[Said] = []
    durable: int | None = None
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("# durable:"):
            durable = int(line.removeprefix("# durable:"))
        elif line.strip() and not line.startswith("#"):
            fields = [field.strip() for field in line.split(" | ")]
            if len(fields) != 5 or not all(fields) or fields[0] not in ("C", "P"):
                raise ValueError(f"{path.name}:{number}: want C or P | topic | payload | meaning | source")
            direction, topic, payload, meaning, source = fields
            found.append(Said(direction, topic, payload.encode(), meaning, source, durable, f"{path.name}:{number}"))
            durable = None
    return found
