"""Whether a parcel is released: an own reading of the design, from what the node had been told at a moment.

Effective status = the most restrictive over the parcel and all it belongs to; of each scheme and authority the record
with the highest sequence counts. Absent is hold, where a release is needed. While a number of the feed is missing, or
its head is stale, what was said before counts as hold. A local release ends the site's own hold and is no other.
"""

from __future__ import annotations

from collections import deque

from tests.sim.centre import Centre, Message, Subject
from tests.sim.clock import Clock
from tests.sim.floor_text import STALE_S
from tests.sim.parcels import Parcel

GRACE_MS = 1500.0
"""So long after a gap, or the head's age, shows the node must have acted on it."""
FOREVER = float("inf")


class Truth:
    """What the node could know of customs, at any moment of the last minutes."""

    def __init__(self, clock: Clock, centre: Centre) -> None:
        self._clock = clock
        self._centre = centre
        self._head_at = float("-inf")
        self._stale: deque[list[float]] = deque([[0.0, FOREVER]], maxlen=50)
        """[from, to] of the times without a fresh head"""
        self._position = 0
        self._ahead: set[int] = set()
        self._gaps: deque[list[float]] = deque(maxlen=50)
        """[from, to] of the times in which a number of the feed was missing"""

    def told(self, message: Message) -> None:
        """The living node has taken a message of the centre."""
        now = self._clock.now
        for record in message.records:
            if not record.known or record.known[-1][1] < FOREVER:
                record.known.append([now, FOREVER])
            if record.feed:
                self._heard(record.feed)
        if message.topic.endswith("/head"):
            self._beat(now)

    def killed(self) -> None:
        """The daemon died: what it had not committed it does not know any more."""
        for message in self._centre.inbox.values():
            for record in message.records:
                if record.known and record.known[-1][1] == FOREVER:
                    record.known[-1][1] = self._clock.now

    def not_released(self, parcel: Parcel, at: float) -> str:
        """Why the node that lived at that moment could not count this parcel as released; empty = it could."""
        if parcel.advice is None:
            return "it is not advised"
        statuses = self.statuses(parcel.subjects, at)
        worst = next((status for status in statuses if status != "release"), None)
        if worst is not None:
            return f"customs says {worst}"
        if not parcel.required:
            return ""
        if not statuses:
            return "there is no release"
        for what, times in (("its head is stale", self._stale), ("a number is missing", self._gaps)):
            if any(begin + GRACE_MS < at < end for begin, end in times):
                return f"the feed cannot be believed: {what}"
        return ""

    def statuses(self, subjects: list[Subject], at: float) -> list[str]:
        """The last status known of every scheme and authority for each subject, local releases left out."""
        found = []
        for subject in subjects:
            newest: dict[tuple[str, str], tuple[int, str]] = {}
            for record in self._centre.records.get(subject, ()):
                if record.known_at(at) and record.sequence > newest.get(record.key, (-1, ""))[0]:
                    newest[record.key] = (record.sequence, record.status)
            found += [status for key, (_, status) in newest.items() if key[0] != "local" or status != "release"]
        return found

    def _beat(self, now: float) -> None:
        """The head was fresh until `STALE_S` after the beat before this one."""
        self._stale[-1][1] = now
        self._stale.append([now + STALE_S * 1000, FOREVER])

    def _heard(self, feed: int) -> None:
        if feed > self._position:
            self._ahead.add(feed)
        while self._position + 1 in self._ahead:
            self._position += 1
            self._ahead.remove(self._position)
        missing = bool(self._ahead)
        if missing and (not self._gaps or self._gaps[-1][1] < FOREVER):
            self._gaps.append([self._clock.now, FOREVER])
        elif not missing and self._gaps:
            self._gaps[-1][1] = min(self._gaps[-1][1], self._clock.now)
