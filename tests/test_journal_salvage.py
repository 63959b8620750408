"""A damaged journal: every page of it in turn, its log, its head, its end. What is not damaged is kept, what is damaged
is never given out, and what is lost is told."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller import journal_log, journal_pages
from controller.journal import Batch, Evidence, Journal, JournalError, Reader, Restored, Row
from controller.journal_file import CHECK, connect
from controller.sections import Journal as Rules
from tests.test_journal import ROOT, opened

EVENTS, QUEUED = 300, 120
"""Events of the sample, and those of them that were not delivered: every one after the others."""

CHANNELS = {"PLC-1": (7, 12), "PLC-2": (9, 999)}
STATE: dict[tuple[str, str], bytes | None] = {
    ("customs", "H7|BE|parcel|P1"): b'{"status": "hold"}',
    ("customs", "ICS2|BE|parcel|P1"): b'{"status": "release"}',
    ("feed", "position"): b"17",
}
STATE.update({("travel", f"S1-abcdefgh-{number}"): b'{"lane": %d}' % number * 6 for number in range(60)})


def event(seq: int) -> Row:
    travel, parcel = f"S1-abcdefgh-{seq}", f"P{seq % 40}"
    body = json.dumps({"sequence": seq, "text": "x" * (seq * 37 % 700), "data": {"parcel": parcel}}).encode()
    body += b" " * 9000 * (seq % 97 == 0)  # longer than a page
    when = f"2026-01-01T00:00:{seq % 60:02}.000Z"
    return Row(seq, f"id-{seq}", "hubfloor.parcel.read.v1", f"travel/{travel}", None, travel, parcel, when, "top", body)


ROWS = {seq: event(seq) for seq in range(1, EVENTS + 1)}
ADVICE = {f"P{number}": b'{"parcel": "P%d"}' % number for number in range(40)}
EVIDENCE = [Evidence(number, "customs", b'{"n": %d}' % number, (f"parcel/P{number}",)) for number in range(30)]


@dataclass(frozen=True)
class Sample:
    """A journal as its daemon left it: the file, and what of it is in the log only."""

    folder: Path
    journal: str

    def copy(self, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)
        return to / "journal.db"


def written(journal: Journal, first: int, last: int) -> None:
    for seq in range(first, last + 1, 10):
        journal.commit(Batch(events=[ROWS[one] for one in range(seq, min(seq + 10, last + 1))]))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Most of it in the file, the last events in the log."""
    folder = tmp_path_factory.mktemp("sample")
    path = folder / "made" / "journal.db"
    path.parent.mkdir()
    with opened(path) as journal:
        name = journal.restored().journal
        written(journal, 1, EVENTS - 50)
        journal.commit(Batch(channels=CHANNELS, state=STATE, evidence=EVIDENCE))
        journal.commit(Batch(advice=[(parcel, (f"CODE-{parcel}",), body) for parcel, body in ADVICE.items()]))
        journal.commit(Batch(delivered=list(range(1, EVENTS - QUEUED + 1))))
        gone: list[tuple[str, str]] = [("travel", f"gone-{number}") for number in range(200)]
        journal.commit(Batch(state=dict.fromkeys(gone, b"{}" * 150)))
        for at in range(0, 200, 5):  # pages are merged on the way, and what they held goes later
            journal.commit(Batch(state=dict.fromkeys(random.Random(1).sample(gone, 200)[at : at + 5])))
        journal.tidy()  # notes up to where everything is delivered
        journal._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        written(journal, EVENTS - 49, EVENTS)
        shutil.copytree(path.parent, folder / "left")  # as kill -9 leaves it
    return Sample(folder / "left", name)


@dataclass
class Found:
    """What a start finds in a journal."""

    restored: Restored
    backlog: list[Row]
    damaged: set[int]
    advice: dict[str, bytes]
    history: list[Row]
    evidence: int


def started(path: Path, seed: int = 5) -> Found:
    """Open, restore, read everything, as the daemon and the commands do."""
    with opened(path, seed) as journal:
        restored, backlog = journal.restored(), journal.backlog(0, 10_000)
        advice = {parcel: body for one in ADVICE for parcel, body in journal.look(f"CODE-{one}")}
        with contextlib.closing(Reader(path)) as reader:
            history = list(reader.since(0))
            evidence = sum(intact for one in EVIDENCE for _, intact in reader.evidence(*one.subjects))
        return Found(restored, backlog, journal.damaged, advice, history, evidence)


