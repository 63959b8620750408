"""What was reported durable is there after kill -9, and a start finds exactly what was committed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.journal import Batch, Journal, JournalError, Reader, Row, Writer
from controller.journal_file import note
from controller.journal_rows import ranges
from controller.journal_sums import proof
from controller.journal_tables import SCHEMA

ROOT = Path(__file__).parents[1]
PATIENCE_S = 10.0


def row(
    seq: int, *, travel: str | None = None, visit: str | None = None, parcel: str | None = None, body: bytes = b"{}"
) -> Row:
    return Row(seq, f"id-{seq}", "hubfloor.parcel.read.v1", f"travel/{travel}", visit, travel, parcel, "t", "top", body)


@contextlib.contextmanager
def opened(path: Path, seed: int = 1) -> Iterator[Journal]:
    journal = Journal.open(path, rng=random.Random(seed), utc_ms=1)
    try:
        yield journal
    finally:
        journal.close()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Reader]:
    reader = Reader(path)
    try:
        yield reader
    finally:
        reader.close()


def altered(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_what_was_committed_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        first = journal.restored()
        assert (first.last_seq, first.pending, first.oldest_pending, first.parcels) == (0, 0, None, 0)
        assert len(first.journal) == 8
        assert first.journal.isalnum()
        assert first.journal == first.journal.lower()
        batch = Batch(
            events=[row(1), row(2), row(3)],
            channels={"s1": (7, 12)},
            state={("travel", "a"): b"1", ("lane", "a"): b"2"},
            advice=[("P1", ("A", "B"), b"{}")],
        )
        journal.commit(batch)
        journal.commit(Batch(delivered=[1], state={("lane", "a"): None}, channels={"s1": (7, 13)}))
    with opened(path) as journal:
        again = journal.restored()
        assert again.journal == first.journal
        assert again.boot == first.boot % 65535 + 1
        assert again.channels == {"s1": (7, 13)}
        assert again.state == {("travel", "a"): b"1"}
        assert (again.last_seq, again.pending, again.oldest_pending, again.parcels) == (3, 2, 2, 1)
        assert journal.backlog(0, 10) == [row(2), row(3)]
        assert journal.backlog(0, 1) == [row(2)]
        assert journal.backlog(2, 10) == [row(3)]


def test_commits_are_synced(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as journal:
        full = 2
        assert journal._writing.execute("PRAGMA synchronous").fetchone() == (full,)
        assert journal._writing.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_transaction_is_whole_or_absent(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as journal:
        journal.commit(Batch(events=[row(1)]))
        with pytest.raises(sqlite3.IntegrityError):
            journal.commit(Batch(events=[row(2), row(1)], state={("travel", "a"): b"1"}))
        restored = journal.restored()
        assert (restored.last_seq, restored.state) == (1, {})


def test_boot_wraps_and_is_never_zero(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    boots = set()
    for seed in range(5):
        with opened(tmp_path / f"{seed}.db", seed) as journal:
            assert 1 <= journal.boot <= 65535
            boots.add(journal.boot)
    assert len(boots) == 5
    with opened(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as db:
        note(db, {"boot": 65534})
        db.commit()
    seen = []
    for _ in range(3):
        with opened(path) as journal:
            seen.append(journal.boot)
    assert seen == [65535, 1, 2]


def test_a_copy_is_another_journal(tmp_path: Path) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    with opened(path, seed=1) as journal:
        journal.commit(Batch(events=[row(1)]))
        original = journal.restored()
    shutil.copy(path, copy)
    with opened(copy, seed=2) as journal:
        cloned = journal.restored()
        assert cloned.journal != original.journal
        assert cloned.last_seq == 1
    with opened(path, seed=3) as journal:
        assert journal.restored().journal == original.journal


def test_what_is_not_our_journal_is_refused_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with pytest.raises(JournalError, match="there is no journal"):
        Journal.open(path, create=False, rng=random.Random(1), utc_ms=1)
    assert not path.exists()
    with pytest.raises(JournalError, match="there is no journal"):
        Reader(path)
    with opened(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as db:
        note(db, {"schema": SCHEMA + 1})
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
        db.commit()
    with pytest.raises(JournalError, match=r"newer hubfloor \(schema 4, this one knows 3\)"):
        Journal.open(path, rng=random.Random(1), utc_ms=1)
    foreign = tmp_path / "foreign.db"
    altered(foreign, "CREATE TABLE t (x)")
    with pytest.raises(JournalError, match="not a journal of hubfloor"):
        Journal.open(foreign, rng=random.Random(1), utc_ms=1)


def test_sequences_in_words() -> None:
    assert ranges({9, 3, 5, 6, 7}) == "3, 5-7, 9"
    assert ranges([]) == ""
    assert ranges(range(0, 60, 2)).endswith("36, 38 and 10 more ranges")


def test_a_later_batch_wins() -> None:
    first = Batch(events=[row(1)], channels={"s": (1, 1)}, state={("k", "a"): b"1", ("k", "b"): b"1"}, tokens=[1])
    first.merge(Batch(events=[row(2)], channels={"s": (1, 2)}, state={("k", "a"): None}, tokens=[2]))
    assert first == Batch(
        events=[row(1), row(2)],
        channels={"s": (1, 2)},
        state={("k", "a"): None, ("k", "b"): b"1"},
        tokens=[1, 2],
    )
    assert not first.empty()
    assert not Batch(tokens=[1]).empty()
    assert Batch().empty()


def test_advice_is_found_by_parcel_and_alias(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as journal:
        journal.commit(Batch(advice=[("P1", ("A", "X"), b"1"), ("P2", ("X",), b"2"), ("P3", (), b"3")]))
        assert journal.look("A") == [("P1", b"1")]
        assert journal.look("X") == [("P1", b"1"), ("P2", b"2")]
        assert journal.look("P3") == [("P3", b"3")]
        assert journal.look("nothing") == []
        journal.commit(Batch(advice=[("P1", ("A",), b"old"), ("P1", ("B",), b"new"), ("P2", (), None)]))
        assert journal.look("A") == []
        assert journal.look("X") == []
        assert journal.look("B") == [("P1", b"new")]
        assert journal.restored().parcels == 2


KEYS = st.sampled_from("ABCDEF")
"""Aliases; parcels are P1 to P3, and an alias may be another parcel's id."""
ADVISED = st.lists(
    st.tuples(st.sampled_from(["P1", "P2", "P3"]), st.lists(KEYS | st.just("P2"), max_size=3).map(tuple)), max_size=8
)


