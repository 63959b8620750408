"""The journal: what must not be lost, in one SQLite file.

One transaction (a `Batch`) holds what belongs together: the events of a step, how far each machine's channel has been
heard, and the changes of the durable floor state. Either all of it is on disk or none, so a restart finds a floor that
fits its events, and a machine is told "durable" only about what a power cut leaves standing.

- **Durable** means: write-ahead log with `synchronous=FULL`, the log synced before COMMIT returns.
- **One writer.** All writing goes through one connection, in the daemon through the one thread of `Writer`. Reading has
  a connection of its own and never waits for the sync; it sees what is committed, nothing else.
- **Group commit.** While one transaction is being synced the next one gathers: at once when idle, 1 ms more when busy.
- **The first error of the disk is the last.** After a failed sync the kernel may have dropped the pages, and the next
  sync would succeed over the hole. So nothing is retried in place: no further commit, `on_failed` once, the process
  ends, and the next start reads what is really there.
- **Events are never changed.** Whether one was delivered stands beside it: `outbox` holds the sequences that the broker
  has not accepted, with the code of the last refusal and the boot in which it was given. A row refused in this boot is
  not in the `backlog` (who publishes retries it); after a restart it is, so that no refusal is for ever.
- **journal id** names the stream of sequences, **boot** this run of it. A copy that ran on beside its original would
  give the same sequences to other events, and the same boots to machines; so both are made anew when the file is not
  the one that was made here: another machine, or another inode, as after restoring a backup or cloning a disk. What
  this does not see: an older image of the same disk on the same machine, or a backup written into the existing file.
- **Evidence** lies beside the events: messages about customs as they came, with their hash and what was done.
- **Each event carries a CRC** of what is published; one that does not fit is noted and never published.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from random import Random

from controller.journal_file import (
    EVENT,
    JournalError,
    attested,
    begin_boot,
    checked,
    connect,
    explained,
    prepare,
    stored,
    trouble,
)
from controller.journal_reader import Reader
from controller.journal_rows import Batch, Counts, Evidence, Restored, Row
from controller.journal_writer import Writer

__all__ = ["Batch", "Counts", "Evidence", "Journal", "JournalError", "Reader", "Restored", "Row", "Writer"]


class Journal:
    """The open journal of a running daemon. Not locked against a second daemon: that is the caller's work."""

    def __init__(self, path: Path, writing: sqlite3.Connection, reading: sqlite3.Connection, boot: int) -> None:
        self.path = path
        self.boot = boot
        self.damaged: set[int] = set()
        """Sequences of events whose CRC does not fit, as far as `backlog` has met them."""
        self._writing = writing
        self._reading = reading

    @classmethod
    def open(cls, path: Path | str, *, create: bool = True, rng: Random, utc_ms: int) -> Journal:
        """Open it, make it where there is none and `create` says so, and durably begin the next boot.

        Raises JournalError: missing, not a journal, of a newer hubfloor, or unreadable.
        """
        path = Path(path)
        if not create and not path.exists():
            raise JournalError(f"{path}: there is no journal; look for it in the state_dir of the floor file")
        with contextlib.ExitStack() as undo, explained(path):
            writing = undo.enter_context(contextlib.closing(connect(path, "rwc")))
            prepare(writing, path)
            boot = begin_boot(writing, path, rng, utc_ms)
            reading = undo.enter_context(contextlib.closing(connect(path, "ro")))
            undo.pop_all()
        return cls(path, writing, reading, boot)

    def restored(self) -> Restored:
        """Everything a start needs, as committed. Raises JournalError."""
        with explained(self.path):
            ask = self._reading.execute
            pending, oldest = ask("SELECT count(*), min(seq) FROM outbox").fetchone()
            return Restored(
                journal=ask("SELECT value FROM meta WHERE key = 'journal'").fetchone()[0],
                boot=self.boot,
                last_seq=ask("SELECT max(seq) FROM event").fetchone()[0] or 0,
                channels={name: (epoch, evt) for name, epoch, evt in ask("SELECT name, epoch, evt FROM channel")},
                state={(kind, key): body for kind, key, body in ask("SELECT kind, key, body FROM state")},
                pending=pending,
                oldest_pending=oldest,
                parcels=ask("SELECT count(*) FROM advice").fetchone()[0],
            )

    def commit(self, batch: Batch) -> None:
        """Write one transaction; when this returns, it is durable.

        Raises sqlite3.Error with nothing written; then this journal must not be written any more.
        """
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            self._write(batch)
            self._advise(batch.advice)
            self._attest(batch.evidence)
            self._writing.execute("COMMIT")
        except BaseException:
            if self._writing.in_transaction:
                self._writing.rollback()
            raise

    def _write(self, batch: Batch) -> None:
        many = self._writing.executemany
        many("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(stored, batch.events))
        many("INSERT INTO outbox (seq) VALUES (?)", ((row.seq,) for row in batch.events))
        many("REPLACE INTO channel VALUES (?, ?, ?)", ((name, *last) for name, last in batch.channels.items()))
        kept = ((*key, body) for key, body in batch.state.items() if body is not None)
        many("REPLACE INTO state VALUES (?, ?, ?)", kept)
        gone = (key for key, body in batch.state.items() if body is None)
        many("DELETE FROM state WHERE kind = ? AND key = ?", gone)
        refused = ((code, self.boot, seq) for seq, code in batch.quarantined)
        many("UPDATE outbox SET code = ?, boot = ? WHERE seq = ?", refused)
        many("DELETE FROM outbox WHERE seq = ?", ((seq,) for seq in batch.delivered))

    def _advise(self, advice: Iterable[tuple[str, tuple[str, ...], bytes | None]]) -> None:
        latest = {parcel: (aliases, body) for parcel, aliases, body in advice}
        many = self._writing.executemany
        many("DELETE FROM alias WHERE parcel = ?", ((parcel,) for parcel in latest))
        gone = ((parcel,) for parcel, (_, body) in latest.items() if body is None)
        many("DELETE FROM advice WHERE parcel = ?", gone)
        kept = [(parcel, aliases, body) for parcel, (aliases, body) in latest.items() if body is not None]
        upsert = "INSERT INTO advice VALUES (?, ?) ON CONFLICT (parcel) DO UPDATE SET body = excluded.body"
        many(upsert, ((parcel, body) for parcel, _, body in kept))
        pairs = ((alias, parcel) for parcel, aliases, _ in kept for alias in (parcel, *aliases))
        many("INSERT OR IGNORE INTO alias VALUES (?, ?)", pairs)

    def _attest(self, evidence: Iterable[Evidence]) -> None:
        for one in evidence:
            made = self._writing.execute("INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?)", attested(one))
            pairs = ((subject, made.lastrowid) for subject in one.subjects or ("",))
            self._writing.executemany("INSERT OR IGNORE INTO evidence_subject VALUES (?, ?)", pairs)

    def backlog(self, after_seq: int, limit: int) -> list[Row]:
        """Up to `limit` rows after `after_seq` in order: not delivered, not refused in this boot.

        A row whose CRC does not fit is left out and noted in `damaged`. Fewer rows than `limit` = there are no more.
        """
        ask = f"SELECT {EVENT} FROM outbox JOIN event USING (seq) WHERE seq > ? AND boot IS NOT ? ORDER BY seq LIMIT ?"
        good: list[Row] = []
        with explained(self.path):
            while wanted := limit - len(good):
                found = self._reading.execute(ask, (after_seq, self.boot, wanted)).fetchall()
                good += checked(found, self.damaged)
                if len(found) < wanted:
                    break
                after_seq = found[-1][0]
        return good

    def look(self, key: str) -> list[tuple[str, bytes]]:
        """(parcel, JSON) of every committed advice that has `key` as its parcel id or as an alias, by parcel id."""
        ask = "SELECT parcel, body FROM alias JOIN advice USING (parcel) WHERE alias = ? ORDER BY parcel"
        try:  # not explained(): this is asked for every read code
            return self._reading.execute(ask, (key,)).fetchall()
        except sqlite3.Error as error:
            raise trouble(self.path, error) from error

    def close(self) -> None:
        """Close it; the write-ahead log goes into the file where it can."""
        self._reading.close()
        self._writing.close()
