"""The simulated floor as data: every line a cell, and cells do not touch each other. No I/O; time is an argument."""

from __future__ import annotations

import math
from collections.abc import Iterable

from firmware_stubs.belt import Belt, Parcel
from firmware_stubs.cell import Cell, Record
from firmware_stubs.floor_file import Floor, StubSection


class World:
    """Everything of one floor file."""

    def __init__(self, floor: Floor, record: Record, *, seed: int | None, now: float, utc_offset_ms: float) -> None:
        """`seed` None = as the floor file says. `utc_offset_ms`: UTC minus `now`. Raises FloorError."""
        self._cells: list[Cell] = []
        self._by_stub: dict[str, Cell] = {}
        self._by_line: dict[str, Cell] = {}
        for name, sections in _by_cell(floor).items():
            line = floor.lines.get(name)
            cell = Cell(line, sections, record, seed=seed, now=now, utc_offset_ms=utc_offset_ms)
            self._cells.append(cell)
            self._by_stub.update(dict.fromkeys((section.name for section in sections), cell))
            if cell.belt and line:
                self._by_line[line.name] = cell

    def advance(self, now: float) -> None:
        """Do everything that happens until now."""
        for cell in self._cells:
            cell.advance(now)

    def next_at(self) -> float | None:
        """When the next thing happens; None = only after input."""
        at = min((cell.next_at() for cell in self._cells), default=math.inf)
        return None if at == math.inf else at

    def feed(self, stub: str, data: bytes, now: float) -> None:
        """Bytes for a stub from its wire."""
        self._by_stub[stub].feed(stub, data, now)

    def output(self) -> list[tuple[str, bytes]]:
        """What the stubs say now, in order; each byte once."""
        said = [piece for cell in self._cells for piece in cell.output]
        for cell in self._cells:
            cell.output.clear()
        return said

    def add(self, parcel: Parcel, now: float) -> None:
        """A parcel of the manifest waits at its line's induction."""
        self._by_line[parcel.line].add(parcel, now)

    def release(self, now: float) -> None:
        """Induction begins."""
        for cell in self._cells:
            cell.release(now)

    def hold(self) -> None:
        """Nothing more comes onto any belt; what is on them goes on."""
        for cell in self._cells:
            cell.hold()

    @property
    def in_session(self) -> bool:
        """Whether every PLC has a controller."""
        return all(cell.plc.in_session for cell in self._cells if cell.plc)

    @property
    def waiting(self) -> int:
        """Parcels not yet inducted."""
        return sum(belt.waiting for belt in self._belts())

    @property
    def on_belts(self) -> int:
        """Parcels between induction and chute."""
        return sum(len(belt.riding) + belt.falling for belt in self._belts())

    @property
    def longest_ms(self) -> float:
        """What a parcel takes from end to end of the slowest belt, a stop and restart included."""
        lines = [belt.line for belt in self._belts()]
        return max((line.length_mm * 1000 / line.speed_mm_s + line.restart_s * 1000 for line in lines), default=0.0)

    def counts(self) -> dict[str, int]:
        """Conservation: each parcel that was ever given is in exactly one of the last three."""
        inducted = sum(cell.inducted for cell in self._cells)
        in_lanes = sum(cell.in_lanes for cell in self._cells)
        return {"inducted": inducted, "in_lanes": in_lanes, "on_belts": self.on_belts, "not_inducted": self.waiting}

    def _belts(self) -> Iterable[Belt]:
        return (cell.belt for cell in self._cells if cell.belt)


def _by_cell(floor: Floor) -> dict[str, list[StubSection]]:
    """The stubs of each line; those that stand at no line under an empty name."""
    cells: dict[str, list[StubSection]] = {}
    for section in floor.stubs:
        line = section.place if section.family == "plc" else floor.points[section.place].line
        cells.setdefault(line or "", []).append(section)
    return cells
