"""Departures on the floor: what the centre says of them, who is booked with which, and their cut-offs.

A parcel is booked with a departure from the decision that names it; it stays booked when it was sorted into the lane of
that decision, and loses its place when it goes elsewhere. Kept: ("departure", id) = the record and how many are booked.
"""

from __future__ import annotations

from controller import deciding
from controller.advice import Departure, Look
from controller.events import AtRisk
from controller.floor_state import FloorState
from controller.routing import Decision
from controller.stamps import rfc3339
from controller.travel import Travel


def planned(floor: FloorState, departures: tuple[Departure, ...], now: float, look: Look) -> None:
    """Departures as they stand now; who is on the way is decided again."""
    for departure in departures:
        try:
            run = floor.timetable.take(departure, floor.zone)
        except ValueError as error:
            floor.alarm(f"departure-{departure.departure}", f"departure {departure.departure}: {error}", now, "high")
            continue
        if run is not None:
            floor.keep("departure", run.id, run)
    for gone in floor.timetable.forget(floor.utc(now)):
        floor.keep("departure", gone, None)
    _watch(floor, now)
    deciding.reconsider(floor, now, look)


def due(floor: FloorState, now: float, look: Look) -> None:
    """A cut-off has passed: who has not come to its lane goes with another one."""
    if floor.cut_off is None or floor.utc(now) < floor.cut_off:
        return
    _watch(floor, now)
    deciding.reconsider(floor, now, look)


def moves(floor: FloorState, before: Decision | None, after: Decision | None) -> None:
    """A parcel's place goes from one decision's departure to another's."""
    old, new = before.departure if before else None, after.departure if after else None
    if old == new:
        return
    for departure, change in ((old, -1), (new, 1)):
        run = floor.timetable.book(departure, change) if departure is not None else None
        if run is not None:
            floor.keep("departure", run.id, run)


def at_risk(floor: FloorState, travel: Travel, decision: Decision, due_ms: float | None, now: float) -> None:
    """Say once that no departure keeps the promise of this parcel."""
    if not decision.at_risk or travel.at_risk or due_ms is None:
        return
    travel.at_risk = True
    data = AtRisk(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        departure=decision.departure,
        promise_by=rfc3339(due_ms),
        slack_min=decision.slack_min,
    )
    floor.emit("parcel/at_risk", f"parcel/{travel.parcel}", now, data)


def _watch(floor: FloorState, now: float) -> None:
    """The next cut-off at which somebody may lose its departure."""
    floor.cut_off = floor.timetable.next_cut_off(floor.utc(now))
