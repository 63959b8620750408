"""Readers that wait for "durable" while the daemon is killed between any two steps: no code is lost, none invented.

The wire loses what is said now and then, the disk takes its time, and the daemon is killed before, during and after a
commit, sometimes twice in a row. Only the wire is left out: bytes go from stub to driver and back as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from controller.config import load
from controller.journal_rows import Batch
from controller.node import Node, Start
from controller.plan import load_plan
from firmware_stubs.scanners import zebra_ssi as stubs
from tests.floor_fixture import FLOOR, UTC, write
from tests.hub import MemoryJournal

CODES, EACH_MS, STEP_MS = 12, 15_000.0, 4.0
READER = """\
[scanner.tunnel-1]
kind = "zebra_ssi"
link = "tcp://127.0.0.1:2112"
point = "{point}"
revision = false
[scanner.dock-1]"""


class Life:
    """One daemon after the other with the same journal, and one scanner."""

    def __init__(self, folder: Path, point: str, seed: int) -> None:
        before = FLOOR[FLOOR.index("[scanner.tunnel-1]") : FLOOR.index("[scanner.dock-1]") + len("[scanner.dock-1]")]
        self._config = load(write(folder, f"{before} => {READER.format(point=point)}"))
        self._plan = load_plan(self._config.plan, self._config)
        self._rng = Random(seed)
        self._scanner = stubs.Scanner(stubs.Settings(), seed, 0.0)
        self._batch: Batch | None = None
        self._on_disk = False
        self.journal = MemoryJournal()
        self.now = 0.0
        self.kills = 0
        self.node = self._start()

    def _start(self) -> Node:
        start = Start(self.now, UTC + self.now, True, Random(1))
        plans = {self._plan.plan: self._plan}
        node = Node(self._config, plans, self.journal.restored(), self.journal.look, start)
        node.link_up("tunnel-1", self.now)
        self._batch = None
        return node

    def show(self, code: str) -> None:
        """The code lies before the scanner, and everybody has the time to say it."""
        self._scanner.gate([code.encode()], self.now)
        for _ in range(round(EACH_MS / STEP_MS)):
            self.now += STEP_MS
            self._talk()
            self._disk()
            if self._rng.random() < (0.05 if self._batch is not None else 0.0005):  # what the disk has may be lost
                for _ in range(self._rng.choice([1, 2])):
                    self.kills += 1
                    self.node = self._start()

    def end(self) -> list[str]:
        """Everything is committed, results that wait for an item included: what was read."""
        self.node = self._start()
        batch = self.node.rows()
        assert batch is not None
        self.journal.commit(batch)
        reads = [row for row in self.journal.rows.values() if row.topic.endswith("/event/parcel/read")]
        return [json.loads(row.body)["data"]["code"] for row in reads]

    def _talk(self) -> None:
        self._scanner.tick(self.now)
        self.node.tick(self.now)
        said = self._scanner.take()
        if said and self._rng.random() > 0.03:
            self.node.received("tunnel-1", said, self.now)
        told = self.node.take("tunnel-1")
        if told and self._rng.random() > 0.03:
            assert isinstance(told, bytes)
            self._scanner.feed(told, self.now)

    def _disk(self) -> None:
        """A batch is given to the disk, is on it, and is known to be: each at a step of its own."""
        if self._rng.random() > 0.3:
            return
        if self._batch is None:
            self._batch, self._on_disk = self.node.rows(), False
        elif not self._on_disk:
            self.journal.commit(self._batch)
            self._on_disk = True
        else:
            self.node.committed(self._batch, self.now)
            self._batch = None


@pytest.mark.parametrize("point", ["DOCK", "S1-T1"])
@pytest.mark.parametrize("seed", range(3))
def test_each_code_is_read_once_however_often_the_daemon_is_killed(tmp_path: Path, point: str, seed: int) -> None:
    life = Life(tmp_path, point, seed)
    codes = [f"S{seed}N{number}" for number in range(CODES)]
    for code in codes:
        life.show(code)
    assert life.kills > CODES
    assert sorted(life.end()) == sorted(codes)
