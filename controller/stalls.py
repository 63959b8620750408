"""Whether the loop moves: what stands longer than 0.1 s is told with its stack, what stands 10 s ends the process.

The loop's selector knows when the loop works: it notes when it gives back events and when it is asked for more, two
assignments a turn. A thread looks every 50 ms. Where the loop has worked on one turn for so long, it takes its stack;
so a stand of 0.1 s always has one, of its second half. A process that was paused as a whole takes no samples, and so is
not mistaken for a stand of its loop.

Ten seconds: every stack goes to the log, and the process ends with exit code 72. That thread needs the interpreter. A
call into C that never gives it back is left to `faulthandler`, which needs nothing: after LAST_S without a sign of life
(`alive`) it writes every stack to a file beside the journal, told by the next start, and ends the process with the only
exit code it has, 1. A pause of the whole process that is longer than LAST_S ends it likewise: what it knows is too old.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import selectors
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any

from controller import logs

EXIT_STALLED = 72
EVERY_S = 0.05
STALL_S = 0.1
END_S = 10.0
LAST_S = 30.0
TOLD = 10
"""So many stands are told at once, then one a second; all are counted."""


class Selector(selectors.EpollSelector):
    """A selector that knows since when the loop works on what it gave."""

    def __init__(self, stalls: Stalls) -> None:
        super().__init__()
        self._stalls = stalls

    def select(self, timeout: float | None = None) -> list[Any]:
        """As of every selector."""
        stalls = self._stalls
        since = stalls.since
        if since and time.monotonic() - since > STALL_S:
            stalls.over(since)
        stalls.since = 0.0
        ready = super().select(timeout)
        stalls.since = time.monotonic()
        return ready

    def close(self) -> None:
        """The loop is over."""
        self._stalls.end()
        super().close()


class Stalls:
    """Watches one loop, made by `new_loop` in the thread that will run it."""

    def __init__(self, end_s: float = END_S, last_s: float = LAST_S) -> None:
        self.count = 0
        self.worst_s = 0.0
        self.since = 0.0
        """when the loop began the turn on which it works, monotonic s; 0 = it waits for something to do"""
        self._end_s, self._last_s = end_s, last_s
        self._sample = (0.0, "")
        self._told_at, self._may_tell = 0.0, float(TOLD)
        self._loop_thread = 0
        self._ended = False
        self._file: IO[bytes] | None = None

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """The loop; from now on it is watched."""
        loop = asyncio.SelectorEventLoop(Selector(self))
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="stalls", daemon=True).start()
        return loop

    def status(self) -> dict[str, Any]:
        """How often the loop stood, and for how long at worst."""
        return {"count": self.count, "worst_ms": round(self.worst_s * 1000)}

    def over(self, since: float) -> None:
        """The loop moves again; called on it."""
        if self._file is None:
            return
        now = time.monotonic()
        self.count += 1
        self.worst_s = max(self.worst_s, now - since)
        self._may_tell = min(TOLD, self._may_tell + now - self._told_at)
        self._told_at = now
        if self._may_tell >= 1:
            self._may_tell -= 1
            sampled, stack = self._sample
            where = f", here:\n{stack}" if sampled == since else ""
            logs.say(f"the loop stood for {(now - since) * 1000:.0f} ms{where}")

    def keep(self, path: Path) -> None:
        """Begin: what happened before, imports and perhaps a long check of the journal, was no stand. `path`: where the
        last stacks go if the interpreter is held; those of an earlier run are told. Without room they are lost."""
        try:
            self._file = path.open("a+b")
        except OSError as error:
            logs.say(f"{path}: {error.strerror or error}")
            self._file = os.fdopen(os.open(os.devnull, os.O_RDWR), "r+b")
        self._file.seek(0)
        if earlier := self._file.read(logs.MOST).decode(errors="replace"):
            logs.say(f"the last run was ended because nothing moved for {self._last_s:.0f} s; it stood in\n{earlier}")
            self._file.truncate(0)
        self.since = time.monotonic() if self.since else 0.0
        self.alive()

    def alive(self) -> None:
        """The loop moves; call it on the loop, once a second or so."""
        if self._file is not None:
            faulthandler.dump_traceback_later(self._last_s, exit=True, file=self._file)

    def end(self) -> None:
        """Watch no more."""
        self._ended = True
        file, self._file = self._file, None
        if file is not None:
            faulthandler.cancel_dump_traceback_later()
            file.close()

    def _watch(self) -> None:
        seen, samples = 0.0, 0
        while not self._ended:
            time.sleep(EVERY_S)
            since = self.since
            if not since or self._ended or time.monotonic() - since < EVERY_S:
                continue
            samples = samples + 1 if since == seen else 1
            seen = since
            if samples <= 2:
                self._sample = (since, self._stack_of_loop())
            if samples * EVERY_S >= self._end_s and self._file is not None:
                self._end(time.monotonic() - since)

    def _stack_of_loop(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame)[-12:]).rstrip("\n") if frame else ""

    def _end(self, stood_s: float) -> None:
        with os.fdopen(os.memfd_create("stacks"), "w+b") as file:  # no disk: it may be what stands
            faulthandler.dump_traceback(file=file, all_threads=True)
            file.seek(0)
            stacks = file.read(logs.MOST).decode(errors="replace")
        logs.say(f"the loop has stood for {stood_s:.1f} s: ending, so that a new start goes on. It stands in\n{stacks}")
        logs.end()
        os._exit(EXIT_STALLED)
