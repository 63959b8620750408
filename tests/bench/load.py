"""The load of the bench: scanners and PLCs at the far ends of pseudo-terminals, and the clock that times diverts.

Everything is in one thread without asyncio, so that little stands between a byte and its time. A scan's time runs from
just before its bytes are written to the scanner's terminal until the destination has been read from the PLC's.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import os
import select
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from controller import descriptors
from tests.bench.plc_end import PlcEnd

PER_PLC = 3
"""Scanners on a line; a line has one PLC besides."""
LEFT_MS = 60_000
PATIENCE_NS = 20_000_000_000
ARRIVES_AHEAD_NS = (20_000_000, 60_000_000)
LEAVES_AFTER_NS = (20_000_000, 60_000_000)
SECOND_AFTER_NS = 5_000_000


def line_names(ports: int) -> list[str]:
    """The lines of a floor with so many ports: three scanners and a PLC each."""
    return [f"B{number:02}" for number in range(1, ports // (PER_PLC + 1) + 1)]


@dataclass
class Window:
    """What came of scans at one rate. `took`: from each scan to its divert, µs. `wrong`: diverts to another lane."""

    scans: int
    took: list[float] = field(default_factory=list)
    wrong: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    """that the subject has used in it"""

    def percentile(self, share: float) -> float:
        """µs."""
        values = sorted(self.took)
        return values[min(len(values) - 1, int(len(values) * share))]


class Load:
    """Terminals for so many ports, and what is done on them. `codes(n)` = two codes of parcel n, `lane(n)` = its lane
    without the line's name."""

    def __init__(self, ports: int, codes: Callable[[int], tuple[bytes, bytes]], lane: Callable[[int], str]) -> None:
        self.lines = line_names(ports)
        if problem := descriptors.make_room(2 * ports):
            raise SystemExit(problem)
        self._far: list[int] = []
        self.paths: list[str] = []
        """of the scanners in order of the lines, then of the PLCs"""
        self._near: list[int] = []
        for _ in range(len(self.lines) * (PER_PLC + 1)):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._far.append(master)
            self._near.append(slave)
            self.paths.append(os.ttyname(slave))
        self._scanners = self._far[: len(self.lines) * PER_PLC]
        self._codes, self._lane = codes, lane
        self._numbers = itertools.count(1)
        self._tracks = itertools.count(1)
        self._ready = select.epoll()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.plcs: list[PlcEnd] = []
        self._by_fd: dict[int, PlcEnd] = {}
        self._sent: dict[int, int] = {}
        self._parcels: dict[int, tuple[int, int]] = {}
        self._on_divert: Callable[[int, int], None] = lambda track, line: None
        self._window = Window(0)
        self._left = 0
        for master in self._far[len(self._scanners) :]:
            self._ready.register(master, select.EPOLLIN)

    def restart(self) -> None:
        """A new subject is at the near ends: nothing of the last one counts."""
        self._due.clear()
        self.plcs = []
        for number, fd in enumerate(self._far[len(self._scanners) :]):
            self.plcs.append(PlcEnd(fd, f"P{number + 1:03}", self._diverted(number)))
        self._by_fd = {plc.fd: plc for plc in self.plcs}
        for fd in (*self._far, *self._near):
            _emptied(fd)

    def synchronise(self) -> None:
        """Until every PLC has its session. Raises TimeoutError."""
        self._until(lambda: all(plc.synchronised for plc in self.plcs), "every PLC has a session")

    def echo(self, rate: float, scans: int, rng: Random) -> Window:
        """Scans alone, answered by whatever is at the near ends."""
        return self._run(rate, scans, rng, self._scan_later)

    def scans(self, rate: float, scans: int, rng: Random, cpu_s: Callable[[], float]) -> Window:
        """Scans of items that wait at their decision points already; they leave afterwards. `cpu_s`: of the subject."""
        items = [self._item(rng) for _ in range(scans)]
        self._left = scans
        for track, line in items:
            self.plcs[line].arrived(f"{self.lines[line]}-DEC", track, LEFT_MS, self._one_less)
        self._until(lambda: self._left == 0, "every arrival is taken")
        again, before = iter(items), cpu_s()
        window = self._run(rate, scans, rng, lambda at, _: self._scan_at(at, *next(again)))
        window.cpu_s = cpu_s() - before
        self._left = scans
        for track, line in items:
            self._leaves(track, line)
        self._until(lambda: self._left == 0, "every item has left")
        return window

    def lives(self, rate: float, scans: int, rng: Random) -> Window:
        """Whole lives: arrival, a code, the destination, another code, discharge."""
        leaving: list[int] = []

        def divert(track: int, line: int) -> None:
            now = time.monotonic_ns()
            self._at(now + SECOND_AFTER_NS, lambda: self._scan(track, line, 1))
            self._at(now + rng.randint(*LEAVES_AFTER_NS), lambda: self._leaves(track, line, leaving))

        self._on_divert = divert
        try:
            window = self._run(rate, scans, rng, self._arrives_later)
            self._until(lambda: len(leaving) == scans, "every item has left")
        finally:
            self._on_divert = lambda track, line: None
        return window

    def close(self) -> None:
        """Give the terminals back."""
        self._ready.close()
        for fd in (*self._far, *self._near):
            os.close(fd)

    # --- what is done -------------------------------------------------------------------------------------------------

    def _item(self, rng: Random) -> tuple[int, int]:
        track, line = (next(self._tracks) - 1) % 999_999 + 1, rng.randrange(len(self.lines))
        self._parcels[track] = next(self._numbers), line
        return track, line

    def _scan_later(self, at: int, rng: Random) -> None:
        self._scan_at(at, *self._item(rng))

    def _scan_at(self, at: int, track: int, line: int) -> None:
        self._at(at, lambda: self._scan(track, line, 0))

    def _arrives_later(self, at: int, rng: Random) -> None:
        track, line = self._item(rng)
        waits = rng.randint(*ARRIVES_AHEAD_NS)
        taken = lambda: self._at(time.monotonic_ns() + waits, lambda: self._scan(track, line, 0))  # noqa: E731
        self._at(at, lambda: self.plcs[line].arrived(f"{self.lines[line]}-DEC", track, LEFT_MS, taken))

    def _scan(self, track: int, line: int, which: int) -> None:
        parcel, _ = self._parcels[track]
        port = line * PER_PLC + (track + which) % PER_PLC
        data = b"\x02%06d%s\x03" % (track, self._codes(parcel)[which])
        if which == 0:
            self._sent[track] = time.monotonic_ns()
        os.write(self._scanners[port], data)

    def _leaves(self, track: int, line: int, leaving: list[int] | None = None) -> None:
        parcel, _ = self._parcels.pop(track)
        taken = self._one_less if leaving is None else lambda: leaving.append(track)
        self.plcs[line].discharged(track, f"{self.lines[line]}-{self._lane(parcel)}", taken)

    def _one_less(self) -> None:
        self._left -= 1

    def _diverted(self, line: int) -> Callable[[int, str, int], None]:
        def diverted(track: int, lane: str, at_ns: int) -> None:
            sent = self._sent.pop(track, None)
            if sent is None:
                raise RuntimeError(f"a destination for track {track} before its scan, or a second one: {lane}")
            self._window.took.append((at_ns - sent) / 1000)
            self._window.wrong += lane != f"{self.lines[line]}-{self._lane(self._parcels[track][0])}"
            self._on_divert(track, line)

        return diverted

    def echoed(self, track: int, at_ns: int) -> None:
        """An answer of the echo."""
        self._window.took.append((at_ns - self._sent.pop(track)) / 1000)
        del self._parcels[track]

    # --- the loop -----------------------------------------------------------------------------------------------------

    def _run(self, rate: float, scans: int, rng: Random, later: Callable[[int, Random], None]) -> Window:
        """`later` is called for each scan ahead of time, with its time: arrivals are a Poisson process."""
        window = self._window = Window(scans)
        gc.collect()
        gc.disable()
        begun = time.monotonic_ns()
        at = float(begun + 5_000_000)
        try:
            for _ in range(scans):
                later(int(at), rng)
                at += rng.expovariate(rate) * 1e9
            self._until(lambda: len(window.took) == scans, f"each of {scans} scans has its divert")
        finally:
            gc.enable()
        window.seconds = (time.monotonic_ns() - begun) / 1e9
        return window

    def _at(self, due: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (due, next(self._order), what))

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Do what is due until the condition holds. Raises TimeoutError where nothing has moved for long."""
        moved = time.monotonic_ns()
        life = moved
        while not condition():
            now = time.monotonic_ns()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
                moved = now = time.monotonic_ns()
            if now - life > 100_000_000:
                life = now
                for plc in self.plcs:
                    plc.alive(now)
            if now - moved > PATIENCE_NS:
                raise TimeoutError(f"{what}: not within {PATIENCE_NS / 1e9:g} s; {self._told()}")
            wait = min(self._due[0][0], now + 100_000_000) - now if self._due else 100_000_000
            select.select([self._ready], [], [], max(0, wait) / 1e9)  # epoll's own time-out is in whole ms
            for fd, _ in self._ready.poll(0):
                data = os.read(fd, 8192)
                at = time.monotonic_ns()
                moved = at
                self._heard(fd, at, data)

    def _heard(self, fd: int, at: int, data: bytes) -> None:
        plc = self._by_fd.get(fd)
        if plc is not None:
            plc.received(at, data)
            return
        for answer in data.split(b"\x02")[1:]:
            self.echoed(int(answer[:6]), at)

    def _told(self) -> str:
        refused = sum(len(plc.refused) for plc in self.plcs)
        away = sum(not plc.synchronised for plc in self.plcs)
        return f"{len(self._sent)} scans without a divert, {refused} requests refused, {away} PLCs without a session"

    def no_plcs(self) -> None:
        """The echo is at the near ends: it speaks no protocol."""
        self.restart()
        self.plcs, self._by_fd = [], {}


def _emptied(fd: int) -> None:
    os.set_blocking(fd, False)
    try:
        while os.read(fd, 65536):
            pass
    except BlockingIOError:
        pass
