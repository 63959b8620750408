"""The simulated floor as data: every line a cell, and every presence point. No I/O; time is an argument.

Cells touch each other only where a lane leads to another line. What drops there arrives some time later, so every cell
can be done that far ahead of the slowest, and then parcels are handed over: none arrives in its line's past.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from firmware_stubs.arrivals import Arrivals
from firmware_stubs.belt import Belt
from firmware_stubs.cell import Cell
from firmware_stubs.cell_ledger import Record
from firmware_stubs.desk import Desk
from firmware_stubs.floor_file import Floor, StubSection
from firmware_stubs.mishaps import Mishaps
from firmware_stubs.rides import HandedOver, Parcel
from firmware_stubs.stub import Knock, Piece, Stub
from firmware_stubs.whereabouts import Where

_LAPS = 10  # that a loop gets to run empty


class World(Mishaps):
    """Everything of one floor, and what can go wrong there (see `Mishaps`)."""

    def __init__(
        self,
        floor: Floor,
        record: Record,
        *,
        seed: int | None,
        now: float,
        utc_offset_ms: float,
        parcels: int | None = None,
    ) -> None:
        """`seed` None = as the floor file says. `utc_offset_ms`: UTC minus `now`. `parcels`: so many come of all mixes
        together, None = without end. Raises FloorError."""
        super().__init__(now)
        self._cells: list[Cell] = []
        self._came: list[HandedOver] = []  # left a lane for another line, which does not know yet
        self._by_point: dict[str, Cell] = {}  # presence points
        for (name, point), sections in _by_cell(floor).items():
            line = floor.lines.get(name)
            cell = Cell(line, sections, record, self.whereabouts, seed=seed, now=now, utc_offset_ms=utc_offset_ms)
            self._cells.append(cell)
            self._by_stub.update(dict.fromkeys((section.name for section in sections), cell))
            if cell.belt and line:
                self._by_line[line.name] = cell
            elif cell.desk:
                self._by_point[point] = cell
        centres = [self._by_stub[section.name] for section in floor.stubs if section.family == "centre"]
        self._arrivals = Arrivals(floor, self._by_line, self._by_point, centres, record, seed=seed, parcels=parcels)
        transfers = [transfer for line in floor.lines.values() for transfer in line.transfers.values()]
        waits = [desk.after_s * 1000 for desk in floor.desks.values() if desk.from_lanes]
        self._ahead_ms = min((*(transfer.after_ms for transfer in transfers), *waits), default=math.inf)
        self.desk_ms = max(waits, default=0.0)  # from a lane to the desk that is shown what fell there
        self._leads_to = {lane: name for name, line in floor.lines.items() for lane in line.feeders}

    def advance(self, now: float) -> None:
        """Do everything that happens until now."""
        self.now = max(self.now, now)
        if self._arrivals.unfilled:
            self._arrivals.begin(now)
        while (soonest := self._soonest()) <= now:
            until = min(now, soonest + self._ahead_ms)
            for cell in self._cells:
                if cell.due <= until:
                    cell.advance(until, now)
                if cell.handed:
                    self._came += cell.handed
                    cell.handed.clear()
                if cell.ledger.news:
                    self._arrivals.spread(cell)
            if self._came:
                self._hand_over()

    def next_at(self) -> float | None:
        """When the next thing happens; None = only after input."""
        at = self.now if self._arrivals.unfilled else self._soonest()
        return None if at == math.inf else at

    def feed(self, stub: str, data: Piece, now: float) -> None:
        """Bytes or a message for a stub from its wire."""
        self.advance(now)
        self._by_stub[stub].feed(stub, data, now)

    def connected(self, stub: str, there: bool, now: float) -> None:
        """The connection of a stub's wire came (`there`), or is gone."""
        self.advance(now)
        self._by_stub[stub].connected(stub, there, now)

    def knock(self, stub: str, data: bytes, now: float, *, new: bool) -> Knock:
        """Bytes on a second TCP connection of a stub's wire; `new` = it has just come, with none."""
        self.advance(now)
        return self._by_stub[stub].knock(stub, data, now, new=new)

    def output(self) -> list[tuple[str, Piece]]:
        """What the stubs say now, in order; each byte and message once."""
        said = [piece for cell in self._cells for piece in cell.output]
        for cell in self._cells:
            cell.output.clear()
        return said

    def hang_ups(self) -> list[str]:
        """Stubs that want their connection closed, behind what they said in `output`; each wish once."""
        wishes = [name for cell in self._cells for name in cell.hung_up]
        for cell in self._cells:
            cell.hung_up.clear()
        return wishes

    def stub(self, name: str) -> Stub:
        """One machine, for what its wire must know: `subscriptions` and `will`."""
        return self._by_stub[name].stub(name)

    def add(self, parcel: Parcel, now: float) -> None:
        """A parcel of the manifest waits at its line's induction, or at its presence point."""
        (self._by_point[parcel.point] if parcel.point else self._by_line[parcel.line]).add(parcel, now)

    def release(self, now: float) -> None:
        """Induction begins, and what presence points show."""
        for cell in self._cells:
            cell.release(now)

    def hold(self) -> None:
        """Nothing more comes onto any belt, or is shown; what is on them goes on."""
        for cell in self._cells:
            cell.hold()

    @property
    def cells(self) -> Mapping[str, Cell]:
        """The lines with a belt, for who looks at them."""
        return self._by_line

    def where(self, parcel: str) -> Where | None:
        """Where a parcel really is: state (`waiting` `belt` `falling` `lane` `removed`) and place; None = unknown."""
        return self.whereabouts.where(parcel)

    def content(self, lane: str) -> list[tuple[str, str | None]]:
        """What fell into a lane, in order, each with the container that stood there then; the last 10,000."""
        return list(self._lane(lane)[2].content)

    @property
    def in_session(self) -> bool:
        """Whether every PLC has a controller, and every hand somebody who answers."""
        return not self.awaited

    @property
    def awaited(self) -> list[str]:
        """Machines at which a controller, or somebody who answers, is still to come."""
        return [name for cell in self._cells for name in cell.awaited]

    @property
    def waiting(self) -> int:
        """Parcels not yet inducted, or shown; those from lanes that are to be shown again, too."""
        return self._not_inducted + self._not_shown + sum(len(desk.again) for desk in self._desks())

    @property
    def shown(self) -> int:
        """Items that readers at presence points were shown, those from lanes too."""
        return sum(desk.shown + desk.shown_again for desk in self._desks())

    @property
    def unsaid(self) -> int:
        """Results of readers at presence points that are still to be said."""
        return sum(cell.unsaid for cell in self._cells)

    @property
    def on_belts(self) -> int:
        """Parcels between induction and chute, those between two lines included."""
        return sum(belt.on_the_way for belt in self._belts())

    @property
    def longest_ms(self) -> float:
        """What a parcel takes from end to end of all belts that it can come over, a stop and restart of each included;
        on a loop for some laps."""
        lines = [belt.line for belt in self._belts()]
        times = [
            line.length_mm * 1000 * (_LAPS if line.loop else 1) / line.speed_mm_s + line.restart_s * 1000
            for line in lines
        ]
        if not self._leads_to:
            return max(times, default=0.0)
        return sum(times) + sum(transfer.after_ms for line in lines for transfer in line.transfers.values())

    def counts(self) -> dict[str, int]:
        """Conservation: each parcel that was ever given or put on is in exactly one of all but the first; `removed`,
        and `shown` with `not_shown`, are there when some were. `shown_again`: of those in lanes."""
        inducted = sum(cell.ledger.inducted for cell in self._cells)
        in_lanes = sum(cell.ledger.in_lanes for cell in self._cells)
        removed = sum(cell.ledger.removed for cell in self._cells)
        counts = {
            "inducted": inducted,
            "in_lanes": in_lanes,
            "on_belts": self.on_belts,
            "not_inducted": self._not_inducted,
        }
        shown = {"shown": sum(desk.shown for desk in self._desks()), "not_shown": self._not_shown}
        again = sum(desk.shown_again for desk in self._desks())
        counts |= {"removed": removed} if removed else {}
        counts |= shown if any(shown.values()) else {}
        return counts | ({"shown_again": again} if again else {})

    @property
    def _not_inducted(self) -> int:
        return sum(belt.waiting for belt in self._belts())

    @property
    def _not_shown(self) -> int:
        return sum(len(desk.queue) for desk in self._desks())

    def _soonest(self) -> float:
        soonest = math.inf
        for cell in self._cells:
            if cell.due < soonest:
                soonest = cell.due
        return soonest

    def _hand_over(self) -> None:
        came, self._came = self._came, []
        for one in sorted(came, key=lambda one: one.ready):
            self._by_line[self._leads_to[one.lane]].receive(one)

    def _belts(self) -> Iterable[Belt]:
        return (cell.belt for cell in self._cells if cell.belt)

    def _desks(self) -> Iterable[Desk]:
        return (cell.desk for cell in self._cells if cell.desk)


def _by_cell(floor: Floor) -> dict[tuple[str, str], list[StubSection]]:
    """The stubs of each line and of each presence point: (line, empty), or (empty, point); a centre has its own."""
    cells: dict[tuple[str, str], list[StubSection]] = {}
    for section in floor.stubs:
        if section.family == "centre":
            cells["", f"[stub.{section.name}]"] = [section]  # no point is called so
            continue
        line = section.place if section.family == "plc" else floor.points[section.place].line
        cells.setdefault((line, "") if line else ("", section.place), []).append(section)
    return cells
