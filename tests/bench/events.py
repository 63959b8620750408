"""Events through journal and uplink: how many, what each costs, when they are durable, and what an outage does.

A real floord on one core; scanners on pseudo-terminals, the broker and a centre that hears everything on the other.
**Events a core**: events for each second of CPU of floord, all threads, while scanners read as fast as it takes them,
each event durable, acknowledged by the broker and heard by the centre. In turns with it, in the same round, the same
without its disk, the same without its broker, and nothing but writing and syncing the same bytes. **Durable**: from a
read to the answer that a scanner gets when the event is on the disk. **Outage**: the broker is away while events
gather, then returns; diverts are timed before it and while it drains.
"""

from __future__ import annotations

import argparse
import os
import select
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from controller import broker
from controller.broker import Child
from tests.bench.centre import Centre
from tests.bench.divert import joined, stocked
from tests.bench.figures import Options
from tests.bench.handhelds import Durable, Flood
from tests.bench.load import Load
from tests.bench.subjects import LOAD_CPU, NODE, SITE, Floord, code_of, lane_of, pinned, write_floor

EVERYTHING = f"hub/v1/{SITE}/{NODE}/event/#"
AHEAD = 2000
"""Reads that floord may have before it; more would lie in the kernel."""
FLOODERS, DECODERS, PORTS, PARCELS = 8, 16, 32, 20_000
EVENTS, GATHERED = 40_000, 100_000
DURABLE = ((200, 3.0, 10.0), (1000, 3.0, 10.0))
"""a second, targets of p50 and p99 in ms"""
DIVERTS_A_S, DIVERTS = 200.0, 2000
WARM, STRETCH = 200, 400
PER_CORE, RATIO, RSS_MB, GROWTH_MB = 10_000.0, 1.5, 60.0, 12.0
PATIENCE_S = 120.0
WITHOUT_DISK = (
    "from controller import journal; journal.write = lambda *_: None; "
    "from controller.__main__ import main; main(prog_name='floord')"
)
KINDS = {"whole": ("-m", "controller"), "diskless": ("-c", WITHOUT_DISK)}


@dataclass
class Found:
    """Values of each figure, one a round, in the order in which they were met."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, **values: float) -> None:
        """One more of each."""
        for name, value in values.items():
            self.values[name].append(value)


class Bench:
    """The far ends: terminals and what speaks on them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.load = Load(PORTS, code_of, lane_of)
        self.flood, self.durable = Flood(FLOODERS), Durable(DECODERS)
        self._folder = folder
        self._stacked = folder / "stocked"
        stocked(self._stacked, PARCELS)
        for what in (self.load, self.flood, self.durable):
            stack.callback(what.close)

    @contextmanager
    def floord(self, url: str, command: tuple[str, ...] = ("-m", "controller")) -> Iterator[tuple[Floord, Path]]:
        """floord with a journal of its own, and its journal."""
        with tempfile.TemporaryDirectory(dir=self._folder) as made:
            state = Path(made) / "state"
            stocked(state, PARCELS)
            floor = write_floor(Path(made), self.load, url, str(state))
            floor.write_text(floor.read_text() + self.flood.floor() + self.durable.floor())
            with Floord(self.load, Path(made), floor, state, command) as floord:
                yield floord, state / "journal.db"

    def feed(self, events: int, there: Callable[[], int], centre: Centre | None = None) -> float:
        """So many reads, a few ahead of what is `there`; the seconds until all are. Raises TimeoutError."""
        first, said, began = there(), self.flood.said, time.monotonic()
        while (done := there() - first) < events:
            if time.monotonic() > began + PATIENCE_S:
                raise TimeoutError(f"{done} of {events} events came")
            given = self.flood.said - said
            self.flood.say(min(events - given, AHEAD - (given - done)))
            if centre is None:
                time.sleep(0.002)
            elif select.select([centre], [], [], 0.001)[0]:
                centre.read()
        return time.monotonic() - began

    def until(self, condition: Callable[[], bool], centre: Centre) -> None:
        """Listen until it holds. Raises TimeoutError."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + PATIENCE_S:
                raise TimeoutError(f"the centre has heard {len(centre.heard)} events and not all")
            if select.select([centre], [], [], 0.01)[0]:
                centre.read()


def last(journal: Path) -> int:
    """The last sequence that is durable."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT max(seq) FROM event").fetchone()[0] or 0)


def whole(bench: Bench, url: str, events: int, command: tuple[str, ...], found: Found, kind: str) -> None:
    """Events a second and a CPU second, everything heard. Raises RuntimeError where something is lost."""
    with Centre(url, EVERYTHING) as centre, bench.floord(url, command) as (floord, journal):
        bench.feed(AHEAD, lambda: len(centre.heard), centre)
        before = floord.cpu_s()
        took = bench.feed(events, lambda: len(centre.heard), centre)
        cpu_s = floord.cpu_s() - before
        floord.wait_for(lambda: floord.status()["broker"]["queued"] == 0, "everything is acknowledged")
        bench.until(lambda: kind != "whole" or len(centre.heard) == last(journal), centre)
        lacking = max(centre.heard) + 1 - (1 if kind == "whole" else min(centre.heard)) - len(centre.heard)
        if lacking:
            raise RuntimeError(f"{lacking} events are lost")
        found.add(**{f"{kind}_s": events / took, f"{kind}_us": cpu_s / events * 1e6, f"{kind}_core": events / cpu_s})
        found.add(**{f"{kind}_twice": centre.duplicates})


