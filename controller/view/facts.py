"""What the simulator's interface says, as models: the floor as it was built, and the floor as it is now. Pure.

Members that a newer simulator adds are left out; members that an older one lacks have a default. What cannot be read at
all raises pydantic's ValidationError, a ValueError.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class Said(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Spot(Said):
    """A point on a line."""

    mm: float = 0
    induction: bool = False
    decision: bool = False

    @property
    def has_eye(self) -> bool:
        """Whether its PLC looks at an eye there."""
        return self.induction or self.decision


class Exit(Said):
    """A lane."""

    mm: float = 0
    capacity: int | None = None
    supervised: bool = False
    leads_to: str | None = None


class Track(Said):
    """A line or a loop; `length_mm` of a loop is one lap."""

    kind: str = "line"
    length_mm: float = 1
    speed_mm_s: float = 0
    carriers: int = 0
    points: dict[str, Spot] = Field(default_factory=dict)
    lanes: dict[str, Exit] = Field(default_factory=dict)
    default_lane: str = ""


class Machine(Said):
    """A simulated machine; `place` is a point, or a PLC's line."""

    kind: str = ""
    family: str = ""
    link: str = ""
    where: str | None = None
    place: str = ""


class Plant(Said):
    """The floor as it was built. `points` has those on no line."""

    title: str = ""
    files: list[str] = Field(default_factory=list)
    lines: dict[str, Track] = Field(default_factory=dict)
    points: dict[str, Any] = Field(default_factory=dict)
    stubs: dict[str, Machine] = Field(default_factory=dict)

    def line_of(self, target: str) -> str | None:
        """The line that a line, lane, point or machine belongs to; None = to none, or it is unknown."""
        if target in self.lines:
            return target
        if target in self.stubs:
            place = self.stubs[target].place
            return self.line_of(place) if place != target else None
        return next((name for name, line in self.lines.items() if target in line.lanes or target in line.points), None)


Rider: TypeAlias = tuple[float, float, str, str | None, int]
"""A parcel on a belt: its front edge (mm), its length (mm), its name, the lane it is destined for, its codes."""


class Belt(Said):
    """A line now."""

    speed_mm_s: float = 0
    state: str = "run"
    parcels: list[Rider] = Field(default_factory=list)
    waiting: int = 0


class Lane(Said):
    """A lane now."""

    state: str = "FREE"
    taken: int = 0
    drops: int = 0
    container: str | None = None


class Light(Said):
    """A machine now; `light`: ok, quiet, fault or off."""

    light: str = "off"
    why: str = ""
    in_session: bool | None = None
    said: int = 0
    heard: int = 0
    age_ms: float | None = None


class Standing(Said):
    """A fault that stands: it ends after `left_ms`, or after it has struck `left` times more."""

    id: str
    fault: str
    target: str = ""
    left_ms: float | None = None
    left: int | None = None
    by: str = ""


class Moment(Said):
    """The floor now; `t` = monotonic ms of the simulator."""

    t: float = 0
    utc_ms: float = 0
    paused: bool = False
    counts: dict[str, int] = Field(default_factory=dict)
    per_hour: float | None = None
    lines: dict[str, Belt] = Field(default_factory=dict)
    lanes: dict[str, Lane] = Field(default_factory=dict)
    stubs: dict[str, Light] = Field(default_factory=dict)
    faults: list[Standing] = Field(default_factory=list)


class Kind(Said):
    """A kind of fault: what it strikes, for how long, what it is, and what floord shows."""

    name: str
    on: str = ""
    target: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    for_s: float | None = None
    count: int | None = None
    what: str = ""
    shows: str = ""
