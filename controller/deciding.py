"""When and how a travel gets its decision, and gets it again.

Any change before the gate's point of no return re-decides by one rule and with a new decision number; the PLC's LATE is
the judge, the computed deadline only the reason not to try.
"""

from __future__ import annotations

from dataclasses import replace

from controller import booking, questions
from controller.advice import Look
from controller.effects import Ask, Send
from controller.events import Refused, Routed
from controller.floor_state import FloorState
from controller.identity import Identity, identify, worth_asking
from controller.line import LineState
from controller.routing import Decision, Question, decide, may_enter
from controller.travel import State, Travel
from devices.types import Destination

VISITS_KEPT = 200_000
"""Parcels whose visit is remembered; one seen again after so many others begins a new visit."""

TRY_AGAIN = frozenset(("NSYN", "BUSY", "MODE"))
"""Refusals that say nothing about the decision: it is sent anew at the next occasion."""

NEVER_RIGHT = {
    "LUNK": "it does not know one of these lanes; name them as the PLC does",
    "PUNK": "it does not know the decision point; name it as the PLC does",
    "FORM": "it cannot read the destination; compare its version of the interface",
}
"""Refusals that no other parcel will fare better with, and what to do. Until then the older decision stands."""


def consider(floor: FloorState, line: LineState, travel: Travel, now: float, look: Look) -> None:
    """Decide if it is time, and send and report it if the outcome is another one than before."""
    if travel.state in (State.INDUCTED, State.ENDED):
        return
    identity = settle(floor, line, travel, now, look)
    if not line.in_session or travel.id not in line.named or travel.expired:
        return
    if travel.current == 0 and identity.advice is None:
        wait = questions.readers_until(line, travel, now)
        if wait is not None and wait > now:
            travel.decide_at = wait
            floor.look_again(line, travel)
            return
    asked_until = _asks(floor, travel, identity, now)
    if asked_until is not None:
        travel.decide_at = asked_until
        floor.look_again(line, travel)
        return
    travel.decide_at = None
    question = questions.question(floor, line, travel, identity, now)
    decision = decide(question)
    _nowhere(floor, line, travel, decision, now)
    booking.at_risk(floor, travel, decision, question.due_ms, now)
    if _same(travel, decision, question):
        _rebook(floor, travel, decision)
        return
    if travel.decide_by is not None and now >= travel.decide_by:
        _expired(floor, line, travel, now)
        return
    _send(floor, line, travel, decision, now)


def _asks(floor: FloorState, travel: Travel, identity: Identity, now: float) -> float | None:
    """Ask the centre about codes without advice, while there is time: until when the decision waits, None = not."""
    wait_ms = floor.config.ask.wait_ms
    if not wait_ms or travel.current or identity.outcome not in ("UNKNOWN_CODE", "MULTI"):
        return None
    until: float | None = None
    deadline = travel.decide_by - 1 if travel.decide_by is not None else None
    for code in worth_asking(travel.results, floor.rules):
        wanted = floor.asking.wants(code, now, deadline, wait_ms, floor.online)
        if wanted is not None:
            floor.effects.append(Ask(code, travel.id, wanted))
        waits = floor.asking.waits(code, now)
        if waits is not None and (deadline is None or waits <= deadline):
            until = waits if until is None else max(until, waits)
    return until


def _rebook(floor: FloorState, travel: Travel, decision: Decision) -> None:
    """The lanes stay, the departure may be another one."""
    standing = travel.decision
    if standing is not None and standing.lanes[:1] == decision.lanes[:1] and standing.departure != decision.departure:
        booking.moves(floor, standing, decision)
        travel.decisions[standing.number] = replace(standing, departure=decision.departure)
        floor.keep("travel", travel.id, travel)


def _nowhere(floor: FloorState, line: LineState, travel: Travel, decision: Decision, now: float) -> None:
    """No lane at all may be entered, not even the PLC's default lane: at the last moment its line is asked to stop."""
    default = floor.lanes.get(line.config.default_lane)
    stuck = not decision.lanes and not decision.stay and default is not None and default.refuses(now) is not None
    if stuck and travel.stop_at is None:
        travel.stop_at = max(now, travel.decide_by or now)
        floor.look_again(line, travel)
    elif not stuck:
        travel.stop_at = None


