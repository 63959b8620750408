"""A Zebra FX7500 or FX9600 portal reader with its IoT Connector, on a broker at QoS 0. It takes no commands here.

`{base}/{data}`     {"data": {"antenna", "eventNum", "format", "idHex", "peakRssi", "reads"}, "timestamp", "type"}
`{base}/{events}`   {"component": "RG", "data": {…}, "eventNum", "timestamp", "type": "heartbeat"}

A tag that goes through the portal is read many times, by one antenna after another; `type` is the operating mode, and
it decides which fields of `data` are there. Only codes that a tag can carry are read: an SSCC (18 digits, or 20 with
its 00), a GTIN (14 digits), or an EPC in hexadecimal; an item without one goes through unseen.

Sources: Zebra IoT Connector documentation (tag data events, management events, heartbeat, tag metadata) and captured
events of fixed readers; GS1 EPC Tag Data Standard (SSCC-96, SGTIN-96). The topics are free text of the reader's web
page; those here are Zebra's dock door sample's.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from firmware_stubs.results import Ledger, Shown, one_of, within
from firmware_stubs.stub import Message, Piece, Quiet

ON_BROKER = True  # its link is a broker

_FIELDS = {
    "SIMPLE": (),
    "CUSTOM": (),
    "CONVEYOR": ("antenna",),
    "INVENTORY": ("antenna", "peakRssi", "reads"),
}
_PARTITIONS = {12: (40, 18), 11: (37, 21), 10: (34, 24), 9: (30, 28), 8: (27, 31), 7: (24, 34), 6: (20, 38)}
"""Digits of a company prefix -> its bits, and those of an SSCC's serial reference (14 fewer for a GTIN's item)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The keys of the stub's section. Items go through `way` "in" (outside antennas first), "out", or "turns"."""

    base: str
    data: str = "data"
    events: str = "events"
    mode: str = "INVENTORY"
    outside: tuple[int, ...] = (1, 2)
    inside: tuple[int, ...] = (3, 4)
    way: str = "in"
    reads: int = 3  # by each antenna
    read_ms: float = 50.0  # from one read to the next
    company_digits: int = 7  # of the GS1 company prefix in SSCC and GTIN
    strays: float = 0.0  # share of passages in which a tag that only lies nearby is read once
    heartbeat_s: float = 60.0  # 0 = none
    clock_ms: float = 0.0  # what its clock shows when it begins: without NTP, 1970
    radio: str = "connected"

    def __post_init__(self) -> None:
        for key in ("base", "data", "events"):
            topic = getattr(self, key)
            if not topic or len(topic) > 1000 or any(one in topic for one in "+#\0") or topic[0] == "$":
                raise ValueError(f"{key} = {topic!r}: give a topic without + and # that does not begin with $")
        one_of("mode", self.mode, *_FIELDS)
        one_of("way", self.way, "in", "out", "turns")
        one_of("radio", self.radio, "connected", "disconnected")
        antennas = (*self.outside, *self.inside)
        for antenna in antennas:
            within("outside and inside", antenna, 1, 8)
        if not antennas or len(set(antennas)) < len(antennas):
            raise ValueError("outside and inside must name antennas, each of them once")
        within("reads", self.reads, 1, 1000)
        within("read_ms", self.read_ms, 1, 1e6)
        within("company_digits", self.company_digits, 6, 12)
        within("strays", self.strays, 0, 1)
        within("heartbeat_s", self.heartbeat_s, 0, 1e6)
        within("clock_ms", self.clock_ms, 0, 4e12)


@dataclass(slots=True)
class _Tag:
    """A tag on its way through: what is left of its reads."""

    epc: str
    antennas: deque[int]
    due: float


