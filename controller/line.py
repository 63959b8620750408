"""A line as the floor sees it: its belt, its travels in order of induction, its readers and their recent results."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.along import Along
from controller.config import Line as LineConfig
from controller.identity import Result
from controller.matching import Odometer, match, reach
from controller.readers import Reader, Recent
from controller.travel import Travel

NEAR_MM = 10_000.0
"""Items farther from a reader than this have no say in whose its result is."""

HOLD_MM = 6000.0
"""A result that fits no parcel waits so much belt travel for the arrival message of its parcel."""

KEPT_RESULTS = 64
"""Recent results kept per reader; with more the oldest is given up."""

RUNNING = frozenset(("RUN", "SLOW", "FREE"))
"""States of the element LINE in which its belt moves."""


@dataclass(slots=True)
class LineState:
    """One line and its PLC channel."""

    id: str
    config: LineConfig
    odometer: Odometer
    readers: list[Reader] = field(default_factory=list)
    travels: dict[str, Travel] = field(default_factory=dict)
    followed: dict[str, int] = field(default_factory=dict)
    """travels on other lines -> how many travels here go on with them"""
    by_track: dict[int, Travel] = field(default_factory=dict)
    epoch: int = 0
    in_session: bool = False
    synchronised: bool = False
    degraded: bool = False
    """a session was lost, and none has become normal since"""
    named: set[str] = field(default_factory=set)
    """travels that the PLC named in this session"""
    decisions: tuple[int, ...] = ()
    """positions of its decision points, in rising order"""
    eyes: tuple[int, ...] = ()
    """positions of all points at which its PLC sees edges, in rising order"""
    forgotten: int = 0
    """items that its PLC has lost with its memory, and may find again"""
    inhibited: bool = False
    """what is wished of its induction"""
    told: bool | None = False
    """what of that the PLC has taken, None: it is not known"""
    asking: bool = False
    stopping: bool = False
    """it was asked to stop, and has not run since"""
    state: str = "RUN"
    lap_mm: int = field(init=False)
    """the length of one lap; 0 on a line"""
    _along: Along = field(init=False, compare=False)
    """its travels by where they are, as the odometer had it after so many changes"""
    _changes: int = -1
    _coast_mm: float = 0.0
    """the most that stops have added to a window since"""

    def __post_init__(self) -> None:
        self.lap_mm = self.config.length_mm if self.config.kind == "loop" else 0
        self._along = Along(self.lap_mm)

    def position(self, travel: Travel, when: float) -> float | None:
        """Where its front edge is (was) at that moment; on a loop within the lap."""
        return self.place(travel, self.odometer.at(when))

    def place(self, travel: Travel, mark: float) -> float | None:
        """The same for a mark of the belt's odometer."""
        if travel.mark_mm is None:
            return None
        position = travel.mark_mm + mark - self.odometer.at(travel.mark_at)
        return position % self.lap_mm if self.lap_mm else position

    def ahead(self, place: float, position: float) -> float:
        """How far a place lies ahead of a position; negative = behind. On a loop the nearer of both ways round."""
        way, lap = place - position, self.lap_mm
        return (way + lap / 2) % lap - lap / 2 if lap else way

    def way(self, position: float, place: float) -> float:
        """How far an item at a position has to go to a place; negative on a line = it is past it."""
        lap = self.lap_mm
        return (place - position) % lap if lap else place - position

    def next_decision(self, position: float) -> float:
        """How far an item at a decision point has to go to the next one, which on a loop may be the same."""
        ways = (self.way(position, place) for place in self.decisions)
        return min((way for way in ways if way > 0), default=float(self.lap_mm) or float("inf"))

    def add(self, travel: Travel) -> None:
        """A travel begins here."""
        self.travels[travel.id] = travel
        self.by_track[travel.track] = travel
        self.follows(travel)
        self._along.add(travel)
        self.placed(travel)

    def follows(self, travel: Travel) -> None:
        """It goes on with a travel on another line, if it goes on with any."""
        if travel.before is not None:
            self.followed[travel.before] = self.followed.get(travel.before, 0) + 1

    def placed(self, travel: Travel) -> None:
        """An eye told where a travel is."""
        self._along.put(travel, self._origin(travel))

    def remove(self, travel: Travel) -> None:
        """A travel ended."""
        if self.travels.pop(travel.id, None) is not None:
            self._along.remove(travel)
            if travel.before is not None:
                self.followed[travel.before] -= 1
                if not self.followed[travel.before]:
                    del self.followed[travel.before]
        if self.by_track.get(travel.track) is travel:
            del self.by_track[travel.track]
        self.named.discard(travel.id)

    def concerned(self, reader: Reader, travel: Travel) -> list[Recent]:
        """Recent results that a new position of this travel may win or lose for it: the message that tells a parcel's
        edge may come after its read."""
        if reader.match == "index":
            return [r for r in reader.recent if r.travel == travel.id or r.result.index == travel.track]
        if travel.mark_mm is None:
            return [r for r in reader.recent if r.travel == travel.id]
        transmit, window = reader.transmit_mm, reader.window_mm + self._coast(travel)
        mark_mm, odometer = travel.mark_mm, self.odometer.at(travel.mark_at)
        return [
            recent
            for recent in reader.recent
            if abs(self.ahead(transmit, mark_mm + recent.mark - odometer)) <= window or recent.travel == travel.id
        ]

    def contended(self, travel: Travel) -> bool:
        """Whether a reader said something that could be of this travel or of its neighbour, and nobody got it."""
        readers = (reader for reader in self.readers if any(recent.ambiguous for recent in reader.recent))
        return any(recent.ambiguous for reader in readers for recent in self.concerned(reader, travel))

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
            travel.read_again()  # what it was suspected of before does not count, but this read may be another's, too
            travel.shifts = travel.shifts or self._shifts(reader, travel)
        return list(changed.values())

    def recent(self, reader: Reader, result: Result) -> Recent:
        """A result that came just now, and where the belt was when its item was at the reader."""
        mark = self.odometer.at(result.at)
        if reader.counter is not None and result.encoder is not None:
            mark = reader.counter.mark(result.encoder, mark)
        return Recent(result, mark)

    def belt(self, when: float, *, speed: float | None = None, running: bool | None = None) -> None:
        """The belt moves so from `when` on; what was read since was read at another place than we believed."""
        self.odometer.change(when, speed=speed, running=running)
        for reader in self.readers:
            since = [recent for recent in reader.recent if recent.result.at > when]
            for recent in since:
                recent.mark = self.odometer.at(recent.result.at)
            if since and reader.counter is not None:
                reader.counter.forget()

    def forget_counts(self) -> None:
        """The odometer went on alone for a while: the counts of its readers are tied to it anew."""
        for reader in self.readers:
            if reader.counter is not None:
                reader.counter.forget()

    def again(self, reader: Reader, recent: Recent) -> bool:
        """Whether the reader says a code again while the same item may still be in its window: said once is enough."""
        code, index = recent.result.code, recent.result.index
        if code is None:
            return False
        alike = [old for old in reader.recent if old.result.code == code and old.result.index == index]
        return any(abs(recent.mark - old.mark) <= reader.window_mm for old in alike)

    def expires_at(self, reader: Reader) -> float | None:
        """When the oldest unreported result will be given up; None = there is none, or the belt stands."""
        oldest = next((recent for recent in reader.recent if not recent.reported), None)
        return None if oldest is None else self.odometer.when(oldest.mark + HOLD_MM + 1)

    def expired(self, reader: Reader, now: float) -> list[Recent]:
        """Take out what is settled for good: results whose parcel has passed on, or that nobody claimed in time."""
        mark = self.odometer.at(now)
        gone = [r for r in reader.recent if mark - r.mark > HOLD_MM]
        if len(reader.recent) > KEPT_RESULTS:
            gone += [r for r in reader.recent[:-KEPT_RESULTS] if r not in gone]
        if gone:
            reader.recent = [r for r in reader.recent if r not in gone]
        return gone

    def _origin(self, travel: Travel) -> float | None:
        """Where it would have been when the belt's odometer stood at 0."""
        return None if travel.mark_mm is None else travel.mark_mm - self.odometer.at(travel.mark_at)

    def _near(self, reader: Reader, mark: float) -> list[Travel]:
        """Travels that have a say in whose a result is that the reader gave at this mark."""
        self._reckon()
        return self._along.near(reader.transmit_mm - mark, min(NEAR_MM, reach(reader.window_mm + self._coast_mm)))

    def _reckon(self) -> None:
        """The belt moved otherwise than was believed: so all that is on it is elsewhere, too."""
        if self._changes != self.odometer.changes:
            self._changes = self.odometer.changes
            self._along.put_all((travel, self._origin(travel)) for travel in self.travels.values())
            self._coast_mm = self.odometer.stops_since(float("-inf")) * self.config.coast_mm

    def _coast(self, travel: Travel) -> float:
        """What the belt's stops since its last eye add to the window."""
        return self.odometer.stops_since(travel.mark_at) * self.config.coast_mm if self.config.coast_mm else 0.0

    def _owner(self, reader: Reader, recent: Recent) -> str | None:
        if self._names(reader, recent.result):
            return self._named(reader, recent.result.index)
        items = []
        for travel in self._near(reader, recent.mark):
            position = self.place(travel, recent.mark)
            if position is not None:
                off = self.ahead(position, reader.transmit_mm)
                if abs(off) <= NEAR_MM:
                    items.append((travel.id, off, self._coast(travel)))
        found = match(0.0, reader.window_mm, items)
        recent.ambiguous = found.ambiguous
        return found.travel

    def _named(self, reader: Reader, index: int | None) -> str | None:
        """The travel whose track number or carrier the reader echoes."""
        if reader.match == "index":
            travel = self.by_track.get(index or 0)
        else:
            newest_first = reversed(self.travels.values())
            travel = next((t for t in newest_first if t.carrier and t.carrier == str(index)), None)
        return travel.id if travel is not None and travel.epoch == self.epoch else None

    def _shifts(self, reader: Reader, travel: Travel) -> tuple[float, ...]:
        """How late (mm) the reader must be, or (negative) the PLC, if what was read of this item is another's.

        A late reader gives this item what it read of one closely ahead, which then got nothing; a late PLC lets us
        think that items are farther behind, so that this one gets what was read of the next, and its own result, a
        little earlier, found nobody. Or the one ahead itself got what may not be its own, by the same lateness.
        """
        mine = [r.mark for r in reader.recent if r.travel == travel.id and not self._names(reader, r.result)]
        own = self.place(travel, mine[-1]) if mine else None
        if own is None:
            return ()
        alike, found = 2 * reader.window_mm, []
        heard = {r.travel for r in reader.recent}
        self._reckon()
        near = self._along.near(own - mine[-1], reader.late_mm) if reader.reports_no_read else ()
        for other in near:
            position = self.place(other, mine[-1])
            ahead = self.ahead(position, own) if position is not None and other is not travel else 0.0
            if 0 < ahead <= reader.late_mm:
                silent = other.id not in heard and not any(result.reader == reader.device for result in other.results)
                if silent or any(abs(shift - ahead) <= alike for shift in other.shifts):
                    found.append(ahead)
        for recent in reader.recent:
            since = mine[0] - recent.mark
            if 0 < since <= reader.late_mm and recent.travel != travel.id:
                owner = self.travels.get(recent.travel or "")
                if recent.travel is None or (owner and any(abs(shift + since) <= alike for shift in owner.shifts)):
                    found.append(-since)
        return tuple(found)

    def _names(self, reader: Reader, result: Result) -> bool:
        """Whether the result itself says whose it is."""
        return reader.match == "index" or (reader.match == "carrier" and result.index is not None)
