"""Run a recording again (recording.py): the same inputs with the same answers must have the same effects.

What differs first is told; what comes after it follows from it and says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from typing import Any

from controller.advice import Advice
from controller.config import read
from controller.effects import Effect
from controller.floor import Floor
from controller.inputs import Input
from controller.journal_rows import Restored
from controller.plan import plan_of_text
from controller.recording import FORMAT, NotARecording, changes, failure
from controller.recording_codec import Json, decode, decode_input, encode
from controller.sheet import ConfigErrors
from controller.starting import Start, floor_of

FOREIGN = "this is no recording of a floor; floord run --record makes one"
WRONG = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What a line that nobody has written so gives rise to."""


class NotAsked(LookupError):
    """A rule looks up what was not looked up when this was recorded, so that nobody knows the answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay went another way. `input` counts the steps from 1; `since_ms` from the floor's start.

    `expected`, `got`: an effect, a change of kept state (`$` = Kept) or a failed rule (`$` = Raised); None = nothing.
    """

    input: int
    line: int
    since_ms: float
    utc_ms: float
    what: Json
    expected: Json
    got: Json


@dataclass(slots=True)
class Replay:
    """What a replay has come to. `floors` = how often the floor was started, `span_ms` = the time that was recorded."""

    floors: int = 0
    inputs: int = 0
    effects: int = 0
    span_ms: float = 0.0
    hubfloor: str = ""
    torn: bool = False
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    now: float
    seq: int
    what: Input
    answers: dict[str, tuple[Advice, ...]]
    outcome: list[Json]
    kept: list[Json] | None

    def look(self, key: str) -> tuple[Advice, ...]:
        """The answer that was recorded."""
        if key not in self.answers:
            raise NotAsked(f"{key} is looked up, and was not when this was recorded")
        return self.answers[key]


def replay(lines: Iterable[bytes]) -> Replay:
    """Run a recording up to its end or the first difference. Raises NotARecording.

    A last line without its line feed was torn when the daemon was killed: it is left out, and `torn` says so.
    """
    done = Replay()
    floor: _Floor | None = None
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            done.torn = True
            break
        value = _object(line, number)
        if floor is None or "recording" in value:
            floor = _begin(value, number)
            done.floors += 1
            done.hubfloor = floor.hubfloor
            continue
        step = floor.read(value, number)
        done.inputs += 1
        done.span_ms += max(0.0, step.now - floor.now)
        wanted, got, effects = floor.step(step)
        done.effects += effects
        for expected, came in zip_longest(wanted, got):
            if expected != came:
                since = step.now - floor.start.now
                utc = floor.start.utc_ms + since
                done.difference = Difference(done.inputs, number, since, utc, value["input"], expected, came)
                return done
    if floor is None:
        raise NotARecording("nothing but a torn first line is in it" if done.torn else "it is empty")
    return done


class _Floor:
    """One life of the floor."""

    def __init__(self, floor: Floor, start: Start, hubfloor: str) -> None:
        self.start = start
        self.hubfloor = hubfloor
        self.now = start.now
        self._floor = floor
        self._effects: list[Effect] = []
        """since the last `kept`"""

    def read(self, line: Mapping[str, Any], number: int) -> _Step:
        """The step of a line."""
        try:
            answers = {key: decode(answer, self._plan) for key, answer in line.get("look", {}).items()}
            raised = [{"$": "Raised", "why": line["raised"]}] if "raised" in line else []
            outcome = [*line.get("effects", []), *raised]
            kept = [_kept(*entry) for entry in line["kept"]] if "kept" in line else None
            what = decode_input(line["input"], self._plan)
            return _Step(float(line["now"]), int(line["seq"]), what, answers, outcome, kept)
        except WRONG as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise NotARecording(f"line {number} is damaged: {why:.300}") from None

    def step(self, step: _Step) -> tuple[list[Json], list[Json], int]:
        """Do it; what was wanted, what came, and the number of effects."""
        self.now = step.now
        self._floor.sequence = step.seq
        effects: list[Effect] = []
        raised = []
        try:
            effects = self._floor.step(step.what, step.now, step.look)
        except Exception as error:
            raised = [{"$": "Raised", "why": failure(error)}]
        self._effects += effects
        wanted, got = step.outcome, [*map(encode, effects), *raised]
        if step.kept is not None and wanted == got:
            wanted, got = step.kept, [_kept(*entry) for entry in changes(self._effects)]
            self._effects = []
        return wanted, got, len(effects)

    def _plan(self, text: str) -> Any:
        try:
            return plan_of_text(text, "the plan in it", self._floor.config)
        except ConfigErrors as errors:
            raise ValueError(str(errors)) from None


def _begin(head: Mapping[str, Any], number: int) -> _Floor:
    if "recording" not in head:
        raise NotARecording(f"line {number}: {FOREIGN}")
    if head["recording"] != FORMAT:
        raise NotARecording(f"its format is {head['recording']!r:.20}, this hubfloor reads format {FORMAT}")
    try:
        state = {(kind, key): body.encode() for kind, key, body in head["state"]}
        channels = {name: (int(epoch), int(evt)) for name, (epoch, evt) in head["channels"].items()}
        restored = Restored(head["journal"], 1, int(head["sequence"]), channels, state, 0, None, 0)
        start = Start(float(head["now"]), float(head["utc_ms"]), bool(head["same_boot"]), Random(0))
        read_floor = read("floor.toml", head["floor"])
        plans = [plan_of_text(text, f"plan {place}", read_floor) for place, text in enumerate(head["plans"], 1)]
        if read_floor.config is None:
            raise ConfigErrors(read_floor.sheet.problems)
        floor = floor_of(read_floor.config, {plan.plan: plan for plan in plans}, restored, start)
        return _Floor(floor, start, str(head["hubfloor"]))
    except ConfigErrors as errors:
        raise NotARecording(f"line {number}: this hubfloor refuses the floor or a plan in it:\n{errors}") from None
    except (*WRONG, StopIteration) as error:
        raise NotARecording(f"line {number} is damaged: {type(error).__name__}: {error!s:.300}") from None


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotARecording(
            f"line {number}: {FOREIGN}" if number == 1 else f"line {number} is damaged: {error}"
        ) from None
    if not isinstance(value, dict):
        raise NotARecording(f"line {number}: {FOREIGN}" if number == 1 else f"line {number} is damaged: no object")
    return value


def _kept(kind: str, key: str, body: str | None) -> Json:
    return {"$": "Kept", "kind": kind, "key": key, "value": None if body is None else json.loads(body)}