@given(ADVISED)
@settings(max_examples=20)
def test_what_is_found_around_a_key_is_what_each_look_finds(advised: list[tuple[str, tuple[str, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "journal.db") as journal:
        journal.commit(Batch(advice=[(parcel, keys, b"%d" % turn) for turn, (parcel, keys) in enumerate(advised)]))
        for key in ("P1", "P2", "P3", *"ABCDEF"):
            found = journal.around(key)
            assert found.get(key, []) == journal.look(key)
            assert all(journal.look(other) == rows for other, rows in found.items())


def test_a_refused_row_is_offered_again_by_the_next_boot(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[row(1), row(2), row(3)]))
        journal.commit(Batch(quarantined=[(2, 0x87), (3, 0x87)]))
        journal.commit(Batch(delivered=[3]))
        assert journal.backlog(0, 10) == [row(1)]
    with reading(path) as reader:
        counts = reader.counts()
        assert (counts.first_seq, counts.last_seq, counts.pending, counts.refused) == (1, 3, 2, 1)
    with opened(path) as journal:
        assert journal.backlog(0, 10) == [row(1), row(2)]


def test_a_damaged_row_is_reported_and_never_given(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[row(seq, parcel="P") for seq in range(1, 5)]))
    altered(path, "UPDATE event SET body = x'7b20' WHERE seq = 2", "UPDATE event SET topic = 'x' WHERE seq = 3")
    with opened(path) as journal:
        assert [each.seq for each in journal.backlog(0, 2)] == [1, 4]
        assert journal.damaged == {2, 3}
    with reading(path) as reader:
        assert [each.seq for each in reader.trace("P")] == [1, 4]
        assert [each.seq for each in reader.since(1)] == [1, 4]
        assert reader.damaged == {2, 3}


def test_trace_follows_code_visit_and_travel(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    rows = [
        row(1, travel="t1"),  # inducted, nobody knows which parcel yet
        row(2, travel="t1", visit="v1", parcel="P1"),
        row(3, travel="t2", visit="v2", parcel="P2"),
        row(4, travel="t3", visit="v1"),
        row(5, visit="v2"),
        row(6, travel="t1"),
    ]
    with opened(path) as journal:
        journal.commit(Batch(events=rows, advice=[("P1", ("CODE",), b"{}")]))
        with reading(path) as reader:  # while the daemon runs
            assert [each.seq for each in reader.trace("P1")] == [1, 2, 4, 6]
    with reading(path) as reader:  # and when it is down
        assert [each.seq for each in reader.trace("CODE")] == [1, 2, 4, 6]
        assert [each.seq for each in reader.trace("t2")] == [3]
        assert [each.seq for each in reader.trace("v2")] == [3, 5]
        assert reader.trace("nothing") == []


def test_trace_finds_a_code_that_nobody_had_announced(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    rows = [row(1, travel="t1"), replace(row(2, travel="t1"), code="RB1"), row(3, travel="t2"), row(4, travel="t1")]
    stray = replace(row(5), code="RB1")  # read, and given to nobody
    with opened(path) as journal:
        journal.commit(Batch(events=[*rows, stray]))
    with reading(path) as reader:
        assert [each.seq for each in reader.trace("RB1")] == [1, 2, 4, 5]


def test_trace_uses_its_indices(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path):
        pass
    from controller.journal_reader import TRACE

    with contextlib.closing(sqlite3.connect(path)) as db:
        plan = [detail for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {TRACE}", ("x",))]
    assert [step for step in plan if step.startswith("SCAN event")] == []


def test_since_reads_everything_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[row(seq) for seq in range(1, 1502)], delivered=[5, 6]))
        with reading(path) as reader:
            assert [each.seq for each in reader.since(3)] == list(range(3, 1502))


class HeldDisk:
    """A disk whose commits wait until they are let go, or fail."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.written: list[Batch] = []
        self.go = threading.Semaphore(0)
        self.at_work = threading.Semaphore(0)
        self.fail_at = fail_at

    def commit(self, batch: Batch) -> None:
        self.at_work.release()
        assert self.go.acquire(timeout=PATIENCE_S)
        if self.fail_at == len(self.written):
            raise sqlite3.OperationalError("disk I/O error")
        self.written.append(batch)


def test_what_waits_for_the_disk_becomes_one_transaction() -> None:
    async def scenario() -> None:
        disk, told = HeldDisk(), []
        loop = asyncio.get_running_loop()
        everything = asyncio.Event()

        def committed(batch: Batch) -> None:
            told.append([each.seq for each in batch.events])
            if sum(map(len, told)) == 4:
                everything.set()

        writer = Writer(disk, loop, committed, lambda error: None)
        writer.submit(Batch(events=[row(1)]))
        assert await asyncio.to_thread(disk.at_work.acquire, timeout=PATIENCE_S)
        for seq in (2, 3, 4):
            writer.submit(Batch(events=[row(seq)]))
        assert told == []
        assert writer.waiting == 3
        disk.go.release(2)
        await asyncio.wait_for(everything.wait(), PATIENCE_S)
        assert told == [[1], [2, 3, 4]]
        assert writer.close(PATIENCE_S)

    asyncio.run(scenario())


def test_the_first_error_is_told_once_and_nothing_after_it_is_durable() -> None:
    async def scenario() -> None:
        disk, durable, errors = HeldDisk(fail_at=1), [], []
        loop = asyncio.get_running_loop()
        failed = asyncio.Event()

        def on_failed(error: Exception) -> None:
            errors.append(str(error))
            failed.set()

        writer = Writer(disk, loop, lambda batch: durable.extend(batch.events), on_failed)
        disk.go.release(10)
        writer.submit(Batch(events=[row(1)]))
        assert await asyncio.to_thread(disk.at_work.acquire, timeout=PATIENCE_S)
        writer.submit(Batch(events=[row(2)]))
        await asyncio.wait_for(failed.wait(), PATIENCE_S)
        writer.submit(Batch(events=[row(3)]))
        assert not writer.close(PATIENCE_S)
        assert (durable, errors, len(disk.written)) == ([row(1)], ["disk I/O error"], 1)

    asyncio.run(scenario())


def test_close_writes_what_waits_and_is_bounded() -> None:
    async def scenario() -> None:
        disk = HeldDisk()
        writer = Writer(disk, asyncio.get_running_loop(), lambda batch: None, lambda error: None)
        writer.submit(Batch(events=[row(1)]))
        assert not writer.close(0.05)  # the disk hangs
        disk.go.release(2)
        assert writer.close(PATIENCE_S)
        assert [each.seq for batch in disk.written for each in batch.events] == [1]
        with pytest.raises(RuntimeError, match="closed"):
            writer.submit(Batch(events=[row(2)]))

    asyncio.run(scenario())


WRITES_FOR_EVER = """
import asyncio, random, sys
from controller.journal import Batch, Journal, Row, Writer

journal = Journal.open(sys.argv[1], rng=random.Random(1), utc_ms=1)
last = journal.restored().last_seq

async def main():
    failed = asyncio.get_running_loop().create_future()
    def next_batch():
        global last
        rows = [Row(last + i, "i", "t", "s", None, None, None, "z", "top", b"x" * 300) for i in range(1, 4)]
        last += 3
        writer.submit(Batch(events=rows, state={("k", "last"): str(last).encode()}))
    def committed(batch):
        print(batch.events[-1].seq, flush=True)
        next_batch(), next_batch()
    writer = Writer(journal, asyncio.get_running_loop(), committed, failed.set_exception)
    next_batch()
    await failed

asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_reported_durable(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    rng = random.Random(20)
    reported = 0
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITES_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert child.stdout is not None
        with child, child.stdout:
            for _ in range(rng.randint(1, 40)):
                reported = int(child.stdout.readline())
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(rng.uniform(0.0, 0.01))
            child.kill()
            *_, reported = [reported, *map(int, child.stdout.read().split())]
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with reading(path) as reader:
            found = [each.seq for each in reader.since(1)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= reported
    with opened(path) as journal:
        restored = journal.restored()
        assert int(restored.state["k", "last"]) == restored.last_seq  # event and state in one transaction


def test_the_proof_of_a_row_is_what_older_versions_wrote() -> None:
    assert proof("advice", "P1", b"{}\xff", 7) == 3165699869
    assert proof("alias", "\ud800\xe9\0", "P1") == 3361714756
    assert proof("outbox", 1, None, None) == 3066902962
