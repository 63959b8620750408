"""What comes to a floor by itself: parcels of mixes, announced to the centre, and what desks are shown again.

Each cell keeps its `news` of parcels; here they go to those whom they concern, in other cells.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from firmware_stubs.cell import Cell
from firmware_stubs.cell_ledger import Record
from firmware_stubs.desk_tables import DeskSettings
from firmware_stubs.floor_file import Floor
from firmware_stubs.floor_lines import Line
from firmware_stubs.mixes.mix import Mix
from firmware_stubs.mixes.stream import Goods, Item, Stream
from firmware_stubs.mixes.supply import Budget, Supply
from firmware_stubs.rides import Parcel

_GOODS = tuple(field.name for field in dataclasses.fields(Goods))


class Arrivals:
    """The mixes and desks of a floor, and who hears of their parcels."""

    def __init__(
        self,
        floor: Floor,
        lines: Mapping[str, Cell],
        points: Mapping[str, Cell],
        centres: Sequence[Cell],
        record: Record,
        *,
        seed: int | None,
        parcels: int | None,
    ) -> None:
        """`lines` and `points`: the cells by name; `parcels`: so many come of all mixes, None = without end."""
        self._floor = floor
        self._centres = centres
        self._record = record
        self._seed = seed
        self._budget = Budget(parcels)
        self._shown_at: dict[str, list[tuple[Cell, DeskSettings]]] = {}  # by lane
        self._deepest = 0  # as the longest queue shall be
        self.unfilled: list[Cell] = []  # until `begin`
        for name, cell in lines.items():
            self._feed(floor.lines[name], cell)
        for point, desk in floor.desks.items():
            self._show(desk, points[point], lines)

    def begin(self, now: float) -> None:
        """The first ones wait: every place gets one before any gets its next, however few there are."""
        cells, self.unfilled = self.unfilled, []
        for most in range(1, self._deepest + 1):
            for cell in dict.fromkeys(cells):
                cell.fill(now, most)
                self.spread(cell)

    def spread(self, cell: Cell) -> None:
        """The news of a cell go to the centre and the desks."""
        news, cell.ledger.news = cell.ledger.news, []
        for what, parcel, place, at in news:
            if what == "lane":
                for other, desk in self._shown_at[place]:
                    other.show_again(desk.shown(parcel), at + desk.after_s * 1000)
            else:
                for centre in self._centres:
                    centre.tell_centre(what, parcel, at)

    def _feed(self, line: Line, cell: Cell) -> None:
        for name, induction in line.inductions.items():
            if induction.mix:
                stream = self._stream(induction.mix, name, line.seed)
                make = partial(_parcel, line=line.name, induction=name)
                self._supply(cell, name, stream, induction.rate_per_s, make)

    def _show(self, desk: DeskSettings, cell: Cell, lines: Mapping[str, Cell]) -> None:
        if desk.mix:
            stream = self._stream(desk.mix, desk.point, 0)
            make = partial(_parcel, point=desk.point, after_ms=desk.every_s * 1000)
            self._supply(cell, desk.point, stream, 1 / desk.every_s, make)
        for lane in desk.from_lanes:
            self._shown_at.setdefault(lane, []).append((cell, desk))
            lines[self._floor.line_of(lane)].ledger.watched.add(lane)

    def _stream(self, mix: Mix, place: str, seed: int) -> Stream:
        return Stream(mix, place, seed if self._seed is None else self._seed)

    def _supply(self, cell: Cell, name: str, stream: Stream, rate_per_s: float, make: Callable[[Item], Parcel]) -> None:
        depth = max(2, math.ceil(rate_per_s * self._floor.ahead_s))
        self._deepest = max(self._deepest, depth)
        cell.supply(name, Supply(stream, depth, self._budget, make, partial(self._announced, cell)))
        self.unfilled.append(cell)

    def _announced(self, cell: Cell, parcel: Parcel, at: float) -> None:
        assert parcel.goods is not None  # a mix makes them
        place = {"line": parcel.line, "induction": parcel.induction} if parcel.line else {"point": parcel.point}
        codes = [code.decode("latin-1") for code in parcel.codes]
        goods = {key: getattr(parcel.goods, key) for key in _GOODS}
        entry = {"parcel": parcel.parcel, "codes": codes, "goods": goods}
        self._record({"what": "announced", "t": round(at, 3), **place, **entry})
        cell.ledger.news.append(("announced", parcel, "", at))


def _parcel(item: Item, line: str = "", induction: str = "", point: str = "", after_ms: float = 0.0) -> Parcel:
    """The item as it waits at its place."""
    sizes = (item.length_mm, item.weight_g, item.width_mm, item.height_mm)
    return Parcel(item.parcel, line, item.codes, *sizes, induction, point, after_ms, item.goods)
