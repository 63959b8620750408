"""Where a drill takes place: a running floor with its faults, and one attempt at a time. Pure; the time is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware_stubs.drills.attempt import Attempt, Told
from firmware_stubs.faults.engine import Engine
from firmware_stubs.faults.scenario import Scenario


class NoDrillError(ValueError):
    """No drill runs, or one does already; the text says what to do."""


class Room:
    """`record` takes an entry of the ledger for each thing that the trainee does."""

    def __init__(self, engine: Engine, record: Callable[[dict[str, Any]], None]) -> None:
        self._engine = engine
        self._record = record
        self._attempt: Attempt | None = None

    def start(self, scenario: Scenario, now: float) -> dict[str, Any]:
        """A drill begins. Raises NoDrillError, and FaultError for a floor that has not what it breaks."""
        if self._attempt is not None and self.runs(now):
            raise NoDrillError(f"{self._attempt.scenario.title!r} runs; find its faults or give up first")
        if standing := self._engine.standing(now):
            first = standing[0]
            raise NoDrillError(f"{first.fault} stands at {first.target}; end all faults before a drill begins")
        attempt = Attempt(scenario, now)
        self._engine.end_hidden(now)  # of a drill whose time is over
        self._engine.schedule(scenario, now)
        self._attempt = attempt
        self._tell("begun", now, title=scenario.title)
        return attempt.told(now)

    def runs(self, now: float) -> bool:
        """Whether somebody is at a drill."""
        return self._attempt is not None and not self._attempt.over(now)

    def told(self, now: float) -> dict[str, Any]:
        """Where it stands. Raises NoDrillError."""
        return self._here().told(now)

    def answer(self, fault: str, target: str, now: float) -> dict[str, Any]:
        """A diagnosis: verdict, words, and where it stands. Who is right has it repaired. Raises NoDrillError."""
        attempt = self._here()
        told = attempt.answer(fault, target, now)
        if told.found:
            self._repair(told, now)
        if attempt.over(now):
            self._engine.end_hidden(now)
        self._tell("answered", now, fault=fault, target=target, verdict=told.verdict)
        return {"verdict": told.verdict, "words": told.words, **attempt.told(now)}

    def hint(self, now: float) -> dict[str, Any]:
        """The next hint. Raises NoDrillError, ValueError where there is none."""
        attempt = self._here()
        words = attempt.hint(now)
        self._tell("hint", now)
        return {"hint": words, **attempt.told(now)}

    def give_up(self, now: float) -> dict[str, Any]:
        """Everything is told, and repaired. Raises NoDrillError."""
        attempt = self._here()
        attempt.give_up(now)
        self._engine.end_hidden(now)
        self._tell("given up", now)
        return attempt.told(now)

    def _here(self) -> Attempt:
        if self._attempt is None:
            raise NoDrillError("no drill runs here; start one with floorsim drill start NAME")
        return self._attempt

    def _repair(self, told: Told, now: float) -> None:
        found = told.found
        for one in self._engine.standing(now, hidden=True):
            if found and one.hidden and one.fault in found.faults and one.target == found.target:
                self._engine.end(one.id, now)

    def _tell(self, state: str, now: float, **fields: Any) -> None:
        self._record({"what": "drill", "t": round(now, 3), "state": state, **fields})
