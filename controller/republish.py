"""Events of the journal once more to the broker, exactly as they were.

An outbox over the journal's reader, with an uplink of its own. A refusal is counted, and not waited for.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile

from controller.journal_reader import PAGE, Reader
from controller.journal_rows import Row
from controller.outbox import Outbox
from controller.uplink import Options, Uplink

AWAY_S = 30.0
TOLD_S = 2.0


@dataclass
class Count:
    """What became of the sequences from `first` to `last`. `met`: those that the journal has, as far as it was read.
    `refused`: sequence -> reason code."""

    first: int
    last: int
    met: int = 0
    published: int = 0
    damaged: int = 0
    gone: int = 0
    refused: dict[int, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How many sequences there are."""
        return self.last - self.first + 1

    @property
    def answered(self) -> int:
        """Rows that the broker has accepted or refused."""
        return self.published + len(self.refused)

    def read(self, reader: Reader) -> None:
        """The journal was read to the end of it."""
        self.damaged = sum(self.first <= seq <= self.last for seq in reader.damaged)
        self.gone = self.asked - self.met - self.damaged


def rows(reader: Reader, after: int, last: int, page: int = PAGE) -> Iterator[Row]:
    """Those after one sequence up to another. Raises JournalError."""
    return takewhile(lambda row: row.seq <= last, reader.since(after + 1, page))


class Republisher:
    """One run. Also the handler of its uplink."""

    def __init__(
        self, options: Options, reader: Reader, count: Count, rate: int | None, say: Callable[[str], None]
    ) -> None:
        """`rate`: so many events a second at most. `say`: a line about how it goes on."""
        self.why = ""
        """why it ended before everything was answered"""
        self.unavailable = False
        self._loop = asyncio.get_running_loop()
        self._reader, self._count, self._rate, self._say = reader, count, rate, say
        self._outbox = Outbox(oldest=count.first, last=count.last, burst=16 if rate is None else 1)
        self._brokers = 1 + len(options.others)
        mine = replace(options, client_id=f"{options.client_id}-replay", clean=True)
        self._uplink = Uplink(self._loop, mine, self)
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._away: asyncio.TimerHandle | None = None
        self._begun = self._taken = 0.0
        self._top = count.first - 1  # read so far
        self._ever = False
        self._failures = 0

    async def run(self) -> None:
        """Until all is answered, the broker is away for too long, or a signal comes. Raises JournalError."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._end, f"stopped by {number.name}")
        self._away = self._loop.call_later(AWAY_S, self._gone)
        telling = self._loop.call_later(TOLD_S, self._tell)
        self._uplink.start()
        try:
            await self._done
        finally:
            for timer in (self._timer, self._away, telling):
                if timer:
                    timer.cancel()
            await self._uplink.stop()

    # --- the uplink's handler ----------------------------------------------------------------------------------------

    def connected(self, session_present: bool) -> None:
        """The broker is there."""
        if self._away:
            self._away.cancel()
        if not self._ever:
            self._begun = self._loop.time()
        self._ever = True
        self._outbox.connected()
        self._pump()

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        """Nothing is subscribed."""

    def disconnected(self, why: str, by_broker: bool) -> None:
        """The broker is gone; one that was never there is not waited for."""
        self._outbox.disconnected(by_broker)
        if "Unsupported protocol version" in why:
            return
        self._say(f"broker: {why}")
        self._failures += 1
        if not self._ever and self._failures >= self._brokers:
            self._gone()
        elif self._away is None or self._away.cancelled():
            self._away = self._loop.call_later(AWAY_S, self._gone)

    def puback(self, key: int, code: int) -> None:
        """The broker's answer."""
        outcome = self._outbox.puback(key, code)
        if outcome == "delivered":
            self._count.published += 1
            self._count.refused.pop(key, None)
        elif outcome == "quarantined":
            self._count.refused[key] = code
        self._pump()

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        """Nothing is subscribed."""

    # --- inside ------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        try:
            self._read()
        except Exception as error:  # of the disk: told by who waits
            if not self._done.done():
                self._done.set_exception(error)
            return
        now = self._loop.time()
        while self._rate is None or self._taken <= (now - self._begun) * self._rate:
            taken = self._outbox.take(now * 1000)
            for row in taken:
                self._uplink.publish(row.seq, row.topic, row.body, 1, False)
            self._taken += len(taken)
            if not taken or self._rate is None:
                break
        for seq, code in self._outbox.settled()[1]:
            self._count.refused.setdefault(seq, code)  # those on which the broker closes
        if self._count.answered >= self._count.met and not self._outbox.queued:
            return self._end("")
        self._wake()

    def _read(self) -> None:
        while wanted := self._outbox.wants():
            after, limit = wanted
            found = list(islice(rows(self._reader, after, self._count.last, limit), limit))
            self._count.met += sum(row.seq > self._top for row in found)
            self._top = max([self._top, *(row.seq for row in found)])
            self._outbox.backlog(found)
            if len(found) < limit:
                self._count.read(self._reader)
                return

    def _wake(self) -> None:
        if self._timer:
            self._timer.cancel()
        due = self._outbox.next_at()
        if due is not None:
            at = due / 1000
            if self._rate is not None:
                at = max(at, self._begun + self._taken / self._rate)
            self._timer = self._loop.call_at(at, self._pump)

    def _tell(self) -> None:
        self._say(f"{self._count.answered} of {self._count.asked}")
        if not self._done.done():
            self._loop.call_later(TOLD_S, self._tell)

    def _gone(self) -> None:
        self.unavailable = True
        self._end("the broker cannot be reached" if not self._ever else f"the broker was away for {AWAY_S:.0f} s")

    def _end(self, why: str) -> None:
        if not self._done.done():
            self.why = why
            self._done.set_result(None)
