"""A whole hub in real time: parcels an hour, what is missing, and what each process costs.

`python -m tests.hub_load` runs a ready floor (`liege`: two sorters and a cargo station, a `floord` for each, one
`floorsim`, one broker) for some minutes at its own rate, or at a multiple of it (`--factor`), and prints what the judge
of the demo says, the pace between the first half minute and the stop, and CPU and memory of every process in that time.
Where the pace stays behind the rate, the belts are full, or a process has no more time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.demo import Options
from controller.demo_ledger import passed
from controller.demo_progress import figures
from controller.demo_ready import ReadyFloor

RAMP_S = 30.0
SAMPLE_S = 2.0
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Cost:
    """CPU seconds at the first and the last sample, their times, the most memory."""

    first: tuple[float, float] = (0.0, 0.0)
    last: tuple[float, float] = (0.0, 0.0)
    rss: list[int] = field(default_factory=list)

    def add(self, pid: int, now: float) -> None:
        """A sample, while the process lives."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return
        self.last = (now, (int(stat[11]) + int(stat[12])) / TICKS)
        self.first = self.first if self.rss else self.last
        self.rss.append(int(stat[21]) * PAGE)

    def told(self) -> str:
        took = self.last[0] - self.first[0]
        share = 100 * (self.last[1] - self.first[1]) / took if took else 0.0
        return f"CPU {share:5.1f} % of a core   RSS {max(self.rss, default=0) / 1e6:4.0f} MB"


class Load(ReadyFloor):
    """The demo of a ready floor at `factor` times its rate, watched."""

    def __init__(self, options: Options, factor: float, minutes: float) -> None:
        super().__init__(options)
        self._factor, self._minutes = factor, minutes
        self.costs: dict[str, Cost] = {}
        self.pace = 0.0
        self.late_ms: tuple[float | None, float | None] = (None, None)

    async def write(self, url: str, site: str) -> list[Path]:
        floors = await super().write(url, site)
        for floor in floors:
            faster = re.sub(r"(rate_per_s = )([\d.]+)", self._rate, floor.read_text())
            floor.write_text(faster)
        return floors

    def _rate(self, found: re.Match[str]) -> str:
        return f"{found[1]}{float(found[2]) * self._factor:.4f}"

    async def bring(self, centre: Any) -> None:
        self.beside(self._watch(), "costs")
        await super().bring(centre)

    async def _watch(self) -> None:
        while not self.ledger.physical:  # noqa: ASYNC110 - another process brings them
            await asyncio.sleep(0.1)
        await asyncio.sleep(RAMP_S)
        began, before = time.monotonic(), len(self.ledger.physical)
        until = began + self._minutes * 60
        while time.monotonic() < until and not self.stopping:
            await asyncio.sleep(SAMPLE_S)
            now = time.monotonic()
            for name, pid in self._pids().items():
                self.costs.setdefault(name, Cost()).add(pid, now)
        self.pace = (len(self.ledger.physical) - before) * 3600 / (time.monotonic() - began)
        late = figures(self.ledger, time.monotonic() * 1000)
        self.late_ms = late.p50, late.p99
        print(self.told(), flush=True)  # the belts run empty for some laps now
        self.stop()

    def told(self) -> str:
        """Pace and costs."""
        p50, p99 = (None if one is None else round(one, 1) for one in self.late_ms)
        rows = [
            f"{self.pace:,.0f} parcels/h inducted over {self._minutes:g} min; scan to divert p50 {p50} ms, p99 {p99} ms"
        ]
        return "\n".join([*rows, *(f"{name:<18} {cost.told()}" for name, cost in sorted(self.costs.items()))])

    def _pids(self) -> dict[str, int]:
        found = {"floorsim": self.simulator.pid, "demo (judge)": os.getpid()}
        found |= {f"floord {floor.stem}": process.pid for floor, process in self._floords.items()}
        return found | ({"broker": self._broker.pid} if self._broker else {})


async def run(options: Options, factor: float, minutes: float) -> dict[str, Any]:
    """The verdict."""
    return await Load(options, factor, minutes).run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", default="liege", help="a ready floor (liege)")
    parser.add_argument("--minutes", type=float, default=5.0, help="after the first half minute (5)")
    parser.add_argument("--factor", type=float, default=1.0, help="times the floor's own rate (1)")
    parser.add_argument("--broker", default="nats", help="nats, mosquitto, or mqtt://host:port (nats)")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hubfloor-load-"))
    try:
        options = Options(None, 0.0, 0, asked.seed, asked.broker, folder, quiet=True, floor=asked.floor)
        verdict = asyncio.run(run(options, asked.factor, asked.minutes))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    shown = "parcels terminal missing duplicates double_terminal mis_sorted escaped late recalled".split()
    print("  ".join(f"{name} {verdict[name]}" for name in shown))
    return 0 if passed(verdict) else 1


if __name__ == "__main__":
    sys.exit(main())
