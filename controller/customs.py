"""What customs says, and whether a parcel has a positive release.

A record is keyed (scheme, authority, subject kind, subject id) and latches: only the same scheme and authority lifts
its own status, with a newer sequence; `seize` and `do_not_load` stay until that authority says `release`. The status of
a parcel is the most restrictive over all records of itself and of everything it belongs to. Unknown, absent and stale
mean hold. Nobody releases by timeout, by default or by hand: a record of scheme `local`, which the site makes itself by
command, can hold; its release ends that hold and is no release of anything else.

The feed numbers its records site-wide without gaps, and a head beat tells its last number. Statuses are believed only
while the feed is fresh: a head made since the broker was last reached and not older than `stale_ms`, everything up to
it heard at least once in this connection, no gap in what came, and the head not ahead of it for longer than `GRACE_MS`.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from controller.advice import Advice, CustomsHead, CustomsRecord
from devices.value import value

Key: TypeAlias = tuple[str, str, str, str]
Subject: TypeAlias = tuple[str, str]

RANK = {
    status: rank
    for rank, status in enumerate(
        ("release", "pending", "return", "info_requested", "screen", "inspect", "hold", "seize", "do_not_load")
    )
}
"""From the only positive one to the most restrictive."""

GRACE_MS = 1000.0
"""A head may overtake the records it counts: brokers keep the order of a topic, not that between two of them."""

AHEAD_LIMIT = 10_000
"""Feed numbers beyond a gap that are remembered."""

STAYING = frozenset(("seize", "do_not_load"))
"""Only `release`, or a more restrictive one, takes their place."""

RECORDS_KEPT = 500_000
"""Records that are remembered. Of more, the oldest releases are forgotten, since who has no release is held."""

NOTHING_SAID = "no customs status"

MARGIN = 20
"""One in so many is forgotten at once. So many more are taken where none may be forgotten; a further record counts as
not heard, so that the feed is not fresh."""


@value
class Verdict:
    """`released`: the parcel may enter an unsupervised lane. `status` and `why` for the decision and the trace."""

    released: bool
    status: str
    why: str


@dataclass(slots=True)
class Book:
    """All customs records in force and the position in the feed."""

    stale_ms: float
    limit: int = RECORDS_KEPT
    """of records; see `forget`"""
    records: dict[Key, CustomsRecord] = field(default_factory=dict)
    by_subject: dict[Subject, dict[Key, None]] = field(default_factory=dict)
    """in the order in which they were first heard: of equals that one is named"""
    released: dict[Key, None] = field(default_factory=dict)
    """keys of releases, the oldest first"""
    position: int = 0
    """the last feed number up to which nothing is missing"""
    ahead: set[int] = field(default_factory=set)
    head: int | None = None
    head_at: float | None = None
    head_time_ms: int = 0
    """when the newest beat was made"""
    last_beat: CustomsHead | None = None
    """that beat"""
    caught_up: bool = False
    """nothing has been missing at some moment of this connection"""
    behind_at: float | None = None
    """since when the head has been ahead of what was heard, None: it is not"""
    asked_utc_ms: float = float("inf")
    """UTC of the last (re)connection: an older beat proves nothing"""
    overtaken: int = 0
    """how far records were ahead of a beat that they overtook on their way"""
    utc_offset: float = 0.0
    """UTC minus monotonic ms"""

    def connected(self, utc_ms: float, now: float) -> None:
        """The broker was reached: what was missed meanwhile is unknown until the next head."""
        self.asked_utc_ms, self.utc_offset = utc_ms, utc_ms - now
        self.head, self.head_at, self.overtaken = None, None, 0
        self.caught_up, self.behind_at = False, None

    def beat(self, head: CustomsHead, now: float) -> bool:
        """Take a head beat; False when the feed has gone back behind what was heard: nothing is believed then.

        It is as old as its time says, however long it was on its way. A feed that moved its start forward takes a newer
        node with it. A beat that the broker delivers once more says nothing new, above all not that the feed went back;
        nor does one that counts further than the beat before it, and that records overtook on their way: a broker keeps
        the order of a topic, and beats have one of their own. The next beat must count what had overtaken this one.
        """
        if head.time_ms < max(self.asked_utc_ms, self.head_time_ms) or head == self.last_beat:
            return True
        self.head_time_ms, self.last_beat = head.time_ms, head
        self._advance(head.since - 1)
        if head.sequence < self.position:
            if self.head is None or head.sequence < max(self.head, self.overtaken):
                self.head, self.head_at, self.caught_up, self.overtaken = None, None, False, 0
                return False
            self.overtaken = self.position
        self.head, self.head_at = head.sequence, min(now, head.time_ms - self.utc_offset)
        self._weigh(now)
        return True

    def fresh(self, now: float) -> bool:
        """Whether statuses may be believed."""
        ends = self.stale_at()
        return self.caught_up and not self.ahead and ends is not None and now <= ends

    def stale_at(self) -> float | None:
        """When freshness ends by itself: the head grows old, or what it counts does not come."""
        if self.head_at is None:
            return None
        stale = self.head_at + self.stale_ms
        return stale if self.behind_at is None else min(stale, self.behind_at + GRACE_MS)

    def take(self, record: CustomsRecord, now: float) -> bool:
        """Note a record; True when the status of its key changed. `records` then holds what is in force: a newer one
        also where it says the same, and the status that stays in the place of one that cannot lift it."""
        if record.key not in self.records and len(self.records) >= self.limit + self.limit // MARGIN:
            return False
        room = len(self.ahead) < AHEAD_LIMIT or record.feed == self.position + 1  # that one closes the gap
        if record.feed is not None and record.feed > self.position and room:
            self.ahead.add(record.feed)
            self._advance(self.position)
            self._weigh(now)
        known = self.records.get(record.key)
        if known is not None and record.sequence <= known.sequence:
            return False
        if known is not None and known.status in STAYING and 0 < RANK[record.status] < RANK[known.status]:
            record = record.model_copy(update={"status": known.status, "raw": known.raw})
        self.restore(record)
        return known is None or known.status != record.status

    def newest(self, record: CustomsRecord) -> bool:
        """Whether this very record is the one in force for its key."""
        return self.records.get(record.key) is record

    def restore(self, record: CustomsRecord) -> None:
        """Put a record in its place, as it stood in the journal, unless a newer one is there."""
        key = record.key
        known = self.records.get(key)
        if known is not None and known.sequence > record.sequence:
            return
        self.records[key] = record
        self.by_subject.setdefault((record.subject_kind, record.subject_id), {})[key] = None
        self.released.pop(key, None)
        if record.status == "release":
            self.released[key] = None

    def forget(self, needed: Container[Subject]) -> list[Key]:
        """Forget the oldest releases, but none of a subject that is `needed`, if there are too many records."""
        if len(self.records) <= self.limit:
            return []
        gone = []
        for key in list(islice(self.released, self.limit // MARGIN)):
            subject = key[2], key[3]
            del self.released[key]
            if subject in needed:
                self.released[key] = None  # asked again after all others
                continue
            del self.records[key]
            others = self.by_subject[subject]
            del others[key]
            if not others:
                del self.by_subject[subject]
            gone.append(key)
        return gone

    def verdict(self, advice: Advice | None, now: float) -> Verdict:
        """Effective status of a parcel for a decision made now."""
        if advice is None:
            return Verdict(False, "hold", "not identified")
        if advice.customs != "none" and not self.fresh(now):
            return Verdict(False, "hold", "the customs feed is not fresh")
        return self.latched(advice)

    def latched(self, advice: Advice) -> Verdict:
        """The same from the records alone, whether or not the feed is fresh: for parcels that have left the line.

        That a parcel needs no release stands for the record that is absent, never for one that says something else.
        A local release says nothing: it is a hold less.
        """
        keys = [key for subject in advice.subjects for key in self.by_subject.get(subject, ())]
        found = [self.records[key] for key in keys if key[0] != "local" or key not in self.released]
        if not found:
            free = advice.customs == "none"
            return Verdict(True, "none", "needs no release") if free else Verdict(False, "hold", NOTHING_SAID)
        worst = max(found, key=lambda record: RANK[record.status])
        who = f"{worst.scheme} {worst.authority} on {worst.subject_kind} {worst.subject_id}"
        return Verdict(worst.status == "release", worst.status, who)

    def _weigh(self, now: float) -> None:
        """Whether something is missing now."""
        if self.head is None:
            return
        if self.position < self.head:
            self.behind_at = now if self.behind_at is None else self.behind_at
            return
        self.behind_at = None
        self.caught_up = self.caught_up or not self.ahead

    def _advance(self, position: int) -> None:
        if position > self.position:
            self.position = position
            self.ahead = {number for number in self.ahead if number > position}
        while self.position + 1 in self.ahead:
            self.position += 1
            self.ahead.discard(self.position)
