"""Strikes with faults and ends them. Pure: time and seed are arguments, and every begin and end is in the ledger.

Who moves the world calls `advance` whenever it did, and at `next_at`. Every fault ends by itself, when its time is over
or it has struck as often as it was to; nothing lasts longer than a day.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from firmware_stubs.cables import Cables
from firmware_stubs.faults.kind import FaultError, Ground, Medium, Strike
from firmware_stubs.faults.registry import check, check_kind
from firmware_stubs.faults.scenario import Scenario, Step
from firmware_stubs.sections import make_settings
from firmware_stubs.world import World

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
        self._planned: list[tuple[float, int, Step]] = []  # a heap
        self._acts: Strike | None = None  # begins or ends just now

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
        kind = check_kind(name, for_s=for_s, count=count, settings=settings)
        check(name, target, kind, world)
        group = kind.group or name
        if found := self._standing_of(group, target):
            if found.hidden:
                raise FaultError(f"{target}: {name} cannot strike there now")
            raise FaultError(f"{target}: {found.kind.name} stands there already ({found.id}); end it first")
        world.advance(now)
        number = f"f{self._number + 1}"
        rng = Random(f"{self._seed}/{number}/{name}/{target}")
        made = make_settings(kind.Settings, name, settings)
        strike = Strike(
            number,
            kind,
            target,
            made,
            now,
            now + kind.lasts_s(for_s, count) * 1000,
            kind.times(for_s, count),
            by,
            hidden,
            rng,
        )
        self._acts = strike
        try:
            kind.begin(self._ground, strike, now)
        except ValueError as error:
            raise FaultError(f"{name}: {error}") from error
        finally:
            self._acts = None
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
        """Every fault ends now, and what was scheduled does not begin any more."""
        self._planned.clear()
        for id in list(self._strikes):
            self.end(id, now)

    def end_hidden(self, now: float) -> None:
        """As `end_all`, of those that are not shown to the outside."""
        self._planned = [one for one in self._planned if not one[2].hidden]
        heapq.heapify(self._planned)
        for id in [one.id for one in self._strikes.values() if one.hidden]:
            self.end(id, now)

    def schedule(self, scenario: Scenario, now: float) -> None:
        """A scenario begins now. Raises FaultError, with file and line, for what is not on this floor."""
        for step in scenario.steps:
            kind = check_kind(step.fault, for_s=step.for_s, count=step.count, settings=step.settings)
            try:
                check(step.fault, step.target, kind, self._ground.world)
            except FaultError as error:
                raise FaultError(f"{scenario.path}:{step.line}: [step] target: {error}") from error
        for number, step in enumerate(scenario.steps):
            heapq.heappush(self._planned, (now + step.at_s * 1000, number, step))

    def advance(self, now: float) -> None:
        """Do what is due until now, each at its time."""
        while (due := self.next_at()) is not None and due <= now:
            at = max(due, self._ground.world.now)
            self._ground.world.advance(at)
            strike = self._next()
            if strike is None or (self._planned and self._planned[0][0] < _due(strike)):
                self._begin(heapq.heappop(self._planned)[2], at)
            elif strike.until <= at:
                self._end(strike, at)
            else:
                strike.kind.act(self._ground, strike, at)
        for strike in list(self._strikes.values()):
            if strike.kind.left(strike) == 0:
                self._end(strike, now)

    def next_at(self) -> float | None:
        """When something is due; None = nothing will be. A fault that is counted may be over sooner."""
        dues = [_due(strike)] if (strike := self._next()) else []
        return min([*dues, *(at for at, _, _ in self._planned[:1])], default=None)

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
        hidden = any(one.hidden for one in self._strikes.values()) or (self._acts is not None and self._acts.hidden)
        return entry["what"] not in _REVEALING or not hidden

    def _begin(self, step: Step, now: float) -> None:
        """A step of a scenario; one that cannot be now, because somebody else struck there, is told and left out."""
        own: dict[str, Any] = {"for_s": step.for_s, "count": step.count, "hidden": step.hidden, "by": "scenario"}
        try:
            self.strike(step.fault, step.target, now=now, **own, **step.settings)
        except FaultError as error:
            entry = {"what": "fault", "t": round(now, 3), "fault": step.fault, "target": step.target}
            self._record({**entry, "state": "refused", "why": str(error), "by": "scenario", "hidden": step.hidden})

    def _stands(self, what: str, target: str) -> bool:
        return self._standing_of(what, target) is not None

    def _standing_of(self, what: str, target: str) -> Strike | None:
        strikes = self._strikes.values()
        return next((one for one in strikes if one.target == target and what in (one.kind.name, one.kind.group)), None)

    def _next(self) -> Strike | None:
        return min(self._strikes.values(), key=_due, default=None)

    def _end(self, strike: Strike, now: float) -> None:
        del self._strikes[strike.id]
        self._acts = strike
        try:
            strike.kind.end(self._ground, strike, now)
        finally:
            self._acts = None
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


def _due(strike: Strike) -> float:
    return min(strike.due, strike.until)
