"""What the floor emits -> rows of the journal; and complaints about messages, so that a flood of them stays one."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from controller.effects import Emit
from controller.events import Origin, ReadSeen, envelope
from controller.journal_rows import Row
from controller.stamps import rfc3339, uuid7

AGAIN_MS = 60_000.0
"""The same complaint about inbound messages is raised at most so often."""

PLAN_AGAIN_MS = 1000.0
"""About plans: somebody mends one and wants to know what is still wrong."""


def row(origin: Origin, emit: Emit, happened: float, recorded: float, degraded: bool, rng: Random) -> Row:
    """The row of an event; both moments in UTC ms."""
    row_id, time, data = uuid7(recorded, rng), rfc3339(happened), emit.data
    body = envelope(
        origin,
        seq=emit.seq,
        id=row_id,
        name=emit.name,
        subject=emit.subject,
        time=time,
        recorded=rfc3339(recorded),
        degraded=degraded,
        data=data,
    )
    kind, topic = f"hubfloor.{emit.name.replace('/', '.')}.v1", f"{origin.base}/event/{emit.name}"
    who = (data.visit, data.travel, data.parcel)
    code = data.code if isinstance(data, ReadSeen) else None
    return Row(emit.seq, row_id, kind, emit.subject, *who, time, topic, body, code)


@dataclass(slots=True)
class Complaints:
    """`counts`: inbound messages refused, by topic."""

    counts: dict[str, int] = field(default_factory=dict)
    _raised: dict[str, float] = field(default_factory=dict)

    def note(self, topic: str, now: float) -> bool:
        """Count one; whether an alarm is to be raised. `topic`: one of a bounded set."""
        self.counts[topic] = self.counts.get(topic, 0) + 1
        again = PLAN_AGAIN_MS if topic == "plan" else AGAIN_MS
        if now - self._raised.get(topic, float("-inf")) < again:
            return False
        self._raised[topic] = now
        return True
