"""When and how a travel gets its decision, and gets it again.

Any change before the gate's point of no return re-decides by one rule and with a new decision number; the PLC's LATE is
the judge, the computed deadline only the reason not to try.
"""

from __future__ import annotations

from controller.advice import Look
from controller.effects import Send
from controller.events import LineChanged, Refused, Routed
from controller.floor_state import FloorState
from controller.identity import Identity, Outcome, identify
from controller.line import LineState
from controller.routing import Decision, Question, decide
from controller.travel import State, Travel
from devices.types import Destination, Request

VISITS_KEPT = 200_000
"""Parcels whose visit is remembered; one seen again after so many others begins a new visit."""

LONGEST_WAIT_MS = 10_000.0
"""For a reader on a belt that stands, where the PLC states no deadline."""

INDUCTION = "induction"
"""In place of a travel: the command was INHB or ENAB."""

TRY_AGAIN = frozenset(("NSYN", "BUSY", "MODE"))
"""Refusals that say nothing about the decision: it is sent anew at the next occasion."""

HIGHEST_DECISION = 9999
"""Decision numbers run 1..9999 and wrap (PLC interface v1, rule 8)."""


def consider(floor: FloorState, line: LineState, travel: Travel, now: float, look: Look) -> None:
    """Decide if it is time, and send and report it if the outcome is another one than before."""
    if travel.state in (State.INDUCTED, State.ENDED):
        return
    identity = settle(floor, line, travel, now, look)
    if not line.in_session or travel.id not in line.named or travel.expired:
        return
    if travel.current == 0 and identity.advice is None:
        wait = _readers_until(line, travel, now)
        if wait is not None and wait > now:
            travel.decide_at = wait
            return
    travel.decide_at = None
    question = _question(floor, line, travel, identity, now)
    decision = decide(question)
    if _same(travel, decision, question):
        return
    if travel.decide_by is not None and now >= travel.decide_by:
        _expired(floor, line, travel, now)
        return
    _send(floor, line, travel, decision, now)


def settle(floor: FloorState, line: LineState, travel: Travel, now: float, look: Look) -> Identity:
    """Settle the identity and what depends on it: the parcel, its visit, and who else carries the same parcel."""
    identity = identify(travel.results, look, suspect=travel.suspect, silent=_silent(line, travel))
    parcel = identity.parcel
    if parcel != travel.parcel:
        floor.carries(travel, parcel)
        if parcel is not None:
            _join_visit(floor, travel, parcel)
        floor.keep("travel", travel.id, travel)
    others = floor.live.get(parcel, set()) - {travel.id} if parcel is not None else set()
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
    return identity


def came_back(
    floor: FloorState, line: LineState, travel: Travel, number: int, refusal: str | None, now: float, look: Look
) -> None:
    """What became of the DEST with this number. A newer one may be on its way: then only what was obeyed is noted."""
    decision = travel.decisions.get(number)
    if decision is None:
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
            if not travel.resend:
                consider(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)


def _stands(floor: FloorState, line: LineState, travel: Travel, decision: Decision, code: str, now: float) -> None:
    """A decision will not be obeyed: the older one stands."""
    travel.current = travel.obeyed
    travel.move("obey" if travel.obeyed else "refuse")
    floor.heads_for(decision, -1)
    floor.heads_for(travel.decision, 1)
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
    decision = decision.numbered(travel.number % HIGHEST_DECISION + 1)
    lanes = decision.lanes or (line.config.default_lane,)
    name = "parcel/rerouted" if travel.number else "parcel/routed"
    travel.take(decision)
    travel.move("route")
    floor.heads_for(before, -1)
    floor.heads_for(decision, 1)
    command = Destination(travel.point, travel.track, decision.number, decision.reason, lanes)
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
        deadline_ms=None if travel.decide_by is None else round(travel.decide_by - now),
        doubtful=travel.doubtful,
    )
    floor.emit(name, f"travel/{travel.id}", now, data)
    floor.keep("travel", travel.id, travel)


