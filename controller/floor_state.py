"""What the floor knows, and how its rules report, command and keep: the ground that floor.py and its handlers stand on.

Only a step of the floor changes it (floor.py): what is emitted, sent and kept meanwhile becomes the step's effects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from controller.asking import Asking
from controller.config import Config
from controller.containers import Container
from controller.customs import Book, Subject
from controller.departures import Timetable
from controller.drops import Drop
from controller.dues import Dues
from controller.effects import Effect, Emit, Keep, Send
from controller.events import Alarm, Data, Inducted, ReadSeen
from controller.identity_rules import Rules, rules_of
from controller.lanes import LaneState
from controller.line import LineState
from controller.matching import Odometer
from controller.mentions import Mentions, Name
from controller.orders import Element, TriggerReader
from controller.plan import Plan
from controller.readers import SPEED_ERROR, Counter, Reader
from controller.routing import Decision
from controller.switching import Schedule, zone
from controller.travel import Travel
from devices.driver import earliest

ALARMS_KEPT = 500
"""Alarms that a restart closes; of more, the latest."""


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
    lanes_of: dict[str, list[LaneState]] = field(default_factory=dict)
    """line -> its lanes"""
    supervised_of: dict[str, list[LaneState]] = field(default_factory=dict)
    """line -> those of its lanes that are supervised"""
    rated: list[tuple[LineState, LaneState]] = field(default_factory=list)
    """supervised lanes that take so many a minute: they ease an inhibited line by themselves"""
    handed: dict[str, Travel] = field(default_factory=dict)
    """travels that ended in a lane which leads to another line: `line|epoch|track`, until their HAND comes"""
    readers: dict[str, tuple[LineState, Reader]] = field(default_factory=dict)
    plc_line: dict[str, LineState] = field(default_factory=dict)
    book: Book = field(default_factory=lambda: Book(60_000.0))
    live: dict[str, set[str]] = field(default_factory=dict)
    """parcel -> travels that carry it now"""
    visits: dict[str, str] = field(default_factory=dict)
    drops: dict[str, Drop] = field(default_factory=dict)
    drops_by_subject: dict[Subject, set[str]] = field(default_factory=dict)
    timed: dict[str, tuple[LineState, Travel]] = field(default_factory=dict)
    """travels that want to be looked at at their `decide_at` or `stop_at`"""
    times_of: Dues[str] = field(default_factory=Dues)
    """of those: the earlier of both, when it was set; it may be over since"""
    expiries: Dues[str] = field(default_factory=Dues)
    """reader -> when its oldest unreported result is given up"""
    late: int = 0
    unsolicited: int = 0
    """answers of the centre that nobody waited for (any more)"""
    asking: Asking = field(default_factory=Asking)
    timetable: Timetable = field(default_factory=Timetable)
    cut_off: float | None = None
    """UTC ms of the next cut-off of a departure"""
    rules: Rules = field(init=False)
    """which codes identify a parcel"""
    mentions: Mentions = field(init=False)
    """open travels by what a message of the centre may call them"""
    zone: tzinfo = field(init=False)
    """of the site"""
    times: Schedule = field(init=False)
    """when another plan is put in force"""
    plans: dict[str, Plan] = field(default_factory=dict)
    """every valid plan that can be switched to, by name; `plan` is the one in force"""
    given: dict[str, dict[str, int]] = field(default_factory=dict)
    """destination -> lane -> parcels sent there since the daemon started"""
    containers: dict[str, Container] = field(default_factory=dict)
    orders: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """commands that were judged: id -> UTC ms when it expires, whether it was done"""
    commanded: dict[str, Element | TriggerReader] = field(default_factory=dict)
    """those that a machine has not answered yet, by the ref of what was sent"""
    online: bool = False
    """the broker is there"""
    room: bool = True
    """the journal has room for what is inducted"""
    utc_offset: float = 0.0
    """UTC minus monotonic ms, 0 = not known yet"""
    utc_said: float = float("-inf")
    """UTC ms up to which `utc_ahead` counts instead, because it was said already"""
    utc_ahead: float = 0.0
    now: float = 0.0
    """of the last step"""
    programmed: dict[str, float] = field(default_factory=dict)
    """when the alarm about a label that would program this reader was raised last"""
    due_at: float | None = None
    """when it wants to be woken, None = to be found out"""
    was_fresh: bool = False
    feed_went_back: bool = False
    alarms: dict[str, None] = field(default_factory=dict)
    """raised in this run, the latest last"""
    unwell: dict[str, dict[str, str]] = field(default_factory=dict)
    """device -> which of its parts are not well, and why"""
    standing: dict[str, str] = field(default_factory=dict)
    """alarms that stand until they are cleared: what is said of each"""
    frequent: dict[str, deque[bool]] = field(default_factory=dict)
    """what goes wrong at a place now and then -> the latest of what happened there, true = it went wrong"""
    earlier: list[Alarm] = field(default_factory=list)
    """incidents of an earlier run, to be closed at the start"""
    restored: list[Alarm] = field(default_factory=list)
    """what of the kept state does not fit the floor any more, to be raised at the start"""
    orphans: list[Travel] = field(default_factory=list)
    """open travels of lines that are not on the floor any more, to be ended at the start"""
    unclaimed: list[tuple[str, ReadSeen]] = field(default_factory=list)
    """results of readers without an event, to be reported at the start"""
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book.stale_ms = self.config.customs.stale_s * 1000
        self.rules = rules_of(self.config.identity)
        self.mentions = Mentions(self.rules)
        self.zone = zone(self.config.time_zone)
        self.times = Schedule(self.config.switch, self.zone)
        self.plans.setdefault(self.plan.plan, self.plan)
        for name, line_config in self.config.line.items():
            line = LineState(name, line_config, Odometer(line_config.speed_mm_s))
            line.decisions, line.eyes = self._places(name, "decision"), self._places(name, "decision", "induction")
            self.lines[name] = line
        for name, lane in self.config.lane.items():
            self.lanes[name] = LaneState(name, lane)
            self.lanes_of.setdefault(lane.line, []).append(self.lanes[name])
            if lane.supervised:
                self.supervised_of.setdefault(lane.line, []).append(self.lanes[name])
            if lane.supervised and lane.rate_per_min:
                self.rated.append((self.lines[lane.line], self.lanes[name]))
        for name, plc in self.config.plc.items():
            self.plc_line[name] = self.lines[plc.line]
        for name, scanner in self.config.scanner.items():
            point = self.config.point[scanner.point]
            if point.line is not None and point.position_mm is not None:
                line = self.lines[point.line]
                reader = Reader(
                    name,
                    scanner.point,
                    point.position_mm,
                    scanner.window_mm,
                    scanner.reports_no_read,
                    scanner.late_mm,
                    scanner.match,
                )
                if scanner.match == "encoder":
                    digits = getattr(scanner.settings, "encoder_digits", 10)
                    reader.counter = Counter(line.config.encoder_um, 10**digits, scanner.window_mm / 2 / SPEED_ERROR)
                elif scanner.match == "carrier" and line.config.carriers:
                    reader.window_mm = line.lap_mm / line.config.carriers / 2
                line.readers.append(reader)
                self.readers[name] = (line, reader)

    def _places(self, line: str, *uses: str) -> tuple[int, ...]:
        points = (point for point in self.config.point.values() if point.line == line)
        found = (point.position_mm or 0 for point in points if any(getattr(point, use) for use in uses))
        return tuple(sorted(found))

    def utc(self, now: float) -> float:
        """UTC ms of a monotonic moment."""
        utc_ms = now + self.utc_offset
        return utc_ms if utc_ms >= self.utc_said else min(now + self.utc_ahead, self.utc_said)

    def follow(self, utc_ms: float, now: float) -> None:
        """It is that UTC now. It never goes back: where it has been said to be later it stands still for so long."""
        said = self.utc(now)
        self.utc_offset = utc_ms - now
        if said > utc_ms:
            self.utc_said, self.utc_ahead = said, said - now

    def emit(self, name: str, subject: str, at: float, data: Data) -> int:
        """Report an event; returns its sequence."""
        self.sequence += 1
        self.effects.append(Emit(self.sequence, name, subject, at, data))
        return self.sequence

    def alarm(
        self,
        alarm: str,
        what: str,
        at: float,
        priority: Literal["low", "medium", "high", "critical"],
        parcel: str | None = None,
        *,
        stands: bool = False,
    ) -> None:
        """Raise an alarm. It is kept, so that a restart can close it. `stands`: until `clear`, and is shown as long."""
        if stands:
            self.standing[alarm] = what
        self.alarms.pop(alarm, None)
        self.alarms[alarm] = None
        self.keep("alarm", alarm, priority)
        if len(self.alarms) > ALARMS_KEPT:
            oldest = next(iter(self.alarms))
            del self.alarms[oldest]
            self.keep("alarm", oldest, None)
        self.emit("alarm/raised", f"alarm/{alarm}", at, Alarm(alarm=alarm, what=what, priority=priority, parcel=parcel))

    def clear(self, alarm: str, what: str, at: float) -> None:
        """What was raised is over."""
        if self.standing.pop(alarm, None) is not None:
            self.alarms.pop(alarm, None)
            self.keep("alarm", alarm, None)
            self.emit("alarm/cleared", f"alarm/{alarm}", at, Alarm(alarm=alarm, what=what, priority="low"))

    def send(self, effect: Send) -> None:
        """Give a command to a PLC."""
        self.effects.append(effect)

    def keep(self, kind: str, key: str, value: object | None) -> None:
        """Note that durable state changed."""
        self.effects.append(Keep(kind, key, value))

    def begin(
        self,
        line: LineState,
        track: int,
        via: str,
        point: str | None,
        at: float,
        length: int,
        before: Travel | None = None,
    ) -> Travel:
        """A travel begins, whatever named it first. Its id is the sequence of its inducted event. `before`: the travel
        on another line that it goes on with."""
        travel_id = f"{line.id}-{self.journal}-{self.sequence + 1}"
        visit = before.visit if before is not None else travel_id
        travel = Travel(travel_id, line.id, line.epoch, track, visit=visit, length_mm=length)
        if before is not None:
            travel.goes_on(before)
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
        """One more (1) or one less (-1) is on its way to a decision's first lane, which may be gone from the floor.

        Who goes round until that lane is free has no place in it yet.
        """
        lane = self.lanes.get(decision.lanes[0]) if decision and decision.lanes and not decision.waits else None
        if lane is not None:
            lane.on_way = max(0, lane.on_way + change)

    def look_again(self, line: LineState, travel: Travel) -> None:
        """Wake up at the travel's `decide_at` or `stop_at`, which has just been set."""
        self.timed[travel.id] = line, travel
        self.times_of.set(travel.id, earliest(travel.decide_at, travel.stop_at))

    def expires(self, line: LineState, reader: Reader) -> None:
        """Results of this reader came, went or were reported, or the belt moves otherwise."""
        self.expiries.set(reader.device, line.expires_at(reader) if reader.recent else None)

    def belt(self, line: LineState, when: float, *, speed: float | None = None, running: bool | None = None) -> None:
        """The belt of a line moves so from `when` on."""
        line.belt(when, speed=speed, running=running)
        for reader in line.readers:
            self.expires(line, reader)

    def ended(self, travel: Travel) -> None:
        """The travel carries nothing any more."""
        self.timed.pop(travel.id, None)
        self.times_of.forget(travel.id)
        self.mentions.forget(travel)
        self._carries_nothing(travel)

    def _carries_nothing(self, travel: Travel) -> None:
        carriers = self.live.get(travel.parcel or "", set())
        carriers.discard(travel.id)
        if not carriers:
            self.live.pop(travel.parcel or "", None)

    def carries(self, travel: Travel, parcel: str | None) -> None:
        """The travel carries this parcel from now on, None = none that is known."""
        self._carries_nothing(travel)
        travel.parcel = parcel
        if parcel is not None:
            self.live.setdefault(parcel, set()).add(travel.id)

    def travels(self) -> list[tuple[LineState, Travel]]:
        """Every open travel with its line."""
        return [(line, travel) for line in self.lines.values() for travel in line.travels.values()]

    def named(self, names: Iterable[Name]) -> list[tuple[LineState, Travel]]:
        """Those of them that may have one of these names; who has must still be judged."""
        found = self.mentions.of(names, self.travels)
        if len(found) > 1:
            return [(line, travel) for line, travel in self.travels() if travel.id in found]
        return [(self.lines[travel.line], travel) for travel in found.values()]
