"""One simulated line as data: its belt, its PLC, its scanners, and the ledger of what really happened there.

A presence point is a cell, too: its readers, and a desk in place of the belt.

Inside a cell everything happens at its own exact time, however late it is woken; only bytes leave when they leave.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from collections.abc import Iterable
from typing import Any, cast

from firmware_stubs.belt import Belt
from firmware_stubs.cell_ledger import CellLedger, Record
from firmware_stubs.desk import Desk
from firmware_stubs.floor_file import StubSection
from firmware_stubs.floor_lines import Line
from firmware_stubs.mixes.supply import Supply
from firmware_stubs.plc_making import make_plc
from firmware_stubs.plc_scanner import PlcScanner
from firmware_stubs.readers import Reader
from firmware_stubs.rides import HandedOver, Parcel, Ride
from firmware_stubs.stub import CentreStub, HandStub, Knock, Piece, PlcStub, ScannerStub, Stub
from firmware_stubs.whereabouts import Whereabouts

_SPINS = 10_000  # things done without the time moving on


class Cell:
    """One line's belt, PLC and scanners; or, without a line, the scanners of a presence point and its desk."""

    def __init__(
        self,
        line: Line | None,
        sections: Iterable[StubSection],
        record: Record,
        whereabouts: Whereabouts,
        *,
        seed: int | None,
        now: float,
        utc_offset_ms: float,
    ) -> None:
        self.belt: Belt | None = None
        self.desk: Desk | None = None
        self.plc: PlcStub | None = None
        self.output: list[tuple[str, Piece]] = []
        self.hung_up: dict[str, None] = {}  # stubs that want their connection closed
        self.handed: list[HandedOver] = []
        self.panel = ""  # JAM or ESTP while somebody must clear it
        self.manual = False  # the line's switch is turned to manual
        self._whereabouts = whereabouts
        self._now = self._clock = now  # of the outside, and of what is being done
        self.due = math.inf  # when the next thing happens; infinity = nothing will
        self._next: Stub | None = None  # which stub does it; None = the belt or the desk
        self._spins = 0
        self._inhibited: frozenset[str] = frozenset()
        self._stubs: dict[str, Stub] = {}
        self._made: dict[str, tuple[StubSection, int]] = {}  # readers: of what, with which seed
        self._mute: set[str] = set()  # stubs that neither say nor hear
        self._hushed: set[str] = set()  # stubs without a sign of life
        self._connected: set[str] = set()
        self._scanners: dict[str, ScannerStub] = {}
        self._hands: dict[str, HandStub] = {}
        self._centre: CentreStub | None = None
        self._unconnected: set[str] = set()  # readers of a desk that are on a broker, or shall be
        readers: list[Reader] = []
        sections = list(sections)
        desk = {"point": sections[0].place} if sections[0].family == "scanner" else {}
        place = {"line": line.name} if line else desk
        self.ledger = ledger = CellLedger(line, place, record, whereabouts, utc_offset_ms)
        for section in sections:
            stub_seed = zlib.crc32(f"{seed or 0}/{section.name}".encode())
            if section.family == "plc":
                assert line is not None  # the floor file refuses a PLC without
                self.plc = self._stubs[section.name] = make_plc(section, line, stub_seed, now)
            elif section.family == "centre":
                centre = cast(CentreStub, section.module.Centre(section.settings, stub_seed, now, utc_offset_ms))
                self._centre = self._stubs[section.name] = centre
            else:
                self._made[section.name] = section, stub_seed
                scanner = self._start(section.name, now)
                ledger.gated[section.name] = deque()
                by_carrier = getattr(section.settings, "index", "") == "carrier"
                mm = line.points[section.place].mm if line else 0
                readers.append(Reader(section.name, scanner, mm, by_carrier=by_carrier))
                if not line:
                    self._unconnected |= {section.name} if getattr(section.module, "ON_BROKER", False) else set()
        if line and self.plc:
            for name, point in line.plc_scanners.items():
                wired = self._scanners[name] = PlcScanner(self.plc, point)
                ledger.gated[name] = deque()
                readers.append(Reader(name, wired, line.points[point].mm, by_carrier=False))
            line_seed = f"{line.seed if seed is None else seed}/{line.name}"
            self.belt = Belt(line, self.plc, readers, ledger.told, line_seed, now)
            ledger.on_carriers = self.belt.senses.on_carriers
        elif readers:
            self.desk = Desk(readers, ledger.shown, now)
        self.readers = {reader.name: reader for reader in readers}
        self.heed()

    def add(self, parcel: Parcel, now: float) -> None:
        """A parcel of the manifest waits at the induction, which the line has; or at the desk."""
        if self.desk:
            self.desk.add(parcel, now)
        else:
            assert self.belt is not None  # the manifest refuses parcels for a line without
            self._whereabouts.moved(parcel.parcel, "waiting", self.belt.add(parcel, now))
        self._look()

    def supply(self, place: str, supply: Supply) -> None:
        """The queue of an induction, or of the desk, is filled from a mix."""
        if self.belt:
            self.belt.feeders[place].supply = supply
        elif self.desk:
            self.desk.supply = supply

    def fill(self, now: float, most: int) -> None:
        """The first parcels of the mixes wait, at most so many at each place."""
        if self.belt:
            for feeder in self.belt.feeders.values():
                self.belt.fill(feeder, now, most)
        elif self.desk:
            self.desk.fill(now, most)
        self._look()

    def show_again(self, parcel: Parcel, ready: float) -> None:
        """The desk shows an item that fell into a lane, then or later."""
        assert self.desk is not None  # it has a table
        self.desk.bring(parcel, ready)
        self._look()

    def tell_centre(self, what: str, parcel: Parcel, at: float) -> None:
        """The centre hears that a parcel is `announced`, or that it `came`."""
        assert self._centre is not None  # this cell is its
        tell = self._centre.announced if what == "announced" else self._centre.came
        tell(parcel, max(at, self._clock))
        self.heed()

    def receive(self, came: HandedOver) -> None:
        """A parcel is on its way here from another line."""
        assert self.belt is not None  # the floor file refuses a transfer to a line without
        self._whereabouts.moved(came.parcel.parcel, "waiting", came.lane)
        self.belt.receive(came)
        self._look()

    def release(self, now: float) -> None:
        """Induction begins."""
        if mover := self.belt or self.desk:
            mover.release(now)
        self.heed()

    def hold(self) -> None:
        """Nothing more comes onto the belt, or is shown."""
        if mover := self.belt or self.desk:
            mover.hold()
        self._look()

    def advance(self, until: float, now: float) -> None:
        """Do everything that happens until then, each at its time; `now` is outside."""
        self._now = max(self._now, now)
        while (at := self.due) <= until:
            self._spins = 0 if at > self._clock else self._spins + 1
            if self._spins > _SPINS:
                raise RuntimeError(f"{', '.join(self._stubs)}: the same moment never ends")
            self._clock = max(self._clock, at)
            if self._next:
                self._next.tick(self._clock)
            elif self.belt:
                self.belt.step()
            elif self.desk:
                self.desk.step(self._clock)
            self.heed()
        self._clock = max(self._clock, until)

    def feed(self, stub: str, data: Piece, now: float) -> None:
        """Bytes or a message for a stub from its wire."""
        self.advance(now, now)
        if stub not in self._mute:
            self._stubs[stub].feed(data, now)
        self.heed()

    def connected(self, stub: str, there: bool, now: float) -> None:
        """The connection of a stub's wire came, or is gone."""
        self.advance(now, now)
        (self._stubs[stub].opened if there else self._stubs[stub].closed)(now)
        (self._connected.add if there else self._connected.discard)(stub)
        if there:
            self._unconnected.discard(stub)
        self.heed()

    def knock(self, stub: str, data: bytes, now: float, *, new: bool) -> Knock:
        """Bytes on a second connection of a stub's wire."""
        self.advance(now, now)
        knock = Knock() if stub in self._mute else self._stubs[stub].knock(data, now, new=new)
        self.heed()
        return knock

    def stub(self, name: str) -> Stub:
        """One of the cell's machines."""
        return self._stubs[name]

    def is_plc(self, name: str) -> bool:
        """Whether this machine is the line's PLC."""
        return self._stubs[name] is self.plc

    def silence(self, name: str, *, on: bool) -> None:
        """A machine says and hears nothing from now on, and if it is a reader it sees nothing; or does again."""
        (self._mute.add if on else self._mute.discard)(name)
        if reader := self.readers.get(name):
            reader.dead = on
        self.heed()

    def hush(self, name: str, *, on: bool) -> bool:
        """A machine's sign of life stands still from now on, whatever becomes of its power; False = it has none."""
        (self._hushed.add if on else self._hushed.discard)(name)
        return self._stubs[name].hush(on)

    def power(self, name: str, *, on: bool) -> None:
        """A reader's power goes, or comes back: then it is a new one, and what the old one had not said never was."""
        self.silence(name, on=not on)
        for _ in range(len(self.ledger.gated[name])):
            self.ledger.read(name, None, self._now)
        self.readers[name].scanner = self._start(name, self._clock)
        if not on:
            self.hung_up[name] = None
        elif name in self._connected:
            self._stubs[name].opened(self._clock)
        self.heed()

    def _start(self, name: str, now: float) -> ScannerStub:
        section, seed = self._made[name]
        scanner = cast(ScannerStub, section.module.Scanner(section.settings, seed, now))
        self._stubs[name] = self._scanners[name] = scanner
        if name in self._hushed:
            scanner.hush(True)
        if hasattr(scanner, "verdicts"):
            self._hands[name] = cast(HandStub, scanner)
        return scanner

    @property
    def awaited(self) -> list[str]:
        """The PLC without a controller, the centre without its node; at a desk, readers on a broker that are not there
        and hands without an answer.

        Of a reader on a cable nobody knows who is at the other end.
        """
        if self.plc:
            return [] if self.plc.in_session else [name for name in self._stubs if self.is_plc(name)]
        if self._centre:
            return [] if self._centre.attended else list(self._stubs)
        if not self.desk:
            return []
        return sorted(self._unconnected | {name for name, hand in self._hands.items() if not hand.attended})

    @property
    def unsaid(self) -> int:
        """Results of items at a desk of which it is not yet known whether they are said, or heard where the reader
        wants to know."""
        if not self.desk:
            return 0
        return sum(map(len, self.ledger.gated.values())) + sum(one.unheard for one in self._scanners.values())

    def mishap(self, what: str, **fields: Any) -> None:
        """Somebody does something, or breaks something: an entry of the ledger."""
        self.ledger.write("mishap", self._clock, mishap=what, **fields)

    def remove(self, ride: Ride) -> None:
        """A parcel is taken off the belt by hand."""
        assert self.belt is not None  # it says so
        self.belt.take(ride)
        self.ledger.taken_off(ride.parcel.parcel)

    def heed(self) -> None:
        """Do what the stubs want after something happened to them, and write down what they did."""
        if self.belt and self.plc:
            self._obey(self.belt, self.plc)
        for name, stub in self._stubs.items():
            if (said := stub.take()) and name not in self._mute:
                self.output += [(name, said)] if isinstance(said, bytes) else [(name, message) for message in said]
            if stub.hang_up() and name not in self._mute:
                self.hung_up[name] = None
        for name, scanner in self._scanners.items():
            for text in scanner.said():
                self.ledger.read(name, None if name in self._mute else text, self._now)
        for name, hand in self._hands.items():
            self.ledger.hand_told(name, hand)
        if self.plc:
            self.ledger.obeyed(self.plc, self._now)
        if self._centre:
            self.ledger.customs(self._centre)
        self._look()

    def _look(self) -> None:
        mover = self.belt or self.desk
        due, self._next = mover.next_at() if mover else math.inf, None
        for stub in self._stubs.values():
            at = stub.next_at()
            if at is not None and at < due:
                due, self._next = at, stub
        self.due = due

    def _obey(self, belt: Belt, plc: PlcStub) -> None:
        for command in plc.gates(self._clock):
            belt.diverts.fire(command, self._clock)
        if plc.stop_wanted:
            belt.stop(self._clock)
        if plc.inhibited != self._inhibited:
            before, self._inhibited = self._inhibited, frozenset(plc.inhibited)
            for point in sorted(before ^ self._inhibited):
                self.ledger.write("inhibit", self._clock, inhibited=point in self._inhibited, point=point)
            belt.resume(self._clock)
        if belt.chutes.handed:
            self.handed += belt.chutes.handed
            belt.chutes.handed.clear()
