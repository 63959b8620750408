"""Events through journal and uplink: how many, what each costs, and when they are durable.

A real floord on one core; scanners on pseudo-terminals, the broker and a centre that hears everything on the other.
**A core**: events for each second of CPU of floord, all threads, while scanners read as fast as it takes them; each is
read, recorded, durable, acknowledged by the broker and heard by the centre. In turns with it, within a round, the same
without its disk, without its broker, and nothing but writing and syncing as many bytes. **Durable**: from a read to the
answer that a decoder gets when its event is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

from tests.bench.centre import Centre
from tests.bench.ends import AHEAD, PATIENCE_S, Ends, Found, broker_name, hear, started
from tests.bench.figures import Figure, Options
from tests.bench.subjects import NODE, SITE

EVERYTHING = f"hub/v1/{SITE}/{NODE}/event/#"
NOBODY = "mqtt://127.0.0.1:9"
EVENTS, READS, BARE, WARM, QUICK = 40_000, 3000, 750, 200, 8
RATES = (200, 1000)
"""Reads a second whose durability is timed."""
TOGETHER = 32
"""Events that are written between two syncs, where nothing but the disk is measured."""
PER_CORE, DURABLE_P50_MS, DURABLE_P99_MS = 10_000.0, 3.0, 10.0
ANSWERED = "with reading it and answering the decoder"
COMMANDS = {
    "whole": ("-m", "controller"),
    "diskless": (
        "-c",
        "from controller import journal; journal.write = lambda *_: None; "
        "from controller.__main__ import main; main(prog_name='floord')",
    ),
}


def measure(options: Options) -> Iterable[Figure]:
    """The scenario."""
    found, name = rounds(options), broker_name()

    def figure(
        what: str, unit: str, key: str, target: float | None = None, least: bool = False, note: str = ""
    ) -> Figure:
        return Figure(what, unit, tuple(found[key]), target, least, note)

    yield figure("events a core: read, durable, acknowledged", "1/s", "whole core", PER_CORE, True, name)
    yield figure("events as fast as they are taken", "1/s", "whole rate", note="limit: scanners and broker on one core")
    yield figure("CPU an event, all threads", "µs", "whole us")
    yield figure("CPU an event without the disk", "µs", "diskless us")
    yield figure("CPU an event without the broker", "µs", "brokerless us", note="they stay in the journal")
    yield figure("events: write and sync of as many bytes", "1/s", "bare rate", note=f"{TOGETHER} a sync")
    yield figure("events heard twice", "", "whole twice")
    for percent, target in ((50, DURABLE_P50_MS), (99, DURABLE_P99_MS)):
        yield figure(f"write and sync of one event, p{percent}", "ms", f"bare p{percent}")
        for rate in RATES:
            key = f"durable {rate} p{percent}"
            yield figure(f"read to durable, {rate:,}/s, p{percent}", "ms", key, target, note=ANSWERED)


def rounds(options: Options) -> Found:
    """Everything, in turns."""
    share, found = (QUICK if options.quick else 1), Found(list)
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
    return found


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
    found["bare rate"].append(events / sum(synced(folder, events // TOGETHER, int(size) * TOGETHER)) * 1e6)


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
        ends.feed(3 * AHEAD, running.last)  # the log has its length then, and grows no more
        ends.durable.run(RATES[0], WARM, rng)
        timed = {"bare": list(synced(folder, BARE, 600))}
        for rate in RATES:
            timed[f"durable {rate}"] = list(ends.durable.run(rate, min(reads, rate * 5), rng))
    for what, took in timed.items():
        for share in (0.5, 0.99):
            found[f"{what} p{share * 100:.0f}"].append(percentile(took, share) / 1000)


def percentile(values: Iterable[float], share: float) -> float:
    """Of values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