class Scanner(Quiet):
    """One portal; see `ScannerStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        self._settings = settings
        self._chance = Random(seed)
        self._began = self._now = now
        self._tags: list[_Tag] = []
        self._out: list[Message] = []
        self._ledger = Ledger()
        self._event = self._reads = self._passages = 0
        self._beat_at = now + settings.heartbeat_s * 1000 if settings.heartbeat_s else None
        self._hushed = False

    def feed(self, data: Piece, now: float) -> None:
        """It has subscribed to nothing."""

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """An item begins to go through; each of its tags is read by one antenna after another."""
        self.tick(now)
        settings = self._settings
        self._passages += 1
        outwards = settings.way == "out" or (settings.way == "turns" and self._passages % 2 == 0)
        way = (*settings.outside, *settings.inside)
        antennas = way[::-1] if outwards else way
        shown = Shown(tuple(codes))
        shown.said = []
        for code in codes:
            epc = epc_of(code, settings.company_digits) if settings.radio == "connected" else ""
            shown.said.append(code if epc else None)
            if epc:
                self._tags.append(_Tag(epc, deque(one for one in antennas for _ in range(settings.reads)), now))
        if not codes:
            shown.unsaid()
        self._ledger.add(shown)
        if settings.strays > 0 and self._chance.random() < settings.strays and settings.radio == "connected":
            stray = f"E280{self._chance.getrandbits(80):020X}"
            self._tags.append(_Tag(stray, deque([self._chance.choice(way)]), now + settings.read_ms))
        self.tick(now)

    def tick(self, now: float) -> None:
        """Report what is read until now, in the order of its times, and the heartbeat."""
        while self._tags and (tag := min(self._tags, key=lambda one: one.due)).due <= now:
            self._now = max(self._now, tag.due)
            self._report(tag)
            tag.due += self._settings.read_ms
            if not tag.antennas:
                self._tags.remove(tag)
        self._now = max(self._now, now)
        if self._beat_at is not None and self._beat_at <= now:
            if not self._hushed:
                self._beat()
            period = self._settings.heartbeat_s * 1000
            self._beat_at += period * ((now - self._beat_at) // period + 1)

    def hush(self, on: bool) -> bool:
        """No more heartbeats, or again."""
        self._hushed = on
        return self._beat_at is not None

    def next_at(self) -> float | None:
        """The next read or heartbeat."""
        due = [tag.due for tag in self._tags]
        if self._beat_at is not None:
            due.append(self._beat_at)
        return min(due, default=None)

    def take(self) -> list[Message]:
        """Events, each once; what is said without a broker is lost with QoS 0."""
        out, self._out = self._out, []
        return out

    def said(self) -> list[bytes | None]:
        """For the ledger: each code once, however often its tag is read."""
        return self._ledger.said()

    def _report(self, tag: _Tag) -> None:
        self._reads += 1
        antenna = tag.antennas.popleft()
        every = {"antenna": antenna, "peakRssi": -self._chance.randint(35, 65), "reads": 1}
        fields = {key: every[key] for key in _FIELDS[self._settings.mode]}
        data = {"eventNum": self._number(), "format": "epc", "idHex": tag.epc.lower(), **fields}
        self._publish(self._settings.data, {"data": data, "type": self._settings.mode})

    def _beat(self) -> None:
        settings = self._settings
        here = {str(one): "connected" for one in sorted((*settings.outside, *settings.inside))}
        seconds = int((self._now - self._began) / 1000)
        uptime = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        radio = {
            "antennas": here,
            "numTagReads": self._reads,
            "radioActivity": "active" if settings.radio == "connected" else "inactive",
            "radioConnection": settings.radio,
            "status": "running",
            "uptime": uptime,
        }
        data = {"radio_control": radio, "system": {"uptime": uptime}, "userapps": []}
        beat = {"component": "RG", "data": data, "eventNum": self._number(), "type": "heartbeat"}
        self._publish(settings.events, beat)

    def _publish(self, tail: str, event: dict[str, Any]) -> None:
        utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            milliseconds=self._settings.clock_ms + self._now - self._began
        )
        event["timestamp"] = f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}+0000"
        payload = json.dumps(event, sort_keys=True, separators=(",", ":")).encode("ascii")
        self._out.append(Message(f"{self._settings.base}/{tail}", payload, qos=0))

    def _number(self) -> int:
        self._event += 1
        return self._event


def epc_of(code: bytes, company_digits: int) -> str:
    """The EPC in upper-case hex of a tag that carries this code, empty: none can."""
    text = code.decode("latin-1")
    if re.fullmatch("00[0-9]{18}", text):
        text = text[2:]
    bits, serial_bits = _PARTITIONS[company_digits]
    partition, company = 12 - company_digits, text[1 : 1 + company_digits]
    if re.fullmatch("[0-9]{18}", text):
        serial = int(text[0] + text[1 + company_digits : 17])
        head = ((0x31 << 6 | 2 << 3 | partition) << bits | int(company)) << serial_bits | serial
        return f"{head << 24:024X}"
    if re.fullmatch("[0-9]{14}", text):
        item = int(text[0] + text[1 + company_digits : 13])
        head = ((0x30 << 6 | 1 << 3 | partition) << bits | int(company)) << (serial_bits - 14) | item
        return f"{head << 38 | 1:024X}"
    return text.upper() if re.fullmatch("(?:[0-9A-Fa-f]{4}){6,31}", text) else ""
