"""What a kind of fault is, and one that strikes. No I/O; times are monotonic ms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from random import Random
from typing import Any, Literal, Protocol

from firmware_stubs.cables import Cables
from firmware_stubs.world import World

DAY_S = 86_400.0
"""No fault lasts longer."""


class FaultError(ValueError):
    """A fault that cannot be; the text says why, and what to write instead."""


class Medium(Protocol):
    """What stubs hang on, where it can do more than carry pieces."""

    def unplug(self, stub: str) -> None:
        """The cable is pulled."""

    def plug(self, stub: str) -> None:
        """It is plugged in again, where a medium has names under another one."""

    def flow(self, stub: str, stopped: bool) -> None:
        """The machine lets nothing more come (XOFF), or again."""


@dataclass(frozen=True, slots=True)
class Plain:
    """No settings."""


@dataclass(slots=True)
class Ground:
    """What faults act on. `stands`: whether one of this name or group stands at this target."""

    world: World
    cables: Cables
    medium: Medium
    stands: Callable[[str, str], bool]

    def start(self, line: str, now: float) -> None:
        """Somebody starts a belt, unless something else still keeps it from running: then whoever ends that does."""
        if not (self.stands("drive", line) or self.stands("plc_restart", self.world.plc_of(line))):
            self.world.start(line, now)


@dataclass(slots=True, eq=False)
class Strike:
    """A fault that stands. `left`: so many times more, None = as long as it lasts; `kept`: what its kind must know."""

    id: str
    kind: Kind
    target: str
    settings: Any
    since: float
    until: float
    left: int | None
    by: str
    hidden: bool
    rng: Random
    due: float = math.inf
    kept: Any = None


class Kind:
    """One kind of fault: its facts as class attributes, and what it does. Write `begin` and `end`.

    `for_s`: how long it lasts by itself, `for_s_counted`: if only a count is given. `count`: how often by itself, None
    = as long as it lasts; `counts`: whether it can be counted. Of a `group` only one can stand at the same target;
    empty = its own name.
    """

    name = ""
    on: Literal["cable", "device", "belt", "floor"] = "device"
    target: Literal["stub", "plc", "reader", "line", "lane", "point"] = "stub"
    what = ""
    shows = ""
    for_s = 60.0
    for_s_counted = DAY_S
    count: int | None = None
    counts = False
    group = ""
    Settings: type = Plain

    def targets(self, world: World) -> list[str]:
        """Where it can strike."""
        every = {
            "stub": world.stubs,
            "plc": world.plcs,
            "reader": world.readers,
            "line": world.lines,
            "lane": world.lanes,
            "point": world.eyes,
        }
        return every[self.target]

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """It strikes. Raises ValueError, and then nothing has happened."""
        raise NotImplementedError

    def act(self, ground: Ground, strike: Strike, now: float) -> None:
        """It is `strike.due`."""

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """All is well again."""

    def lasts_s(self, for_s: float | None, count: int | None) -> float:
        """How long one lasts at most that was given this time and count, or not."""
        return for_s or (self.for_s if count is None else self.for_s_counted)

    def times(self, for_s: float | None, count: int | None) -> int | None:
        """How often one strikes that was given this time and count, or not; None = as long as it lasts."""
        return (count or self.count) if self.counts else None

    def left(self, strike: Strike) -> int | None:
        """How often it is still to come; None = it is not counted."""
        return strike.left

    def described(self) -> dict[str, Any]:
        """What people and programs are told of it."""
        settings = {one.name: None if one.default is MISSING else one.default for one in fields(self.Settings)}
        counted = {"count": self.count} if self.counts else {}
        facts = {"name": self.name, "on": self.on, "target": self.target, "settings": settings, "for_s": self.for_s}
        return {**facts, **counted, "what": self.what, "shows": self.shows}
