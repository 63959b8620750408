"""python -m tests.faults.kills: floord is killed hundreds of times while the floor runs, and nothing may be missing.

The demo's floor with floord killed by SIGKILL at random moments as densely as it comes up again: while it starts, while
it works, while it stops after a SIGTERM. Meanwhile the broker stands still or (nats, which keeps what it acknowledged)
is killed for part of the time. At the end the three ledgers must agree and each parcel's events be in order.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from controller.demo import Options
from controller.demo_ledger import passed
from controller.demo_own import BEAT_S
from tests.faults.trial import Trial

ENDS = (0, -signal.SIGKILL, -signal.SIGTERM)
"""Exit codes that are no complaint; SIGTERM is still the kernel's while the interpreter starts."""

STARTS_S = 0.5
"""About so long a start takes."""


@dataclass
class Kills:
    """What was done. `at`: in which phase floord was, and how often it was killed there."""

    wanted: int
    rng: Random
    broker: bool = True
    at: Counter[str] = field(default_factory=Counter)
    outages: Counter[str] = field(default_factory=Counter)

    async def script(self, trial: Trial) -> None:
        """All kills; the broker's troubles beside them."""
        await trial.another(None)
        troubles = asyncio.create_task(self._troubles(trial)) if self.broker else None
        while self.at.total() < self.wanted:
            process = await trial.another(None)
            await self._one(trial)
            await process.wait()
        if troubles is not None:
            self.broker = False
            await troubles
        heard = len(trial.ledger.ids)
        await trial.until(lambda: len(trial.ledger.ids) > heard, "an event after the last kill")
        await asyncio.sleep(2 * BEAT_S)  # the centre is connected again, and so what it published last will arrive

    async def _one(self, trial: Trial) -> None:
        rng, phase = self.rng, self.rng.random()
        process = trial.floord
        if phase < 0.3:
            await asyncio.sleep(rng.uniform(0.0, STARTS_S))
        else:
            await asyncio.sleep(STARTS_S + rng.uniform(0.0, 1.0))
        name = "starting" if phase < 0.3 else "working"
        if phase > 0.85:
            name = "stopping"
            trial.kill_floord(signal.SIGTERM)
            await asyncio.sleep(rng.uniform(0.0, 0.2))
        if process is trial.floord and process is not None:
            trial.kill_floord()
            self.at[name] += await process.wait() == -signal.SIGKILL

    async def _troubles(self, trial: Trial) -> None:
        while self.broker:
            await asyncio.sleep(self.rng.uniform(2.0, 8.0))
            long = self.rng.uniform(0.2, 8.0)
            if trial.broker_dies and self.rng.random() < 0.5:
                self.outages["killed"] += 1
                await trial.broker_is_gone(long / 8)
            else:
                self.outages["stood still"] += 1
                await trial.broker_stands(long)


def complaints(trial: Trial, verdict: dict[str, Any], unrecorded: list[str], killed: int) -> list[str]:
    """What must not be."""
    found = [] if passed(verdict) else [f"the judge says {verdict}"]
    if verdict["parcels"] != verdict["terminal"]:
        found.append(f"{verdict['parcels']} parcels, {verdict['terminal']} ended")
    found += trial.ledger.disorder[:10] + unrecorded
    if codes := [end.code for end in trial.ends if end.code not in ENDS]:
        found.append(f"floord ended by itself: {codes}")
    if sum(end.code == -signal.SIGKILL for end in trial.ends) != killed:
        found.append(f"{killed} kills were counted, {Counter(end.code for end in trial.ends)} ended so")
    return found


def run(folder: Path, kills: Kills, broker: str, rate: float, seed: int) -> tuple[Trial, dict[str, Any]]:
    """One run to its end."""

    async def whole() -> tuple[Trial, dict[str, Any]]:
        trial = Trial(Options(None, rate, 2, seed, broker, folder, quiet=True))
        return trial, await trial.under(kills.script)

    return asyncio.run(whole())


def main() -> int:
    """0 when nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--broker", default="nats", choices=("nats", "mosquitto"))
    parser.add_argument("--rate", type=float, default=6.0, help="parcels a second, over two lines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder that is left behind")
    wanted, since = parser.parse_args(), time.monotonic()
    kills = Kills(wanted.kills, Random(wanted.seed))
    with tempfile.TemporaryDirectory(prefix="hubfloor-kills-") as temporary:
        folder = wanted.keep.absolute() if wanted.keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        trial, verdict = run(folder, kills, wanted.broker, wanted.rate, wanted.seed)
        unrecorded = trial.unrecorded()
    took = time.monotonic() - since
    phases = ", ".join(f"{count} {name}" for name, count in sorted(kills.at.items()))
    troubles = ", ".join(f"{name} {count} times" for name, count in sorted(kills.outages.items()))
    print(f"{kills.at.total()} kills ({phases}) in {took:.0f} s; {wanted.broker} {troubles}")
    print(f"{len(trial.ledger.ids)} events, {verdict['parcels']} parcels, {verdict['duplicates']} duplicates")
    print(
        " ".join(f"{name} {verdict[name]}" for name in ("missing", "double_terminal", "mis_sorted", "escaped", "late"))
    )
    bad = complaints(trial, verdict, unrecorded, kills.at.total())
    for text in bad:
        print(f"    {text}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
