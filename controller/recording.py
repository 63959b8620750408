"""A recording of the floor: with what it began, each input with the answers of `look`, and what came of it.

JSON lines. The first is the head: `recording` = version of this format, `hubfloor` = version that wrote it, the texts
of the floor file and of its plans, and what the floor was made of (starting.py). A line for each step follows: `now`,
`seq` = the last sequence before it, `input`, `look` = what was looked up with the answer, `effects`, or `raised` where
a rule failed. A head may come again: there the floor was started anew.

Nothing is encoded before `lines()`: call it after the answers to the machines have left. The value of a Keep is a live
object by then, so `kept`, on the last of the lines that are made at once, holds what changed since the lines before
them as it stands there, each key once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from controller import __version__, kept
from controller.advice import Advice, Look
from controller.effects import Effect, Keep
from controller.floor import Floor
from controller.inputs import Input
from controller.journal_rows import Restored
from controller.recording_codec import Json, encode
from controller.starting import Start

FORMAT = 1


class NotARecording(ValueError):
    """What was read is no recording, one of another format, or a damaged one. The text says which, and where."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The floor file and its plans as texts, the plan in force at the start first."""

    floor: str
    plans: tuple[str, ...]


@dataclass(slots=True)
class Recorded:
    """One step as it happened."""

    now: float
    seq: int
    what: Input
    looked: dict[str, tuple[Advice, ...]] = field(default_factory=dict)
    effects: Sequence[Effect] = ()
    raised: str = ""


class Recorder:
    """Records the steps of one floor, from its first to its last. Give it to `Node.recorder` before the first input."""

    def __init__(self, texts: Texts, restored: Restored, start: Start) -> None:
        self._steps: list[Recorded] = []
        self._lines = [_line(_head(texts, restored, start))]

    def step(self, floor: Floor, what: Input, now: float, look: Look) -> list[Effect]:
        """`floor.step`, noted."""
        entry = Recorded(now, floor.sequence, what)
        self._steps.append(entry)

        def noted(key: str) -> tuple[Advice, ...]:
            answer = entry.looked[key] = look(key)
            return answer

        try:
            effects = floor.step(what, now, noted)
        except Exception as error:
            entry.raised = failure(error)
            raise
        entry.effects = effects
        return effects

    def lines(self) -> list[bytes]:
        """What happened since the last call, the head first; each line ends with a line feed."""
        lines, self._lines = self._lines, []
        if not self._steps:
            return lines
        steps, self._steps = self._steps, []
        changed = changes(effect for entry in steps for effect in entry.effects)
        for number, entry in enumerate(steps, 1):
            lines.append(_line(_step(entry) | ({"kept": changed} if changed and number == len(steps) else {})))
        return lines


def failure(error: Exception) -> str:
    """An exception of a rule in words."""
    return f"{type(error).__name__}: {error}"


def changes(effects: Iterable[Effect]) -> list[tuple[str, str, str | None]]:
    """(kind, key, JSON or None) of the durable state that these effects changed, as it stands now."""
    last = {(effect.kind, effect.key): effect.value for effect in effects if isinstance(effect, Keep)}
    return [(*key, None if value is None else kept.dump(value).decode()) for key, value in last.items()]


def _head(texts: Texts, restored: Restored, start: Start) -> Json:
    return {
        "recording": FORMAT,
        "hubfloor": __version__,
        "floor": texts.floor,
        "plans": texts.plans,
        "journal": restored.journal,
        "sequence": restored.last_seq,
        "channels": restored.channels,
        "state": [[*key, body.decode()] for key, body in restored.state.items()],
        "now": start.now,
        "utc_ms": start.utc_ms,
        "same_boot": start.same_boot,
    }


def _step(entry: Recorded) -> dict[str, Json]:
    line: dict[str, Json] = {"now": entry.now, "seq": entry.seq, "input": encode(entry.what)}
    if entry.looked:
        line["look"] = {key: encode(answer) for key, answer in entry.looked.items()}
    if entry.effects:
        line["effects"] = encode(entry.effects)
    if entry.raised:
        line["raised"] = entry.raised
    return line


def _line(value: Json) -> bytes:
    return _JSON.encode(value).encode() + b"\n"


_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)
