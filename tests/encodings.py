"""python -m tests.encodings: the same parcels with PLCs of each encoding, and whether the floor can tell them apart.

Four lines and a loop in virtual time, no faults, the serial lines at 115,200 bit/s. Customs says of each parcel what it
has to say before the parcel comes: what it said in the very moment of a decision would tell the encodings apart by
milliseconds. What is compared: the end of every parcel (event and lane) and the number of events of each kind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pydantic_core import from_json

from controller.events import TERMINAL
from tests.sim.floor_text import Floor
from tests.sim.hub import START_MS, Hub, settle
from tests.sim.parcels import Parcel

PLCS = ("telegram", "modbus-tcp", "modbus-rtu", "mqtt_json")
SYNC_MS, RECOVER_MS = 10_000.0, 600_000.0


@dataclass
class Outcome:
    """What the centre heard."""

    events: Counter[str] = field(default_factory=Counter)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    """travel's line and order on it -> terminal event, lane"""
    seconds: float = 0.0

    def hear(self, payload: bytes) -> None:
        """One delivered event."""
        event = from_json(payload)
        name = event["type"].removeprefix("hubfloor.").removesuffix(".v1").replace(".", "/", 1)
        self.events[name] += 1
        if name in TERMINAL:
            data = event["data"]
            self.ends[f"{data['line']}/{data['track']}"] = name, data.get("lane") or ""


def ride(plc: str, parcels: int, seed: int = 1, rate: int = 8000, laps: int = 4) -> Outcome:
    """Let so many parcels ride; raises `Broken` where a promise of the simulation breaks."""
    floor = replace(Floor(parcels_per_hour=rate, containers=False), plcs=(plc,), paced=True, laps=laps)
    outcome, begin = Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder), floor, seed)
        hub.listeners.append(outcome.hear)
        hub.speak = partial(_announce, hub)
        hub.run(START_MS + SYNC_MS)
        hub.induct()
        while hub.source.count < parcels:
            hub.run(hub.clock.now + 100)
        hub.inducting = False
        settle(hub, RECOVER_MS)
        hub.watch.finish()
        hub.watch.witness.finish(hub.journal.last_seq)
    outcome.seconds = time.monotonic() - begin
    return outcome


def _announce(hub: Hub, parcel: Parcel) -> None:
    parcel.later = []
    hub.announce(parcel)


def main() -> int:
    """0 when all are alike."""
    parser = argparse.ArgumentParser(prog="python -m tests.encodings", description=__doc__)
    parser.add_argument("--parcels", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plcs", default=",".join(PLCS))
    wanted = parser.parse_args()
    found = {plc: ride(plc, wanted.parcels, wanted.seed) for plc in wanted.plcs.split(",")}
    names = sorted(set().union(*(one.events for one in found.values())))
    print(f"{'event':28}" + "".join(f"{plc:>12}" for plc in found))
    for name in names:
        print(f"{name:28}" + "".join(f"{one.events[name]:12}" for one in found.values()))
    print(f"{'seconds':28}" + "".join(f"{one.seconds:12.0f}" for one in found.values()))
    first = next(iter(found.values()))
    other = [plc for plc, one in found.items() if (one.events, one.ends) != (first.events, first.ends)]
    for plc in other:
        there = found[plc].ends
        apart = [key for key in first.ends.keys() | there.keys() if first.ends.get(key) != there.get(key)]
        print(f"{plc}: {len(apart)} items end otherwise: {', '.join(sorted(apart)[:10])}")
    print("not alike" if other else f"alike: {len(first.ends)} items, {sum(first.events.values())} events")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
