"""The lanes as they are now: what the PLC says of them, what is in them, what is on its way, and what stands there.

A drop belongs to the container that stood there when it fell, not to the one that stands there when its message is
processed. So a lane remembers its recent changes and its recent drops: whichever message comes first, the change or
the drop, in the end every drop is booked by its own moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from controller.config import Lane as LaneConfig

NOT_AVAILABLE = frozenset(("FULL", "LOCK", "JAM", "FALT", "NCON", "MAIN", "STOP", "ESTP", "MANU"))
"""PLC states of a lane that takes no parcel; each is the reason of a decision, too."""

STANDS_KEPT = 16
"""Changes of what stands at a lane that are remembered."""

FALLEN_KEPT = 32
"""Drops per lane that a late message of a change can still book to another container; more where a rate counts them."""

MINUTE_MS = 60_000.0

PUT_BACK_MS = 60_000.0
"""A container that stands there again within this time was only lifted, or its eye was disturbed."""

ALWAYS = float("-inf")

KEPT = ("state", "inside", "drops", "closed_by", "locked", "container_closed")


class Stand(NamedTuple):
    """From `since` (monotonic ms) on this container stood there, None: none."""

    since: float
    container: str | None


@dataclass(slots=True)
class Fallen:
    """A drop (monotonic ms) and the container that it is booked to."""

    travel: str
    ordinal: int
    at: float
    container: str | None


@dataclass(slots=True)
class LaneState:
    """One lane. `drops` counts what was ever reported into it: the ordinal of a recall."""

    id: str
    config: LaneConfig
    state: str = "FREE"
    on_way: int = 0
    inside: int = 0
    """dropped since it was last free or got a new container; counts while a container stands there"""
    drops: int = 0
    closed_by: str | None = None
    """who closed it by command, whatever the PLC says of it"""
    locked: bool = False
    """by the button at the lane"""
    container_closed: bool = False
    """the container that stands there takes nothing more"""
    stands: list[Stand] = field(default_factory=lambda: [Stand(ALWAYS, None)])
    """what stood there, oldest first; before the oldest nobody knows"""
    fallen: deque[Fallen] = field(init=False)
    """the latest drops in the order of their messages"""

    def __post_init__(self) -> None:
        self.fallen = deque(maxlen=max(FALLEN_KEPT, self.config.rate_per_min))

    @property
    def container(self) -> str | None:
        """The container that stands there now."""
        return self.stands[-1].container

    @property
    def shut(self) -> bool:
        """Closed by people, of which its PLC may not know."""
        return self.closed_by is not None or (self.config.needs_container and self.container_closed)

    # --- does it take one more? ---------------------------------------------------------------------------------------

    def refuses(self, now: float) -> str | None:
        """Why it takes no further parcel (4 letters), or None: the PLC's word, then people's, then what is counted."""
        if self.state in NOT_AVAILABLE:
            return self.state
        if self.locked:
            return "LOCK"
        if self.closed_by is not None:
            return "CLSD"
        if self.config.needs_container and (self.container is None or self.container_closed):
            return "NCON"
        inside = self.inside if self.container is not None else 0  # nobody says what leaves an open chute
        if self.config.capacity and inside + self.on_way >= self.config.capacity:
            return "FULL"
        if self.config.rate_per_min and len(self._fresh(now)) + self.on_way >= self.config.rate_per_min:
            return "RATE"
        return None

    def eases_at(self, now: float) -> float | None:
        """When it will take one more again if nothing but time passes; None: it is not the rate that refuses, or all
        of it is on the way."""
        if self.refuses(now) != "RATE":
            return None
        fresh = sorted(self._fresh(now))
        too_many = len(fresh) + self.on_way - self.config.rate_per_min
        return fresh[too_many] + MINUTE_MS if too_many < len(fresh) else None

    def _fresh(self, now: float) -> list[float]:
        return [one.at for one in self.fallen if one.at > now - MINUTE_MS]

    # --- what happens to it -------------------------------------------------------------------------------------------

    def changed(self, state: str) -> bool:
        """Take the PLC's word; True when it is news. A lane that is free again was emptied."""
        news, self.state = state != self.state, state
        if state == "FREE":
            self.inside = 0
        return news

    def dropped(self, at: float) -> int:
        """A parcel went in at that moment; its ordinal. What fell into a container that has left is not inside.

        Whose drop it is follows with `container_events.added`.
        """
        self.drops += 1
        container = self.standing_at(at)
        self.inside += container == self.container
        self.fallen.append(Fallen("", self.drops, at, container))
        return self.drops

    # --- what stands there --------------------------------------------------------------------------------------------

    def standing_at(self, when: float) -> str | None:
        """The container that stood there at that moment."""
        place = bisect_right(self.stands, when, key=_since)
        return self.stands[place - 1].container if place else None

    def until(self, when: float) -> float | None:
        """When something else stood there than at that moment; None: it still stands there."""
        place = bisect_right(self.stands, when, key=_since)
        there = self.standing_at(when)
        return next((stand.since for stand in self.stands[place:] if stand.container != there), None)

    def put(self, container: str | None, since: float) -> bool:
        """From that moment on it stands there, until the next change known; False: too long ago to matter."""
        place = bisect_right(self.stands, since, key=_since)
        if not place:
            return False
        self.stands.insert(place, Stand(since, container))
        del self.stands[:-STANDS_KEPT]
        return True

    def came_later(self, since: float) -> None:
        """What stands there now came at that moment, later than it was said."""
        self.stands[-1] = Stand(since, self.container)

    def came_sooner(self, since: float) -> None:
        """What stands there now came before it was said, as a machine tells that may go on to tell of its leaving."""
        if len(self.stands) > 1 and self.stands[-1].since > since:
            self.stands.pop()

    def put_back(self) -> bool:
        """Whether what stands there now stood there just before, and nothing else in between."""
        left: float | None = None
        for since, container in reversed(self.stands[:-1]):
            if container is not None:
                return container == self.container and (left is None or self.stands[-1].since - left <= PUT_BACK_MS)
            left = since
        return False

    def misplaced(self, since: float) -> list[tuple[Fallen, str | None]]:
        """Drops after that moment that belong to another container than they are booked to, and to which. A drop in
        the very ms of a change that is told after it fell before it."""
        later = [one for one in self.fallen if one.at > since]
        found = [(one, self.standing_at(one.at)) for one in later]
        return [(one, container) for one, container in found if one.container != container]

    def place(self, one: Fallen, container: str | None) -> None:
        """Book a drop to another container."""
        moved = (container == self.container) - (one.container == self.container)
        self.inside, one.container = max(0, self.inside + moved), container

    def taken_out(self, travel: str, container: str) -> None:
        """A parcel was found in a container that it fell into here, and taken out: no late message concerns it."""
        for one in [one for one in self.fallen if one.travel == travel]:
            self.fallen.remove(one)
        self.inside = max(0, self.inside - (container == self.container))

    def kept(self) -> dict[str, Any]:
        """What must survive a restart, as JSON takes it. What is on its way follows from the travels; a lane that never
        had a container and counts no rate needs no drops."""
        kept: dict[str, Any] = {name: getattr(self, name) for name in KEPT}
        if self.stands != [(ALWAYS, None)]:
            kept["stands"] = [(None if since == ALWAYS else since, container) for since, container in self.stands]
        if "stands" in kept or self.config.needs_container or self.config.rate_per_min:
            kept["fallen"] = [(one.travel, one.ordinal, one.at, one.container) for one in self.fallen]
        return kept

    def restore(self, kept: dict[str, Any], *, same_boot: bool) -> None:
        """Go on from `kept`. In another boot of the machine the moments mean nothing: only what stands there counts."""
        for name in KEPT:
            setattr(self, name, kept.get(name, getattr(self, name)))
        stands = [Stand(ALWAYS if since is None else since, container) for since, container in kept.get("stands", ())]
        if stands:
            self.stands = stands if same_boot else [Stand(ALWAYS, stands[-1].container)]
        if same_boot:
            self.fallen.extend(Fallen(*one) for one in kept.get("fallen", ()))


def _since(stand: Stand) -> float:
    return stand.since
