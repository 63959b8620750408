"""A rehearsal: a whole daemon in virtual time, as fast as the machine, without wires, disk and broker.

It is the Node of the real daemon, with three things beside it that never fail: a journal in memory whose commits take
`COMMIT_MS`, a broker that accepts everything at once, and a system clock that is right. Whoever rehearses says what
comes in and when, and takes what leaves. Ids are drawn from the seed: with the same inputs two rehearsals are equal
byte for byte. No I/O, no clock; times are monotonic ms and never go back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from string import ascii_lowercase, digits
from typing import Any

from controller.config import Config
from controller.journal_memory import MemoryJournal
from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.plan import Plan
from controller.sections import Plc, Scanner
from controller.status import status
from devices.driver import SpeaksMqtt
from devices.links import Health
from devices.types import Item, Message

COMMIT_MS = 2.0
"""A commit on an idle disk of an industrial PC."""

JOURNAL_ID = 8
"""characters"""

SPINS = 10_000
"""things done without the time moving on"""

Piece = bytes | Message


class Rehearsal:
    """One daemon. Call `next_at`, `said`, `published`, `hang_ups` after anything was told to it; each takes what it
    gives out, once."""

    def __init__(self, config: Config, plans: Mapping[str, Plan], *, now: float, utc_ms: float, seed: int = 0) -> None:
        """It starts at `now`, which is `utc_ms` in UTC, with an empty journal and its broker there; no port is open."""
        rng = Random(seed)
        identity = "".join(rng.choices(ascii_lowercase + digits, k=JOURNAL_ID))
        self.journal = MemoryJournal(identity, rng.randrange(0xFFFF))
        start = Start(now, utc_ms, True, rng)
        self.node = _Node(config, plans, self.journal.restored(), self.journal.look, start)
        self.now = now
        self.ports: Mapping[str, Sequence[str]] = self.node.ports
        """port -> the devices on it"""
        self.health = {port: Health() for port in self.ports}
        self._committing: tuple[float, Batch] | None = None
        self._token = 0
        self._said: list[tuple[str, Piece]] = []
        self._published: list[tuple[str, bytes, bool]] = []
        self._hang_ups: list[tuple[str, str]] = []
        self.node.connected(now, "a broker that accepts everything")
        self._pump()

    def link(self, port: str) -> str:
        """The link that the floor file gives a port."""
        machines: dict[str, Scanner | Plc] = {**self.node.config.scanner, **self.node.config.plc}
        return machines[port].link

    def subscriptions(self, port: str = "") -> list[str]:
        """The topic filters of a port on a broker, none on a cable; without a port those of the centre's messages."""
        if not port:
            return self.node.subscriptions()
        driver = self.node.drivers[port]
        return [topic for topic, _ in driver.subscriptions()] if isinstance(driver, SpeaksMqtt) else []

    # --- in -----------------------------------------------------------------------------------------------------------

    def link_up(self, port: str, now: float) -> None:
        """A port is open."""
        self.advance(now)
        health = self.health[port]
        health.up, health.since = True, now
        self.node.link_up(port, now)
        self._pump()

    def link_down(self, port: str, now: float, why: str) -> None:
        """A port is gone, or cannot be opened."""
        self.advance(now)
        health = self.health[port]
        health.reopened += health.up
        health.up, health.since, health.why = False, now, why
        self.node.link_down(port, now, why)
        self._pump()

    def received(self, port: str, piece: Piece, now: float) -> None:
        """Bytes, or a message where the port is on a broker, arrived from a machine."""
        self.advance(now)
        health = self.health[port]
        health.bytes_in, health.last_byte = health.bytes_in + _size(piece), now
        self.node.received(port, piece, now)
        self._pump()

    def message(self, topic: str, payload: bytes, now: float, retained: bool = False) -> None:
        """A message of the centre arrived, on any topic."""
        self.advance(now)
        self._token += 1
        self.node.message(topic, payload, self._token, now, retained)
        self._pump()

    def advance(self, now: float) -> None:
        """Do everything that is due until `now`, each at its time."""
        spins = 0
        while (due := self.next_at()) is not None and due <= now:
            spins = 0 if due > self.now else spins + 1
            if spins > SPINS:
                raise RuntimeError(f"the moment {self.now:.3f} never ends: the node wants its tick again and again")
            self.now = max(self.now, due)
            committing = self._committing
            if committing is not None and committing[0] <= self.now:
                self._committing = None
                self.journal.commit(committing[1])
                self.node.committed(committing[1], self.now)
            else:
                self.node.tick(self.now)
            self._pump()
        self.now = max(self.now, now)

    # --- out ----------------------------------------------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When `advance` has something to do next; None = only after input."""
        due = self.node.next_at()
        if self._committing is None:
            return due
        return self._committing[0] if due is None else min(due, self._committing[0])

    def said(self) -> list[tuple[str, Piece]]:
        """(port, piece) that were written to machines since the last call, in order."""
        said, self._said = self._said, []
        return said

    def published(self) -> list[tuple[str, bytes, bool]]:
        """(topic, payload, retain) of what was published since: events, states, replies, questions, in order."""
        published, self._published = self._published, []
        return published

    def hang_ups(self) -> list[tuple[str, str]]:
        """(port, why) of connections that it wants broken: whoever rehearses says `link_down`, and later `link_up`."""
        hang_ups, self._hang_ups = self._hang_ups, []
        return hang_ups

    def heard(self) -> list[tuple[str, Item]]:
        """(device, item): what was understood of the machines' pieces since the last call; the last `HEARD` of it."""
        heard, self.node.heard = self.node.heard, []
        return heard

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """As on the control socket (control.py), which here knows `status` only."""
        if request.get("do") == "status":
            return {"ok": True, **status(self.node, self.health, self.now)}
        return {"ok": False, "error": f"unknown request {request.get('do')!r}; known is: status"}

    def _pump(self) -> None:
        """Take what the node gives, as the daemon's core does."""
        node, now = self.node, self.now
        while node.dirty:
            port = next(iter(node.dirty))
            data = node.take(port)
            pieces: list[Piece] = [*data] if isinstance(data, list) else [data] if data else []
            for piece in pieces:
                self.health[port].bytes_out += _size(piece)
                self._said.append((port, piece))
        self._hang_ups += node.hang_ups()
        self._hang_ups += [(failure.port, failure.why) for failure in node.failures()]
        wanted = node.outbox.wants()
        if wanted is not None:
            node.backlog(self.journal.backlog(*wanted))
        again = node.upward.repair.wants(now)
        if again is not None:
            node.upward.repair.rows(self.journal.since(*again))
        for publish in node.publishes(now):
            self._published.append((publish.topic, publish.payload, publish.retain))
            if publish.key:
                node.puback(publish.key, 0, now)
        node.acks()
        if self._committing is None:
            batch = node.rows()
            if batch is not None:
                self._committing = (now + COMMIT_MS, batch)


HEARD = 10_000
"""Items that wait for who wants to know what was understood."""


class _Node(Node):
    """A node that also tells what it understood."""

    def __init__(self, *arguments: Any) -> None:
        self.heard: list[tuple[str, Item]] = []
        super().__init__(*arguments)

    def _items(self, link: str, items: Sequence[Item], now: float) -> None:
        self.heard += [(link, item) for item in items]
        del self.heard[:-HEARD]
        super()._items(link, items, now)


def _size(piece: Piece) -> int:
    return len(piece if isinstance(piece, bytes) else piece.payload)
