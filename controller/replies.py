"""What the centre is told beside events and states: replies to its commands, and what it is asked.

A reply leaves after the commit of what its command caused; while the broker is away it waits, for an hour at most. A
question is of no use later: it leaves at once or never. Neither is in the journal: who misses a reply gives the command
again and is told that it is known.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pydantic_core import to_json

from controller.effects import Ask, Reply
from controller.stamps import rfc3339
from controller.states import Publish

KEPT, KEPT_MS = 1000, 3_600_000.0
"""So many replies wait for so long; of more the oldest is given up."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply, what must be durable before it leaves, and when it is given up."""

    publish: Publish
    seq: int
    until: float


class Replies:
    """`base`: the node's topics; `site_base`: the site's. `durable`: the last sequence that is on disk."""

    def __init__(self, base: str, site_base: str, node: str, durable: int) -> None:
        self._base, self._site_base, self._node, self._durable = base, site_base, node, durable
        self._waiting: deque[Waiting] = deque()
        self._asks: deque[Publish] = deque(maxlen=KEPT)

    def reply(self, reply: Reply, seq: int, utc_ms: float, now: float) -> None:
        """Answer a command; `seq`: the last event that it caused."""
        body = {
            "id": reply.command,
            "verb": reply.verb,
            "result": "done" if reply.done else "refused",
            "why": reply.why,
            "time": rfc3339(utc_ms),
        }
        publish = Publish(0, f"{self._base}/reply/{reply.verb}", to_json(body))
        self._waiting.append(Waiting(publish, seq, now + KEPT_MS))
        if len(self._waiting) > KEPT:
            self._waiting.popleft()

    def ask(self, ask: Ask, until_ms: float) -> None:
        """Ask for a code; `until_ms`: UTC."""
        body = {"code": ask.code, "travel": ask.travel, "node": self._node, "until_ms": round(until_ms)}
        self._asks.append(Publish(0, f"{self._site_base}/ask", to_json(body)))

    def committed(self, seq: int) -> None:
        """Events up to this one are durable."""
        self._durable = max(self._durable, seq)

    def parted(self) -> None:
        """The broker is gone: what was about to be asked is not asked."""
        self._asks.clear()

    def take(self, now: float) -> list[Publish]:
        """What may leave now."""
        out = list(self._asks)
        self._asks.clear()
        while self._waiting and (self._waiting[0].seq <= self._durable or self._waiting[0].until <= now):
            waiting = self._waiting.popleft()
            if waiting.until > now:
                out.append(waiting.publish)
        return out
