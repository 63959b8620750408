"""What all links do between their connections: open for ever, and say once that it is up or down."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from devices.links import LONGEST_S, Backoff, Health, LinkHandler

if TYPE_CHECKING:
    import asyncio


class Lasting:
    """Base of a link: `_begin` begins to open it, `_end` closes what is open or half open; neither blocks or raises.

    After a loss it opens at once, then with backoff; sooner when `_place` has changed, at which it looks each `look_s`:
    somebody has plugged it in again. After `_begin` the link calls `_is_up` or `_is_down`, and `_is_down` when an open
    connection is lost.
    """

    look_s = LONGEST_S

    def __init__(self, name: str, handler: LinkHandler, loop: asyncio.AbstractEventLoop, rng: Random) -> None:
        self.health = Health()
        self._name, self._handler, self._loop = name, handler, loop
        self._backoff = Backoff(rng)
        self._started = self._told_down = False
        self._openings = 0
        self._reopening: asyncio.TimerHandle | None = None
        self._tried: object = None
        self._due = 0.0

    def start(self) -> None:
        """Open it, and keep it open from now on."""
        if not self._started:
            self._started = True
            self.health.since = self._now()
            self._reopening = self._loop.call_later(0, self._open)

    def stop(self) -> None:
        """Close it; the handler is not called any more."""
        if not self._started:
            return
        self._started = False
        if self._reopening:
            self._reopening.cancel()
        self._end()
        if self.health.up:
            self.health.up, self.health.since = False, self._now()

    def _begin(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _place(self) -> object:
        """What would be opened now, cheaply; None = nothing, or it cannot be seen from here."""
        return None

    def _open(self) -> None:
        self._reopening = None
        self._tried = self._place()
        self._begin()

    def _wait(self) -> None:
        left = self._due - self._loop.time()
        if left > 0 and self._place() != self._tried:
            self._backoff.begin_anew()
            left = 0.0
        if left <= 0:
            self._open()
        else:
            self._reopening = self._loop.call_later(min(left, self.look_s), self._wait)

    def _is_up(self) -> None:
        health, at = self.health, self._now()
        health.reopened, self._openings = self._openings, self._openings + 1
        health.up, health.since = True, at
        self._told_down = False
        self._handler.up(self._name, at)

    def _is_down(self, why: str) -> None:
        """Lost, or not opened: again at once, then with backoff. Nothing once the link is stopped."""
        if not self._started:
            return
        health, at = self.health, self._now()
        held_ms = at - health.since if health.up else 0.0
        if health.up:
            health.up, health.since = False, at
        health.why = why
        self._due = self._loop.time() + self._backoff.next(held_ms / 1000)
        self._reopening = self._loop.call_later(min(self._due - self._loop.time(), self.look_s), self._wait)
        if not self._told_down:
            self._told_down = True
            self._handler.down(self._name, why, at)

    def _now(self) -> float:
        return self._loop.time() * 1000
