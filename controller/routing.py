"""The decision: filters, all of which must pass, and one ranking, the plan's order.

Nothing here has a memory or a clock; a decision is a value with its reason. The reason is the first filter that removed
the plan's first choice, or why the plan was not asked at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from controller.customs import Verdict
from controller.identity import Identity
from controller.lanes import LaneState
from controller.plan import Plan, destination, lanes

MAX_LANES = 4
"""A DEST names at most four lanes (PLC interface v1 §2)."""

REASONS = {
    "NO_READ": "NORD",
    "CONFLICT": "CONF",
    "MULTI": "MULT",
    "DUPLICATE_LIVE": "DUPL",
    "UNKNOWN_CODE": "UNKN",
    "BAD_CHECK": "BADC",
    "AMBIGUOUS": "AMBI",
    "SCANNER_DOWN": "SCAN",
    "SCANNER_LATE": "SCAN",
}
"""Identity outcome -> reason of the decision, 4 letters as the PLC logs it."""


@dataclass(frozen=True, slots=True)
class Question:
    """All a decision depends on."""

    line: str
    identity: Identity
    customs: Verdict
    plan: Plan
    lanes: Mapping[str, LaneState]
    position_mm: float
    length_mm: int
    weight_g: int | None
    doubtful: bool
    going_to: str | None
    """the first lane of the decision in force: its place is ours already"""


@dataclass(frozen=True, slots=True)
class Decision:
    """Lanes in order (possibly none: the PLC's default lane, which is supervised), and why."""

    lanes: tuple[str, ...]
    destination: str
    reason: str
    why: str
    identity: str
    plan: str
    customs: str
    released: bool
    """made for a parcel with a positive release in force"""
    number: int = 0
    obeyed: bool = False
    """the PLC has taken it"""

    def numbered(self, number: int) -> Decision:
        """The same decision under its number."""
        return replace(self, number=number)


def decide(question: Question) -> Decision:
    """Choose. Never raises; the answer with no lane means that no allowed lane lies ahead."""
    target, reason, why = _destination(question)
    released = question.customs.released and not question.doubtful
    wished = lanes(question.plan, target, question.line)
    spare = lanes(question.plan, question.plan.special.overflow, question.line)
    chosen: list[str] = []
    for lane in dict.fromkeys((*wished, *spare)):
        refusal = _first_refusal(question, released, question.lanes[lane])
        if refusal is None:
            chosen.append(lane)
        elif not chosen and lane == (wished or spare)[0]:
            reason, why = refusal[0], f"{why}; {lane}: {refusal[1]}"
    if not chosen and not wished:
        reason, why = "NOLN", f"{why}; {target} has no lane on line {question.line}"
    return Decision(
        tuple(chosen[:MAX_LANES]),
        target,
        reason,
        why,
        question.identity.outcome,
        question.plan.label,
        question.customs.status,
        released,
    )


def _destination(question: Question) -> tuple[str, str, str]:
    """(destination, reason, why) before any lane is looked at."""
    identity, special = question.identity, question.plan.special
    if question.doubtful:
        return special.held, "DOUB", "tracking was lost near this item: it may be another one"
    if identity.advice is None:
        where = special.unknown if identity.outcome == "UNKNOWN_CODE" else special.no_read
        return where, REASONS[identity.outcome], identity.why
    if not question.customs.released:
        return special.held, "HOLD", f"customs {question.customs.status}: {question.customs.why}"
    target, rule = destination(question.plan, identity.advice)
    return target, "PLAN", rule


def _first_refusal(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    for rule in FILTERS:
        refusal = rule(question, released, lane)
        if refusal is not None:
            return refusal
    return None


def _ahead(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    return ("PASS", "its gate is passed") if lane.config.position_mm <= question.position_mm else None


def _fits(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    limit = lane.config.max_length_mm
    if limit is not None and question.length_mm > limit:
        return "SIZE", f"{question.length_mm} mm is longer than {limit} mm"
    most = lane.config.max_weight_g
    if most is not None and question.weight_g is not None and question.weight_g > most:
        return "SIZE", f"{question.weight_g} g is heavier than {most} g"
    return None


def _supervised(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    return None if released or lane.config.supervised else ("HOLD", "not supervised, and there is no release")


def _available(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    if lane.id == question.going_to and lane.state in ("FREE", "HALF", "RUN"):
        return None
    refusal = lane.refuses()
    return (refusal, f"the lane is {refusal.lower()}") if refusal else None


FILTERS: tuple[Callable[[Question, bool, LaneState], tuple[str, str] | None], ...] = (
    _supervised,
    _fits,
    _available,
    _ahead,
)
"""In the order in which they give the reason."""
