"""The one thread that writes the journal."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

from controller.journal_rows import Batch

GATHER_S = 0.001  # when busy, gather for so long: half the commits, half the CPU


class Commits(Protocol):
    """What the writer needs of a journal."""

    def commit(self, batch: Batch) -> None:
        """Write one transaction; durable when it returns."""


class Writer:
    """Commits what `submit` brings, in order; what waits goes into one transaction.

    Both callbacks run on the loop: `on_committed(batch)` with each transaction that is durable, `on_failed(error)`
    once, at the first error; nothing is written or reported after it.
    """

    def __init__(
        self,
        journal: Commits,
        loop: asyncio.AbstractEventLoop,
        on_committed: Callable[[Batch], object],
        on_failed: Callable[[Exception], object],
    ) -> None:
        self._journal = journal
        self._loop = loop
        self._on_committed = on_committed
        self._on_failed = on_failed
        self._wake = threading.Condition()
        self._waiting = Batch()
        self._closing = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events that wait for the disk; grows only while the disk is slower than the floor."""
        return len(self._waiting.events)

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
        ended = 0.0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closing or not self._waiting.empty())
            if time.monotonic() - ended < GATHER_S:
                time.sleep(GATHER_S)
            with self._wake:
                batch, self._waiting = self._waiting, Batch()
            if batch.empty():
                return
            try:
                self._journal.commit(batch)
            except Exception as error:  # whatever it was: nothing after it may be called durable
                with self._wake:
                    self._failed, self._waiting = True, Batch()
                self._tell(self._on_failed, error)
                return
            ended = time.monotonic()
            self._tell(self._on_committed, batch)

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            pass  # the loop is closed: nobody is left to be told
