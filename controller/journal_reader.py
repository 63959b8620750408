"""The journal read-only, for trace, tail and replay: while the daemon runs, and while it is down."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from controller.journal_file import EVENT, JournalError, check_version, connect, explained, fetch, schema
from controller.journal_rows import Counts, Evidence, Row
from controller.journal_sums import checked, proves

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
WITH hits AS (
  SELECT id, json_group_array(subject) AS about FROM evidence_subject
  WHERE subject IN (SELECT value FROM json_each(?)) AND id > ? GROUP BY id ORDER BY id LIMIT ?)
SELECT id, utc_ms, topic, sha256, raw, first_seq, last_seq, refused, about
FROM hits JOIN evidence USING (id) ORDER BY id
"""


class Reader:
    """Raises JournalError where the journal is missing or cannot be read."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.damaged: set[int] = set()
        """Sequences of events whose CRC does not fit, as far as they were met; they are left out of every answer."""
        if not self.path.exists():
            raise JournalError(f"{self.path}: there is no journal; look for it in the state_dir of the floor file")
        with contextlib.ExitStack() as undo, explained(self.path, mark=True):
            self._db = undo.enter_context(contextlib.closing(connect(self.path, "ro")))
            check_version(self._db, self.path)
            undo.pop_all()

    def trace(self, key: str) -> list[Row]:
        """All events of a parcel, of a visit or travel, or of the parcels and travels with the code `key`, in order.

        With them come the events that name only the visit or the travel of those.
        """
        with explained(self.path, mark=True):
            return list(checked(fetch(self._db, TRACE, (key,)), self.damaged))

    def since(self, seq: int, page: int = PAGE) -> Iterator[Row]:
        """Every event from `seq` on, in order, delivered or not; read a page at a time."""
        while True:
            with explained(self.path, mark=True):
                ask = f"SELECT {EVENT} FROM event WHERE seq >= ? ORDER BY seq LIMIT ?"
                found = fetch(self._db, ask, (seq, page))
            yield from checked(found, self.damaged)
            if len(found) < page:
                return
            seq = found[-1][0] + 1

    def concerned(self, key: str, rows: Sequence[Row]) -> tuple[str, ...]:
        """Subjects of evidence about what `trace(key)` found in these rows, each as `kind/id`: its parcels, what they
        belong to, their containers and travels.

        They belong to what their advice says now, and to what it said when they fell into a lane. Where nobody knows
        the key it is taken for the id of a parcel.
        """
        data = [json.loads(row.body).get("data", {}) for row in rows]
        travels = dict.fromkeys(row.travel for row in rows if row.travel)
        visits = {row.visit for row in rows}
        with explained(self.path, mark=True):
            named = [parcel for (parcel,) in self._db.execute("SELECT parcel FROM alias WHERE alias = ?", (key,))]
            if not named and key not in travels and key not in visits:
                named = [key]
            parcels = dict.fromkeys([*named, *(row.parcel for row in rows if row.parcel)])
            found = [f"parcel/{parcel}" for parcel in parcels]
            for body in self._bodies("advice", "parcel = ?", parcels):
                found += [f"{kind}/{name}" for kind, name in body.get("belongs", {}).items()]
            for body in self._bodies("state", "kind = 'drop' AND key = ?", travels):
                found += [f"{kind}/{name}" for kind, name in body["subjects"]]
        found += [f"container/{one['container']}" for one in data if one.get("container")]
        return tuple(dict.fromkeys([*found, *(f"travel/{travel}" for travel in travels)]))

    def _bodies(self, table: str, where: str, keys: Iterable[str]) -> list[dict[str, Any]]:
        """The bodies of those rows that are what was written; those of an older schema cannot tell."""
        body, proven = 1 if table == "advice" else 2, schema(self._db) >= 3
        rows = [row for key in keys for row in fetch(self._db, f"SELECT * FROM {table} WHERE {where}", (key,))]
        return [json.loads(row[body]) for row in rows if not proven or proves(table, row)]

    def evidence(self, *subjects: str) -> Iterator[tuple[Evidence, bool]]:
        """Messages kept about any of these subjects (`parcel/P1`, `consignment/C7`, …; "" = those that name none) in
        the order in which they came, each once with those of them that it is about, and whether it is still what came.

        None in a journal that was made before evidence was kept and has not been opened for writing since.
        """
        after, asked = 0, json.dumps(subjects)
        known = self.keeps_evidence()
        while known:
            with explained(self.path, mark=True):
                found = fetch(self._db, ATTESTED, (asked, after, PAGE))
            for _, utc_ms, topic, sha256, raw, first, last, refused, about in found:
                whom = tuple(sorted(json.loads(about), key=subjects.index))
                made = Evidence(utc_ms, topic, raw, whom, first, last, tuple(json.loads(refused)))
                yield made, hashlib.sha256(raw).hexdigest() == sha256
            after = found[-1][0] if found else after
            known = len(found) == PAGE

    def keeps_evidence(self) -> bool:
        """False: it was made before evidence was kept, and has not been opened for writing since."""
        with explained(self.path, mark=True):
            return schema(self._db) >= 2

    def counts(self) -> Counts:
        """Its figures now."""
        with explained(self.path, mark=True):
            ask = self._db.execute
            first = ask("SELECT min(seq) FROM event").fetchone()[0]
            last = ask("SELECT max(seq) FROM event").fetchone()[0]
            pending, refused = ask("SELECT count(*), count(code) FROM outbox").fetchone()
            kept = "SELECT utc_ms FROM evidence ORDER BY id LIMIT 1"
            evidence = ask(kept).fetchone() if schema(self._db) >= 2 else None
            names = ("page_count", "freelist_count", "page_size")
            pages, free, size = (ask(f"PRAGMA {name}").fetchone()[0] for name in names)
        used = (pages - free) * size
        return Counts(first, last, pending, refused, used, free * size, evidence[0] if evidence else None)

    def close(self) -> None:
        """Let go of it."""
        self._db.close()
