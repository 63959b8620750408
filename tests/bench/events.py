"""Events through journal and uplink: how many, what each costs, when they are durable, and what an outage does.

A real floord on one core; scanners on pseudo-terminals, the broker and a centre that hears everything on the other.
**A core**: events for each second of CPU of floord, all threads, while scanners read as fast as it takes them; each is
read, recorded, durable, acknowledged by the broker and heard by the centre. In turns with it, within a round, the same
without its disk, without its broker, and nothing but writing and syncing as many bytes. **Durable**: from a read to the
answer that a decoder gets when its event is on the disk. **Outage**: the broker is away while events gather, then it
returns; diverts of whole parcel lives are timed before it and while what gathered drains.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

from tests.bench.centre import Centre
from tests.bench.divert import joined
from tests.bench.ends import (
    AHEAD,
    DECODERS,
    FLOODERS,
    PARCELS,
    PATIENCE_S,
    PORTS,
    Ends,
    Running,
    broker_name,
    hear,
    started,
)
from tests.bench.figures import Figure, Options
from tests.bench.load import Load, Window
from tests.bench.subjects import LOAD_CPU, NODE, SITE, pinned

EVERYTHING = f"hub/v1/{SITE}/{NODE}/event/#"
NOBODY = "mqtt://127.0.0.1:9"
EVENTS, GATHERED, READS, DIVERTS = 40_000, 100_000, 3000, 2000
RATES = (200, 1000)
"""Reads a second whose durability is timed."""
LIVES_A_S, WARM, STRETCH = 200.0, 200, 400
TOGETHER = 32
"""Events that are written between two syncs, where nothing but the disk is measured."""
PER_CORE, DURABLE_P50_MS, DURABLE_P99_MS, RATIO, DRAIN_A_S, GROWTH_MB = 10_000.0, 3.0, 10.0, 1.5, 5000.0, 12.0
COMMANDS = {
    "whole": ("-m", "controller"),
    "diskless": (
        "-c",
        "from controller import journal; journal.write = lambda *_: None; "
        "from controller.__main__ import main; main(prog_name='floord')",
    ),
}

Found = defaultdict[str, list[float]]
"""Figure -> its value in each round."""


def whole(ends: Ends, url: str, events: int, kind: str, found: Found) -> None:
    """Events a second and a CPU second, everything heard. Raises RuntimeError where something is lost."""
    with Centre(url, EVERYTHING) as centre, ends.floord(url, COMMANDS[kind]) as running:
        ends.feed(AHEAD, lambda: len(centre.heard), centre)
        before = running.floord.cpu_s()
        took = ends.feed(events, lambda: len(centre.heard), centre)
        cpu_s = running.floord.cpu_s() - before
        running.floord.wait_for(lambda: running.broker("queued") == 0, "everything is acknowledged")
        until = time.monotonic() + PATIENCE_S
        first, last = (1, running.last()) if kind == "whole" else (min(centre.heard), max(centre.heard))
        while missing := last + 1 - first - sum(first <= seq <= last for seq in centre.heard):
            if time.monotonic() > until:
                raise RuntimeError(f"{missing} of {last} events are lost")
            hear(centre)
    found[f"{kind} rate"].append(events / took)
    found[f"{kind} us"].append(cpu_s / events * 1e6)
    found[f"{kind} core"].append(events / cpu_s)
    found[f"{kind} twice"].append(centre.duplicates)


def without_broker(ends: Ends, folder: Path, events: int, found: Found) -> None:
    """The same into the journal only, and then as many bytes to the bare disk."""
    with ends.floord(NOBODY) as running:
        ends.feed(AHEAD, running.last)
        before = running.floord.cpu_s()
        ends.feed(events, running.last)
        found["brokerless us"].append((running.floord.cpu_s() - before) / events * 1e6)
        with closing(sqlite3.connect(running.journal)) as db:
            (size,) = db.execute("SELECT avg(length(body)) FROM event").fetchone()
    began, cpu = time.monotonic(), time.process_time()
    for _ in synced(folder, events // TOGETHER, int(size) * TOGETHER):
        pass
    found["bare rate"].append(events / (time.monotonic() - began))
    found["bare us"].append((time.process_time() - cpu) / events * 1e6)


def synced(folder: Path, count: int, size: int) -> Iterator[float]:
    """So many writes of so many bytes over a file that is there already, as a log is: the µs of each, synced."""
    path, data = folder / "bare", os.urandom(size)
    path.write_bytes(bytes(count * size))
    with path.open("r+b", buffering=0) as out:
        os.fsync(out.fileno())
        for _ in range(count):
            began = time.monotonic_ns()
            out.write(data)
            os.fdatasync(out.fileno())
            yield (time.monotonic_ns() - began) / 1000
    path.unlink()


def durable(ends: Ends, url: str, folder: Path, reads: int, found: Found) -> None:
    """ms from a read to its answer, beside the bare disk."""
    rng = Random(3)
    with ends.floord(url) as running:
        ends.feed(2 * AHEAD, running.last)  # the log has its length then, and grows no more
        ends.durable.run(RATES[0], WARM, rng)
        for rate in RATES:
            for what, took in (
                ("bare", list(synced(folder, READS // 4, 600))),
                ("durable", ends.durable.run(rate, min(reads, rate * 5), rng)),
            ):
                for share in (0.5, 0.99):
                    found[f"{what} {rate} p{share * 100:.0f}"].append(percentile(took, share) / 1000)


def percentile(values: Iterable[float], share: float) -> float:
    """Of values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def outage(ends: Ends, folder: Path, events: int, diverts: int, found: Found) -> None:
    """Diverts before and while draining, memory, and how fast it drains. Raises where not everything is taken."""
    rng, load = Random(5), ends.load
    with ExitStack() as away:
        child = away.enter_context(started(folder))
        running = away.enter_context(ends.floord(child.url))
        wait = running.floord.wait_for
        load.lives(LIVES_A_S, WARM, rng)
        before = load.lives(LIVES_A_S, diverts, rng)
        child.stop()
        wait(lambda: not running.broker("online"), "the broker is away")
        ends.feed(events // 10, running.last)
        tenth = running.rss_mb()
        ends.feed(events - events // 10, running.last)
        full = running.rss_mb()
        with started(folder, child.port):
            wait(lambda: bool(running.broker("online")), "the broker is back")
            draining, rate = drained(running, load, rng)
        for what, window in (("before", before), ("draining", draining)):
            for share in (0.5, 0.99):
                found[f"{what} p{share * 100:.0f}"].append(window.percentile(share) / 1000)
        found["drain rate"].append(rate)
        found["rss"].append(max(full, running.rss_mb()))
        found["growth"].append(full - tenth)


def drained(running: Running, load: Load, rng: Random) -> tuple[Window, float]:
    """The diverts while what waits is drained, and how many events a second that takes. Raises RuntimeError."""
    waiting = left = running.broker("queued")
    began, windows, rates = time.monotonic(), list[Window](), list[float]()
    while left > 0:
        if time.monotonic() > began + PATIENCE_S:
            raise RuntimeError(f"{left} of {waiting} events were not acknowledged")
        windows.append(load.lives(LIVES_A_S, STRETCH, rng))
        left = running.broker("queued")
        rates.append((waiting - left) / (time.monotonic() - began))
    return joined(windows[:-1] or windows), (rates[:-1] or rates)[-1]  # in the last one it ended


def measure(options: Options) -> Iterable[Figure]:
    """The scenario."""
    pinned(LOAD_CPU)
    found = rounds(options)
    many, name = f"{GATHERED // (8 if options.quick else 1):,} events", broker_name()

    def figure(
        what: str, unit: str, key: str, target: float | None = None, least: bool = False, note: str = ""
    ) -> Figure:
        return Figure(what, unit, tuple(found[key]), target, least, note)

    yield figure("events a core: read, durable, acknowledged", "1/s", "whole core", PER_CORE, True, name)
    yield figure("events as fast as they are taken", "1/s", "whole rate", note="limit: scanners and broker on one core")
    yield figure("CPU an event, all threads", "µs", "whole us")
    yield figure("CPU an event without the disk", "µs", "diskless us")
    yield figure("CPU an event without the broker", "µs", "brokerless us", note="they stay in the journal")
    yield figure("CPU an event: write and sync of as many bytes", "µs", "bare us", note=f"{TOGETHER} a sync")
    yield figure("events: write and sync of as many bytes", "1/s", "bare rate", note=f"{TOGETHER} a sync")
    yield figure("events heard twice", "", "whole twice")
    for rate in RATES:
        for percent, target in ((50, DURABLE_P50_MS), (99, DURABLE_P99_MS)):
            key = f"{rate} p{percent}"
            yield figure(f"read to durable, {rate}/s, p{percent}", "ms", f"durable {key}", target)
            yield figure(f"write and sync of one event, p{percent}", "ms", f"bare {key}")
    ratios = tuple(a / b for a, b in zip(found["draining p99"], found["before p99"], strict=True))
    yield Figure("scan to divert, p99, draining / before", "", ratios, RATIO, note=f"{LIVES_A_S:.0f} lives/s, {many}")
    for when in ("before", "draining"):
        for percent in (50, 99):
            yield figure(f"scan to divert, p{percent}, {when}", "ms", f"{when} p{percent}")
    yield figure("drain after an outage, beside the floor", "1/s", "drain rate", DRAIN_A_S, True)
    yield figure("memory after the first tenth of an outage, more", "MB", "growth", GROWTH_MB, note=many)
    yield figure("memory at most", "MB", "rss", note=f"{PORTS + FLOODERS + DECODERS} ports, {PARCELS:,} advices")


def rounds(options: Options) -> Found:
    """Everything, in turns."""
    share, found = (8 if options.quick else 1), Found(list)
    with ExitStack() as stack:
        ends = Ends(stack, options.folder)
        for number in range(options.rounds):
            options.say(f"events, round {number + 1}")
            for kind in COMMANDS:
                with started(options.folder) as child:
                    whole(ends, child.url, EVENTS // share, kind, found)
            without_broker(ends, options.folder, EVENTS // share, found)
            with started(options.folder) as child:
                durable(ends, child.url, options.folder, READS // share, found)
            outage(ends, options.folder, GATHERED // share, DIVERTS // share, found)
    return found


def main() -> None:
    """By itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.events", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for figure in measure(Options(given.rounds, given.quick, Path(folder), print)):
            said = {None: "", True: "met", False: "NOT met"}[figure.met]
            values = " ".join(f"{value:.2f}" for value in figure.values)
            print(f"{figure.what:<52} {figure.median:10.2f} {figure.unit:<4} {said:<8} [{values}] {figure.note}")


if __name__ == "__main__":
    main()
