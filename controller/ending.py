"""The end of a travel: one terminal event, and what must be said when a parcel lies where it may not.

A parcel without a release in an unsupervised lane raises `held_escaped`. A hold that comes after the point of no return
makes a `recall`: where the parcel is, and since when.
"""

from __future__ import annotations

from controller import booking, container_events, frequent, reading
from controller.advice import Advice, Look
from controller.drops import DROPS_KEPT, Drop, held
from controller.effects import Effect
from controller.events import EVIDENCE, Corrected, Ended, LineChanged, Recall
from controller.floor_state import FloorState
from controller.line import LineState
from controller.travel import Travel
from devices.types import Discharged

HANDED_KEPT = 1000
"""Travels that left for another line and were not seen there yet."""


def discharged(floor: FloorState, line: LineState, travel: Travel, item: Discharged, now: float, look: Look) -> None:
    """DIVC: the travel ends with what the PLC says of it."""
    decision = travel.decisions.get(item.decision)
    lane = floor.lanes.get(item.actual) if item.actual else None
    at = item.edge if item.edge is not None else now
    ordinal = lane.dropped(at) if lane else None
    container = container_events.added(floor, lane, travel, ordinal or 0, at, now) if lane else None
    name, reason = _outcome(floor, line, travel, item)
    data = Ended(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        container=container,
        evidence=EVIDENCE.get(item.evidence),
        line=line.id,
        track=travel.track,
        decision=item.decision,
        wanted=item.wanted,
        lane=item.actual,
        result=item.result,
        reason=reason,
        destination=decision.destination if decision else None,
        departure=decision.departure if decision and item.actual in decision.lanes[:1] else None,
        identity=travel.identity,
        lap=item.lap,
        ordinal=ordinal,
        doubtful=travel.doubtful,
        decision_not_recorded=item.decision != 0 and decision is None,
    )
    _end(floor, line, travel, name, at, data)
    frequent.left(floor, line, travel, item, at)
    if lane is not None:
        floor.keep("lane", lane.id, lane)
    if lane is not None and lane.config.leads_to is not None:
        _hands_over(floor, line, travel)
    elif item.actual is not None and (lane is None or not lane.config.supervised):
        drop = Drop(travel.parcel or "", travel.id, travel.visit, line.id, item.actual, ordinal or 0, at, (), container)
        drop.unsure = travel.doubtful or travel.identity != "READ"
        released = decision is not None and decision.released and not drop.unsure
        _dropped(floor, travel, drop, now, look, released)


def _hands_over(floor: FloorState, line: LineState, travel: Travel) -> None:
    """It goes on on another line, whose PLC will name it by its number here (HAND)."""
    if any(travel.id in other.followed for other in floor.lines.values()):
        return  # it is there already
    key = f"{line.id}|{travel.epoch}|{travel.track}"
    floor.handed[key] = travel
    floor.keep("handed", key, travel)
    while len(floor.handed) > HANDED_KEPT:
        oldest = next(iter(floor.handed))
        del floor.handed[oldest]
        floor.keep("handed", oldest, None)


def lost(floor: FloorState, line: LineState, travel: Travel, reason: str, at: float) -> None:
    """Tracking of the travel was lost; where the item is nobody knows."""
    _end(floor, line, travel, "lost", at, _lost(travel, reason))


def orphaned(floor: FloorState, now: float) -> list[Effect]:
    """After a restart: travels end whose line is not on the floor any more, results get the event that they had not."""
    floor.effects = []
    for travel in floor.orphans:
        reason = f"line {travel.line} is not on the floor any more"
        floor.emit("parcel/lost", f"travel/{travel.id}", now, _lost(travel, reason))
        floor.keep("travel", travel.id, None)
    floor.orphans = []
    reading.unclaimed(floor, now)
    return floor.effects


def _lost(travel: Travel, reason: str) -> Ended:
    return Ended(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        line=travel.line,
        track=travel.track,
        decision=travel.obeyed,
        result="-",
        reason=reason,
        identity=travel.identity,
        doubtful=travel.doubtful,
    )


def check_drop(floor: FloorState, drop: Drop, now: float, look: Look) -> None:
    """A customs record or advice concerns a parcel in an unsupervised lane: recall it if it may not be there."""
    advice = _advice(drop.parcel, look)
    if advice is None:
        return
    verdict = floor.book.latched(advice)
    if verdict.released == drop.recalled:
        drop.recalled = not verdict.released
        floor.keep("drop", drop.travel, drop)
        if drop.recalled:
            floor.emit("parcel/recall", f"parcel/{drop.parcel}", now, _recall(drop, verdict.status, now))
        else:
            _corrects(floor, drop, now, container=drop.container, why="released: it need not be found any more")


def cleared(floor: FloorState, travel: str, place: str, actor: str, now: float, look: Look) -> str | None:
    """A recalled or escaped parcel was found and taken from its lane: what it lay in may leave. Why not, or None."""
    drop = floor.drops.get(travel)
    if drop is None:
        return f"no travel {travel} lies in an unsupervised lane; write the travel of its parcel/recall"
    if held(drop, floor.book, look) is None:
        return f"travel {travel} is not recalled; nothing is to be cleared"
    container = drop.container
    container_events.taken_out(floor, travel)
    forget(floor, travel)
    _corrects(
        floor, drop, now, container=container, actor=actor, station=place, why=f"found and taken out of {drop.lane}"
    )
    return None


