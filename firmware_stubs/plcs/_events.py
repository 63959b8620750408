"""What a PLC has to report: events, numbered per epoch and kept until the controller calls them durable.

Source: PLC interface v1 §2, rules 5 and 7. An event is *waiting* until the controller took it, then *taken* until it
is durable; a new session makes all of them waiting again. What does not fit is dropped in the order of rule 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

# Rule 7: what is given up first. Everything else (HAND, DIVC, LOST, GHST, STAT, OVFL) is given up last.
DROP_CLASS = {"PASS": 0, "RCIR": 0, "BUTN": 0, "CONT": 0, "INDU": 1, "CODE": 1, "MEAS": 1, "ARRV": 1}
LAST_CLASS = 2

Value = int | str | tuple[bytes, ...]


@dataclass(eq=False, slots=True)
class Event:
    """A message of class E: fields named as in PLC interface v1 §5, without units; `at` = its physical edge."""

    type: str
    at: float
    values: Mapping[str, Value]
    evt: int = 0
    sent: bool = False  # at least once


@dataclass(slots=True)
class Lost:
    """Events dropped and not yet reported by OVFL: how many, and the edge of the oldest."""

    count: int = 0
    oldest: float = 0.0

    def add(self, at: float) -> None:
        """One more is gone."""
        self.oldest = min(self.oldest, at) if self.count else at
        self.count += 1


def is_ahead(number: int, other: int, last: int) -> bool:
    """Whether `number` of a counter 1..last that wraps stands after `other`, within half the range."""
    return 1 <= (number - other) % last <= last // 2


class Numbers(NamedTuple):
    """The numbers 1 to `last` of a counter; after the last one it begins again, or is spent for good."""

    last: int
    wraps: bool = True

    def after(self, number: int) -> int:
        """The next one; of a spent counter one more than its last."""
        return number % self.last + 1 if self.wraps else number + 1

    def is_ahead(self, number: int, other: int) -> bool:
        """Whether `number` stands after `other`; where they wrap, within half the range."""
        return is_ahead(number, other, self.last) if self.wraps else number > other


EVTS = Numbers(999_999)


def _worth(event: Event) -> int:
    return DROP_CLASS.get(event.type, LAST_CLASS)


class EventBuffer:
    """The events of one epoch that are not durable yet; at most `size`."""

    def __init__(self, size: int, next_evt: int, numbers: Numbers = EVTS) -> None:
        self._size = size
        self._numbers = numbers
        self._last = next_evt - 1  # 0 = none in this epoch yet
        self.taken: deque[Event] = deque()
        self.waiting: deque[Event] = deque()
        self._kept = [0] * (LAST_CLASS + 1)  # how many of each class, so that a full buffer need not be searched
        self.lost = Lost()
        self.exhausted = False  # there was no number for an event any more
        self.crowded = False  # rule 7: only events of the last class are left and the buffer is full

    def __len__(self) -> int:
        return len(self.taken) + len(self.waiting)

    def add(self, event: Event) -> None:
        """Number and keep an event; when full, drop the oldest of the least worth, which may be this one."""
        if self._spent:
            self.exhausted = True
            self.lost.add(event.at)
            return
        if len(self) >= self._size and not self._make_room(_worth(event)):
            self.lost.add(event.at)
            return
        event.evt = self._last = self._numbers.after(self._last)
        self.waiting.append(event)
        self._kept[_worth(event)] += 1

    @property
    def _spent(self) -> bool:
        """Whether there is no number left in this epoch."""
        return not self._numbers.wraps and self._last >= self._numbers.last

    def is_up_to(self, event: Event, evt: int) -> bool:
        """Whether the event is this one or stands before it."""
        return not self._numbers.is_ahead(event.evt, evt)

    def _make_room(self, worth: int) -> bool:
        for drop in range(min(worth, LAST_CLASS - 1) + 1):
            for queue in (self.taken, self.waiting) if self._kept[drop] else ():
                for event in queue:
                    if _worth(event) == drop:
                        queue.remove(event)
                        self._gone(event)
                        self.lost.add(event.at)
                        return True
        self.crowded = self.crowded or worth == LAST_CLASS
        return False

    def _gone(self, event: Event) -> None:
        self._kept[_worth(event)] -= 1

    def settle(self, event: Event, *, keep: bool) -> None:
        """The controller took the event (`keep` until durable) or refused it with FORM (gone)."""
        if event in self.waiting:  # else it was durable or dropped while the answer was on its way
            self.waiting.remove(event)
            if keep:
                self.taken.append(event)
            else:
                self._gone(event)

    def rewind(self) -> None:
        """A new session: every event behind the durable one is sent again, with its old number."""
        self.taken.extend(self.waiting)
        self.taken, self.waiting = deque(), self.taken

    def is_beyond(self, durable: int) -> bool:
        """Whether the number is ahead of the last event of this epoch, so that it cannot be ours."""
        if durable == 0:
            return False
        if self._last == 0:
            return True
        return self._numbers.is_ahead(durable, self._last)

    def forget(self, durable: int) -> None:
        """Drop what is on the controller's disk: events up to `durable`; 0 = nothing is."""
        if durable == 0 or self.is_beyond(durable):
            return
        for queue in (self.taken, self.waiting):
            while queue and self.is_up_to(queue[0], durable):
                self._gone(queue.popleft())
        if len(self) <= self._size // 2:
            self.crowded = False

    def report_lost(self) -> None:
        """Add the OVFL that is due, once there is room for it."""
        if self.lost.count and len(self) < self._size and not self._spent:
            lost, self.lost = self.lost, Lost()
            self.add(Event("OVFL", lost.oldest, {"lost_count": lost.count}))

    def restart(self, *, counted: bool) -> None:
        """Begin a new epoch: numbers anew; what was kept is gone, `counted` for OVFL or with the memory itself."""
        gone = [*self.taken, *self.waiting] if counted else []
        if not counted:
            self.lost = Lost()
        for event in gone:
            self.lost.add(event.at)
        self.taken.clear()
        self.waiting.clear()
        self._kept = [0] * (LAST_CLASS + 1)
        self.crowded = self.exhausted = False
        self._last = 0

    def last_state(self, element: str) -> str | None:
        """The state in the last STAT of the element that is still kept; None = none is."""
        for queue in (self.waiting, self.taken):
            for event in reversed(queue):
                if event.type == "STAT" and event.values["element"] == element:
                    return str(event.values["state"])
        return None
