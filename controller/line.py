"""A line as the floor sees it: its belt, its travels in order of induction, its readers and their recent results."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from controller.config import Line as LineConfig
from controller.identity import Result
from controller.matching import Odometer, match
from controller.travel import Travel

HOLD_MM = 6000.0
"""A result that fits no parcel waits so much belt travel for the arrival message of its parcel."""

KEPT_RESULTS = 64
"""Recent results kept per reader; with more the oldest is given up."""


@dataclass(slots=True)
class Recent:
    """A result of a reader and who has it."""

    result: Result
    travel: str | None = None
    reported: bool = False


@dataclass(slots=True)
class Reader:
    """A scanner at a tracked point. `late_mm`: closer behind an item without result, nothing is trusted."""

    device: str
    point: str
    transmit_mm: float
    window_mm: float
    reports_no_read: bool
    late_mm: float
    up: bool = False
    up_since: float = 0.0
    recent: list[Recent] = field(default_factory=list)


@dataclass(slots=True)
class LineState:
    """One line and its PLC channel."""

    id: str
    config: LineConfig
    odometer: Odometer
    readers: list[Reader] = field(default_factory=list)
    travels: dict[str, Travel] = field(default_factory=dict)
    by_track: dict[int, Travel] = field(default_factory=dict)
    epoch: int = 0
    in_session: bool = False
    synchronised: bool = False
    degraded: bool = False
    """a session was lost, and none has become normal since"""
    named: set[str] = field(default_factory=set)
    """travels that the PLC named in this session"""
    inhibited: bool = False
    """what is wished of its induction"""
    told: bool | None = False
    """what of that the PLC has taken, None: it is not known"""
    asking: bool = False
    state: str = "RUN"

    def position(self, travel: Travel, when: float) -> float | None:
        """Where its front edge is (was) at that moment."""
        if travel.mark_mm is None:
            return None
        return travel.mark_mm + self.odometer.at(when) - self.odometer.at(travel.mark_at)

    def add(self, travel: Travel) -> None:
        """A travel begins here."""
        self.travels[travel.id] = travel
        self.by_track[travel.track] = travel

    def remove(self, travel: Travel) -> None:
        """A travel ended."""
        self.travels.pop(travel.id, None)
        if self.by_track.get(travel.track) is travel:
            del self.by_track[travel.track]
        self.named.discard(travel.id)

    def concerned(self, reader: Reader, travel: Travel) -> list[Recent]:
        """Recent results that a new position of this travel may win or lose for it: the message that tells a parcel's
        edge may come after its read."""
        reach = reader.window_mm + self._coast(travel)
        return [
            recent
            for recent in reader.recent
            if recent.travel == travel.id
            or abs((self.position(travel, recent.result.at) or 0.0) - reader.transmit_mm) <= reach
        ]

    def assign(self, reader: Reader, results: list[Recent]) -> list[Travel]:
        """Settle (anew) whose these results are; returns the travels that won or lost one."""
        changed: dict[str, Travel] = {}
        for recent in results:
            if recent.travel is not None and recent.travel not in self.travels:
                continue
            owner = self._owner(reader, recent)
            if owner == recent.travel:
                continue
            for travel_id in (recent.travel, owner):
                if travel_id is not None:
                    changed[travel_id] = self.travels[travel_id]
            recent.travel, recent.reported = owner, False
        for travel in changed.values():
            known = {(r.result.at, r.result.code) for r in reader.recent}
            mine = reader.device
            travel.results = [r for r in travel.results if r.reader != mine or (r.at, r.code) not in known]
            for recent in reader.recent:
                if recent.travel == travel.id:
                    travel.heard(recent.result)
            travel.suspect = travel.suspect or self._follows_silence(reader, travel)
        return list(changed.values())

    def again(self, reader: Reader, result: Result) -> bool:
        """Whether the reader says a code again while the same item may still be in its window: said once is enough."""
        mark = self.odometer.at(result.at)
        return result.code is not None and any(
            old.result.code == result.code and mark - self.odometer.at(old.result.at) <= reader.window_mm
            for old in reader.recent
        )

    def expires_at(self, reader: Reader) -> float | None:
        """When the oldest unreported result will be given up; None = there is none, or the belt stands."""
        oldest = next((recent for recent in reader.recent if not recent.reported), None)
        return None if oldest is None else self.odometer.when(self.odometer.at(oldest.result.at) + HOLD_MM + 1)

    def expired(self, reader: Reader, now: float) -> list[Recent]:
        """Take out what is settled for good: results whose parcel has passed on, or that nobody claimed in time."""
        mark = self.odometer.at(now)
        gone = [r for r in reader.recent if mark - self.odometer.at(r.result.at) > HOLD_MM]
        gone += [r for r in reader.recent[:-KEPT_RESULTS] if r not in gone]
        if gone:
            reader.recent = [r for r in reader.recent if r not in gone]
        return gone

    def _coast(self, travel: Travel) -> float:
        """What the belt's stops since its last eye add to the window."""
        return self.odometer.stops_since(travel.mark_at) * self.config.coast_mm if self.config.coast_mm else 0.0

    def _owner(self, reader: Reader, recent: Recent) -> str | None:
        at = recent.result.at
        items = []
        for travel in self.travels.values():
            position = self.position(travel, at)
            if position is not None:
                items.append((travel.id, position, self._coast(travel)))
        found = match(reader.transmit_mm, reader.window_mm, items)
        if found.ambiguous:
            recent.result = replace(recent.result, outcome="AMBIGUOUS")
        return found.travel

    def _follows_silence(self, reader: Reader, travel: Travel) -> bool:
        """Whether an item that should have got a result and got none is closely ahead of this one."""
        if not reader.reports_no_read or travel.mark_mm is None:
            return False
        at = max((r.result.at for r in reader.recent if r.travel == travel.id), default=None)
        own = self.position(travel, at) if at is not None else None
        if at is None or own is None:
            return False
        heard = {r.travel for r in reader.recent}
        for other in self.travels.values():
            position = self.position(other, at)
            if other is travel or position is None or other.id in heard:
                continue
            if any(result.reader == reader.device for result in other.results):
                continue
            if 0 < position - own <= reader.late_mm:
                return True
        return False
