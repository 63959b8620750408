"""What the node knows about its way to the centre: alarms about the broker, consumers that say how far they have heard,
and whether the journal is an older image of itself.

Sequences are given once. When the broker, or a consumer, has seen more of this very journal than the journal knows, its
file was put back to an earlier state (a snapshot, a backup written into the file), and what it gives next would be
taken for what was heard already: `renew` says so, and the daemon makes the next start begin a new journal id. A
consumer proves that once: what it says so of an id that this very run has made is an error of its own, and an alarm.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from controller.acks import Ack, NodeState
from controller.envelope import Origin
from controller.events import Alarm
from controller.outbox import Outbox
from controller.repair import Repair
from controller.standing import Standing
from controller.wording import counted
from devices.driver import earliest

DAYS = 30
SOON_S = DAYS * 86_400
BOOTS = 65_535
PROOF_MS, LONGEST_MS = 500.0, 5000.0
"""So long what the broker has of our own state is awaited: after its answer to the subscriptions, and at all."""
NAMED = 100
EARLIER = 16

REASONS = {
    0x80: "unspecified error",
    0x83: "it closes the connection on it",
    0x87: "not authorized",
    0x90: "topic name invalid",
    0x91: "packet identifier in use",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x99: "payload format invalid",
}
"""MQTT 5 §3.4.2.1, and what we mean by 0x83."""


class Upward:
    """`now` is monotonic ms. `first`: the first sequence that was given under this journal id. `new`: this run has made
    the id."""

    def __init__(self, origin: Origin, boot: int, outbox: Outbox, first: int, *, new: bool = False) -> None:
        self.repair = Repair(outbox, outbox.last, first)
        self.renew = ""
        """why the next start must begin a new journal id; "" = it need not"""
        self.strange_acks = 0
        """acks of a journal that is none of ours"""
        self.sure_at = float("-inf")
        """nothing may be published before: the broker is about to say what it knows of this journal"""
        self.standing = Standing()
        self._origin, self._boot, self._outbox, self._new = origin, boot, outbox, new
        self._ahead = ""  # the consumer that says it has heard what was never given
        self._ends: float | None = None
        self._broker = ""
        self._refused = 0  # events, as the alarm counts them
        self._earlier: dict[str, None] = {}  # journal ids that this node had

    def connected(self, broker: str, certificate_ends: float | None) -> None:
        """`certificate_ends`: until when the broker's certificate is valid, in UTC seconds."""
        self._broker, self._ends = broker, certificate_ends

    def awaits(self, until: float) -> None:
        """Our own state, which the broker may have retained, can come until then."""
        self.sure_at = until

    def subscribed(self, refused: Sequence[tuple[str, str]], now: float) -> None:
        """The broker has granted the subscriptions but these, each a topic and its reason."""
        self.sure_at = min(self.sure_at, now + PROOF_MS)
        if not refused:
            return self.standing.clear("broker-subscription")
        named = "; ".join(f"{topic}: {reason}" for topic, reason in refused)
        what = f"the broker refuses to let us hear {named}; may {self._origin.node} read there?"
        self.standing.set(Alarm(alarm="broker-subscription", what=what, priority="high"))

    def puback(self, key: int, code: int, now: float) -> bool:
        """The broker answered a publish with this reason code; whether there may be an alarm to `take`. `key`: the
        sequence of an event, negative where it was published again."""
        if key < 0:
            self.repair.puback(-key, now)
            return False
        topic, before = self._outbox.topic(key), self._outbox.refusals
        if self._outbox.puback(key, code) == "delivered":
            self.repair.accepted(key, now)
        if self._outbox.refusals == before:
            return False
        self._answered(topic, code)
        return True

    def _answered(self, topic: str, code: int) -> None:
        count, before = self._outbox.refusals, self._refused
        self._refused = count
        if not count:
            self.standing.clear("broker-refused")
        elif count > before:
            reason = REASONS.get(code, "no reason that is known")
            events = counted(count, "event")
            what = f"the broker refuses {events}, the last on {topic}: {reason} (0x{code:02X}); they are tried again"
            named = tuple(self._outbox.refused[:NAMED])
            self.standing.set(Alarm(alarm="broker-refused", what=what, priority="high", sequences=named))

    def damaged(self, sequences: Collection[int]) -> None:
        """Events in the journal that can never be published."""
        self.repair.damaged = frozenset(sequences)
        count = len(sequences)
        if count:
            events = "1 event of the journal is" if count == 1 else f"{count} events of the journal are"
            what = f"{events} damaged and can never be published"
            named = tuple(sorted(sequences)[:NAMED])
            self.standing.set(Alarm(alarm="journal-damaged", what=what, priority="high", sequences=named))

    def heard(self, ack: Ack, now: float) -> None:
        """A consumer has heard everything of a journal up to a sequence."""
        if ack.journal != self._origin.journal:
            self.strange_acks += ack.journal not in self._earlier
        elif ack.sequence > self._outbox.last and self._new:
            self._ahead = ack.consumer
            what = f"consumer {ack.consumer} says that it has heard events that were never given; its acks do not count"
            self.standing.set(Alarm(alarm="ack-ahead", what=what, priority="high"))
        elif ack.sequence > self._outbox.last:
            self._older(f"consumer {ack.consumer} has heard event {ack.sequence}")
        else:
            if ack.consumer == self._ahead:
                self._ahead = ""
                self.standing.clear("ack-ahead")
            self.repair.heard(ack.consumer, ack.sequence, now)

    def found(self, state: NodeState) -> None:
        """The node's state as the broker has it: of an earlier run, of this one, or of somebody with our name."""
        self.sure_at = float("-inf")
        if state.journal != self._origin.journal:
            self._earlier[state.journal] = None
            if len(self._earlier) > EARLIER:
                del self._earlier[next(iter(self._earlier))]
        elif state.sequence > self._outbox.last:
            self._older(f"the broker was told of event {state.sequence}")
        elif state.boot and 0 < (state.boot - self._boot) % BOOTS < BOOTS // 2:
            self._older(f"the broker was told of boot {state.boot}, and this is boot {self._boot}")

    def _older(self, proof: str) -> None:
        self.renew = self.renew or (
            f"the journal is an older image of itself: {proof} of journal {self._origin.journal}, "
            f"which knows {counted(self._outbox.last, 'event')}"
        )

    def take(self, now: float, utc_ms: float) -> list[tuple[str, Alarm]]:
        """(event, alarm) to be reported now."""
        if self._ends is not None and self._ends - utc_ms / 1000 < SOON_S:
            when = datetime.fromtimestamp(self._ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
            what = f"the certificate of the broker {self._broker} ends on {when}; give it a new one before"
            self.standing.set(Alarm(alarm="broker-certificate", what=what, priority="high"))
        else:
            self.standing.clear("broker-certificate")
        if gaps := self.repair.gaps:
            named = "; ".join(f"{name} lacks {low} to {high}" for name, (low, high) in gaps.items())
            what = f"events that the journal has no more cannot be published again: {named}"
            self.standing.set(Alarm(alarm="gap", what=what, priority="high"))
        else:
            self.standing.clear("gap")
        return self.standing.take(now)

    def next_at(self) -> float | None:
        """When `take`, or the repair, has something."""
        return earliest(self.standing.next_at(), self.repair.next_at())
