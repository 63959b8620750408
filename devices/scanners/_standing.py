"""How a machine is, out of several things that can be wrong with it at once."""

from __future__ import annotations

from collections.abc import Sequence

from devices.types import Condition


class Standing:
    """It is well while nothing is wrong. Only changes are said, so a machine that was never ill says nothing."""

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
            return [Condition(False, "; ".join(self._wrong.values()), raw[:64], at)]
        return [Condition(True, f"it is well again, after: {before}", raw[:64], at)]

    def heard(self, said: Sequence[Condition]) -> list[Condition]:
        """The same for what `devices.alive.Silence` says of its heartbeat."""
        return [new for one in said for new in self.say("heartbeat", None if one.ok else one.what, one.raw, one.at)]
