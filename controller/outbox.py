"""The outbox: which committed rows are published next, and which of them the broker has accepted. Pure, no I/O.

- A small **window** of unacknowledged rows, fed in sequence order. At most `memory` rows wait here; what the broker's
  absence piles up beyond that stays in the journal, is asked for with `wants()` and given with `backlog()`. A new
  outbox asks first, so it needs to be told nothing about an earlier run.
- **Pace**: a backlog drains by at most `burst` rows a tick, which leaves the loop to the scanners. What is committed
  meanwhile leaves at once beside it, for else a floor that is faster than this pace would never be heard in time.
- **After a reconnect** the rows in flight go first, in order; the broker may see them twice, never not at all.
- **Delivered** only by a reason code < 0x80. It is recorded with the next events, or by itself after `SETTLE_MS`: a
  transaction costs more than the few rows that are published again where a kill comes before it.
- A **refused** row goes to quarantine (quarantine.py): it blocks nobody and is tried again. At most `QUARANTINE`
  refused rows are remembered here. Those beyond it are not reported as quarantined, so the journal keeps them in its
  backlog, and when half of the remembered ones have been accepted, the backlog is read again from the first of them.
- A row that makes the broker **drop the connection** would block the rest for ever. When nothing was acknowledged on
  `DEATHS` connections in a row that the broker closed, rows go one at a time; a row that ends as many connections
  alone is refused, too. An outage, a dead line, a broker that has gone silent and one that says a reason of its own
  count for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from controller.journal_rows import Row
from controller.quarantine import Quarantine

TICK_MS = 1.0
"""At least: the loop's timers come up to a ms later."""
PAGE = 16
"""Rows read from the journal at a time: a scanner waits meanwhile."""
REFUSED = 0x80  # MQTT 5: reason codes from here on are failures
CLOSED_ON_IT = 0x83  # MQTT 5, implementation specific error: here, the broker closes the connection on this row
DEATHS = 3
QUARANTINE = 1000
SETTLE_MS = 50.0


