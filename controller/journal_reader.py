"""The journal read-only, for trace, tail and replay: while the daemon runs, and while it is down."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from controller.journal_file import EVENT, JournalError, check_version, checked, connect, explained, schema
from controller.journal_rows import Counts, Evidence, Row

PAGE = 500  # rows a read: no read transaction stays open for long

TRACE = f"""
WITH parcels AS (SELECT ?1 AS parcel UNION SELECT parcel FROM alias WHERE alias = ?1),
named AS MATERIALIZED (
  SELECT visit, travel FROM event WHERE parcel IN (SELECT parcel FROM parcels)
  UNION SELECT visit, travel FROM event WHERE read_code = ?1 UNION SELECT ?1, ?1),
hits AS (
  SELECT seq FROM event WHERE parcel IN (SELECT parcel FROM parcels)
  UNION SELECT seq FROM event WHERE read_code = ?1
  UNION SELECT seq FROM event WHERE visit IN (SELECT visit FROM named)
  UNION SELECT seq FROM event WHERE travel IN (SELECT travel FROM named))
SELECT {EVENT} FROM hits JOIN event USING (seq) ORDER BY seq
"""

ATTESTED = """
SELECT id, utc_ms, topic, sha256, raw, first_seq, last_seq, refused FROM evidence_subject JOIN evidence USING (id)
WHERE subject = ? AND id > ? ORDER BY id LIMIT ?
"""


class Reader:
    """Raises JournalError where the journal is missing or cannot be read."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.damaged: set[int] = set()
        """Sequences of events whose CRC does not fit, as far as they were met; they are left out of every answer."""
        if not self.path.exists():
            raise JournalError(f"{self.path}: there is no journal; look for it in the state_dir of the floor file")
        with contextlib.ExitStack() as undo, explained(self.path):
            self._db = undo.enter_context(contextlib.closing(connect(self.path, "ro")))
            check_version(self._db, self.path)
            undo.pop_all()

    def trace(self, key: str) -> list[Row]:
        """All events of a parcel, of a visit or travel, or of the parcels and travels with the code `key`, in order.

        With them come the events that name only the visit or the travel of those.
        """
        with explained(self.path):
            return list(checked(self._db.execute(TRACE, (key,)).fetchall(), self.damaged))

    def since(self, seq: int) -> Iterator[Row]:
        """Every event from `seq` on, in order, delivered or not; read a page at a time."""
        while True:
            with explained(self.path):
                ask = f"SELECT {EVENT} FROM event WHERE seq >= ? ORDER BY seq LIMIT ?"
                found = self._db.execute(ask, (seq, PAGE)).fetchall()
            yield from checked(found, self.damaged)
            if len(found) < PAGE:
                return
            seq = found[-1][0] + 1

    def evidence(self, subject: str) -> Iterator[tuple[Evidence, bool]]:
        """Messages kept about a subject (`parcel/P1`, `consignment/C7`, …; "" = those that name none) in order, and
        whether each is still what came.

        None in a journal that was made before evidence was kept and has not been opened for writing since.
        """
        after = 0
        with explained(self.path):
            known = schema(self._db) >= 2
        while known:
            with explained(self.path):
                found = self._db.execute(ATTESTED, (subject, after, PAGE)).fetchall()
            for _, utc_ms, topic, sha256, raw, first, last, refused in found:
                made = Evidence(utc_ms, topic, raw, (subject,), first, last, tuple(json.loads(refused)))
                yield made, hashlib.sha256(raw).hexdigest() == sha256
            after = found[-1][0] if found else after
            known = len(found) == PAGE

    def counts(self) -> Counts:
        """Its figures now."""
        with explained(self.path):
            first = self._db.execute("SELECT min(seq) FROM event").fetchone()[0]
            last = self._db.execute("SELECT max(seq) FROM event").fetchone()[0]
            pending, refused = self._db.execute("SELECT count(*), count(code) FROM outbox").fetchone()
        return Counts(first, last, pending, refused)

    def close(self) -> None:
        """Let go of it."""
        self._db.close()
