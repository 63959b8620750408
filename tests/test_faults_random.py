"""Faults at random, many at a time and in any order: nothing breaks, and behind them floor and floord are as before."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from controller.events import TERMINAL
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.registry import FAULTS
from tests.faulted import PARCELS, PLCS, Faulted

STRUCK_S, OVER_S = 20.0, 34.0
SEEDS = 3


def strike(floor: Faulted, rng: Random) -> str | None:
    """A fault as nobody would choose it; its id, None where it cannot be now."""
    kind = FAULTS[rng.choice(sorted(FAULTS))]
    target = rng.choice(kind.targets(floor.world))
    more: dict[str, Any] = {"for_s": round(rng.uniform(0.05, 12), 2)}
    if kind.counts and rng.random() < 0.4:
        more["count"] = rng.randint(1, 5)
    keys = kind.described()["settings"]
    settings = {
        "share": rng.choice([0.05, 0.3, 1.0]),
        "retentive": rng.random() < 0.5,
        "ms": rng.choice([50.0, 300.0, 2500.0]),
        "direction": rng.choice(["both", "from_stub", "from_host"]),
    }
    more |= {key: value for key, value in settings.items() if key in keys}
    try:
        return floor.engine.strike(kind.name, target, now=floor.now, **more)
    except FaultError:
        return None


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("plc", sorted(PLCS))
def test_behind_all_faults_every_parcel_is_somewhere_and_told_once(plc: str, seed: int) -> None:
    rng, floor = Random(f"{plc}/{seed}"), Faulted(plc, seed)
    start, begun = floor.now, list[str]()
    for at in sorted(rng.uniform(0, STRUCK_S) for _ in range(rng.randint(4, 9))):
        floor.run(start / 1000 + at - floor.now / 1000)
        begun += [id for id in [strike(floor, rng)] if id]
        if rng.random() < 0.2 and (standing := floor.engine.standing(floor.now)):
            floor.engine.end(rng.choice(standing).id, floor.now)
    floor.run(start / 1000 + OVER_S - floor.now / 1000)
    assert floor.engine.standing(floor.now) == []
    if floor.world.stands("S1"):  # floord stopped it, where no lane was left
        floor.world.start("S1", floor.now)
    floor.run(20)
    floor.world.hold()
    floor.run(60)

    counts = floor.world.counts()
    added = sum(entry.get("mishap") == "put" for entry in floor.ledger)
    assert counts["on_belts"] == 0
    assert counts["inducted"] + counts["not_inducted"] == PARCELS
    assert counts["inducted"] + added == counts["in_lanes"] + counts.get("removed", 0)
    events = floor.events(0)
    inducted = {data["travel"] for _, name, data in events if name == "parcel/inducted"}
    ended = Counter(data["travel"] for _, name, data in events if name in TERMINAL)
    assert set(ended.values()) <= {1}
    assert inducted <= ended.keys()
    assert floor.alarms == {}
    faults = [(entry["id"], entry["state"]) for entry in floor.ledger if entry["what"] == "fault"]
    assert sorted(faults) == sorted((id, state) for id in begun for state in ("begun", "ended"))
