"""The journal's file: its tables, how it is opened, its identity, and the proof of each row."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from controller.journal_rows import Evidence, Row

SCHEMA = 2
APPLICATION = 0x6875_6266  # "hubf", SQLite's application_id
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
BOOTS = 65535

EVIDENCE = """
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY, utc_ms INTEGER NOT NULL, topic TEXT NOT NULL, sha256 TEXT NOT NULL, raw BLOB NOT NULL,
  first_seq INTEGER, last_seq INTEGER, refused TEXT NOT NULL) STRICT;
CREATE TABLE evidence_subject (
  subject TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (subject, id)) STRICT, WITHOUT ROWID;
"""
"""Messages about customs with what was done; `refused` is a JSON list of texts. Kept longer than events are."""

TABLES = f"""
BEGIN EXCLUSIVE;
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, visit TEXT, travel TEXT,
  parcel TEXT, time TEXT NOT NULL, topic TEXT NOT NULL, body BLOB NOT NULL, read_code TEXT,
  crc INTEGER NOT NULL) STRICT;
CREATE INDEX event_visit ON event (visit) WHERE visit IS NOT NULL;
CREATE INDEX event_travel ON event (travel) WHERE travel IS NOT NULL;
CREATE INDEX event_read_code ON event (read_code) WHERE read_code IS NOT NULL;
CREATE INDEX event_parcel ON event (parcel) WHERE parcel IS NOT NULL;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, code INTEGER, boot INTEGER) STRICT;
CREATE TABLE channel (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, evt INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE state (
  kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
CREATE TABLE advice (parcel TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
-- A parcel's id is an alias of its own: one look-up finds it by either.
CREATE TABLE alias (alias TEXT NOT NULL, parcel TEXT NOT NULL, PRIMARY KEY (alias, parcel)) STRICT, WITHOUT ROWID;
CREATE INDEX alias_parcel ON alias (parcel);
{EVIDENCE}
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {SCHEMA};
COMMIT;
"""
MIGRATIONS = {1: EVIDENCE}
"""Schema version -> what makes the next one of it."""

EVENT = "seq, id, type, subject, visit, travel, parcel, time, topic, body, read_code, crc"


class JournalError(Exception):
    """The journal cannot be used; the message says which file, why, and what to do."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of SQLite as JournalError with the file's name."""
    try:
        yield
    except sqlite3.Error as error:
        raise trouble(path, error) from error


def trouble(path: Path, error: sqlite3.Error) -> JournalError:
    """An error of SQLite in plain words."""
    return JournalError(f"{path}: {error}; see to its disk and its rights, else restore the file")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """One connection, `mode` `ro` or `rwc`. Used by one thread at a time, not always by the one that opened it."""
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        f"file:{quoted}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
    )


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make sure of the tables, and that a commit is on disk when it returns. Raises JournalError, sqlite3.Error."""
    made = db.execute("SELECT 1 FROM sqlite_master").fetchone()
    if made:
        check_version(db, path)
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise JournalError(f"{path}: its file system cannot hold a write-ahead log; put state_dir on a local disk")
    db.execute("PRAGMA synchronous = FULL")
    if made:
        migrate(db)
    else:
        db.executescript(TABLES)


def migrate(db: sqlite3.Connection) -> None:
    """Bring an older journal to this schema, in one transaction: killed in between, it is as it was."""
    version = schema(db)
    if version < SCHEMA:
        steps = "".join(MIGRATIONS[number] for number in range(version, SCHEMA))
        db.executescript(f"BEGIN EXCLUSIVE;{steps}PRAGMA user_version = {SCHEMA};COMMIT;")


def schema(db: sqlite3.Connection) -> int:
    """The version of its tables."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raises JournalError for another program's database and for the journal of a newer hubfloor."""
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise JournalError(f"{path}: not a journal of hubfloor; move that file away or name another state_dir")
    version = schema(db)
    if version > SCHEMA:
        raise JournalError(
            f"{path}: written by a newer hubfloor (schema {version}, this one knows {SCHEMA}); "
            "install that one again, or start with another state_dir"
        )


def begin_boot(db: sqlite3.Connection, path: Path, rng: Random, utc_ms: int) -> int:
    """The next boot, and a journal id where the file is new or a copy; durable when it returns."""
    db.execute("BEGIN IMMEDIATE")
    meta = dict(db.execute("SELECT key, value FROM meta"))
    here = f"{_machine()}:{path.stat().st_ino}"
    if meta.get("file") != here:
        journal = "".join(rng.choice(ALPHABET) for _ in range(8))
        meta = {"file": here, "journal": journal, "made_utc_ms": utc_ms, "boot": rng.randrange(BOOTS)}
    meta["boot"] = meta["boot"] % BOOTS + 1
    db.executemany("REPLACE INTO meta VALUES (?, ?)", meta.items())
    db.execute("COMMIT")
    return int(meta["boot"])


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return os.uname().nodename


def stored(row: Row) -> tuple[Any, ...]:
    """A row as the columns of `event`."""
    return (
        *(row.seq, row.id, row.type, row.subject, row.visit, row.travel, row.parcel, row.time, row.topic, row.body),
        row.code,
        _crc(row),
    )


def attested(one: Evidence) -> tuple[Any, ...]:
    """Evidence as the columns of `evidence`; SQLite gives the id."""
    digest = hashlib.sha256(one.raw).hexdigest()
    return (None, one.utc_ms, one.topic, digest, one.raw, one.first_seq, one.last_seq, json.dumps(one.refused))


def checked(found: Iterable[tuple[Any, ...]], damaged: set[int]) -> Iterator[Row]:
    """Rows of the columns `EVENT`; those whose CRC does not fit are left out and their sequences added to `damaged`."""
    for *columns, crc in found:
        row = Row(*columns)
        if _crc(row) == crc:
            yield row
        else:
            damaged.add(row.seq)


def _crc(row: Row) -> int:
    return zlib.crc32(row.body, zlib.crc32(f"{row.seq} {row.id} {row.topic}".encode()))
