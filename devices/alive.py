"""Whether a machine is still there, by the heartbeat that it is set to send."""

from __future__ import annotations

from devices.types import Condition


class Silence:
    """A machine that says something at least each `expected_ms`; 0 = nothing is expected, and nothing is ever due.

    Anything that it says counts. It says a Condition once when the silence has lasted too long and once when it ends.
    Raises ValueError for a time that cannot be.
    """

    def __init__(self, expected_ms: float) -> None:
        if not expected_ms >= 0:
            raise ValueError(f"heartbeat_s = {expected_ms / 1000:g}: write seconds, 0 = none is expected")
        self._expected_ms = expected_ms
        self._due: float | None = None
        self._silent = False

    def opened(self, now: float) -> None:
        """The channel is open: it has its time from now on."""
        self._due = now + self._expected_ms if self._expected_ms else None

    def heard(self, at: float, raw: bytes = b"") -> list[Condition]:
        """It said something."""
        if self._expected_ms:
            self._due = at + self._expected_ms
        if not self._silent:
            return []
        self._silent = False
        return [Condition(True, "its heartbeat is back", raw[:64], at)]

    def tick(self, now: float) -> list[Condition]:
        """Say so when it is silent for too long."""
        if self._due is None or now < self._due:
            return []
        self._due, self._silent = None, True
        why = f"nothing that it says was understood for {self._expected_ms / 1000:g} s, its heartbeat is missing"
        return [Condition(False, why, b"", now)]

    def next_at(self) -> float | None:
        """When the silence has lasted too long."""
        return self._due

    def closed(self) -> None:
        """The channel is gone, and nothing is expected; that it was silent is remembered until it is heard again."""
        self._due = None
