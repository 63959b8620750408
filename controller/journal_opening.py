"""How a journal is opened: what lies in the folder is judged first, and what is damaged is salvaged."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path
from random import Random

from controller import journal_log, journal_pages, journal_salvage
from controller.journal_file import (
    CHECK,
    Damaged,
    JournalError,
    connect,
    explained,
    may_wait,
    prepare,
    tell,
    whole,
)
from controller.journal_identity import RENEW, Witness, begin_boot, testify, witness_of
from controller.journal_reserve import Reserve
from controller.journal_rows import Finding
from controller.journal_sift import sift

TRIES = 3
LOG_CHECKED = 64 * 1024 * 1024
"""Bytes of a write-ahead log that is looked through at an opening: a second's work. None is larger but by a failure."""


def opened(path: Path, rng: Random, utc_ms: int, reserve: Reserve) -> tuple[sqlite3.Connection, Witness]:
    """The connection that writes, on a whole journal whose next boot has begun, and what the witness says of it.

    Everything is on disk: the file, its name, the boot, the witness. Raises JournalError.
    """
    folder = path.parent
    journal_salvage.finish(path)
    witness = witness_of(folder)
    again = False
    for left in reversed(range(TRIES)):
        try:
            with explained(path):
                db, found = _begun(path, rng, utc_ms, witness)
            break
        except Damaged as error:
            if not left:
                raise
            if not again:
                again = True  # damage is there the next time, too; a read that failed once is none
                continue
            reserve.give_up()  # a second file needs room
            why = str(error).removeprefix(f"{path}: ").partition(";")[0]
            with explained(path):
                journal_salvage.salvage(path, why, utc_ms, witness)
        except JournalError as error:
            cause = error.__cause__
            no_room = isinstance(cause, sqlite3.Error) and may_wait(path, cause)
            if not (left and no_room and reserve.give_up()):
                raise
    with contextlib.ExitStack() as undo:
        undo.enter_context(contextlib.closing(db))
        undo.callback(take_back, folder, found)  # before the last connection goes, and the log with it
        _testify(folder, found, reserve)
        _unmark(folder)
        if not reserve.make():
            what = f"{folder}: the disk has no room for the journal's reserve; see what fills it"
            with contextlib.suppress(sqlite3.Error):  # that it is full is told by the first commit
                tell(db, [Finding("journal-reserve", what, "high")])
        undo.pop_all()
    return db, found


def _begun(path: Path, rng: Random, utc_ms: int, witness: Witness | None) -> tuple[sqlite3.Connection, Witness]:
    log = Path(f"{path}-wal")
    log_gone = not log.exists() or not log.stat().st_size
    _look_at(path, log)
    check = (path.parent / CHECK).exists()
    with contextlib.ExitStack() as undo:
        db = undo.enter_context(contextlib.closing(connect(path, "rwc")))
        prepare(db, path)
        if check and (fault := whole(db)) is not None:
            raise Damaged(f"{path}: {fault}")
        sift(db, path, outbox=check)
        found = begin_boot(db, path, rng, utc_ms, witness, log_gone=log_gone)
        undo.pop_all()
    return db, found


def _look_at(path: Path, log: Path) -> None:
    """What SQLite would not notice, or take for something else. Raises Damaged, JournalError."""
    try:
        length = path.stat().st_size if path.exists() else 0
        logged = log.stat().st_size if log.exists() else 0
        if not length:
            if logged > journal_log.HEAD:
                raise Damaged(f"{path}: the file is gone or empty and its write-ahead log is not")
            return
        with path.open("rb") as file:
            size = journal_pages.size_of(file.read(journal_pages.HEAD))
        if size is None:
            raise Damaged(f"{path}: it does not begin as a database does")
        if length % size and not logged:
            raise Damaged(f"{path}: it is cut off within a page")
        if 0 < logged <= LOG_CHECKED:
            fault = journal_log.read(log.read_bytes(), size).fault
            if fault is not None:
                raise Damaged(f"{path}: of its write-ahead log {fault}")
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}; see to its disk and its rights") from error


def take_back(folder: Path, found: Witness) -> None:
    """Nothing runs after all; where this cannot be written the next start takes the log for lost, which is safe."""
    with contextlib.suppress(OSError, JournalError):
        testify(folder, replace(found, running=False))


def _unmark(folder: Path) -> None:
    try:
        for marker in (RENEW, CHECK):
            (folder / marker).unlink(missing_ok=True)
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}; see to its disk and its rights") from error


def _testify(folder: Path, found: Witness, reserve: Reserve) -> None:
    try:
        try:
            testify(folder, found)
        except OSError:
            if not reserve.give_up():
                raise
            testify(folder, found)
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}; see to its disk and its rights") from error
