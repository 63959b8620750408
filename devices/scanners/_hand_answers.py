"""What leaves for terminals: the messages that wait to be taken, and what becomes of the commands behind them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from devices.types import Answered, GivenUp, HandAnswer, Item, Message
from devices.value import value

MOST_WAITING = 1000
LONGEST_WORDS = 64

UNASKED = "nobody waits for this answer"
EXPIRED = "expired before it was sent"
OVERTAKEN = f"more than {MOST_WAITING} messages were waiting"
GONE = "the channel has gone"


@value
class _Waiting:
    number: int | None
    message: Message
    expires: float | None


class Answers:
    """Each command leads to one Answered, when its message was taken, or one GivenUp; both come with the next tick."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._ended: list[tuple[int, str | None]] = []
        self._now = 0.0

    def put(self, message: Message, now: float, number: int | None = None, expires: float | None = None) -> None:
        """Let a message leave; `number` of the command that it is, None = it is none."""
        self._now = now
        one = _Waiting(number, message, expires)
        if expires is not None and now >= expires:
            self._end(one, EXPIRED)
            return
        self._waiting.append(one)
        if len(self._waiting) > MOST_WAITING:
            self._end(self._waiting.popleft(), OVERTAKEN)

    def refuse(self, number: int, why: str, now: float) -> None:
        """A command that does not leave."""
        self._now = now
        self._ended.append((number, why))

    def tick(self, now: float) -> list[Item]:
        """What became of commands."""
        self._now = now
        expired = [one for one in self._waiting if one.expires is not None and now >= one.expires]
        for one in expired:
            self._waiting.remove(one)
            self._end(one, EXPIRED)
        ended, self._ended = self._ended, []
        return [Answered(one, None, now) if why is None else GivenUp(one, why, now) for one, why in ended]

    def next_at(self) -> float | None:
        """When `tick` has something to say."""
        if self._ended:
            return self._now
        return min((one.expires for one in self._waiting if one.expires is not None), default=None)

    def take(self) -> list[Message]:
        """All that waits."""
        out = [one.message for one in self._waiting]
        for one in self._waiting:
            self._end(one, None)
        self._waiting.clear()
        return out

    def closed(self, now: float) -> list[Item]:
        """The channel is gone: nothing of this leaves."""
        for one in self._waiting:
            self._end(one, GONE)
        self._waiting.clear()
        return self.tick(now)

    def _end(self, one: _Waiting, why: str | None) -> None:
        if one.number is not None:
            self._ended.append((one.number, why))


def message(topic: str, body: Mapping[str, Any], retain: bool = False) -> Message:
    """A JSON object for a topic."""
    return Message(topic, json.dumps(body, separators=(",", ":")).encode("ascii"), 1, retain)


def answer(topic: str, said: HandAnswer) -> Message:
    """The answer to a scan; longer words are cut."""
    body = {"scan": said.ref, "verdict": said.verdict, "words": said.words[:LONGEST_WORDS], "tone": said.tone}
    return message(topic, body)
