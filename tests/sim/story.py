"""A story: a seed, how long, what floor, and every blow that falls. It is drawn, run, printed and kept as JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from controller.travel import ImpossibleMove
from tests.sim import floor_text
from tests.sim.broken import Broken
from tests.sim.faults import KINDS
from tests.sim.faults.base import Strike
from tests.sim.hub import START_MS, UTC_MS, Hub, settle
from tests.sim.invariants import at_the_end

SYNC_MS = 3_000.0
QUIET_MS = 40_000.0
"""Nothing goes wrong in the last part of a run, so that what began badly can be seen to end well."""
RECOVER_MS = 300_000.0
"""An unidentified parcel may go round the loop for some laps of 48 s."""
MOST_KINDS = 8


@dataclass(frozen=True)
class Story:
    """What a run needs to be the same again."""

    seed: int
    minutes: float
    floor: floor_text.Floor = field(default_factory=floor_text.Floor)
    strikes: tuple[Strike, ...] = ()
    utc_ms: float = UTC_MS
    boot: int = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of faults in it."""
        return tuple(sorted({strike.kind for strike in self.strikes}))

    def to_json(self) -> str:
        """As a file."""
        floor = {key: value for key, value in vars(self.floor).items() if key != "counters"}
        body: dict[str, Any] = {"seed": self.seed, "minutes": self.minutes, "floor": floor}
        body["counters"] = vars(self.floor.counters)
        body |= {"utc_ms": self.utc_ms, "boot": self.boot}
        body["strikes"] = [strike.to_json() for strike in self.strikes]
        return json.dumps(body, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Story:
        """Of a file."""
        body = json.loads(text)
        parts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in body["floor"].items()
        }
        floor = floor_text.Floor(**parts, counters=floor_text.Counters(**body["counters"]))
        strikes = tuple(Strike(**strike) for strike in body["strikes"])
        return cls(body["seed"], body["minutes"], floor, strikes, body["utc_ms"], body["boot"])


@dataclass(frozen=True)
class Told:
    """How a run went."""

    story: Story
    broken: str
    """empty = it held; else the promise and what was seen"""
    counts: dict[str, int]
    tale: tuple[str, ...]
    at_ms: float
    digest: int
    """of all that was said on the way"""


def draw(story: Story, hub: Hub, kinds: Iterable[str] | None = None) -> Story:
    """The same story with the blows of its seed: 0 to 8 kinds."""
    rng = Random(f"{story.seed}/faults")
    possible = sorted(name for name, fault in KINDS.items() if fault.possible(hub))
    chosen = rng.sample(possible, rng.randint(0, MOST_KINDS)) if kinds is None else list(kinds)
    strikes: list[Strike] = []
    for name in chosen:
        strikes += KINDS[name].draw(hub, Random(f"{story.seed}/{name}"), story.minutes, QUIET_MS)
    return replace(story, strikes=tuple(sorted(strikes, key=lambda strike: strike.at)))


def play(story: Story, *, drawn: bool = True, kinds: Iterable[str] | None = None) -> Told:
    """Run it to its end or to the first thing that is broken. `drawn` False: draw its blows first."""
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder), story.floor, story.seed, utc_ms=story.utc_ms, boot=story.boot)
        if not drawn:
            story = draw(story, hub, kinds)
        broken = ""
        try:
            _run(hub, story)
        except (Broken, ImpossibleMove, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
                RuntimeError, AssertionError) as error:  # fmt: skip
            broken = _said(error)
        at_ms = hub.clock.now - START_MS
        return Told(story, broken, dict(hub.watch.counts), tuple(hub.tale), at_ms, hub.digest)


def _run(hub: Hub, story: Story) -> None:
    hub.run(START_MS + SYNC_MS)
    if not hub.world.in_session:
        raise Broken("recovery", f"no session in {SYNC_MS / 1000:.0f} s")
    hub.induct()
    for strike in story.strikes:
        hub.clock.at(START_MS + strike.at, _hit, (hub, strike))
    hub.run(START_MS + story.minutes * 60_000)
    hub.inducting = False
    settle(hub, RECOVER_MS)
    hub.watch.finish()
    hub.watch.witness.finish(hub.journal.last_seq)
    at_the_end(hub)


def _hit(what: tuple[Hub, Strike]) -> None:
    hub, strike = what
    fault = KINDS[strike.kind]
    if fault.rough is not None:
        deaf = fault.where in ("hub", "plc", "scanner") or strike.kind == "power cycle"
        for place in hub.on_the_same_wire(strike.where):
            hub.watch.roughen(place, strike.lasts + fault.rough, deaf)
    fault.hit(hub, strike)
    if strike.lasts:
        hub.clock.after(strike.lasts, _heal, what)


def _heal(what: tuple[Hub, Strike]) -> None:
    KINDS[what[1].kind].heal(*what)


def _said(error: BaseException) -> str:
    if isinstance(error, Broken):
        return str(error)
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = f" at {Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last is not None else ""
    return f"P8: {type(error).__name__}: {error}{where}"
