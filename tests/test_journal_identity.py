"""A journal that may not know every sequence that was given under its id takes a new one, and loses nothing by it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller import journal_file
from controller.journal import Batch, Journal, JournalError, Restored, Row
from controller.journal_identity import RENEW, WITNESS, later
from controller.journal_sums import queued
from tests.test_journal import opened, row


def seen(path: Path, seed: int) -> tuple[Restored, list[int]]:
    with opened(path, seed) as journal:
        return journal.restored(), [each.seq for each in journal.backlog(0, 100)]


def ran(path: Path, seed: int, first: int, last: int) -> Restored:
    """A whole run that records these events and has the even ones delivered."""
    with opened(path, seed) as journal:
        journal.commit(Batch(events=[row(seq) for seq in range(first, last + 1)]))
        journal.commit(Batch(delivered=[seq for seq in range(first, last + 1) if seq % 2 == 0]))
        return journal.restored()


def renewed(now: Restored, before: Restored, *words: str) -> None:
    """It has a new id, says why, and goes on behind everything that it knows."""
    assert now.journal != before.journal
    assert now.first == now.last_seq + 1
    (finding,) = (one for one in now.findings if one.alarm == "journal-renewed")
    for word in (now.journal, before.journal, *words):
        assert word in finding.what


def image(path: Path) -> dict[str, bytes]:
    return {side: Path(f"{path}{side}").read_bytes() for side in ("", "-wal") if Path(f"{path}{side}").exists()}


def put_back(path: Path, content: dict[str, bytes]) -> None:
    """An older image of the disk: other content, the same inode."""
    for side in ("", "-wal"):
        if side in content:
            with Path(f"{path}{side}").open("r+b" if Path(f"{path}{side}").exists() else "wb") as file:
                file.write(content[side])
                file.truncate()
        else:
            Path(f"{path}{side}").unlink(missing_ok=True)


def test_the_same_file_keeps_its_id(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    before = ran(path, 1, 1, 4)
    now, pending = seen(path, 2)
    assert (now.journal, now.first, now.findings, pending) == (before.journal, 1, (), [1, 3])
    assert json.loads((tmp_path / WITNESS).read_text())["boot"] == now.boot


def test_an_older_image_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ran(path, 1, 1, 4)
    old = image(path)
    before = ran(path, 2, 5, 8)
    put_back(path, old)
    now, pending = seen(path, 3)
    renewed(now, before, "an older state", "first sequence is 5")
    assert pending == [1, 3], "with their old sequences"
    assert ran_on(path) == [1, 3, 5]
    assert seen(path, 5)[0].journal == now.journal, "once"


def ran_on(path: Path) -> list[int]:
    with opened(path, 4) as journal:
        journal.commit(Batch(events=[row(5)]))
        return [each.seq for each in journal.backlog(0, 10)]


def test_a_witness_one_boot_behind_is_a_kill_between_the_two(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ran(path, 1, 1, 2)
    before = (tmp_path / WITNESS).read_bytes()
    now = ran(path, 1, 3, 4)
    (tmp_path / WITNESS).write_bytes(before)
    assert seen(path, 2)[0].journal == now.journal


@pytest.mark.parametrize(("boot", "than", "is_later"), [(5, 4, True), (4, 5, False), (4, 4, False), (1, 65535, True)])
def test_boots_wrap(boot: int, than: int, is_later: bool) -> None:
    assert later(boot, than) is is_later


@pytest.mark.parametrize("text", ["", "{", "[]", '{"journal": 1}', '{"boot": "x"}', "\xff", "null"])
def test_a_witness_that_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.db"
    before = ran(path, 1, 1, 2)
    (tmp_path / WITNESS).write_bytes(text.encode("latin-1"))
    assert seen(path, 2)[0].journal == before.journal


def test_others_know_of_later_sequences(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    before = ran(path, 1, 1, 4)
    (tmp_path / RENEW).touch()
    now, pending = seen(path, 2)
    renewed(now, before, "others know")
    assert pending == [1, 3]
    assert not (tmp_path / RENEW).exists()
    assert seen(path, 3)[0].journal == now.journal


@pytest.mark.parametrize("delivered", [False, True])
def test_what_an_older_image_has_given_since_goes_over_to_the_new_id(tmp_path: Path, delivered: bool) -> None:
    """Others have heard other events with those sequences; where one of these is out, too, all stay what they are."""
    path = tmp_path / "journal.db"

    def sourced(seq: int, journal: str) -> Row:
        text = f'{{"id":"x","source":"urn:hub:lgg:n1:{journal}","about":"urn:hub:lgg:n1:{before.journal}"}}'
        return replace(row(seq), body=text.encode())

    before = ran(path, 1, 1, 4)
    with opened(path, 2) as journal:
        journal.commit(Batch(events=[sourced(seq, before.journal) for seq in range(5, 700)]))
        if delivered:
            journal.commit(Batch(delivered=[600]))
    (tmp_path / RENEW).touch()
    with opened(path, 3) as journal:
        now, rows = journal.restored(), journal.backlog(4, 1000)
    assert now.first == (700 if delivered else 5)
    journal_id = before.journal if delivered else now.journal
    assert rows == [sourced(seq, journal_id) for seq in range(5, 700) if seq != 600 or not delivered]


def test_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    before = ran(path, 1, 1, 4)
    path.unlink()
    now, pending = seen(path, 2)
    renewed(now, before, "gone or empty, and with it holds by hand, closed lanes")
    assert (now.first, pending) == (1, [])


def test_the_log_of_a_killed_run_is_gone(tmp_path: Path) -> None:
    made = tmp_path / "journal.db"
    with opened(made) as journal:
        journal.commit(Batch(events=[row(1), row(2)]))
        journal._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        journal.commit(Batch(events=[row(3)]))
        before = journal.restored()
        killed = image(made)
        witness = (made.parent / WITNESS).read_bytes()
    assert json.loads(witness)["running"]
    put_back(made, {"": killed[""]})
    (made.parent / WITNESS).write_bytes(witness)
    now, pending = seen(made, 2)
    renewed(now, before, "write-ahead log", "first sequence is 3")
    assert pending == [1, 2]


def test_a_new_boot_hides_no_refused_event(tmp_path: Path) -> None:
    """A refused event is offered again by the next boot, also where that is drawn by chance."""
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.commit(Batch(events=[row(1)]))

    class Loaded(random.Random):
        draws = iter([0, 0, 7])

        def randrange(self, *_: object, **__: object) -> int:
            return next(self.draws)

    with contextlib.closing(journal_file.connect(path, "rwc")) as db:
        db.execute("REPLACE INTO outbox VALUES (?, ?, ?, ?)", queued(1, 0x87, 1))
    (tmp_path / RENEW).touch()
    with contextlib.closing(Journal.open(path, rng=Loaded(1), utc_ms=1)) as journal:
        assert journal.boot == 8
        assert len(journal.backlog(0, 10)) == 1


@contextlib.contextmanager
def failing_fsync(error: int) -> Iterator[None]:
    """The disk: syncing a folder fails."""
    synced = os.fsync

    def fsync(handle: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(error, os.strerror(error))
        synced(handle)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        yield


def test_a_folder_that_is_not_synced_counts(tmp_path: Path) -> None:
    with failing_fsync(5), pytest.raises(JournalError, match="Input/output error"):
        Journal.open(tmp_path / "journal.db", rng=random.Random(1), utc_ms=1)
    with opened(tmp_path / "journal.db"):
        pass


def test_the_new_id_is_another_one_whatever_chance_says(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    before, _ = seen(path, 1)
    (tmp_path / RENEW).touch()
    assert seen(path, 1)[0].journal != before.journal


def test_a_copy_of_the_folder_is_another_journal(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = ran(tmp_path / "a" / "journal.db", 1, 1, 4)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    now, pending = seen(tmp_path / "b" / "journal.db", 2)
    renewed(now, before, "copied")
    assert pending == [1, 3]
