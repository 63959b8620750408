"""What can be read of a damaged journal, in a new one.

Every page of the file and of its log is looked through, whatever the trees and the head of the file say, and each row
that proves itself (journal_sums.py) is taken. So what is lost is what lay on the damaged pages, and no more: nothing
behind a damaged inner page, and nothing because of the first page. What had been deleted is not found again, since
`secure_delete` overwrites it.

- Everything that is not provably delivered is queued again: at least once.
- The new file has no journal id yet, so it gets a new one: sequences that were given may be gone.
- The damaged files stay beside it as `journal.db.damaged-<UTC>`, with `-wal` and `-shm`; the latest `SETS` of them.
- Killed at any point, the next start goes on: the new file is built as `…salvage`, synced, renamed to
  `…salvaged-<UTC>`; only then the old files are moved aside and it takes their place. A start that finds a `…salvage`
  begins again, one that finds a `…salvaged-<UTC>` goes on with the moving.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import unpack_from
from typing import Any, BinaryIO

from controller import journal_log, journal_pages
from controller.journal_file import JournalError, connect, create, note, sync_folder, tell
from controller.journal_identity import Witness
from controller.journal_rows import Finding, Row, ranges
from controller.journal_sift import distrust_feed, requeue, state_lost
from controller.journal_sums import attests, fits, proves
from controller.journal_tables import INDICES, ROWS, STAMP
from controller.stamps import rfc3339

SETS = 3
BUILDING, READY, ASIDE = ".salvage", ".salvaged-", ".damaged-"
SIDES = ("-wal", "-shm", "")
MANY = 500
PAGE = 4096

TAKES = {
    "event": "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "outbox": "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?)",
    "advice": "INSERT INTO advice VALUES (?, ?, ?, ?) ON CONFLICT (parcel) DO UPDATE SET body = excluded.body, "
    "lived_ms = excluded.lived_ms, crc = excluded.crc WHERE excluded.lived_ms > lived_ms",
    "alias": "INSERT OR IGNORE INTO alias VALUES (?, ?, ?)",
    "evidence": "INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "evidence_subject": "INSERT OR IGNORE INTO evidence_subject VALUES (?, ?, ?)",
    "finding": "INSERT OR IGNORE INTO finding VALUES (?, ?, ?, ?, ?)",
    "mark": "INSERT OR IGNORE INTO mark VALUES (?, ?, ?, ?)",
    "channel": "INSERT INTO channel VALUES (?, ?, ?, ?)",
    "state": "INSERT INTO state VALUES (?, ?, ?, ?)",
}
SHAPES = {12: ("event",), 5: ("finding",), 8: ("evidence",), 3: ("meta", "alias", "evidence_subject")}


@dataclass
class Haul:
    """What was found beside the rows of great tables: small ones by key, and what was not fit."""

    meta: dict[str, Any] = field(default_factory=dict)
    small: dict[str, dict[tuple[str, ...], tuple[Any, ...]]] = field(
        default_factory=lambda: {"channel": {}, "state": {}}
    )
    doubled: dict[str, set[tuple[str, ...]]] = field(default_factory=lambda: {"channel": set(), "state": set()})
    queued: set[int] = field(default_factory=set)
    misfits: Counter[str] = field(default_factory=Counter)
    gone: list[int] = field(default_factory=list)
    """events that the queue names and that were not found"""
    unreadable: int = 0
    log_fault: str | None = None


def finish(path: Path) -> None:
    """Go on where a salvage was cut off: nothing, or the moving into place. Raises JournalError."""
    with _disk(path):
        Path(f"{path}{BUILDING}").unlink(missing_ok=True)
        for side in ("-wal", "-shm", "-journal"):
            Path(f"{path}{BUILDING}{side}").unlink(missing_ok=True)
        for ready in sorted(path.parent.glob(f"{path.name}{READY}*")):
            aside = f"{path}{ASIDE}{ready.name.removeprefix(path.name + READY)}"
            for side in SIDES:  # the log first: it must never lie beside the new file
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{path}{side}", f"{aside}{side}")
            os.replace(ready, path)
            sync_folder(path.parent)


def salvage(path: Path, why: str, utc_ms: int, witness: Witness | None = None) -> None:
    """Put a new journal in the place of a damaged one.

    Its findings are in it. Raises JournalError where the disk has no room for it or fails.
    """
    finish(path)
    _forget_oldest(path)
    building = Path(f"{path}{BUILDING}")
    try:
        _build(path, building, why, witness, spare=False)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_FULL:
            raise
        building.unlink(missing_ok=True)
        _build(path, building, why, witness, spare=True)
    stamp = rfc3339(utc_ms).replace("-", "").replace(":", "")
    with _disk(path):
        with building.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(building, f"{path}{READY}{stamp}")
        sync_folder(path.parent)
    finish(path)


def _build(path: Path, building: Path, why: str, witness: Witness | None, *, spare: bool) -> None:
    """`spare`: without events that were delivered; they stay in the damaged file only."""
    haul, kept, delivered, queued = Haul(), Counter[str](), 0, set[int]()
    with contextlib.closing(connect(building, "rwc")) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(f"BEGIN EXCLUSIVE;{ROWS}COMMIT;")
        if spare:
            for _ in _found(path, haul):
                pass
            delivered, queued, haul = _delivered(haul, witness), haul.queued, Haul()
        db.execute("BEGIN EXCLUSIVE")
        waiting: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TAKES}
        for table, row in _found(path, haul):
            if spare and table == "event" and row[0] <= delivered and row[0] not in queued:
                continue
            waiting[table].append(row)
            if len(waiting[table]) >= MANY:
                _take(db, table, waiting, kept)
        for table in waiting:
            _take(db, table, waiting, kept)
        for table, rows in haul.small.items():
            good = [row for key, row in rows.items() if key not in haul.doubled[table]]
            db.executemany(TAKES[table], good)
            kept[table] = len(good)
        _mend(db, haul, kept, _delivered(haul, witness))
        tell(db, list(_findings(haul, kept, why, spare)))
        db.execute("COMMIT")
        create(db, f"BEGIN EXCLUSIVE;{INDICES}{STAMP}")


def _take(db: sqlite3.Connection, table: str, waiting: dict[str, list[tuple[Any, ...]]], kept: Counter[str]) -> None:
    before = db.total_changes
    db.executemany(TAKES[table], waiting[table])
    kept[table] += db.total_changes - before
    waiting[table].clear()


def _delivered(haul: Haul, witness: Witness | None) -> int:
    """Up to where every event is known to be delivered."""
    known = int(haul.meta.get("delivered", 0))
    same = witness is not None and witness.journal == haul.meta.get("journal")
    return max(known, witness.delivered) if witness is not None and same else known


def _mend(db: sqlite3.Connection, haul: Haul, kept: Counter[str], delivered: int) -> None:
    """What belongs to a whole journal beside its rows: the queue, aliases, the safe consequence."""
    gone = "FROM outbox WHERE seq NOT IN (SELECT seq FROM event)"
    haul.gone = [seq for (seq,) in db.execute(f"SELECT seq {gone} ORDER BY seq")]
    db.execute(f"DELETE {gone}")
    kept["queued again"] = requeue(db, delivered)
    db.execute("INSERT OR IGNORE INTO alias SELECT parcel, parcel, proof('alias', parcel, parcel) FROM advice")
    distrust_feed(db)
    last = max([*haul.gone, int(haul.meta.get("last", 0))])
    was, lived = str(haul.meta.get("journal", "")), int(haul.meta.get("lived", 0))
    note(db, {"delivered": delivered, "last": last, "was": was, "lived": lived})


def _findings(haul: Haul, kept: Counter[str], why: str, spare: bool) -> Iterator[Finding]:
    lost = sum(haul.misfits.values()) + haul.unreadable + len(haul.gone)
    rows = ", ".join(f"{kept[table]} {table}" for table in TAKES if kept[table]) or "none"
    text = f"the journal was damaged ({why}) and is made anew of every row that proves itself. Kept: {rows}"
    text += f". Events queued again: {kept['queued again']}"
    misfits = ", ".join(f"{number} {table}" for table, number in sorted(haul.misfits.items()))
    text += f". Rows that are damaged: {misfits or 'none'}; pages that cannot be read: {haul.unreadable}"
    if haul.log_fault:
        text += f"; of its write-ahead log {haul.log_fault}"
    if haul.gone:
        text += f". Events that are gone and were not delivered: {ranges(haul.gone)}"
    if spare:
        text += ". The disk had no room for delivered events: they are in the damaged file only"
    yield Finding("journal-salvaged", text, "critical" if lost else "high")
    doubled = [(key[0], key[1]) for key in sorted(haul.doubled["state"])]
    channels = [key[0] for key in sorted(haul.doubled["channel"])]
    yield from state_lost(doubled, channels, unknown=bool(haul.unreadable or haul.misfits))


def _found(path: Path, haul: Haul) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """(table, row) of all great tables, the damaged file's rows in order of its pages; the rest goes into the haul."""
    for rowid, values in _rows(path, haul):
        if len(values) == 5 and values[0] in ("table", "index"):
            continue  # what the tables are
        table, row = _proven(rowid, values)
        if row is None:
            haul.misfits[table] += 1
        elif table == "meta":
            haul.meta[row[0]] = row[1]
        elif table in haul.small:
            key = row[:-2] if table == "state" else row[:1]
            if haul.small[table].setdefault(key, row) != row:
                haul.doubled[table].add(key)
        else:
            if table == "outbox":
                haul.queued.add(row[0])
            yield table, row


