"""Who is meant by a name: the lines, lanes, points, readers and stubs of a world."""

from __future__ import annotations

from collections.abc import Iterable

from firmware_stubs.belt import Belt
from firmware_stubs.cell import Cell
from firmware_stubs.chutes import Chutes, Lane
from firmware_stubs.handling import NotThereError
from firmware_stubs.readers import Reader
from firmware_stubs.senses import Eye
from firmware_stubs.stub import PlcStub
from firmware_stubs.whereabouts import Whereabouts


class Meant:
    """The cells of a world by what stands in them; a name that is not there raises NotThereError."""

    def __init__(self, now: float) -> None:
        self.now = now  # that `advance` was told last
        self.whereabouts = Whereabouts()
        self._by_line: dict[str, Cell] = {}  # those with a belt
        self._by_stub: dict[str, Cell] = {}

    def advance(self, now: float) -> None:
        """Do everything that happens until now."""
        raise NotImplementedError

    @property
    def lines(self) -> list[str]:
        """Lines with a belt."""
        return list(self._by_line)

    @property
    def lanes(self) -> list[str]:
        """The lanes of those lines."""
        return [lane for belt in self._moving() for lane in belt.chutes.lanes]

    @property
    def eyes(self) -> list[str]:
        """Points of those lines whose eye tells the PLC something."""
        return [point for belt in self._moving() for point in belt.senses.eyes]

    @property
    def points(self) -> list[str]:
        """Points of those lines, with an eye or without."""
        return [point for belt in self._moving() for point in belt.line.points]

    @property
    def readers(self) -> list[str]:
        """Readers at lines and at presence points."""
        return [name for name, cell in self._by_stub.items() if name in cell.readers]

    @property
    def readers_at_belts(self) -> list[str]:
        """Those at lines."""
        return [reader for belt in self._moving() for reader in belt.senses.readers]

    @property
    def stubs(self) -> list[str]:
        """Every machine."""
        return list(self._by_stub)

    @property
    def plcs(self) -> list[str]:
        """Those that are the PLC of a line."""
        return [name for name, cell in self._by_stub.items() if cell.is_plc(name)]

    def riding(self, line: str) -> list[str]:
        """The parcels on a line's belt, the foremost of a line first."""
        return [ride.parcel.parcel for ride in self._at(line, None)[1].rides]

    def queued(self, line: str) -> list[str]:
        """The parcels that wait at a line's inductions, those first that come first at theirs."""
        feeders = self._at(line, None)[1].feeders.values()
        return [waiting.parcel.parcel for feeder in feeders for waiting in feeder.queue]

    def speed_of(self, line: str) -> int:
        """The speed in mm/s with which a line's belt runs, or will when it is started."""
        return self._at(line, None)[1].running_mm_s

    def length_of(self, line: str) -> int:
        """The mm of a line's belt."""
        return self._at(line, None)[1].line.length_mm

    def stands(self, line: str) -> bool:
        """Whether a line's belt does not move."""
        return not self._at(line, None)[1].motion.speed

    def container_at(self, lane: str) -> str | None:
        """The container at a lane."""
        return self._lane(lane)[2].container

    def line_with(self, point: str) -> str:
        """The line that a point with an eye is on."""
        known(point, self.eyes, "point with an eye")
        return next(belt.line.name for belt in self._moving() if point in belt.senses.eyes)

    def way_in(self, line: str) -> int:
        """The mm from a line's start to its first decision point; without one, all its length."""
        found = self._at(line, None)[1].line
        return min((at.mm for at in found.points.values() if at.decision), default=found.length_mm)

    def plc_of(self, line: str) -> str:
        """The stub of a line's PLC."""
        cell = self._at(line, None)[0]
        return next(name for name, other in self._by_stub.items() if other is cell and cell.is_plc(name))

    def line_of(self, plc: str) -> str:
        """The line of a PLC's stub."""
        known(plc, self.plcs, "PLC")
        return next(line for line, cell in self._by_line.items() if cell is self._by_stub[plc])

    def _moving(self) -> list[Belt]:
        return [cell.belt for cell in self._by_line.values() if cell.belt]

    def _at(self, line: str, now: float | None) -> tuple[Cell, Belt, PlcStub]:
        known(line, self._by_line, "line with a PLC")
        if now is not None:
            self.advance(now)
        cell = self._by_line[line]
        cell.advance(self.now, self.now)
        assert cell.belt is not None  # only such are in _by_line
        assert cell.plc is not None
        return cell, cell.belt, cell.plc

    def _lane(self, lane: str, now: float | None = None) -> tuple[Cell, Chutes, Lane]:
        chutes = {name: line for line in self._by_line for name in self._at(line, None)[1].chutes.lanes}
        known(lane, chutes, "lane")
        cell, belt, _ = self._at(chutes[lane], now)
        return cell, belt.chutes, belt.chutes.lanes[lane]

    def _eye(self, point: str, now: float | None = None) -> tuple[Cell, Eye]:
        eyes = {name: line for line in self._by_line for name in self._at(line, None)[1].senses.eyes}
        known(point, eyes, "point with an eye")
        cell, belt, _ = self._at(eyes[point], now)
        return cell, belt.senses.eyes[point]

    def _reader(self, reader: str) -> tuple[Cell, Belt, Reader]:
        readers = {name: line for line in self._by_line for name in self._at(line, None)[1].senses.readers}
        known(reader, readers, "reader at a belt")
        cell, belt, _ = self._at(readers[reader], None)
        return cell, belt, belt.senses.readers[reader]

    def _machine(self, stub: str, now: float) -> Cell:
        known(stub, self._by_stub, "stub")
        self.advance(now)
        return self._by_stub[stub]


def known(name: str, names: Iterable[str], what: str) -> None:
    """`name` is one of `names`, which are `what`s; else NotThereError."""
    if name not in names:
        raise NotThereError(f"no {what} is called {name!r}; known are {', '.join(sorted(names)) or 'none'}")
