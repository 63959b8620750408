"""A whole hub in memory: Node against the stubs of floorsim, with virtual time, and a journal that loses what was not
committed. Every interaction is one step, so that the daemon can be killed between any two of them.

Only the wire is left out: bytes go from stub to driver and back as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from controller import demo_floor
from controller.config import Config, load
from controller.demo_ledger import Lanes, Ledger, judge
from controller.demo_parcels import DemoParcel
from controller.journal_rows import Batch, Restored, Row
from controller.node import Node, Start
from controller.plan import Plan, load_plan
from firmware_stubs import floor_file
from firmware_stubs.floor_file import Floor
from firmware_stubs.manifest import Places, parse
from firmware_stubs.world import World

UTC_MS = 1_790_000_000_000.0
WIRE_MS = 1.0
COMMIT_MS = 3.0
BROKER_MS = 2.0
DEAD_MS = 300.0


@dataclass
class MemoryJournal:
    """What a journal on disk would hold: only what was committed."""

    rows: dict[int, Row] = field(default_factory=dict)
    open_rows: dict[int, Row] = field(default_factory=dict)
    channels: dict[str, tuple[int, int]] = field(default_factory=dict)
    state: dict[tuple[str, str], bytes] = field(default_factory=dict)
    advice: dict[str, tuple[tuple[str, ...], bytes]] = field(default_factory=dict)
    aliases: dict[str, set[str]] = field(default_factory=dict)
    boot: int = 0

    def commit(self, batch: Batch) -> None:
        for row in batch.events:
            assert row.seq not in self.rows, f"sequence {row.seq} is given twice"
            assert row.seq == len(self.rows) + 1, "sequences have a gap"
            self.rows[row.seq] = self.open_rows[row.seq] = row
        self.channels.update(batch.channels)
        for key, body in batch.state.items():
            if body is None:
                self.state.pop(key, None)
            else:
                self.state[key] = body
        for parcel, aliases, body in batch.advice:
            assert body is not None
            self.advice[parcel] = (aliases, body)
            for alias in aliases:
                self.aliases.setdefault(alias, set()).add(parcel)
        for seq in batch.delivered:
            self.open_rows.pop(seq, None)

    def restored(self) -> Restored:
        self.boot += 1
        oldest = min(self.open_rows, default=None)
        return Restored(
            "memjrnl0",
            self.boot,
            len(self.rows),
            dict(self.channels),
            dict(self.state),
            len(self.open_rows),
            oldest,
            len(self.advice),
        )

    def backlog(self, after: int, limit: int) -> list[Row]:
        return [self.open_rows[seq] for seq in sorted(self.open_rows) if seq > after][:limit]

    def look(self, key: str) -> list[tuple[str, bytes]]:
        parcels = {key} | self.aliases.get(key, set())
        return [(parcel, self.advice[parcel][1]) for parcel in sorted(parcels) if parcel in self.advice]


@cache
def _read(folder: Path, lines: int, rate: float, seed: int) -> tuple[Config, Plan, Floor]:
    """The floor in a folder, as both sides read it. Nothing of it changes, so hubs of one floor share it."""
    floor = demo_floor.write(folder, lines, rate, "mqtt://127.0.0.1:1", seed)
    config = load(floor)
    return config, load_plan(config.plan, config), floor_file.load(floor)


class Hub:
    """Node, stubs, journal, broker and centre. `step()` does the next single thing; `kill()` may come before any."""

    def __init__(
        self, folder: Path, lines: int = 1, rate: float = 5.0, seed: int = 7, now: float = 1_000_000.0
    ) -> None:
        self.config, self.plan, self._floor = _read(folder, lines, rate, seed)
        self.now = now
        self.ledger = Ledger()
        self.parcels: dict[str, DemoParcel] = {}
        self.journal = MemoryJournal()
        self.steps = 0
        self._rng = Random(seed)
        self.world = World(self._floor, self._belt, seed=seed, now=self.now, utc_offset_ms=UTC_MS - self.now)
        self._queue: list[tuple[float, int, str, Callable[[], None]]] = []
        self._order = 0
        self._feed = 0
        self._inbox: dict[int, tuple[str, bytes]] = {}
        self._token = 0
        self._life = 0
        self._committing = False
        self.node: Node | None = None
        self.start()
        self._beat()

    # --- the daemon's life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemon from what was committed."""
        self._life += 1
        self._committing = False
        start = Start(self.now, UTC_MS + self.now, True, self._rng)
        restored = self.journal.restored()
        self.node = Node(self.config, {self.plan.plan: self.plan}, restored, self.journal.look, start)
        self.started(restored, start)
        for link in (*self.config.scanner, *self.config.plc):
            self.node.link_up(link, self.now)
        self._later(BROKER_MS, "connected", self._connected)
        self._pump()

    def started(self, restored: Restored, start: Start) -> None:
        """A Node was made and has heard nothing yet; for those who watch it."""

    def kill(self) -> None:
        """kill -9: all that is not committed or on the wire is gone; it is started again a little later."""
        self.node = None
        self._life += 1
        self._queue = [entry for entry in self._queue if not entry[2].startswith("daemon")]
        self._later(DEAD_MS, "start", self.start)

    def _connected(self) -> None:
        if self.node is not None:
            self.node.connected(self.now)
            for token in sorted(self._inbox):
                self._deliver(token)
            self._pump()

    # --- the centre ------------------------------------------------------------------------------------------------

    def publish(self, name: str, body: Any) -> None:
        """The centre publishes; the broker keeps it until it is acknowledged."""
        self._token += 1
        self._inbox[self._token] = (f"hub/v1/{self.config.site}/{name}", json.dumps(body).encode())
        self._deliver(self._token)

    def _deliver(self, token: int) -> None:
        self._later(BROKER_MS, "daemon message", partial(self._message, token))

    def _message(self, token: int) -> None:
        if self.node is not None and token in self._inbox:
            self.node.message(*self._inbox[token], token, self.now)
            self._pump()

    def customs(self, parcel: DemoParcel, status: str) -> None:
        """Customs says something of a parcel."""
        self._feed += 1
        parcel.said.append((self.now, status))
        record = {"scheme": "H7", "authority": "BE", "subject_kind": "parcel", "subject_id": parcel.parcel}
        self.publish("customs", {**record, "sequence": len(parcel.said), "status": status, "feed": self._feed})

    def _beat(self) -> None:
        self.publish("customs/head", {"sequence": self._feed, "time_ms": round(UTC_MS + self.now)})
        self._later(500.0, "beat", self._beat)

    def induct(self, parcel: DemoParcel) -> None:
        """Announce a parcel and put it into the induction's queue."""
        self.parcels[parcel.parcel] = parcel
        if parcel.advice is not None:
            self.publish("advice", parcel.advice)
        if parcel.first is not None:
            self.customs(parcel, parcel.first)
        self.world.add(parse(parcel.manifest(), Places(self.config.line)), self.now)

    # --- steps -----------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Do the next single thing; False when nothing will ever happen."""
        self._schedule_world()
        if not self._queue:
            return False
        self._queue.sort(key=lambda entry: entry[:2])
        at, _, _, act = self._queue.pop(0)
        self.now = max(self.now, at)
        self.steps += 1
        act()
        return True

    def run(self, until: Callable[[], bool], limit: int = 200_000) -> None:
        """Step until a condition holds."""
        for _ in range(limit):
            if until():
                return
            self.step()
        raise AssertionError(f"not reached in {limit} steps: {self.story()}")

    def done(self) -> bool:
        """Every parcel in a lane, everything reported."""
        return (
            not self.world.waiting
            and not self.world.on_belts
            and self.node is not None
            and not self.node.floor.travels()
            and not self.journal.open_rows
            and not self._committing
        )

    def verdict(self) -> dict[str, Any]:
        """What the demo's judge says of this run."""
        journal = (("memjrnl0", seq) for seq in self.journal.rows)
        return judge(self.ledger, self.parcels, journal, Lanes.of([self.config]))

    def story(self) -> str:
        """Where it stands, for a failing test."""
        open_travels = [str(t) for _, t in self.node.floor.travels()] if self.node else ["dead"]
        return f"{self.world.counts()} open rows {len(self.journal.open_rows)} travels {open_travels}"

    def _schedule_world(self) -> None:
        due = self.world.next_at()
        self._queue = [entry for entry in self._queue if entry[2] not in ("world", "daemon tick")]
        if due is not None:
            self._at(max(due, self.now), "world", self._world)
        if self.node is not None:
            tick = self.node.next_at()
            if tick is not None:
                self._at(max(tick, self.now), "daemon tick", self._tick)

    def _world(self) -> None:
        self.world.advance(self.now)
        self._from_stubs()

    def _from_stubs(self) -> None:
        for stub, data in self.world.output():
            assert isinstance(data, bytes)  # every machine is on a cable
            self._later(WIRE_MS, "daemon bytes", partial(self._bytes, stub, data))

    def _bytes(self, link: str, data: bytes) -> None:
        if self.node is not None:
            self.node.received(link, data, self.now)
            self._pump()

    def _tick(self) -> None:
        if self.node is not None:
            self.node.tick(self.now)
            self._pump()

    def _pump(self) -> None:
        node = self.node
        assert node is not None
        assert not (failures := node.failures()), failures[0].stack
        while node.dirty:
            link = next(iter(node.dirty))
            data = node.take(link)
            assert isinstance(data, bytes)
            if data:
                self._later(WIRE_MS, "wire", partial(self._feed_stub, link, data))
        if not self._committing:
            batch = node.rows()
            if batch is not None:
                self._committing = True
                self._later(COMMIT_MS, "daemon commit", partial(self._commit, batch))
        wanted = node.outbox.wants()
        if wanted is not None and node.online:
            node.backlog(self.journal.backlog(*wanted))
        for publish in node.publishes(self.now):
            if publish.key:
                self._later(BROKER_MS, "publish", partial(self._published, publish.key, publish.payload))
        for token in node.acks():
            self._inbox.pop(token, None)

    def _feed_stub(self, link: str, data: bytes) -> None:
        self.world.feed(link, data, self.now)
        self._from_stubs()

    def _commit(self, batch: Batch) -> None:
        """On disk; that the daemon learns of it is a step of its own: it may be killed in between."""
        self.journal.commit(batch)
        self._later(0.1, "daemon committed", partial(self._committed, batch))

    def _committed(self, batch: Batch) -> None:
        if self.node is not None:
            self._committing = False
            self.node.committed(batch, self.now)
            self._pump()

    def _published(self, key: int, body: bytes) -> None:
        self.ledger.event(json.loads(body))
        life = self._life
        self._later(BROKER_MS, "daemon puback", partial(self._puback, key, life))

    def _puback(self, key: int, life: int) -> None:
        if self.node is not None and life == self._life:
            self.node.puback(key, 0, self.now)
            self._pump()

    def _belt(self, entry: dict[str, Any]) -> None:
        self.ledger.belt(entry)
        if entry["what"] == "inducted":
            parcel = self.parcels[entry["parcel"]]
            if parcel.later is not None:
                after, status = parcel.later
                self._later(after, "customs", partial(self.customs, parcel, status))

    def _later(self, after: float, what: str, act: Callable[[], None]) -> None:
        self._at(self.now + after, what, act)

    def _at(self, when: float, what: str, act: Callable[[], None]) -> None:
        self._order += 1
        self._queue.append((when, self._order, what, act))
