"""The broker is away until a million events wait, then it returns: `python -m tests.faults.outage --events 1000000`.

A real floord, many scanners that read as fast as it takes them, and lines with a PLC whose diverts are timed all along
(floorsim's own ledger: from the later of arrival and last read to the destination). Printed: memory over the outage,
events/s into the journal and out of it, scan to divert before, during and while draining, and what is missing.

Exit code 1 when something is missing or out of order, or memory is not flat. Times are printed beside their promise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from controller import demo_floor
from controller.demo_ledger import Ledger
from controller.demo_parcels import Parcels
from tests.faults.brokers import PERSISTENT, kept_free, mosquitto
from tests.faults.consumer import Consumer
from tests.faults.figures import GROWTH_MB, NOTHING
from tests.faults.hub import NODE, SITE, Hub, Samples, Simulator
from tests.faults.threads import until

RATIO = 1.5
"""p99 while draining beside p99 before: the promise."""
AHEAD = 4000
"""So many reads may lie between scanners and journal: as fast as it takes them, and no faster. More would lie in the
kernel's buffers, where one scanner alone can have a million."""
WARM = 10_000
"""Events until what is held in memory on purpose is full."""
DRAIN_PER_S = 500
"""Slower than this, the drain is given up."""


@dataclass(frozen=True)
class Options:
    """What is run. `quiet_s`: how long diverts are timed with the broker there, and with it away, without a flood."""

    events: int
    folder: Path
    scanners: int = 8
    lines: int = 2
    rate: float = 8.0
    quiet_s: float = 30.0


