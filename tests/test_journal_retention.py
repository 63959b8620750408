"""What is taken out of the journal, and what never is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controller import journal_retention
from controller.journal import Batch, Evidence, Journal, Reader, Removed, Row, Writer
from controller.journal_identity import RENEW
from controller.journal_retention import DAY_MS, MOST, REST_S
from controller.sections import Journal as Rules
from controller.stamps import rfc3339
from tests.test_journal import PATIENCE_S, ROOT, altered, row

NOW = 1_790_000_000_000
OLD = 0
"""A system clock's time that says nothing about age."""

MINUTE_S, DAY_S = 60.0, 86_400.0


class Pc:
    """Its monotonic clock; a test lets it run on, or begin anew as at each start of the machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        monkeypatch.setattr("time.monotonic", lambda real=time.monotonic: real() + self.seconds)

    def runs(self, journal: Journal, days: int) -> None:
        """With a round of retention each day, as there is one each minute."""
        tidied(journal)
        for _ in range(days):
            self.seconds += DAY_S
            tidied(journal)


@pytest.fixture
def pc(monkeypatch: pytest.MonkeyPatch) -> Pc:
    return Pc(monkeypatch)


@contextlib.contextmanager
def kept(path: Path, utc_ms: int = NOW, **rules: int) -> Iterator[Journal]:
    chosen = Rules.model_validate({"reserve_mb": 0, **rules})
    with contextlib.closing(Journal.open(path, rng=random.Random(1), utc_ms=utc_ms, rules=chosen)) as journal:
        yield journal


def aged(seq: int, utc_ms: float, body: bytes = b"{}") -> Row:
    return replace(row(seq, travel=f"t{seq}", parcel=f"P{seq}", body=body), time=rfc3339(utc_ms))


def tidied(journal: Journal) -> int:
    """One whole round; how many transactions that took."""
    for number in range(1, 10_000):
        if journal.tidy() == REST_S:
            return number
    raise AssertionError("it never rests")


def left(path: Path) -> list[int]:
    with contextlib.closing(Reader(path)) as reader:
        return [one.seq for one in reader.since(0)]


def count(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_events_go_when_they_were_delivered_and_are_old(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, NOW) for seq in range(1, 11)]))
        pc.runs(journal, 2)
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(11, 21)]))
        journal.commit(Batch(delivered=[1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 15], quarantined=[(6, 0x87)]))
        pc.runs(journal, 4)
        assert (left(path), journal.removed) == ([*range(1, 21)], Removed()), "six days of running"
        pc.runs(journal, 1)
        assert left(path) == [3, 6, *range(11, 21)]
        assert journal.removed == Removed(events=8)
        assert [one.seq for one in journal.backlog(0, 4)] == [3, 13, 14, 16]
        journal.commit(Batch(delivered=[3, 6]))
        tidied(journal)
        assert left(path) == [*range(11, 21)]


def test_what_was_not_delivered_never_goes(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    with kept(path, keep_days=1) as journal:
        for begin in range(1, 12_001, 1000):
            journal.commit(Batch(events=[aged(seq, OLD) for seq in range(begin, begin + 1000)]))
        journal.commit(Batch(delivered=[1, 7000, 11_999, 12_000]))
        pc.runs(journal, 30)
        assert set(range(1, 12_001)) - set(left(path)) == {1, 7000, 11_999}
        assert journal.restored().pending == 11_996


def test_the_last_ones_stay_so_that_numbers_go_on(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    with kept(path, keep_days=1, evidence_days=1) as journal:
        said = [Evidence(1, "t", b"%d" % number, ("bag/B",)) for number in range(5)]
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 6)], evidence=said))
        journal.commit(Batch(delivered=[1, 2, 3, 4, 5]))
        pc.runs(journal, 2)
    with kept(path, keep_days=1, evidence_days=1) as journal:  # the first round looks at evidence, too
        pc.runs(journal, 0)
        assert (left(path), count(path, "evidence")) == ([5], 1)
    with kept(path, keep_days=1, evidence_days=1) as journal:
        assert journal.restored().last_seq == 5
        journal.commit(Batch(evidence=[Evidence(1, "t", b"new")]))
    with kept(path, keep_days=1, evidence_days=1) as journal:
        pc.runs(journal, 0)
        assert [number for (number,) in journal._writing.execute("SELECT id FROM evidence")] == [6], "5 is old now"


def test_the_oldest_go_while_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_retention, "GB", 1_000_000)  # keep_gb in MB here
    monkeypatch.setattr(journal_retention, "MOST", 40)
    path = tmp_path / "journal.db"
    with kept(path, keep_gb=2) as journal:
        for begin in range(1, 801, 100):
            journal.commit(Batch(events=[aged(seq, NOW, b"x" * 5000) for seq in range(begin, begin + 100)]))
        journal.commit(Batch(delivered=[seq for seq in range(1, 801) if seq % 10]))
        tidied(journal)
        found = left(path)
        assert set(range(10, 801, 10)) <= set(found), "what was not delivered stays, however much it is"
        gone = sorted(set(range(1, 801)) - set(found))
        assert gone == [seq for seq in range(1, gone[-1] + 1) if seq % 10], "the oldest, and no hole"
        with contextlib.closing(Reader(path)) as reader:
            counts = reader.counts()
        assert 1_500_000 < counts.used <= 2_000_000
        assert counts.free > 1_000_000
        size = path.stat().st_size
        journal.commit(Batch(events=[aged(seq, NOW, b"x" * 5000) for seq in range(801, 901)]))
        journal._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert path.stat().st_size == max(size, path.stat().st_size) <= 8_000_000, "freed pages are used again"


@pytest.mark.parametrize(("days", "stay"), [(3, 5), (0, 10)])
def test_evidence_has_its_own_time(tmp_path: Path, pc: Pc, days: int, stay: int) -> None:
    path = tmp_path / "journal.db"
    said = [Evidence(n, "t", b"%d" % n, (f"parcel/P{n}", "bag/B")) for n in range(10)]
    with kept(path, keep_days=1, evidence_days=days) as journal:
        journal.commit(Batch(evidence=said[:5]))
        pc.runs(journal, 1)
        journal.commit(Batch(evidence=said[5:]))
        pc.runs(journal, 1)
        assert journal.removed.evidence == 0
    with kept(path, keep_days=1, evidence_days=days) as journal:
        pc.runs(journal, 0)
        assert journal.removed.evidence == 0
        pc.seconds += DAY_S
    with kept(path, keep_days=1, evidence_days=days) as journal:
        pc.runs(journal, 0)
        with contextlib.closing(Reader(path)) as reader:
            assert [one.raw for one, _ in reader.evidence("bag/B")] == [b"%d" % n for n in range(10 - stay, 10)]
            assert reader.counts().evidence_ms == 10 - stay
        assert (count(path, "evidence"), count(path, "evidence_subject")) == (stay, 2 * stay)
        assert journal.removed.evidence == 10 - stay


def test_advice_that_was_not_sent_again(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(advice=[(f"P{n}", (f"C{n}",), b"old") for n in range(1500)]))
        pc.runs(journal, 2)
        journal.commit(Batch(advice=[("P7", ("C7",), b"again")]))
        pc.runs(journal, 27)
    with kept(path) as journal:
        pc.runs(journal, 0)
        assert journal.removed.advice == 0
        pc.seconds += 1.5 * DAY_S
    with kept(path) as journal:
        pc.runs(journal, 0)
        assert journal.look("C7") == [("P7", b"again")]
        assert (journal.look("C8"), journal.look("P8")) == ([], [])
        assert (journal.restored().parcels, count(path, "alias")) == (1, 2)
        assert journal.removed.advice == 1499


def test_no_transaction_takes_many_rows(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 3001)]))
        journal.commit(Batch(delivered=list(range(1, 3001))))
        tidied(journal)
        pc.seconds += 7 * DAY_S
        before = 0
        while journal.tidy() != REST_S:
            assert journal.removed.events - before <= MOST
            before = journal.removed.events
        assert left(path) == [3000]


def test_no_system_clock_makes_anything_old(tmp_path: Path, pc: Pc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in 1970, then today, then in 2050, then back; each a day long, and with months without power between."""
    path, seq = tmp_path / "journal.db", 0
    for number, year in enumerate((1970, 2026, 2050, 1970, 2026)):
        utc_ms = (year - 1970) * 365 * DAY_MS
        monkeypatch.setattr("time.time", lambda utc_ms=utc_ms: utc_ms / 1000)
        pc.seconds = -1e6 * number  # it begins anew at each start of the machine
        with kept(path, utc_ms, evidence_days=7, advice_days=7) as journal:
            tidied(journal)
            said = Evidence(utc_ms, "t", b"%d" % number, ("bag/B",))
            events = [aged(seq + each, utc_ms) for each in range(1, 11)]
            journal.commit(Batch(events=events, evidence=[said], advice=[(f"P{number}", (), b"{}")]))
            journal.commit(Batch(delivered=[one.seq for one in events]))
            seq += 10
            pc.runs(journal, 1)
            monkeypatch.setattr("time.time", lambda: 4e9)  # and it jumps while it runs
            tidied(journal)
            assert journal.removed == Removed()
    assert (len(left(path)), count(path, "evidence"), count(path, "advice")) == (50, 5, 5)
    with kept(path, 0, evidence_days=7, advice_days=7) as journal:
        pc.runs(journal, 1)
        assert journal.removed == Removed()
        pc.runs(journal, 2)
        assert left(path) == [*range(11, 51)], "those of the first run, after seven days of running"


