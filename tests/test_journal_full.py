"""A disk without room is no failure: nothing is lost, nothing is told durable, and it goes on by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from controller import journal_writer
from controller.journal import Batch, Held, Journal, JournalError, Writer
from controller.journal_file import CHECK, may_wait
from controller.journal_reserve import MB, NAME, Reserve
from controller.sections import Journal as Rules
from tests.test_journal import PATIENCE_S, opened, row


def big(*seqs: int) -> Batch:
    return Batch(events=[row(seq, body=b"x" * 20_000) for seq in seqs], channels={"PLC-1": (1, seqs[-1])})


def fill(journal: Journal) -> None:
    """The disk is full: the file must not grow."""
    (pages,) = journal._writing.execute("PRAGMA page_count").fetchone()
    journal._writing.execute(f"PRAGMA max_page_count = {pages}")


def free(journal: Journal) -> None:
    journal._writing.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as journal:
        journal.commit(big(1))
        fill(journal)
        for _ in range(3):
            with pytest.raises(Held):
                journal.commit(big(2, 3))
            assert not journal._writing.in_transaction
        assert (journal.restored().last_seq, journal.restored().channels) == (1, {"PLC-1": (1, 1)})
        free(journal)
        journal.commit(big(2, 3))
        assert (journal.restored().last_seq, journal.restored().channels) == (3, {"PLC-1": (1, 3)})
    assert not (tmp_path / CHECK).exists()


def test_a_disk_that_takes_no_writing(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as journal:
        journal._writing.execute("PRAGMA query_only = ON")
        with pytest.raises(Held, match="readonly"):
            journal.commit(big(1))
        assert not journal._writing.in_transaction
        journal._writing.execute("PRAGMA query_only = OFF")
        journal.commit(big(1))


def error(code: int) -> sqlite3.OperationalError:
    made = sqlite3.OperationalError("disk I/O error")
    made.sqlite_errorcode = code
    return made


@pytest.mark.parametrize(
    ("code", "read_only", "waits"),
    [
        (sqlite3.SQLITE_FULL, False, True),
        (sqlite3.SQLITE_READONLY, False, True),
        (sqlite3.SQLITE_READONLY_DBMOVED, False, False),
        (sqlite3.SQLITE_IOERR_WRITE, False, False),
        (sqlite3.SQLITE_IOERR_FSYNC, False, False),
        (sqlite3.SQLITE_IOERR_WRITE, True, True),
        (sqlite3.SQLITE_CORRUPT, True, False),
        (sqlite3.SQLITE_CANTOPEN, False, False),
    ],
)
def test_which_errors_can_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, read_only: bool, waits: bool
) -> None:
    if read_only:
        real = os.statvfs(tmp_path)
        figures = list(real)
        figures[8] |= os.ST_RDONLY
        monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(figures))
    assert may_wait(tmp_path / "journal.db", error(code)) is waits


def test_a_failure_makes_the_next_start_check_the_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal._writing.execute("DROP TABLE state")  # SQLITE_ERROR: nothing that waiting helps
        with pytest.raises(sqlite3.OperationalError):
            journal.commit(Batch(state={("lane", "a"): b"1"}))
        assert (tmp_path / CHECK).exists()
    with opened(path, 2) as journal:
        assert journal.restored().findings[0].alarm == "journal-salvaged"
    assert not (tmp_path / CHECK).exists()


class Told:
    """What the writer told, and when."""

    def __init__(self) -> None:
        self.durable: list[int] = []
        self.held: list[bool] = []
        self.failed: list[str] = []
        self._news = asyncio.Event()

    def committed(self, batch: Batch) -> None:
        self.durable += [one.seq for one in batch.events]
        self._news.set()

    def holds(self, why: Exception | None) -> None:
        self.held.append(why is not None)
        self._news.set()

    def fails(self, why: Exception) -> None:
        self.failed.append(str(why))
        self._news.set()

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not what():
                await self._news.wait()
                self._news.clear()


class Disk:
    """A disk that is full until it is freed; a given-up reserve makes room for some commits."""

    def __init__(self, reserve: int = 0) -> None:
        self.written: list[list[int]] = []
        self.full = True
        self.tries = threading.Semaphore(0)
        self.room = 0
        self.reserve = reserve

    def commit(self, batch: Batch) -> None:
        if self.full and not self.room:
            self.tries.release()
            raise Held("database or disk is full")
        self.room -= bool(self.full)
        self.written.append([one.seq for one in batch.events])

    def give_up(self) -> bool:
        self.room, self.reserve = self.room + self.reserve, 0
        return self.room > 0

    def recover(self) -> bool:
        return not self.full

    def tidy(self) -> float:
        return 60.0


def run(scenario: Callable[[Told], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario(Told())

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_writer, "HELD_S", 0.01)


def test_it_waits_tells_once_and_goes_on() -> None:
    async def scenario(told: Told) -> None:
        disk = Disk()
        writer = Writer(disk, asyncio.get_running_loop(), told.committed, told.fails, told.holds)
        writer.submit(Batch(events=[row(1)]))
        await told.until(lambda: told.held == [True])
        writer.submit(Batch(events=[row(2)]))
        writer.submit(Batch(events=[row(3)]))
        for _ in range(5):
            assert await asyncio.to_thread(disk.tries.acquire, timeout=PATIENCE_S)
        assert writer.waiting == 3
        assert (told.durable, told.held) == ([], [True])
        disk.full = False
        await told.until(lambda: told.durable == [1, 2, 3])
        await told.until(lambda: told.held == [True, False])
        assert (disk.written, told.failed, writer.waiting) == ([[1], [2, 3]], [], 0)
        assert writer.close(PATIENCE_S)

    run(scenario)


def test_the_reserve_records_the_last_events_and_it_is_over_when_it_is_back() -> None:
    async def scenario(told: Told) -> None:
        disk = Disk(reserve=2)
        writer = Writer(disk, asyncio.get_running_loop(), told.committed, told.fails, told.holds, keeps=disk)
        writer.submit(Batch(events=[row(1)]))
        await told.until(lambda: told.durable == [1])
        writer.submit(Batch(events=[row(2)]))
        await told.until(lambda: told.durable == [1, 2])
        assert told.held == [True], "it is still full"
        writer.submit(Batch(events=[row(3)]))
        for _ in range(4):
            assert await asyncio.to_thread(disk.tries.acquire, timeout=PATIENCE_S)
        assert told.durable == [1, 2]
        disk.full = False
        await told.until(lambda: told.held == [True, False])
        await told.until(lambda: told.durable == [1, 2, 3])
        assert writer.close(PATIENCE_S)

    run(scenario)


def test_close_while_it_is_held() -> None:
    async def scenario(told: Told) -> None:
        disk = Disk()
        writer = Writer(disk, asyncio.get_running_loop(), told.committed, told.fails, told.holds)
        writer.submit(Batch(events=[row(1)]))
        await told.until(lambda: told.held == [True])
        assert not writer.close(PATIENCE_S)
        assert (disk.written, told.failed) == ([], [])

    run(scenario)


def test_a_real_journal_is_held_and_freed(tmp_path: Path) -> None:
    async def scenario(told: Told) -> None:
        with opened(tmp_path / "journal.db") as journal:
            fill(journal)
            loop = asyncio.get_running_loop()
            writer = Writer(journal, loop, told.committed, told.fails, told.holds, keeps=journal)
            writer.submit(big(1, 2))
            await told.until(lambda: told.held == [True])
            free(journal)
            await told.until(lambda: told.held == [True, False])
            assert told.durable == [1, 2]
            assert writer.close(PATIENCE_S)
            assert [each.seq for each in journal.backlog(0, 10)] == [1, 2]

    run(scenario)


def free_bytes(monkeypatch: pytest.MonkeyPatch, path: Path, count: int) -> None:
    """The disk: so much room is left."""
    figures = list(os.statvfs(path))
    figures[0], figures[1], figures[4] = 4096, 4096, count // 4096
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(figures))


def test_the_reserve_is_real_and_comes_back_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = Reserve(tmp_path, 2)
    assert not reserve.whole()
    assert reserve.make()
    found = (tmp_path / NAME).stat()
    assert (found.st_size, found.st_blocks * 512 >= 2 * MB) == (2 * MB, True)
    assert reserve.give_up()
    assert not reserve.give_up(), "there is none any more"
    free_bytes(monkeypatch, tmp_path, 3 * MB)
    assert not reserve.make(), "that would fill the disk again"
    free_bytes(monkeypatch, tmp_path, 5 * MB)
    assert reserve.make()
    (tmp_path / NAME).write_bytes(b"x")
    assert not reserve.whole()
    assert reserve.make()
    assert reserve.whole()


def test_none_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 0)
    assert (reserve.make(), reserve.give_up(), list(tmp_path.iterdir())) == (True, False, [])


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own; only root can make one."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no small disk without root: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def stuff(folder: Path, leave: int = 0) -> None:
    """Fill it to the last byte but so many."""
    with (folder / "stuff").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while os.statvfs(folder).f_bavail * 4096 > leave:
            file.write(b"x" * 4096)


def commit_until_held(journal: Journal, seq: int) -> int:
    """The first sequence that found no room."""
    with contextlib.suppress(Held):
        for _ in range(1000):
            journal.commit(big(seq))
            seq += 1
        raise AssertionError("there is always room")
    return seq


def test_a_disk_that_is_full_at_the_start(tmp_path: Path) -> None:
    rules = Rules(reserve_mb=1)
    with small_disk(tmp_path / "disk", "8m") as disk:
        path = disk / "journal.db"
        with contextlib.closing(Journal.open(path, rng=random.Random(1), utc_ms=1, rules=rules)) as journal:
            journal.commit(big(1))
        assert Reserve(disk, 1).whole()
        stuff(disk)
        with contextlib.closing(Journal.open(path, rng=random.Random(2), utc_ms=1, rules=rules)) as journal:
            assert [one.alarm for one in journal.restored().findings] == ["journal-reserve"]
            journal.commit(big(2))
            assert [each.seq for each in journal.backlog(0, 10)] == [1, 2]
            stuff(disk)
            seq = commit_until_held(journal, 3)
        with pytest.raises(JournalError, match=r"disk"):
            Journal.open(path, rng=random.Random(3), utc_ms=1, rules=rules)
        (disk / "stuff").unlink()
        with contextlib.closing(Journal.open(path, rng=random.Random(4), utc_ms=1, rules=rules)) as journal:
            assert journal.restored().last_seq == seq - 1, "all that was durable and nothing else"
            assert journal.restored().findings == ()


def test_a_salvage_without_room_keeps_what_was_not_delivered(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk:
        path = disk / "journal.db"
        with opened(path) as journal:
            for seq in range(1, 301, 10):
                journal.commit(big(*range(seq, seq + 10)))
            journal.commit(Batch(delivered=list(range(1, 281))))
            journal.tidy()
        with path.open("r+b") as file:
            file.write(b"no database")
        stuff(disk, 3 * MB)
        with opened(path, 2) as journal:
            assert [each.seq for each in journal.backlog(0, 1000)] == list(range(281, 301))
            assert "no room for delivered events" in journal.restored().findings[0].what
        assert list(disk.glob("journal.db.damaged-*"))
