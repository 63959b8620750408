"""What the floor emits -> rows of the journal, gathered with all that belongs into the same transaction; and complaints
about messages, so that a flood of them stays one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from controller import inbound, kept
from controller.clock import Clock
from controller.effects import Emit
from controller.envelope import Origin, envelope, type_of
from controller.events import Alarm, ReadSeen
from controller.journal_rows import Batch, Evidence, Row
from controller.lanes import LaneState
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
    topic = f"{origin.base}/event/{emit.name}"
    code = data.code if isinstance(data, ReadSeen) else None
    who = (emit.subject, data.visit, data.travel, data.parcel)
    return Row(emit.seq, row_id, type_of(emit.name), *who, time, topic, body, code)


class Gathering:
    """What the next transaction will hold. Nothing is encoded before `close`: the answers leave first."""

    def __init__(self, origin: Origin, clock: Clock, rng: Random) -> None:
        self.batch = Batch()
        self.events: list[tuple[Emit, float, bool]] = []
        """(event, now, degraded)"""
        self.state: dict[tuple[str, str], object | None] = {}
        """durable floor state that changed, None = is gone"""
        self._origin, self._clock, self._rng = origin, clock, rng

    def attest(
        self, topic: str, raw: bytes, about: Iterable[str], refused: Iterable[str], caused: range, now: float
    ) -> None:
        """Keep a message, with the sequences of the events that it caused."""
        first, last = (caused[0], caused[-1]) if caused else (None, None)
        utc_ms = round(self._clock.utc(now))
        self.batch.evidence.append(Evidence(utc_ms, topic, raw, tuple(about), first, last, tuple(refused)))

    @property
    def waits(self) -> bool:
        """Whether there is something to be recorded."""
        return bool(self.events or self.state) or not self.batch.empty()

    def close(self, delivered: list[int], quarantined: list[tuple[int, int]]) -> Batch | None:
        """The transaction, and the next one begins; None when there is nothing in it."""
        batch, utc = self.batch, self._clock.utc
        batch.delivered += delivered
        batch.quarantined += quarantined
        for emit, now, degraded in self.events:
            batch.events.append(row(self._origin, emit, utc(min(emit.at, now)), utc(now), degraded, self._rng))
        self.events.clear()
        for key, value in self.state.items():
            batch.state[key] = None if value is None else kept.dump(value)
        self.state.clear()
        if batch.empty():
            return None
        self.batch = Batch()
        return batch


def concerned(subjects: Iterable[str], lanes: Mapping[str, LaneState]) -> Iterable[str]:
    """Whom a message is about (`kind/id`): beside a lane that it names also the container that stands there."""
    about = dict.fromkeys(subjects)
    for lane in [lanes.get(subject.removeprefix("lane/")) for subject in about]:
        if lane is not None and lane.container is not None:
            about[f"container/{lane.container}"] = None
    return about


@dataclass(slots=True)
class Complaints:
    """`counts`: inbound messages refused, by topic."""

    counts: dict[str, int] = field(default_factory=dict)
    _raised: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, topic: str, what: str, now: float) -> Alarm | None:
        """Count a message that was refused; the alarm that is to be raised. `name`: as `inbound` knows the topic."""
        known = "command" if name.startswith(inbound.COMMAND) else name or "other"
        self.counts[known] = self.counts.get(known, 0) + 1
        again = PLAN_AGAIN_MS if known == "plan" else AGAIN_MS
        if now - self._raised.get(known, float("-inf")) < again:
            return None
        self._raised[known] = now
        text = f"a message on {(name or topic)[:128]!r} was refused: {what}"
        return Alarm(alarm="inbound", what=text, priority="high")
