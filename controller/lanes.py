"""The lanes as they are now: what the PLC says of them, what is in them, what is on its way to them, what stands there.

What stands at a lane changes while parcels fall: a drop belongs to the container that stood there when it fell, not to
the one that stands there when the message of it is read. So the recent history of what stood there is kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from controller.config import Lane as LaneConfig

NOT_AVAILABLE = frozenset(("FULL", "LOCK", "JAM", "FALT", "NCON", "MAIN", "STOP", "ESTP", "MANU"))
"""PLC states of a lane that takes no parcel; each is the reason of a decision, too."""

KEPT_STANDS = 16
"""Changes of what stands at a lane that are remembered."""

MINUTE_MS = 60_000.0
EVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Stand:
    """From `since` (monotonic ms) on this container stood at the lane, None = nothing."""

    container: str | None
    since: float


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
    """who closed it by command"""
    locked: bool = False
    """by the button at it"""
    takes: bool = True
    """the container that stands there is open"""
    stands: list[Stand] = field(default_factory=lambda: [Stand(None, EVER)])
    recent: deque[float] = field(default_factory=deque)
    """moments of the drops of the last minute, where they are counted"""

    @property
    def container(self) -> str | None:
        """What stands there now."""
        return self.stands[-1].container

    def refuses(self, now: float) -> str | None:
        """Why it takes no further parcel (4 letters), or None."""
        if self.state in NOT_AVAILABLE:
            return self.state
        if self.closed_by is not None:
            return "CLSD"
        if self.locked:
            return "LOCK"
        if self.config.needs_container and (self.container is None or not self.takes):
            return "NCON"
        inside = self.inside if self.container is not None else 0  # nobody says what leaves an open chute
        if self.config.capacity and inside + self.on_way >= self.config.capacity:
            return "FULL"
        if self.config.rate_per_min and self._of_last_minute(now) + self.on_way >= self.config.rate_per_min:
            return "RATE"
        return None

    def changed(self, state: str) -> bool:
        """Take the PLC's word; True when it is news. A lane that is free again was emptied."""
        news, self.state = state != self.state, state
        if state == "FREE":
            self.inside = 0
        return news

    def dropped(self, at: float) -> int:
        """A parcel went in at that moment; its ordinal."""
        if self.standing_at(at) == self.container:
            self.inside += 1
        self.drops += 1
        if self.config.rate_per_min:
            self.recent.append(at)
        return self.drops

    def put(self, container: str | None, at: float) -> None:
        """Since that moment this stands there; messages may come in another order than they happened."""
        before = self.container
        self.stands.append(Stand(container, at))
        self.stands.sort(key=lambda stand: stand.since)
        del self.stands[:-KEPT_STANDS]
        if self.container != before:
            self.inside, self.takes = 0, True

    def standing_at(self, when: float) -> str | None:
        """What stood there at that moment."""
        stood = (stand.container for stand in reversed(self.stands) if stand.since <= when)
        return next(stood, None)

    def kept(self) -> dict[str, object]:
        """What a restart must find."""
        stands = [[stand.container, stand.since if stand.since > EVER else None] for stand in self.stands]
        return {
            **{name: getattr(self, name) for name in ("state", "inside", "drops", "closed_by", "locked", "takes")},
            "stands": stands,
        }

    def restore(self, kept: dict[str, object], *, same_boot: bool) -> None:
        """Go on from `kept`. After a reboot of the machine only what stands there now counts."""
        for name, value in kept.items():
            if name == "stands":
                assert isinstance(value, list)
                stands = [Stand(container, EVER if since is None else since) for container, since in value]
                self.stands = stands if same_boot else [Stand(stands[-1].container, EVER)]
            elif name in ("state", "inside", "drops", "closed_by", "locked", "takes"):
                setattr(self, name, value)

    def _of_last_minute(self, now: float) -> int:
        while self.recent and self.recent[0] <= now - MINUTE_MS:
            self.recent.popleft()
        return len(self.recent)
