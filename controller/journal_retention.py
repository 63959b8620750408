"""What need not be kept for ever: taken out a little at a time, when nothing waits for the disk.

- **Events** that were delivered: those older than `keep_days`, and the oldest ones while the pages in use exceed
  `keep_gb`. What was not delivered is never taken out.
- **Evidence** older than `evidence_days` (0 = kept for ever).
- **Advice** that was not sent again for `advice_days`, with its aliases: then its parcel is one without advice, and
  the centre is asked.

**Age** is time for which the journal was open, all runs together: `lived` ms, counted by the monotonic clock, noted in
`meta` with each round and at the end. A system clock that is wrong makes nothing old, nor does a time without power.
Killed, a round's worth of it is lost, which keeps rows longer. Advice says itself how much had been lived when it came.
For events and evidence there is a **mark** for each day lived: which were the last ones then. A damaged mark is as good
as none: an older one counts.

Freed pages are used again; the file does not shrink.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from controller.journal_file import fetch, note, noted
from controller.journal_sums import proof, proves
from controller.sections import Journal as Rules

MOST, LEAST = 500, 20
"""Rows of one transaction."""

LONG_S = 0.010
"""A transaction that took longer makes the next one smaller."""

WINDOW = 5000
"""Sequences that are looked at for one transaction."""

REST_S, MOMENT_S = 60.0, 0.005
"""Between two rounds, and between two transactions of one."""

ROUNDS = 60
"""Evidence and advice are looked at in one of so many rounds: advice each time from the first row to the last."""

DAY_MS = 86_400_000
GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows that were taken out since the start."""

    events: int = 0
    evidence: int = 0
    advice: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """The last event and the last evidence that were there when the journal had lived so long; 0 = none."""

    lived_ms: int
    seq: int = 0
    evidence: int = 0


def lived(db: sqlite3.Connection) -> int:
    """For how many ms this journal has been open, all runs together, as far as it knows. Raises sqlite3.Error."""
    return max([int(noted(db).get("lived", 0)), *(mark.lived_ms for mark in _marks(db))])


