"""Our answers to the PLC's requests: the last one is remembered for repeats, and may have to wait for the disk.

A repeated request gets the same answer again (PLC interface v1 §2, rule 3); an `A` carries the durable number of the
moment it leaves (rule 5). An answer that waits leaves with the `confirm` that covers its event, never before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from devices.plcs._messages import Incoming, Outgoing
from devices.plcs._taken import Taken
from devices.types import Token
from devices.value import value

Write = Callable[[Outgoing, float], float]
"""Hand a message to the encoding at `now`; returns when its last byte will have been sent."""


@value
class Answer:
    """`refusal` empty = `A`; `waits_for` = the event that must be durable before it leaves."""

    type: str
    epoch: int
    sequence: int
    refusal: str
    waits_for: Token | None


class Answers:
    """The answer to the last request taken."""

    def __init__(self, write: Write, taken: Taken) -> None:
        self._write = write
        self._taken = taken
        self._last: Answer | None = None

    def give(self, request: Incoming, at: float, refusal: str = "", waits_for: Token | None = None) -> None:
        """Answer a request, at once or when `waits_for` is durable."""
        if waits_for and self._taken.is_durable(waits_for):
            waits_for = None
        self._last = Answer(request.type, request.epoch, request.sequence, refusal, waits_for)
        self.repeat(at)

    def repeat(self, at: float) -> None:
        """The last answer again, unless it waits still."""
        last = self._last
        if last is None or last.waits_for:
            return
        fields: dict[str, Any] = {"code": last.refusal} if last.refusal else {"durable_evt": self._taken.durable_evt()}
        self._write(Outgoing(last.type, "N" if last.refusal else "A", last.epoch, last.sequence, fields), at)

    def release(self, now: float) -> None:
        """More has become durable: say what waited for it."""
        if self._last and self._last.waits_for and self._taken.is_durable(self._last.waits_for):
            self._last = replace(self._last, waits_for=None)
            self.repeat(now)

    def forget(self) -> None:
        """The session is over: nothing of it is answered any more."""
        self._last = None
