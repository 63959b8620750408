"""The one thread that writes the journal."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

from controller.journal_file import Held
from controller.journal_rows import Batch

GATHER_S = 0.001  # when busy, gather for so long: half the commits, half the CPU
HELD_S = 1.0
"""Between two tries while the disk has no room."""


class Commits(Protocol):
    """What the writer needs of a journal."""

    def commit(self, batch: Batch) -> None:
        """Write one transaction; durable when it returns. Raises Held where the same batch may come again."""


class Keeps(Protocol):
    """What the writer does for the journal beside committing, where somebody asks for it."""

    def give_up(self) -> bool:
        """Make room on the disk; False: there is none to be made."""

    def recover(self) -> bool:
        """Whether there is room to be made again."""

    def tidy(self) -> float:
        """A short piece of work while nothing waits; seconds until the next. Raises what `commit` raises."""


class Writer:
    """Commits what `submit` brings, in order; what waits goes into one transaction.

    All callbacks run on the loop: `on_committed(batch)` with each transaction that is durable, `on_failed(error)`
    once, at the first failure of the disk; nothing is written or reported after it.

    A disk without room, or that takes no writing at present, is no failure: nothing of the batch was written, and it is
    tried again each second until it is durable or `close` is called. `on_held(error)` comes once when that begins,
    `on_held(None)` when it is over. With `keeps` the reserve on the disk is given up first: then commits go on for a
    while, and it is over when a commit worked and the reserve is there again.
    """

    def __init__(
        self,
        journal: Commits,
        loop: asyncio.AbstractEventLoop,
        on_committed: Callable[[Batch], object],
        on_failed: Callable[[Exception], object],
        on_held: Callable[[Exception | None], object] = lambda error: None,
        *,
        keeps: Keeps | None = None,
    ) -> None:
        self._journal = journal
        self._loop = loop
        self._on_committed = on_committed
        self._on_failed = on_failed
        self._on_held = on_held
        self._keeps = keeps
        self._wake = threading.Condition()
        self._waiting = Batch()
        self._at_work = 0
        self._closing = False
        self._failed = False
        self._held = False
        self._ended = 0.0
        self._tidy_at = 0.0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events that wait for the disk; grows only while the disk is slower than the floor, or has no room."""
        return len(self._waiting.events) + (self._at_work if self._held else 0)

    def submit(self, batch: Batch) -> None:
        """Take a batch to be written; called on the loop. After a failure it is dropped, after `close` an error."""
        with self._wake:
            if self._closing:
                raise RuntimeError("the journal's writer is closed")
            if not self._failed:
                self._waiting.merge(batch)
                self._wake.notify()

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits and end, within `timeout_s`. True: everything submitted is durable. Blocks."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return not (self._thread.is_alive() or self._failed)

    def _run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                if not batch.empty():
                    self._commit(batch)
                elif self._held:
                    self._recover()
                elif self._keeps is not None:
                    self._tidy(self._keeps)
        except Exception as error:  # whatever it was: nothing after it may be called durable
            with self._wake:
                self._failed, self._waiting = True, Batch()
            if not isinstance(error, Held):  # at the end only: nothing failed, there was no room
                self._tell(self._on_failed, error)

    def _next(self) -> Batch | None:
        """What waits; an empty batch when something else is due; None at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing or not self._waiting.empty(), self._idle_s())
        if not self._waiting.empty() and time.monotonic() - self._ended < GATHER_S:
            time.sleep(GATHER_S)
        with self._wake:
            batch, self._waiting = self._waiting, Batch()
            self._at_work = len(batch.events)
            return None if batch.empty() and self._closing else batch

    def _idle_s(self) -> float | None:
        """How long nothing but a batch is due; None = for ever."""
        if self._held:
            return HELD_S
        return None if self._keeps is None else max(0.0, self._tidy_at - time.monotonic())

    def _commit(self, batch: Batch) -> None:
        """Write it, and wait for room as long as it takes. Raises where the disk failed, and Held at the end."""
        while True:
            last = self._closing
            try:
                self._journal.commit(batch)
                break
            except Held as error:
                if self._hold(error):
                    continue
                if last:
                    raise
            with self._wake:
                self._wake.wait_for(lambda: self._closing, HELD_S)
        self._ended = time.monotonic()
        self._at_work = 0
        self._tell(self._on_committed, batch)
        if self._held:
            self._recover()

    def _hold(self, error: Held) -> bool:
        """There is no room: say so, and give up the reserve. Whether there was one."""
        if not self._held:
            self._held = True
            self._tell(self._on_held, error)
        return self._keeps is not None and self._keeps.give_up()

    def _recover(self) -> None:
        """A commit worked, so there is room for events; it is over where there is room for the reserve, too."""
        if self._keeps is None or self._keeps.recover():
            self._held = False
            self._tell(self._on_held, None)

    def _tidy(self, keeps: Keeps) -> None:
        try:
            self._tidy_at = time.monotonic() + keeps.tidy()
        except Held:
            self._tidy_at = time.monotonic() + HELD_S  # a batch will say so

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            pass  # the loop is closed: nobody is left to be told
