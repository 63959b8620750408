"""The journal's file: how it is opened, its version, and what an error of SQLite means."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.journal_rows import Finding
from controller.journal_sums import proof, proves
from controller.journal_tables import APPLICATION, MIGRATIONS, SCHEMA, TABLES

EVENT = "seq, id, type, subject, visit, travel, parcel, time, topic, body, read_code, crc"
CHECK = "journal.check"
"""A file of this name beside the journal makes the next opening check the whole file."""

LOG_PAGES = 2000
"""8 MB. When the log goes into the file the file is synced as well, and what comes meanwhile waits: with SQLite's own
1000 pages too often (at 1000 events a second p99 is 2.6 ms against 2.1 until they are durable), with more too long."""

DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_TOOBIG}

UNREADABLE = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)


class JournalError(Exception):
    """The journal cannot be used; the message says which file, why, and what to do."""


class Damaged(JournalError):
    """The file is not what was written: it must be salvaged."""


class Held(sqlite3.OperationalError):
    """A commit found no room, or a file system that takes no writing: nothing is lost, it can be tried again."""


@contextlib.contextmanager
def explained(path: Path, *, mark: bool = False) -> Iterator[None]:
    """Errors of SQLite as JournalError with the file's name, of a damaged file as Damaged. `mark`: such a file is
    checked at its next opening."""
    try:
        yield
    except sqlite3.Error as error:
        met = trouble(path, error)
        if mark and isinstance(met, Damaged):
            suspect(path)
        raise met from error


def trouble(path: Path, error: sqlite3.Error) -> JournalError:
    """An error of SQLite in plain words."""
    if is_damage(error):
        return Damaged(f"{path}: {error}; the next start of floord salvages what can be read of it")
    return JournalError(f"{path}: {error}; see to its disk and its rights, else restore the file")


def is_damage(error: sqlite3.Error) -> bool:
    """SQLite says that the file's content is wrong, that it is short, or that a part of it cannot be read."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in DAMAGE or code in UNREADABLE


def may_wait(path: Path, error: sqlite3.Error) -> bool:
    """Whether it is a disk without room, or one that takes no writing at present, and no failure of the disk."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return False  # the file is another one now
    if code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY):
        return True
    if code & 0xFF != sqlite3.SQLITE_IOERR:
        return False
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    no_room = code == sqlite3.SQLITE_IOERR_SHMSIZE and not disk.f_bavail  # the log's index did not find its room
    return no_room or bool(disk.f_flag & os.ST_RDONLY)


def suspect(path: Path) -> None:
    """Make the next opening check the whole file. As well as can be: the disk may be the trouble."""
    with contextlib.suppress(OSError):
        (path.parent / CHECK).touch()


def sync_folder(folder: Path) -> None:
    """The names in it are on disk when this returns. Raises JournalError."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}; its disk does not keep what is written: see to it") from error


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """One connection, `mode` `ro` or `rwc`. Used by one thread at a time, not always by the one that opened it."""
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        f"file:{quoted}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
    )


def fetch(db: sqlite3.Connection, ask: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows of a question; damaged texts come as texts that fit no checksum, not as an error."""
    try:
        return db.execute(ask, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    db.text_factory = lambda raw: raw.decode(errors="replace")
    return db.execute(ask, values).fetchall()


def whole(db: sqlite3.Connection) -> str | None:
    """What SQLite's check of the whole file finds first, None = nothing. Reads all of it."""
    try:
        (found,) = fetch(db, "PRAGMA integrity_check(1)")[0]
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    return None if found == "ok" else str(found).replace("\n", " ")


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make sure of the tables, and that a commit is on disk when it returns.

    Raises JournalError, Damaged where the tables are not what was made, sqlite3.Error.
    """
    made = db.execute("SELECT 1 FROM sqlite_master").fetchone()
    if made:
        check_version(db, path)
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise JournalError(f"{path}: its file system cannot hold a write-ahead log; put state_dir on a local disk")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    # What is deleted is overwritten: a row that salvage finds on a page is one that counts.
    db.execute("PRAGMA secure_delete = ON")
    if not made:
        create(db, TABLES.removesuffix("COMMIT;"))
    elif schema(db) < SCHEMA:
        migrate(db)
    elif (fault := _misfit(db)) is not None:
        raise Damaged(f"{path}: {fault}")


def migrate(db: sqlite3.Connection) -> None:
    """Bring an older journal to this schema, in one transaction: killed in between, it is as it was."""
    db.create_function("proof", -1, proof, deterministic=True)
    steps = "".join(MIGRATIONS[number] for number in range(schema(db), SCHEMA))
    create(db, f"BEGIN EXCLUSIVE;{steps}PRAGMA user_version = {SCHEMA};")


def create(db: sqlite3.Connection, script: str) -> None:
    """Run a script that begins a transaction, note what the tables are, and commit."""
    db.executescript(script)
    note(db, {"schema": SCHEMA, "tables": _tables(db)})
    db.execute("COMMIT")


def note(db: sqlite3.Connection, values: dict[str, str | int]) -> None:
    """Write entries of `meta`."""
    rows = ((key, value, proof("meta", key, value)) for key, value in values.items())
    db.executemany("REPLACE INTO meta VALUES (?, ?, ?)", rows)


def noted(db: sqlite3.Connection) -> dict[str, Any]:
    """The entries of `meta` that are as they were written."""
    rows = fetch(db, "SELECT key, value, crc FROM meta")
    return {row[0]: row[1] for row in rows if proves("meta", row)}


def tell(db: sqlite3.Connection, findings: list[Finding]) -> None:
    """Keep findings until what they say has been committed as alarms."""
    many = ((one.alarm, one.what, one.priority) for one in findings)
    db.executemany("INSERT INTO finding VALUES (NULL, ?, ?, ?, ?)", ((*row, proof("finding", *row)) for row in many))


def schema(db: sqlite3.Connection) -> int:
    """The version of its tables."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Raises JournalError for another program's database and for the journal of a newer hubfloor; Damaged where only
    the head of the file says so, and its entry `schema` proves that it is ours."""
    version, ours = schema(db), db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    try:
        said = noted(db).get("schema")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
            raise
        said = None  # no such table: of schema 1 or 2, or not ours
    if said == SCHEMA and not (ours and version == SCHEMA):
        raise Damaged(f"{path}: its head says another program or schema {version}; it is a journal of schema {said}")
    if not ours:
        raise JournalError(f"{path}: not a journal of hubfloor; move that file away or name another state_dir")
    if version > SCHEMA:
        raise JournalError(
            f"{path}: written by a newer hubfloor (schema {version}, this one knows {SCHEMA}); "
            "install that one again, or start with another state_dir"
        )
    if version < 1 or (version == SCHEMA and said is None):
        raise Damaged(f"{path}: it does not say its schema")


def _misfit(db: sqlite3.Connection) -> str | None:
    return None if noted(db).get("tables") == _tables(db) else "its tables are not those that were made"


def _tables(db: sqlite3.Connection) -> int:
    """A checksum over what the tables and indices are, and where in the file they begin."""
    rows = fetch(db, "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master ORDER BY type, name")
    return zlib.crc32(repr(rows).encode("utf-8", "backslashreplace"))
