"""Which gate fires for which item: what a DEST can still change, what it changes, and what becomes of it.

Source: PLC interface v1 §2 (DEST, DIVC, results, refusals). A gate is decided when the item reaches its point of no
return, `late_ms` before the gate: so what a DEST can still change and what LATE refuses are one and the same list, the
gates not decided yet.
"""

from __future__ import annotations

from collections import deque

from firmware_stubs.plcs._elements import LINE, Elements
from firmware_stubs.plcs._events import is_ahead
from firmware_stubs.plcs._tracking import Destination, Item, Tracking
from firmware_stubs.stub import GateCommand

DECISION_LAST = 9999
LOST_AFTER_MS = 3000  # an item commanded into a lane whose eye has not seen it by then is lost
UNREAD_MOST = 10_000  # of what the simulator may fetch; without one nobody does
WHY_CLOSED = {"FULL": "FU", "LOCK": "LK", "NCON": "NC", "JAM": "JA"}  # every other state: IN


class Gates:
    """The gates of a line, in the order in which an item meets them."""

    def __init__(self, tracking: Tracking, elements: Elements, late_ms: float) -> None:
        self.fired: deque[GateCommand] = deque(maxlen=UNREAD_MOST)
        self._tracking = tracking
        self._elements = elements
        self._geometry = tracking.geometry
        self._gates = tracking.geometry.gates()
        self._index = {gate.lane: index for index, gate in enumerate(self._gates)}
        self._late_ms = late_ms

    def left_ms(self, item: Item) -> int:
        """Milliseconds until none of the item's gates can be commanded any more."""
        way = self._gates[-1].position_mm - self._lead_mm() - self._tracking.position(item)
        return max(0, int(way * 1000 / self._tracking.running_speed))

    def next_mark(self, item: Item) -> float | None:
        """The odometer at which the item's next gate must be decided; None = no gate is open for it any more."""
        if item.lane is not None or item.holds_line or item.next_gate >= len(self._gates):
            return None
        return self._gates[item.next_gate].position_mm - self._lead_mm() - item.offset

    def lost_mark(self, item: Item) -> float:
        """The odometer at which an item that no eye has seen is lost."""
        if item.lane is None:
            return self._geometry.length_mm + self._tracking.tolerance - item.offset
        eye_mm = self._geometry.lanes[item.lane]
        if item.lane == self._geometry.default_lane:  # its eye is the end of the line, behind its gate
            eye_mm = max(eye_mm, self._geometry.length_mm)
        return eye_mm + self._tracking.running_speed * LOST_AFTER_MS / 1000 - item.offset

    def first_mark(self, item: Item) -> float:
        """The odometer at which something is to be decided about the item."""
        gate, lost = self.next_mark(item), self.lost_mark(item)
        return lost if gate is None else min(gate, lost)

    def pass_by(self, item: Item) -> None:
        """Decide every gate whose point of no return the item has reached."""
        while (mark := self.next_mark(item)) is not None and self._tracking.reached(mark):
            self._decide(item, self._tracking.when(mark))

    def obeyed_lane(self, item: Item) -> str:
        """The lane the item would go into as things stand; empty = the default lane, alone."""
        return item.lane or self._choice(item) or ""

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
        if not set(dest.lanes) <= self._elements.lanes:
            return "LUNK"
        if item.dest and item.dest.decision == dest.decision:
            return None if item.dest == dest else "OLDD"
        if item.dest and not is_ahead(dest.decision, item.dest.decision, DECISION_LAST):
            return "OLDD"
        if item.lane is not None or all(self._index[lane] < item.next_gate for lane in dest.lanes):
            item.late = True
            return "LATE"
        item.dest = dest
        item.holds_line = False
        item.why_not_first = "LA" if self._index[dest.lanes[0]] < item.next_gate else ""
        return None

    def _lead_mm(self) -> float:
        return self._tracking.running_speed * self._late_ms / 1000

    def _choice(self, item: Item) -> str | None:
        for lane in item.dest.lanes if item.dest else ():
            if self._index[lane] >= item.next_gate and self._elements.is_open(lane):
                return lane
        return None

    def _decide(self, item: Item, when: float) -> None:
        """The item is at the point of no return of its next gate."""
        lane = self._gates[item.next_gate].lane
        choice = self._choice(item)
        if choice is None and lane == self._geometry.default_lane:
            if item.dest and item.dest.no_default:
                item.holds_line = True
                self._elements.stop(self._tracking.now)
                return
            choice = lane
        if choice == lane:
            self._fire(item, lane, when)
            return
        if item.dest and lane == item.dest.lanes[0]:
            item.why_not_first = WHY_CLOSED.get(self._elements.state(lane), "IN")
        item.next_gate += 1

    def _fire(self, item: Item, lane: str, when: float) -> None:
        gate_mm = self._geometry.lanes[lane]
        item.lane = lane
        item.next_gate += 1
        item.gate_at = max(when, self._tracking.when(gate_mm - item.offset))
        item.result = self._result(item, lane)
        self.fired.append(GateCommand(lane, item.track, item.gate_at))

    def _result(self, item: Item, lane: str) -> str:
        if item.dest is None:
            return "LA" if item.late else "NA"
        first = item.dest.lanes[0]
        if lane == first:
            return "OK"
        return item.why_not_first or WHY_CLOSED.get(self._elements.state(first), "IN")
