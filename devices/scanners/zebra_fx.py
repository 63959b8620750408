"""`zebra_fx`: Zebra fixed RFID readers (FX7500, FX9600, ATR7000) with IoT Connector, on a broker: a portal.

The reader publishes each read of a tag as JSON, `{"type", "timestamp", "data": {"idHex", "antenna", "peakRssi", …}}`,
a list of them, or a list in `data`; and management events, `{"eventType" or "type", "data", …}`,
heartbeats among them. Its
topics are whatever it is set to, so everything below `base` is heard and told apart by its members; what is neither
(commands and their responses) is counted. It is never told anything.

Reads are merged to Passages (`_passages`). Retained messages are old and do not count. A message that comes twice
(QoS 1) is the same where it has a time or a number of its own. Order is that of arrival: the readers' clocks are not
asked.

Sources: Zebra IoT Connector documentation (interfaces, management events, the sections of a heartbeat, tag metadata);
a public decoder of its tag events (idHex, format, antenna, peakRssi, reads); GS1 for the EPC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from devices.alive import Silence, Standing
from devices.codes import RAW
from devices.driver import TalkOnly, earliest
from devices.scanners import _json
from devices.scanners._json import Malformed
from devices.scanners._passages import Passages
from devices.types import Garbled, Heartbeat, Item, Kept, Message

MOST_MESSAGES = 4096
"""So many of the last messages are remembered by their digest."""
MOST_READS = 1_000_000
EVIDENCE = 1024
"""A Passage keeps so many bytes of the first message that said it."""

RETAINED, AGAIN, OTHER, NOT_EPC, FILTERED = (
    "retained message",
    "message that came twice",
    "neither a tag nor an event",
    "tag without an EPC",
    "tag of another prefix",
)
EVENTS = ("warning", "warnings", "gpi", "gpo", "userapp", "firmwareUpdateProgress")
MANAGEMENT = frozenset(("heartbeat", "error", "errors", *EVENTS))
TAGS = frozenset(("SIMPLE", "INVENTORY", "PORTAL", "CONVEYOR", "CUSTOM", "ADVANCED", "DIRECTIONALITY"))
"""`type` of an event that tells of a tag: the operating modes."""

UNPROVEN = (
    "the spelling of radioConnection, antennas and connected in a heartbeat is a guess; the documentation "
    "names them in words. Where they are missing, nothing is said of radio and antennas.",
    "an event of the type error holds until the next heartbeat, which says that the reader runs.",
    "format is taken as epc where it is missing.",
)

_EPC = re.compile(r"(?:[0-9A-Fa-f]{4}){1,31}")


@dataclass(frozen=True)
class Settings:
    """`base` = the topic that all topics of the reader are below. `portal` = its name, else `base`.

    `inside`, `outside` = antennas by side of the door, for the direction. `epc_prefix` = hex that the EPC of a tag of
    this floor begins with; none = all tags count. A passage ends after `silence_ms`, is told after `longest_ms` at the
    latest, and at most `most_open` tags are remembered. With `heartbeat_s` something is expected each so many seconds
    (0 = not expected). `max_length` = bytes of a message.
    """

    base: str
    portal: str = ""
    inside: tuple[int, ...] = ()
    outside: tuple[int, ...] = ()
    epc_prefix: tuple[str, ...] = ()
    silence_ms: float = 2000.0
    longest_ms: float = 60_000.0
    most_open: int = 1000
    heartbeat_s: float = 0.0
    max_length: int = 65_536


class Driver(TalkOnly):
    """Passage, Heartbeat, Condition, Garbled."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        _judge(settings)
        self._base, self._longest = settings.base, settings.max_length
        self._prefixes = tuple(prefix.upper() for prefix in settings.epc_prefix)
        sides = {**dict.fromkeys(settings.inside, "inside"), **dict.fromkeys(settings.outside, "outside")}
        portal = settings.portal or settings.base.strip("/")
        self._passages = Passages(
            portal, settings.silence_ms, settings.longest_ms, settings.most_open, sides, self.counters
        )
        self._antennas = sorted(sides)
        self._silence = Silence(settings.heartbeat_s * 1000)
        self._heard: dict[bytes, None] = {}
        self._standing = Standing()

    def subscriptions(self) -> Sequence[tuple[str, int]]:
        """All that the reader says."""
        return [(f"{self._base}/#", 1)]

    def will(self) -> None:
        """None: nobody waits for us."""
        return None

    def opened(self, now: float, kept: Kept) -> None:
        """The broker is there. What came before is remembered: it may send the last messages again."""
        self._silence.opened(now)

    def feed(self, data: bytes | Message, at: float) -> Sequence[Item]:
        """Passages that have ended, and what the reader says of itself."""
        if not isinstance(data, Message):
            raise TypeError("this reader is on a broker: messages are wanted")
        items: list[Item] = list(self._passages.tick(at))
        if data.retain:
            self.counters.note(RETAINED)
            return items
        try:
            parsed = _json.parse(data.payload, self._longest)
            if parsed.twice:
                raise Malformed(_json.TWICE)
        except Malformed as error:
            return [*items, self._garbled(data.payload, str(error), at)]
        events = parsed.value if isinstance(parsed.value, list) else [parsed.value]
        if any(map(_is_one_of_its_kind, events)) and self._is_again(data.payload):
            return items
        self.counters.frames += 1
        return [
            *items,
            *self._standing.heard(self._silence.heard(at, data.payload)),
            *self._events(events, data.payload, at),
        ]

    def tick(self, now: float) -> Sequence[Item]:
        """Passages that have ended; a reader that is silent for too long."""
        return [*self._passages.tick(now), *self._standing.heard(self._silence.tick(now))]

    def next_at(self) -> float | None:
        """The end of a passage or of patience."""
        return earliest(self._passages.next_at(), self._silence.next_at())

    def take(self) -> list[Message]:
        """Nothing."""
        return []

    def closed(self, now: float) -> Sequence[Item]:
        """The broker is gone: what is in the field is told, for nobody knows how it goes on."""
        self._silence.closed()
        return self._passages.close(now)

    def _is_again(self, payload: bytes) -> bool:
        digest = blake2b(payload, digest_size=16).digest()
        if digest in self._heard:
            self.counters.note(AGAIN)
            return True
        self._heard[digest] = None
        if len(self._heard) > MOST_MESSAGES:
            del self._heard[next(iter(self._heard))]
        return False

    def _events(self, events: list[Any], payload: bytes, at: float) -> list[Item]:
        items: list[Item] = []
        wrong = ""
        for event in events:
            if not isinstance(event, dict):
                wrong = "an object, or a list of them, is wanted"
                continue
            kind = _kind(event)
            if kind is not None and ("eventType" in event or kind in MANAGEMENT):
                items += self._management(event, kind, payload, at)
                continue
            for tag in _tags(event):
                if tag is None and kind not in TAGS:
                    self.counters.note(OTHER)
                    continue
                if tag is None:
                    wrong = "a tag event without a tag"
                    continue
                try:
                    items += self._tag(tag, payload, at)
                except Malformed as error:
                    wrong = str(error)
        return [*items, self._garbled(payload, wrong, at)] if wrong else items

    def _tag(self, tag: Mapping[str, Any], payload: bytes, at: float) -> Sequence[Item]:
        if tag.get("format", "epc") != "epc":
            self.counters.note(NOT_EPC)
            return ()
        epc, antenna, rssi, reads = tag["idHex"], tag.get("antenna"), tag.get("peakRssi"), tag.get("reads", 1)
        if not isinstance(epc, str) or not _EPC.fullmatch(epc):
            raise Malformed("idHex: whole words of 4 hex digits are wanted")
        if antenna is not None and not (type(antenna) is int and 1 <= antenna <= 255):
            raise Malformed("antenna: a number from 1 to 255 is wanted")
        if rssi is not None and not (type(rssi) in (int, float) and -200 <= rssi <= 100):
            raise Malformed("peakRssi: dBm are wanted")
        if type(reads) is not int or not 1 <= reads <= MOST_READS:
            raise Malformed(f"reads: a number from 1 to {MOST_READS} is wanted")
        epc = epc.upper()
        if self._prefixes and not epc.startswith(self._prefixes):
            self.counters.note(FILTERED)
            return ()
        return self._passages.read(epc, antenna, rssi, reads, payload[:EVIDENCE], at)

    def _management(self, event: Mapping[str, Any], kind: object, payload: bytes, at: float) -> Sequence[Item]:
        if not isinstance(kind, str):
            return [self._garbled(payload, "eventType: a text is wanted", at)]
        if kind == "heartbeat":
            return [Heartbeat(payload, at), *self._is(_troubles(event, self._antennas) or None, payload, at)]
        if kind in ("error", "errors"):
            return self._is(f"the reader reports an error: {_said(event.get('data'))}", payload, at)
        self.counters.note(f"event {kind}" if kind in EVENTS else "event of another type")
        return []

    def _is(self, wrong: str | None, payload: bytes, at: float) -> Sequence[Item]:
        """What the reader says of itself; None = it is well."""
        return self._standing.say("state", wrong, payload, at)

    def _garbled(self, payload: bytes, why: str, at: float) -> Garbled:
        self.counters.bad(why)
        return Garbled(payload[:RAW], why, at)


