"""Recordings on disk: written beside the floor by a thread of their own, read plain or gzipped.

A recording must not slow or stop the floor. So it has its bounds: where the disk fails, is too slow, or the file has
reached its size, it ends and says so once; what was written until then is a whole recording.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import queue
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from controller.config import Config
from controller.recording import NotARecording, Texts

WAITING = 16 * 1024 * 1024
"""Bytes that may wait for the disk."""

LONGEST_LINE = 256 * 1024 * 1024


class RecordingFile:
    """A new file of mode 0640 and at most `most` bytes; `on_stopped(why)` is called on the loop if it ends early."""

    def __init__(
        self, path: Path, most: int, loop: asyncio.AbstractEventLoop, on_stopped: Callable[[str], object]
    ) -> None:
        self.path = path
        self._most = most
        self._loop = loop
        self._on_stopped = on_stopped
        self._taken = 0
        self._written = 0
        self._stopped = False
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def write(self, lines: Sequence[bytes]) -> None:
        """Take whole lines; called on the loop, never waits."""
        data = b"".join(lines)
        if not data or self._stopped:
            return
        if self._taken - self._written > WAITING:
            self._stop(f"{self.path}: the disk is too slow for it")
        elif self._taken + len(data) > self._most:
            self._stop(f"{self.path} has reached its {self._most / 1e6:.0f} MB; --record-mb allows more")
        else:
            self._taken += len(data)
            self._queue.put(data)

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits and end. Blocks."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _stop(self, why: str) -> None:
        if not self._stopped:
            self._stopped = True
            self._queue.put(None)
            self._on_stopped(f"the recording has ended: {why}")

    def _run(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            with open(number, "wb", buffering=0) as file:
                os.fchmod(number, 0o640)
                while (data := self._queue.get()) is not None:
                    _write(file.fileno(), data)
                    self._written += len(data)
        except OSError as error:
            try:
                self._loop.call_soon_threadsafe(self._stop, f"{self.path}: {error.strerror or error}")
            except RuntimeError:
                pass  # the loop is closed: nobody is left to be told


def _write(number: int, data: bytes) -> None:
    """All of it: a write to a full disk may take a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]


def texts(floor_file: Path, config: Config) -> Texts:
    """What a recording holds of the configuration."""
    return Texts(floor_file.read_text(), tuple(path.read_text() for path in (config.plan, *config.plans)))


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a recording, gzipped where its name ends so; a torn end is a line without line feed.

    Raises OSError, and NotARecording where it is no gzip or a line has no end.
    """
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            while line := file.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    raise NotARecording(f"a line is longer than {LONGEST_LINE // 1024 // 1024} MiB")
                yield line
        except EOFError:
            yield b""  # the gzip was cut off
        except (gzip.BadGzipFile, zlib.error) as error:
            raise NotARecording(f"it is damaged: {error}") from None
