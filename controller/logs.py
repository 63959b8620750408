"""What the daemon says of itself: lines on stderr, from one bounded queue and one thread.

Nobody who says something ever waits. The thread alone writes, so a pipe that nobody reads, a full disk behind it or a
closed descriptor stops this thread and nothing else. Lines beyond BOUND or beyond PER_SECOND (after a burst of BOUND)
are dropped and counted, and the count is told as soon as something can be written again.

What a device or the centre sent may stand in a line, so whatever is not printable leaves escaped: a terminal is told
nothing but text. The `logging` module, warnings, and exceptions that nobody caught come the same way.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import time
import traceback
from collections import deque
from types import TracebackType
from typing import Any

BOUND = 1000
"""Lines that may wait; as many may come at once."""

PER_SECOND = 200.0
LONGEST = 4000
"""Characters of a line; a longer one goes on in the next."""

MOST = 4 * 1024 * 1024
"""Characters of one text; the rest is left out."""

AGAIN_S = 0.2
"""What cannot be written is tried again after so long."""


class Log:
    """Lines to a descriptor. `say` may be called from every thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: deque[str] = deque()
        self._wake = threading.Condition()
        self._dropped = self._untold = 0
        self._budget, self._at = float(BOUND), time.monotonic()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost since the start."""
        return self._dropped

    def say(self, text: str) -> None:
        """Take a text of one or more lines, for `floord: ` before each."""
        lines = _lines(text)
        with self._wake:
            now = time.monotonic()
            self._budget = min(float(BOUND), self._budget + (now - self._at) * PER_SECOND)
            self._at = now
            for line in lines:
                if self._budget < 1 or len(self._lines) >= BOUND:
                    self._dropped += 1
                    self._untold += 1
                else:
                    self._budget -= 1
                    self._lines.append(line)
            self._wake.notify()

    def close(self, timeout_s: float = 1.0) -> bool:
        """Write what waits, for so long at most. True: all of it is written. What is said later is lost."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._lines or self._untold or self._closing)
                lines, self._lines = self._lines, deque()
                untold, self._untold = self._untold, 0
                closing = self._closing
            if untold:
                lines.append(
                    f"{untold} {'line was' if untold == 1 else 'lines were'} lost here: more than can be written"
                )
            if not self._write("".join(f"floord: {line}\n" for line in lines).encode()):
                with self._wake:
                    lost = len(lines) - bool(untold)
                    self._dropped += lost
                    self._untold += lost + untold
                if not closing:
                    time.sleep(AGAIN_S)
            if closing:
                return

    def _write(self, data: bytes) -> bool:
        """All of it; False where nobody is there to take it."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:  # whoever gave us the descriptor does not want to block
                select.select((), (self._fd,), (), AGAIN_S)
            except OSError:
                return False
        return True


def escaped(text: str) -> str:
    """Text whose control characters, direction marks and half surrogates are written as escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _lines(text: str) -> list[str]:
    lines = [escaped(line) for line in text[:MOST].split("\n")]
    return [line[at : at + LONGEST] for line in lines for at in range(0, len(line) or 1, LONGEST)]


class _Handler(logging.Handler):
    """The `logging` module's way here."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            text = record.getMessage()
        except Exception as error:  # a wrong format is no reason to lose the line
            text = f"{record.msg!r} ({error})"
        if record.exc_info and record.exc_info[1]:
            text += "\n" + stack(record.exc_info[1])
        self._log.say(text)


_log: Log | None = None


def begin(fd: int = 2) -> Log:
    """Send all that the process says to this descriptor, from now on; later calls change nothing."""
    global _log
    if _log is None:
        _occupy(fd)
        _log = Log(fd)
        logging.getLogger().addHandler(_Handler(_log))
        logging.captureWarnings(True)
        threading.excepthook = lambda died: _uncaught(died.exc_type, died.exc_value, died.exc_traceback)
        sys.excepthook = _uncaught
        sys.unraisablehook = lambda failed: _uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)
    return _log


def say(text: str) -> None:
    """A line for the service's log. Never waits."""
    (_log or begin()).say(text)


def dropped() -> int:
    """Lines lost since the start."""
    return _log.dropped if _log else 0


def end(timeout_s: float = 1.0) -> None:
    """Write what waits, for so long at most."""
    if _log:
        _log.close(timeout_s)


def stack(error: BaseException) -> str:
    """An exception with its stack."""
    return "".join(traceback.format_exception(error)).rstrip("\n")


def _uncaught(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    say("".join(traceback.format_exception(kind, error, where)).rstrip("\n"))


def _occupy(fd: int) -> None:
    """Leave no standard descriptor free: the next file that is opened would get our lines."""
    for number in sorted({0, 1, 2, fd}):
        try:
            os.fstat(number)
        except OSError:
            opened: Any = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
