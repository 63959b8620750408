"""From a scan to its divert: floord beside a C echo on the same terminals, in turns.

Two profiles. **scan**: items wait at their decision points; a scan names one, floord decides, sends the destination and
records two events. **life**: a whole parcel life, of which the scan is one moment: arrival, a code, the destination
and its answer, a second code, discharge; five events. The journal is on, a broker is there. Ports are three scanners to
each PLC. The load runs on one core, together with the broker, floord or the echo on the other one.
"""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from controller import broker
from controller.advice import Advice
from controller.journal import NO_RESERVE, Batch, Journal
from tests.bench.figures import Figure, Options
from tests.bench.load import Load, Window
from tests.bench.subjects import LOAD_CPU, Floord, advice_of, code_of, echo, lane_of, pinned, write_floor

PARCELS = 60_000
SCANS_AT_ONCE = 1500
"""Items that wait for their scan at a time."""
WARM = 300
PORTS = 32
RATES = {"scan": (200, 1000, 3000), "life": (200, 1000)}
TARGET_P50 = {"scan": 1.4, "life": 1.6}
TARGET_P99 = 3.0
TARGET_LIFE_US = 450.0


def measure(options: Options) -> Iterable[Figure]:
    """Ratios to the echo at each rate, and what a life costs."""
    found: dict[tuple[str, int], list[tuple[Window, Window, float]]] = defaultdict(list)
    with bench(options.folder, PORTS) as (load, url):
        for turn in range(options.rounds):
            rng = Random(turn)
            limits = {}
            with echo(load, options.folder):
                for rate in sorted({rate for rates in RATES.values() for rate in rates}):
                    limits[rate] = load.echo(rate, _scans(rate, options.quick), rng)
            with running(load, options.folder, url) as floord:
                for kind, rates in RATES.items():
                    profile(load, floord, kind, 200, WARM, rng)
                    for rate in rates:
                        options.say(f"round {turn + 1}: {kind} at {rate}/s")
                        window, cpu_s = profile(load, floord, kind, rate, _scans(rate, options.quick), rng)
                        found[kind, rate].append((limits[rate], window, cpu_s))
    for (kind, rate), rounds in found.items():
        yield from _figures(kind, rate, rounds)


def _scans(rate: int, quick: bool) -> int:
    return min(rate * 4, 6000) if not quick else rate


def _figures(kind: str, rate: int, rounds: list[tuple[Window, Window, float]]) -> Iterable[Figure]:
    name = f"{kind}, {rate:,}/s"
    wrong = sum(window.wrong for _, window, _ in rounds)
    if wrong:
        raise RuntimeError(f"{name}: {wrong} diverts to another lane than the advice says")
    for share, target in ((0.5, TARGET_P50[kind]), (0.99, TARGET_P99)):
        ratios = tuple(window.percentile(share) / limit.percentile(share) for limit, window, _ in rounds)
        yield Figure(f"{name}: p{share * 100:.0f} / echo", "x", ratios, target)
    for share in (0.5, 0.99):
        yield Figure(f"{name}: p{share * 100:.0f}", "µs", tuple(window.percentile(share) for _, window, _ in rounds))
    yield Figure(f"{name}: p50 of the echo", "µs", tuple(limit.percentile(0.5) for limit, _, _ in rounds))
    spent = tuple(cpu_s / window.scans * 1e6 for _, window, cpu_s in rounds)
    yield Figure(f"{name}: CPU each", "µs", spent, TARGET_LIFE_US if kind == "life" else None)


@contextmanager
def bench(folder: Path, ports: int) -> Iterator[tuple[Load, str]]:
    """The terminals and a broker; this process and the broker on one core, what is measured on the other."""
    with ExitStack() as stack:
        before = os.sched_getaffinity(0)
        stack.callback(os.sched_setaffinity, 0, before)
        pinned(LOAD_CPU)
        try:
            child = stack.enter_context(broker.start_mosquitto(folder))
        except broker.BrokerMissing:
            child = stack.enter_context(broker.start_nats(folder))
        load = Load(ports, code_of, lane_of)
        stack.callback(load.close)
        yield load, child.url


def stocked(state: Path, parcels: int) -> None:
    """A journal that holds the advice of so many parcels."""
    state.mkdir(parents=True)
    journal = Journal.open(state / "journal.db", rng=Random(secrets.randbits(64)), utc_ms=1, rules=NO_RESERVE)
    for first in range(0, parcels, 5000):
        advice = [Advice.model_validate(advice_of(parcel)) for parcel in range(first, first + 5000)]
        journal.commit(Batch(advice=[(one.parcel, one.keys[1:], one.model_dump_json().encode()) for one in advice]))
    journal.close()


def percentiles(window: Window) -> str:
    """In words."""
    return f"p50 {window.percentile(0.5):6.0f} µs  p99 {window.percentile(0.99):6.0f} µs"


def joined(windows: Iterable[Window]) -> Window:
    """Several windows as one."""
    whole = Window(0)
    for one in windows:
        whole.scans += one.scans
        whole.took += one.took
        whole.wrong += one.wrong
        whole.seconds += one.seconds
    return whole


@contextmanager
def running(load: Load, folder: Path, url: str) -> Iterator[Floord]:
    """floord with a stocked journal."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        state = Path(made) / "state"
        stocked(state, PARCELS)
        floor = write_floor(Path(made), load, url, str(state))
        with Floord(load, Path(made), floor, state) as floord:
            yield floord


def profile(load: Load, floord: Floord, kind: str, rate: float, scans: int, rng: Random) -> tuple[Window, float]:
    """One profile at one rate: its window, and CPU seconds of floord in it."""
    if kind == "life":
        before = floord.cpu_s()
        window = load.lives(rate, scans, rng)
        return window, floord.cpu_s() - before
    spent, windows = 0.0, []
    while scans > 0:
        windows.append(load.scans(rate, min(scans, SCANS_AT_ONCE), rng, floord.cpu_s))
        spent += windows[-1].cpu_s
        scans -= SCANS_AT_ONCE
    return joined(windows), spent


def main() -> None:
    """One profile beside the echo, for looking closely."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.divert", description=__doc__.splitlines()[0])
    parser.add_argument("--ports", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--kind", choices=("scan", "life"), default="life")
    parser.add_argument("--scans", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rng = Random(7)
    with tempfile.TemporaryDirectory(prefix="bench-") as made, bench(Path(made), given.ports) as (load, url):
        folder = Path(made)
        for _ in range(given.rounds):
            with echo(load, folder):
                limit = load.echo(given.rate, given.scans, rng)
            with running(load, folder, url) as floord:
                profile(load, floord, given.kind, given.rate, WARM, rng)
                window, cpu_s = profile(load, floord, given.kind, given.rate, given.scans, rng)
                queued = floord.status()["broker"]["queued"]
            print(
                f"echo {percentiles(limit)}; floord {percentiles(window)}; "
                f"ratio {window.percentile(0.5) / limit.percentile(0.5):.2f} "
                f"{window.percentile(0.99) / limit.percentile(0.99):.2f}; CPU {cpu_s / given.scans * 1e6:.0f} µs each, "
                f"{cpu_s / window.seconds * 100:.0f} % of a core; wrong {window.wrong}, queued {queued}"
            )


if __name__ == "__main__":
    main()
