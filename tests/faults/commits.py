"""What is done to a journal's file while its disk is being failed: a process, and what must be found afterwards.

The process writes numbered batches through the real Journal and Writer and tells each that is durable on its standard
output, twice: from the writer's thread when `commit` has returned, and from the callback on the loop. With each goes
how many changes the disk had done by then. Afterwards the file's content must be that of exactly the first m batches,
m not less than what was told and not more than what was begun.

    python -m tests.faults.commits PANEL SCENARIO FOLDER     one run; with `-` for FOLDER each line of standard input
                                                             names one, and each is a run in a process of its own
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sqlite3
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from controller.core import EXIT_DISK
from controller.journal import Batch, Evidence, Journal, JournalError, Row, Writer
from tests.faults.preload import Panel
from tests.old_journals import TABLES_1, TABLES_2

JOURNAL = "journal.db"
RAM = Path("/dev/shm")
UTC_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """`sessions`: so many batches are written between an opening and a closing. `older`: what begins is a journal of
    that schema, with `OLD_EVENTS` events. `pages`: the log goes into the file after so many pages. `planted`: a fault
    that must be found: `NORMAL` syncs no commit, `hasty` tells before it commits, `halves` commits in two parts.
    """

    sessions: tuple[int, ...]
    older: int | None = None
    pages: int = 1000
    planted: str = ""


SCENARIOS = {
    "one": Scenario((1,)),
    "small": Scenario((3, 2)),
    "many": Scenario((12, 8, 6), pages=30),
    "busy": Scenario((40, 40), pages=60),
    "from-1": Scenario((2, 1), older=1),
    "from-2": Scenario((2, 1), older=2),
    "normal": Scenario((12, 8), pages=30, planted="NORMAL"),
    "hasty": Scenario((3,), planted="hasty"),
    "halves": Scenario((3,), planted="halves"),
}


# --- what is written --------------------------------------------------------------------------------------------------


def batches(count: int, first: int = 1) -> Iterator[Batch]:
    """The same batches for ever. Batch n begins where n - 1 has ended."""
    rng, seq = Random(5), first
    for number in range(1, count + 1):
        rows = [_row(seq + one, number, rng) for one in range(1 + rng.randrange(4))]
        travel = f"S1-abcd1234-{seq}"
        batch = Batch(events=rows)
        batch.state["batch", "last"] = b"%d" % number
        batch.state["travel", travel] = rng.randbytes(rng.randrange(1500)).hex().encode()
        if number % 3 == 0:
            batch.state["travel", f"S1-abcd1234-{first}"] = None if number % 2 else b"1"
        batch.channels = {f"plc-{number % 2}": (7, seq), "tunnel-1": (1, number)}
        if number % 2 == 0:
            batch.delivered = [row.seq for row in rows[1:]] + [max(first, seq - 2)]
            batch.quarantined = [(rows[0].seq, 0x87)]
        if number % 3 == 1:
            body = b'{"version":%d}' % number
            batch.advice = [(f"P{number % 5}", (f"A{number}", f"B{number % 4}"), body), (f"P{number}", (), None)]
        if number % 4 == 1:
            raw, about = b'{"status":"hold"}' * number, (f"parcel/P{number}", "consignment/C1")
            batch.evidence = [Evidence(UTC_MS + number, "hub/v1/lgg/customs", raw, about, seq, seq, ("late",))]
        seq += len(rows)
        yield batch


def _row(seq: int, batch: int, rng: Random) -> Row:
    travel = f"S1-abcd1234-{seq - rng.randrange(3)}"
    body = json.dumps(
        {"batch": batch, "sequence": f"{seq:020}", "data": {"x": rng.randbytes(rng.randrange(600)).hex()}}
    )
    return Row(
        *(seq, f"id-{seq}", "hubfloor.parcel.read.v1", f"travel/{travel}", None, travel, f"P{seq % 7}"),
        *("2026-09-21T00:00:00.000Z", "hub/v1/lgg/n1/event/parcel/read", body.encode(), f"A{seq % 9}"),
    )


OLD_EVENTS = 5


def older(path: Path, version: int) -> None:
    """A journal as an earlier hubfloor has left it, at rest. Its tables are kept here as they were."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(TABLES_1)
        if version > 1:
            db.executescript(TABLES_2)
        here = f"{_machine()}:{path.stat().st_ino}"
        meta = {"file": here, "journal": "abcd1234", "made_utc_ms": UTC_MS, "boot": 7}
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        rng = Random(1)
        for seq in range(1, OLD_EVENTS + 1):
            row = _row(seq, 0, rng)
            crc = zlib.crc32(row.body, zlib.crc32(f"{row.seq} {row.id} {row.topic}".encode()))
            columns = (row.seq, row.id, row.type, row.subject, row.visit, row.travel, row.parcel, row.time, row.topic)
            marks = ",".join("?" * 12)
            db.execute(f"INSERT INTO event VALUES ({marks})", (*columns, row.body, row.code, crc))
            if seq > 3:
                db.execute("INSERT INTO outbox (seq) VALUES (?)", (seq,))
        db.execute("INSERT INTO channel VALUES ('plc-0', 7, 3)")
        db.execute("INSERT INTO state VALUES ('travel', 'old', x'7b7d')")
        db.execute("INSERT INTO advice VALUES ('P9', x'7b7d')")
        db.execute("INSERT INTO alias VALUES ('P9', 'P9')")


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return os.uname().nodename