class Outbox:
    """`now` is monotonic ms. Rows are committed ones; each has its sequence once and for ever.

    `oldest`, `last`: the lowest undelivered and the highest sequence in the journal, where they are known.
    """

    def __init__(
        self, window: int = 100, memory: int = 5000, *, oldest: int | None = None, last: int = 0, burst: int = 10
    ) -> None:
        self._window, self._memory, self._burst = window, memory, burst
        self._ready: deque[Row] = deque()  # to be published for the first time, in order
        self._resend: deque[Row] = deque()  # were in flight when the connection broke, in order
        self._flying: dict[int, Row] = {}  # published on this connection, not acknowledged
        self._refused = Quarantine()
        self._spilled: int | None = None  # the first refused row that is not remembered
        self._top = oldest - 1 if oldest else last  # rows up to here are, or were, in this outbox
        self._last = max(last, self._top)  # the highest committed
        self._behind = True  # rows after `_top` must be read from the journal
        self._asked: tuple[int, int] | None = None
        self._last_when_asked = 0
        self._now = 0.0
        self._tick, self._taken = 0.0, 0  # rows of the pace taken since that time
        self._beside = 0  # rows that may be taken beside the pace
        self._up = False
        self._deaths, self._answered = 0, False
        self._delivered: list[int] = []
        self._quarantined: list[tuple[int, int]] = []
        self.settles_at: float | None = None
        """when `settled` shall be recorded if nothing else is before; None = it has nothing"""

    def offer(self, rows: Sequence[Row]) -> None:
        """Take rows just committed, in order."""
        for row in rows:
            if row.seq <= self._top:
                continue  # read from the journal before its commit was told
            self._last = max(self._last, row.seq)
            if not self._behind and len(self._ready) < self._memory:
                self._ready.append(row)
                self._top = row.seq
            else:
                self._behind = True
        self._beside = min(self._beside + len(rows), self._window)

    def wants(self) -> tuple[int, int] | None:
        """(after_seq, limit) to be read from the journal's backlog now; the same until `backlog` brings it."""
        self._turn_back()
        if self._asked is None and self._behind and len(self._ready) <= self._window:
            self._asked = (self._top, min(PAGE, self._memory))
            self._last_when_asked = self._last
        return self._asked

    def backlog(self, rows: Sequence[Row]) -> None:
        """Take what the journal has for `wants()`, in order; fewer than the limit = it has no more."""
        if self._asked is None:
            return
        _, limit = self._asked
        self._asked = None
        here = self._flying.keys() | {row.seq for row in self._resend}
        self._ready.extend(
            row for row in rows if row.seq > self._top and row.seq not in here and row.seq not in self._refused
        )
        if rows:
            self._top = max(self._top, rows[-1].seq)
            self._last = max(self._last, self._top)  # their commit may not have been told yet
        if len(rows) < limit:
            self._top = max(self._top, self._last_when_asked)
            self._behind = self._last > self._top

    def connected(self) -> None:
        """The broker is there; what was in flight is taken first."""
        self._up, self._answered, self._beside = True, False, 0

    def disconnected(self, by_broker: bool = True) -> None:
        """The broker is gone, and with it every answer still to come. May be called again and again.

        `by_broker`: it closed the connection, maybe because of a row. A dead line, or a broker that we left because it
        was silent, says nothing of a row.
        """
        if by_broker and self._flying and not self._answered:
            self._deaths += 1
        if by_broker and self._deaths >= 2 * DEATHS and len(self._flying) == 1:
            (poison,) = self._flying
            self._refuse(poison, CLOSED_ON_IT, closes=True)
            self._deaths = DEATHS  # the next one is tried alone as well
        self._resend = deque(sorted((*self._resend, *self._flying.values()), key=lambda row: row.seq))
        self._flying.clear()
        self._up = self._answered = False

    def take(self, now: float) -> list[Row]:
        """The rows to publish now, in this order: from a broken connection, due again after a refusal, new ones."""
        self._now = now
        if now - self._tick >= TICK_MS:
            self._tick, self._taken = now, 0
        rows: list[Row] = []
        for _ in range(min(self._allowed, self._room())):
            row = self._next(now)
            if row is None:
                break
            self._flying[row.seq] = row
            rows.append(row)
        paced = min(len(rows), self._burst - self._taken)
        self._taken += paced
        self._beside -= len(rows) - paced
        return rows

    @property
    def _allowed(self) -> int:
        return self._burst - self._taken + self._beside

    def next_at(self) -> float | None:
        """When `take` gives something again if nothing else happens; None = only after some call."""
        if not self._room():
            return None
        if self._resend or self._ready:
            return self._now if self._allowed else self._tick + TICK_MS
        return self._refused.due_at(self._now)

    def _room(self) -> int:
        window = self._window if self._deaths < DEATHS else 1
        return max(0, window - len(self._flying)) if self._up else 0

    def _next(self, now: float) -> Row | None:
        if self._resend:
            return self._resend.popleft()
        if row := self._refused.due(now):
            return row
        return self._ready.popleft() if self._ready else None

    def puback(self, seq: int, code: int) -> str:
        """The broker answered: `delivered`, `quarantined`, or `unknown` where no answer was awaited."""
        if seq not in self._flying:
            return "unknown"
        self._answered, self._deaths = True, 0
        if code >= REFUSED:
            self._refuse(seq, code)
            return "quarantined"
        self._refused.accepted(self._flying.pop(seq))
        self._delivered.append(seq)
        if self.settles_at is None:
            self.settles_at = self._now + SETTLE_MS
        return "delivered"

    def topic(self, seq: int) -> str:
        """Of a row that waits for its answer; "" for another."""
        row = self._flying.get(seq)
        return row.topic if row else ""

    def _refuse(self, seq: int, code: int, closes: bool = False) -> None:
        row = self._flying.pop(seq)
        if seq not in self._refused and len(self._refused) >= QUARANTINE:
            self._spilled = min(seq, self._spilled or seq)
            return
        self._refused.refuse(row, self._now, closes)
        self._quarantined.append((seq, code))
        self.settles_at = self._now

    def _turn_back(self) -> None:
        if self._spilled is not None and self._asked is None and len(self._refused) <= QUARANTINE // 2:
            self._top, self._spilled, self._behind = self._spilled - 1, None, True
            self._ready.clear()

    def retry(self) -> None:
        """Every remembered refused row is due at once."""
        self._refused.release()

    def settled(self) -> tuple[list[int], list[tuple[int, int]]]:
        """What became of rows since the last call, for the next Batch: delivered seqs, quarantined (seq, code)."""
        settled = self._delivered, self._quarantined
        self._delivered, self._quarantined, self.settles_at = [], [], None
        return settled

    def holds(self, seq: int) -> bool:
        """Whether a row may still be published from here, or was refused."""
        first = self._ready[0].seq if self._ready else self._top + 1
        here = seq in self._flying or seq in self._refused
        return seq >= first or here or any(row.seq == seq for row in self._resend)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be published, here or in the journal."""
        return not (self._resend or self._ready or self._behind)

    @property
    def last(self) -> int:
        """The highest sequence that is known to be on disk."""
        return self._last

    @property
    def refusals(self) -> int:
        """How many refused rows are remembered, those that are being retried among them."""
        return len(self._refused)

    @property
    def refused(self) -> list[int]:
        """The sequences of those, in order."""
        return self._refused.sequences

    @property
    def queued(self) -> int:
        """Rows not delivered, without quarantined ones; an upper bound while some are in the journal only."""
        unread = self._last - self._top if self._behind else 0
        return len(self._flying) + len(self._resend) + len(self._ready) + unread

    @property
    def quarantined(self) -> int:
        """Refused rows that are remembered here."""
        return self._refused.waiting

    @property
    def oldest(self) -> int | None:
        """The lowest sequence not acknowledged, without quarantined ones; None = nothing waits."""
        waiting = [row.seq for row in (*self._flying.values(), *self._resend) if row.seq not in self._refused]
        if self._ready:
            waiting.append(self._ready[0].seq)
        elif self._behind and self._last > self._top:
            waiting.append(self._top + 1)
        return min(waiting, default=None)
