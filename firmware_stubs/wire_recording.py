"""Wire recordings: what passed between machines, the daemon and the centre, as JSON lines. Format 1. No I/O.

docs/wire-recordings.md describes the file. An entry is one piece as it passed the daemon's end of a wire, or a wire
that was opened or went away. What the centre says, and what daemons publish, has no wire of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any
from zlib import crc32

from firmware_stubs.coupling import Listener
from firmware_stubs.stub import Message, Piece

FORMAT = 1
SUM = re.compile(r'(.*), "sum": "([0-9a-f]{8})"\}')
DEVICE, HOST, CENTRE = "device", "host", "centre"
"""who said it; what a daemon publishes is of the host, without a link"""


class NotARecordingError(ValueError):
    """The file is no wire recording, or is damaged; the text says where."""


@dataclass(frozen=True, slots=True)
class Wired:
    """One link of a recording: the kind of its machine (empty = not known) and where it was."""

    kind: str
    link: str


@dataclass(frozen=True, slots=True)
class FloorText:
    """A floor file as it was: its name, its text, and the texts of the plans it names, by file name."""

    name: str
    text: str
    plans: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. `utc_ms`: UTC of t = 0."""

    floorsim: str
    utc_ms: float
    links: Mapping[str, Wired]
    floors: tuple[FloorText, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Another line. `number`: of the line; `t`: ms since the recording began. `link` is empty for the centre and for
    what a daemon publishes. `up` is set for a wire that was opened, or went away (`why`); then there is no piece."""

    number: int
    t: float
    link: str
    side: str
    piece: Piece = b""
    up: bool | None = None
    why: str = ""
    changed: bool = False
    """its sum is wrong: the line was changed after it was recorded"""

    @property
    def data(self) -> bytes:
        """The bytes, or the payload of the message."""
        return self.piece.payload if isinstance(self.piece, Message) else self.piece


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole one. `torn`: the last line is half written, as by a power cut, and was left out."""

    header: Header
    entries: list[Entry]
    torn: bool = False


def new_header(utc_ms: float, links: Mapping[str, Wired], floors: Iterable[FloorText] = ()) -> Header:
    """Of a recording that begins now."""
    return Header(version("hubfloor"), utc_ms, links, tuple(floors))


class Recorder(Listener):
    """Writes a recording line by line while it happens."""

    def __init__(self, write: Callable[[str], object], header: Header, now: float) -> None:
        """`write` is given whole lines; `now` is t = 0."""
        self._write, self._began = write, now
        self.entries = 0
        self._put(header_line(header))

    def wire(self, now: float, stub: str, side: str, piece: Piece) -> None:
        """A piece passed."""
        self._entry(now, {"link": stub, "from": side, **piece_members(piece)})

    def link(self, now: float, stub: str, up: bool, why: str) -> None:
        """A wire was opened, or is gone."""
        self._entry(now, {"link": stub, "up": True} if up else {"link": stub, "up": False, "why": why})

    def centre(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        """The centre spoke."""
        self._entry(now, {"from": CENTRE, **piece_members(Message(topic, payload, retain=retain))})

    def published(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        """A daemon published something."""
        self._entry(now, {"from": HOST, **piece_members(Message(topic, payload, retain=retain))})

    def _entry(self, now: float, members: Mapping[str, Any]) -> None:
        self.entries += 1
        self._put({"t": round(now - self._began, 3), **members})

    def _put(self, line: Mapping[str, Any]) -> None:
        self._write(summed(line))


def summed(line: Mapping[str, Any]) -> str:
    """A line of the file; its last member is the CRC-32 of the text before it."""
    text = json.dumps(line)[:-1]
    return f'{text}, "sum": "{crc32(text.encode()):08x}"}}\n'


def _unchanged(text: str) -> bool:
    """Whether a line's sum is right, or there is none."""
    found = SUM.fullmatch(text.rstrip("\n"))
    return found is None or f"{crc32(found[1].encode()):08x}" == found[2]


def header_line(header: Header) -> dict[str, Any]:
    """As it is written."""
    line: dict[str, Any] = {"wire_recording": FORMAT, "floorsim": header.floorsim, "utc_ms": header.utc_ms}
    line["links"] = {name: {"kind": one.kind, "link": one.link} for name, one in header.links.items()}
    if header.floors:
        line["floors"] = [{"name": one.name, "text": one.text, "plans": dict(one.plans)} for one in header.floors]
    return line


def entry_line(entry: Entry) -> dict[str, Any]:
    """As it is written."""
    line: dict[str, Any] = {"t": entry.t} | ({"link": entry.link} if entry.link else {})
    if entry.up is not None:
        return line | {"up": entry.up} | ({} if entry.up else {"why": entry.why})
    return line | {"from": entry.side, **piece_members(entry.piece)}


def piece_members(piece: Piece) -> dict[str, Any]:
    """Bytes as hex; a message with its topic, and `retain` where it is retained."""
    if isinstance(piece, bytes):
        return {"hex": piece.hex()}
    return {"topic": piece.topic, "hex": piece.payload.hex()} | ({"retain": True} if piece.retain else {})


def lines(recording: Recording) -> Iterator[str]:
    """The file's lines."""
    yield summed(header_line(recording.header))
    for entry in recording.entries:
        yield summed(entry_line(entry))


def read(text: Iterable[str]) -> Recording:
    """A recording from its lines. Raises NotARecordingError."""
    header: Header | None = None
    entries: list[Entry] = []
    number, t = 0, 0.0
    for number, line in enumerate(text, 1):
        try:
            found = _object(line)
            if header is None:
                header = _header(found)
                if not _unchanged(line):
                    raise NotARecordingError("the header was changed after it was written: its sum is wrong")
            else:
                entry = replace(_entry(number, found, header), changed=not _unchanged(line))
                if entry.t < t:
                    raise NotARecordingError(f"t goes back from {t} to {entry.t}")
                t = entry.t
                entries.append(entry)
        except NotARecordingError as error:
            if not line.endswith("\n") and header is not None:
                return Recording(header, entries, torn=True)
            raise NotARecordingError(f"line {number}: {error}") from None
    if header is None:
        raise NotARecordingError("it is empty")
    return Recording(header, entries)


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise NotARecordingError(f"no JSON: {line.strip()[:40]!r}") from None
    if not isinstance(found, dict):
        raise NotARecordingError(f"no JSON object: {line.strip()[:40]!r}")
    return found


def _header(line: Mapping[str, Any]) -> Header:
    if line.get("wire_recording") != FORMAT:
        raise NotARecordingError(f'no wire recording of format {FORMAT}; its first line has "wire_recording": {FORMAT}')
    try:
        links = {name: Wired(str(one["kind"]), str(one["link"])) for name, one in line["links"].items()}
        floors = [FloorText(one["name"], one["text"], one["plans"]) for one in line.get("floors", ())]
        return Header(str(line["floorsim"]), float(line["utc_ms"]), links, tuple(floors))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotARecordingError(f"the header is damaged: {type(error).__name__} {error}") from None


def _entry(number: int, line: Mapping[str, Any], header: Header) -> Entry:
    t, link, up, side = line.get("t"), line.get("link", ""), line.get("up"), line.get("from", "")
    if isinstance(t, bool) or not isinstance(t, int | float):
        raise NotARecordingError("t is missing: ms since the beginning")
    if link and link not in header.links:
        raise NotARecordingError(f"the header has no link {link!r}; it has {', '.join(header.links)}")
    if isinstance(up, bool) and link:
        return Entry(number, t, link, "", up=up, why=str(line.get("why", "")))
    if side not in ((DEVICE, HOST) if link else (CENTRE, HOST)):
        raise NotARecordingError(f"from is {side!r}: {'device or host' if link else 'centre, or host without a link'}")
    try:
        data = bytes.fromhex(line["hex"])
    except (KeyError, TypeError, ValueError):
        raise NotARecordingError(f"hex: {str(line.get('hex'))[:40]!r} is no hex text") from None
    topic = line.get("topic")
    if topic is None and link:
        return Entry(number, t, link, side, data)
    if not isinstance(topic, str):
        raise NotARecordingError("topic is missing")
    return Entry(number, t, link, side, Message(topic, data, retain=bool(line.get("retain", False))))
