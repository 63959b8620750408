"""What has been taken out of the event ring, what of it is durable, and when it happened (PLC interface v1 §4).

Records are numbered per epoch of the PLC and counted mod 65536, as in the registers; in tokens number 0 is 65536, for
there 0 means "none". SYBE, TRAK and SYEN are records like events, but nothing of them needs the disk: they count as
durable with the event before them.
"""

from __future__ import annotations

from collections import deque

from devices.types import Kept, Token

PLACES = 32
WRAP = 0xFFFF
HALF = 0x8000
MOST_BEHIND = 5000 + PLACES
"""What a PLC keeps (rule 5 of PLC interface v1 §2), and the ring."""

TOO_OLD_MS = 60_000.0
"""Older edges must be marked by the PLC: register 5 wraps."""

OLDEST_MS = 63_000
"""A record is seen at most 3 s after it was written."""

EARLY_MS = 50
"""An edge may be newer than register 5 by so much, if the PLC reads its clock once a cycle."""


def ahead(new: int, old: int) -> int:
    """How far `new` lies ahead of `old`, -32768..32767."""
    return ((new - old + HALF) & WRAP) - HALF


class Events:
    """The memory of what was taken; it outlives sessions and connections."""

    def __init__(self) -> None:
        self.epoch = 0
        self.taken = 0
        self._open: deque[int] = deque()
        """numbers of events taken that are not durable"""
        self._begun = 0
        """the epoch of the last session that began"""

    def remember(self, kept: Kept) -> None:
        """Take over what the journal holds, unless this memory is younger."""
        if not self.epoch:
            self.epoch = self._begun = kept.epoch
            self.taken = kept.evt & WRAP

    def all_durable(self, epoch: int) -> bool:
        """Everything taken in this epoch is durable."""
        return epoch != self.epoch or not self._open

    def base(self, epoch: int, head: int, own: tuple[int, ...]) -> int:
        """Up to where everything of this epoch is durable: what the journal knows, or what is written in the PLC, for
        that may cover SYBE, TRAK, SYEN that the journal does not know. `own` = registers 1024 to 1031 as read.

        A journal ahead of the PLC stands: the PLC has then lost its memory, and begins a new epoch.
        """
        candidates = []
        if epoch == self.epoch:
            if 0 < ahead(self.taken, head) <= MOST_BEHIND:
                return self.taken
            candidates.append(self.taken)
        if own[4] == epoch and (head - own[2]) & WRAP <= MOST_BEHIND:
            candidates.append(own[2])
        return min(candidates, key=lambda number: (head - number) & WRAP, default=0)

    def resume(self, epoch: int, base: int) -> None:
        """The PLC took SYES: it writes on from `base`."""
        self._open.clear()
        self.epoch, self.taken = epoch, base

    def begin(self) -> bool:
        """SYBE came; True = its epoch is another one than that of the session before."""
        is_new, self._begun = self.epoch != self._begun, self.epoch
        return is_new

    @property
    def next(self) -> int:
        """The number of the next record."""
        return (self.taken + 1) & WRAP

    def take(self, is_event: bool) -> Token:
        """The next record is taken; its token."""
        self.taken = self.next
        if is_event:
            self._open.append(self.taken)
        return self.epoch, self.taken or WRAP + 1

    def confirm(self, token: Token) -> None:
        """Everything up to `token` is on disk."""
        epoch, number = token
        while self._open and epoch == self.epoch and ahead(number & WRAP, self._open[0]) >= 0:
            self._open.popleft()

    @property
    def durable(self) -> int:
        """For register 1026."""
        return (self._open[0] - 1) & WRAP if self._open else self.taken


class Clock:
    """The PLC's clock against ours: register 5 at the poll in which a record was seen first."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int, float]] = deque()
        self._polled: float | None = None
        self.doubted = False
        """no age can be trusted: for more than 60 s nothing was read; until the PLC is synchronised"""

    def polled(self, sampled: float) -> None:
        """A good poll; register 5 was read at `sampled`."""
        if self._polled is not None and sampled > self._polled + TOO_OLD_MS:
            self.doubted = True
        self._polled = sampled

    def begin(self) -> None:
        """Records are numbered anew."""
        self._marks.clear()

    def mark(self, head: int, clock: int, sampled: float, taken: int) -> None:
        """Records up to `head` were there when register 5 was `clock`; those up to `taken` are done with."""
        while self._marks and ahead(self._marks[0][0], taken) <= 0:
            self._marks.popleft()
        if head != taken and not (self._marks and self._marks[-1][0] == head):
            self._marks.append((head, clock, sampled))

    def edge(self, number: int, register: int) -> float | None:
        """When the edge of that record was; None if that is not known."""
        if self.doubted:
            return None
        for head, clock, sampled in self._marks:
            if ahead(head, number) >= 0:
                age = (clock - register) & WRAP
                if age > WRAP - EARLY_MS:
                    return sampled
                return sampled - age if age <= OLDEST_MS else None
        return None
