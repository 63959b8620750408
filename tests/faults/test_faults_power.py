"""P1: what was told durable is there after a power cut, wherever it falls and whatever of the rest was written."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from controller.journal import Journal
from tests.faults.commits import JOURNAL, UTC_MS
from tests.faults.crash_images import SEVERAL, Disk, cut_everywhere
from tests.faults.preload import MISSING, Change, Kind, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason=MISSING)


def test_nothing_told_durable_is_lost_at_any_place(full: bool) -> None:
    for scenario in ("one", "small", *SEVERAL) if full else ("small", "from-2"):
        found = cut_everywhere(scenario, 6 if full else 1, seed=1)
        assert found.bad == {}, scenario
        assert found.lost == 0
        assert found.images > 100


def test_commits_that_are_not_synced_are_found() -> None:
    found = cut_everywhere("normal", 0, seed=1, every=5)
    assert found.lost > 0
    assert any("were told durable" in text for bad in found.bad.values() for text in bad)


def test_a_folder_that_is_not_synced_is_found() -> None:
    found = cut_everywhere("one", 0, seed=1, folder_syncs=False, every=5)
    assert found.lost > 0


def test_the_disk_keeps_what_was_synced_and_any_part_of_the_rest() -> None:
    disk = Disk({"a": b"A" * 1024})
    for change in (
        Change(Kind.WRITE, "a", 0, b"B" * 1024),
        Change(Kind.SYNC, "a", 0, b""),
        Change(Kind.WRITE, "a", 512, b"C" * 1024),
        Change(Kind.OPEN, "new", 0, b""),
        Change(Kind.WRITE, "new", 0, b"n"),
        Change(Kind.SYNC, "new", 0, b""),
        Change(Kind.RENAME, "a", 0, b"b"),
    ):
        disk.take(change)
    assert disk.image(lambda: False, torn=False) == {"a": b"B" * 1024}
    assert disk.image(lambda: True, torn=True) == {"b": b"B" * 512 + b"C" * 1024, "new": b"n"}
    turns = iter([True, False, True, False, True, True])  # new's name, not a's; the size, not the first sector, …
    assert disk.image(lambda: next(turns), torn=True) == {"a": b"B" * 1024 + b"C" * 512, "new": b"n"}
    disk.take(Change(Kind.SYNC, ".", 0, b""))
    assert disk.image(lambda: False, torn=False) == {"b": b"B" * 1024, "new": b"n"}


@pytest.mark.parametrize("length", [32, 40, 79, 80])
def test_a_log_that_was_cut_off_where_it_begins_holds_nothing(tmp_path: Path, length: int) -> None:
    path = tmp_path / JOURNAL
    Journal.open(path, rng=Random(1), utc_ms=UTC_MS).close()
    (tmp_path / f"{JOURNAL}-wal").write_bytes(bytes(length))
    journal = Journal.open(path, rng=Random(2), utc_ms=UTC_MS)
    try:
        assert journal.restored().findings == ()
    finally:
        journal.close()
