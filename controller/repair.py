"""Repair of gaps: what the broker has accepted and a consumer has not heard is published again. Pure, no I/O.

A PUBACK says that the broker has an event, not that a consumer will: brokers lose what they keep in memory, and drop
what a full queue cannot take. So a consumer publishes up to where it has heard everything, and what comes next, if the
broker accepted it a while ago, is missing there.

- A consumer is **behind** when it has not moved for `SETTLE_MS` and is still below what the broker had accepted then.
- A **pass** publishes some rows from its next one on: `FIRST` of them, twice as many after each pass that helped. A
  consumer that is away, with a queue of its own at the broker, so gets little twice, and one that lost much gets it.
- After a pass that did not help the next one waits for 10 s, then twice as long, up to an hour; who has not been heard
  for a day is forgotten.
- **Behind live rows**: nothing leaves here while the outbox has something to send, and little at a time.
- A row on which the broker **closes the connection** here, though it took it once (another broker of the list, another
  limit), must not do so for ever: after `DEATHS` such connections in a row the pass is over, and has not helped.
- Rows that are still in the outbox, or refused, are its affair; what is damaged cannot be published: a consumer that
  waits for such a one waits rightly. What retention has removed is a gap for good, and is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from controller.journal_rows import Row
from controller.outbox import DEATHS, Outbox

SETTLE_MS = 10_000.0
WAIT_MS, WAIT_MAX_MS = 10_000.0, 3_600_000.0
FORGET_MS = 86_400_000.0
MARK_MS = 1000.0
CONSUMERS = 16
FIRST, MOST = 1000, 64_000
PAGE, WINDOW, BURST, TICK_MS = 32, 20, 4, 1.0


@dataclass(slots=True)
class Consumer:
    """How far one has heard everything, since when, and when it may be helped next."""

    sequence: int
    moved_at: float
    heard_at: float
    wait: float = WAIT_MS
    due: float = float("-inf")
    length: int = FIRST
    helped: bool = False
    """a pass has been made since it moved"""
    gone: tuple[int, int] | None = None
    """what it lacks and the journal has no more"""


@dataclass(slots=True)
class Pass:
    """Rows after `read` up to `end` are to be read; `ready` ones to be published, `flying` ones to be answered."""

    consumer: Consumer
    read: int
    end: int
    asked: tuple[int, int] | None = None
    ready: deque[Row] = field(default_factory=deque)
    flying: dict[int, Row] = field(default_factory=dict)


class Repair:
    """`now` is monotonic ms. `last`: the highest sequence of the journal at the start; `first`: the first one that was
    given under its id."""

    def __init__(self, outbox: Outbox, last: int, first: int) -> None:
        self.consumers: dict[str, Consumer] = {}
        self.damaged: Collection[int] = ()
        """sequences that can never be published"""
        self.published = 0
        """rows published again"""
        self._outbox, self._first = outbox, first
        self._high = last  # rows up to here were accepted, or are in the outbox
        self._marks = deque([(float("-inf"), last)])  # what `_high` was, and when
        self._pass: Pass | None = None
        self._deaths, self._answered = 0, False
        self._now = 0.0
        self._tick, self._taken = 0.0, 0

    def accepted(self, seq: int, now: float) -> None:
        """The broker has accepted a row. It may come late, after a refusal; who waits for it has time to say so."""
        if seq <= self._high:
            for one in self.consumers.values():
                if one.sequence < seq:
                    one.due = max(one.due, now + SETTLE_MS)
        self._high = max(self._high, seq)
        self._mark(now)

    def _mark(self, now: float) -> None:
        if self._high > self._marks[-1][1] and now - self._marks[-1][0] >= MARK_MS:
            self._marks.append((now, self._high))
        while len(self._marks) > 1 and self._marks[1][0] <= now - SETTLE_MS:
            self._marks.popleft()

    def heard(self, name: str, sequence: int, now: float) -> None:
        """A consumer has everything up to and including `sequence`; it may also have gone back."""
        sequence = max(sequence, self._first - 1)
        one = self.consumers.get(name)
        if one is None:
            if len(self.consumers) >= CONSUMERS:
                del self.consumers[min(self.consumers, key=lambda known: self.consumers[known].heard_at)]
            self.consumers[name] = Consumer(sequence, now, now)
            return
        one.heard_at = now
        if sequence == one.sequence:
            return
        one.length = min(2 * one.length, MOST) if one.helped and sequence > one.sequence else one.length
        one.sequence, one.moved_at = sequence, now
        one.wait, one.due, one.helped = WAIT_MS, float("-inf"), False
        if one.gone and not one.gone[0] <= sequence + 1 <= one.gone[1]:
            one.gone = None

    def wants(self, now: float) -> tuple[int, int] | None:
        """(after_seq, limit): events to be read from the journal now, delivered or not; the same until `rows`."""
        self._now = now
        self._mark(now)
        current = self._pass or self._begin(now)
        if current is None:
            return None
        current.read = max(current.read, current.consumer.sequence)
        if current.asked is None and current.read < current.end and len(current.ready) <= WINDOW:
            current.asked = (current.read, min(PAGE, current.end - current.read))
        return current.asked

    def rows(self, rows: Sequence[Row]) -> None:
        """Take what the journal has for `wants()`, in order; sequences that are neither there nor damaged are gone."""
        current = self._pass
        if current is None or current.asked is None:
            return
        after, limit = current.asked
        current.asked = None
        full = len(rows) >= limit
        end = rows[-1].seq if full else current.end
        there = {row.seq for row in rows}
        wanted = current.consumer.sequence + 1
        if after < wanted <= end and wanted not in there and wanted not in self.damaged:
            upto = min((seq for seq in there if seq > wanted), default=end + 1) - 1
            current.consumer.gone = (wanted, upto)
        mine = (row for row in rows if after < row.seq <= current.end)
        current.ready.extend(row for row in mine if not self._outbox.holds(row.seq))
        current.read = max(current.read, end)

    def take(self, now: float) -> list[Row]:
        """The rows to publish again now; none while live ones wait."""
        self._now = now
        current = self._pass
        if current is None:
            return []
        if now - self._tick >= TICK_MS:
            self._tick, self._taken = now, 0
        out: list[Row] = []
        while current.ready and self._outbox.idle and self._taken < BURST and len(current.flying) < WINDOW:
            row = current.ready.popleft()
            if row.seq > current.consumer.sequence:
                self._taken += 1
                current.flying[row.seq] = row
                out.append(row)
        self.published += len(out)
        self._end(current, now)
        return out

    def puback(self, seq: int, now: float) -> None:
        """The broker answered to one; a refusal is no reason to try it at once."""
        current = self._pass
        if current is not None:
            if current.flying.pop(seq, None) is not None:
                self._answered, self._deaths = True, 0
            self._end(current, now)

    def disconnected(self, by_broker: bool = True) -> None:
        """The broker is gone, and with it every answer. `by_broker`: it closed it, maybe because of a row."""
        current, answered = self._pass, self._answered
        self._answered = False
        if current is None:
            return
        if by_broker and current.flying and not answered:
            self._deaths += 1
        flying = sorted(current.flying.values(), key=lambda row: row.seq)
        current.ready.extendleft(reversed(flying))
        current.flying.clear()
        if self._deaths >= DEATHS:
            self._over(current, self._now)

    def next_at(self) -> float | None:
        """When `wants` or `take` has something if nothing else happens; None = only after some call."""
        current = self._pass
        if current is not None:
            if current.ready and self._outbox.idle and len(current.flying) < WINDOW:
                return self._now if self._taken < BURST else self._tick + TICK_MS
            return None
        dues = [max(one.due, one.moved_at + SETTLE_MS) for one in self.consumers.values() if self._lacks(one)]
        return max(min(dues), self._now + MARK_MS) if dues else None

    @property
    def gaps(self) -> dict[str, tuple[int, int]]:
        """What consumers lack, from one sequence to another, and nobody has any more."""
        return {name: one.gone for name, one in self.consumers.items() if one.gone}

    def _begin(self, now: float) -> Pass | None:
        for name in [name for name, one in self.consumers.items() if now - one.heard_at >= FORGET_MS]:
            del self.consumers[name]
        settled = self._marks[0][1]
        due = [one for one in self.consumers.values() if max(one.due, one.moved_at + SETTLE_MS) <= now]
        behind = [one for one in due if one.sequence < settled and self._lacks(one)]
        if behind:
            one = min(behind, key=lambda each: each.sequence)
            one.length = FIRST if one.helped else one.length  # a second one without any progress
            one.helped = True
            self._pass = Pass(one, one.sequence, min(self._high, one.sequence + one.length))
        return self._pass

    def _lacks(self, one: Consumer) -> bool:
        """Whether what it needs next could be published again."""
        seq = one.sequence + 1
        return seq <= self._high and not one.gone and seq not in self.damaged and not self._outbox.holds(seq)

    def _end(self, current: Pass, now: float) -> None:
        """The pass is over when all of it was answered."""
        if (
            current.ready
            or current.flying
            or current.asked
            or max(current.read, current.consumer.sequence) < current.end
        ):
            return
        self._over(current, now)

    def _over(self, current: Pass, now: float) -> None:
        one = current.consumer
        one.due, one.wait = now + one.wait, min(2 * one.wait, WAIT_MAX_MS)
        self._pass, self._deaths = None, 0