def _kind(event: Mapping[str, Any]) -> object:
    """What an event says it is: `eventType`, or `type` as in other firmware; None: it says nothing of it."""
    return event.get("eventType", event.get("type"))


def _is_one_of_its_kind(event: Any) -> bool:
    """Whether it has what no other event of this reader has: without, a tag that stands still looks like a repeat."""
    places = [event, *_tags(event)] if isinstance(event, dict) else []
    return any(name in place for place in places if place for name in ("timestamp", "eventNum"))


def _tags(event: Any) -> Iterator[Mapping[str, Any] | None]:
    """The tags of one event, or of a list in its `data`; None: it is something else."""
    data = event.get("data") if isinstance(event, dict) else None
    for one in data if isinstance(data, list) and data else [data]:
        yield one if isinstance(one, dict) and "idHex" in one else None


def _said(data: Any) -> str:
    """What stands in an event, as far as it is plain, in at most 100 printable characters."""
    pairs = data.items() if isinstance(data, dict) else [("data", data)]
    words = " ".join(f"{name}={value}" for name, value in pairs if isinstance(value, str) or type(value) is int)
    return "".join(char for char in words[:100] if char.isprintable())


def _troubles(event: Mapping[str, Any], antennas: list[int]) -> str:
    """What a heartbeat says that should not be; unused ports of the reader may well have no antenna."""
    radio = _plain(_plain(event.get("data")).get("radiocontrol"))
    wrong = []
    if isinstance(state := radio.get("radioconnection"), str) and state != "connected":
        wrong.append("the radio is not connected")
    ports = _plain(radio.get("antennas"))
    gone = [str(one) for one in antennas if isinstance(said := ports.get(str(one)), str) and said != "connected"]
    return "; ".join([*wrong, *(f"antenna {one} is not connected" for one in gone)])


