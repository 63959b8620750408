"""The floor made anew: Node begins again from the journal with another configuration, as a start does; the links stay.

The old Node is in force until the new one is: whatever fails on the way leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping

from controller.config import Config
from controller.core import Core, monotonic_ms
from controller.journal_file import Held, JournalError
from controller.logs import say, stack
from controller.node import Node, Start
from controller.plan import Plan

REST_MS, PAUSE_S = 5000.0, 0.002
"""It waits so long for the disk, and looks so often."""


class Renewing(Core):
    """A core whose Node can be replaced."""

    async def _renewed(self, config: Config, plans: Mapping[str, Plan], why: str) -> str:
        """Make Node anew of the journal, as a start does; "" when it is done, else why all is as it was before.

        The floor goes on until the disk has all of it. From there to the new Node nothing else happens in the loop.
        """
        if not await self._rests():
            return "the journal's disk takes nothing at present; try again when it does"
        self._committing_since = monotonic_ms()  # nothing is submitted from here on
        written = await self._loop.run_in_executor(None, self._writer.close, REST_MS / 1000)
        batch = None
        try:
            if self._done.done():
                return "the daemon is about to end"
            if not written:
                raise OSError("it does not end what it writes")
            batch = self.node.rows()
            if batch is not None:
                self._journal.commit(batch)
                self.node.committed(batch, monotonic_ms())
                self.control.events(batch.events)
                batch = None
            self._pump(monotonic_ms())
            self._journal.next_boot(config.journal)
            self._make_node(config, plans, why)
        except Held as error:
            return f"the journal's disk takes nothing: {error}; try again when it does"
        except (sqlite3.Error, OSError, JournalError) as error:
            self._disk_failed(error)
            return f"the journal's disk failed: {error}"
        except Exception as error:
            say(f"the floor could not be made anew\n{stack(error)}")
            return f"an error of our own, its stack is in the log: {type(error).__name__}: {error}"
        finally:
            self._committing_since = None
            if written and not self._over:
                self._writer = self._new_writer()
                if batch is not None:
                    self._committing_since = monotonic_ms()
                    self._writer.submit(batch)
        return ""

    async def _rests(self) -> bool:
        """Give the disk nothing more, so that it comes to rest however busy the floor is; whether it took all it had.

        False also while it has no room: who writes knows what is to be made again then (journal_writer.py)."""
        until = monotonic_ms() + REST_MS
        self._resting = True
        try:
            while self._committing_since is not None:
                if monotonic_ms() > until or self._held is not None or self._done.done():
                    return False
                await asyncio.sleep(PAUSE_S)
        finally:
            self._resting = False
        return self._held is None

    def _make_node(self, config: Config, plans: Mapping[str, Plan], why: str) -> None:
        old = self.node
        stale_ms = old.floor.book.stale_ms
        restored = self._journal.restored(without=("customs", "feed"))
        start = Start(monotonic_ms(), time.time() * 1000, True, self._rng, why, old.floor.book)
        try:
            node = Node(config, plans, restored, self._journal.look, start, self._journal.around)
        except Exception:
            old.floor.book.stale_ms = stale_ms
            raise
        node.poison.marks = old.poison.marks
        node.once.follow(old.once)
        if self._recording is not None:
            self._recording_stopped("the recording ends here: the floor was made anew")
        self.node, self.config, self._damaged = node, config, 0
