"""python -m tests.plc_power: a full belt, and then the power goes: PLC, daemon or both; or a slow disk.

For PLCs of each encoding, in virtual time: one line with at least 30 items on its belt, then the blow, at another
moment in each run. In every run each item must end in exactly one terminal event, and nothing be sent to another
parcel: the simulation's own judges say so, and `plc_answers` beside them. While commits take 3 s, each arrival must
have its destination at the PLC before anything of it is on the disk, and before its `left` is over.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.plc_answers import Answers
from tests.sim.broken import Broken
from tests.sim.floor_text import PLCS, Floor
from tests.sim.hub import DISK_MS, START_MS, Hub, settle

LINE, ITEMS = "S1", 30
SYNC_MS, RECOVER_MS, ROUGH_MS = 10_000.0, 120_000.0, 30_000.0
STALL_MS, STALLED_MS = 3_000.0, 20_000.0
KILL_STEPS = 200
"""Of the simulation: some 200 ms, so that a kill falls between any two steps of step, commit, confirm and publish."""
SLOW_DISK = "disk of 3 s"


@dataclass
class Run:
    """What became of one run."""

    broken: str = ""
    ends: Counter[str] = field(default_factory=Counter)
    items: int = 0
    """parcels that were on the line"""
    on_belt: int = 0
    answered: int = 0
    slowest: float = 0.0
    """arrivals while the disk was slow, and the slowest answer in ms"""


Blow = Callable[[Hub, Answers, Random, Run], None]


def _plc(hub: Hub, retentive: bool) -> None:
    hub.watch.roughen(LINE, ROUGH_MS, deaf=True)
    hub.power(LINE, retentive)


def _kill(hub: Hub, answers: Answers) -> None:
    hub.watch.roughen("", ROUGH_MS, deaf=True)
    answers.killed_at = hub.clock.now
    hub.kill()


def _kill_between(hub: Hub, answers: Answers, rng: Random, run: Run) -> None:
    for _ in range(rng.randrange(KILL_STEPS)):
        hub.clock.step()
    _kill(hub, answers)


def _plc_only(retentive: bool) -> Blow:
    return lambda hub, answers, rng, run: _plc(hub, retentive)


def _both(retentive: bool) -> Blow:
    def blow(hub: Hub, answers: Answers, rng: Random, run: Run) -> None:
        _plc(hub, retentive)
        _kill(hub, answers)

    return blow


def _stall(hub: Hub, answers: Answers, rng: Random, run: Run) -> None:
    hub.disk_ms = lambda: STALL_MS
    begin = hub.clock.now
    hub.run(begin + STALLED_MS)
    hub.disk_ms = lambda: DISK_MS
    # A commit that began before the stall may still be quick. What arrives later, and a commit's time before the end
    # of the stall, waits for the one under way and is on disk STALL_MS later at the soonest.
    run.answered, run.slowest = answers.check_answered(begin + 2 * DISK_MS, hub.clock.now - STALL_MS, STALL_MS)


CASES: dict[str, Blow] = {
    "PLC, memory kept": _plc_only(True),
    "PLC, memory lost": _plc_only(False),
    "kill -9": _kill_between,
    "both, memory kept": _both(True),
    "both, memory lost": _both(False),
    SLOW_DISK: _stall,
}


FLOOR = Floor(lines=(LINE,), loop=False, containers=False, parcels_per_hour=16_000, paced=True)


def run(plc: str, case: str, seed: int, floor: Floor = FLOOR) -> Run:
    """One blow at a random moment with a full belt."""
    found, rng = Run(), Random(f"{plc}/{case}/{seed}")
    floor = replace(floor, plcs=(plc,))
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder), floor, seed)
        answers = Answers(hub, LINE)
        try:
            hub.run(START_MS + SYNC_MS)
            hub.induct()
            # In a third of the runs the first items ride still: then the tracks of a new epoch are theirs over again.
            hub.run(hub.clock.now + rng.uniform(0.0, 20_000.0))
            while len(hub.riding(LINE)) < ITEMS:
                hub.run(hub.clock.now + rng.uniform(1.0, 300.0))
            found.on_belt = len(hub.riding(LINE))
            CASES[case](hub, answers, rng, found)
            hub.run(hub.clock.now + rng.uniform(0.0, 5_000.0))
            hub.inducting = False
            settle(hub, RECOVER_MS)
            hub.watch.finish()
            hub.watch.witness.finish(hub.journal.last_seq)
            answers.check_items()
            answers.check_decisions()
        except Broken as error:
            found.broken = str(error)
    found.ends.update(data["name"] for data in answers.ends)
    found.items = answers.items
    return found


def _row(plc: str, case: str, runs: list[Run], seconds: float) -> str:
    ends = sum((one.ends for one in runs), Counter[str]())
    told = ", ".join(f"{name.partition('/')[2]} {n}" for name, n in sorted(ends.items()))
    held, belt = sum(not one.broken for one in runs), min(one.on_belt for one in runs)
    row = (
        f"{plc:11} {case:18} {held} of {len(runs)}, {belt}+ on the belt, {sum(one.items for one in runs)} items: {told}"
    )
    if answered := sum(one.answered for one in runs):
        row += f"; {answered} arrivals answered in {max(one.slowest for one in runs):.0f} ms at most"
    return f"{row} ({seconds:.0f} s)"


def main() -> int:
    """0 when every run held."""
    parser = argparse.ArgumentParser(prog="python -m tests.plc_power", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="of each case")
    parser.add_argument("--case", default="all", help=f"all, or one of: {', '.join(CASES)}")
    parser.add_argument("--plc", default="all", help=f"all, or of {', '.join(PLCS)}, with commas between")
    wanted, failed = parser.parse_args(), 0
    plcs = PLCS if wanted.plc == "all" else wanted.plc.split(",")
    if unknown := set(plcs) - set(PLCS):
        parser.error(f"--plc {', '.join(sorted(unknown))}: write all, or of {', '.join(PLCS)}")
    if wanted.case not in ("all", *CASES):
        parser.error(f"--case {wanted.case!r}: write all, or one of: {', '.join(CASES)}")
    for plc in plcs:
        for case in CASES if wanted.case == "all" else [wanted.case]:
            begin = time.monotonic()
            runs = [run(plc, case, seed) for seed in range(1, wanted.runs + 1)]
            print(_row(plc, case, runs, time.monotonic() - begin), flush=True)
            for seed, one in enumerate(runs, 1):
                if one.broken:
                    print(f"    run {seed}: {one.broken}")
            failed += sum(bool(one.broken) for one in runs)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