def begin(folder: Path, scenario: Scenario) -> None:
    """What lies in the folder before the first session."""
    if scenario.older is not None:
        older(folder / JOURNAL, scenario.older)


def first_seq(scenario: Scenario) -> int:
    """Of the first batch."""
    return 1 if scenario.older is None else OLD_EVENTS + 1


# --- the process ------------------------------------------------------------------------------------------------------


class Told(Journal):
    """The real one; says when `commit` has returned."""

    panel: Panel
    planted = ""

    def commit(self, batch: Batch) -> None:
        if self.planted == "hasty":
            say("committed", batch, self.panel)
        if self.planted == "halves":
            super().commit(Batch(events=batch.events))
            batch = replace(batch, events=[])
        super().commit(batch)
        say("committed", batch, self.panel)


def say(what: str, batch: Batch, panel: Panel) -> None:
    """One line, in one write, so that a kill leaves it whole or not at all."""
    tell(what, int(batch.state["batch", "last"] or 0), changes=panel.changes)


def tell(what: str, number: int = 0, **more: Any) -> None:
    os.write(1, json.dumps({"what": what, "number": number, **more}).encode() + b"\n")


def run(folder: Path, scenario: Scenario, panel: Panel) -> None:
    """All sessions of a scenario."""
    Told.panel, Told.planted = panel, scenario.planted
    todo = list(batches(sum(scenario.sessions), first_seq(scenario)))
    for number, count in enumerate(scenario.sessions):
        mine, todo = todo[:count], todo[count:]
        journal = Told.open(folder / JOURNAL, rng=Random(number), utc_ms=UTC_MS)
        tell("opened", boot=journal.boot, journal=journal.restored().journal, changes=panel.changes)
        journal._writing.execute(f"PRAGMA wal_autocheckpoint = {scenario.pages}")
        if scenario.planted == "NORMAL":
            journal._writing.execute("PRAGMA synchronous = NORMAL")
        worked = asyncio.run(_session(journal, mine, panel))
        journal.close()
        if not worked:
            raise JournalError("the disk failed")
    tell("ended")


async def _session(journal: Journal, mine: list[Batch], panel: Panel) -> bool:
    """One at a time, but each fourth with the two after it, so that they become one transaction, or two.

    False: the disk failed.
    """
    loop, last = asyncio.get_running_loop(), asyncio.Event()
    wanted = 0

    def committed(batch: Batch) -> None:
        say("told", batch, panel)
        if int(batch.state["batch", "last"] or 0) == wanted:
            last.set()

    def failed(error: Exception) -> None:
        tell("failed", why=str(error))
        mine.clear()
        last.set()

    writer = Writer(journal, loop, committed, failed)
    while mine:
        together = 3 if int(mine[0].state["batch", "last"] or 0) % 4 == 0 else 1
        for batch in mine[:together]:
            wanted = int(batch.state["batch", "last"] or 0)
            tell("begun", wanted, changes=panel.changes)
            writer.submit(replace(batch, state=dict(batch.state)))
        del mine[:together]
        await last.wait()
        last.clear()
    return writer.close()


def main(panel_path: str, name: str, folder: str) -> None:
    panel, scenario = Panel(Path(panel_path)), SCENARIOS[name]
    if folder != "-":
        run(Path(folder), scenario, panel)
        return
    for line in sys.stdin:
        child = os.fork()  # nothing but this thread runs here
        if not child:
            code = 1
            try:
                run(Path(line.strip()), scenario, panel)
                code = 0
            except JournalError as error:
                tell("refused", why=str(error))
                code = EXIT_DISK
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        tell("over", os.waitstatus_to_exitcode(status))


