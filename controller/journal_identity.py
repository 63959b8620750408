"""Who a journal is: its id, which names the stream of sequences, and its boot, which names this run of it.

The id is made anew wherever sequences may have been given that this file does not know, for they would be given again
to other events. That is where

- the file is not the one that was made here: another machine or another inode, as after restoring a backup or cloning
  a disk;
- the **witness** knows a later boot of this journal: `witness` beside the journal (JSON: `journal`, `boot`,
  `delivered`, `running`), written and synced at each start after the boot was committed. So an older image written into
  the same file, or put back with its inode, is known;
- the witness says that the journal was not closed, and its write-ahead log is gone or empty;
- the file `journal.renew` lies beside it: somebody has seen sequences of this journal beyond its last;
- the journal was salvaged, or cannot prove its id.

With the id the boot is drawn anew, for machines must not take this run for one that they know. Events that were not
delivered stay queued, with their sequences, bodies and source; `meta.first` is where the new stream begins.

But where others know more of a journal than it does, the sequences that it has given since (`meta.began`: the last one
at its opening) are others' already. Nothing of that is published before the broker has said what it knows, so those
events go over to the new id.
"""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

from controller.journal_file import EVENT, fetch, note, noted, sync_folder, tell
from controller.journal_rows import Finding
from controller.journal_sums import checked, stored

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
BOOTS = 65535
WITNESS, RENEW = "witness", "journal.renew"
OLDER = "others know of sequences that it does not have, so it is an older state of itself"
PAGE = 500
WITH_IT = ", and with it holds by hand, closed lanes, containers, advice and customs records: give them again"
AHEAD = """
DELETE FROM mark WHERE seq > (SELECT coalesce(max(seq), 0) FROM event)
OR evidence > (SELECT coalesce(max(id), 0) FROM evidence)
"""
"""Marks of retention that know rows which are gone: their numbers are given again, and would count as old at once."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What is known of the journal outside of it. Up to `delivered` every event was accepted by the broker."""

    journal: str
    boot: int
    delivered: int = 0
    running: bool = False


