"""Strikes with faults and ends them. Pure: time and seed are arguments, and every begin and end is in the ledger.

Who moves the world calls `advance` whenever it did, and at `next_at`. Every fault ends by itself, when its time is over
or it has struck as often as it was to; nothing lasts longer than a day.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from firmware_stubs.cables import Cables
from firmware_stubs.faults.kind import DAY_S, FaultError, Ground, Kind, Medium, Strike
from firmware_stubs.faults.registry import FAULTS
from firmware_stubs.sections import FloorError, known, make_settings
from firmware_stubs.world import World

COUNT_MOST = 100_000
_REVEALING = ("mishap", "struck")
"""Entries of the ledger that tell what a hidden fault does."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A fault that stands: for so long still, and where it is counted so many times."""

    id: str
    fault: str
    target: str
    since: float
    left_ms: float
    left: int | None
    by: str
    hidden: bool


class Engine:
    """All faults of one world."""

    def __init__(
        self, world: World, cables: Cables, medium: Medium, record: Callable[[dict[str, Any]], None], seed: int
    ) -> None:
        self._ground = Ground(world, cables, medium, self._stands)
        self._record = record
        self._seed = seed
        self._strikes: dict[str, Strike] = {}
        self._number = 0

    def strike(
        self,
        name: str,
        target: str,
        *,
        now: float,
        for_s: float | None = None,
        count: int | None = None,
        by: str = "command",
        hidden: bool = False,
        **settings: Any,
    ) -> str:
        """A fault begins; its id. `hidden`: of a drill, so it is not shown to the outside. Raises FaultError."""
        world = self._ground.world
        kind = check(world, name, target, for_s=for_s, count=count, settings=settings)
        group = kind.group or name
        if found := self._standing_of(group, target):
            raise FaultError(f"{target}: {found.kind.name} stands there already ({found.id}); end it first")
        world.advance(now)
        number = f"f{self._number + 1}"
        lasts = for_s or (kind.for_s if count is None else kind.for_s_counted)
        left = (count or kind.count) if kind.counts else None
        rng = Random(f"{self._seed}/{number}/{name}/{target}")
        made = make_settings(kind.Settings, name, settings)
        strike = Strike(number, kind, target, made, now, now + lasts * 1000, left, by, hidden, rng)
        try:
            kind.begin(self._ground, strike, now)
        except ValueError as error:
            raise FaultError(f"{name}: {error}") from error
        self._number += 1
        self._strikes[number] = strike
        self._tell(strike, "begun", now)
        self.advance(now)
        return number

    def end(self, id: str, now: float) -> None:
        """A fault ends now. Raises FaultError."""
        if id not in self._strikes:
            raise FaultError(f"no fault {id} stands; standing are {', '.join(self._strikes) or 'none'}")
        self._ground.world.advance(now)
        self._end(self._strikes[id], now)

    def end_all(self, now: float) -> None:
        """Every fault ends now."""
        for id in list(self._strikes):
            self.end(id, now)

    def advance(self, now: float) -> None:
        """Do what is due until now, each at its time."""
        while (strike := self._next()) and (at := _due(strike)) <= now:
            at = max(at, self._ground.world.now)
            self._ground.world.advance(at)
            if strike.until <= at:
                self._end(strike, at)
            else:
                strike.kind.act(self._ground, strike, at)
        for strike in list(self._strikes.values()):
            if strike.kind.left(strike) == 0:
                self._end(strike, now)

    def next_at(self) -> float | None:
        """When something is due; None = no fault stands. One that is counted may be over sooner."""
        strike = self._next()
        return _due(strike) if strike else None

    def standing(self, now: float, *, hidden: bool = False) -> list[Standing]:
        """What stands, the oldest first; `hidden`: those that are not shown to the outside, too."""
        return [
            Standing(
                one.id,
                one.kind.name,
                one.target,
                one.since,
                max(0.0, one.until - now),
                one.kind.left(one),
                one.by,
                one.hidden,
            )
            for one in self._strikes.values()
            if hidden or not one.hidden
        ]

    def shows(self, entry: dict[str, Any]) -> bool:
        """Whether the outside may be shown an entry of the ledger now: not what betrays a hidden fault."""
        if entry["what"] == "fault":
            return not entry["hidden"]
        return entry["what"] not in _REVEALING or not any(one.hidden for one in self._strikes.values())

    def _stands(self, group: str, target: str) -> bool:
        return self._standing_of(group, target) is not None

    def _standing_of(self, group: str, target: str) -> Strike | None:
        strikes = self._strikes.values()
        return next(
            (one for one in strikes if one.target == target and (one.kind.group or one.kind.name) == group), None
        )

    def _next(self) -> Strike | None:
        return min(self._strikes.values(), key=_due, default=None)

    def _end(self, strike: Strike, now: float) -> None:
        del self._strikes[strike.id]
        strike.kind.end(self._ground, strike, now)
        self._tell(strike, "ended", now)

    def _tell(self, strike: Strike, state: str, now: float) -> None:
        left = strike.kind.left(strike)
        self._record(
            {
                "what": "fault",
                "t": round(now, 3),
                "id": strike.id,
                "fault": strike.kind.name,
                "target": strike.target,
                "state": state,
                "for_ms": round(strike.until - strike.since, 3),
                **({} if left is None else {"count": left}),
                "settings": dataclasses.asdict(strike.settings),
                "by": strike.by,
                "seed": self._seed,
                "hidden": strike.hidden,
            }
        )


def check(
    world: World, name: str, target: str, *, for_s: float | None, count: int | None, settings: dict[str, Any]
) -> Kind:
    """The kind of a fault that can strike there. Raises FaultError."""
    try:
        known(name, FAULTS, "fault", "fault")
        kind = FAULTS[name]
        known(target, kind.targets(world), name, kind.target)
        make_settings(kind.Settings, name, settings)
    except FloorError as error:
        raise FaultError(str(error)) from error
    if for_s is not None and not (_is_number(for_s) and 0 < for_s <= DAY_S):
        raise FaultError(f"{name}: for_s = {for_s!r}: give seconds, more than 0 and at most {DAY_S:g}")
    if count is not None and not kind.counts:
        raise FaultError(f"{name} is not counted: give for_s instead of count")
    if count is not None and not (isinstance(count, int) and _is_number(count) and 1 <= count <= COUNT_MOST):
        raise FaultError(f"{name}: count = {count!r}: give a whole number from 1 to {COUNT_MOST}")
    return kind


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _due(strike: Strike) -> float:
    return min(strike.due, strike.until)