def _corrects(floor: FloorState, drop: Drop, now: float, **what: str | None) -> None:
    """Something was learnt of a parcel after its travel ended."""
    who = {"visit": drop.visit, "travel": drop.travel, "parcel": drop.parcel or None, "corrects": drop.travel}
    floor.emit("parcel/corrected", f"travel/{drop.travel}", now, Corrected.model_validate(who | what))


def advised(floor: FloorState, advice: Advice, now: float, look: Look) -> None:
    """Advice came for parcels that lie in unsupervised lanes: what they belong to may be news."""
    for travel_id in sorted(floor.drops_by_subject.get(("parcel", advice.parcel), ())):
        drop = floor.drops[travel_id]
        if drop.subjects != advice.subjects:
            forget(floor, travel_id)
            drop.subjects = advice.subjects
            remember(floor, drop)
        check_drop(floor, drop, now, look)


def remember(floor: FloorState, drop: Drop) -> None:
    """Keep a drop, findable by everything its parcel belongs to."""
    floor.drops[drop.travel] = drop
    for subject in drop.subjects:
        floor.drops_by_subject.setdefault(subject, set()).add(drop.travel)
    floor.keep("drop", drop.travel, drop)


def _dropped(floor: FloorState, travel: Travel, drop: Drop, now: float, look: Look, released: bool) -> None:
    """The item lies in an unsupervised lane, or in one that nobody knows. `released`: the decision obeyed had a release
    in force, and it is surely that parcel."""
    advice = _advice(travel.parcel, look)
    drop.subjects = advice.subjects if advice else ()
    if not released:
        status = floor.book.latched(advice).status if advice else "hold"
        floor.emit("parcel/held_escaped", f"travel/{travel.id}", now, _recall(drop, status, now))
        what = f"travel {travel.id} lies in {drop.lane} without a customs release"
        floor.alarm(f"held-escaped-{travel.id}", what, now, "critical")
    remember(floor, drop)
    check_drop(floor, drop, now, look)
    while len(floor.drops) > DROPS_KEPT:
        may_leave = (name for name, one in floor.drops.items() if not one.stays)
        forget(floor, next(may_leave, next(iter(floor.drops))))


def forget(floor: FloorState, travel_id: str) -> None:
    """A dropped parcel can no longer be recalled (its container left, or the memory is full)."""
    drop = floor.drops.pop(travel_id)
    for subject in drop.subjects:
        members = floor.drops_by_subject.get(subject, set())
        members.discard(travel_id)
        if not members:
            floor.drops_by_subject.pop(subject, None)
    floor.keep("drop", travel_id, None)


def _outcome(floor: FloorState, line: LineState, travel: Travel, item: Discharged) -> tuple[str, str]:
    """(terminal event, reason)."""
    decision = travel.decisions.get(item.decision)
    if item.result == "MR":
        return "removed", "taken off by hand"
    if item.actual is None:
        return "lost", "left the line, nobody knows where to"
    wanted = decision.lanes if decision else ((item.wanted,) if item.wanted else ())
    lane = floor.lanes.get(item.actual)
    if item.actual not in (*wanted, line.config.default_lane):
        return "mis_sorted", f"wanted {' '.join(wanted) or line.config.default_lane}"
    if lane is not None and "exception" in lane.config.roles:
        if travel.flushed and travel.parcel is None:
            return "flushed", "found on the belt at a synchronisation, and not identified since"
        return "rejected", decision.reason if decision and item.actual in wanted else item.result
    return "sorted", item.result


def _end(floor: FloorState, line: LineState, travel: Travel, name: str, at: float, data: Ended) -> None:
    travel.move("end")
    line.remove(travel)
    floor.heads_for(travel.decision, -1)
    if name != "sorted" or travel.decision is None or data.lane not in travel.decision.lanes[:1]:
        booking.moves(floor, travel.decision, None)
    floor.ended(travel)
    floor.emit(f"parcel/{name}", f"travel/{travel.id}", at, data)
    floor.keep("travel", travel.id, None)
    if travel.flushed and not any(other.flushed for other in line.travels.values()):
        floor.emit("line/flushed", f"line/{line.id}", at, LineChanged(line=line.id, state=line.state))


def _recall(drop: Drop, status: str, now: float) -> Recall:
    return Recall(
        visit=drop.visit,
        travel=drop.travel,
        parcel=drop.parcel or None,
        container=drop.container,
        line=drop.line,
        lane=drop.lane,
        ordinal=drop.ordinal,
        seconds_since_drop=None if drop.at is None else round(max(0.0, now - drop.at) / 1000, 1),
        customs=status,
        terminal=drop.travel,
    )


def _advice(parcel: str | None, look: Look) -> Advice | None:
    if parcel is None:
        return None
    return next((advice for advice in look(parcel) if advice.parcel == parcel), None)
