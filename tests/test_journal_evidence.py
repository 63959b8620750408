"""Messages about customs in the journal: kept as they came; and journals of the first schema, which had no place for
them, are brought to this one whole or not at all."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from controller.journal import Batch, Evidence, Journal, Reader
from controller.journal_file import connect, schema
from controller.journal_tables import SCHEMA
from tests.old_journals import TABLES_1
from tests.test_journal import ROOT, altered, opened, reading, row

SAID = Evidence(1_790_000_000_000, "hub/v1/lgg/customs", b'[{"no": "json?"', ("parcel/P1", "bag/G1"), 7, 9, ("a: b",))
REFUSED = Evidence(1_790_000_000_001, "hub/v1/lgg/customs", b"\xff\x00", refused=("not JSON",))


def found(path: Path, subject: str) -> list[Evidence]:
    with reading(path) as reader:
        assert all(intact for _, intact in reader.evidence(subject))
        return [one for one, _ in reader.evidence(subject)]


def first_schema(path: Path) -> Path:
    """A journal as the first schema left it: with events, state and advice."""
    with contextlib.closing(connect(path, "rwc")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(TABLES_1)
        db.execute("INSERT INTO meta VALUES ('journal', 'oldjrnl0'), ('boot', 4), ('made_utc_ms', 1)")
        db.execute("INSERT INTO meta VALUES ('file', 'elsewhere')")
        db.execute("INSERT INTO state VALUES ('lane', 'S1-L01', x'7b7d')")
        db.execute("INSERT INTO outbox VALUES (1, NULL, NULL)")
        db.execute("INSERT INTO advice VALUES ('P1', x'7b7d')")
        db.execute("INSERT INTO alias VALUES ('P1', 'P1')")
    return path


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_it_is_found_by_each_subject_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[row(1)], evidence=[SAID, REFUSED]))
    for subject in ("parcel/P1", "bag/G1"):
        (one,) = found(path, subject)
        assert one == Evidence(SAID.utc_ms, SAID.topic, SAID.raw, (subject,), 7, 9, ("a: b",))
    (nameless,) = found(path, "")
    assert (nameless.raw, nameless.first_seq, nameless.refused) == (b"\xff\x00", None, ("not JSON",))
    assert found(path, "parcel/P2") == []


def test_much_of_one_subject_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    many = [Evidence(number, "t", str(number).encode(), ("parcel/P1",)) for number in range(1001)]
    with opened(path) as journal:
        journal.commit(Batch(evidence=many))
    assert [one.utc_ms for one in found(path, "parcel/P1")] == list(range(1001))


def test_what_was_altered_shows(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(evidence=[SAID, REFUSED]))
    altered(path, "UPDATE evidence SET raw = x'7b7d' WHERE id = 1")
    with reading(path) as reader:
        assert [intact for subject in ("bag/G1", "") for _, intact in reader.evidence(subject)] == [False, True]


def test_it_is_in_the_transaction_of_what_it_caused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[row(1)]))
        with pytest.raises(sqlite3.IntegrityError):
            journal.commit(Batch(events=[row(1)], evidence=[SAID]))
    assert found(path, "parcel/P1") == []


def test_evidence_alone_is_a_batch_and_merges() -> None:
    batch = Batch(evidence=[SAID])
    assert not batch.empty()
    batch.merge(Batch(evidence=[REFUSED]))
    assert batch.evidence == [SAID, REFUSED]


# --- the first schema -------------------------------------------------------------------------------------------------


def test_a_journal_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    path = first_schema(tmp_path / "journal.db")
    with contextlib.closing(Reader(path)) as reader:  # while nobody has brought it here
        assert list(reader.evidence("parcel/P1")) == []
        assert reader.counts().pending == 1
    with contextlib.closing(Journal.open(path, rng=random.Random(1), utc_ms=1)) as journal:
        restored = journal.restored()
        assert (restored.state, restored.pending, restored.parcels) == ({("lane", "S1-L01"): b"{}"}, 1, 1)
        journal.commit(Batch(evidence=[SAID]))
    assert len(found(path, "parcel/P1")) == 1
    with contextlib.closing(connect(path, "ro")) as db:
        assert schema(db) == SCHEMA


def test_both_ways_lead_to_the_same_tables(tmp_path: Path) -> None:
    older, newer = first_schema(tmp_path / "older.db"), tmp_path / "newer.db"
    tables = []
    for path in (older, newer):
        with opened(path):
            pass
        with contextlib.closing(connect(path, "ro")) as db:
            tables.append(sorted(db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()))
    assert tables[0] == tables[1]


DIES = """
import os, signal, sys
from pathlib import Path
from controller.journal_file import connect, prepare

db, left = connect(Path(sys.argv[1]), "rwc"), [int(sys.argv[2])]
def one_step():
    left[0] -= 1
    if left[0] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
db.set_progress_handler(one_step, 1)
prepare(db, Path(sys.argv[1]))
"""


def test_kill_9_while_it_is_brought_here(tmp_path: Path) -> None:
    killed = 0
    for steps in (1, 80, 240, 600, 1200, 2400, 1_000_000):
        path = first_schema(tmp_path / f"{steps}.db")
        ended = subprocess.run([sys.executable, "-c", DIES, str(path), str(steps)], cwd=ROOT, timeout=30, check=False)
        killed += ended.returncode == -signal.SIGKILL
        with contextlib.closing(connect(path, "rwc")) as db:
            names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert schema(db) in (1, SCHEMA)
            assert ({"evidence", "finding"} <= names, "old_state" in names) == (schema(db) == SCHEMA, False)
        with opened(path) as journal:
            assert journal.restored().pending == 1
            journal.commit(Batch(evidence=[SAID]))
        assert len(found(path, "bag/G1")) == 1
    assert killed >= 4, "and it was killed in the middle"
