"""A real floord as a process, on a little floor, at any broker; and three ledgers that are held against each other.

The floor: scanners at presence points that the test feeds (tests/faults/feeder.py), and the line of the demo, with
floorsim on ptys where a test starts it; else nobody is at its links. Physical = what the scanners said or what the
belt did, local = the journal, central = what a consumer heard.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from controller import demo_floor
from controller.journal_reader import Reader
from controller.journal_rows import Row
from tests.faults.consumer import Book
from tests.faults.feeder import Feeder
from tests.faults.threads import until

ROOT = Path(__file__).parents[2]
SITE, NODE = "lgg", demo_floor.NODE
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class Samples:
    """Memory and answering time of a process, taken all along. A context manager."""

    def __init__(self, hub: Hub, every_s: float = 0.1) -> None:
        self.rss = array("d")
        """MB"""
        self.at = array("d")
        """monotonic s of each"""
        self.answers = array("d")
        """ms until `status` was answered"""
        self._hub, self._every = hub, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                rss = self._hub.rss_mb()
                began = time.monotonic()
                self._hub.status()
            except (OSError, ValueError):  # it is not running just now
                continue
            self.rss.append(rss)
            self.at.append(time.monotonic())
            self.answers.append((time.monotonic() - began) * 1000)

    def slope(self) -> float:
        """MB a minute, least squares, over the second half."""
        half = len(self.at) // 2
        times, values = self.at[half:], self.rss[half:]
        if len(times) < 3:
            return 0.0
        middle, mean = sum(times) / len(times), sum(values) / len(values)
        above = sum((at - middle) * (mb - mean) for at, mb in zip(times, values, strict=True))
        return 60 * above / sum((at - middle) ** 2 for at in times)

    def told(self) -> str:
        """In words."""
        if not self.rss:
            return "no sample"
        return (
            f"RSS {min(self.rss):.1f} to {max(self.rss):.1f} MB, slope {self.slope():+.2f} MB/min; "
            f"status answered within {max(self.answers):.0f} ms"
        )

    def __enter__(self) -> Samples:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(10)


class Hub:
    """The floor's files and its floord, which the test starts and ends as it likes. A context manager."""

    def __init__(
        self, folder: Path, url: str, scanners: int = 2, keepalive_s: int = 1, rate: float = 4.0, lines: int = 1
    ) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self.folder = folder
        self.feeder = Feeder(scanners)
        self.floor = demo_floor.write(folder, lines, rate, url, 7, SITE)
        text = self.floor.read_text()
        text = text.replace(f'url = "{url}"\n', f'url = "{url}"\nkeepalive_s = {keepalive_s}\n')
        self.floor.write_text(text + self.feeder.sections())
        self.process: subprocess.Popen[bytes] | None = None
        self.codes: list[int] = []
        """exit codes of the daemons that have ended"""

    @property
    def log(self) -> str:
        """What floord wrote."""
        file = self.folder / "floord.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self, ready: bool = True) -> None:
        """Start floord, and wait until it answers."""
        assert self.process is None
        with (self.folder / "floord.log").open("ab") as log:
            command = [sys.executable, "-m", "controller", "run", str(self.floor)]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )
        if ready:
            until(self._answers, f"floord answers; its log: {self.log[-500:]}")

    def send(self, number: int) -> None:
        """Send floord a signal."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def end(self, number: int = signal.SIGTERM, limit_s: float = 30.0) -> tuple[int, float]:
        """End floord by a signal; its exit code, and the seconds it took. Raises TimeoutExpired."""
        assert self.process is not None
        process, began = self.process, time.monotonic()
        self.send(number)
        code = process.wait(limit_s)
        self.process = None
        self.codes.append(code)
        return code, time.monotonic() - began

    def status(self) -> dict[str, Any]:
        """What the control socket says. OSError, ValueError: nothing."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(str(self.folder / "state" / "control.sock"))
            control.sendall(b'{"do": "status"}\n')
            with control.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
                return answer

    def broker(self) -> dict[str, Any]:
        """The broker's part of it."""
        found: dict[str, Any] = self.status()["broker"]
        return found

    def rss_mb(self) -> float:
        """Resident memory of floord."""
        assert self.process is not None
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_KB / 1024

    def own_mb(self) -> float:
        """The part of it that is no file: heaps and stacks."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) / 1024

    def online(self, limit_s: float = 60.0) -> float:
        """Wait until the broker is there; the seconds."""
        return until(lambda: bool(self.broker()["online"]), "floord is online", limit_s)

    def offline(self, limit_s: float = 60.0) -> float:
        """Wait until it is known to be gone; the seconds."""
        return until(lambda: not self.broker()["online"], "floord knows that the broker is gone", limit_s)

    def drained(self, limit_s: float = 60.0) -> float:
        """Wait until nothing waits for the broker, what was refused left out; the seconds."""
        return until(lambda: self.broker()["queued"] == 0, "everything is acknowledged", limit_s, 0.05)

    def fed(self, count: int, rate: float | None = None, limit_s: float = 60.0) -> None:
        """Feed so many reads, and wait until they are in the journal."""
        before = self.last()
        self.feeder.feed(count, rate)
        until(lambda: self.last() >= before + count, f"{count} reads are in the journal", limit_s)

    def still(self) -> None:
        """Wait until nothing more is recorded: what scanners have said may be on its way for long."""
        seen: list[int] = []

        def same() -> bool:
            seen.append(self.last())
            return len(seen) > 25 and seen[-25] == seen[-1]

        until(same, "nothing more is recorded")

    # --- the ledgers -------------------------------------------------------------------------------------------------

    @contextmanager
    def journal(self) -> Iterator[Reader]:
        """The journal, read-only."""
        reader = Reader(self.folder / "state" / "journal.db")
        try:
            yield reader
        finally:
            reader.close()

    def rows(self) -> list[Row]:
        """Every event of the journal."""
        with self.journal() as reader:
            return list(reader.since(1))

    def last(self) -> int:
        """The last sequence in the journal."""
        file = self.folder / "state" / "journal.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
            return int(journal.execute("SELECT max(seq) FROM event").fetchone()[0] or 0)

    def stream(self) -> str:
        """The journal's id."""
        return str(self.status()["journal"])

    def heard_by(self, book: Book, limit_s: float = 60.0) -> float:
        """Wait until a consumer has everything that the journal has now; the seconds. Says what is missing."""
        last, stream = self.last(), self.stream()
        try:
            return until(lambda: book.has_all(stream, last), "the consumer has everything", limit_s)
        except AssertionError:
            raise AssertionError(
                f"after {limit_s:g} s {book.missing(stream, last)} of {last} events are missing at the consumer: "
                f"{book.streams[stream].gaps()[:5] if stream in book.streams else 'it heard nothing'}; "
                f"broker {self.broker()}; the end of the log:\n{self.log[-1500:]}"
            ) from None

    def compare(self, book: Book, killed: bool = False) -> dict[str, int]:
        """What differs between the ledgers, by kind; nothing should.

        `killed`: floord was killed while scanners spoke, so that reads which it had taken and not stored are gone.
        """
        rows = self.rows()
        told = {bytes.fromhex(row.id.replace("-", "")) for row in rows}
        reads: dict[str, list[int]] = {name: [] for name in self.feeder.said}
        for row in rows:
            if row.code and row.code.startswith("feed-"):
                name, _, number = row.code.rpartition("-")
                reads[name].append(int(number))
        said = {name: list(range(1, count + 1)) for name, count in self.feeder.said.items()}
        differing = (reads[name] != said[name] for name in said)
        backwards = (reads[name] != sorted(set(reads[name])) for name in said)
        return {
            "not heard by the centre": len(told - book.ids),
            "heard and not in the journal": len(book.ids - told),
            "sequences with two ids": len(book.clashes),
            "gaps in the journal": sum(row.seq != number for number, row in enumerate(rows, 1)),
            "scanners whose reads differ": sum(backwards if killed else differing),
        }

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"floord ended with {self.process.returncode}: {self.log[-1500:]}"
        try:
            return bool(self.status()["ok"])
        except (OSError, ValueError):
            return False

    def __enter__(self) -> Hub:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.feeder.close()


class Simulator:
    """floorsim at the line of a hub, its ledger as it comes. A context manager."""

    def __init__(self, hub: Hub) -> None:
        self.entries: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "firmware_stubs", "run", str(hub.floor), "--manifest", "-", "--ledger", "-"]
        with (hub.folder / "floorsim.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, start_new_session=True
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in: IO[bytes] = self.process.stdin
        self._thread = threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True)
        self._thread.start()

    def give(self, manifest: dict[str, Any]) -> None:
        """A parcel for the belt."""
        self._in.write(json.dumps(manifest).encode() + b"\n")
        self._in.flush()

    def run_empty(self, limit_s: float = 60.0) -> None:
        """No more parcels; wait until the belt is empty."""
        self._in.close()
        assert self.process.wait(limit_s) == 0
        self._thread.join(10)

    def count(self, what: str) -> int:
        """Entries of a kind so far."""
        return sum(entry["what"] == what for entry in [*self.entries])

    def _listen(self, out: IO[bytes]) -> None:
        with out:
            for line in out:
                self.entries.append(json.loads(line))

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._thread.join(10)
        with suppress(BrokenPipeError):
            self._in.close()