def _plain(value: Any) -> dict[str, Any]:
    """An object with its names in lower case and without underscores; anything else is an empty one."""
    return {name.replace("_", "").lower(): one for name, one in value.items()} if isinstance(value, dict) else {}


def _judge(settings: Settings) -> None:
    if not re.fullmatch(r"[^\s#+$\x00][^\s#+\x00]{0,199}", settings.base) or settings.base.endswith("/"):
        raise ValueError(f"base = {settings.base!r}: write a topic without # + or spaces, e.g. base = 'FX9600F0F4B5'")
    for antenna in (*settings.inside, *settings.outside):
        if not 1 <= antenna <= 255:
            raise ValueError(f"inside, outside: {antenna} is no antenna, write numbers from 1 to 255")
    if both := set(settings.inside) & set(settings.outside):
        raise ValueError(f"inside, outside: antenna {min(both)} is on both sides; write it once")
    for prefix in settings.epc_prefix:
        if not re.fullmatch(r"[0-9A-Fa-f]{1,124}", prefix):
            raise ValueError(f"epc_prefix = {prefix!r}: write hex digits, e.g. '31' for every SSCC-96")
    if settings.silence_ms <= 0:
        raise ValueError(f"silence_ms = {settings.silence_ms}: write a time over 0")
    if settings.longest_ms < settings.silence_ms:
        raise ValueError(f"longest_ms = {settings.longest_ms}: write silence_ms ({settings.silence_ms}) or more")
    for name, most in (("most_open", 100_000), ("max_length", 1_048_576)):
        if not 1 <= getattr(settings, name) <= most:
            raise ValueError(f"{name} = {getattr(settings, name)}: write a number from 1 to {most}")
    if settings.heartbeat_s < 0:
        raise ValueError(f"heartbeat_s = {settings.heartbeat_s}: write seconds, 0 = none is expected")
