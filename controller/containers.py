"""Containers at lanes: bags, cages, pallets, ULDs. What fell into one is its content, until it is gone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256

from pydantic import TypeAdapter

KEPT_MEMBERS = 10_000
"""Travels remembered for one container; more are counted only."""

KEPT_CONTAINERS = 2000
"""Containers remembered; of more the oldest that is gone is forgotten."""


@dataclass(slots=True)
class Container:
    """One container. `members`: travel -> its ordinal in the lane."""

    id: str
    lane: str
    open: bool = True
    gone: bool = False
    count: int = 0
    version: int = -1
    """of the centre's record, -1 = it has said nothing"""
    closed_at: float | None = None
    members: dict[str, int] = field(default_factory=dict)

    def add(self, travel: str, ordinal: int) -> None:
        """A parcel fell in."""
        self.count += 1
        if len(self.members) < KEPT_MEMBERS:
            self.members[travel] = ordinal


CONTAINER: TypeAdapter[Container] = TypeAdapter(Container)
"""Container <-> JSON for the journal."""


def container_id(text: str) -> str:
    """An id for what a reader or a person calls a container: itself, or a digest where it could not be an id."""
    return text if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text) else f"x-{sha256(text.encode()).hexdigest()[:24]}"
