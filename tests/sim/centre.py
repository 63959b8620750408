"""The centre and its broker: what it publishes, what the node has of it, and every event as the witness hears it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic_core import to_json

from tests.sim.clock import Clock
from tests.sim.floor_text import SITE

Subject: TypeAlias = tuple[str, str]

HEAD_MS = 2000.0
BROKER_MS = 2.0


@dataclass(slots=True)
class Message:
    """One message to the node, until it is acknowledged. `known`: when a living node had it: [from, to) each."""

    topic: str
    payload: bytes
    records: list[Record] = field(default_factory=list)
    token: int = 0
    """of its delivery on this connection, 0: not delivered yet"""


@dataclass(slots=True)
class Record:
    """One customs record."""

    subject: Subject
    key: tuple[str, str]
    """scheme, authority"""
    sequence: int
    status: str
    feed: int
    known: list[list[float]] = field(default_factory=list)
    """when a living node had it: [from, to] each"""

    def known_at(self, at: float) -> bool:
        """Whether the node that lived at that moment had it; a release at once, a hold from the next moment on."""
        sooner = at if self.status == "release" else at - 0.001
        return any(begin <= sooner and at < end for begin, end in self.known)


class Centre:
    """What the centre knows and has said. It publishes through `out`, which the hub's broker gives."""

    def __init__(self, clock: Clock, utc_offset: float) -> None:
        self.records: dict[Subject, list[Record]] = {}
        self.feed = 0
        self.silent = False
        """the feed's head does not beat"""
        self.inbox: dict[int, Message] = {}
        """by number, in order: what the broker keeps for the node"""
        self._number = 0
        self._sequences: dict[tuple[Subject, tuple[str, str]], int] = {}
        self._clock = clock
        self._utc_offset = utc_offset
        self.unsent: list[int] = []
        """messages that the broker has not tried to deliver yet"""

    def publish(self, name: str, body: Any, records: list[Record] | None = None) -> None:
        """The broker keeps it until the node has acknowledged it. `body`: JSON is made of it, unless it is bytes."""
        payload = body if isinstance(body, bytes) else to_json(body)
        self._number += 1
        self.inbox[self._number] = Message(f"hub/v1/{SITE}/{name}", payload, records or [])
        self.unsent.append(self._number)

    def customs(self, subject: Subject, status: str, scheme: str = "H7", authority: str = "BE") -> Record:
        """Customs says something of a subject; what is to be published is returned by `wire`."""
        key = (scheme, authority)
        sequence = self._sequences[subject, key] = self._sequences.get((subject, key), 0) + 1
        self.feed += 1
        record = Record(subject, key, sequence, status, self.feed)
        self.records.setdefault(subject, []).append(record)
        return record

    def again(self, old: Record) -> Record:
        """The same record once more: with its old sequence, under the feed's next number."""
        self.feed += 1
        return Record(old.subject, old.key, old.sequence, old.status, self.feed)

    def local(self, subject: Subject, key: tuple[str, str], status: str) -> Record:
        """A record that a command makes; it has no number in the feed."""
        sequence = self._sequences[subject, key] = self._sequences.get((subject, key), 0) + 1
        record = Record(subject, key, sequence, status, 0)
        self.records.setdefault(subject, []).append(record)
        return record

    def say(self, *records: Record) -> None:
        """Publish customs records."""
        self.publish("customs", [wire(record) for record in records], list(records))

    def beat(self) -> None:
        """The feed's head."""
        if not self.silent:
            made = round(self._clock.now + self._utc_offset)
            self.publish("customs/head", {"sequence": self.feed, "time_ms": made})


def wire(record: Record) -> dict[str, Any]:
    """A customs record as the centre publishes it."""
    return {
        "scheme": record.key[0],
        "authority": record.key[1],
        "subject_kind": record.subject[0],
        "subject_id": record.subject[1],
        "sequence": record.sequence,
        "status": record.status,
        "feed": record.feed,
    }
