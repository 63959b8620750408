"""An event loop on a thread of its own: what a test's peers live on, so that the test itself may wait and measure."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
LIMIT_S = 20.0


class LoopThread:
    """Runs a loop until `close`. `call` and `wait_for` may be used from any thread but its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there; its result or exception here."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT_S)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function there; its result or exception here."""

        async def called() -> T:
            return function()

        return self.wait_for(called())

    def each(self, function: Callable[[T], None], of: Callable[[], Iterable[T]]) -> None:
        """Call a function there with each of those that are there then."""

        def called() -> None:
            for one in [*of()]:
                function(one)

        self.call(called)

    def close(self) -> None:
        """Cancel what runs there and end the thread."""

        async def cancelled() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.wait_for(cancelled())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LIMIT_S)
        self.loop.close()


def until(condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S, pause_s: float = 0.02) -> float:
    """Wait for what another process or thread does; the seconds it took. AssertionError after `limit_s`."""
    pause, began = threading.Event(), time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit_s, f"waited {limit_s:g} s in vain for: {what}"
        pause.wait(pause_s)
    return time.monotonic() - began
