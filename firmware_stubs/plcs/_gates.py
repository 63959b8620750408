"""Which gate is for which item: what a DEST can still change, what it changes, and what becomes of it.

Source: PLC interface v1 §2 (DEST, DIVC, RCIR, results, refusals). A gate is decided when the item reaches its point of
no return, `late_ms` before the gate: so what a DEST can still change and what LATE refuses are one and the same, the
gates not decided yet.

On a loop a gate is ahead only up to the *horizon*, the item's next arrival at a decision point (before its first one:
the arrival after that). There the item's next lap begins: with `L` the decision counts again, with `K` it is spent,
with `D` only the default lane is left of it. An item without a decision goes into the default lane, alone, but not
before it was asked about for the first time. A default lane that is not open lets it go round.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from firmware_stubs.plcs._drops import Drops
from firmware_stubs.plcs._elements import LINE, Elements
from firmware_stubs.plcs._events import is_ahead
from firmware_stubs.plcs._item import Destination, Item
from firmware_stubs.plcs._marks import AT_MARK_MM
from firmware_stubs.plcs._tracking import Tracking

DECISION_LAST = 9999
WHY_CLOSED = {"FULL": "FU", "LOCK": "LK", "NCON": "NC", "JAM": "JA"}  # every other state: IN


class Gates:
    """The gates of a line. `goes_round` hears, with the time, of an item that passed all gates of its decision."""

    def __init__(
        self,
        tracking: Tracking,
        elements: Elements,
        drops: Drops,
        late_ms: float,
        goes_round: Callable[[Item, float], None],
    ) -> None:
        self._tracking = tracking
        self._drops = drops
        self._elements = elements
        self._geometry = tracking.geometry
        self._course = tracking.course
        self._loop = tracking.geometry.is_loop
        self._default = tracking.geometry.default_lane
        self._late_ms = late_ms
        self._goes_round = goes_round

    # Items come and are seen

    def begin(self, item: Item) -> None:
        """A new item stands at its point."""
        item.done = item.seen
        item.lap_point = item.point
        item.arrived = not self._loop or item.point in self._geometry.decisions or not self._geometry.decisions
        stages, here = self._course.stages, item.seen
        if self._loop and stages:
            item.horizon = self._course.after(stages, here)
            if not item.arrived:
                item.horizon = self._course.after(stages, item.horizon)
        self._aim(item)

    def seen(self, item: Item) -> None:
        """The item was seen at another point: laps are counted, and at a decision point its next one begins."""
        decides = item.point in self._geometry.decisions
        item.missed_by = ""
        if item.point == item.lap_point:
            item.lap += 1
        elif decides and item.lap_point not in self._geometry.decisions:
            item.lap_point = item.point
        if item.seen >= item.horizon - AT_MARK_MM:
            self._next_lap(item)
        if decides and not item.arrived:
            item.arrived = True
            item.done = self._frontier(item)  # what lies before was none of its gates
            self._aim(item)

    def missed(self, item: Item) -> None:
        """The gate did not take the item, which an eye behind it sees or its lane's eye does not: it goes on."""
        at = item.fired_at if item.awaited_until else self._tracking.now
        self._drops.unwait(item)
        if item.dest and item.lane == item.dest.lanes[0]:
            item.why_not_first = "MI"
        item.missed_by, item.lane = item.lane or "", None
        self._tell_round(item, at)

    # Marks

    def left_ms(self, item: Item) -> int:
        """Milliseconds until none of the item's gates can be commanded any more."""
        last = self._course.before(self._course.gates, item.horizon)
        way = last - self._lead_mm() - self._tracking.position(item)
        return max(0, int(way * 1000 / self._tracking.running_speed)) if last > item.seen else 0

    def mark(self, item: Item) -> float:
        """The odometer at which something is to be decided about the item, or its gate fires."""
        if item.lane is None:
            return min(self._next_gate(item) - self._lead_mm(), self._lost_way(item)) - item.offset
        return math.inf if item.awaited_until else item.gate_way - item.offset

    def is_lost(self, item: Item) -> bool:
        """Whether an eye should have seen the item by now, had no gate taken it."""
        return self._tracking.reached(self._lost_way(item) - item.offset)

    def pass_by(self, item: Item) -> None:
        """Decide every gate whose point of no return the item has reached, and fire the one that it is at."""
        while (way := self._next_gate(item)) < math.inf:
            mark = way - self._lead_mm() - item.offset
            if not self._tracking.reached(mark):
                return
            if way >= item.horizon:
                self._next_lap(item)
            self._decide(item, way, self._tracking.when(mark))
        if item.lane is not None and not item.awaited_until and self._tracking.reached(item.gate_way - item.offset):
            self._drops.fire(item, item.lane)

    def _lead_mm(self) -> float:
        return self._tracking.running_speed * self._late_ms / 1000

    def _frontier(self, item: Item) -> float:
        """Gates up to this way cannot be commanded any more. Who holds the line stands before its last gate."""
        return (
            item.done
            if item.holds_line
            else max(item.done, self._tracking.position(item) + self._lead_mm() + AT_MARK_MM)
        )

    def _next_gate(self, item: Item) -> float:
        """The way of the next gate at which something is to be decided; infinity = none."""
        if item.lane is not None or item.holds_line:
            return math.inf
        way = self._way(item.targets, item.done)
        if way < item.horizon:
            return way
        return self._way(self._next_targets(item), max(item.done, item.horizon - 1)) if self._loop else math.inf

    def _lost_way(self, item: Item) -> float:
        """Where an item that no eye has seen is lost: a loop's decision points see everybody, and a line's end does."""
        loop = self._loop
        eye = self._course.after(self._course.stages, item.seen) if loop else self._geometry.length_mm
        return eye + self._tracking.tolerance

    def _way(self, lanes: tuple[str, ...], behind: float) -> float:
        """The way of the first of these lanes' gates that comes behind this way."""
        positions = self._geometry.lanes
        return self._course.next([positions[lane] for lane in lanes], behind)

    # Destinations

    def obeyed_lane(self, item: Item) -> str:
        """The lane the item would go into as things stand; empty = the default lane, alone."""
        return item.lane or self._choice(item, self._frontier(item)) or ""

    def judge(self, dest: Destination) -> str | None:
        """Obey a destination from now on, or say why not: a refusal code."""
        item = self._tracking.items.get(dest.track)
        if dest.no_default and dest.if_none == "D":
            return "FORM"
        if self._elements.state(LINE) == "MANU":
            return "MODE"
        if dest.point not in self._geometry.points:
            return "PUNK"
        if item is None:
            return "UNKT"
        if not self._elements.lanes.issuperset(dest.lanes):
            return "LUNK"
        if item.held and item.held.decision == dest.decision:
            return None if item.held == dest else "OLDD"
        if item.held and not is_ahead(dest.decision, item.held.decision, DECISION_LAST):
            return "OLDD"
        if item.lane is not None or not self._in_time(item, dest):
            item.late = True
            return "LATE"
        self._take(item, dest)
        return None

    def _in_time(self, item: Item, dest: Destination) -> bool:
        """Whether a gate of its lanes can still be commanded."""
        frontier = self._frontier(item)
        if self._loop and dest.if_none == "L":
            return True  # in the next lap, if not in this one
        if self._loop and dest.no_default and set(dest.lanes) == {self._default}:  # it asks to stay on
            return self._course.after(self._course.gates, frontier) < item.horizon
        return self._way(dest.lanes, frontier) < item.horizon

    def _take(self, item: Item, dest: Destination) -> None:
        item.done = self._frontier(item)
        item.held = item.dest = dest
        item.holds_line = False
        self._aim(item)
        first = self._way(dest.lanes[:1], item.done)
        item.why_not_first = "" if first < item.horizon or dest.lanes[0] not in item.wanted else "LA"
        item.told = not self._loop
        self._tell_round(item, self._tracking.now)

    def _aim(self, item: Item) -> None:
        """Lanes and targets of what the item obeys now."""
        dest = item.dest
        if dest is None:
            item.wanted, item.targets = (), (self._default,) if item.arrived else ()
            return
        forbidden = self._default if dest.no_default else ""
        item.wanted = tuple(lane for lane in dest.lanes if lane != forbidden)
        alone = not self._loop or dest.if_none == "D"
        item.targets = (*dest.lanes, self._default) if alone else dest.lanes

    def _next_targets(self, item: Item) -> tuple[str, ...]:
        return item.targets if item.dest and item.dest.if_none == "L" else (self._default,)

    def _next_lap(self, item: Item) -> None:
        """The item passed its horizon."""
        item.targets = self._next_targets(item)
        item.done = max(item.done, item.horizon - 1)
        item.horizon = self._course.after(self._course.stages, max(item.horizon, item.seen))
        if item.dest is None:
            item.late = False
            return
        if item.dest.if_none == "L":
            item.why_not_first = ""
        else:
            item.wanted = ()
            if item.dest.if_none == "K":
                item.dest, item.why_not_first, item.late = None, "", False
        item.told = item.dest is None or self._way(item.targets, item.done) >= item.horizon

    def _tell_round(self, item: Item, at: float) -> None:
        """RCIR, once a lap: when none of the decision's gates can be reached any more in it."""
        if not item.told and item.lane is None and self._way(item.targets, item.done) >= item.horizon:
            item.told = True
            self._goes_round(item, at)

    # At a gate

    def _choice(self, item: Item, behind: float) -> str | None:
        for lane in item.wanted:
            if self._elements.is_open(lane) and self._way((lane,), behind) < item.horizon:
                return lane
        return None

    def _may_default(self, item: Item) -> bool:
        if not self._loop:
            return True
        return (item.dest is None or item.dest.if_none == "D") and self._elements.is_open(self._default)

    def _decide(self, item: Item, way: float, when: float) -> None:
        """The item is at the point of no return of the gates at this way."""
        behind = way - 0.5
        here = [lane for lane in item.targets if self._way((lane,), behind) == way]
        choice = self._choice(item, behind)
        if choice is None and self._default in here and self._may_default(item):
            if item.dest and item.dest.no_default:
                item.done, item.holds_line = behind, True
                self._elements.stop(self._tracking.now)
                return
            choice = self._default
        item.done = way
        if choice is not None and choice in here:
            item.lane, item.gate_way, item.result = choice, way, self._result(item, choice)
            return
        if item.dest and item.dest.lanes[0] in here:
            item.why_not_first = WHY_CLOSED.get(self._elements.state(item.dest.lanes[0]), "IN")
        self._tell_round(item, when)

    def why_not(self, item: Item, dest: Destination) -> str:
        """The result code: why the first lane wanted did not take the item."""
        return item.why_not_first or WHY_CLOSED.get(self._elements.state(dest.lanes[0]), "IN")

    def _result(self, item: Item, lane: str) -> str:
        if item.dest is None:
            return "LA" if item.late else "NA"
        return "OK" if lane == item.dest.lanes[0] else self.why_not(item, item.dest)
