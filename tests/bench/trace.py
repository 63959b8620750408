"""A journal of ten million events beside a small one: the story of a parcel, and a commit, as ratios.

The journal is built as a week of a hub would leave it (tests/journal_size.py); `quick` makes do with a million.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

from controller.journal import Batch, Journal, Reader
from tests.bench.figures import Figure, Options
from tests.journal_size import BEGIN_MS, LIFE, PENDING, build, parcel_of, rows

SMALL = 10_000
TRACES, COMMITS = 200, 400


def measure(options: Options) -> Iterable[Figure]:
    """See the module."""
    large = 1_000_000 if options.quick else 10_000_000
    paths = {SMALL: options.folder / "small.db", large: options.folder / "large.db"}
    for count, path in paths.items():
        options.say(f"building a journal of {count:,} events")
        build(path, count)
    size = paths[large].stat().st_size
    traced, slower, durable, apart, spent = [], [], [], [], []
    for turn in range(options.rounds):
        times = _traces(paths, Random(turn))
        traced.append(times[large])
        slower.append(times[large] / times[SMALL])
        commits, cpu = _commits(paths)
        durable.append(commits[large] / commits[SMALL])
        apart.append(cpu[large] / cpu[SMALL])
        spent.append(cpu[large] / COMMITS * 1e6)
    yield Figure(f"trace of a parcel in {large:,} events, p50", "ms", tuple(traced), 20.0)
    yield Figure(f"trace, {large:,} / {SMALL:,} events", "x", tuple(slower))
    yield Figure(f"commit of a life, p50, {large:,} / {SMALL:,}", "x", tuple(durable), 1.5)
    yield Figure(f"commit of a life, CPU, {large:,} / {SMALL:,}", "x", tuple(apart), 1.5)
    yield Figure(f"commit of a life, CPU, {large:,} events", "µs", tuple(spent))
    yield Figure("bytes of the journal an event", "B", (size / large,))


def _traces(paths: dict[int, Path], rng: Random) -> dict[int, float]:
    """p50 in ms of each journal, asked in turns."""
    took: dict[int, list[float]] = {count: [] for count in paths}
    with ExitStack() as stack:
        readers = {count: stack.enter_context(closing(Reader(path))) for count, path in paths.items()}
        for _ in range(TRACES):
            for count, reader in readers.items():
                parcel = parcel_of(rng.randrange(count // len(LIFE)))
                began = time.perf_counter()
                found = reader.trace(parcel)
                took[count].append((time.perf_counter() - began) * 1000)
                if len(found) != len(LIFE):
                    raise RuntimeError(f"parcel {parcel}: {len(found)} of {len(LIFE)} events found")
    return {count: sorted(times)[len(times) // 2] for count, times in took.items()}


def _commits(paths: dict[int, Path]) -> tuple[dict[int, float], dict[int, float]]:
    """p50 in ms, and CPU in all, of commits of five events each, in turns."""
    took: dict[int, list[float]] = {count: [] for count in paths}
    cpu = dict.fromkeys(paths, 0.0)
    with ExitStack() as stack:
        journals = {
            count: stack.enter_context(closing(Journal.open(path, rng=Random(2), utc_ms=BEGIN_MS)))
            for count, path in paths.items()
        }
        last = {count: journal.restored().last_seq for count, journal in journals.items()}
        for _ in range(COMMITS):
            for count, journal in journals.items():
                after = last[count] = last[count] + len(LIFE)
                events = list(rows(after - len(LIFE) + 1, after))
                delivered = list(range(after - PENDING - len(LIFE) + 1, after - PENDING + 1))
                batch = Batch(events=events, delivered=delivered)
                began, busy = time.perf_counter(), time.process_time()
                journal.commit(batch)
                cpu[count] += time.process_time() - busy
                took[count].append((time.perf_counter() - began) * 1000)
    return {count: sorted(times)[len(times) // 2] for count, times in took.items()}, cpu
