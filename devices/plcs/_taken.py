"""What has been taken from the PLC: the last request, the last event, and what of it is durable.

Requests and events have numbers of their own (PLC interface v1 §2, rules 3 and 5). The last number taken judges every
later one, on a ring. A request up to 4,999 behind it is old, an event up to 5,000 behind it is known; all else is new.
Numbers belong to an epoch of the PLC, the life of its memory.
"""

from __future__ import annotations

from devices.types import Kept, Token
from devices.value import value

KNOWN_BEHIND = 5000


@value
class Rings:
    """How far numbers run before they begin at 1 again; sequences and events only where they `wrap` at all: else a
    lower number is an older one, however far behind."""

    wrap: bool = True
    sequence: int = 9999
    evt: int = 999_999
    decision: int = 9999


def after(number: int, ring: int) -> int:
    """The number that follows."""
    return number % ring + 1


def ahead(new: int, old: int, ring: int) -> int:
    """How far `new` lies ahead of `old`, 0..ring-1."""
    return (new - old) % ring


def newer(new: int, old: int, ring: int) -> bool:
    """`new` lies ahead of `old` by less than half the ring."""
    return 0 < ahead(new, old, ring) <= ring // 2


class Taken:
    """The memory of one direction of a channel; it outlives sessions and connections."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self.epoch = 0
        self.sequence = 0
        self.evt = 0
        self.durable: Token = (0, 0)

    def remember(self, kept: Kept) -> None:
        """Take over what the journal holds, unless this memory is younger."""
        if not self.epoch:
            self.epoch, self.evt = self.durable = (kept.epoch, kept.evt)

    def begin(self, epoch: int) -> bool:
        """A session with this epoch of the PLC begins; True = it is another epoch than the one before."""
        if epoch == self.epoch:
            return False
        self.epoch, self.sequence, self.evt = epoch, 0, 0
        return True

    def judge_request(self, epoch: int, sequence: int) -> str:
        """`new`, `repeat` of the last one taken, or `old`."""
        if epoch != self.epoch or not self.sequence:
            return "new"
        if sequence == self.sequence:
            return "repeat"
        if not self._rings.wrap:
            return "new" if sequence > self.sequence else "old"
        return "new" if newer(sequence, self.sequence, self._rings.sequence) else "old"

    def judge_event(self, evt: int) -> str:
        """`next`, `known`, or `jump`: new, but not the one expected."""
        if not self._rings.wrap:
            expected, behind = self.evt + 1, self.evt - evt
        else:
            expected = after(self.evt, self._rings.evt) if self.evt else 1
            behind = ahead(self.evt, evt, self._rings.evt)
        if evt == expected:
            return "next"
        return "known" if self.evt and 0 <= behind <= KNOWN_BEHIND else "jump"

    def take_event(self, evt: int) -> None:
        """This event is the last one taken. A PLC that went back beyond everything known began anew: nothing of it
        is durable."""
        if self.evt and not self._later(evt, self.evt):
            self.durable = (self.epoch, 0)
        self.evt = evt

    def confirm(self, token: Token) -> None:
        """Everything up to `token` is on disk. An older token than the last one changes nothing."""
        epoch, evt = token
        if self.durable[0] == epoch:
            if self.durable[1] and not self._later(evt, self.durable[1]):
                return
        elif self.durable[0] == self.epoch:
            return
        self.durable = token

    def is_durable(self, token: Token) -> bool:
        """That event and everything before it is on disk."""
        epoch, evt = token
        return epoch == self.durable[0] and self.durable[1] > 0 and not self._later(evt, self.durable[1])

    def durable_evt(self) -> int:
        """The durable number for the PLC; 0 if nothing of its present epoch is on disk."""
        return self.durable[1] if self.durable[0] == self.epoch else 0

    def _later(self, evt: int, than: int) -> bool:
        return newer(evt, than, self._rings.evt) if self._rings.wrap else evt > than
