"""The pure core: what a step of the floor costs, without any machine, journal or broker.

Instructions are counted by callgrind in a child, so that they are the same each time; start-up is counted for itself
and left out. Microseconds are of this process. Growth is what a whole life costs on the largest floor beside the
smallest, in turns; and what news of other parcels costs beside many that are here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time_ns

from tests.bench.figures import Figure, Options
from tests.bench.step_floor import LIFE, NEWS, WAITING, Ground, Life, Size
from tests.bench.subjects import ROOT

FLAT = 1.5
TURNS = 12
GROWTH: dict[str, tuple[Size, ...]] = {
    "open travels of one line": tuple(Size(open=count) for count in (10, 100, 1000, 5000)),
    "open travels over 50 lines": tuple(Size(lines=50, open=count) for count in (10, 100, 1000, 5000)),
    "lanes of one line": tuple(Size(lanes=count) for count in (10, 120, 1000)),
    "plan rules": tuple(Size(rules=count) for count in (10, 1000, 10_000)),
    "advices": tuple(Size(advices=count) for count in (100, 10_000, 1_000_000)),
    "readers and lines": tuple(Size(lines=count) for count in (8, 32, 128, 256)),
}
SHOWN = (*LIFE, "scan that decides")
BY_INDEX = ("open travels of one line", "readers and lines")
"""Measured for readers that echo the item's number, too: they find its travel in another way."""


def measure(options: Options) -> Iterable[Figure]:
    """See figures.py."""
    yield from _instructions(options)
    yield from _times(options)
    for what, sizes in GROWTH.items():
        yield from _growth(options, what, sizes, LIFE)
    for what in BY_INDEX:
        yield from _growth(
            options, f"{what}, by index", tuple(replace(one, match="index") for one in GROWTH[what]), WAITING
        )
    travels = next(iter(GROWTH))
    yield from _growth(options, travels, GROWTH[travels], NEWS)


# --- instructions -----------------------------------------------------------------------------------------------------


def _instructions(options: Options) -> Iterator[Figure]:
    if shutil.which("valgrind") is None:
        options.say("NO VALGRIND: the instructions of a step are NOT counted; install it (apt-get install valgrind)")
        return
    note = f"counted by callgrind; Python {sys.version.split()[0]}"
    for name, count in counted(options.folder).items():
        yield Figure(f"step: {name}", "instr", (count,) * options.rounds, note=note)


def counted(folder: Path) -> dict[str, float]:
    """Instructions of each kind of step, and of a whole life. Raises RuntimeError when counting fails."""
    out = folder / "counts"
    command = ["valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={out}"]
    child = subprocess.run(
        [*command, sys.executable, "-m", "tests.bench.step_floor"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    sections = [line.rsplit(" ", 1) for line in child.stdout.splitlines()]
    if child.returncode or not sections:
        raise RuntimeError(f"callgrind counted nothing: {child.stderr[-2000:]}")
    spent: dict[str, list[float]] = defaultdict(list)
    for place, (name, steps) in enumerate(sections):
        # The dumps are numbered from 1; odd ones are of what made the inputs.
        spent[name].append(_total(out.with_name(f"counts.{2 * place + 2}")) / int(steps))
    means = {name: sum(each) / len(each) for name, each in spent.items() if name != "-"}
    life = sum(means[name] for name in LIFE)
    return {name: means[name] for name in SHOWN} | {"whole life": life}


def _total(dump: Path) -> int:
    """What one dump has counted."""
    with dump.open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(("totals:", "summary:")))


# --- microseconds -----------------------------------------------------------------------------------------------------


def _times(options: Options) -> Iterator[Figure]:
    rounds: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        times: dict[str, float] = {}
        for ground, life in ((Ground(Size()), LIFE), (Ground(Size(match="index")), WAITING)):
            batches = [batch(ground, life) for _ in range(5 if options.quick else 40)]
            times |= {name: min(one[name] for one in batches) for name in life}
        for name in SHOWN:
            rounds[name].append(times[name])
        rounds["whole life"].append(sum(times[name] for name in LIFE))
    for name, values in rounds.items():
        yield Figure(f"step: {name}", "µs", tuple(values), note="the least of several batches")


def batch(ground: Ground, life: Life) -> dict[str, float]:
    """Ride one batch: µs of each kind of step."""
    took = {}
    for name, inputs in ground.ride(life):
        before = process_time_ns()
        ground.take(inputs)
        took[name] = (process_time_ns() - before) / 1000 / len(inputs)
    return took


# --- growth -----------------------------------------------------------------------------------------------------------


def _growth(options: Options, what: str, sizes: Sequence[Size], life: Life) -> Iterator[Figure]:
    """Of a whole life, or of each piece of news."""
    grounds = [Ground(size) for size in ((sizes[0], sizes[-2]) if options.quick else sizes)]
    parts = {name: (name,) for name in life} if life is NEWS else {"life": tuple(life)}
    values: dict[str, list[float]] = defaultdict(list)
    notes: dict[str, str] = {}
    for _ in range(options.rounds):
        turns = [[batch(ground, life) for ground in grounds] for _ in range(2 if options.quick else TURNS)]
        for name, steps in parts.items():
            took = [min(sum(turn[place][step] for step in steps) for turn in turns) for place in range(len(grounds))]
            values[name].append(took[-1] / took[0])
            notes[name] = "µs: " + ", ".join(f"{each:.1f}" for each in took)
    for name in parts:
        yield Figure(f"{name}, growth over {what}", "x", tuple(values[name]), FLAT, note=notes[name])


def main() -> None:
    """Print the figures of a round."""
    with TemporaryDirectory() as folder:
        for figure in measure(Options(1, False, Path(folder), print)):
            target = "" if figure.met is None else "  met" if figure.met else f"  NOT MET, wanted {figure.target}"
            print(f"{figure.what:<46} {figure.median:12.1f} {figure.unit:<13}{target}  {figure.note}", flush=True)


if __name__ == "__main__":
    main()