# --- what must be found -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Reports:
    """What a process told before it ended, or had told when the disk had done some number of changes."""

    begun: int = 0
    durable: int = 0
    boots: tuple[tuple[str, int], ...] = ()
    """(journal, boot) of each opening"""
    ended: bool = False
    failed: str = ""
    after_failure: bool = False
    """something was told durable after an error of the disk"""

    def hear(self, line: dict[str, Any]) -> None:
        """One line of it."""
        match line["what"]:
            case "begun":
                self.begun = line["number"]
            case "committed" | "told":
                self.after_failure |= bool(self.failed)
                self.durable = max(self.durable, line["number"])
            case "opened":
                self.boots += ((line["journal"], line["boot"]),)
            case "ended":
                self.ended = True
            case "failed" | "refused":
                self.failed = line["why"]


COUNTS: dict[str, tuple[str, ...]] = {
    "meta": (),
    "finding": (),
    "outbox": ("seq", "code"),
    "advice": ("parcel", "body"),
}
"""table -> the columns that count; all of others. What differs from run to run, or is looked at by itself, does not."""


def content(db: sqlite3.Connection) -> str:
    """A digest of everything that batches put into a journal."""
    digest = hashlib.blake2b()
    ask = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    for (table,) in db.execute(ask).fetchall():
        columns = COUNTS.get(table)
        if columns == ():
            continue
        rows = db.execute(f"SELECT {', '.join(columns) if columns else '*'} FROM {table}").fetchall()
        digest.update(repr((table, sorted(map(repr, rows)))).encode())
    return digest.hexdigest()


@cache
def contents(scenario: Scenario) -> dict[str, int]:
    """Digest -> after how many batches a journal has it, when nothing goes wrong."""
    found: dict[str, int] = {}
    with TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        begin(Path(folder), scenario)
        journal = Journal.open(Path(folder) / JOURNAL, rng=Random(1), utc_ms=UTC_MS)
        found[content(journal._writing)] = 0
        for number, batch in enumerate(batches(sum(scenario.sessions), first_seq(scenario)), 1):
            journal.commit(batch)
            found[content(journal._writing)] = number
        journal.close()
    assert len(found) == sum(scenario.sessions) + 1, "two batches that leave the same content cannot be told apart"
    return found


@dataclass(slots=True)
class Judged:
    """`bad`: what is wrong. `lost`: batches that were told durable and are not there in full."""

    bad: list[str] = field(default_factory=list)
    lost: int = 0


def judge(folder: Path, scenario: Scenario, reports: Reports) -> Judged:
    """A journal after its process has died or its machine has lost its power: opened as a start opens it, and written
    on."""
    judged = Judged()
    try:
        journal = Journal.open(folder / JOURNAL, rng=Random(99), utc_ms=UTC_MS)
    except Exception as error:
        return Judged([f"it does not open: {error!r}"], reports.durable)
    try:
        _judge(journal, scenario, reports, judged)
    except Exception as error:
        judged.bad.append(f"it cannot be used: {error!r}")
        judged.lost = reports.durable
    finally:
        journal.close()
    return judged


def _judge(journal: Journal, scenario: Scenario, reports: Reports, judged: Judged) -> None:
    restored, bad = journal.restored(), judged.bad
    if findings := getattr(restored, "findings", ()):
        bad.append(f"findings, though nothing is damaged: {findings}")
    if reports.boots:
        if restored.journal != reports.boots[-1][0]:
            bad.append(f"journal {restored.journal}, it was {reports.boots[-1][0]}")
        if (restored.journal, journal.boot) in reports.boots:
            bad.append(f"boot {journal.boot} was given before: {reports.boots}")
    db = journal._writing
    if (said := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        bad.append(f"integrity_check: {said}")
    there = contents(scenario).get(content(db))
    found = db.execute("SELECT body FROM state WHERE kind = 'batch'").fetchone()
    last = int(found[0]) if found else 0
    if there is None:
        bad.append(f"half a batch: it ends in batch {last}, with another content")
    elif not reports.durable <= there <= reports.begun:
        bad.append(f"{there} batches are there, {reports.durable} were told durable, {reports.begun} begun")
    judged.lost = max(0, reports.durable - (last - 1 if there is None else there))
    first, end, count = db.execute("SELECT min(seq), max(seq), count(*) FROM event").fetchone()
    if count and (first != 1 or end != count):
        bad.append(f"{count} events from {first} to {end}")
    journal.commit(Batch(events=[_row((end or 0) + 1, 0, Random(1))]))
    if journal.backlog(end or 0, 2)[0].seq != (end or 0) + 1:
        bad.append("what is written next is not the next")


if __name__ == "__main__":
    main(*sys.argv[1:])
