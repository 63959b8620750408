"""A line's PLC without its wire: eyes and belt speed in, gate commands and events out. Each encoding adds its wire.

Source: PLC interface v1 §1, §2.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence

from firmware_stubs.plcs._elements import LINE, Elements, State
from firmware_stubs.plcs._events import Event, EventBuffer, Value
from firmware_stubs.plcs._gates import UNREAD_MOST, Gates
from firmware_stubs.plcs._tracking import Destination, Geometry, Item, Tracking
from firmware_stubs.stub import GateCommand, Taken

LOOK = -math.inf  # marks may have come nearer: look at every item
# Which codes fit behind the fields of ARRV or CODE, and the rest: the encoding knows.
SplitCodes = Callable[[tuple[bytes, ...], str], tuple[tuple[bytes, ...], tuple[bytes, ...]]]


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
        now: float,
        split_codes: SplitCodes = lambda codes, _: (codes, ()),
    ) -> None:
        self.epoch = epoch
        self.buffer = buffer
        self.counts: Counter[str] = Counter()  # what was ignored, by reason
        self.tracking = Tracking(geometry, tolerance_mm, next_track, now)
        self.elements = Elements(geometry, now, self._state_changed)
        self.speed_since = now
        self._geometry = geometry
        self._gates = Gates(self.tracking, self.elements, late_ms)
        self._evidence = evidence
        self._split_codes = split_codes
        self._next_mark = LOOK  # the odometer at which `advance` has something to decide
        self._taken: deque[Taken] = deque(maxlen=UNREAD_MOST)

    # What the belt tells and asks

    def edge(self, point: str, length: int, now: float, codes: Sequence[bytes] = ()) -> int:
        """An item's front edge passed the eye of a point; `codes` when the scanner there hangs on the PLC."""
        if point not in self._geometry.points:
            raise ValueError(f"point {point!r} is not on this line; give one of {sorted(self._geometry.points)}")
        self.advance(now)
        decides = point in self._geometry.decisions
        item = None
        if point in self._geometry.inductions:
            item = self.tracking.add(point, length, "S")
            if not decides:
                self._emit("INDU", point=point, track=item.track, length=length)
        elif item := self.tracking.match(point, length):
            if not decides:
                self._emit("PASS", point=point, track=item.track)
        else:
            item = self.tracking.add(point, length, "U")
            before, behind = self._neighbours(item)
            self._emit("GHST", point=point, track=item.track, before=before, behind=behind)
        if decides:
            self._arrive(item, tuple(codes))
        self._next_mark = LOOK
        self.advance(now)
        return item.track

    def gates(self, now: float) -> list[GateCommand]:
        """Gates fired since the last call; `at` is when the front edge is expected at the gate."""
        self.advance(now)
        fired = sorted(self._gates.fired, key=lambda command: command.at)
        self._gates.fired.clear()
        return fired

    def lane_eye(self, lane: str, now: float) -> None:
        """An item passed the eye behind a lane's gate: the one commanded there first, else the one nearest to it."""
        if lane not in self._geometry.lanes:
            raise ValueError(f"lane {lane!r} is not on this line; give one of {sorted(self._geometry.lanes)}")
        self.advance(now)
        gate_mm = self._geometry.lanes[lane]
        near = self.tracking.near(gate_mm)
        if not near and lane == self._geometry.default_lane:
            near = self.tracking.near(self._geometry.length_mm)
        waited_for = [item for item in self.tracking.items.values() if item.lane == lane]
        first = min(waited_for, key=lambda item: item.gate_at, default=None)
        # Who cannot be at the gate yet is not the one, if somebody else is.
        if first and (not near or self.tracking.position(first) >= gate_mm - self.tracking.tolerance):
            self._left(first, lane, first.result, self._evidence)
        elif near:
            self._left(near[0], lane, near[0].result if near[0].lane == lane else "MI", self._evidence)
        else:
            self.counts["eye_without_item"] += 1

    def lane_state(self, lane: str, state: str, now: float) -> None:
        """A chute eye or a button says what the lane is."""
        self.advance(now)
        self.elements.sense(lane, state, now)

    def line_state(self, state: str, now: float) -> None:
        """The line itself is `RUN`, `STOP`, `ESTP`, `MANU` …; in `MANU` DEST and CMND are refused with MODE."""
        self.advance(now)
        self.elements.sense(LINE, state, now)

    def belt_speed(self, mm_s: int, now: float) -> None:
        """The belt runs with this speed from now on; 0 = stopped."""
        self.advance(now)
        if mm_s != self.tracking.speed:
            self.speed_since = now
        self.tracking.set_speed(mm_s)
        self.elements.belt(mm_s > 0, now)
        if mm_s:  # an item that may not go to the default lane stops the belt again
            for item in self.tracking.items.values():
                item.holds_line = False
        self._next_mark = LOOK
        self.advance(now)

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
        return self.elements.inductions if self.buffer.crowded else self.elements.inhibited()

    @property
    def stop_wanted(self) -> bool:
        """The PLC stopped the drive; the belt answers with `belt_speed(0)`, and runs again only by a local hand."""
        return self.elements.stop_wanted

    # What a wire asks

    def advance(self, now: float) -> None:
        """Time passed: decide the gates whose point of no return was reached, miss who did not come."""
        self.tracking.advance(now)
        if not self.tracking.reached(self._next_mark):
            return
        for item in sorted(self.tracking.items.values(), key=lambda item: -item.offset):
            self._gates.pass_by(item)
            if self.tracking.reached(self._gates.lost_mark(item)):
                before, behind = self._neighbours(item)
                del self.tracking.items[item.track]
                self._emit("LOST", track=item.track, last_point=item.point, before=before, behind=behind)
        self._next_mark = min(map(self._gates.first_mark, self.tracking.items.values()), default=math.inf)

    def next_crossing(self) -> float | None:
        """When the next item reaches a point of no return or is missed; None while the belt stands or is empty."""
        if not self.tracking.speed or not self.tracking.items:
            return None
        return max(self.tracking.now, self.tracking.when(self._next_mark))

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
        self._next_mark = LOOK
        self.advance(now)
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
        self._gates.fired.clear()
        self.buffer.restart(counted=counted)
        self.buffer.report_lost()
        if not counted:
            self.elements.forget_commands()

    # Inside

    def _emit(self, kind: str, at: float | None = None, **values: Value) -> None:
        self.buffer.add(Event(kind, self.tracking.now if at is None else at, values))

    def _state_changed(self, element: str, state: State) -> None:
        self._emit("STAT", state.since, element=element, state=state.state, code=state.code)

    def _neighbours(self, item: Item) -> tuple[int, int]:
        before, behind = self.tracking.neighbours(item)
        return (before.track if before else 0), (behind.track if behind else 0)

    def _arrive(self, item: Item, codes: tuple[bytes, ...]) -> None:
        fit, rest = self._split_codes(codes, "ARRV")
        self._emit(
            "ARRV",
            point=item.point,
            track=item.track,
            left=self._gates.left_ms(item),
            length=item.length,
            gap=self.tracking.gap(item),
            certainty=item.certainty,
            codes=fit,
        )
        while rest:
            fit, rest = self._split_codes(rest, "CODE")
            if fit:
                self._emit("CODE", point=item.point, track=item.track, outcome="R", codes=fit)
            else:
                self.counts["code_too_long"] += 1
                rest = rest[1:]

    def _left(self, item: Item, actual: str, result: str, evidence: str) -> None:
        del self.tracking.items[item.track]
        self._emit(
            "DIVC",
            track=item.track,
            decision=item.dest.decision if item.dest else 0,
            wanted=item.dest.lanes[0] if item.dest else "",
            actual=actual,
            result=result,
            evidence=evidence,
        )
