"""One simulated line as data: its belt, its PLC, its scanners, and the ledger of what really happened there.

Inside a cell everything happens at its own exact time, however late it is woken; only bytes leave when they leave. The
ledger is written from the belt and the stubs, never from what the other side says. Its times are CLOCK_MONOTONIC in ms,
so that other processes of the machine can compare them.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

from firmware_stubs.belt import Belt, Parcel, Ride, Told
from firmware_stubs.floor_file import Line, StubSection
from firmware_stubs.sections import FloorError
from firmware_stubs.stub import PlcStub, ScannerStub, Stub

Record = Callable[[dict[str, Any]], None]

_REMEMBERED = 10_000  # tracks of a line whose parcel is still known, for DESTs that come after the drop
_SPINS = 10_000  # things done without the time moving on


class Cell:
    """One line's belt, PLC and scanners; or, without a line, scanners that no belt passes."""

    def __init__(
        self,
        line: Line | None,
        sections: Iterable[StubSection],
        record: Record,
        *,
        seed: int | None,
        now: float,
        utc_offset_ms: float,
    ) -> None:
        self.belt: Belt | None = None
        self.plc: PlcStub | None = None
        self.output: list[tuple[str, bytes]] = []
        self.inducted = self.in_lanes = 0
        self._record = record
        self._place = {"line": line.name} if line else {}
        self._utc_offset = utc_offset_ms
        self._now = self._clock = now  # of the outside, and of what is being done
        self._due: float | None = None  # None = to be found out
        self._spins = 0
        self._inhibited = False
        self._stubs: dict[str, Stub] = {}
        self._scanners: dict[str, ScannerStub] = {}
        self._gated: dict[str, deque[list[Any]]] = {}  # by scanner: [parcel, texts still to be said] of each gate
        self._parcels: dict[tuple[int, int], Parcel] = {}  # by epoch and track
        readers = []
        for section in sections:
            stub_seed = zlib.crc32(f"{seed or 0}/{section.name}".encode())
            if section.family == "plc":
                assert line is not None  # the floor file refuses a PLC without
                self.plc = self._stubs[section.name] = _plc(section, line, stub_seed, now)
            else:
                scanner = cast(ScannerStub, section.module.Scanner(section.settings, stub_seed, now))
                self._stubs[section.name] = self._scanners[section.name] = scanner
                self._gated[section.name] = deque()
                readers.append((section.name, section.place, scanner))
        if line and line.induction and self.plc:
            line_seed = f"{line.seed if seed is None else seed}/{line.name}"
            self.belt = Belt(line, self.plc, readers, self._told, line_seed, now)
        self._heed()

    def next_at(self) -> float:
        """When the next thing happens; infinity = nothing will."""
        if self._due is None:
            belt = self.belt.next_at() if self.belt else math.inf
            self._due = min(belt, *(_next_at(stub) for stub in self._stubs.values()))
        return self._due

    def add(self, parcel: Parcel, now: float) -> None:
        """A parcel of the manifest waits at the induction, which the line has."""
        assert self.belt is not None  # the manifest refuses parcels for a line without
        self.belt.add(parcel, now)
        self._due = None

    def release(self, now: float) -> None:
        """Induction begins."""
        if self.belt:
            self.belt.release(now)
        self._due = None

    def hold(self) -> None:
        """Nothing more comes onto the belt."""
        if self.belt:
            self.belt.hold()
        self._due = None

    def advance(self, now: float) -> None:
        """Do everything that happens until now, each at its time."""
        self._now = max(self._now, now)
        while (at := self.next_at()) <= now:
            self._spins = 0 if at > self._clock else self._spins + 1
            if self._spins > _SPINS:
                raise RuntimeError(f"{', '.join(self._stubs)}: the same moment never ends")
            self._clock = max(self._clock, at)
            if self.belt and self.belt.next_at() <= at:
                self.belt.step()
            else:
                min(self._stubs.values(), key=_next_at).tick(self._clock)
            self._heed()
        self._clock = self._now

    def feed(self, stub: str, data: bytes, now: float) -> None:
        """Bytes for a stub from its wire."""
        self.advance(now)
        self._stubs[stub].feed(data, now)
        self._heed()

    def _heed(self) -> None:
        """Do what the stubs want after they were told something, and write down what they did."""
        self._due = None
        if self.belt and self.plc:
            self._obey(self.belt, self.plc)
        for name, stub in self._stubs.items():
            if data := stub.take():
                self.output.append((name, data))
        for name, scanner in self._scanners.items():
            for text in scanner.said():
                self._read(name, text)
        if self.plc:
            self._note(self.plc)

    def _obey(self, belt: Belt, plc: PlcStub) -> None:
        for command in plc.gates(self._clock):
            belt.fire(command, self._clock)
        if plc.stop_wanted:
            belt.stop(self._clock)
        if belt.inhibited != self._inhibited:
            self._inhibited = belt.inhibited
            self._write("inhibit", self._clock, inhibited=self._inhibited)
            belt.resume(self._clock)

    def _note(self, plc: PlcStub) -> None:
        for epoch, track, at in plc.sent_arrivals():
            self._write("arrived", max(at, self._now), epoch=epoch, track=track, parcel=self._parcel(epoch, track))
        for taken in plc.taken():
            self._write(
                "dest",
                taken.at,
                epoch=taken.epoch,
                track=taken.track,
                parcel=self._parcel(taken.epoch, taken.track),
                decision=taken.decision,
                reason=taken.reason,
                lanes=list(taken.lanes),
                if_none=taken.if_none,
                no_default=taken.no_default,
                refusal=taken.refusal,
            )

    def _told(self, told: Told) -> None:
        """The belt says what happened."""
        if told.ride:
            self._of_parcel(told, told.ride)
        elif told.what in ("full", "free"):
            self._write(told.what, told.at, lane=told.place)
        elif told.what == "missed":
            self._write("missed", told.at, lane=told.place, track=told.track)
        elif told.what == "speed":
            self._write("speed", told.at, mm_s=told.mm_s)

    def _of_parcel(self, told: Told, ride: Ride) -> None:
        parcel = ride.parcel
        if told.what == "reader":
            self._gated[told.place].append([parcel, max(1, len(parcel.codes))])
        elif told.what == "lane":
            self.in_lanes += 1
            self._write("lane", told.at, parcel=parcel.parcel, lane=told.place, overfilled=told.overfilled)
        else:  # an eye, the induction's or another
            self._remember(ride)
            if told.what == "inducted":
                self.inducted += 1
                self._write(
                    "inducted",
                    told.at,
                    utc_ms=round(told.at + self._utc_offset),
                    parcel=parcel.parcel,
                    epoch=ride.epoch,
                    track=ride.track,
                    codes=[code.decode("latin-1") for code in parcel.codes],
                    length_mm=parcel.length_mm,
                )

    def _remember(self, ride: Ride) -> None:
        assert ride.track is not None  # the PLC has just named it
        self._parcels.pop((ride.epoch, ride.track), None)
        self._parcels[ride.epoch, ride.track] = ride.parcel
        if len(self._parcels) > _REMEMBERED:
            del self._parcels[next(iter(self._parcels))]

    def _parcel(self, epoch: int, track: int) -> str | None:
        parcel = self._parcels.get((epoch, track))
        return parcel.parcel if parcel else None

    def _read(self, reader: str, text: bytes | None) -> None:
        gate = self._gated[reader][0]
        gate[1] -= 1
        if not gate[1]:
            self._gated[reader].popleft()
        said = None if text is None else text.decode("latin-1")
        self._write("read", self._now, reader=reader, parcel=gate[0].parcel, text=said)

    def _write(self, what: str, at: float, **fields: Any) -> None:
        self._record({"what": what, "t": round(at, 3), **self._place, **fields})


def _plc(section: StubSection, line: Line, seed: int, now: float) -> PlcStub:
    try:
        geometry = section.module.Geometry(
            points={name: point.mm for name, point in line.points.items()},
            inductions=tuple(name for name, point in line.points.items() if point.induction),
            decisions=tuple(name for name, point in line.points.items() if point.decision),
            lanes=dict(line.lanes),
            default_lane=line.default_lane,
            speed_mm_s=line.speed_mm_s,
            length_mm=line.length_mm,
        )
    except ValueError as error:
        raise FloorError(f"[line.{line.name}]: {error}") from error
    return cast(PlcStub, section.module.Plc(section.settings, geometry, seed, now))


def _next_at(stub: Stub) -> float:
    at = stub.next_at()
    return math.inf if at is None else at
