"""The answer to a hand: may it go on with this parcel, here and now.

A process of people either moves a parcel towards the outside (`leaving`, by default put, load and depart) or does not.
What leaves needs what a lane that is not supervised needs: a sure identity and a positive customs release; and where it
says what it works at, the parcel has to belong there. Anything else is told where the parcel goes, and is stopped only
by a status that wants people. What nobody can judge here is said, not guessed: an unknown target is not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.advice import Advice
from controller.containers import container_id
from controller.customs import NOTHING_SAID, Verdict
from controller.floor_state import FloorState
from controller.identity import Identity
from controller.plan import destinations, lanes
from devices.types import Hand, HandAnswer

STOPPING = frozenset(("do_not_load", "screen", "hold", "inspect", "seize"))
"""Customs statuses with which a parcel that does not leave is still stopped, when they were said of it."""

WORDS = 64
"""Characters of a display."""

TONES: dict[str, Literal["short", "long", "triple"]] = {"ok": "short", "wrong": "long", "hold": "triple"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hand is told; `target` as the event names it."""

    verdict: Literal["ok", "wrong", "hold"]
    words: str
    container: str | None = None
    departure: str | None = None

    def to(self, device: str, ref: str) -> HandAnswer:
        """As a command for the driver."""
        return HandAnswer(device, ref, self.verdict, self.words[:WORDS], TONES[self.verdict])


def answer(floor: FloorState, hand: Hand, identity: Identity, now: float) -> Answer:
    """Judge a scan."""
    standing = floor.containers.get(container_id(hand.target))
    container = standing.id if standing is not None and not standing.gone else None
    departure = hand.target if floor.timetable.get(hand.target) is not None else None
    verdict, words = _judge(floor, hand, identity, container, now)
    return Answer(verdict, words, container, departure)


def _judge(
    floor: FloorState, hand: Hand, identity: Identity, container: str | None, now: float
) -> tuple[Literal["ok", "wrong", "hold"], str]:
    advice = identity.advice
    if advice is None:
        return ("hold", "codes of several parcels") if identity.outcome == "CONFLICT" else ("wrong", "not advised")
    named, _ = destinations(floor.plan, advice)
    if hand.process not in floor.config.hands.leaving:
        said = _said(floor, advice)
        return ("hold", f"customs {said}") if said in STOPPING else ("ok", f"to {named[0]}")
    status = floor.book.verdict(advice, now)
    lane = floor.containers[container].lane if container else hand.target if hand.target in floor.lanes else None
    if not status.released and not (lane and floor.lanes[lane].config.supervised):
        return "hold", f"customs {status.status}: {status.why}"
    return _belongs(floor, hand, named, lane, status)


def _belongs(
    floor: FloorState, hand: Hand, named: tuple[str, ...], lane: str | None, status: Verdict
) -> tuple[Literal["ok", "wrong", "hold"], str]:
    """Whether the parcel belongs to what the hand works at."""
    run = floor.timetable.get(hand.target)
    if run is not None:
        if not run.open:
            return "wrong", f"{hand.target} takes nothing more"
        if not set(named) & set(run.record.destinations):
            return "wrong", f"goes to {named[0]}, not with {hand.target}"
    elif lane is not None:
        line = floor.lanes[lane].config.line
        here = [lane in lanes(floor.plan, destination, line) for destination in named]
        if not status.released:
            return "ok", f"stays under customs: {status.status}"
        if not any(here):
            return "wrong", f"goes to {named[0]}, not into {lane}"
    elif hand.target:
        return "ok", f"to {named[0]}; {hand.target} is not known here"
    return "ok", f"to {named[0]}"


def _said(floor: FloorState, advice: Advice) -> str | None:
    """What customs said of it, however long ago; nothing said, or a feed that is not fresh, stops nobody who stays."""
    found = floor.book.latched(advice)
    return None if found.why == NOTHING_SAID else found.status