def witness_of(folder: Path) -> Witness | None:
    """The witness, None where there is none that can be read."""
    try:
        said = json.loads((folder / WITNESS).read_text())
        found = Witness(str(said["journal"]), int(said["boot"]), int(said["delivered"]), bool(said["running"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found


def testify(folder: Path, witness: Witness) -> None:
    """Write the witness; on disk when it returns, and with it the names of all files in the folder: SQLite syncs them,
    too, but an error of that it does not tell. Raises OSError, JournalError."""
    beside = folder / f"{WITNESS}.new"
    with beside.open("w") as file:
        file.write(json.dumps(asdict(witness)) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, folder / WITNESS)
    sync_folder(folder)


def later(boot: int, than: int) -> bool:
    """Whether a boot comes after another one; they count up and wrap."""
    return 0 < (boot - than) % BOOTS <= BOOTS // 2


def begin_boot(
    db: sqlite3.Connection, path: Path, rng: Random, utc_ms: int, witness: Witness | None, *, log_gone: bool = False
) -> Witness:
    """Begin the next boot, with a new journal id where one is due; durable when it returns. What the witness must say.

    `log_gone`: there was no write-ahead log, or an empty one, when the file was opened.
    """
    db.execute("BEGIN IMMEDIATE")
    meta = noted(db)
    here = f"{_machine()}:{path.stat().st_ino}"
    delivered = _delivered(db, int(meta.get("delivered", 0)))
    why = _reason(meta, here, path, witness, log_gone)
    last = _last(db, meta)
    if why is not None:
        db.execute(AHEAD)
        old = str(meta.get("journal") or meta.get("was") or "")
        journal = _drawn(rng, {old, witness.journal} if witness is not None else {old})
        since = int(meta.get("began", last)) if why == OLDER else last
        first = (since if _moved(db, since, last, old, journal) else last) + 1
        meta |= {"file": here, "journal": journal, "made_utc_ms": utc_ms, "first": first, "boot": _unused(db, rng)}
        if why:
            what = f"the journal has the new id {journal}{f' instead of {old}' if old else ''}: {why}. "
            tell(db, [Finding("journal-renewed", f"{what}Its first sequence is {first}", "high")])
    before = int(meta["boot"]) if "boot" in meta else _unused(db, rng)
    meta["boot"] = before % BOOTS + 1
    meta["began"] = last
    keys = ("file", "journal", "made_utc_ms", "first", "boot", "began")
    note(db, {key: meta[key] for key in keys if key in meta} | {"delivered": delivered})
    db.execute("COMMIT")
    return Witness(str(meta["journal"]), int(meta["boot"]), delivered, running=True)


def _drawn(rng: Random, taken: set[str]) -> str:
    """A journal id that is none of these."""
    while (journal := "".join(rng.choice(ALPHABET) for _ in range(8))) in taken:
        pass
    return journal


def _reason(meta: dict[str, object], here: str, path: Path, witness: Witness | None, log_gone: bool) -> str | None:
    """Why the id must be a new one, "" where there was none and nothing of it is news; None = it stays."""
    if "was" in meta and "journal" not in meta:
        return "it was salvaged"
    if "journal" not in meta:
        if "file" in meta or "made_utc_ms" in meta:
            return "it cannot prove its own"
        return f"the file of {witness.journal} is gone or empty{WITH_IT}" if witness is not None else ""
    if meta.get("file") != here:
        return "its file was copied, restored or moved to another disk"
    if (path.parent / RENEW).exists():
        return OLDER
    if witness is None or witness.journal != meta["journal"]:
        return None
    if later(witness.boot, int(str(meta.get("boot", 0)))):
        return "it is an older state of itself: its witness knows a later start"
    if witness.running and log_gone:
        return "the write-ahead log of its last run is gone, so what was recorded last may be lost"
    return None


def _moved(db: sqlite3.Connection, since: int, last: int, old: str, journal: str) -> bool:
    """Let the events after `since` be of the new journal. False, and all as it was: one of them is out already."""
    for table in ("event", "outbox"):
        if db.execute(f"SELECT count(*) FROM {table} WHERE seq > ?", (since,)).fetchone()[0] != last - since:
            return False
    ask = f"SELECT {EVENT} FROM event WHERE seq > ? ORDER BY seq LIMIT {PAGE}"
    before, after = f':{old}"'.encode(), f':{journal}"'.encode()  # the end of their source
    while rows := list(checked(fetch(db, ask, (since,)), set())):
        made = (stored(replace(row, body=row.body.replace(before, after, 1))) for row in rows)
        db.executemany("UPDATE event SET body = ?, crc = ? WHERE seq = ?", ((row[9], row[11], row[0]) for row in made))
        since = rows[-1].seq
    return True


def _last(db: sqlite3.Connection, meta: dict[str, object]) -> int:
    """The highest sequence that is known to have been given."""
    (event,) = db.execute("SELECT max(seq) FROM event").fetchone()
    (queued,) = db.execute("SELECT max(seq) FROM outbox").fetchone()
    return max(event or 0, queued or 0, int(str(meta.get("last", 0))))


def _delivered(db: sqlite3.Connection, known: int) -> int:
    """Up to which sequence every event was delivered."""
    (oldest,) = db.execute("SELECT min(seq) FROM outbox").fetchone()
    (last,) = db.execute("SELECT max(seq) FROM event").fetchone()
    return max(known, (oldest or (last or 0) + 1) - 1)


def _unused(db: sqlite3.Connection, rng: Random) -> int:
    """The number before a boot in which no event of the queue was refused."""
    taken = {boot for (boot,) in fetch(db, "SELECT DISTINCT boot FROM outbox WHERE boot IS NOT NULL")}
    while True:
        before = rng.randrange(BOOTS)
        if before + 1 not in taken or len(taken) >= BOOTS:
            return before


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return os.uname().nodename