def lies(found: Found) -> list[str]:
    """What was given out and is not what was written."""
    wrong = [f"event {row.seq}" for row in (*found.backlog, *found.history) if ROWS.get(row.seq) != row]
    wrong += [f"state {key}" for key, body in found.restored.state.items() if STATE.get(key) != body]
    wrong += [f"channel {name}" for name, last in found.restored.channels.items() if CHANNELS.get(name) != last]
    wrong += [f"advice {parcel}" for parcel, body in found.advice.items() if ADVICE.get(parcel) != body]
    return wrong


def salvaged(found: Found) -> bool:
    return any(one.alarm == "journal-salvaged" for one in found.restored.findings)


def pages_of(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        whole = file.read()
    size = journal_pages.size_of(whole[:100])
    assert size is not None
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def on_page(path: Path, number: int) -> set[tuple[str, Any]]:
    """(table, key) of the rows that lie on a page of the whole sample, or go on there."""
    from controller.journal_salvage import _proven

    pages = pages_of(path)
    found: set[tuple[str, Any]] = set()
    for at, page in enumerate(pages, 1):
        touched = {at}

        def page_of(wanted: int, touched: set[int] = touched) -> bytes:
            touched.add(wanted)
            return pages[wanted - 1]

        if page[0] not in journal_pages.ROW_PAGES:
            continue
        for row in journal_pages.rows(page, at, page_of):
            if row is not None and number in touched:
                table, values = _proven(*row)
                if values is not None:
                    found.add((table, values[:2] if table == "state" else values[0]))
            touched.clear()
            touched.add(at)
    return found


def flipped(path: Path, at: int, rng: random.Random, bits: int = 3, within: int = 4096) -> None:
    """Turn a few bits of a page."""
    with path.open("r+b") as file:
        for _ in range(bits):
            place = at + rng.randrange(within)
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 1 << rng.randrange(8)]))


