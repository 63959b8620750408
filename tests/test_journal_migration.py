"""A journal of schema 2 is brought to this one with all that is in it; from then on each of its rows proves itself."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import zlib
from pathlib import Path

import pytest

from controller.journal import Batch, Evidence, Reader
from controller.journal_file import connect, schema
from controller.journal_retention import DAY_MS, REST_S, Retention
from controller.journal_sums import proof, proves, queued
from controller.journal_tables import SCHEMA
from controller.sections import Journal as Rules
from tests.old_journals import TABLES_1, TABLES_2
from tests.test_journal import altered, opened, row

ROWS = [row(seq, travel=f"t{seq}", visit=f"v{seq}", parcel="P1", body=b'{"n": %d}' % seq) for seq in range(1, 41)]


def second_schema(path: Path) -> Path:
    """A journal as the second schema left it, with something in every table."""
    with contextlib.closing(connect(path, "rwc")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(TABLES_1)
        db.executescript(TABLES_2)
        db.execute("BEGIN")
        meta = {"journal": "oldjrnl0", "boot": 4, "made_utc_ms": 1, "file": "elsewhere"}
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        for one in ROWS:
            crc = zlib.crc32(one.body, zlib.crc32(f"{one.seq} {one.id} {one.topic}".encode()))
            heads = (one.seq, one.id, one.type, one.subject, one.visit, one.travel, one.parcel, one.time, one.topic)
            db.execute(f"INSERT INTO event VALUES ({', '.join('?' * 12)})", (*heads, one.body, one.code, crc))
        db.executemany("INSERT INTO outbox VALUES (?, ?, ?)", [(30, 0x87, 4), (39, None, None), (40, None, None)])
        db.execute("INSERT INTO channel VALUES ('PLC-1', 7, 12)")
        db.executemany("INSERT INTO state VALUES ('lane', ?, x'7b7d')", [(f"S1-L{n}",) for n in range(50)])
        db.execute("INSERT INTO advice VALUES ('P1', x'7b7d')")
        db.executemany("INSERT INTO alias VALUES (?, 'P1')", [("P1",), ("CODE",)])
        digest = hashlib.sha256(b"raw").hexdigest()
        db.execute("INSERT INTO evidence VALUES (1, 5, 'customs', ?, ?, 1, 2, '[]')", (digest, b"raw"))
        db.execute("INSERT INTO evidence_subject VALUES ('parcel/P1', 1)")
        db.execute("COMMIT")
    return path


def test_everything_is_there(tmp_path: Path) -> None:
    path = second_schema(tmp_path / "journal.db")
    with contextlib.closing(Reader(path)) as reader:  # while nobody has brought it here
        assert [one.seq for one in reader.trace("CODE")] == list(range(1, 41))
        assert (reader.counts().pending, reader.concerned("P1", [])) == (3, ("parcel/P1",))
    with opened(path) as journal:
        restored = journal.restored()
        assert (restored.channels, restored.last_seq, restored.pending) == ({"PLC-1": (7, 12)}, 40, 3)
        assert restored.state == {("lane", f"S1-L{n}"): b"{}" for n in range(50)}
        assert journal.look("CODE") == [("P1", b"{}")]
        assert journal.backlog(0, 10) == [ROWS[29], ROWS[38], ROWS[39]]
        journal.commit(Batch(events=[row(41)], advice=[("P2", (), b"1")]))
    with contextlib.closing(Reader(path)) as reader:
        assert [one.seq for one in reader.since(0)] == list(range(1, 42))
        assert list(reader.evidence("parcel/P1")) == [(Evidence(5, "customs", b"raw", ("parcel/P1",), 1, 2), True)]
    with contextlib.closing(connect(path, "ro")) as db:
        assert schema(db) == SCHEMA
        for table in ("meta", "outbox", "channel", "state", "advice", "alias", "evidence_subject"):
            found = db.execute(f"SELECT * FROM {table}").fetchall()
            assert found, table
            assert all(proves(table, one) for one in found), table


def test_everything_counts_as_new(tmp_path: Path) -> None:
    """Nobody knows how old it is; so it stays for its whole time from then on."""
    path = second_schema(tmp_path / "journal.db")
    with opened(path) as journal:
        assert journal.lived_ms() < 60_000
    with contextlib.closing(connect(path, "rwc")) as db:
        retention = Retention(db, Rules(keep_days=7, evidence_days=7, advice_days=7))
        for days, removed in ((0, 0), (6.9, 0), (7.1, 37)):
            while retention.work(days * DAY_MS) != REST_S:
                pass
            assert retention.removed.events == removed
        retention = Retention(db, Rules(keep_days=7, evidence_days=7, advice_days=7))  # its first round is for all
        assert db.execute("SELECT count(*) FROM advice").fetchone() == (1,)
        while retention.work(7.1 * DAY_MS) != REST_S:
            pass
        assert retention.removed.advice == 1


@pytest.mark.parametrize("change", ["body = x'00'", "topic = 'x'", "id = 'x'"])
def test_its_events_still_prove_themselves(tmp_path: Path, change: str) -> None:
    path = second_schema(tmp_path / "journal.db")
    with opened(path):
        pass
    altered(path, f"UPDATE event SET {change} WHERE seq = 30")
    with opened(path) as journal:
        assert [one.seq for one in journal.backlog(0, 10)] == [39, 40]
        assert journal.damaged == {30}


@pytest.mark.parametrize("change", ["type = 'x'", "travel = 'x'", "parcel = NULL", "time = 'x'", "read_code = 'x'"])
def test_of_new_events_every_column_counts(tmp_path: Path, change: str) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[*ROWS]))
    altered(path, f"UPDATE event SET {change} WHERE seq = 30")
    with opened(path) as journal:
        assert 30 not in [one.seq for one in journal.backlog(0, 100)]
        assert journal.damaged == {30}


def test_a_damaged_one_keeps_its_events_and_evidence(tmp_path: Path) -> None:
    path = second_schema(tmp_path / "journal.db")
    with path.open("r+b") as file:
        file.write(b"gone")
    with opened(path) as journal:
        assert {one.seq for one in journal.backlog(0, 100)} == set(range(1, 41))
        assert journal.restored().findings[0].priority == "critical"
    with contextlib.closing(Reader(path)) as reader:
        assert reader.counts().evidence_ms == 5


@pytest.mark.parametrize("version", [1, 2, 4, 9])
def test_a_flipped_version_is_damage_and_no_newer_hubfloor(tmp_path: Path, version: int) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[*ROWS]))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    with opened(path) as journal:
        assert len(journal.backlog(0, 100)) == 40
        assert journal.restored().findings[0].alarm == "journal-salvaged"


@pytest.mark.parametrize("values", [(1, None, None), (10**12, 135, 65535), (7, None, 3)])
def test_the_short_way_to_a_proof_is_the_same(values: tuple[int, int | None, int | None]) -> None:
    assert queued(*values) == (*values, proof("outbox", *values))


def test_a_proof_names_its_table_and_tells_kinds_apart() -> None:
    proofs = [
        proof("state", "a", "b", b"c"),
        proof("statf", "a", "b", b"c"),
        proof("state", "a", "b", "c"),
        proof("state", "ab", "", b"c"),
        proof("state", "a", b"b", b"c"),
        proof("state", "a", None, b"c"),
        proof("state", "a", "None", b"c"),
        proof("state", 1, "b", b"c"),
        proof("state", "1", "b", b"c"),
    ]
    assert len(set(proofs)) == len(proofs)
