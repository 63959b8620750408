"""An outage of the broker: it is away while events gather, then it returns.

Whole parcel lives run at a steady pace before it and while what gathered is drained, and their diverts are timed: both
in one round. What gathers comes from scanners at presence points, as fast as it is taken. A million events, held
against the ledgers of floor and centre: `python -m tests.faults.outage`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from random import Random

from tests.bench.divert import joined
from tests.bench.ends import DECODERS, FLOODERS, PARCELS, PATIENCE_S, PORTS, Ends, Found, Running, started
from tests.bench.figures import Figure, Options
from tests.bench.load import Load, Window

GATHERED, DIVERTS, QUICK = 100_000, 2000, 8
LIVES_A_S, WARM, STRETCH = 200.0, 200, 400
RATIO, DRAIN_A_S, GROWTH_MB = 1.5, 5000.0, 12.0


def measure(options: Options) -> Iterable[Figure]:
    """The drain beside the time before, and memory."""
    share, found = (QUICK if options.quick else 1), Found(list)
    with ExitStack() as stack:
        ends = Ends(stack, options.folder)
        for number in range(options.rounds):
            options.say(f"round {number + 1}: {GATHERED // share:,} events gather")
            outage(ends, options.folder, GATHERED // share, DIVERTS // share, found)
    many = f"{GATHERED // share:,} events"
    ratios = tuple(after / before for after, before in zip(found["draining p99"], found["before p99"], strict=True))
    yield Figure("scan to divert, p99, draining / before", "x", ratios, RATIO, note=f"{LIVES_A_S:.0f} lives/s, {many}")
    for when in ("before", "draining"):
        for percent in (50, 99):
            yield Figure(f"scan to divert, p{percent}, {when}", "ms", tuple(found[f"{when} p{percent}"]))
    yield Figure("drain, beside the floor's own events", "1/s", tuple(found["drain rate"]), DRAIN_A_S, True)
    yield Figure("memory after the first tenth, more", "MB", tuple(found["growth"]), GROWTH_MB, note=many)
    yield Figure(
        "memory at most", "MB", tuple(found["rss"]), note=f"{PORTS + FLOODERS + DECODERS} ports, {PARCELS:,} advices"
    )


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
