"""What the floor knows, and how its rules report, command and keep: the ground that floor.py and its handlers stand on.

Only a step of the floor changes it (floor.py): what is emitted, sent and kept meanwhile becomes the step's effects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from controller.config import Config
from controller.customs import Book, Subject
from controller.drops import Drop
from controller.effects import Effect, Emit, Keep, Send
from controller.events import Alarm, Data, Inducted
from controller.lanes import LaneState
from controller.line import LineState, Reader
from controller.matching import Odometer
from controller.plan import Plan
from controller.routing import Decision
from controller.travel import Travel


@dataclass(slots=True)
class FloorState:
    """All floor state, and the tools of those who change it.

    `sequence` numbers events: the last one given; it goes on from the journal's.
    """

    config: Config
    plan: Plan
    journal: str
    sequence: int = 0
    lines: dict[str, LineState] = field(default_factory=dict)
    lanes: dict[str, LaneState] = field(default_factory=dict)
    readers: dict[str, tuple[LineState, Reader]] = field(default_factory=dict)
    plc_line: dict[str, LineState] = field(default_factory=dict)
    book: Book = field(default_factory=lambda: Book(60_000.0))
    live: dict[str, set[str]] = field(default_factory=dict)
    """parcel -> travels that carry it now"""
    visits: dict[str, str] = field(default_factory=dict)
    drops: dict[str, Drop] = field(default_factory=dict)
    drops_by_subject: dict[Subject, set[str]] = field(default_factory=dict)
    late: int = 0
    was_fresh: bool = False
    feed_went_back: bool = False
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book.stale_ms = self.config.customs.stale_s * 1000
        for name, line in self.config.line.items():
            self.lines[name] = LineState(name, line, Odometer(line.speed_mm_s))
        for name, lane in self.config.lane.items():
            self.lanes[name] = LaneState(name, lane)
        for name, plc in self.config.plc.items():
            self.plc_line[name] = self.lines[plc.line]
        for name, scanner in self.config.scanner.items():
            point = self.config.point[scanner.point]
            if point.line is not None and point.position_mm is not None:
                reader = Reader(
                    name,
                    scanner.point,
                    point.position_mm,
                    scanner.window_mm,
                    scanner.reports_no_read,
                    scanner.late_mm,
                )
                self.lines[point.line].readers.append(reader)
                self.readers[name] = (self.lines[point.line], reader)

    def emit(self, name: str, subject: str, at: float, data: Data) -> int:
        """Report an event; returns its sequence."""
        self.sequence += 1
        self.effects.append(Emit(self.sequence, name, subject, at, data))
        return self.sequence

    def alarm(self, alarm: str, what: str, at: float, priority: Literal["low", "medium", "high", "critical"]) -> None:
        """Raise an alarm."""
        self.emit("alarm/raised", f"alarm/{alarm}", at, Alarm(alarm=alarm, what=what, priority=priority))

    def send(self, effect: Send) -> None:
        """Give a command to a PLC."""
        self.effects.append(effect)

    def keep(self, kind: str, key: str, value: object | None) -> None:
        """Note that durable state changed."""
        self.effects.append(Keep(kind, key, value))

    def begin(self, line: LineState, track: int, via: str, point: str | None, at: float, length: int) -> Travel:
        """A travel begins, whatever named it first. Its id is the sequence of its inducted event."""
        travel_id = f"{line.id}-{self.journal}-{self.sequence + 1}"
        travel = Travel(travel_id, line.id, line.epoch, track, visit=travel_id, length_mm=length)
        data = Inducted.model_validate(
            {
                "visit": travel.visit,
                "travel": travel_id,
                "line": line.id,
                "point": point,
                "track": track,
                "epoch": line.epoch,
                "via": via,
                "length_mm": length or None,
            }
        )
        self.emit("parcel/inducted", f"travel/{travel_id}", at, data)
        line.add(travel)
        line.named.add(travel_id)
        self.keep("travel", travel_id, travel)
        return travel

    def heads_for(self, decision: Decision | None, change: int) -> None:
        """One more (1) or one less (-1) is on its way to a decision's first lane, which may be gone from the floor."""
        lane = self.lanes.get(decision.lanes[0]) if decision and decision.lanes else None
        if lane is not None:
            lane.on_way = max(0, lane.on_way + change)

    def ended(self, travel: Travel) -> None:
        """The travel carries nothing any more."""
        carriers = self.live.get(travel.parcel or "", set())
        carriers.discard(travel.id)
        if not carriers:
            self.live.pop(travel.parcel or "", None)

    def carries(self, travel: Travel, parcel: str | None) -> None:
        """The travel carries this parcel from now on, None = none that is known."""
        self.ended(travel)
        travel.parcel = parcel
        if parcel is not None:
            self.live.setdefault(parcel, set()).add(travel.id)

    def travels(self) -> list[tuple[LineState, Travel]]:
        """Every open travel with its line."""
        return [(line, travel) for line in self.lines.values() for travel in line.travels.values()]
