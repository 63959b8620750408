"""Scan to divert on 8, 32, 128 and 256 ports: whole lives at one rate, in turns, as ratios to 8 ports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from random import Random

from tests.bench.divert import WARM, bench, profile, running
from tests.bench.figures import Figure, Options

PORTS = (8, 32, 128, 256)
RATE = 200
"""Lives a second: a floor of 256 ports has no more, and 8 can have as many."""


def measure(options: Options) -> Iterable[Figure]:
    """See the module."""
    p50, p99, cpu, memory = (defaultdict[int, list[float]](list) for _ in range(4))
    scans = RATE if options.quick else 4 * RATE
    for turn in range(options.rounds):
        for ports in PORTS:
            options.say(f"round {turn + 1}: {ports} ports")
            rng = Random(turn)
            with bench(options.folder, ports) as (load, url), running(load, options.folder, url) as floord:
                profile(load, floord, "life", RATE, WARM, rng)
                window, cpu_s = profile(load, floord, "life", RATE, scans, rng)
                if window.wrong:
                    raise RuntimeError(f"{ports} ports: {window.wrong} diverts to another lane than the advice says")
                p50[ports].append(window.percentile(0.5))
                p99[ports].append(window.percentile(0.99))
                cpu[ports].append(cpu_s / scans * 1e6)
                memory[ports].append(floord.rss_mb())
    for ports in PORTS:
        yield Figure(f"{ports} ports: p50, {RATE} lives a second", "µs", tuple(p50[ports]))
        yield Figure(f"{ports} ports: CPU a life", "µs", tuple(cpu[ports]))
        yield Figure(f"{ports} ports: RSS", "MB", tuple(memory[ports]))
    for name, values, unit in (("p50", p50, 1.5), ("p99", p99, 1.5), ("CPU a life", cpu, 1.5)):
        ratios = tuple(most / least for most, least in zip(values[PORTS[-1]], values[PORTS[0]], strict=True))
        yield Figure(f"{name}, {PORTS[-1]} / {PORTS[0]} ports", "x", ratios, unit)