def _proven(rowid: int | None, values: tuple[Any, ...]) -> tuple[str, tuple[Any, ...] | None]:
    """The table of a row and its columns, or what table it may be of and None."""
    names = SHAPES.get(len(values), ("of no table",))
    if len(values) == 4:
        names = ("channel", "state") if rowid is None else ("mark", "outbox") if values[0] is None else ("advice",)
    row = values if rowid is None or names == ("advice",) else (rowid, *values[1:])
    if names == ("event",):
        return "event", row if fits(Row(*row[:-1]), row[-1]) else None
    if names == ("evidence",):
        return "evidence", row if attests(row) else None
    if names == ("finding",):
        return "finding", row if proves("finding", row[1:]) else None
    return next(((name, row) for name in names if proves(name, row)), (names[-1], None))


def _rows(path: Path, haul: Haul) -> Iterator[tuple[int | None, tuple[Any, ...]]]:
    """Every row of every page, the log's pages over the file's."""
    with contextlib.ExitStack() as undo, _disk(path):
        file = undo.enter_context(path.open("rb")) if path.exists() else None
        log = Path(f"{path}-wal").read_bytes() if Path(f"{path}-wal").exists() else b""
        size = _page_size(file, log)
        read = journal_log.read(log, size)
        haul.log_fault = read.fault
        length = os.fstat(file.fileno()).st_size if file else 0

        def page(number: int) -> bytes:
            if number in read.pages:
                return log[read.pages[number] : read.pages[number] + size]
            try:
                found = os.pread(file.fileno(), size, (number - 1) * size) if file and number > 0 else b""
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                found = b""  # a bad place of the disk
            if len(found) != size:
                raise journal_pages.Unreadable(f"page {number} is not there")
            return found

        for number in range(1, max(-(-length // size), _stated(page), *read.pages) + 1):
            try:
                content = page(number)
                if content[0] == 0 and (number > 1 or not any(content[: journal_pages.HEAD])):
                    continue  # free, or the rest of a long row
                for row in journal_pages.rows(content, number, page):
                    if row is None:
                        haul.misfits["of no table"] += 1
                    else:
                        yield row
            except journal_pages.Unreadable:
                haul.unreadable += 1


def _stated(page: journal_pages.PageOf) -> int:
    """How many pages there should be, as far as the head of the file can be believed."""
    try:
        head = page(1)
    except journal_pages.Unreadable:
        return 0
    return int(unpack_from(">I", head, 28)[0]) if journal_pages.size_of(head) == len(head) else 0


def _page_size(file: BinaryIO | None, log: bytes) -> int:
    """As the log or the head of the file says; where neither does, what SQLite takes for new files."""
    if len(log) >= journal_log.HEAD and unpack_from(">I", log)[0] in journal_log.MAGICS:
        return int(unpack_from(">I", log, 8)[0])
    return (journal_pages.size_of(file.read(journal_pages.HEAD)) if file else None) or PAGE


def _forget_oldest(path: Path) -> None:
    with _disk(path):
        sets = sorted(
            {name.name.removesuffix("-wal").removesuffix("-shm") for name in path.parent.glob(f"{path.name}{ASIDE}*")}
        )
        for old in sets[: max(0, len(sets) - SETS + 1)]:
            for side in SIDES:
                (path.parent / f"{old}{side}").unlink(missing_ok=True)


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(f"{error.filename or path}: {error.strerror}; see to its disk and its rights") from error
