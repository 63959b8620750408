"""What need not be kept for ever: taken out a little at a time, when nothing waits for the disk.

- **Events** that were delivered: those older than `keep_days`, and the oldest ones while the pages in use exceed
  `keep_gb`. What was not delivered is never taken out.
- **Evidence** older than `evidence_days` (0 = kept for ever).
- **Advice** that was not sent again for `advice_days`, with its aliases: then its parcel is one without advice, and
  the centre is asked.

Sequences and ids grow with time, so each class is walked through from its lowest; an event with a time that a wrong
clock gave it holds up nothing but a window of its neighbours. Freed pages are used again; the file does not shrink.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, replace

from controller.journal_file import note
from controller.sections import Journal as Rules
from controller.stamps import rfc3339

MOST, LEAST = 500, 20
"""Rows of one transaction."""

LONG_S = 0.010
"""A transaction that took longer makes the next one smaller."""

WINDOW = 5000
"""Sequences that are looked at for one transaction."""

REST_S, MOMENT_S = 60.0, 0.005
"""Between two rounds, and between two transactions of one."""

ROUNDS = 60
"""Evidence and advice are looked at in one of so many rounds: each time from the first row to the last."""

DAY_MS = 86_400_000
REMOVABLE = """NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.seq = event.seq)
AND seq < (SELECT max(seq) FROM event)"""
"""Delivered; and never the last one, from which the next start counts on."""

GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows that were taken out since the start."""

    events: int = 0
    evidence: int = 0
    advice: int = 0


class Retention:
    """Takes out what need not be kept, with the connection that writes; `work` is called by its thread only."""

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
        self._delivered = -1

    def work(self, utc_ms: float) -> float:
        """At most one short transaction; how many seconds to leave it alone. Raises sqlite3.Error, nothing done."""
        began = time.monotonic()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            more = self._steps[self._step](utc_ms)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.rollback()
            raise
        took = time.monotonic() - began
        self._many = max(LEAST, self._many // 2) if took > LONG_S else min(MOST, self._many * 2)
        if more:
            return MOMENT_S
        self._after = 0
        self._step = (self._step + 1) % len(self._steps) if self._rounds % ROUNDS == 0 else 0
        self._rounds += not self._step
        return MOMENT_S if self._step else REST_S

    def _events(self, utc_ms: float) -> bool:
        """Whether there may be more."""
        ask = self._db.execute
        if not self._after:
            (oldest,) = ask("SELECT min(seq) FROM outbox").fetchone()
            (last,) = ask("SELECT max(seq) FROM event").fetchone()
            delivered = (oldest or (last or 0) + 1) - 1
            if delivered != self._delivered:
                note(self._db, {"delivered": delivered})
                self._delivered = delivered
        (first,) = ask("SELECT min(seq) FROM event WHERE seq > ?", (self._after,)).fetchone()
        if first is None:
            return False
        end = first + WINDOW
        window = f"SELECT seq FROM event WHERE seq >= ? AND seq < ? AND {REMOVABLE}"
        if self._too_large():
            rows = ask(f"{window} ORDER BY seq LIMIT ?", (first, end, self._many)).fetchall()
            more = True
        else:
            before = rfc3339(utc_ms - self._rules.keep_days * DAY_MS)
            rows = ask(f"{window} AND time < ? ORDER BY seq LIMIT ?", (first, end, before, self._many)).fetchall()
            aged = "SELECT 1 FROM event WHERE seq >= ? AND seq < ? AND time < ? LIMIT 1"
            more = bool(rows) or ask(aged, (first, end, before)).fetchone() is not None
        self._db.executemany("DELETE FROM event WHERE seq = ?", rows)
        self.removed = replace(self.removed, events=self.removed.events + len(rows))
        self._after = rows[-1][0] if len(rows) == self._many else end - 1
        return more

    def _evidence(self, utc_ms: float) -> bool:
        if not self._rules.evidence_days:
            return False
        ask = "SELECT id, utc_ms FROM evidence WHERE id > ? ORDER BY id LIMIT ?"
        found = self._db.execute(ask, (self._after, self._many)).fetchall()
        before = utc_ms - self._rules.evidence_days * DAY_MS
        rows = [(number,) for number, came in found if came < before]
        self._db.executemany("DELETE FROM evidence_subject WHERE id = ?", rows)
        self._db.executemany("DELETE FROM evidence WHERE id = ?", rows)
        self.removed = replace(self.removed, evidence=self.removed.evidence + len(rows))
        self._after = found[-1][0] if found else self._after
        return bool(rows)

    def _advice(self, utc_ms: float) -> bool:
        ask = "SELECT rowid, parcel, utc_ms FROM advice WHERE rowid > ? ORDER BY rowid LIMIT ?"
        found = self._db.execute(ask, (self._after, self._many)).fetchall()
        before = utc_ms - self._rules.advice_days * DAY_MS
        rows = [(parcel,) for _, parcel, came in found if came < before]
        self._db.executemany("DELETE FROM alias WHERE parcel = ?", rows)
        self._db.executemany("DELETE FROM advice WHERE parcel = ?", rows)
        self.removed = replace(self.removed, advice=self.removed.advice + len(rows))
        self._after = found[-1][0] if found else self._after
        return bool(found)

    def _too_large(self) -> bool:
        figures = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        pages, free = figures
        (size,) = self._db.execute("PRAGMA page_size").fetchone()
        return bool((pages - free) * size > self._rules.keep_gb * GB)
