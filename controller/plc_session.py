"""The synchronisation of a session (PLC interface v1 §2, SYES to SYEN): what is on the belt, and what is no longer."""

from __future__ import annotations

from controller import deciding, element_events, ending, inhibiting, lane_events, reading, tracking
from controller.advice import Look
from controller.events import DeviceChanged
from controller.floor_state import FloorState
from controller.line import LineState
from controller.travel import State, Travel
from devices import types as said

SAME_ARRIVAL_MS = 1000.0
"""Two tellings of one arrival differ by less: each may have come late."""


def begun(floor: FloorState, line: LineState, item: said.SessionBegun, now: float, look: Look) -> None:
    """SYBE: a session begins, perhaps with a new memory of the PLC."""
    line.in_session, line.synchronised = True, False
    line.named.clear()
    if item.new_epoch or (line.epoch and item.epoch != line.epoch):
        line.epoch = item.epoch
        _forgotten(floor, line, now, look)
    line.epoch = item.epoch


def _forgotten(floor: FloorState, line: LineState, now: float, look: Look) -> None:
    """A new memory of the PLC: its items are new ones, and what is not FREE or RUN it will say anew."""
    for travel in list(line.travels.values()):
        if travel.epoch != line.epoch:
            line.forgotten += 1
            ending.lost(floor, line, travel, "the PLC lost its memory", now)
    reading.forget_numbers(floor, line)
    floor.belt(line, now, running=True)
    line.state, line.told = "RUN", False
    floor.keep("line", line.id, line)
    element_events.forgotten(floor, line, now)
    for lane in floor.lanes.values():
        if lane.config.line == line.id:
            lane_events.changed(floor, line, lane, "FREE", "", now, look)


def tracks(floor: FloorState, line: LineState, item: said.Tracks, now: float, look: Look) -> None:
    """TRAK: what is on the belt, and the destination that the PLC will obey."""
    decision_points = {name for name, point in floor.config.point.items() if point.decision}
    for on_belt in item.items:
        travel = tracking.travel_of(floor, line, on_belt, "TRAK", on_belt.point, now)
        if on_belt.certainty != travel.said_certainty:
            travel.said_certainty = on_belt.certainty
            if on_belt.certainty != "S":
                travel.doubt(on_belt.certainty, now)
        came_round = bool(line.lap_mm) and on_belt.lap > travel.lap
        spent = came_round and travel.state is not State.INDUCTED and not _arrived_since(travel, on_belt)
        if came_round:
            tracking.pass_gates(floor, travel, on_belt.lap)  # its RCIR was dropped, or comes later
        travel.lap = on_belt.lap
        if travel.mark_mm is None:
            tracking.place(floor, line, travel, on_belt.point, on_belt.edge)
        if travel.state is State.INDUCTED and not spent and on_belt.point in decision_points:
            _at_decision_point(floor, line, travel, on_belt)
        travel.resend = on_belt.decision != travel.current
        travel.number = max(travel.number, on_belt.decision)
        if not travel.resend and travel.current and travel.state is not State.OBEYED:
            travel.move("obey")
            travel.obeyed = travel.current
        floor.keep("travel", travel.id, travel)


def _arrived_since(travel: Travel, on_belt: said.TrackOnBelt) -> bool:
    """Whether it came to a decision point after the arrival that is known: else that one was in the lap before."""
    return on_belt.edge is not None and on_belt.edge > travel.arrived_at + SAME_ARRIVAL_MS


def _at_decision_point(floor: FloorState, line: LineState, travel: Travel, on_belt: said.TrackOnBelt) -> None:
    """Its ARRV is not known here (or not yet again): what it has left follows from geometry, and the PLC judges.

    The belt may have slowed down after the item had come by: it counts as fast as the line is meant to be.
    """
    travel.move("arrive")
    travel.point = on_belt.point
    place = floor.config.point[on_belt.point].position_mm
    if on_belt.edge is not None and place is not None:
        ways = [line.way(place, lane.config.position_mm) for lane in floor.lanes_of[line.id]]
        reach = line.next_decision(place) if line.lap_mm else float("inf")
        last = max((way for way in ways if way <= reach), default=0.0)
        left = last * 1000 / max(line.odometer.speed, line.config.speed_mm_s)
        travel.decide_by = on_belt.edge + left - line.config.margin_ms


def synchronised(floor: FloorState, line: LineState, item: said.Synchronised, now: float, look: Look) -> None:
    """SYEN: what the PLC named in this session is all there is."""
    line.synchronised = True
    line.forget_counts()
    if line.degraded:
        line.degraded = False
        _channel(floor, line, "recovered", "the session is normal", now)
    for travel in list(line.travels.values()):
        if travel.id not in line.named:
            ending.lost(floor, line, travel, "not on the belt when the PLC was synchronised", now)
    inhibiting.inhibit(floor, line, now)
    for travel in list(line.travels.values()):
        deciding.consider(floor, line, travel, now, look)


def session_lost(floor: FloorState, line: LineState, item: said.SessionLost, now: float, look: Look) -> None:
    """The session is over; the PLC goes on with what it has."""
    if line.in_session:
        line.in_session = line.synchronised = line.asking = False
        line.degraded = True
        _channel(floor, line, "degraded", item.why, now)


def _channel(floor: FloorState, line: LineState, name: str, why: str, now: float) -> None:
    device = next(device for device, plc in floor.config.plc.items() if plc.line == line.id)
    floor.emit(f"device/{name}", f"device/{device}", now, DeviceChanged(device=device, why=why))
