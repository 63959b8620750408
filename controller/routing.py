"""The decision: filters, all of which must pass, and one ranking, the plan's order.

Nothing here has a memory or a clock; a decision is a value with its reason. The reason is the first filter that removed
the plan's first choice, or why the plan was not asked at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from controller.customs import Verdict
from controller.departures import Timetable
from controller.identity import Identity
from controller.lanes import LaneState
from controller.plan import Plan, destinations, lanes, shares, spread
from controller.promise import Ranked, Way, rank
from devices.value import value

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


@value
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
    goods: str | None = None
    screened: bool = False
    given: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """destination -> lane -> parcels sent there, for lanes that have shares"""
    timetable: Timetable = field(default_factory=Timetable)
    due_ms: float | None = None
    """UTC when the parcel is due; None = nothing was promised"""
    slack_min: int = 0
    booked: str | None = None
    """the departure that it is booked with"""
    now: float = 0.0
    utc_ms: float = 0.0
    speed_mm_s: float = 1.0
    touching: bool = False
    """closer to a neighbour than the line allows"""
    origin_mm: float = 0.0
    """on a loop: the decision point that `position_mm` is counted from"""
    lap_mm: float = 0.0
    """length of the loop, 0 on a line"""
    reach_mm: float = float("inf")
    """gates up to here can be commanded now"""
    laps_left: int = 0
    """laps that it may stay on when no lane takes it"""
    reads_left: int = 0
    """laps in which it may be read again when it is not identified"""
    number: int = 0
    """of the decision that answers it"""

    def way(self, lane: LaneState) -> float:
        """How far the gate is from the start of the line, or on a loop from the decision point."""
        at = lane.config.position_mm - self.origin_mm
        return at % self.lap_mm if self.lap_mm else at

    def passed(self, lane: LaneState) -> bool:
        """Whether the gate cannot be reached before the next decision."""
        return not self.position_mm < self.way(lane) <= self.reach_mm

    def ready_ms(self, lane: LaneState) -> float:
        """UTC when the parcel would be in that lane."""
        return self.utc_ms + max(0.0, self.way(lane) - self.position_mm) * 1000 / self.speed_mm_s


@value
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
    stay: bool = False
    """on a loop: if none of the lanes takes it, it goes round once more"""
    waits: bool = False
    """none of the lanes is free now: it goes round until one is"""
    departure: str | None = None
    """the truck or flight that it is booked with"""
    slack_min: int | None = None
    at_risk: bool = False
    """no departure that is left keeps its promise"""


def decide(question: Question) -> Decision:
    """Choose. Never raises; the answer with no lane means that no allowed lane lies ahead."""
    targets, reason, why = _targets(question)
    released = question.customs.released and not question.doubtful
    wished = _wished(question, targets)
    spare = lanes(question.plan, question.plan.special.overflow, question.line)
    chosen: list[str] = []
    for lane in dict.fromkeys((*wished, *spare)):
        refusal = _first_refusal(question, released, question.lanes[lane])
        if refusal is None:
            chosen.append(lane)
        elif lane == next(iter(wished or spare)):
            reason, why = refusal[0], f"{why}; {lane}: {refusal[1]}"
    if not chosen and not wished:
        reason, why = "NOLN", f"{why}; {targets[0]} has no lane on line {question.line}"
    waits, ranked = False, Ranked(())
    if released and not question.touching and question.identity.advice is not None:
        ways = [Way(lane, wished[lane], question.ready_ms(question.lanes[lane])) for lane in chosen if lane in wished]
        ranked = rank(ways, question.timetable, question.due_ms, question.slack_min, question.booked)
        if ranked.lanes[:1] != tuple(chosen[:1]) and ranked.lanes:
            reason = "PROM"
        chosen = [*ranked.lanes, *(lane for lane in chosen if lane not in wished)]
        why = f"{why}; {ranked.why}" if ranked.why else why
    if _reads_again(question):
        chosen, reason, why = [], "AGIN", f"{why}; it is read again in the next lap"
    elif not chosen and question.laps_left:
        chosen, waits = _hoped_for(question, released, (*wished, *spare)), True
    return Decision(
        tuple(chosen[:MAX_LANES]),
        wished.get(chosen[0], targets[0]) if chosen else targets[0],
        reason,
        why,
        question.identity.outcome,
        question.plan.label,
        question.customs.status,
        released,
        number=question.number,
        stay=question.laps_left > 0,
        waits=waits,
        departure=ranked.departure,
        slack_min=ranked.slack_min,
        at_risk=ranked.at_risk,
    )


def _wished(question: Question, targets: tuple[str, ...]) -> dict[str, str]:
    """The lanes that the plan names on this line, in its order, each with its destination."""
    wished: dict[str, str] = {}
    for target in targets:
        found = lanes(question.plan, target, question.line)
        parts = shares(question.plan, target, question.line)
        if parts:
            given = dict(question.given.get(target, {}))
            if question.going_to in given:
                given[question.going_to] -= 1  # that one is ours
            found = spread(found, parts, given)
        for lane in found:
            wished.setdefault(lane, target)
    return wished


def _reads_again(question: Question) -> bool:
    """On a loop: whether an item that is not sure goes round to be read once more."""
    unsure = question.doubtful or question.identity.advice is None
    return unsure and min(question.reads_left, question.laps_left) > 0 and question.identity.outcome != "DUPLICATE_LIVE"


def _hoped_for(question: Question, released: bool, wished: tuple[str, ...]) -> list[str]:
    """Lanes that it may enter and fits into, free or not: one may be free when it comes by."""
    return [lane for lane in dict.fromkeys(wished) if may_enter(question, released, question.lanes[lane])]


def may_enter(question: Question, released: bool, lane: LaneState) -> bool:
    """Whether it may enter the lane and fits into it, free or not as its PLC sees it, passed or not."""
    return not lane.shut and _supervised(question, released, lane) is None and unfit(question, lane) is None


def unfit(question: Question, lane: LaneState) -> tuple[str, str] | None:
    """Why it may not lie in the lane, with a release or without (reason, words); None: it may."""
    found = (rule(question, question.customs.released, lane) for rule in (_secure, _fits, _takes_goods))
    return next((refusal for refusal in found if refusal is not None), None)


def _targets(question: Question) -> tuple[tuple[str, ...], str, str]:
    """(destinations in order, reason, why) before any lane is looked at."""
    identity, special = question.identity, question.plan.special
    if question.touching:
        return (special.no_read,), "GAP", "it is too close to its neighbour"
    if question.doubtful:
        return (special.held,), "DOUB", "tracking was lost near this item: it may be another one"
    if identity.advice is None:
        where = special.unknown if identity.outcome == "UNKNOWN_CODE" else special.no_read
        return (where,), REASONS[identity.outcome], identity.why
    if not question.customs.released:
        return (special.held,), "HOLD", f"customs {question.customs.status}: {question.customs.why}"
    targets, rule = destinations(question.plan, identity.advice)
    return targets, "PLAN", rule


def _first_refusal(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    for rule in FILTERS:
        refusal = rule(question, released, lane)
        if refusal is not None:
            return refusal
    return None


def _ahead(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    return ("PASS", "its gate is passed") if question.passed(lane) else None


def _fits(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    limit = lane.config.max_length_mm
    if limit is not None and question.length_mm > limit:
        return "SIZE", f"{question.length_mm} mm is longer than {limit} mm"
    most = lane.config.max_weight_g
    if most is not None and question.weight_g is not None and question.weight_g > most:
        return "SIZE", f"{question.weight_g} g is heavier than {most} g"
    return None


def _takes_goods(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    kinds = lane.config.goods
    if kinds and question.goods not in kinds:
        return "GOOD", f"it takes {' '.join(kinds)}, not {question.goods or 'what is not known'}"
    return None


def _secure(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    return (
        ("SECU", "it is secure, and the parcel was not screened")
        if lane.config.secure and not question.screened
        else None
    )


def _supervised(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    return None if released or lane.config.supervised else ("HOLD", "not supervised, and there is no release")


UNAVAILABLE = {
    "FULL": "the lane is full",
    "LOCK": "the lane is locked",
    "CLSD": "the lane was closed by command",
    "NCON": "no open container stands at the lane",
    "RATE": "the lane takes no more for this minute",
    "JAM": "the lane is jammed",
}
"""Why a lane refuses -> in words; other states of the PLC as they are."""


def _available(question: Question, released: bool, lane: LaneState) -> tuple[str, str] | None:
    refusal = lane.refuses(question.now)
    if lane.id == question.going_to and refusal in ("FULL", "RATE") and lane.state in ("FREE", "HALF", "RUN"):
        return None  # its place there is counted already
    return (refusal, UNAVAILABLE.get(refusal, f"the lane says {refusal}")) if refusal else None


FILTERS: tuple[Callable[[Question, bool, LaneState], tuple[str, str] | None], ...] = (
    _supervised,
    _secure,
    _fits,
    _takes_goods,
    _available,
    _ahead,
)
"""In the order in which they give the reason."""
