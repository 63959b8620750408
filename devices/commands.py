"""Commands to a machine that answers each: one is open at a time, the others wait.

An answer carries no number, so it belongs to the command that is open or to none. After a command without an answer
nothing is sent for as long again, or its late answer would be taken for the next one's.

A command that the machine never answers is given up with UNANSWERED when `pause_ms` has gone since its turn came:
whether it was obeyed nobody knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from devices.types import Answered, GivenUp
from devices.value import value

MOST_WAITING = 16

EXPIRED = "expired before it was sent"
OVERTAKEN = "too many commands were waiting"
SILENT = "no answer"
UNANSWERED = "written; this machine never answers"
UNWRITTEN = "the port took nothing"
GONE = "the channel has gone"


@value
class _Sent:
    id: int
    answer: str | None
    frame: bytes
    expires: float | None


class Commands:
    """The commands of one channel; of more than `most` that wait, the oldest is given up.

    Each `add` leads to exactly one Answered or GivenUp. Raises ValueError for times that cannot be.
    """

    def __init__(self, answer_ms: float, pause_ms: float = 0.0, most: int = MOST_WAITING) -> None:
        if not answer_ms > 0:
            raise ValueError(f"answer_ms = {answer_ms}: write a time over 0")
        if not pause_ms >= 0:
            raise ValueError(f"pause_ms = {pause_ms}: write a time, 0 = none")
        self._answer_ms = answer_ms
        self._pause_ms = pause_ms
        self._most = most
        self._last_id = 0
        self._waiting: deque[_Sent] = deque()
        self._open: _Sent | None = None
        self._untaken = False  # the open one is not written yet
        self._repeats = 0  # of the open one
        self._late: str | None = None  # the answer that did not come, while it may still come
        self._due = 0.0  # when the open one is given up, or when the channel is quiet again
        self._overtaken: list[_Sent] = []

    def add(self, answer: str | None, frame: bytes, now: float, expires: float | None) -> int:
        """Queue a frame whose answer has the verb `answer`, None = it has none; return its number."""
        self._last_id += 1
        self._waiting.append(_Sent(self._last_id, answer, frame, expires))
        if len(self._waiting) > self._most:
            self._overtaken.append(self._waiting.popleft())
        self._advance(now)
        return self._last_id

    def answered(self, verb: str | None, refusal: str | None, at: float) -> list[Answered]:
        """An answer came; `verb` None = an error, which does not say of what. Empty when no command is open for it."""
        command = self._open
        if command is None or command.answer is None or self._untaken or verb not in (None, command.answer):
            return []
        self._open, self._due = None, at
        self._advance(at)
        return [Answered(command.id, refusal, at)]

    def late(self, verb: str | None, at: float) -> bool:
        """Whether this is the answer to the command that was given up last, while the channel is kept quiet for it."""
        return self._open is None and at < self._due and self._late is not None and verb in (None, self._late)

    def expects(self, verb: str | None, at: float) -> bool:
        """Whether this is the answer to the open command, or the late one to the last; `verb` None = an error."""
        if self._open is not None:
            return not self._untaken and verb in (None, self._open.answer)
        return self.late(verb, at)

    def repeat(self, change: Callable[[bytes], bytes], most: int, at: float) -> bool:
        """Write the open command once more, changed so that it shows; False = none is open, or it was `most` times."""
        if self._open is None or self._untaken or self._repeats >= most:
            return False
        self._open = replace(self._open, frame=change(self._open.frame))
        self._untaken, self._due = True, at + self._answer_ms
        self._repeats += 1
        return True

    def ready(self) -> bool:
        """Whether `take` has something."""
        return self._open is not None and self._untaken

    def tick(self, now: float) -> list[GivenUp]:
        """Give up what has expired or got no answer, begin the next."""
        ended = [GivenUp(command.id, OVERTAKEN, now) for command in self._overtaken]
        self._overtaken.clear()
        if self._open and self._untaken and _expired(self._open, now):
            ended.append(GivenUp(self._open.id, EXPIRED, now))
            self._open, self._due = None, now
        elif self._open and now >= self._due:
            answers = self._open.answer is not None
            why = UNWRITTEN if self._untaken else SILENT if answers else UNANSWERED
            ended.append(GivenUp(self._open.id, why, now, why == UNANSWERED))
            self._late = None if self._untaken else self._open.answer
            self._open, self._due = None, now + self._answer_ms * answers
        ended += [GivenUp(command.id, EXPIRED, now) for command in self._waiting if _expired(command, now)]
        self._waiting = deque(command for command in self._waiting if not _expired(command, now))
        self._advance(now)
        return ended

    def next_at(self) -> float | None:
        """When `tick` has something to do."""
        times = [command.expires for command in self._waiting if command.expires is not None]
        if self._open or self._waiting:
            times.append(self._due)
        if self._open and self._untaken and self._open.expires is not None:
            times.append(self._open.expires)
        if self._overtaken:
            times.append(0.0)
        return min(times, default=None)

    def take(self) -> bytes:
        """The frame to write now, once."""
        if self._open is None or not self._untaken:
            return b""
        self._untaken = False
        return self._open.frame

    def closed(self, now: float) -> list[GivenUp]:
        """The channel is gone: everything is given up."""
        ended = [*self._overtaken, *([self._open] if self._open else []), *self._waiting]
        self._overtaken.clear()
        self._waiting.clear()
        if self._open and not self._untaken and self._open.answer is not None:
            self._late, self._due = self._open.answer, now + self._answer_ms
        self._open = None
        return [GivenUp(command.id, GONE, now) for command in ended]

    def _advance(self, now: float) -> None:
        if self._open or now < self._due:
            return
        while self._waiting and not self._open:
            if _expired(self._waiting[0], now):
                return  # the next tick says so
            self._open, self._untaken, self._late = self._waiting.popleft(), True, None
            self._due = now + (self._pause_ms if self._open.answer is None else self._answer_ms)
            self._repeats = 0


def _expired(command: _Sent, now: float) -> bool:
    return command.expires is not None and now >= command.expires
