"""Containers: bags, cages, pallets and ULDs that stand at lanes, and what fell into them.

A container is open, closed or gone. What falls into a closed one that still stands there is in it all the same. One
that has left is remembered for a while: messages of drops may come after that of its leaving.

Its members are what may have to be found in it, the drops that a later hold can recall. They stand in the journal as
drops and are gathered again from there after a restart, so that one drop is never written with a whole bag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from controller.drops import DROPS_KEPT, Drop
from controller.lanes import LaneState

MEMBERS_KEPT = 10_000
"""Members of one container; beyond so many the oldest is forgotten."""

GONE_KEPT = 1000
"""Containers that have left and are remembered."""

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(slots=True)
class Container:
    """One container, by the code on it or by lane and moment where it has none. Moments are monotonic ms."""

    __pydantic_config__ = ConfigDict(defer_build=True)  # CONTAINER is built with the first one, not at the start
    id: str
    lane: str
    """where it stands, or stood last"""
    count: int = 0
    """items in it"""
    closed: bool = False
    closed_at: float | None = None
    """None where `closed`: in an earlier boot of the machine"""
    gone: bool = False
    seen: bool = False
    """a machine has seen it there; else the centre says so"""
    over: str | None = None
    """the container in whose place the centre named this one, and which nobody saw leave: what is in that one may be
    in this one"""
    late: int = 0
    """items that fell into it after it was closed"""
    version: int = 0
    """of the centre's record"""
    members: Annotated[dict[str, int], Field(exclude=True)] = field(default_factory=dict)
    """travel -> ordinal of its drop"""
    bonded: bool = False
    """something fell into it in a supervised lane: there it stays under customs, elsewhere nobody knows what it is"""

    @property
    def state(self) -> Literal["open", "closed", "gone"]:
        """In one word."""
        return "gone" if self.gone else "closed" if self.closed else "open"

    def knows(self, version: int) -> bool:
        """Whether a record of that version says nothing new. 0 is no version: it is always taken, if none came."""
        return version < self.version or version == self.version > 0

    def closed_before(self, when: float) -> bool:
        """Whether it was closed when something fell into it at that moment."""
        return self.closed and (self.closed_at is None or self.closed_at < when)

    def add(self, travel: str, ordinal: int, *, findable: bool) -> None:
        """An item is in it. `findable`: it may have to be found again."""
        self.count += 1
        if findable:
            self.members[travel] = ordinal
            if len(self.members) > MEMBERS_KEPT:
                del self.members[next(iter(self.members))]
        else:
            self.bonded = True

    def take_out(self, travel: str) -> None:
        """An item is not in it."""
        self.count = max(0, self.count - 1)
        self.members.pop(travel, None)

    def anew(self, recalled: Iterable[str]) -> None:
        """It is used again. Nobody says that what was recalled in it was found."""
        kept = set(recalled)
        self.members = {travel: ordinal for travel, ordinal in self.members.items() if travel in kept}
        self.count = len(self.members)
        self.closed, self.closed_at, self.late, self.seen, self.over = False, None, 0, False, None
        self.bonded = False


CONTAINER: TypeAdapter[Container] = TypeAdapter(Container)
"""Container <-> JSON for the journal, without its members."""


def container_id(text: str) -> str:
    """An id for what a reader or a person calls a container: itself, or a digest where it could not be an id."""
    return text if _PLAIN.fullmatch(text) else f"x-{sha256(text.encode(errors='surrogatepass')).hexdigest()[:24]}"


def surplus(containers: Mapping[str, Container]) -> list[str]:
    """Containers to be forgotten: those that left first, so that containers and members stay bounded."""
    gone = [container for container in containers.values() if container.gone]
    members = sum(len(container.members) for container in gone)
    found: list[str] = []
    for container in gone:
        if len(gone) - len(found) <= GONE_KEPT and members <= DROPS_KEPT:
            break
        found.append(container.id)
        members -= len(container.members)
    return found


def restore(
    bodies: Iterable[bytes], drops: Iterable[Drop], lanes: Mapping[str, LaneState], *, same_boot: bool
) -> dict[str, Container]:
    """All containers as they stood in the journal, with their members. `drops` and `lanes` were put back before; a
    container that stands at none of these lanes is gone."""
    found = {container.id: container for container in map(CONTAINER.validate_json, bodies)}
    standing = {(lane.id, lane.container) for lane in lanes.values()}
    for container in found.values():
        container.closed_at = container.closed_at if same_boot else None
        container.gone = (container.lane, container.id) not in standing
    for drop in drops:
        if drop.container in found and not drop.emptied:
            found[drop.container].members[drop.travel] = drop.ordinal
    return found
