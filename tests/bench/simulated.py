"""The whole hub in virtual time, all invariants checked at each step, beside real time.

Stories of tests/sim (`make sim`): a loop and four lines with their PLCs, scanners, journal, broker and centre, faults
drawn by their seeds. One process, so that a figure is of one core.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.bench.figures import Figure, Options
from tests.sim.many import run
from tests.sim.story import Story

FIRST = 100
PER_HOUR = 20_000.0


def measure(options: Options) -> Iterable[Figure]:
    """See the module."""
    minutes, seeds = (2.0, 1) if options.quick else (5.0, 1)
    faster, rates, each = [], [], []
    for turn in range(options.rounds):
        stories = [Story(FIRST + turn * seeds + number, minutes) for number in range(seeds)]
        began, simulated, parcels = time.process_time(), 0.0, 0
        for told in run(stories, 1):
            if told.broken:
                raise RuntimeError(f"seed {told.story.seed}: {told.broken}")
            simulated += told.at_ms / 1000
            parcels += told.counts["inducted"]
        spent = time.process_time() - began
        rate = parcels / simulated * 3600
        rates.append(rate)
        each.append(spent / parcels * 1e6)
        faster.append(simulated / spent)
    at_rate = tuple(one * rate / PER_HOUR for one, rate in zip(faster, rates, strict=True))
    yield Figure("simulated / real time, a core", "x", tuple(faster), note="at the rate of the next line")
    yield Figure("parcels an hour of the simulated hub", "1/h", tuple(rates))
    yield Figure("the same brought to 20,000 parcels/h", "x", at_rate, 200.0, least=True)
    yield Figure("CPU a simulated parcel", "µs", tuple(each))
