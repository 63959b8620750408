"""All that stands around a floord whose events are counted: terminals, broker, and what the outside sees of it."""

from __future__ import annotations

import os
import select
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller import broker
from controller.broker import BrokerMissing, Child
from tests.bench.centre import Centre
from tests.bench.divert import stocked
from tests.bench.handhelds import Durable, Flood
from tests.bench.load import Load
from tests.bench.subjects import LOAD_CPU, Floord, code_of, lane_of, pinned, write_floor

AHEAD = 2000
"""Reads that floord may have before it; more would lie in the kernel."""
FLOODERS, DECODERS, PORTS, PARCELS = 8, 16, 32, 20_000
PATIENCE_S = 120.0

Found = defaultdict[str, list[float]]
"""Figure -> its value in each round."""


@dataclass(frozen=True)
class Running:
    """A floord, and its journal."""

    floord: Floord
    journal: Path

    def last(self) -> int:
        """The last sequence that is durable."""
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT max(seq) FROM event").fetchone()[0] or 0)

    def broker(self, what: str) -> int:
        """A figure of the broker's part of its status."""
        return int(self.floord.status()["broker"][what])

    def rss_mb(self) -> float:
        """Resident memory."""
        pages = Path(f"/proc/{self.floord.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Ends:
    """The far ends of the terminals of one floor, which one floord after the other runs."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._folder = folder
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        pinned(LOAD_CPU)
        self.load, self.flood, self.durable = Load(PORTS, code_of, lane_of), Flood(FLOODERS), Durable(DECODERS)
        for what in (self.load, self.flood, self.durable):
            stack.callback(what.close)

    @contextmanager
    def floord(self, url: str, command: tuple[str, ...] = ("-m", "controller")) -> Iterator[Running]:
        """floord with a journal of its own."""
        with tempfile.TemporaryDirectory(dir=self._folder) as made:
            state = Path(made) / "state"
            stocked(state, PARCELS)
            floor = write_floor(Path(made), self.load, url, str(state))
            floor.write_text(floor.read_text() + self.flood.floor() + self.durable.floor())
            with Floord(self.load, Path(made), floor, state, command) as floord:
                yield Running(floord, state / "journal.db")

    def feed(self, events: int, there: Callable[[], int], centre: Centre | None = None) -> float:
        """So many reads, some ahead of what is `there`; the seconds until all are. Raises TimeoutError."""
        first, said, began = there(), self.flood.said, time.monotonic()
        while (done := there() - first) < events:
            if time.monotonic() > began + PATIENCE_S:
                raise TimeoutError(f"{done} of {events} events came")
            given = self.flood.said - said
            self.flood.say(min(events - given, AHEAD - (given - done)))
            if centre is None:
                time.sleep(0.002)
            else:
                hear(centre)
        return time.monotonic() - began


def hear(centre: Centre) -> None:
    """What has come, or comes within a ms."""
    if select.select([centre], [], [], 0.001)[0]:
        centre.read()


def started(folder: Path, port: int | None = None) -> Child:
    """A broker that knows nothing, on the core of the load: mosquitto, or nats-server where that is missing."""
    try:
        child = broker.start_mosquitto(folder, port)
    except BrokerMissing:
        child = broker.start_nats(folder, port)
    os.sched_setaffinity(child.pid, {LOAD_CPU})
    return child


def broker_name() -> str:
    """Which one `started` starts."""
    try:
        return broker.mosquitto_binary().name
    except BrokerMissing:
        return "nats-server, for mosquitto is missing"
