"""A line's PLC without its wire: eyes and belt speed in, gate commands and events out. Each encoding adds its wire.

Source: PLC interface v1 §1, §2.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence

from firmware_stubs.plcs._drops import UNREAD_MOST, Drops
from firmware_stubs.plcs._elements import LINE, Elements, State
from firmware_stubs.plcs._events import EventBuffer
from firmware_stubs.plcs._gates import Gates
from firmware_stubs.plcs._geometry import Geometry
from firmware_stubs.plcs._item import Destination, Item
from firmware_stubs.plcs._jams import Jams
from firmware_stubs.plcs._reports import Reports, SplitCodes
from firmware_stubs.plcs._tracking import Tracking
from firmware_stubs.stub import GateCommand, Taken


class Line:
    """One PLC's belief about its line. All times are monotonic ms and never go back."""

    def __init__(
        self,
        geometry: Geometry,
        *,
        epoch: int,
        buffer: EventBuffer,
        next_track: int,
        late_ms: float,
        tolerance_mm: int,
        evidence: str,
        jam_ms: float,
        now: float,
        split_codes: SplitCodes = lambda codes, _: (codes, ()),
    ) -> None:
        self.epoch = epoch
        self.buffer = buffer
        self.counts: Counter[str] = Counter()  # what was ignored, by reason
        self.tracking = Tracking(geometry, tolerance_mm, next_track, now)
        self.elements = Elements(geometry, now, self._state_changed)
        self._geometry = geometry
        self._drops = Drops(self.tracking)
        self._gates = Gates(self.tracking, self.elements, self._drops, late_ms, self._went_round)
        self._reports = Reports(buffer, self.tracking, split_codes, self.counts, evidence)
        self._jams = Jams(jam_ms)
        self._taken: deque[Taken] = deque(maxlen=UNREAD_MOST)

    # What the belt tells and asks

    def edge(
        self, point: str, length: int, now: float, carrier: int = 0, carriers: int = 1, codes: Sequence[bytes] = ()
    ) -> int:
        """An item's front edge passed the eye of a point; `codes` when the scanner there hangs on the PLC.

        `carrier`: the first it lies on, 0 = there are none, or the PLC does not see which; `carriers`: on how many.
        """
        self._check_place(point, carrier)
        self.advance(now)
        carriers = carriers if carrier else 0
        decides, inducts = point in self._geometry.decisions, point in self._geometry.inductions
        # On a loop the eye of an induction sees who is put on and nobody else, unless it decides, too.
        sees_all = not inducts or decides or not self._geometry.is_loop
        found = self.tracking.match(point, carrier) if sees_all else None
        if found:
            item = found[0]
            self._seen(item, point, found[1], length, carrier, carriers)
            if not decides:
                self._reports.passed(item)
        else:
            item = self._new(point, length, "S" if inducts else "U", carrier, carriers)
            if not inducts:
                self._reports.ghost(item, carrier)
            elif not decides:
                self._reports.inducted(item)
        if decides:
            self._reports.arrived(item, self._gates.left_ms(item), tuple(codes) or item.codes or ())
        self._settle(item)
        return item.track

    def eye(self, point: str, covered: bool, now: float) -> None:
        """The eye of a point sees something all the time from now on, or nothing any more."""
        self._check_place(point, 0)
        self.advance(now)
        if covered:
            self._jams.cover(point, now)
            return
        self._jams.free(point)
        if self.elements.state(point) == "JAM":
            self.elements.sense(point, "RUN", now)

    def gates(self, now: float) -> list[GateCommand]:
        """Gates fired since the last call."""
        self.advance(now)
        fired = list(self._drops.fired)
        self._drops.fired.clear()
        return fired

    def lane_eye(self, lane: str, now: float) -> None:
        """An item passed the eye behind a lane's gate; if it can be nobody's drop, that is counted."""
        self._check_lane(lane)
        self.advance(now)
        item = self._drops.seen_in(lane)
        if item is None:
            self.counts["eye_without_item"] += 1
            return
        self._left(item, lane, item.result if lane in (item.lane, item.missed_by) else "MI")

    def lane_state(self, lane: str, state: str, now: float) -> None:
        """A chute eye or a button says what the lane is."""
        self.advance(now)
        self.elements.sense(lane, state, now)

    def line_state(self, state: str, now: float) -> None:
        """The line itself is `RUN`, `STOP`, `ESTP`, `MANU` …; in `MANU` DEST and CMND are refused with MODE.

        Hands were on the belt in `MANU`: whoever is on it when it ends is doubtful from then on.
        """
        self.advance(now)
        was_manual = self.elements.state(LINE) == "MANU"
        self.elements.sense(LINE, state, now)
        for item in self.tracking.items.values() if was_manual and state != "MANU" else ():
            item.certainty = "D" if item.certainty == "S" else item.certainty

    def belt_speed(self, mm_s: int, now: float) -> None:
        """The belt runs with this speed from now on; 0 = stopped."""
        self.advance(now)
        self.tracking.set_speed(mm_s)
        self.elements.belt(mm_s > 0, now)
        self._jams.belt(mm_s > 0, now)
        for item in self.tracking.items.values() if mm_s else ():
            item.holds_line = False  # if it still may not go to the default lane, it stops the belt again
            self.tracking.marks.put(item, self._gates.mark(item))
        self._act()

    def removed(self, track: int, now: float) -> None:
        """Somebody took an item off the line by hand and told the PLC so; unknown tracks are ignored."""
        self.advance(now)
        if item := self.tracking.items.get(track):
            self._left(item, "", "MR", "X")

    def taken(self) -> list[Taken]:
        """DESTs judged since the last call."""
        taken = list(self._taken)
        self._taken.clear()
        return taken

    @property
    def inhibited(self) -> frozenset[str]:
        """Inductions that must not put anything on the belt: by CMND, or all of them while the event buffer is full."""
        return self.elements.inductions if self.buffer.crowded else self.elements.inhibited

    @property
    def stop_wanted(self) -> bool:
        """The PLC stopped the drive; the belt answers with `belt_speed(0)`, and runs again only by a local hand."""
        return self.elements.stop_wanted

    # What a wire asks

    def advance(self, now: float) -> None:
        """Time passed: decide and fire gates, miss who did not come."""
        if now > self.tracking.now:
            self.tracking.advance(now)
            self._act()

    def _act(self) -> None:
        """Do what is due now: after time has passed, or a mark was put."""
        tracking, marks, drops = self.tracking, self.tracking.marks, self._drops
        while True:
            if tracking.reached(marks.first()):
                item = marks.pop()
                self._gates.pass_by(item)
                self._follow(item)
            elif drops.next_at() <= tracking.now:
                self._not_seen(drops.overdue())
            elif self._jams.next_at() <= tracking.now:
                for point in self._jams.overdue(tracking.now):
                    self.elements.jam(point, tracking.now)
            else:
                return

    def next_crossing(self) -> float | None:
        """When the next item reaches a gate or its point of no return or is missed, or an eye was covered for too long;
        None = nothing is awaited."""
        mark, due = self.tracking.marks.first(), min(self._drops.next_at(), self._jams.next_at())
        if self.tracking.speed and mark < math.inf:
            due = min(due, self.tracking.when(mark))
        return None if due == math.inf else max(self.tracking.now, due)

    def judge(self, dest: Destination, now: float) -> str | None:
        """Obey a DEST from now on, or say why not: a refusal code of PLC interface v1 §2."""
        self.advance(now)
        refusal = self._gates.judge(dest)
        self._taken.append(
            Taken(
                epoch=self.epoch,
                track=dest.track,
                decision=dest.decision,
                reason=dest.reason,
                lanes=dest.lanes,
                if_none=dest.if_none,
                no_default=dest.no_default,
                refusal=refusal,
                at=now,
            )
        )
        if refusal is None:
            self._settle(self.tracking.items[dest.track])
        return refusal

    def command(self, element: str, command: str, now: float) -> str | None:
        """Do what a CMND asks, or say why not."""
        self.advance(now)
        return self.elements.command(element, command, now)

    def obeyed_lane(self, item: Item) -> str:
        """The lane an item would go into as things stand; empty = the default lane, alone."""
        return self._gates.obeyed_lane(item)

    def forget(self, durable: int) -> None:
        """The controller has the events up to this number on its disk."""
        self.buffer.forget(durable)
        self.buffer.report_lost()

    def repeat_states(self) -> None:
        """In a synchronisation: a STAT of every element that is not RUN or FREE, unless the buffer says so already."""
        for element, state in self.elements.disturbed():
            if self.buffer.last_state(element) != state.state:
                self._state_changed(element, state)

    def new_epoch(self, now: float, *, counted: bool) -> None:
        """The memory begins anew. Items on the belt are nobody's until an eye finds them (GHST).

        `counted`: the events dropped are reported by OVFL; else the PLC does not know that there were any.
        """
        self.advance(now)
        self.epoch = self.epoch % 0xFFFF + 1
        self.tracking.forget()
        self._drops.forget()
        self.buffer.restart(counted=counted)
        self.buffer.report_lost()
        if not counted:
            self.elements.forget_commands(now)

    # Inside

    def _check_place(self, point: str, carrier: int) -> None:
        if point not in self._geometry.points:
            raise ValueError(f"point {point!r} is not on this line; give one of {sorted(self._geometry.points)}")
        if not 0 <= carrier <= self._geometry.carriers:
            raise ValueError(f"carrier {carrier}: the line has carriers 1 to {self._geometry.carriers}; 0 = not known")

    def _check_lane(self, lane: str) -> None:
        if lane not in self._geometry.lanes:
            raise ValueError(f"lane {lane!r} is not on this line; give one of {sorted(self._geometry.lanes)}")

    def _new(self, point: str, length: int, certainty: str, carrier: int, carriers: int) -> Item:
        """An item that was not there. Who was to come round on the carrier that it is put on is there no more."""
        if certainty == "S" and (rider := self.tracking.comes_round(point, carrier)):
            if rider.awaited_until:
                self.tracking.leave_carrier(rider)  # most likely in its lane, whose eye is still to see it
            else:
                self._lose(rider)
        item = self.tracking.add(point, length, certainty, carrier, carriers)
        self._gates.begin(item)
        return item

    def _seen(self, item: Item, point: str, way: float, length: int, carrier: int, carriers: int) -> None:
        if item.should_be_off(way):
            self._gates.missed(item)
        self.tracking.see(item, point, way, length, carrier, carriers)
        self._gates.seen(item)

    def _settle(self, item: Item) -> None:
        """Where the item is or what it obeys has changed."""
        self.tracking.marks.put(item, self._gates.mark(item))
        self.tracking.marks.tidy(len(self.tracking.items))
        self._act()

    def _follow(self, item: Item) -> None:
        """Wait for what is next to be decided about the item, unless it should have been seen already."""
        if item.lane is None and self._gates.is_lost(item):
            self._lose(item)
        else:
            self.tracking.marks.put(item, self._gates.mark(item))

    def _not_seen(self, item: Item) -> None:
        """Its lane's eye did not see the item: it is still on, unless that cannot be."""
        if self._gates.is_lost(item) or not self.tracking.has_place(item):
            self._lose(item)
        else:
            self._gates.missed(item)
            self._follow(item)

    def _state_changed(self, element: str, state: State) -> None:
        self._reports.tell("STAT", state.since, element=element, state=state.state, code=state.code)

    def _went_round(self, item: Item, at: float) -> None:
        assert item.dest is not None
        self._reports.went_round(item, self._gates.why_not(item, item.dest), at)

    def _lose(self, item: Item) -> None:
        self._reports.lost(item)
        self._drop(item)

    def _left(self, item: Item, actual: str, result: str, evidence: str = "") -> None:
        self._reports.left(item, actual, result, evidence)
        self._drop(item)

    def _drop(self, item: Item) -> None:
        self._drops.unwait(item)
        self.tracking.drop(item)
