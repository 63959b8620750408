"""python -m tests.plc_power: a full belt, and then the power goes: PLC, daemon or both; or a slow disk.

For PLCs of each encoding, in virtual time: one line with at least 30 items on its belt, then the blow, at another
moment in each run. In every run each item must end in exactly one terminal event, and nothing be sent to another
parcel: the simulation's own judges say so. While a commit takes 3 s, every arrival must be answered in time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pydantic_core import from_json

from controller.events import TERMINAL
from tests.sim.broken import Broken
from tests.sim.floor_text import PLCS, Floor
from tests.sim.hub import DISK_MS, START_MS, Hub, settle

LINE, ITEMS = "S1", 30
SYNC_MS, RECOVER_MS, ROUGH_MS = 10_000.0, 120_000.0, 30_000.0
STALL_MS, STALLED_MS = 3_000.0, 20_000.0
UNANSWERED = (("NA", 0), ("LA", 1))
"""(result, decision obeyed) of items that got no destination, or got the first one late (PLC interface v1 §2)."""


def _plc(hub: Hub, retentive: bool) -> None:
    hub.watch.roughen(LINE, ROUGH_MS, deaf=True)
    hub.power(LINE, retentive)


def _kill(hub: Hub) -> None:
    hub.watch.roughen("", ROUGH_MS, deaf=True)
    hub.kill()


def _stall(hub: Hub) -> None:
    hub.disk_ms = lambda: STALL_MS
    hub.run(hub.clock.now + STALLED_MS)
    hub.disk_ms = lambda: DISK_MS


def _both(hub: Hub, retentive: bool) -> None:
    _plc(hub, retentive)
    _kill(hub)


CASES: dict[str, Callable[[Hub], None]] = {
    "PLC, memory kept": lambda hub: _plc(hub, True),
    "PLC, memory lost": lambda hub: _plc(hub, False),
    "kill -9": _kill,
    "both, memory kept": lambda hub: _both(hub, True),
    "both, memory lost": lambda hub: _both(hub, False),
    "disk of 3 s": _stall,
}


@dataclass
class Run:
    """What became of one run."""

    broken: str = ""
    ends: Counter[str] = field(default_factory=Counter)
    late: int = 0
    """items that had no destination in time"""
    on_belt: int = 0

    def hear(self, payload: bytes) -> None:
        """One delivered event."""
        event = from_json(payload)
        name = event["type"].removeprefix("hubfloor.").removesuffix(".v1").replace(".", "/", 1)
        if name in TERMINAL:
            self.ends[name] += 1
            self.late += (event["data"]["result"], event["data"]["decision"]) in UNANSWERED


def run(plc: str, case: str, seed: int) -> Run:
    """One blow at a random moment with a full belt."""
    found, rng = Run(), Random(f"{plc}/{case}/{seed}")
    floor = Floor(lines=(LINE,), loop=False, containers=False, parcels_per_hour=16_000, plcs=(plc,), paced=True)
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder), floor, seed)
        hub.listeners.append(found.hear)
        try:
            hub.run(START_MS + SYNC_MS)
            hub.induct()
            hub.run(hub.clock.now + rng.uniform(10_000.0, 20_000.0))
            while len(hub.riding(LINE)) < ITEMS:
                hub.run(hub.clock.now + 7.0)
            found.on_belt = len(hub.riding(LINE))
            CASES[case](hub)
            hub.run(hub.clock.now + rng.uniform(0.0, 5_000.0))
            hub.inducting = False
            settle(hub, RECOVER_MS)
            hub.watch.finish()
            hub.watch.witness.finish(hub.journal.last_seq)
        except Broken as error:
            found.broken = str(error)
    if case == "disk of 3 s" and found.late and not found.broken:
        found.broken = f"{found.late} items had no destination in time"
    return found


def main() -> int:
    """0 when every run held."""
    parser = argparse.ArgumentParser(prog="python -m tests.plc_power", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--plcs", default=",".join(PLCS))
    wanted, failed = parser.parse_args(), 0
    for plc in wanted.plcs.split(","):
        for case in CASES:
            begin = time.monotonic()
            runs = [run(plc, case, seed) for seed in range(1, wanted.runs + 1)]
            held = [one for one in runs if not one.broken]
            ends = sum((one.ends for one in runs), Counter[str]())
            told = ", ".join(f"{name.partition('/')[2]} {n}" for name, n in sorted(ends.items()))
            items = min(one.on_belt for one in runs)
            print(f"{plc:11} {case:18} {len(held)} of {len(runs)}, {items}+ on the belt; {told}", end="")
            print(f" ({time.monotonic() - begin:.0f} s)", flush=True)
            for seed, one in enumerate(runs, 1):
                if one.broken:
                    print(f"    run {seed}: {one.broken}")
            failed += len(runs) - len(held)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
