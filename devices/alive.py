"""How a machine is: whether it is still there, by the heartbeat that it is set to send, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from devices.framing import RAW
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
        return [Condition(True, "its heartbeat is back", raw[:RAW], at)]

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


class Standing:
    """How a machine is, out of several things that can be wrong with it at once: it is well while nothing is wrong.

    Only changes are said, so a machine that was never ill says nothing.
    """

    def __init__(self) -> None:
        self._wrong: dict[str, str] = {}

    def say(self, thing: str, wrong: str | None, raw: bytes, at: float) -> list[Condition]:
        """What is wrong with one thing in plain words, None = nothing."""
        before = self._wrong.pop(thing, None)
        if wrong is not None:
            self._wrong[thing] = wrong
        if before == wrong:
            return []
        if self._wrong:
            return [Condition(False, "; ".join(self._wrong.values()), raw[:RAW], at)]
        return [Condition(True, f"it is well again, after: {before}", raw[:RAW], at)]

    def heard(self, said: Sequence[Condition]) -> list[Condition]:
        """The same for what a `Silence` says of its heartbeat."""
        return [new for one in said for new in self.say("heartbeat", None if one.ok else one.what, one.raw, one.at)]
