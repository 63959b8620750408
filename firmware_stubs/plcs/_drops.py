"""Gates that fire, and the eyes behind them: who is awaited in which lane, who was seen there, whom a gate missed.

A gate fires when the belt has come so far, whatever it did on the way. What it takes falls past the lane's eye after
the time of flight, so soon after a gate the PLC knows whether it took its item, and a drop is of the item whose flight
ends then. Source: PLC interface v1 §1, §2 (evidence, MI).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque

from firmware_stubs.plcs._item import Item
from firmware_stubs.plcs._tracking import Tracking
from firmware_stubs.stub import GateCommand

FLIGHT_MS = 300.0  # from a gate to the eye in its lane, as measured when the line was put into service
UNREAD_MOST = 10_000  # of what the simulator may fetch; without one nobody does


class Drops:
    """The drops of one line."""

    def __init__(self, tracking: Tracking) -> None:
        self.fired: deque[GateCommand] = deque(maxlen=UNREAD_MOST)
        self._tracking = tracking
        self._awaited: dict[str, list[Item]] = {lane: [] for lane in tracking.geometry.lanes}
        self._due: list[tuple[float, int, Item]] = []  # until when an item is awaited
        self._order = itertools.count()

    def fire(self, item: Item, lane: str) -> None:
        """The item is at the gate that it was commanded into: from now on the lane's eye awaits it."""
        tracking = self._tracking
        item.fired_at = min(tracking.now, tracking.when(item.gate_way - item.offset))
        self.fired.append(GateCommand(lane, item.track, item.fired_at))
        # As far as it may be from where it is believed, and once more its flight.
        late = tracking.tolerance * 1000 / tracking.running_speed
        item.awaited_until = item.fired_at + 2 * FLIGHT_MS + late
        self._awaited[lane].append(item)
        heapq.heappush(self._due, (item.awaited_until, next(self._order), item))

    def unwait(self, item: Item) -> None:
        """Nobody awaits the item any more."""
        if item.awaited_until and item.lane:
            self._awaited[item.lane].remove(item)
            item.awaited_until = 0.0

    def forget(self) -> None:
        """A new epoch: no gate was ever fired."""
        self.fired.clear()
        self._due.clear()
        for awaited in self._awaited.values():
            awaited.clear()

    def next_at(self) -> float:
        """When the next item should have been seen; infinity = none is awaited."""
        due = self._due
        while due:
            at, _, item = due[0]
            if item.awaited_until == at:
                return at
            heapq.heappop(due)
        return math.inf

    def overdue(self) -> Item:
        """The item that `next_at` has just told of."""
        return self._due[0][2]

    def seen_in(self, lane: str) -> Item | None:
        """Whom the eye in the lane sees now; None = nobody whom the PLC could mean.

        Who is awaited there, by the time of flight. Else one whose gate missed it, if it was at this gate then. At the
        end of a line, which is the default lane's eye, also who has come there.
        """
        tracking = self._tracking
        now = tracking.now
        found = [(abs(now - item.fired_at - FLIGHT_MS), item.track, item) for item in self._awaited[lane]]
        geometry = tracking.geometry
        if lane == geometry.default_lane and not geometry.is_loop:
            found += self._around(geometry.length_mm, tracking.tolerance)
        if not found:
            flight = FLIGHT_MS * tracking.running_speed / 1000
            behind = self._around(geometry.lanes[lane] + flight, flight + tracking.tolerance)
            found = [one for one in behind if one[2].missed_by or one[2].awaited_until]
        return min(found, key=lambda one: one[:2])[2] if found else None

    def _around(self, position: float, reach: float) -> list[tuple[float, int, Item]]:
        """Items around a position, each with how many ms it is from there."""
        speed = self._tracking.running_speed
        return [(away * 1000 / speed, item.track, item) for away, item in self._tracking.around(position, reach)]
