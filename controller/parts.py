"""The parts of the daemon that may fail without the rest: each link, the uplink, the control socket.

An exception that gets out of a callback or a task of one of them is told with its stack. That part alone is ended, and
begun anew after 1 s, then 2, up to 60; a minute without another one, and it counts as well again. What belongs to none
of them is the part `loop`, of which nothing can be ended. Where there is no memory nobody knows what was left undone:
that is no part's own affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from controller.logs import say, stack

FIRST_S, LONGEST_S, WELL_S = 1.0, 60.0, 60.0
OURS = ("controller.", "devices.")


@dataclass(slots=True)
class _Part:
    thing: object
    end: Callable[[str], None]
    begin: Callable[[], None]
    count: int = 0
    delay_s: float = 0.0
    down: bool = False
    timer: asyncio.TimerHandle | None = None


class Parts:
    """`told(part, why)` on the loop when a part has failed, with `why` None when it is well again; `ends(error)` when
    it is everybody's end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        owner: object,
        told: Callable[[str, str | None], None],
        ends: Callable[[BaseException], None],
    ) -> None:
        self._loop, self._owner, self._told, self._ends = loop, owner, told, ends
        self._parts: dict[str, _Part] = {}
        self.add("loop", None, lambda why: None, lambda: None)
        loop.set_exception_handler(self._caught)

    def add(self, name: str, thing: object, end: Callable[[str], None], begin: Callable[[], None]) -> None:
        """A part: the object whose callbacks are meant, how to end it (`why` in words) and how to begin it again."""
        self._parts[name] = _Part(thing, end, begin)

    def remove(self, name: str) -> None:
        """There is no such part any more."""
        part = self._parts.pop(name)
        if part.timer is not None:
            part.timer.cancel()

    def counts(self) -> dict[str, int]:
        """How often each part has failed, those that have."""
        return {name: part.count for name, part in self._parts.items() if part.count}

    def fails(self, name: str, error: BaseException) -> None:
        """This part raised; it is ended soon, from the loop itself. May be called from anywhere."""
        try:
            self._loop.call_soon_threadsafe(self._fail, name, error)
        except RuntimeError:
            say(f"{name} failed at the end:\n{stack(error)}")

    def stop(self) -> None:
        """Begin nothing any more."""
        for part in self._parts.values():
            part.down = True
            if part.timer is not None:
                part.timer.cancel()

    def _fail(self, name: str, error: BaseException) -> None:
        part = self._parts.get(name)
        if part is None:
            return say(f"{name}, which is no part any more, failed:\n{stack(error)}")
        part.count += 1
        if isinstance(error, MemoryError):
            return self._ends(error)
        if part.down:  # ended already; so are its other callbacks
            return say(f"{name} failed:\n{stack(error)}")
        why = f"{type(error).__name__}: {error}"[:300]
        part.down = True
        part.delay_s = min(LONGEST_S, part.delay_s * 2 or FIRST_S)
        say(f"{name} failed, and begins anew in {part.delay_s:.0f} s:\n{stack(error)}")
        if part.timer is not None:
            part.timer.cancel()
        part.timer = self._loop.call_later(part.delay_s, self._begin, name, part)
        try:
            part.end(why)
        except Exception as again:
            say(f"{name} failed again at its end:\n{stack(again)}")
        self._told(name, f"{why}; it is begun anew by itself, its stack is in the log")

    def _begin(self, name: str, part: _Part) -> None:
        part.down = False
        part.timer = self._loop.call_later(WELL_S, self._well, name, part)
        try:
            part.begin()
        except Exception as error:
            self._fail(name, error)

    def _well(self, name: str, part: _Part) -> None:
        part.delay_s = 0.0
        self._told(name, None)

    def _caught(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the loop does with an exception that nobody caught."""
        error = context.get("exception")
        if not isinstance(error, BaseException):
            return say(f"loop: {context.get('message')}")
        things = [context.get("protocol"), *_selves(error.__traceback__)]
        names = (name for thing in reversed(things) for name, part in self._parts.items() if self._of(thing, part))
        self.fails(next(names, "loop"), error)

    def _of(self, thing: object, part: _Part) -> bool:
        """Whether an object of ours is a part, is held by it, or holds it."""
        if part.thing is None or thing is self._owner or not type(thing).__module__.startswith(OURS):
            return False
        holds, held = getattr(thing, "__dict__", {}), getattr(part.thing, "__dict__", {})
        return thing is part.thing or any(
            one is other for all_, other in ((holds, part.thing), (held, thing)) for one in all_.values()
        )


def _selves(trace: TracebackType | None) -> Iterator[object]:
    """Whose methods were at work, the outermost first."""
    while trace is not None:
        yield trace.tb_frame.f_locals.get("self")
        trace = trace.tb_next
