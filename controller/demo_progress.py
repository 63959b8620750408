"""How a demo does, in a line at a time, where no terminal view shows it.

Figures called "now" are of the last half minute, latencies of the last minute, so that a line costs the same after an
hour as after a minute.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO

from controller.demo_ledger import Ledger, Physical
from controller.wording import counted

if TYPE_CHECKING:
    from controller.demo import Demo

LOOK_EVERY_S, SAME_EVERY_S = 2.0, 20.0
"""A line that says something new comes at once when it is looked, the same one again only so seldom."""
WIDTH = 79
NAMED = 3
"""So many full lanes have their names."""
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
        self._told = ""
        self._told_at = -math.inf

    async def show(self) -> None:
        """What is new, every two seconds."""
        if self._demo.options.quiet:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if line := self.news(time.monotonic() * 1000):
                print(line, file=sys.stderr, flush=True)

    def news(self, now: float) -> str:
        """The line, if it says something new or was said long ago; else empty."""
        line = self.line(now)
        if line == self._told and now - self._told_at < SAME_EVERY_S * 1000:
            return ""
        self._told, self._told_at = line, now
        return line

    def line(self, now: float) -> str:
        """The run in one line of at most WIDTH characters."""
        return self._ending() or self._running(now)

    def _ending(self) -> str:
        """What is waited for, once no more parcels come; before that empty."""
        demo, ledger = self._demo, self._demo.ledger
        if not demo.stopping and (demo.options.parcels is None or len(ledger.physical) < demo.options.parcels):
            return ""
        if demo.belts_ended:
            return "the belts are empty; waiting for the last words of customs and floord"
        again = "; Ctrl-C again ends without a verdict" if demo.stopping else ""
        return f"running empty: {ledger.riding} ride on{again}"

    def _running(self, now: float) -> str:
        demo, ledger, late = self._demo, self._demo.ledger, figures(self._demo.ledger, now)
        rate = "-" if late.per_hour is None else f"{late.per_hour:,}"
        p50 = "-" if late.p50 is None else f"{late.p50:.2f} ms"
        full = (
            f"full: {' '.join(sorted(ledger.full))}" if len(ledger.full) <= NAMED else f"{len(ledger.full)} lanes full"
        )
        return fitted(
            [
                f"{len(ledger.physical)} inducted, {ledger.in_lanes} in lanes",
                f"{rate}/h",
                *([f"{counted(demo.restarts, 'restart')} of floord"] if demo.restarts else []),
                *([full] if ledger.full else []),
                f"scan to divert p50 {p50}",
                f"{len(ledger.terminals)} reported",
            ]
        )


def fitted(parts: Sequence[str]) -> str:
    """Parts, the most important first, as many as have room; one that is too long gives way to the next."""
    line = parts[0][:WIDTH]
    for part in parts[1:]:
        if len(line) + 2 + len(part) <= WIDTH:
            line += f", {part}"
    return line


def can_view(streams: tuple[TextIO, ...], environment: Mapping[str, str]) -> bool:
    """Whether the terminal view can be shown: on a terminal that moves its cursor, and where textual is installed."""
    if environment.get("TERM", "dumb") == "dumb" or find_spec("textual") is None:
        return False
    return all(stream.isatty() for stream in streams)


def has_terminal() -> bool:
    """This process."""
    return can_view((sys.stdin, sys.stdout), os.environ)
