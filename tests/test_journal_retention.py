"""What is taken out of the journal, and what never is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller import journal_retention
from controller.journal import Batch, Evidence, Journal, Reader, Removed, Row, Writer
from controller.journal_retention import DAY_MS, MOST, REST_S
from controller.sections import Journal as Rules
from controller.stamps import rfc3339
from tests.test_journal import PATIENCE_S, row

NOW = 1_790_000_000_000
OLD, YOUNG = NOW - 8 * DAY_MS, NOW - 6 * DAY_MS


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


def test_events_go_when_they_were_delivered_and_are_old(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 11)]))
        journal.commit(Batch(events=[aged(seq, YOUNG) for seq in range(11, 21)]))
        journal.commit(Batch(delivered=[1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 15], quarantined=[(6, 0x87)]))
        tidied(journal)
        assert left(path) == [3, 6, *range(11, 21)]
        assert journal.removed == Removed(events=8)
        assert [one.seq for one in journal.backlog(0, 4)] == [3, 13, 14, 16]
        journal.commit(Batch(delivered=[3, 6]))
        tidied(journal)
        assert left(path) == [*range(11, 21)]


def test_what_was_not_delivered_never_goes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path, NOW + 4000 * DAY_MS, keep_days=1) as journal:
        for begin in range(1, 12_001, 1000):
            journal.commit(Batch(events=[aged(seq, OLD) for seq in range(begin, begin + 1000)]))
        journal.commit(Batch(delivered=[1, 7000, 11_999, 12_000]))
        tidied(journal)
        assert set(range(1, 12_001)) - set(left(path)) == {1, 7000, 11_999}
        assert journal.restored().pending == 11_996


def test_the_last_event_stays_so_that_sequences_go_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 6)]))
        journal.commit(Batch(delivered=[1, 2, 3, 4, 5]))
        tidied(journal)
        assert left(path) == [5]
    with kept(path) as journal:
        assert journal.restored().last_seq == 5


def test_the_oldest_go_while_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_retention, "GB", 1_000_000)  # keep_gb in MB here
    monkeypatch.setattr(journal_retention, "MOST", 40)
    path = tmp_path / "journal.db"
    with kept(path, keep_gb=2) as journal:
        for begin in range(1, 801, 100):
            journal.commit(Batch(events=[aged(seq, YOUNG, b"x" * 5000) for seq in range(begin, begin + 100)]))
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
        journal.commit(Batch(events=[aged(seq, YOUNG, b"x" * 5000) for seq in range(801, 901)]))
        journal._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert path.stat().st_size == max(size, path.stat().st_size) <= 8_000_000, "freed pages are used again"


def test_a_wrong_clock_in_between_holds_up_its_neighbours_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        rows = [aged(seq, NOW + 900 * DAY_MS if seq == 2 else OLD) for seq in range(1, 8)]
        journal.commit(Batch(events=rows))
        journal.commit(Batch(delivered=[1, 2, 3, 4, 5, 6, 7]))
        tidied(journal)
        assert left(path) == [2, 7]


@pytest.mark.parametrize(("days", "stay"), [(90, 5), (0, 10)])
def test_evidence_has_its_own_time(tmp_path: Path, days: int, stay: int) -> None:
    path = tmp_path / "journal.db"
    came = [NOW - (91 if number < 5 else 89) * DAY_MS for number in range(10)]
    said = [Evidence(utc_ms, "t", b"%d" % n, (f"parcel/P{n}", "bag/B")) for n, utc_ms in enumerate(came)]
    with kept(path, evidence_days=days) as journal:
        journal.commit(Batch(evidence=said))
        tidied(journal)
        with contextlib.closing(Reader(path)) as reader:
            assert [one.raw for one, _ in reader.evidence("bag/B")] == [b"%d" % n for n in range(10 - stay, 10)]
            assert reader.counts().evidence_ms == came[10 - stay]
        assert (count(path, "evidence"), count(path, "evidence_subject")) == (stay, 2 * stay)
        assert journal.removed.evidence == 10 - stay


def test_advice_that_was_not_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path, NOW - 31 * DAY_MS) as journal:
        journal.commit(Batch(advice=[(f"P{n}", (f"C{n}",), b"old") for n in range(1500)]))
    with kept(path, NOW - 29 * DAY_MS) as journal:
        journal.commit(Batch(advice=[("P7", ("C7",), b"again")]))
    with kept(path) as journal:
        tidied(journal)
        assert journal.look("C7") == [("P7", b"again")]
        assert (journal.look("C8"), journal.look("P8")) == ([], [])
        assert (journal.restored().parcels, count(path, "alias")) == (1, 2)
        assert journal.removed.advice == 1499


def test_no_transaction_takes_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 3001)]))
        journal.commit(Batch(delivered=list(range(1, 3001))))
        before = 0
        while journal.tidy() != REST_S:
            assert journal.removed.events - before <= MOST
            before = journal.removed.events
        assert left(path) == [3000]


def test_a_system_clock_that_jumps_takes_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    with kept(path) as journal:
        journal.commit(Batch(events=[aged(seq, NOW) for seq in range(1, 11)]))
        journal.commit(Batch(delivered=list(range(1, 11))))
        monkeypatch.setattr("time.time", lambda: NOW / 1000 + 1e9)
        tidied(journal)
        assert len(left(path)) == 10


def test_the_writer_does_it_while_nothing_waits(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def scenario() -> None:
        with kept(path) as journal:
            journal.commit(Batch(events=[aged(seq, OLD) for seq in range(1, 2001)]))
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