def without_broker(bench: Bench, events: int, found: Found) -> Path:
    """The same into the journal only."""
    with bench.floord("mqtt://127.0.0.1:9") as (floord, journal):
        bench.feed(AHEAD, lambda: last(journal))
        before = floord.cpu_s()
        bench.feed(events, lambda: last(journal))
        found.add(alone_us=(floord.cpu_s() - before) / events * 1e6)
        with closing(sqlite3.connect(journal)) as db:
            sizes = db.execute("SELECT sum(length(body)) FROM event").fetchone()[0] / last(journal)
    found.add(bytes=sizes)
    return journal


def bare(folder: Path, rate: float, count: int, size: int, rng: Random) -> list[float]:
    """µs of writing and syncing one event after the other."""
    took, due = [], time.monotonic()
    data = rng.randbytes(size)
    with (folder / "bare").open("wb", buffering=0) as out:
        for _ in range(count):
            due += rng.expovariate(rate)
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic_ns()
            out.write(data)
            os.fdatasync(out.fileno())
            took.append((time.monotonic_ns() - began) / 1000)
    return took


def percentile(values: Iterable[float], share: float) -> float:
    """Of values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def durable(bench: Bench, url: str, folder: Path, count: int, found: Found) -> None:
    """ms from a read to its answer, beside the bare disk."""
    rng = Random(3)
    with bench.floord(url) as (floord, _):
        bench.durable.run(200, 200, rng)
        for rate, *_ in DURABLE:
            many = min(count, int(rate * 5))
            limit = bare(folder, rate, many, 600, rng)
            took = bench.durable.run(rate, many, rng)
            found.add(**{f"durable_{rate}_p50": percentile(took, 0.5) / 1000})
            found.add(**{f"durable_{rate}_p99": percentile(took, 0.99) / 1000})
            found.add(**{f"bare_{rate}_p50": percentile(limit, 0.5) / 1000})
            found.add(**{f"bare_{rate}_p99": percentile(limit, 0.99) / 1000})


def outage(bench: Bench, folder: Path, events: int, diverts: int, found: Found) -> None:
    """Diverts before and while draining, memory, and how fast it drains. Raises RuntimeError where something is lost."""
    rng, load = Random(5), bench.load
    child = start_broker(folder)
    with bench.floord(child.url) as (floord, journal):

        def broker_says(what: str) -> int:
            return int(floord.status()["broker"][what])

        load.lives(DIVERTS_A_S, WARM, rng)
        before = load.lives(DIVERTS_A_S, diverts, rng)
        child.stop()
        floord.wait_for(lambda: not broker_says("online"), "the broker is away")
        bench.feed(events // 10, lambda: last(journal))
        tenth = rss_mb(floord)
        bench.feed(events - events // 10, lambda: last(journal))
        full = rss_mb(floord)
        child = start_broker(folder, child.port)
        try:
            floord.wait_for(lambda: bool(broker_says("online")), "the broker is back")
            waiting, began, cpu_s = broker_says("queued"), time.monotonic(), floord.cpu_s()
            windows, left = [], waiting
            while left > 0 and time.monotonic() < began + PATIENCE_S:
                windows.append(load.lives(DIVERTS_A_S, STRETCH, rng))
                left = broker_says("queued")
            took, cpu_s = time.monotonic() - began, floord.cpu_s() - cpu_s
            floord.wait_for(lambda: broker_says("queued") == 0, "everything is acknowledged")
        finally:
            child.stop()
        draining = joined(windows[: max(1, len(windows) - 1)])  # in the last one it ended
        found.add(
            before_p50=before.percentile(0.5) / 1000,
            before_p99=before.percentile(0.99) / 1000,
            draining_p99=draining.percentile(0.99) / 1000,
            ratio_p50=draining.percentile(0.5) / before.percentile(0.5),
            ratio_p99=draining.percentile(0.99) / before.percentile(0.99),
            drain_s=waiting / took,
            drain_us=cpu_s / waiting * 1e6,
            rss=max(full, rss_mb(floord)),
            growth=full - tenth,
        )


def rss_mb(floord: Floord) -> float:
    """Resident memory."""
    pages = Path(f"/proc/{floord.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_broker(folder: Path, port: int | None = None) -> Child:
    """On the core of the load, knowing nothing."""
    child = broker.start_mosquitto(folder, port)
    os.sched_setaffinity(child.pid, {LOAD_CPU})
    return child


@contextmanager
def brokered(folder: Path) -> Iterator[Child]:
    """With a broker."""
    child = start_broker(folder)
    try:
        yield child
    finally:
        child.stop()


def rounds(options: Options) -> Found:
    """Everything, in turns."""
    share = 8 if options.quick else 1
    found = Found()
    with ExitStack() as stack:
        bench = Bench(stack, options.folder)
        for number in range(options.rounds):
            options.say(f"events, round {number + 1}")
            for kind, command in KINDS.items():
                with brokered(options.folder) as child:
                    whole(bench, child.url, EVENTS // share, command, found, kind)
            without_broker(bench, EVENTS // share, found)
            with brokered(options.folder) as child:
                durable(bench, child.url, options.folder, 3000 // share, found)
            outage(bench, options.folder, GATHERED // share, DIVERTS // share, found)
    return found


def main() -> None:
    """By itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.events", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="whole,diskless,alone,durable,outage")
    given = parser.parse_args()
    pinned(LOAD_CPU)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        found = rounds(Options(given.rounds, given.quick, Path(folder), print))
    for name, values in found.values.items():
        print(name, [round(v, 2) for v in values])


if __name__ == "__main__":
    main()
