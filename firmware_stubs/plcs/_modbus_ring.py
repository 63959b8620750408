"""The event ring of a PLC on Modbus: what is written to it, in which order, and how far.

Source: PLC interface v1 §4, and §2 for the order of a synchronisation. A number n counts the records of this ring,
SYBE, TRAK and SYEN included, mod 65536; a session begins the numbering anew behind the last durable record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from firmware_stubs.plcs._drops import UNREAD_MOST
from firmware_stubs.plcs._events import Event, Value, is_ahead
from firmware_stubs.plcs._item import Item
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._modbus_records import AGE_UNKNOWN, RECORD, Numbers, is_old, record
from firmware_stubs.plcs._modbus_registers import COUNT, EVENT_RING, EVENTS, Registers

_EVTS = 999_999  # the buffer's own numbers, which do not travel
_UNSETTLED_MOST = COUNT // 2 - 1  # records that are not durable; beyond it a number would mean two


class Due(NamedTuple):
    """A record that is still to be written; `item` = TRAK of it, as it is then."""

    kind: str
    at: float = 0.0
    values: Mapping[str, Value] = {}
    event: Event | None = None
    item: Item | None = None


class EventRing:
    """Counters of the ring: `head` written, `taken` and `durable` as the controller says, each mod 65536."""

    def __init__(self, line: Line, registers: Registers, numbers: Numbers, head: int, now: float) -> None:
        self.arrivals: deque[tuple[int, int, float]] = deque(maxlen=UNREAD_MOST)
        self.head = self.durable = self.taken = head
        self._line = line
        self._registers = registers
        self._numbers = numbers
        self._open = False  # in a session
        self._sync: deque[Due] = deque()  # SYBE, TRAK that are still to be written
        self._sync_until: int | None = None  # the evt after which SYEN comes; 0 = no event; None = SYEN was written
        self._written: deque[Event | None] = deque()  # behind the durable record, up to the head; None = no event
        self._edges = [now] * EVENT_RING

    @property
    def synchronised(self) -> bool:
        """Whether SYEN was written."""
        return self._sync_until is None

    # What the controller says

    def take(self, taken: int, durable: int) -> None:
        """Records up to these are taken and on its disk; a counter that goes back or past the head is not believed."""
        if self._is_between(self.taken, taken):
            self.taken = taken
        if self._is_between(self.durable, durable):
            self.forget(durable)

    def forget(self, durable: int) -> None:
        """Records up to this one, which was written, are on the controller's disk."""
        evt = 0
        for _ in range((durable - self.durable) % COUNT):
            event = self._written.popleft()
            evt = event.evt if event else evt
        self.durable = durable
        self._line.forget(evt)

    def _is_between(self, counter: int, wanted: int) -> bool:
        good = (wanted - counter) % COUNT <= (self.head - counter) % COUNT
        self._line.counts["counter_astray"] += not good
        return good

    # Sessions

    def begin(self, durable: int | None, now: float) -> None:
        """A session begins behind this record; None = nothing of this epoch is durable."""
        line, buffer = self._line, self._line.buffer
        self.close()
        if durable and not self.is_written(durable) and (durable - self.head) % COUNT < COUNT // 2:
            line.new_epoch(now, counted=True)  # it is ahead of our last: not of this memory (rule 6)
            durable = None
        elif durable is not None and self.is_written(durable):
            self.forget(durable)
        buffer.rewind()
        self.number_from(durable or 0)
        line.repeat_states()
        self._sync.append(Due("SYBE", now))
        self._sync.extend(Due("TRAK", item=item) for item in line.tracking.items.values() if item.announced)
        self._sync_until = buffer.waiting[-1].evt if buffer.waiting else 0
        self._open = True

    def is_written(self, number: int) -> bool:
        """Whether a record has this number, or the last durable one had."""
        return (number - self.durable) % COUNT <= len(self._written)

    def number_from(self, durable: int) -> None:
        """The next record has the number after this one; what stands in the ring is nothing any more."""
        self.head = self.durable = self.taken = durable
        self._written.clear()

    def close(self) -> None:
        """The session is over: nothing more is written."""
        self._open = False
        self._sync.clear()
        self._sync_until = None

    # Records

    def write(self, now: float) -> None:
        """Write records, up to 32 ahead of what is taken; each stands in the ring before the head counts it."""
        while self._open and (self.head - self.taken) % COUNT < EVENT_RING and len(self._written) < _UNSETTLED_MOST:
            due = self._next(now)
            if due is None:
                return
            at, values = self._trak(due.item) if due.item else (due.at, due.values)
            place = self.head % EVENT_RING
            self._registers.put(EVENTS + RECORD * place, record(due.kind, at, now, values, self._numbers))
            self._edges[place] = at
            self._written.append(due.event)
            self.head = (self.head + 1) % COUNT
            if due.event:
                self._announce(due.event, now)

    def age(self, now: float) -> None:
        """Records that nobody took in time say that their age is unknown."""
        for back in range((self.head - self.taken) % COUNT):
            place = (self.head - 1 - back) % EVENT_RING
            kind = self._registers[EVENTS + RECORD * place]
            if kind < AGE_UNKNOWN and is_old(self._edges[place], now):
                self._registers.put(EVENTS + RECORD * place, [kind + AGE_UNKNOWN])

    def _next(self, now: float) -> Due | None:
        """The order of a synchronisation; then events as they come."""
        if self._sync:
            return self._sync.popleft()
        waiting = self._line.buffer.waiting
        if self._sync_until is not None and not (waiting and self._belongs_to_sync(waiting[0])):
            self._sync_until = None
            return Due("SYEN", now)
        if not waiting:
            return None
        event = waiting[0]
        self._line.buffer.settle(event, keep=True)
        return Due(event.type, event.at, event.values, event)

    def _belongs_to_sync(self, event: Event) -> bool:
        return bool(self._sync_until) and not is_ahead(event.evt, self._sync_until or 0, _EVTS)

    def _trak(self, item: Item) -> tuple[float, Mapping[str, Value]]:
        return item.edge_at, {
            "track": item.track,
            "point": item.point,
            "lane": self._line.obeyed_lane(item),
            "decision": item.held.decision if item.held else 0,
            "certainty": item.certainty,
            "lap": item.lap,
        }

    def _announce(self, event: Event, now: float) -> None:
        track = event.values.get("track")
        item = self._line.tracking.items.get(track) if isinstance(track, int) else None
        if item:
            item.announced = True
        if event.type == "ARRV" and isinstance(track, int) and not event.sent:
            self.arrivals.append((self._line.epoch, track, now))
        event.sent = True
