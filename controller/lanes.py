"""The lanes as they are now: what the PLC says of them, what is in them, what is on its way to them."""

from __future__ import annotations

from dataclasses import dataclass

from controller.config import Lane as LaneConfig

NOT_AVAILABLE = frozenset(("FULL", "LOCK", "JAM", "FALT", "NCON", "MAIN", "STOP", "ESTP", "MANU"))
"""PLC states of a lane that takes no parcel; each is the reason of a decision, too."""


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
    container: str | None = None

    def refuses(self) -> str | None:
        """Why it takes no further parcel (4 letters), or None."""
        if self.state in NOT_AVAILABLE:
            return self.state
        inside = self.inside if self.container is not None else 0  # nobody says what leaves an open chute
        if self.config.capacity and inside + self.on_way >= self.config.capacity:
            return "FULL"
        return None

    def changed(self, state: str) -> bool:
        """Take the PLC's word; True when it is news. A lane that is free again was emptied."""
        news, self.state = state != self.state, state
        if state == "FREE":
            self.inside = 0
        return news

    def dropped(self) -> int:
        """A parcel went in; its ordinal."""
        self.inside += 1
        self.drops += 1
        return self.drops
