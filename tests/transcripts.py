"""Reads tests/wire/<kind>.txt: what goes over the wire of a kind, one message a line, judge of driver and stub alike.

    hex | meaning | source

The hex is one whole message, white space in it means nothing. The meaning may begin with a capital letter for the
direction (`C` from the controller, `P` from a PLC, `S` from a scanner). The source is a manual, a capture with its
date, or "guess". `# set: key=value …` gives the driver's settings for the lines that follow it, in place of those
before; any other line that begins with `#` is a comment.

A kind that speaks MQTT has a whole conversation in place of single messages, one message a line:

    direction | topic | payload | meaning | source

with `# durable: N` where everything up to event N has come to disk, `# retained` where the broker had kept the next
message, `# wait MS` where time passes before it, and `# set:` as above.

`<kind>_talk.txt` holds whole conversations of a kind that speaks in bytes:

    direction | hex | meaning | source

with `# durable: E N` where everything up to event N of epoch E has come to disk, and `# opens: key=value …` where a
channel opens: what the controller has kept of it, and the driver's settings.

In a conversation a line of the controller that is a command has the command's class and fields as its meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.types import Command, Destination, Lamp, Request, SetTime

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
    """One message of a conversation over a broker; `durable` = what had come to disk before it, None: nothing new;
    `wait_ms` passed before it."""

    direction: str
    topic: str
    payload: bytes
    meaning: str
    source: str
    durable: int | None
    place: str
    retained: bool = False
    wait_ms: float = 0.0
    settings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place} {self.meaning}"


def conversation(kind: str) -> list[Said]:
    """The messages of a kind that speaks MQTT. A line of another form raises ValueError with its place."""
    path = WIRE / f"{kind}.txt"
    found: list[Said] = []
    durable: int | None = None
    retained, wait_ms = False, 0.0
    settings: tuple[str, ...] = ()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("# durable:"):
            durable = int(line.removeprefix("# durable:"))
        elif line == "# retained":
            retained = True
        elif line.startswith("# wait "):
            wait_ms = float(line.removeprefix("# wait "))
        elif line.startswith("# set:"):
            settings = tuple(line.removeprefix("# set:").split())
        elif line.strip() and not line.startswith("#"):
            fields = [field.strip() for field in line.split(" | ")]
            if len(fields) != 5 or not all(fields) or fields[0] not in ("C", "P"):
                raise ValueError(f"{path.name}:{number}: want C or P | topic | payload | meaning | source")
            direction, topic, payload, meaning, source = fields
            place = f"{path.name}:{number}"
            found.append(
                Said(direction, topic, payload.encode(), meaning, source, durable, place, retained, wait_ms, settings)
            )
            durable, retained, wait_ms = None, False, 0.0
    return found


@dataclass(frozen=True)
class Spoken:
    """One message of a conversation in bytes.

    `durable` = (epoch, event) that had come to disk before it, `opens` = the `key=value` texts of the channel that
    opens with it; None: neither.
    """

    direction: str
    raw: bytes
    meaning: str
    source: str
    durable: tuple[int, int] | None
    opens: dict[str, str] | None
    place: str

    def __str__(self) -> str:
        return f"{self.place} {self.meaning}"


def talk(kind: str) -> list[Spoken]:
    """The conversations of a kind that speaks in bytes. A line of another form raises ValueError with its place."""
    path = WIRE / f"{kind}_talk.txt"
    found: list[Spoken] = []
    durable: tuple[int, int] | None = None
    opens: dict[str, str] | None = None
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.startswith("# durable:"):
            epoch, evt = line.removeprefix("# durable:").split()
            durable = int(epoch), int(evt)
        elif line.startswith("# opens:"):
            opens = _values(line.removeprefix("# opens:"))
        elif line.strip() and not line.startswith("#"):
            fields = [field.strip() for field in line.split(" | ")]
            if len(fields) != 4 or not all(fields) or fields[0] not in ("C", "P"):
                raise ValueError(f"{path.name}:{number}: want C or P | hex | meaning | source")
            direction, hexed, meaning, source = fields
            place = f"{path.name}:{number}"
            found.append(Spoken(direction, bytes.fromhex(hexed), meaning, source, durable, opens, place))
            durable = opens = None
    return found


def command(meaning: str) -> Command | None:
    """The command that the meaning of a line names, None: none. A lamp's text runs to the end of the meaning."""
    kind = meaning.split(maxsplit=1)[0]
    match kind:
        case "Destination":
            values: dict[str, Any] = dict(_values(meaning))
            values |= {"track": int(values["track"]), "decision": int(values["decision"])}
            values |= {"lanes": tuple(values["lanes"].split(",")), "no_default": values["no_default"] == "N"}
            return Destination(**values)
        case "Lamp":
            meaning, text = meaning.split(" text=", 1)
            return Lamp(**_values(meaning), text=text)
        case "Request":
            return Request(**_values(meaning))
        case "SetTime":
            return SetTime(int(_values(meaning)["utc_ms"]))
    return None


def _values(words: str) -> dict[str, str]:
    """The `key=value` among these words."""
    return dict(word.split("=", 1) for word in words.split() if "=" in word)