def blotted(path: Path, at: int, rng: random.Random) -> None:
    """A whole page is noise."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(rng.randbytes(4096))


def chosen(count: int, full: bool, few: int) -> list[int]:
    return list(range(count)) if full else sorted({0, 1, *range(0, count, max(1, count // few)), count - 1})


def test_the_sample_is_whole(sample: Sample, tmp_path: Path) -> None:
    found = started(sample.copy(tmp_path / "j"))
    assert [one.alarm for one in found.restored.findings] == ["journal-renewed"], "it is a copy, and nothing else"
    assert lies(found) == []
    assert [row.seq for row in found.backlog] == list(range(EVENTS - QUEUED + 1, EVENTS + 1))
    assert (found.restored.state, found.restored.channels) == (STATE, CHANNELS)
    assert (found.advice, found.evidence, len(found.history)) == (ADVICE, len(EVIDENCE), EVENTS)


@pytest.mark.parametrize("damage", [flipped, blotted], ids=lambda how: how.__name__)
def test_any_page(sample: Sample, tmp_path: Path, full: bool, damage: Callable[..., None]) -> None:
    """Without the marker: what a start happens to meet. Nothing damaged is given out, and nothing crashes."""
    count, met = len(pages_of(sample.folder / "journal.db")), 0
    for number in chosen(count, full, 8):
        path = sample.copy(tmp_path / "j")
        damage(path, number * 4096, random.Random(number))
        try:
            found = started(path)
        except JournalError:  # the start went well, and the damage was met in reading
            assert (path.parent / CHECK).exists()
            found = started(path)
        met += salvaged(found)
        assert lies(found) == [], number
    assert met or damage is flipped, "three bits may lie in rows, of which each judges itself"


@pytest.mark.parametrize("damage", [flipped, blotted], ids=lambda how: how.__name__)
def test_what_is_not_on_the_damaged_page_is_kept(
    sample: Sample, tmp_path: Path, full: bool, damage: Callable[..., None]
) -> None:
    count, met = len(pages_of(sample.folder / "journal.db")), 0
    whole = sample.copy(tmp_path / "whole")
    for number in chosen(count, full, 16):
        path = sample.copy(tmp_path / "j")
        damage(path, number * 4096, random.Random(number))
        (path.parent / CHECK).touch()
        found = started(path)
        assert lies(found) == [], number
        met += salvaged(found)
        gone = on_page(whole, number + 1)
        events = {row.seq for row in found.history}
        assert {("event", seq) for seq in ROWS if seq not in events} <= gone, number
        queued = {row.seq for row in found.backlog}
        assert {seq for seq in range(EVENTS - QUEUED + 1, EVENTS + 1) if seq in events} <= queued, number
        state = {("state", key) for key in STATE if key not in found.restored.state and key[0] != "feed"}
        assert state <= gone, number
        assert {("channel", name) for name in CHANNELS if name not in found.restored.channels} <= gone, number
        advised = {("advice", parcel) for parcel in ADVICE if parcel not in found.advice}
        assert advised <= gone | {("advice", key) for table, key in gone if table == "alias"} | codes(gone), number
        assert len(EVIDENCE) - found.evidence <= sum(table.startswith("evidence") for table, _ in gone), number
        if salvaged(found):
            assert found.restored.journal != sample.journal
            assert ("feed", "position") not in found.restored.state, "customs releases count again too early"
            assert len(list(path.parent.glob("journal.db.damaged-*"))) >= 1
            assert not (path.parent / CHECK).exists()
    assert met >= (10 if damage is blotted else 1)


def codes(gone: set[tuple[str, Any]]) -> set[tuple[str, Any]]:
    return {("advice", str(key).removeprefix("CODE-")) for table, key in gone if table == "alias"}


def test_cut_off_at_any_page(sample: Sample, tmp_path: Path, full: bool) -> None:
    """The log may still hold the pages that are gone."""
    count = len(pages_of(sample.folder / "journal.db"))
    for keep in chosen(count, full, 6):
        for log_gone in (False, True):
            path = sample.copy(tmp_path / "j")
            os.truncate(path, keep * 4096 + 17)
            if log_gone:
                Path(f"{path}-wal").unlink()
            found = started(path)
            assert lies(found) == [], keep
            assert salvaged(found) or (not log_gone and (found.advice, len(found.history)) == (ADVICE, EVENTS)), keep
            assert found.restored.journal != sample.journal
            if not log_gone:
                last = [row.seq for row in found.backlog][-50:]
                assert last == list(range(EVENTS - 49, EVENTS + 1)), "they were in the log"


def test_a_start_that_meets_the_damage_in_reading_salvages_it_itself(sample: Sample, tmp_path: Path) -> None:
    """A page of what waits for the broker: nothing shows at the opening."""
    whole, met = sample.copy(tmp_path / "whole"), 0
    waiting = {("event", EVENTS - QUEUED + 1), ("event", EVENTS - 60)}
    for number in range(len(pages_of(whole))):
        if not on_page(whole, number + 1) & waiting:
            continue
        path = sample.copy(tmp_path / "j")
        blotted(path, number * 4096, random.Random(number))
        with opened(path) as journal, pytest.raises(JournalError, match="malformed"):
            journal.backlog(0, 100)
        path = sample.copy(tmp_path / "j")
        blotted(path, number * 4096, random.Random(number))
        journal, restored = Journal.begin(path, rng=random.Random(1), utc_ms=0, rules=Rules(reserve_mb=0))
        assert {row.seq for row in journal.backlog(0, 1000)} <= ROWS.keys()
        journal.close()
        met += 1
        assert "journal-salvaged" in [one.alarm for one in restored.findings]
        assert not (path.parent / CHECK).exists()
    assert met


def test_the_log_is_gone_or_cut_off(sample: Sample, tmp_path: Path) -> None:
    for size in (None, 0, 20, 32, 5000, 40_000):
        path = sample.copy(tmp_path / "j")
        log = Path(f"{path}-wal")
        log.unlink() if size is None else os.truncate(log, size)
        found = started(path)
        assert lies(found) == []
        assert {row.seq for row in found.backlog} >= set(range(EVENTS - QUEUED + 1, EVENTS - 49))
        assert any(one.alarm in ("journal-renewed", "journal-salvaged") for one in found.restored.findings), size


@pytest.mark.parametrize("place", [3, 200, 40_000])
def test_a_damaged_log_loses_what_lay_there_and_nothing_after_it(sample: Sample, tmp_path: Path, place: int) -> None:
    """SQLite alone would drop every transaction from there on, and say nothing."""
    path = sample.copy(tmp_path / "j")
    with Path(f"{path}-wal").open("r+b") as file:
        file.seek(place)
        file.write(b"\xa5\x5a\xa5")
    found = started(path)
    assert lies(found) == []
    assert salvaged(found)
    assert "write-ahead log" in found.restored.findings[0].what
    assert {row.seq for row in found.backlog} >= set(range(EVENTS - QUEUED + 1, EVENTS + 1)) - {*range(251, 300)}
    assert EVENTS in {row.seq for row in found.backlog}
    with contextlib.closing(sqlite3.connect(sample.copy(tmp_path / "plain"))) as db:
        with Path(f"{tmp_path}/plain/journal.db-wal").open("r+b") as file:
            file.seek(place)
            file.write(b"\xa5\x5a\xa5")
        assert db.execute("SELECT max(seq) FROM event").fetchone()[0] < EVENTS


def test_a_torn_last_transaction_is_no_damage(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    log = Path(f"{path}-wal")
    with log.open("r+b") as file:
        file.seek(log.stat().st_size - 100)
        file.write(b"torn")
    found = started(path)
    assert not salvaged(found)
    assert [row.seq for row in found.backlog][-1] == EVENTS - 10
    assert journal_log.read(b"", 4096) == journal_log.Log({}, None)


def test_its_shared_memory_is_garbage(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    Path(f"{path}-shm").write_bytes(random.Random(1).randbytes(32768))
    found = started(path)
    assert [one.alarm for one in found.restored.findings] == ["journal-renewed"]
    assert len(found.history) == EVENTS


@pytest.mark.parametrize("content", [b"", b"rubbish " * 1000, b"\0" * 8192], ids=["empty", "rubbish", "zeros"])
def test_the_file_is_something_else(sample: Sample, tmp_path: Path, content: bytes) -> None:
    path = sample.copy(tmp_path / "j")
    for side in ("-wal", "-shm"):
        Path(f"{path}{side}").unlink()
    path.write_bytes(content)
    found = started(path)
    assert (found.backlog, found.history) == ([], [])
    assert found.restored.findings
    aside = list(path.parent.glob("journal.db.damaged-*"))
    assert [one.read_bytes() for one in aside] == ([content] if content else [])


def test_the_file_is_gone_and_its_log_is_not(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    path.unlink()
    found = started(path)
    assert salvaged(found)
    assert {row.seq for row in found.backlog} >= set(range(EVENTS - 49, EVENTS + 1))
    assert lies(found) == []


def test_what_was_deleted_does_not_come_back(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    blotted(path, 0, random.Random(3))
    found = started(path)
    assert not [key for key in found.restored.state if key[1].startswith("gone-")]
    assert {row.seq for row in found.backlog} == set(range(EVENTS - QUEUED + 1, EVENTS + 1)), "and nothing delivered"


def test_the_counts_are_told(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    page = next(number for number in range(20, 60) if ("event", 200) in on_page(path, number))
    gone = {seq for table, seq in on_page(path, page) if table == "event"}
    blotted(path, (page - 1) * 4096, random.Random(3))
    (path.parent / CHECK).touch()
    found = started(path)
    (told,) = (one for one in found.restored.findings if one.alarm == "journal-salvaged")
    assert told.priority == "critical"
    for words in (f"{EVENTS - len(gone)} event", "120 outbox", "40 advice", "30 evidence,"):
        assert words in told.what, told.what
    assert "pages that cannot be read: 1" in told.what
    lost = sorted(seq for seq in gone if seq > EVENTS - QUEUED)
    assert f"were not delivered: {lost[0]}-{lost[-1]}" in told.what
    assert found.restored.findings[-1].alarm == "journal-renewed"


def test_three_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for day in range(6):
        path.write_bytes(b"%d" % day * 2000)
        with contextlib.closing(Journal.open(path, rng=random.Random(day), utc_ms=day * 86_400_000)):
            pass
    aside = sorted(tmp_path.glob("journal.db.damaged-*"))
    assert [one.read_bytes()[:1] for one in aside] == [b"3", b"4", b"5"]


def test_findings_stay_until_something_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"no journal" * 100)
    for seed in (1, 2):
        with opened(path, seed) as journal:
            told = [one.alarm for one in journal.restored().findings]
            assert told == ["journal-salvaged", "journal-state", "journal-renewed"]
    with opened(path) as journal:
        journal.commit(Batch(events=[event(1)]))
        assert journal.restored().findings == ()


DIES = """
import os, random, signal, sys
left = [int(sys.argv[2])]

