"""The clock of a simulated floor that can stand.

While it runs it goes as fast as the machine's; while it stands nothing on the floor happens, and no time is lost
there: it goes on where it stood. All times are ms.
"""

from __future__ import annotations

from collections.abc import Callable


class WorldClock:
    """`machine` reads the machine's clock (CLOCK_MONOTONIC in ms). The world's begins with the same reading."""

    def __init__(self, machine: Callable[[], float]) -> None:
        self.machine = machine
        self._late = 0.0  # how long it stood in all, until it ran on last
        self._until: float | None = None  # it stands when it shows this

    def now(self) -> float:
        """What the world's clock shows."""
        running = self.machine() - self._late
        return running if self._until is None else min(running, self._until)

    @property
    def stands(self) -> bool:
        """Whether it does not go on by itself."""
        return self._until is not None and self.machine() - self._late >= self._until

    def lag(self) -> float:
        """How long it has stood in all: what to add to a time of the world for the machine's time."""
        return self._late if not self.stands else self.machine() - self.now()

    def machine_at(self, at: float) -> float | None:
        """The machine's time when the world's clock will show this; None = it stands before that."""
        return None if self._until is not None and at > self._until else at + self._late

    def pause(self) -> None:
        """It stands from now on."""
        self._until = self.now()

    def resume(self) -> None:
        """It goes on."""
        self._late, self._until = self.lag(), None

    def step(self, ms: float) -> None:
        """It goes on for so long, as fast as ever, and stands then."""
        self.resume()
        self._until = self.now() + ms
