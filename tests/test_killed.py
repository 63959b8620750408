"""P1, P2, P6: the daemon is killed between any two steps, and nothing is lost, doubled or let out.

The hub in memory runs the real Node against the stubs on the real wire. After the kill only what was committed is left.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Any

import pytest

from controller.demo_ledger import passed
from controller.demo_parcels import Parcels
from controller.events import TERMINAL
from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.travel import ImpossibleMove
from devices.types import Message
from tests.hub import BROKER_MS, UTC_MS, Hub, MemoryJournal
from tests.test_node import named

FEW, SEED = 5, 9
"""A hold and a release on the way, two codes, no code, no release needed."""

KILLS = 6
INDUCTED = "parcel/inducted"


def run(folder: Path, parcels: int, seed: int, kills: Collection[int], kind: type[Hub] = Hub) -> Hub:
    """A whole run with a kill before each step whose number (from the first parcel on) is in `kills`."""
    hub = kind(folder, lines=1, rate=5.0, seed=seed)
    hub.run(lambda: hub.world.in_session)
    hub.world.release(hub.now)
    source = Parcels(["S1"], seed)
    for _ in range(parcels):
        hub.induct(source.next())
    begin = hub.steps
    for _ in range(50_000):
        if hub.done():
            return hub
        if hub.steps - begin in kills and hub.node is not None:
            hub.kill()
        hub.step()
    raise AssertionError(f"it never ends: {hub.story()}")


def complaints(hub: Hub, parcels: int) -> list[str]:
    """What must not be after any run."""
    verdict = hub.verdict()
    found = [] if passed(verdict) else [f"the judge says {verdict}"]
    if verdict["parcels"] != parcels or verdict["terminal"] != parcels:
        found.append(f"{parcels} parcels, {verdict['parcels']} on the belt, {verdict['terminal']} ended")
    heard = {sequence for _, sequence in hub.ledger.sequences}
    if heard != set(hub.journal.rows):
        found.append(f"not delivered: {sorted(set(hub.journal.rows) - heard)}")
    if hub.ledger.ids != {row.id: row.seq for row in hub.journal.rows.values()}:
        found.append("a row was delivered with another id")
    advised = {name for name, parcel in hub.parcels.items() if parcel.advice is not None}
    if advised != set(hub.journal.advice):
        found.append(f"advice is gone: {sorted(advised - set(hub.journal.advice))}")
    if hub.node is None or hub.node.floor.book.position != sum(len(parcel.said) for parcel in hub.parcels.values()):
        found.append("a customs record is gone")
    found += lies(hub)
    travels = [row.travel for row in hub.journal.rows.values() if named(row) == INDUCTED]
    if sorted(map(str, travels)) != sorted(hub.ledger.terminals):
        found.append("a travel without its end, or an end without its travel")
    return found


def lies(hub: Hub) -> list[str]:
    """Ends that say another lane or another parcel than the belt does."""
    rows = [(named(row), json.loads(row.body)["data"]) for row in hub.journal.rows.values()]
    track = {data["travel"]: (data["line"], data["epoch"], data["track"]) for name, data in rows if name == INDUCTED}
    ends = {track[data["travel"]]: data for name, data in rows if name in TERMINAL}
    found = []
    for name, parcel in hub.ledger.physical.items():
        for end in (ends[one] for one in parcel.tracks if one in ends):
            if end.get("lane") != parcel.lane:
                found.append(f"{name} lies in {parcel.lane}, its end says {end.get('lane')}")
            if end.get("parcel") not in (None, name):
                found.append(f"{name} was taken for {end['parcel']}")
    return found


def test_a_run_without_a_kill(tmp_path: Path) -> None:
    hub = run(tmp_path, FEW, SEED, ())
    assert complaints(hub, FEW) == []
    assert hub.ledger.duplicates == 0
    assert hub.verdict()["terminal"] == FEW


def test_killed_before_every_single_step(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    assert steps > 200
    bad: dict[int, list[str]] = {}
    doubled = 0
    for step in range(steps):
        hub = run(tmp_path, FEW, SEED, {step})
        doubled += hub.ledger.duplicates
        found = complaints(hub, FEW)
        if found:
            bad[step] = found
    assert bad == {}
    assert doubled, "no kill came between a publish and its record: the scenario does not bite"


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_killed_six_times(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    hub = run(tmp_path, 40, seed, {rng.randrange(2500) for _ in range(KILLS)})
    assert complaints(hub, 40) == []
    assert hub.journal.boot > KILLS // 2, "it was killed"


def test_killed_again_while_it_comes_back(tmp_path: Path) -> None:
    for step in range(100, 160, 6):
        hub = run(tmp_path, FEW, SEED, set(range(step, step + 400, 25)))
        assert complaints(hub, FEW) == []


# --- the net has no hole ----------------------------------------------------------------------------------------------


class HastyNode(Node):
    """Tells machines and centre "durable" when a batch goes to the disk, not when it is there."""

    def rows(self, now: float | None = None) -> Batch | None:
        batch = super().rows(now)
        if batch is not None:
            for link, token in batch.channels.items():
                self.drivers[link].confirm(token, self.asked)
            self._acks += batch.tokens
        return batch

    def received(self, port: str, data: bytes | Message, at: float) -> None:
        self.asked = at
        super().received(port, data, at)


class HastyHub(Hub):
    def start(self) -> None:
        super().start()
        self.kill()
        self._queue = [entry for entry in self._queue if entry[2] not in ("start", "wire")]
        self._committing = False
        start = Start(self.now, UTC_MS + self.now, True, Random(self.steps))
        self.node = HastyNode(
            self.config, {self.plan.plan: self.plan}, self.journal.restored(), self.journal.look, start
        )
        for link in (*self.config.scanner, *self.config.plc):
            self.node.link_up(link, self.now)
        self._later(BROKER_MS, "connected", self._connected)
        self._pump()


class NoChannels(MemoryJournal):
    """A journal that forgets which events of the PLC it holds."""

    def commit(self, batch: Batch) -> None:
        batch.channels = {}
        super().commit(batch)


class NoState(MemoryJournal):
    """A journal that keeps events but no floor state."""

    def commit(self, batch: Batch) -> None:
        batch.state = {}
        super().commit(batch)


class ForgetfulHub(Hub):
    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.journal = NoState()


class DeafHub(Hub):
    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.journal = NoChannels()


@pytest.mark.parametrize("broken", [HastyHub, ForgetfulHub, DeafHub])
def test_a_broken_daemon_is_found(tmp_path: Path, broken: type[Hub]) -> None:
    whole = run(tmp_path, FEW, SEED, (), broken)
    assert complaints(whole, FEW) == [], "without a kill nobody sees it"
    for step in reversed(range(_steps(tmp_path))):
        try:
            if complaints(run(tmp_path, FEW, SEED, {step}, broken), FEW):
                return
        except (AssertionError, ImpossibleMove):
            return
    raise AssertionError(f"{broken.__name__} passes: the test sees nothing")


def _steps(folder: Path) -> int:
    """How many steps the scenario has."""
    hub = Hub(folder, lines=1, rate=5.0, seed=SEED)
    hub.run(lambda: hub.world.in_session)
    before = hub.steps
    whole = run(folder, FEW, SEED, ())
    return whole.steps - before
