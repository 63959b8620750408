"""One command at a time to a machine that answers each and does not number them; one more may wait.

Whoever asks a scale again wants the newest value, so the command that waits is replaced by the next. After a command
without an answer nothing is sent for as long again, or its late answer would be taken for the next one's.
"""

from __future__ import annotations

from dataclasses import dataclass

from devices.types import Answered, GivenUp

LONGEST_WAIT = 3
"""A command is not sent after so many times `answer_ms`: more than one before it takes, with the quiet after it."""

EXPIRED = "expired before it was sent"
OVERTAKEN = "a newer command took its place"
SILENT = "no answer"
GONE = "the channel has gone"


@dataclass(frozen=True, slots=True)
class _Command:
    id: int
    frame: bytes
    expires: float


class OneCommand:
    """Each `add` leads to exactly one Answered or GivenUp."""

    def __init__(self, answer_ms: float) -> None:
        self._answer_ms = answer_ms
        self._last_id = 0
        self._open: _Command | None = None  # it is on the wire
        self._waiting: _Command | None = None
        self._overtaken: list[_Command] = []
        self._due = 0.0  # when the open one is given up
        self._quiet_until = 0.0  # nothing is sent before
        self._now = 0.0

    def add(self, frame: bytes, now: float, expires: float | None) -> int:
        """Queue a frame and return its number."""
        self._now = now
        self._last_id += 1
        if self._waiting:
            self._overtaken.append(self._waiting)
        stale = now + LONGEST_WAIT * self._answer_ms
        self._waiting = _Command(self._last_id, frame, stale if expires is None else min(expires, stale))
        return self._last_id

    def answered(self, refusal: str | None, at: float) -> list[Answered]:
        """An answer came; empty when no command is open for it."""
        if self._open is None:
            return []
        command, self._open = self._open, None
        self._now = at
        return [Answered(command.id, refusal, at)]

    def tick(self, now: float) -> list[GivenUp]:
        """Give up what was overtaken, has expired or got no answer."""
        self._now = now
        ended = [GivenUp(command.id, OVERTAKEN, now) for command in self._overtaken]
        self._overtaken.clear()
        if self._open and now >= self._due:
            ended.append(GivenUp(self._open.id, SILENT, now))
            self._open, self._quiet_until = None, now + self._answer_ms
        if self._waiting and now >= self._waiting.expires:
            ended.append(GivenUp(self._waiting.id, EXPIRED, now))
            self._waiting = None
        return ended

    def next_at(self) -> float | None:
        """When `tick` has something to do, or `take` something to give."""
        times = [self._due] if self._open else []
        if self._overtaken:
            times.append(self._now)
        if self._waiting and not self._open and self._now < self._quiet_until:
            times.append(self._quiet_until)
        if self._waiting:
            times.append(self._waiting.expires)
        return min(times, default=None)

    def take(self) -> bytes:
        """The frame to write now, once. Its answer is due from now on."""
        waiting = self._waiting
        if self._open or waiting is None or self._now < self._quiet_until or self._now >= waiting.expires:
            return b""
        self._open, self._waiting, self._due = waiting, None, self._now + self._answer_ms
        return waiting.frame

    def closed(self, now: float) -> list[GivenUp]:
        """The channel is gone: everything is given up; the answer to the open one may still come on the next."""
        ended = [*self._overtaken, *(command for command in (self._open, self._waiting) if command)]
        self._overtaken.clear()
        self._quiet_until = self._due if self._open else self._quiet_until
        self._open = self._waiting = None
        return [GivenUp(command.id, GONE, now) for command in ended]
