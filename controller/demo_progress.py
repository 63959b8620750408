"""How a demo does, a line every two seconds, where no terminal view shows it.

Figures called "now" are of the last half minute, latencies of the last minute, so that a line costs the same after an
hour as after a minute.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO

from controller.demo_ledger import Ledger, Physical

if TYPE_CHECKING:
    from controller.demo import Demo

LINE_EVERY_S = 2.0
RECENT_MS, NOW_MS = 60_000.0, 30_000.0
ENOUGH_MS = 3000.0
"""A rate needs so long a time."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is worked out of the last minute. None = not known yet."""

    per_hour: int | None
    p50: float | None
    p99: float | None


def figures(ledger: Ledger, now: float) -> Figures:
    """Throughput and latency of late."""
    near = recent(ledger, now)
    drops = [parcel.lane_at for parcel in near.values() if parcel.lane is not None and parcel.lane_at <= now]
    since = max(now - NOW_MS, min(drops, default=now))
    count = sum(at >= since for at in drops)
    took = now - since
    times = Ledger(physical=near).divert_ms()
    return Figures(
        round(count * 3_600_000 / took) if took >= ENOUGH_MS else None,
        times[len(times) // 2] if times else None,
        times[min(len(times) - 1, len(times) * 99 // 100)] if times else None,
    )


def recent(ledger: Ledger, now: float) -> dict[str, Physical]:
    """Parcels inducted in the last minute, the newest first."""
    found: dict[str, Physical] = {}
    for name, parcel in reversed(ledger.physical.items()):
        if now - parcel.inducted > RECENT_MS:
            break
        found[name] = parcel
    return found


class Progress:
    """Tells of a demo on stderr until it is cancelled; nothing where it is quiet."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    async def show(self) -> None:
        """A line every two seconds."""
        if self._demo.options.quiet:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(LINE_EVERY_S)
            print(self.line(time.monotonic() * 1000), file=sys.stderr, flush=True)

    def line(self, now: float) -> str:
        """The run in one line."""
        ledger, late = self._demo.ledger, figures(self._demo.ledger, now)
        p50 = "-" if late.p50 is None else f"{late.p50:.2f} ms"
        rate = "-" if late.per_hour is None else f"{late.per_hour:,}"
        return (
            f"{len(ledger.physical)} inducted, {ledger.in_lanes} in lanes, {len(ledger.terminals)} reported, {rate}/h, "
            f"scan to divert p50 {p50}, full: {' '.join(sorted(ledger.full)) or 'none'}, restarts {self._demo.restarts}"
        )


def can_view(streams: tuple[TextIO, ...], environment: Mapping[str, str]) -> bool:
    """Whether the terminal view can be shown: on a terminal that moves its cursor, and where textual is installed."""
    if environment.get("TERM", "dumb") == "dumb" or find_spec("textual") is None:
        return False
    return all(stream.isatty() for stream in streams)


def has_terminal() -> bool:
    """This process."""
    return can_view((sys.stdin, sys.stdout), os.environ)