def counted(function):
    def call(*arguments, **more):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    return call

for name in ("replace", "fsync", "pread", "open", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
from controller import journal_salvage, journal_file
journal_salvage._take = counted(journal_salvage._take)
journal_salvage.requeue = counted(journal_salvage.requeue)
from controller.journal import Journal
from pathlib import Path
Journal.open(Path(sys.argv[1]), rng=random.Random(1), utc_ms=1).close()
"""


def test_kill_9_at_any_moment_of_a_salvage(sample: Sample, tmp_path: Path, full: bool) -> None:
    """Killed at each call that touches the disk: the next start goes on, and loses nothing."""
    steps = range(1, 400, 1) if full else (1, 60, *range(150, 182, 2))
    ended, whole = set(), set(range(EVENTS - QUEUED + 1, EVENTS + 1))
    for step in steps:
        path = sample.copy(tmp_path / "j")
        blotted(path, 0, random.Random(3))
        child = subprocess.run([sys.executable, "-c", DIES, str(path), str(step)], cwd=ROOT, timeout=60, check=False)
        ended.add(child.returncode)
        found = started(path)
        assert {row.seq for row in found.backlog} == whole, step
        assert lies(found) == [], step
        assert salvaged(found), step
        assert not [*path.parent.glob("*.salvage*")], step
        if child.returncode == 0:
            break
    assert -signal.SIGKILL in ended


def test_a_bad_place_of_the_disk(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk: one page cannot be read, the others can."""
    path, read = sample.copy(tmp_path / "j"), os.pread
    page = next(number for number in range(20, 60) if ("event", 200) in on_page(path, number))
    gone = {seq for table, seq in on_page(path, page) if table == "event"}

    def pread(handle: int, size: int, at: int) -> bytes:
        if at == (page - 1) * 4096:
            raise OSError(errno.EIO, "Input/output error")
        return read(handle, size, at)

    monkeypatch.setattr(os, "pread", pread)
    blotted(path, 0, random.Random(3))
    found = started(path)
    assert {row.seq for row in found.history} == set(ROWS) - gone
    assert "pages that cannot be read: 1" in found.restored.findings[0].what


@contextlib.contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(connect(path, "rwc")) as db:
        yield db


def test_a_damaged_row_of_state_has_the_safe_consequence(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    with raw(path) as db:
        db.execute("UPDATE channel SET evt = evt + 1 WHERE name = 'PLC-1'")
        db.execute("UPDATE state SET body = x'7b7d' WHERE kind = 'customs' AND key LIKE 'H7%'")
    found = started(path)
    assert found.restored.channels == {"PLC-2": (9, 999)}, "nothing is confirmed that was not heard again"
    assert ("customs", "H7|BE|parcel|P1") not in found.restored.state
    assert ("feed", "position") not in found.restored.state, "the other authority's release does not speak for it"
    told = {one.alarm: one for one in found.restored.findings}
    assert "PLC-1" in told["journal-channel"].what
    assert "customs H7|BE|parcel|P1" in told["journal-state"].what
    assert told["journal-state"].priority == "critical"
    assert not salvaged(found), "the file itself is whole"
    assert lies(found) == []


def test_a_damaged_row_of_the_queue_publishes_again(sample: Sample, tmp_path: Path) -> None:
    path = sample.copy(tmp_path / "j")
    with raw(path) as db:
        db.execute("UPDATE outbox SET seq = 5 WHERE seq = 250")
    found = started(path)
    if 250 not in {row.seq for row in found.backlog}:  # the first row is looked at, others are met in reading
        assert (path.parent / CHECK).exists()
        found = started(path)
    assert 250 in {row.seq for row in found.backlog}


def test_an_event_that_is_gone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[ROWS[seq] for seq in range(1, 6)]))
    with raw(path) as db:
        db.execute("DELETE FROM event WHERE seq = 3")
    with opened(path) as journal:
        assert [row.seq for row in journal.backlog(0, 10)] == [1, 2, 4, 5]
        assert journal.damaged == {3}