class Retention:
    """Takes out what need not be kept, with the connection that writes; called by its thread only."""

    def __init__(self, db: sqlite3.Connection, rules: Rules) -> None:
        self.removed = Removed()
        self._db = db
        self._rules = rules
        self._many = LEAST
        self._steps = [self._events, self._evidence, self._advice]
        self._step = 0
        self._after = 0
        """the last row of this step that was looked at"""
        self._rounds = 0
        self._old = Mark(0)
        """up to which event and which evidence all are old, in this round"""

    def work(self, lived_ms: float) -> float:
        """At most one short transaction; how many seconds to leave it alone. Raises sqlite3.Error, nothing done."""
        began = time.monotonic()
        known = self._after, self.removed
        try:
            with self._transaction():
                if not (self._step or self._after):
                    self._begin_round(lived_ms)
                more = self._steps[self._step](lived_ms)
        except BaseException:
            self._after, self.removed = known
            raise
        took = time.monotonic() - began
        self._many = max(LEAST, self._many // 2) if took > LONG_S else min(MOST, self._many * 2)
        if more:
            return MOMENT_S
        self._after = 0
        self._step = (self._step + 1) % len(self._steps) if self._rounds % ROUNDS == 0 else 0
        self._rounds += not self._step
        return MOMENT_S if self._step else REST_S

    def note(self, lived_ms: float) -> None:
        """Note how long the journal has lived. Raises sqlite3.Error, nothing done."""
        with self._transaction():
            note(self._db, {"lived": round(lived_ms)})

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.rollback()
            raise

    def _begin_round(self, lived_ms: float) -> None:
        """Note what is known now, mark the day where it is a new one, and find what is old."""
        now, last = round(lived_ms), self._highest("event", "seq")
        (oldest,) = self._db.execute("SELECT min(seq) FROM outbox").fetchone()
        note(self._db, {"lived": now, "delivered": (oldest or last + 1) - 1})
        marks = _marks(self._db)
        if not marks or now - marks[-1].lived_ms >= DAY_MS:
            row = (now, last, self._highest("evidence", "id"))
            self._db.execute("REPLACE INTO mark VALUES (?, ?, ?, ?)", (*row, proof("mark", *row)))
            marks.append(Mark(*row))
        events = _latest(marks, now - self._rules.keep_days * DAY_MS)
        evidence = _latest(marks, now - self._rules.evidence_days * DAY_MS)
        self._old = Mark(now, events.seq, evidence.evidence if self._rules.evidence_days else 0)
        needed = min(events.lived_ms, evidence.lived_ms)
        self._db.execute("DELETE FROM mark WHERE lived_ms < ?", (needed,))

    def _events(self, _: float) -> bool:
        """Whether there may be more."""
        ask = self._db.execute
        last = self._highest("event", "seq")  # stays: from it the next start counts on
        end = last if self._too_large() else min(last, self._old.seq + 1)
        (first,) = ask("SELECT min(seq) FROM event WHERE seq > ? AND seq < ?", (self._after, end)).fetchone()
        if first is None:
            return False
        window = min(end, first + WINDOW)
        delivered = "NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.seq = event.seq)"
        which = f"SELECT seq FROM event WHERE seq >= ? AND seq < ? AND {delivered} ORDER BY seq LIMIT ?"
        rows = ask(which, (first, window, self._many)).fetchall()
        self._db.executemany("DELETE FROM event WHERE seq = ?", rows)
        self.removed = replace(self.removed, events=self.removed.events + len(rows))
        self._after = rows[-1][0] if len(rows) == self._many else window - 1
        return True

    def _evidence(self, _: float) -> bool:
        """The last one stays: an id that is given again would be that of an old one."""
        end = min(self._highest("evidence", "id"), self._old.evidence + 1)
        rows = self._db.execute(
            "SELECT id FROM evidence WHERE id < ? ORDER BY id LIMIT ?", (end, self._many)
        ).fetchall()
        self._db.executemany("DELETE FROM evidence_subject WHERE id = ?", rows)
        self._db.executemany("DELETE FROM evidence WHERE id = ?", rows)
        self.removed = replace(self.removed, evidence=self.removed.evidence + len(rows))
        return bool(rows)

    def _advice(self, lived_ms: float) -> bool:
        ask = "SELECT rowid, parcel, lived_ms FROM advice WHERE rowid > ? ORDER BY rowid LIMIT ?"
        found = self._db.execute(ask, (self._after, self._many)).fetchall()
        before = lived_ms - self._rules.advice_days * DAY_MS
        rows = [(parcel,) for _, parcel, came in found if came < before]
        self._db.executemany("DELETE FROM alias WHERE parcel = ?", rows)
        self._db.executemany("DELETE FROM advice WHERE parcel = ?", rows)
        self.removed = replace(self.removed, advice=self.removed.advice + len(rows))
        self._after = found[-1][0] if found else self._after
        return bool(found)

    def _highest(self, table: str, column: str) -> int:
        return int(self._db.execute(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchone()[0])

    def _too_large(self) -> bool:
        figures = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        pages, free = figures
        (size,) = self._db.execute("PRAGMA page_size").fetchone()
        return bool((pages - free) * size > self._rules.keep_gb * GB)


def _marks(db: sqlite3.Connection) -> list[Mark]:
    """Those that are what was written, the oldest first."""
    rows = fetch(db, "SELECT * FROM mark ORDER BY lived_ms")
    return [Mark(*row[:-1]) for row in rows if proves("mark", row)]


def _latest(marks: list[Mark], lived_ms: float) -> Mark:
    """The latest of these that is not after this moment."""
    return next((mark for mark in reversed(marks) if mark.lived_ms <= lived_ms), Mark(0))
