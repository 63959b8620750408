"""A batch as statements of SQLite, within a transaction that somebody else begins and commits.

Each statement lets go of the interpreter and has to get it back while the loop is busy, so what comes by the hundred
comes many rows a statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import cache
from itertools import chain

from controller.journal_rows import Batch, Evidence, runs
from controller.journal_sums import attested, proof, queued, stored

TOGETHER = (64, 16, 4, 1)
"""Rows of one statement: few numbers, so that each is prepared once."""

ADVISE = """
INSERT INTO advice VALUES (?, ?, ?, ?)
ON CONFLICT (parcel) DO UPDATE SET body = excluded.body, lived_ms = excluded.lived_ms, crc = excluded.crc
"""


def write(db: sqlite3.Connection, batch: Batch, boot: int, lived_ms: float) -> None:
    """All of it. `lived_ms`: how long the journal has been open. Raises sqlite3.Error."""
    _insert(db, "INSERT INTO event", [stored(row) for row in batch.events])
    _insert(db, "INSERT INTO outbox", [queued(row.seq) for row in batch.events])
    heard = ((name, *last) for name, last in batch.channels.items())
    _insert(db, "REPLACE INTO channel", [(*row, proof("channel", *row)) for row in heard])
    kept = ((*key, body) for key, body in batch.state.items() if body is not None)
    _insert(db, "REPLACE INTO state", [(*row, proof("state", *row)) for row in kept])
    many = db.executemany
    many("DELETE FROM state WHERE kind = ? AND key = ?", (key for key, body in batch.state.items() if body is None))
    refused = (queued(seq, code, boot) for seq, code in batch.quarantined)
    many("UPDATE outbox SET code = ?, boot = ?, crc = ? WHERE seq = ?", ((*row[1:], row[0]) for row in refused))
    many("DELETE FROM outbox WHERE seq BETWEEN ? AND ?", runs(batch.delivered))
    _advise(db, batch.advice, round(lived_ms))
    _attest(db, batch.evidence)


def _insert(db: sqlite3.Connection, verb: str, rows: list[tuple[object, ...]]) -> None:
    at = 0
    for count in TOGETHER:
        while len(rows) - at >= count:
            part = rows[at : at + count]
            db.execute(_statement(verb, len(part[0]), count), tuple(chain.from_iterable(part)))
            at += count


@cache
def _statement(verb: str, columns: int, count: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{verb} VALUES {', '.join([row] * count)}"


def _advise(db: sqlite3.Connection, advice: Iterable[tuple[str, tuple[str, ...], bytes | None]], lived_ms: int) -> None:
    latest = {parcel: (aliases, body) for parcel, aliases, body in advice}
    many = db.executemany
    many("DELETE FROM alias WHERE parcel = ?", ((parcel,) for parcel in latest))
    gone = ((parcel,) for parcel, (_, body) in latest.items() if body is None)
    many("DELETE FROM advice WHERE parcel = ?", gone)
    kept = [(parcel, aliases, body) for parcel, (aliases, body) in latest.items() if body is not None]
    rows = ((parcel, body, lived_ms) for parcel, _, body in kept)
    many(ADVISE, ((*row, proof("advice", *row)) for row in rows))
    pairs = ((alias, parcel) for parcel, aliases, _ in kept for alias in (parcel, *aliases))
    many("INSERT OR IGNORE INTO alias VALUES (?, ?, ?)", ((*pair, proof("alias", *pair)) for pair in pairs))


def _attest(db: sqlite3.Connection, evidence: Iterable[Evidence]) -> None:
    for one in evidence:
        made = db.execute("INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)", attested(one))
        pairs = ((subject, made.lastrowid) for subject in one.subjects or ("",))
        rows = ((*pair, proof("evidence_subject", *pair)) for pair in pairs)
        db.executemany("INSERT OR IGNORE INTO evidence_subject VALUES (?, ?, ?)", rows)