def _same(travel: Travel, decision: Decision, question: Question) -> bool:
    """Whether the new decision asks nothing new of the PLC."""
    standing = travel.decision
    if standing is None:
        return decision.lanes == travel.refused and travel.refused is not None
    if travel.resend:
        return False
    if decision.lanes in (standing.lanes, travel.refused):
        return True
    if standing.released and not decision.released:
        return False
    if decision.lanes[:1] == standing.lanes[:1]:
        return True  # only alternatives differ, and whether they are free the PLC knows best
    # Past its first gate it is in the chute, or goes on to what is left: its DIVC is on the way.
    first = question.lanes.get(standing.lanes[0]) if standing.lanes else None
    return first is not None and first.config.position_mm <= question.position_mm


def _expired(floor: FloorState, line: LineState, travel: Travel, now: float) -> None:
    """Too late to be sent: counted and reported, never sent. The PLC's default lane or the older decision stands."""
    travel.expired = True
    floor.late += 1
    _report_refused(floor, line, travel, 0, "EXPIRED", now)
    floor.keep("travel", travel.id, travel)


def _question(floor: FloorState, line: LineState, travel: Travel, identity: Identity, now: float) -> Question:
    position = line.position(travel, now)
    advice = identity.advice
    weight = travel.weight_g if travel.weight_g is not None else advice.weight_g if advice else None
    standing = travel.decision
    return Question(
        line.id,
        identity,
        floor.book.verdict(advice, now),
        floor.plan,
        floor.lanes,
        position if position is not None else 0.0,
        travel.length_mm,
        weight,
        travel.doubtful,
        standing.lanes[0] if standing and standing.lanes else None,
    )


def _silent(line: LineState, travel: Travel) -> Outcome:
    """Why nobody said anything: no reader was connected when it passed, or one was and was not heard in time."""
    for reader in line.readers:
        there = line.position(travel, reader.up_since) or 0.0
        if reader.up and there <= reader.transmit_mm + reader.window_mm:
            return "SCANNER_LATE"
    return "SCANNER_DOWN"


def _readers_until(line: LineState, travel: Travel, now: float) -> float | None:
    """Until when it is worth waiting for readers that have said nothing of this travel yet; None = not at all."""
    if travel.mark_mm is None:
        return None
    heard = {result.reader for result in travel.results}
    until: float | None = None
    position = line.position(travel, now) or 0.0
    for reader in line.readers:
        end = reader.transmit_mm + reader.window_mm
        if reader.up and reader.device not in heard and end > position:
            closes = line.odometer.when(line.odometer.at(now) + end - position)
            if closes is None:  # the belt stands, and with it the window
                closes = travel.decide_by - 1 if travel.decide_by is not None else now + LONGEST_WAIT_MS
            until = closes if until is None else max(until, closes)
    if until is None or travel.decide_by is None:
        return until
    return min(until, travel.decide_by - 1)


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


def inhibit(floor: FloorState, line: LineState, now: float) -> None:
    """No supervised lane free: inhibit induction until one is. Asked until the PLC has taken it."""
    supervised = [lane for lane in floor.lanes.values() if lane.config.line == line.id and lane.config.supervised]
    wish = all(lane.refuses() is not None for lane in supervised)
    if wish != line.inhibited:
        line.inhibited = wish
        floor.keep("line", line.id, line)
        if wish:
            floor.emit("line/inhibited", f"line/{line.id}", now, LineChanged(line=line.id, state="INHB"))
    if wish != line.told and line.in_session and not line.asking:
        line.asking, line.told = True, None
        command = Request("LINE", "INHB" if wish else "ENAB", f"{floor.sequence:08d}"[-8:])
        floor.send(Send(line.id, command, None, (INDUCTION, int(wish))))


def induction_answered(floor: FloorState, line: LineState, wish: int, refusal: str | None, now: float) -> None:
    """What became of INHB (1) or ENAB (0). Refused, it is asked again when the line's state or a session changes."""
    line.asking, line.told = False, bool(wish) if refusal is None else None
    floor.keep("line", line.id, line)
    if refusal is None:
        inhibit(floor, line, now)
