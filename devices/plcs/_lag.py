"""How late the PLC's messages are, told by how long it takes to answer ours.

An answer that comes after a repeat may be a late one, or the first sending or its answer was lost. A second answer
tells them apart: then nothing was lost. Where a late answer came before any repeat it is sure at once.
"""

from __future__ import annotations

from dataclasses import replace

from devices.plcs._messages import Incoming
from devices.plcs._outbox import Open
from devices.types import Lagging


class Lag:
    """The clock of one channel. `late_ms`: an answer that takes so long is late."""

    def __init__(self, late_ms: float) -> None:
        self._late_ms = late_ms
        self._in_time = 0.0
        """when a request was sent that was answered in time"""
        self._unsure: tuple[Open, Lagging] | None = None

    def answered(self, request: Open, at: float) -> Lagging | None:
        """The answer came at `at`; what that tells, if it was not in time."""
        if at - request.sent < self._late_ms:
            self._in_time = request.sent
            return None
        lag = Lagging(at - request.sent, self._in_time, at, sure=request.sendings == 1)
        self._unsure = None if lag.sure else (request, lag)
        return lag

    def unanswered(self, request: Open, at: float) -> Lagging | None:
        """The answer will not come any more: nobody knows whether it is late or lost."""
        late = at - request.sent >= self._late_ms
        return Lagging(at - request.sent, self._in_time, at) if late else None

    def answered_again(self, message: Incoming, at: float) -> Lagging | None:
        """An answer to nothing open: if it is a second one to the same request, the first was late."""
        if self._unsure is None or not self._unsure[0].is_answered_by(message):
            return None
        lag, self._unsure = self._unsure[1], None
        return replace(lag, at=at, sure=True)

    def forget(self) -> None:
        """The session is over: nothing of it is awaited."""
        self._unsure = None