def reconsider(floor: FloorState, now: float, look: Look) -> None:
    """Something changed that may concern every travel: decide them again."""
    for line, travel in floor.travels():
        consider(floor, line, travel, now, look)


def settle(floor: FloorState, line: LineState, travel: Travel, now: float, look: Look) -> Identity:
    """Settle the identity and what depends on it: the parcel, its visit, and who else carries the same parcel."""
    silent = "SCANNER_LATE" if travel.results else questions.silent(line, travel)
    identity = identify(travel.results, look, floor.rules, suspect=travel.suspect, silent=silent)
    parcel = identity.parcel
    if parcel != travel.parcel:
        floor.carries(travel, parcel)
        if parcel is not None:
            _join_visit(floor, travel, parcel)
        floor.keep("travel", travel.id, travel)
    floor.mentions.note(travel, identity.advice)
    others = _also(floor, travel, parcel) if parcel is not None else set()
    was_double = travel.identity == "DUPLICATE_LIVE"
    if identity.advice is not None and (was_double or len(others) >= identity.advice.pieces):
        also = min(others, default="a travel that has ended")
        identity = Identity("DUPLICATE_LIVE", None, f"{parcel} is also {also}: one of them is a copy", identity.source)
        travel.identity = identity.outcome
        if not was_double:
            floor.alarm(f"duplicate-{travel.id}", f"parcel {parcel} is alive twice: {travel.id}, {also}", now, "high")
            for other_line, other in floor.travels():
                if other.id in others:
                    consider(floor, other_line, other, now, look)
    travel.identity = identity.outcome
    if identity.advice is not None and not travel.doubtful:
        travel.known_lap = travel.lap
    return identity


def _also(floor: FloorState, travel: Travel, parcel: str) -> set[str]:
    """Other travels that carry this parcel now; one that handed it over, or took it over, is no other."""
    others = floor.live.get(parcel, set()) - {travel.id, travel.before}
    if not others:
        return set()
    return {other for other in others if other is not None and not _took_over(floor, other, travel)}


def _took_over(floor: FloorState, other: str, travel: Travel) -> bool:
    """Whether it goes on with this travel on another line."""
    found = next((line.travels[other] for line in floor.lines.values() if other in line.travels), None)
    return found is not None and found.before == travel.id


def came_back(
    floor: FloorState, line: LineState, travel: Travel, number: int, refusal: str | None, now: float, look: Look
) -> None:
    """What became of the DEST with this number. A newer one may be on its way: then only what was obeyed is noted."""
    decision = travel.decisions.get(number)
    if decision is None or (line.lap_mm and travel.current == 0):  # forgotten, or of a lap that is over
        return
    if refusal is None:
        travel.move("obey")
        travel.obeyed = number
    elif number == travel.current:
        in_time = travel.decide_by is None or now < travel.decide_by
        if refusal == "EXPIRED" and in_time:  # given up with its session, not because its time was over
            travel.resend = True
        elif line.in_session:
            floor.late += refusal == "EXPIRED"
            travel.resend = refusal in TRY_AGAIN
            travel.refused = None if travel.resend else decision.lanes
            _stands(floor, line, travel, decision, refusal, now)
            if refusal in NEVER_RIGHT and f"refused-{line.id}" not in floor.alarms:
                what = f"the PLC of line {line.id} refuses {' '.join(decision.lanes)}: {NEVER_RIGHT[refusal]}"
                floor.alarm(f"refused-{line.id}", what, now, "critical")
            if not travel.resend:
                consider(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)


def _stands(floor: FloorState, line: LineState, travel: Travel, decision: Decision, code: str, now: float) -> None:
    """A decision will not be obeyed: the older one stands."""
    travel.current = travel.obeyed
    travel.move("obey" if travel.obeyed else "refuse")
    floor.heads_for(decision, -1)
    floor.heads_for(travel.decision, 1)
    booking.moves(floor, decision, travel.decision)
    _report_refused(floor, line, travel, decision.number, code, now)


