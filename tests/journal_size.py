"""How a journal of many rows behaves: `python -m tests.journal_size --rows 10000000 [--folder F]`.

Builds one of parcel lives of five events, delivered but for the last thousand, through the real `stored()` in large
transactions with the indices made at the end, and prints what it costs to open, to restore, to trace a parcel, a code
and a travel, and what retention does to commits meanwhile. Times are wall time on this machine; "cold" is after the
kernel was asked to forget the file (posix_fadvise), with a new connection.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from controller.journal import Batch, Journal, Reader, Row
from controller.journal_file import connect, create, note
from controller.journal_retention import DAY_MS
from controller.journal_sums import proof, queued, stored
from controller.journal_tables import INDICES
from controller.sections import Journal as Rules
from controller.stamps import rfc3339

LIFE = ("inducted", "read", "routed", "measured", "sorted")
PENDING = 1000
BEGIN_MS = 1_780_000_000_000
EACH_MS = 60
"""Between two events: ten million are a week."""

CHUNK = 100_000
QUESTIONS = 200


def parcel_of(life: int) -> str:
    """As scattered as the numbers of carriers are."""
    return f"LX{life * 2_654_435_761 % 1_000_000_007:09}BE"


def travel_of(life: int) -> str:
    return f"S1-abcdefgh-{life * len(LIFE) + 1}"


def rows(first: int, last: int) -> Iterator[Row]:
    """Events of these sequences."""
    for seq in range(first, last + 1):
        life, step = divmod(seq - 1, len(LIFE))
        travel, parcel, name = travel_of(life), parcel_of(life), LIFE[step]
        known = step > 0
        data = {"travel": travel, "visit": travel, "line": "S1", "track": life % 9999, "at_mm": 1000 + step * 4000}
        body = {
            "specversion": "1.0",
            "id": f"0198c0de-{seq:012x}",
            "source": "urn:hub:lgg:sorter-a:abcdefgh",
            "type": f"hubfloor.parcel.{name}.v1",
            "subject": f"travel/{travel}",
            "time": rfc3339(BEGIN_MS + seq * EACH_MS),
            "sequence": f"{seq:020}",
            "data": data | ({"parcel": parcel} if known else {}),
        }
        topic = f"hub/v1/lgg/sorter-a/event/parcel/{name}"
        yield Row(
            seq,
            str(body["id"]),
            str(body["type"]),
            str(body["subject"]),
            travel,
            travel,
            parcel if known else None,
            str(body["time"]),
            topic,
            json.dumps(body, separators=(",", ":")).encode(),
            f"C{parcel}" if name == "read" else None,
        )


def build(path: Path, count: int) -> None:
    """A whole journal of so many events."""
    with contextlib.closing(Journal.open(path, rng=random.Random(1), utc_ms=BEGIN_MS)) as journal:
        db = journal._writing
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL").fetchall():
            db.execute(f"DROP INDEX {name}")
        for first in range(1, count + 1, CHUNK):
            last = min(first + CHUNK - 1, count)
            db.execute("BEGIN")
            db.executemany(f"INSERT INTO event VALUES ({', '.join('?' * 12)})", map(stored, rows(first, last)))
            db.execute("COMMIT")
        create(db, f"BEGIN;{INDICES}")
        db.execute("BEGIN")
        waiting = range(max(1, count - PENDING + 1), count + 1)
        db.executemany("INSERT INTO outbox VALUES (?, ?, ?, ?)", (queued(seq) for seq in waiting))
        note(db, {"delivered": count - PENDING})
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def forget(path: Path) -> None:
    """Ask the kernel to drop what it keeps of the file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def told(name: str, times: list[float]) -> None:
    times = sorted(times)
    p99 = times[int(len(times) * 0.99)]
    print(f"{name:<34} p50 {statistics.median(times):8.2f}   p99 {p99:8.2f}   max {times[-1]:8.2f} ms", flush=True)


