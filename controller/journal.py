"""The journal: what must not be lost, in one SQLite file.

One transaction (a `Batch`) holds what belongs together: the events of a step, how far each machine's channel has been
heard, and the changes of the durable floor state. Either all of it is on disk or none, so a restart finds a floor that
fits its events, and a machine is told "durable" only about what a power cut leaves standing.

- **Durable** means: write-ahead log with `synchronous=FULL`, the log synced before COMMIT returns.
- **One writer.** All writing goes through one connection, in the daemon through the one thread of `Writer`. Reading has
  a connection of its own and never waits for the sync; it sees what is committed, nothing else.
- **Group commit.** While one transaction is being synced the next one gathers: at once when idle, 1 ms more when busy.
- **A failure of the disk is the end.** After a failed sync the kernel may have dropped the pages, and the next sync
  would succeed over the hole. So nothing is retried in place: no further commit, `on_failed` once, the process ends,
  and the next start checks the whole file (`journal.check` beside it says so) and reads what is really there.
- **A full disk is not.** Nothing was written then and nothing is lost: the same transaction is tried again until there
  is room (journal_writer.py); a reserve (journal_reserve.py) makes some for the last events of what is on the belts.
- **Events are never changed**, but for their source where they get another journal id before anyone has heard them
  (journal_identity.py). Whether one was delivered stands beside it: `outbox` holds the sequences that the broker
  has not accepted, with the code of the last refusal and the boot in which it was given. A row refused in this boot is
  not in the `backlog` (who publishes retries it); after a restart it is, so that no refusal is for ever.
- **journal id** names the stream of sequences, **boot** this run of it; both are made anew wherever sequences may have
  been given that this file does not know (journal_identity.py).
- **Evidence** lies beside the events: messages about customs as they came, with their hash and what was done.
- **Every row proves itself** by a checksum (journal_sums.py). One that does not fit is never used, and what follows is
  the safe consequence (journal_sift.py). A damaged file is salvaged when it is opened (journal_salvage.py).
- **Nothing is kept for ever** but what was not delivered (journal_retention.py).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from controller import sections
from controller.journal_batch import write
from controller.journal_file import (
    EVENT,
    Damaged,
    Held,
    JournalError,
    connect,
    explained,
    fetch,
    may_wait,
    note,
    noted,
    suspect,
)
from controller.journal_identity import BOOTS, Witness, testify
from controller.journal_opening import opened, take_back
from controller.journal_reader import Reader
from controller.journal_reserve import Reserve
from controller.journal_retention import Removed, Retention, lived
from controller.journal_rows import Batch, Counts, Evidence, Finding, Restored, Row
from controller.journal_sums import checked, proves
from controller.journal_writer import Writer

__all__ = [
    "Batch",
    "Counts",
    "Damaged",
    "Evidence",
    "Finding",
    "Held",
    "Journal",
    "JournalError",
    "Reader",
    "Removed",
    "Restored",
    "Row",
    "Writer",
]

FIRST = 200
"""Events of the queue that a start looks at."""

NO_RESERVE = sections.Journal(reserve_mb=0)

BACKLOG = f"""
SELECT outbox.seq, code, boot, outbox.crc, {", ".join(f"event.{name}" for name in EVENT.split(", "))}
FROM outbox LEFT JOIN event USING (seq) WHERE outbox.seq > ? AND boot IS NOT ? ORDER BY outbox.seq LIMIT ?
"""
LOOK = """
SELECT alias, parcel, alias.crc, parcel, body, lived_ms, advice.crc FROM alias JOIN advice USING (parcel)
WHERE alias = ? ORDER BY parcel
"""
AROUND = """
SELECT alias, parcel, alias.crc, parcel, body, lived_ms, advice.crc FROM alias JOIN advice USING (parcel)
WHERE alias IN (SELECT own.alias FROM alias AS mine JOIN alias AS own USING (parcel) WHERE mine.alias = ?)
ORDER BY alias, parcel
"""


class Journal:
    """The open journal of a running daemon. Not locked against a second daemon: that is the caller's work."""

    def __init__(
        self, path: Path, writing: sqlite3.Connection, witness: Witness, utc_ms: int, rules: sections.Journal
    ) -> None:
        self.path = path
        self.boot = witness.boot
        self.damaged: set[int] = set()
        """Sequences of undelivered events that are damaged or gone, as far as `backlog` has met them."""
        self._witness = witness
        self._failed = False
        self._writing = writing
        self._reading = connect(path, "ro")
        self._utc_ms = utc_ms  # of the opening
        self._began_ms = lived(writing) - time.monotonic() * 1000
        self._retention = Retention(writing, rules)
        self._reserve = Reserve(path.parent, rules.reserve_mb)
        self._findings = bool(self._reading.execute("SELECT 1 FROM finding").fetchone())

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = True,
        rng: Random,
        utc_ms: int,
        rules: sections.Journal = NO_RESERVE,
    ) -> Journal:
        """Open it, make it where there is none and `create` says so, and durably begin the next boot. A damaged one is
        salvaged first; `Restored.findings` says what was met.

        Raises JournalError: missing, not a journal, of a newer hubfloor, unreadable, or no room on the disk.
        """
        path = Path(path)
        if not create and not path.exists():
            raise JournalError(f"{path}: there is no journal; look for it in the state_dir of the floor file")
        writing, witness = opened(path, rng, utc_ms, Reserve(path.parent, rules.reserve_mb))
        with contextlib.ExitStack() as undo, explained(path, mark=True):
            undo.enter_context(contextlib.closing(writing))
            undo.callback(take_back, path.parent, witness)
            journal = cls(path, writing, witness, utc_ms, rules)
            undo.pop_all()
        return journal

    @classmethod
    def begin(cls, path: Path, *, rng: Random, utc_ms: int, rules: sections.Journal) -> tuple[Journal, Restored]:
        """Open it for a start, and what the start needs of it. Damage that is met only in reading that, or the
        first of what waits for the broker, is salvaged at once, by a second opening, and not at the next start. Raises
        JournalError."""

        def begun() -> tuple[Journal, Restored]:
            journal = cls.open(path, rng=rng, utc_ms=utc_ms, rules=rules)
            try:
                journal.backlog(0, FIRST)
                return journal, journal.restored()
            except BaseException:
                journal.close()
                raise

        with contextlib.suppress(Damaged):
            return begun()
        return begun()

    @property
    def removed(self) -> Removed:
        """What retention has taken out since the start."""
        return self._retention.removed

    def next_boot(self, rules: sections.Journal) -> None:
        """Begin the next boot within this process, with these rules. Nothing may be being written meanwhile.

        Raises what `commit` raises, and OSError: then the boot is what it was.
        """
        boot = self.boot % BOOTS + 1
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            note(self._writing, {"boot": boot})
            self._writing.execute("COMMIT")
        except BaseException as error:
            self._undo()
            raise self._judged(error) from error
        self._witness = replace(self._witness, boot=boot)
        testify(self.path.parent, self._witness)
        self.boot = boot
        self._retention = Retention(self._writing, rules)
        self._reserve = Reserve(self.path.parent, rules.reserve_mb)

    def restored(self, without: tuple[str, ...] = ()) -> Restored:
        """Everything a start needs, as committed, but state of these kinds. Raises JournalError."""
        with explained(self.path, mark=True):
            ask = self._reading.execute
            meta = noted(self._reading)
            pending, oldest = ask("SELECT count(*), min(seq) FROM outbox").fetchone()
            last = ask("SELECT max(seq) FROM event").fetchone()[0] or 0
            return Restored(
                journal=str(meta["journal"]),
                boot=self.boot,
                last_seq=max(last, int(meta.get("first", 1)) - 1),
                channels={name: (epoch, evt) for name, epoch, evt in self._proven("channel")},
                state={(kind, key): body for kind, key, body in self._proven("state", without)},
                pending=pending,
                oldest_pending=oldest,
                parcels=ask("SELECT count(*) FROM advice").fetchone()[0],
                first=int(meta.get("first", 1)),
                findings=tuple(
                    Finding(*row[1:-1]) for row in fetch(self._reading, "SELECT * FROM finding ORDER BY id")
                ),
                new=meta.get("made_utc_ms") == self._utc_ms,
            )

    def _proven(self, table: str, without: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
        but = f" WHERE kind NOT IN ({', '.join('?' * len(without))})" if without else ""
        rows = fetch(self._reading, f"SELECT * FROM {table}{but}", without)
        return (row[:-1] for row in rows if proves(table, row))

    def commit(self, batch: Batch) -> None:
        """Write one transaction; when this returns, it is durable.

        Raises Held where the disk has no room or takes no writing at present: nothing is written, and the same batch
        may come again. Raises sqlite3.Error, nothing written, where the disk failed: then this journal must not be
        written any more, and its next opening checks the whole file.
        """
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            write(self._writing, batch, self.boot, self.lived_ms())
            if self._findings and batch.events:
                self._writing.execute("DELETE FROM finding")
            self._writing.execute("COMMIT")
        except BaseException as error:
            self._undo()
            raise self._judged(error) from error
        self._findings = self._findings and not batch.events

    def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._writing.in_transaction:  # a full disk may have ended it already
                self._writing.rollback()

    def _judged(self, error: BaseException) -> BaseException:
        """What to raise for an error of a commit; leaves the marker for the next opening where the disk failed."""
        if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            return error
        if may_wait(self.path, error):
            return Held(str(error))
        self._failed = True
        suspect(self.path)
        return error

    def backlog(self, after_seq: int, limit: int) -> list[Row]:
        """Up to `limit` rows after `after_seq` in order: not delivered, not refused in this boot.

        An event that is damaged or gone is left out and noted in `damaged`. Fewer rows than `limit` = there are no
        more. Raises JournalError.
        """
        good: list[Row] = []
        with explained(self.path, mark=True):
            while wanted := limit - len(good):
                found = fetch(self._reading, BACKLOG, (after_seq, self.boot, wanted))
                for row in found:
                    if not proves("outbox", row[:4]):
                        suspect(self.path)  # which event it stood for is unknown: the next start queues them all
                    elif row[4] is None:
                        self.damaged.add(row[0])
                good += checked((row[4:] for row in found if row[4] is not None), self.damaged)
                if len(found) < wanted:
                    break
                after_seq = found[-1][0]
        return good

    def look(self, key: str) -> list[tuple[str, bytes]]:
        """(parcel, JSON) of every committed advice that has `key` as its parcel id or as an alias, by parcel id.

        Advice that is damaged is left out: its parcel is one without advice. Raises JournalError.
        """
        return [(row[3], row[4]) for row in self._advised(LOOK, key)]

    def around(self, key: str) -> dict[str, list[tuple[str, bytes]]]:
        """What `look` says of `key` and of every other key of the parcels that it names; without any, nothing.

        A parcel is asked for by all of its codes, one after the other, and each question alone costs as much as this.
        """
        found: dict[str, list[tuple[str, bytes]]] = {}
        for row in self._advised(AROUND, key):
            found.setdefault(row[0], []).append((row[3], row[4]))
        return found

    def _advised(self, question: str, key: str) -> list[tuple[Any, ...]]:
        """Rows of aliases and their advice that prove themselves."""
        try:  # this is asked for every read code
            found = fetch(self._reading, question, (key,))
        except sqlite3.Error:
            with explained(self.path, mark=True):
                raise
        return [row for row in found if proves("alias", row[:3]) and proves("advice", row[3:])]

    def give_up(self) -> bool:
        """Let go of the reserve on the disk. False: there is none."""
        return self._reserve.give_up()

    def recover(self) -> bool:
        """Whether the reserve is there again, or was never to be."""
        return self._reserve.make()

    def tidy(self) -> float:
        """Take out a little of what need not be kept; how many seconds to leave it alone. For the writer's thread.

        Raises what `commit` raises.
        """
        try:
            return self._retention.work(self.lived_ms())
        except sqlite3.Error as error:
            raise self._judged(error) from error

    def lived_ms(self) -> float:
        """How long this journal has been open, all runs together: the only clock of retention."""
        return self._began_ms + time.monotonic() * 1000

    def close(self) -> None:
        """Close it; the write-ahead log goes into the file where it can."""
        last, first = self._writing, self._reading
        self._note_lived()
        try:
            testify(self.path.parent, replace(self._witness, running=False))
        except (OSError, JournalError):
            last, first = first, last  # who only reads leaves the log where it is, as the witness says
        first.close()
        last.close()

    def _note_lived(self) -> None:
        """As well as can be: what is lost of it keeps rows longer. Nothing is written after a failure."""
        try:
            if not (self._failed or self._writing.in_transaction):
                self._retention.note(self.lived_ms())
        except sqlite3.Error as error:
            self._judged(error)
