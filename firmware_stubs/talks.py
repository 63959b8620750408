"""Two talks side by side: what was recorded, and what is said now. Pure.

Both are facts: what was said, about what, when. Facts about the same are compared in their order; so a machine that
was told two things of one parcel in the other order differs, while two lines may change places. Where both said the
same, it must have been at about the same time: `WITHIN_MS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from firmware_stubs.ears import GARBLED

WITHIN_MS = 1000.0
"""So far apart the same may be said; what was recorded ran on a machine that had other things to do."""


@dataclass(frozen=True, slots=True)
class Fact:
    """`where`: a link, or what daemons publish. `entry`: the line of the recording, 0 = said now. `t`: ms since the
    beginning."""

    where: str
    about: str
    text: str
    t: float
    entry: int = 0
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """The first one about something. One of both is None where one side said nothing any more."""

    recorded: Fact | None
    now: Fact | None

    @property
    def t(self) -> float:
        """When it showed."""
        return min(fact.t for fact in (self.recorded, self.now) if fact is not None)

    @property
    def fact(self) -> Fact:
        """One of both, to name it by."""
        fact = self.recorded or self.now
        assert fact is not None
        return fact


def differences(
    recorded: Iterable[Fact], now: Iterable[Fact], until: float, within: float = WITHIN_MS
) -> list[Difference]:
    """The first difference about each thing, by time. What only one side said less than `WITHIN_MS` before `until` is
    none: the other had no time for it. But what is garbled never became so by time."""
    was, is_ = _sorted_out(recorded), _sorted_out(now)
    found = []
    for key in dict.fromkeys((*was, *is_)):
        difference = _first(was[key], is_[key], until - WITHIN_MS, within)
        if difference is not None:
            found.append(difference)
    return sorted(found, key=lambda one: one.t)


def _sorted_out(facts: Iterable[Fact]) -> defaultdict[tuple[str, str], list[Fact]]:
    """By what they are about; of what was only repeated, once."""
    found: defaultdict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        about = found[fact.where, fact.about]
        if not (fact.repeats and about and about[-1].text == fact.text):
            about.append(fact)
    return found


def _first(was: list[Fact], is_: list[Fact], last: float, within: float) -> Difference | None:
    for one, other in zip(was, is_, strict=False):
        if one.text != other.text or abs(one.t - other.t) > within:
            return Difference(one, other)
    if len(was) == len(is_):
        return None
    more = was[len(is_) :] or is_[len(was) :]
    if more[0].t > last and more[0].about != GARBLED:
        return None
    return Difference(more[0], None) if len(was) > len(is_) else Difference(None, more[0])
