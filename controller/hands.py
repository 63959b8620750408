"""The answer to a hand: may it go on with this parcel, here and now.

A process of people either leaves a parcel on the premises (`staying`: identify, unload, inspect, exception) or moves it
towards the outside; of one that nobody knows it is taken for granted that it does. What leaves needs what a lane that
is not supervised needs: a sure identity and a positive customs release; and where it says what it works at, the parcel
has to belong there. What stays is told where the parcel goes, and is stopped only by a status that wants people. What
nobody can judge here is said, not guessed: an unknown target is not checked. One that can be two things is both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from controller.advice import Advice
from controller.containers import Container, container_id
from controller.customs import NOTHING_SAID
from controller.departures import Run
from controller.floor_state import FloorState
from controller.identity import Identity
from controller.lanes import LaneState
from controller.plan import destinations, lanes
from controller.questions import of_parcel
from controller.routing import Question, unfit
from devices.scan_types import Verdict
from devices.types import Hand, HandAnswer

Judgement: TypeAlias = tuple[Verdict, str]
"""Verdict and words."""

STOPPING = frozenset(("do_not_load", "screen", "hold", "inspect", "seize"))
"""Customs statuses with which a parcel that does not leave is still stopped, when they were said of it."""

WORDS = 64
"""Characters of a display."""

TONES: dict[Verdict, Literal["short", "long", "triple"]] = {"ok": "short", "wrong": "long", "hold": "triple"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hand is told; `target` as the event names it."""

    verdict: Verdict
    words: str
    container: str | None = None
    departure: str | None = None

    def to(self, device: str, ref: str) -> HandAnswer:
        """As a command for the driver."""
        return HandAnswer(device, ref, self.verdict, self.words[:WORDS], TONES[self.verdict])


@dataclass(frozen=True, slots=True)
class _Target:
    """All that a hand can mean by what it works at: names of containers, departures and lanes may be the same."""

    name: str
    container: Container | None
    run: Run | None
    lanes: tuple[LaneState, ...]

    @property
    def supervised(self) -> bool:
        """Whether what goes there stays under customs."""
        return bool(self.lanes) and self.run is None and all(lane.config.supervised for lane in self.lanes)


def answer(floor: FloorState, hand: Hand, identity: Identity, now: float) -> Answer:
    """Judge a scan."""
    target = _target(floor, hand.target)
    container = target.container.id if target.container is not None else None
    verdict, words = _judge(floor, hand, identity, target, now)
    return Answer(verdict, words, container, hand.target if target.run is not None else None)


def leaves(floor: FloorState, process: str) -> bool:
    """Whether this process moves a parcel towards the outside."""
    return process not in floor.config.hands.staying


def _target(floor: FloorState, name: str) -> _Target:
    standing = floor.containers.get(container_id(name))
    container = standing if standing is not None and not standing.gone else None
    names = dict.fromkeys((container.lane, name) if container is not None else (name,))
    lanes = tuple(floor.lanes[lane] for lane in names if lane in floor.lanes)
    return _Target(name, container, floor.timetable.get(name), lanes)


def _judge(floor: FloorState, hand: Hand, identity: Identity, target: _Target, now: float) -> Judgement:
    advice = identity.advice
    if advice is None:
        return ("hold", "codes of several parcels") if identity.outcome == "CONFLICT" else ("wrong", "not advised")
    named, _ = destinations(floor.plan, advice)
    if not leaves(floor, hand.process):
        said = _said(floor, advice)
        return ("hold", f"customs {said}") if said in STOPPING else ("ok", f"to {named[0]}")
    status = floor.book.verdict(advice, now)
    if not status.released and not target.supervised:
        return "hold", f"customs {status.status}: {status.why}"
    refusal = _not_with(target.run, named) or _not_into(floor, target, named, of_parcel(floor, identity, status, now))
    if refusal is not None:
        return refusal
    if not status.released:
        return "ok", f"stays under customs: {status.status}"
    unknown = hand.target and target.run is None and not target.lanes
    return "ok", f"to {named[0]}; {hand.target} is not known here" if unknown else f"to {named[0]}"


def _not_with(run: Run | None, named: tuple[str, ...]) -> Judgement | None:
    """Why the parcel does not go with a departure."""
    if run is None:
        return None
    if not run.open:
        return "wrong", f"{run.id} takes nothing more"
    if not set(named) & set(run.record.destinations):
        return "wrong", f"goes to {named[0]}, not with {run.id}"
    return None


def _not_into(floor: FloorState, target: _Target, named: tuple[str, ...], asked: Question) -> Judgement | None:
    """Why the parcel does not belong into a lane or its container."""
    container = target.container
    if container is not None and container.closed:
        return "wrong", f"{container.id} is closed"
    for lane in target.lanes:
        if container is not None and container.bonded and not lane.config.supervised:
            return "hold", f"{container.id} was filled in a supervised lane"
        if lane.shut:
            return "wrong", f"{lane.id} is closed"
        here = any(lane.id in lanes(floor.plan, destination, lane.config.line) for destination in named)
        if asked.customs.released and not here:
            return "wrong", f"goes to {named[0]}, not into {lane.id}"
        refusal = unfit(asked, lane)
        if refusal is not None:
            return "hold" if refusal[0] == "SECU" else "wrong", f"not into {lane.id}: {refusal[1]}"
    return None


def _said(floor: FloorState, advice: Advice) -> str | None:
    """What customs said of it, however long ago; nothing said, or a feed that is not fresh, stops nobody who stays."""
    found = floor.book.latched(advice)
    return None if found.why == NOTHING_SAID else found.status
