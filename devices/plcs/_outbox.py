"""What waits to be sent to the PLC, and the one request that waits for its answer (PLC interface v1 §2, rules 1, 2, 8).

Priority is the order of PRIORITY. A DEST leaves without being sent (again) when its time is over, when its track has
left the line, or when a newer decision for the track is queued; it leaves even when it is the open request: the next
request may follow at once, and a late answer finds nothing that it matches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from devices.plcs._messages import Incoming, Outgoing
from devices.plcs._taken import newer
from devices.value import value

PRIORITY = ("DEST", "CMND", "LAMP", "TIME")
MOST = 5000
"""So many commands may wait; a line has fewer live items."""


@value
class Waiting:
    """A command that `send` numbered `id`."""

    id: int
    type: str
    fields: Mapping[str, Any]
    expires: float | None


@dataclass(slots=True)
class Open:
    """The unanswered request. `sent` = when its last byte left for the first time, `due` = when it is sent again;
    `command` is None for session messages."""

    message: Outgoing
    command: Waiting | None
    sent: float
    sendings: int = 1
    due: float = 0.0

    def is_answered_by(self, answer: Incoming) -> bool:
        """The answer carries the type, epoch and sequence of this request."""
        mine = self.message
        return (mine.type, mine.epoch, mine.sequence) == (answer.type, answer.epoch, answer.sequence)


class Outbox:
    """Commands in the order of `send`, and the open request."""

    def __init__(self, decision_ring: int) -> None:
        self._decision_ring = decision_ring
        self._waiting: dict[int, Waiting] = {}
        self.open: Open | None = None

    def put(self, command: Waiting) -> list[tuple[int, str]]:
        """Queue a command; returns (id, why) of what is given up for it, perhaps itself."""
        given_up = []
        if command.type == "DEST":
            for other in self._destinations(command.fields["track"]):
                if newer(other.fields["decision"], command.fields["decision"], self._decision_ring):
                    return [(command.id, "a newer decision is queued")]
                given_up += self._give_up([other], "overtaken by a newer decision")
        if len(self._waiting) >= MOST:
            return [*given_up, (command.id, f"{MOST} commands are waiting already")]
        self._waiting[command.id] = command
        return given_up

    def next(self, allowed: Collection[str]) -> Waiting | None:
        """Take out what is to be sent next, of the types allowed now."""
        for kind in PRIORITY:
            if kind in allowed:
                for command in self._waiting.values():
                    if command.type == kind:
                        return self._waiting.pop(command.id)
        return None

    def holds(self, allowed: Collection[str]) -> bool:
        """`next` has something to give."""
        return any(command.type in allowed for command in self._waiting.values())

    def answered(self, answer: Incoming) -> Open | None:
        """Close the open request if this answers it. BUSY leaves it open, and that sending does not count."""
        request = self.open
        if request is None or not request.is_answered_by(answer):
            return None
        if answer.refusal == "BUSY":
            request.sendings = max(0, request.sendings - 1)
        else:
            self.open = None
        return request

    def expire(self, now: float) -> list[tuple[int, str]]:
        """Give up what must not be sent (again) at `now`."""
        return self._give_up(
            [c for c in self._commands() if c.expires is not None and now >= c.expires], "its time is over"
        )

    def left(self, track: int) -> list[tuple[int, str]]:
        """The track has ended: give up its destinations."""
        return self._give_up(self._destinations(track), "the track has ended")

    def clear(self, why: str) -> list[tuple[int, str]]:
        """Give up everything."""
        given_up = self._give_up(list(self._commands()), why)
        self.open = None
        return given_up

    def next_expiry(self) -> float | None:
        """When `expire` will have something to give up."""
        return min((c.expires for c in self._commands() if c.expires is not None), default=None)

    def _commands(self) -> Iterable[Waiting]:
        if self.open is not None and self.open.command is not None:
            yield self.open.command
        yield from self._waiting.values()

    def _destinations(self, track: int) -> list[Waiting]:
        return [c for c in self._commands() if c.type == "DEST" and c.fields["track"] == track]

    def _give_up(self, commands: Iterable[Waiting], why: str) -> list[tuple[int, str]]:
        given_up = []
        for command in commands:
            if self.open is not None and self.open.command is command:
                self.open = None
            self._waiting.pop(command.id, None)
            given_up.append((command.id, why))
        return given_up