def test_short_runs_add_up(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    for hours in range(0, 50, 2):
        pc.seconds = -1e6 * hours
        with kept(path, keep_days=1) as journal:
            assert hours * 3_600_000 <= journal.lived_ms() < (hours + 1) * 3_600_000
            tidied(journal)
            if not hours:
                journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 11)]))
                journal.commit(Batch(delivered=[*range(1, 11)]))
                tidied(journal)
            assert len(left(path)) == (10 if hours < 48 else 1)
            pc.seconds += 7200


def test_so_many_marks_as_are_needed(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    with kept(path, keep_days=3, evidence_days=0) as journal:
        for seq in range(1, 31):
            journal.commit(Batch(events=[aged(seq, OLD)], delivered=[seq - 1]))
            pc.runs(journal, 1)
            assert count(path, "mark") <= 5
    with kept(path, keep_days=1, evidence_days=5) as journal:
        pc.runs(journal, 30)
        assert count(path, "mark") == 6


DIES = """
import random, sys, time
from controller import sections
from controller.journal import Journal
from controller.journal_retention import REST_S
real, on = time.monotonic, 0.0
time.monotonic = lambda: real() + on
rules = sections.Journal(reserve_mb=0)
journal = Journal.open(sys.argv[1], rng=random.Random(1), utc_ms=1, rules=rules)
for _ in range(10):
    while journal.tidy() != REST_S:
        pass
    on += REST_S
print("alive", flush=True)
sys.stdin.read()
"""


def test_killed_it_loses_a_round_at_most(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for runs in range(1, 4):
        command = [sys.executable, "-c", DIES, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"alive\n"
            process.send_signal(signal.SIGKILL)
            assert process.wait(PATIENCE_S) == -signal.SIGKILL
        with kept(path) as journal:
            assert runs * 9 * MINUTE_S * 1000 <= journal.lived_ms() < runs * 10 * MINUTE_S * 1000


def old_and_new(path: Path, pc: Pc) -> None:
    """Ten events and evidence on the first day, ten after four days, and one of each after six."""
    with kept(path, evidence_days=7) as journal:
        for seq in (1, 11):
            events = [aged(one, OLD) for one in range(seq, seq + 10)]
            journal.commit(Batch(events=events, evidence=[Evidence(1, "t", b"%d" % one.seq) for one in events]))
            journal.commit(Batch(delivered=[one.seq for one in events]))
            pc.runs(journal, 4 if seq == 1 else 2)
        journal.commit(Batch(events=[aged(21, OLD)], evidence=[Evidence(1, "t", b"21")], delivered=[21]))


@pytest.mark.parametrize(
    ("damage", "days"),
    [
        ("UPDATE mark SET seq = 20, evidence = 20 WHERE lived_ms < 86400000", 2),  # the next one counts
        ("UPDATE mark SET seq = seq + 1", 7),
        ("UPDATE meta SET value = 900000000000 WHERE key = 'lived'", 1),  # the last mark says it nearly as well
        ("UPDATE meta SET value = 0 WHERE key = 'lived'", 1),
        ("DELETE FROM mark", 7),
    ],
)
def test_what_is_damaged_keeps_rows_longer(tmp_path: Path, pc: Pc, damage: str, days: int) -> None:
    path = tmp_path / "journal.db"
    old_and_new(path, pc)
    altered(path, damage)
    with kept(path, evidence_days=7) as journal:
        pc.runs(journal, days - 1)
        assert len(left(path)) == 21
        pc.runs(journal, 1)
        assert left(path) == ([21] if days == 7 else [*range(11, 22)])


def test_a_salvaged_one_knows_what_is_old(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    old_and_new(path, pc)
    with kept(path):
        pc.seconds += DAY_S / 2
    with path.open("r+b") as file:
        file.write(b"gone")
    with kept(path, evidence_days=7) as journal:
        assert [one.alarm for one in journal.restored().findings] == ["journal-salvaged", "journal-renewed"]
        assert 6.5 * DAY_MS <= journal.lived_ms() < 7 * DAY_MS
        pc.runs(journal, 0)
        assert len(left(path)) == 21
        pc.seconds += DAY_S
    with kept(path, evidence_days=7) as journal:
        pc.runs(journal, 0)
        assert (left(path), count(path, "evidence")) == ([*range(11, 22)], 11)


def test_numbers_that_are_given_again_are_not_old(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"
    old_and_new(path, pc)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM event WHERE seq > 12")  # an image of another time, as far as SQLite can tell
        db.execute("DELETE FROM evidence WHERE id > 12")
        db.commit()
    (tmp_path / RENEW).touch()
    with kept(path, evidence_days=7) as journal:
        events = [aged(seq, OLD) for seq in range(journal.restored().first, 30)]
        assert events[0].seq < 20
        said = [Evidence(1, "t", b"%d" % one.seq) for one in events]
        journal.commit(Batch(events=events, evidence=said, delivered=[one.seq for one in events]))
        pc.runs(journal, 6)
    with kept(path, evidence_days=7) as journal:
        pc.runs(journal, 0)
        assert left(path) == [11, 12, *(one.seq for one in events)]
        assert count(path, "evidence") == 2 + len(said)


class Full(sqlite3.Connection):
    """A disk that is full, as COMMIT tells it."""

    full = False

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        if self.full and sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, values)


def test_after_a_failed_commit_the_same_rows_are_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 101)]))
        journal.commit(Batch(delivered=[*range(1, 101)]))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, factory=Full)) as db:
        retention = journal_retention.Retention(db, Rules(keep_days=1))
        while retention.work(0) != REST_S:
            pass
        db.full = True
        with pytest.raises(sqlite3.OperationalError):
            retention.work(DAY_MS)
        assert retention.removed == Removed()
        db.full = False
        while retention.work(DAY_MS) != REST_S:
            pass
        assert retention.removed.events == 99
    assert left(path) == [100]


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_notes_how_long_it_lived_but_not_after_a_failure(
    tmp_path: Path, pc: Pc, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    path = tmp_path / "journal.db"
    monkeypatch.setattr("sqlite3.connect", partial(sqlite3.connect, factory=Full))
    with kept(path) as journal:
        pc.seconds += MINUTE_S / 2
        writing = journal._writing
        assert isinstance(writing, Full)
        writing.full = fails
        with contextlib.suppress(sqlite3.Error):
            journal.commit(Batch(events=[aged(1, OLD)]))
        writing.full = False  # the next write would work, and say nothing of what is missing
    with kept(path) as journal:
        assert (journal.lived_ms() < 15_000) == fails


def test_the_writer_does_it_while_nothing_waits(tmp_path: Path, pc: Pc) -> None:
    path = tmp_path / "journal.db"

    async def scenario() -> None:
        with kept(path) as journal:
            journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 2001)]))
            tidied(journal)
            pc.seconds += 8 * DAY_S
            journal.commit(Batch(delivered=list(range(1, 2001))))
            durable: list[int] = []
            done = asyncio.Event()

            def committed(batch: Batch) -> None:
                durable.extend(one.seq for one in batch.events)
                if len(durable) == 50 and journal.removed.events >= 1999:
                    done.set()
                else:
                    submit()

            def submit() -> None:
                rows = [aged(2001 + len(durable), NOW)] if len(durable) < 50 else []
                writer.submit(Batch(events=rows, channels={"PLC-1": (1, len(durable))}))

            writer = Writer(journal, asyncio.get_running_loop(), committed, print, keeps=journal)
            submit()
            await asyncio.wait_for(done.wait(), PATIENCE_S)
            assert await asyncio.to_thread(writer.close, PATIENCE_S)
            assert durable == list(range(2001, 2051))

    asyncio.run(scenario())
    assert left(path)[-50:] == list(range(2001, 2051))