@dataclass
class Phase:
    """A part of the run; moments are monotonic s."""

    name: str
    began: float
    ended: float = 0.0
    diverts: list[float] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """Of its diverts in ms; NaN where there were none."""
        values = sorted(self.diverts)
        return values[min(len(values) - 1, len(values) * percent // 100)] if values else float("nan")

    def told(self) -> str:
        """In words."""
        worst = max(self.diverts, default=float("nan"))
        return (
            f"  {self.name:<26} {self.ended - self.began:6.1f} s  {len(self.diverts):5} diverts  "
            f"p50 {self.percentile(50):7.2f} ms  p99 {self.percentile(99):7.2f} ms  worst {worst:7.2f} ms"
        )


class Outage:
    """One run."""

    def __init__(self, options: Options, say: Callable[[str], None] = print) -> None:
        """`say` gets the figures, some lines at a time."""
        self.options = options
        self._say = say
        self.phases: list[Phase] = []
        self.wrong: list[str] = []
        """what must not be; empty = kept"""
        self._over = threading.Event()

    def run(self) -> None:
        """Run and say; afterwards `wrong` says what failed."""
        options = self.options
        child = mosquitto(options.folder / "broker", *PERSISTENT)
        try:
            with (
                Hub(options.folder / "hub", child.url, options.scanners, 5, options.rate, options.lines) as hub,
                Consumer(child.url, SITE, NODE) as consumer,
                Simulator(hub) as simulator,
                Samples(hub, 0.25) as samples,
            ):
                hub.start()
                hub.online()
                feeding = threading.Thread(target=self._feed, args=(simulator,), daemon=True)
                feeding.start()
                until(lambda: simulator.count("dest") >= 5, "parcels get destinations")
                self._quietly("broker there")
                child.stop()
                with kept_free(child.port):
                    hub.offline()
                    self._flood(hub, samples)
                    self._quietly("broker away, no flood")
                    child = mosquitto(options.folder / "broker", *PERSISTENT, port=child.port)
                self._drain(hub, consumer)
                self._over.set()
                feeding.join(10)
                simulator.run_empty(90.0)
                self._ledgers(hub, consumer)
                self._diverts(simulator)
        finally:
            self._over.set()
            child.stop()

    def _feed(self, simulator: Simulator) -> None:
        """Parcels for as long as the run lasts, a few ahead of the belts."""
        parcels, given = Parcels(demo_floor.line_names(self.options.lines), 7), 0
        while not self._over.wait(0.05):
            while given < simulator.count("inducted") + 10 * self.options.lines and not self._over.is_set():
                simulator.give(parcels.next().manifest())
                given += 1

    def _quietly(self, name: str) -> None:
        phase = self._begin(name)
        threading.Event().wait(self.options.quiet_s)
        phase.ended = time.monotonic()

    def _begin(self, name: str) -> Phase:
        phase = Phase(name, time.monotonic())
        self.phases.append(phase)
        return phase

    def _flood(self, hub: Hub, samples: Samples) -> None:
        events = self.options.events
        phase = self._begin("broker away, flood")
        stored, first, tenth = 0, hub.last(), phase.began
        marks: list[str] = []
        while stored < events:
            assert time.monotonic() < phase.began + 120 + events / 500, f"only {stored} of {events} are stored"
            given = hub.feeder.total
            if given < events and given - stored < AHEAD // 2:
                hub.feeder.feed(min(AHEAD // 2, events - given))
                until(lambda: hub.feeder.done, "the kernel has taken them", pause_s=0.002)
            stored = hub.last() - first
            if stored < max(events / 10, WARM):
                tenth = time.monotonic()
            if stored >= (len(marks) + 1) * events / 10:
                marks.append(f"{hub.rss_mb():.0f}/{hub.own_mb():.0f}")
        phase.ended = time.monotonic()
        took = phase.ended - phase.began
        during = [mb for at, mb in zip(samples.at, samples.rss, strict=False) if phase.began <= at <= phase.ended]
        late = [(at, mb) for at, mb in zip(samples.at, samples.rss, strict=False) if tenth <= at <= phase.ended]
        growth = max((mb for _, mb in late), default=0.0) - (late[0][1] if late else 0.0)
        self._say(
            f"{events} events into the journal in {took:.1f} s: {events / took:.0f} events/s\n"
            f"memory during the outage: min {min(during, default=0):.1f} MB, max {max(during, default=0):.1f} MB, "
            f"growth after the first tenth {growth:+.1f} MB, slope {_slope(late):+.2f} MB/min\n"
            f"resident/own MB at each tenth: {' '.join(marks)}"
        )
        if growth > GROWTH_MB:
            self.wrong.append(f"memory grew by {growth:.1f} MB while events gathered; it shall be flat")

    def _drain(self, hub: Hub, consumer: Consumer) -> None:
        waiting, began = hub.broker()["queued"], time.monotonic()
        found = hub.online(30.0)
        phase = self._begin("draining")
        before = hub.rss_mb()
        took = hub.drained(60 + waiting / DRAIN_PER_S)
        phase.ended = time.monotonic()
        heard = until(
            lambda: consumer.book.missing(hub.stream(), hub.last()) < 50,
            "the centre has heard everything",
            60 + waiting / DRAIN_PER_S,
            0.5,
        )
        self._say(
            f"broker found after {found:.2f} s; {waiting} events drained in {took:.1f} s: {waiting / took:.0f} "
            f"events/s; the centre had them {heard:.1f} s later, {time.monotonic() - began:.1f} s after the "
            f"broker's return; memory {before:.1f} to {hub.rss_mb():.1f} MB"
        )

    def _ledgers(self, hub: Hub, consumer: Consumer) -> None:
        hub.drained(60.0)
        hub.heard_by(consumer.book, 60.0)
        found = hub.compare(consumer.book)
        book = consumer.book
        self._say(
            f"{hub.last()} events in the journal, {book.count} heard, {book.missing(hub.stream(), hub.last())} "
            f"missing, {book.duplicates} twice, {len(book.late)} behind later ones"
        )
        self.wrong += [f"{count} {what}" for what, count in found.items() if count != NOTHING[what]]
        self.wrong += [f"{len(book.disorder)} parcels told backwards"] if book.disorder else []
        self.wrong += consumer.errors[:3]

    def _diverts(self, simulator: Simulator) -> None:
        ledger = Ledger()
        for entry in simulator.entries:
            ledger.belt(entry)
        for parcel in ledger.physical.values():
            if parcel.arrived is None or not parcel.dests:
                continue
            first = parcel.dests[0]["t"]
            since = max([parcel.arrived, *(read for read in parcel.reads if read <= first)])
            for phase in self.phases:
                if phase.began <= since / 1000 < phase.ended:
                    phase.diverts.append(first - since)
        self._say("scan to divert:")
        for phase in self.phases:
            self._say(phase.told())
        before, draining = self.phases[0], self.phases[-1]
        for percent in (50, 99):
            ratio = draining.percentile(percent) / before.percentile(percent)
            promise = f" (promised: at most {RATIO})" if percent == 99 else ""
            self._say(f"p{percent} draining / before: {ratio:.2f}{promise}")


def _slope(points: list[tuple[float, float]]) -> float:
    """MB a minute, least squares."""
    if len(points) < 3:
        return 0.0
    middle = sum(at for at, _ in points) / len(points)
    mean = sum(mb for _, mb in points) / len(points)
    above = sum((at - middle) * (mb - mean) for at, mb in points)
    return 60 * above / sum((at - middle) * (at - middle) for at, _ in points)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.outage", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--scanners", type=int, default=8)
    parser.add_argument("--lines", type=int, default=2)
    parser.add_argument("--rate", type=float, default=8.0, help="parcels a second over all lines")
    parser.add_argument("--quiet-s", type=float, default=30.0)
    parser.add_argument("--folder", type=Path, help="keep everything there; else nothing is kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outage-") as kept_nowhere:
        folder = given.folder or Path(kept_nowhere)
        folder.mkdir(parents=True, exist_ok=True)
        outage = Outage(Options(given.events, folder, given.scanners, given.lines, given.rate, given.quiet_s))
        outage.run()
    for wrong in outage.wrong:
        print(f"WRONG: {wrong}")
    print("kept" if not outage.wrong else "NOT kept")
    return 1 if outage.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
