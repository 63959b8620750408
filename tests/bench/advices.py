"""A million advices: what a look-up costs beside few, and how fast they are loaded, idle and while parcels move.

The journal is the real one, on disk; messages are the contract's (an array of advice), parsed and committed as floord
does. Under load the same process feeds a whole Node with parcel lives (life.py) between the messages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from pydantic_core import to_json

from controller import inbound, sections
from controller.advices import Advices
from controller.config import Config
from controller.journal import Batch, Journal
from tests.bench.figures import Figure, Options
from tests.bench.life import Lives
from tests.bench.subjects import advice_of, code_of

FEW = 100
A_MESSAGE = 100
"""Advices in one message."""
LOOKS = 2000
LIVES_PER_S = 100.0


def measure(options: Options) -> Iterable[Figure]:
    """See the module."""
    many = 100_000 if options.quick else 1_000_000
    options.say(f"loading {many} advices")
    few, full = _journal(options.folder / "few.db"), _journal(options.folder / "full.db")
    try:
        layout = Lives(8, few.look).node.config
        _load(few, 0, FEW, layout)
        idle = _load(full, 0, many, layout)
        rounds = [_looks(few, full, many, Random(turn)) for turn in range(options.rounds)]
        loaded = [_beside_lives(options.folder / f"beside-{turn}.db", options.quick) for turn in range(options.rounds)]
    finally:
        few.close()
        full.close()
    hits, last, misses, ratios = (tuple(values) for values in zip(*rounds, strict=True))
    yield Figure(f"look-up among {many:,}, p50", "µs", hits, 20.0)
    yield Figure(f"look-up among {many:,}, p99", "µs", last)
    yield Figure(f"look-up of an unknown code among {many:,}, p50", "µs", misses, 20.0)
    yield Figure(f"look-up, {many:,} / {FEW} advices", "x", ratios, 1.5)
    yield Figure(f"{many:,} advices loaded, idle", "1/s", (idle,), 40_000.0, least=True)
    rates, slower = (tuple(values) for values in zip(*loaded, strict=True))
    yield Figure(f"advices loaded beside {LIVES_PER_S:g} lives a second", "1/s", rates, 5000.0, least=True)
    yield Figure("CPU a life beside that / without", "x", slower, note="same process, in turns")


def _journal(path: Path) -> Journal:
    return Journal.open(path, rng=Random(1), utc_ms=1, rules=sections.Journal(reserve_mb=0))


def _messages(first: int, last: int) -> list[bytes]:
    parcels = range(first, last)
    return [
        to_json([advice_of(one) for one in parcels[at : at + A_MESSAGE]]) for at in range(0, len(parcels), A_MESSAGE)
    ]


def _load(journal: Journal, first: int, last: int, layout: Config) -> float:
    """Advices a second, from the bytes of messages to the disk."""
    advices, spent = Advices(journal.look), 0.0
    for start in range(first, last, 10_000):
        payloads = _messages(start, min(last, start + 10_000))
        began = time.perf_counter()
        for at in range(0, len(payloads), 10):
            batch = Batch()
            for payload in payloads[at : at + 10]:
                batch.advice += inbound.read("advice", payload, advices, layout).advice
            journal.commit(batch)
            advices.committed((parcel for parcel, _, _ in batch.advice), (body for _, _, body in batch.advice))
        spent += time.perf_counter() - began
    return (last - first) / spent


def _looks(few: Journal, full: Journal, many: int, rng: Random) -> tuple[float, float, float, float]:
    """p50 and p99 among many, p50 of a miss, and the ratio to few, in turns; each key once, as codes come."""
    took: dict[str, list[float]] = {"few": [], "full": [], "miss": []}
    of_few, of_full = Advices(few.look), Advices(full.look)
    for turn in range(LOOKS):
        if turn % FEW == 0:
            of_few = Advices(few.look)  # it remembers answers
        took["few"].append(_timed(of_few.look, code_of(turn % FEW)[0].decode()))
        took["full"].append(_timed(of_full.look, code_of(rng.randrange(many))[0].decode()))
        took["miss"].append(_timed(of_full.look, f"NOBODY{turn}"))
    middle = {name: sorted(values) for name, values in took.items()}
    p50 = {name: values[len(values) // 2] for name, values in middle.items()}
    return p50["full"], middle["full"][LOOKS * 99 // 100], p50["miss"], p50["full"] / p50["few"]


def _timed(look: Callable[[str], object], key: str) -> float:
    began = time.perf_counter()
    look(key)
    return (time.perf_counter() - began) * 1e6


def _beside_lives(path: Path, quick: bool) -> tuple[float, float]:
    """Advices a second that are loaded in the time that lives leave; CPU of a life beside that, to without."""
    journal = _journal(path)
    lives = Lives(8, journal.look, journal.commit)
    try:
        _load(journal, 0, 5000, lives.node.config)
        lives.run(200)
        alone = lives.run(300 if quick else 1000)
        room_s = 1 / LIVES_PER_S - alone / 1e6
        loaded, spent, beside, payloads = 0, 0.0, 0.0, _messages(500_000, 600_000)
        count = 100 if quick else 400
        for _ in range(count):
            beside += lives.run(1)
            began = time.perf_counter()
            while time.perf_counter() - began < room_s and payloads:
                lives.advise(payloads.pop())
                loaded += A_MESSAGE
            spent += 1 / LIVES_PER_S
    finally:
        journal.close()
    return loaded / spent, beside / count / alone