def traces(path: Path, count: int, rng: random.Random) -> None:
    """How long a story takes, by what is asked for."""
    lives = count // len(LIFE)
    keys = {
        "parcel": parcel_of,
        "code": lambda life: f"C{parcel_of(life)}",
        "travel": travel_of,
    }
    for kind, key in keys.items():
        with contextlib.closing(Reader(path)) as reader:
            asked = [key(rng.randrange(lives)) for _ in range(QUESTIONS)]
            assert all(len(reader.trace(one)) == len(LIFE) for one in asked[:3]), "it finds the whole life"
            told(f"trace of a {kind}, as it comes", [took(partial(reader.trace, one)) for one in asked])
            told(f"trace of a {kind}, again", [took(partial(reader.trace, one)) for one in asked])
    cold = []
    for _ in range(10):
        forget(path)
        asked_for = parcel_of(rng.randrange(lives))

        def whole(parcel: str = asked_for) -> None:
            with contextlib.closing(Reader(path)) as reader:
                reader.trace(parcel)

        cold.append(took(whole))
    told("open and trace a parcel, cold", cold)


def starts(path: Path) -> None:
    """How long a start takes."""
    for name in ("cold", "warm"):
        if name == "cold":
            forget(path)
        began = time.perf_counter()
        with contextlib.closing(Journal.open(path, rng=random.Random(2), utc_ms=BEGIN_MS)) as journal:
            opened = time.perf_counter()
            restored = journal.restored()
            done = time.perf_counter()
            assert restored.pending == PENDING
        print(f"open, {name:<28} {(opened - began) * 1000:12.2f} ms, restore {(done - opened) * 1000:8.2f} ms")


def retention(path: Path, count: int, seconds: float) -> None:
    """Chunks of retention, and commits of three events between them, in turn as the writer does both."""
    rules, half = Rules(reserve_mb=0), (0, count // 2, 0)
    with contextlib.closing(connect(path, "rwc")) as db:  # half of them are old
        db.execute("REPLACE INTO mark VALUES (?, ?, ?, ?)", (*half, proof("mark", *half)))
        note(db, {"lived": rules.keep_days * DAY_MS})
    with contextlib.closing(Journal.open(path, rng=random.Random(3), utc_ms=BEGIN_MS, rules=rules)) as journal:
        plain = commits(journal, 200, lambda: None)
        told("commit of 3 events alone", plain)
        chunks: list[float] = []
        until = time.monotonic() + seconds

        def chunk() -> None:
            chunks.append(took(journal.tidy))

        both: list[float] = []
        while time.monotonic() < until:
            both += commits(journal, 20, chunk)
        told("commit of 3 events, with retention", both)
        told("one chunk of retention", chunks)
        removed = journal.removed.events
        print(
            f"{removed} events taken out in {len(chunks)} chunks, {removed / max(1, sum(chunks)) * 1000:.0f} a second"
        )


def commits(journal: Journal, number: int, between: Callable[[], None]) -> list[float]:
    times = []
    last = journal.restored().last_seq
    for _ in range(number):
        between()
        batch = Batch(events=list(rows(last + 1, last + 3)), delivered=[last - PENDING])
        times.append(took(partial(journal.commit, batch)))
        last += 3
    return times


def main() -> None:
    """Build and measure."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path, help="where the journal is built, or lies from the last time")
    options.add_argument("--seconds", type=float, default=20.0, help="of retention")
    chosen = options.parse_args()
    with contextlib.ExitStack() as undo:
        folder = chosen.folder or Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="journal-size-")))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "journal.db"
        if not path.exists():
            print(f"built in {took(lambda: build(path, chosen.rows)) / 1000:.0f} s", flush=True)
        print(f"{chosen.rows} events, {path.stat().st_size / 1e9:.2f} GB", flush=True)
        starts(path)
        traces(path, chosen.rows, random.Random(7))
        retention(path, chosen.rows, chosen.seconds)


if __name__ == "__main__":
    main()