def _report_refused(floor: FloorState, line: LineState, travel: Travel, number: int, code: str, now: float) -> None:
    """`number` 0: it was never made, for it would have been too late."""
    data = Refused(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        line=line.id,
        decision=number,
        code=code,
        standing=travel.obeyed,
    )
    floor.emit("parcel/refused", f"travel/{travel.id}", now, data)


def _send(floor: FloorState, line: LineState, travel: Travel, decision: Decision, now: float) -> None:
    before = travel.decision
    lanes = decision.lanes or (line.config.default_lane,)
    name = "parcel/rerouted" if travel.number else "parcel/routed"
    travel.take(decision)
    travel.move("route")
    floor.heads_for(before, -1)
    floor.heads_for(decision, 1)
    booking.moves(floor, before, decision)
    _gives(floor, before, -1)
    _gives(floor, decision, 1)
    if_none = "K" if decision.stay else "D"
    not_there = decision.stay and line.config.default_lane not in decision.lanes
    point, reason = travel.point, decision.reason
    command = Destination(point, travel.track, decision.number, reason, lanes, if_none, no_default=not_there)
    floor.send(Send(line.id, command, travel.decide_by, (travel.id, decision.number)))
    data = Routed(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        line=line.id,
        decision=decision.number,
        lanes=lanes,
        reason=decision.reason,
        why=decision.why,
        destination=decision.destination,
        identity=decision.identity,
        plan=decision.plan,
        customs=decision.customs,
        departure=decision.departure,
        deadline_ms=None if travel.decide_by is None else round(travel.decide_by - now),
        doubtful=travel.doubtful,
    )
    floor.emit(name, f"travel/{travel.id}", now, data)
    floor.keep("travel", travel.id, travel)


def _gives(floor: FloorState, decision: Decision | None, change: int) -> None:
    """Count for the shares of the plan in force."""
    if decision is not None and decision.lanes and decision.plan == floor.plan.label:
        given = floor.given.setdefault(decision.destination, {})
        given[decision.lanes[0]] = max(0, given.get(decision.lanes[0], 0) + change)


def _same(travel: Travel, decision: Decision, question: Question) -> bool:
    """Whether the new decision asks nothing new of the PLC."""
    standing = travel.decision
    if standing is None:
        return decision.lanes == travel.refused and travel.refused is not None
    if travel.resend:
        return False
    if decision.lanes == travel.refused or (decision.lanes, decision.stay) == (standing.lanes, standing.stay):
        return True
    if standing.released and not decision.released:
        return False
    ahead = [lane for name in standing.lanes if (lane := question.lanes.get(name)) and not question.passed(lane)]
    if not all(may_enter(question, decision.released, lane) for lane in ahead):
        return False
    if decision.lanes[:1] == standing.lanes[:1]:
        return True  # only alternatives differ, and whether they are free the PLC knows best
    # Past its first gate it is in the chute, or goes on to what is left: its DIVC is on the way.
    first = question.lanes.get(standing.lanes[0]) if standing.lanes and not question.lap_mm else None
    return first is not None and question.passed(first)


def _expired(floor: FloorState, line: LineState, travel: Travel, now: float) -> None:
    """Too late to be sent: counted and reported, never sent. The PLC's default lane or the older decision stands."""
    travel.expired = True
    floor.late += 1
    _report_refused(floor, line, travel, 0, "EXPIRED", now)
    floor.keep("travel", travel.id, travel)


def _join_visit(floor: FloorState, travel: Travel, parcel: str) -> None:
    """A parcel seen before in this building goes on with its visit."""
    known = floor.visits.pop(parcel, None)
    floor.visits[parcel] = travel.visit = known or travel.id
    if known is None:
        floor.keep("visit", parcel, travel.id)
    while len(floor.visits) > VISITS_KEPT:
        oldest = next(iter(floor.visits))
        del floor.visits[oldest]
        floor.keep("visit", oldest, None)
