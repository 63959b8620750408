"""What a line's PLC says, message by message (PLC interface v1 §2), and the synchronisation of a session.

Every event of the PLC is processed exactly once: the driver drops what is known, and the journal commits its number
together with what it caused. So nothing here asks whether a message came twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller import deciding, ending, reading
from controller.advice import Look
from controller.events import DeviceChanged, LaneChanged, LineChanged, Measured, Recirculated
from controller.floor_state import FloorState
from controller.lanes import LaneState
from controller.line import LineState
from controller.travel import State, Travel
from devices import types as said

JITTER_MS = 60.0
"""An eye that puts an item behind its predicted place by less than the belt does in this time: a late message. More is
slip: the eye is right, and whose reads were whose is not sure."""

LINE_EVENTS = {
    "RUN": "started",
    "STOP": "stopped",
    "JAM": "jammed",
    "ESTP": "estop",
    "MANU": "stopped",
    "FALT": "stopped",
    "MAIN": "stopped",
}
"""State of the element LINE -> event of family line; all but RUN (and SLOW) stand for a belt that stands."""


def handle(floor: FloorState, line: LineState, item: said.Item, now: float, look: Look) -> None:
    """Take one item of the line's PLC."""
    handler = HANDLERS.get(type(item))
    if handler is not None:
        handler(floor, line, item, now, look)


def _travel(
    floor: FloorState, line: LineState, item: Any, via: str, point: str | None, now: float, length: int = 0
) -> Travel:
    """The travel of a track; a track the journal does not know begins one, whatever named it first."""
    travel = line.by_track.get(item.track)
    if travel is None or travel.epoch != line.epoch:
        at = item.edge if getattr(item, "edge", None) is not None else getattr(item, "at", now)
        travel = floor.begin(line, item.track, via, point, at, length)
    line.named.add(travel.id)
    return travel


def _place(floor: FloorState, line: LineState, travel: Travel, point: str, edge: float | None) -> bool:
    """An eye saw the travel; True when that says more than we knew."""
    place = floor.config.point.get(point)
    if edge is None or place is None or place.position_mm is None:
        return False
    predicted, jitter = line.position(travel, edge), JITTER_MS * line.odometer.speed / 1000
    if predicted is not None and predicted - place.position_mm >= jitter:
        for other in line.travels.values():  # who was last seen before here may have slipped, too
            if other.mark_mm is not None and other.mark_mm < place.position_mm and other.certainty == "S":
                other.certainty = "D"
                floor.keep("travel", other.id, other)
    return travel.seen(place.position_mm, edge, predicted, jitter)


def _inducted(floor: FloorState, line: LineState, item: said.Inducted, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "INDU", item.point, now, item.length)
    travel.length_mm = item.length or travel.length_mm
    if _place(floor, line, travel, item.point, item.edge):
        reading.rematch(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)


def _arrived(floor: FloorState, line: LineState, item: said.Arrived, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "ARRV", item.point, now, item.length)
    travel.move("arrive")
    travel.point, travel.lap = item.point, item.lap
    travel.length_mm = item.length or travel.length_mm
    if item.certainty != "S":
        travel.certainty = item.certainty
    edge = item.edge
    travel.decide_by = edge + item.left - line.config.margin_ms if edge is not None else now - 1
    travel.expired = False
    reading.from_plc(floor, line, travel, item.codes, "", item.at)
    if _place(floor, line, travel, item.point, edge):
        reading.rematch(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def _codes(floor: FloorState, line: LineState, item: said.Codes, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "ARRV", item.point, now)
    reading.from_plc(floor, line, travel, item.codes, item.outcome, item.at)
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def _measured(floor: FloorState, line: LineState, item: said.Measured, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "ARRV", item.point, now)
    if item.weight_status != "E":
        travel.weight_g = item.weight_g
    if item.size_status != "E":
        travel.length_mm = item.length_mm
    weighed, sized = item.weight_status != "E", item.size_status != "E"
    data = Measured(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        point=item.point,
        weight_g=item.weight_g if weighed else None,
        weight_status=item.weight_status,
        record_id=item.record_id,
        length_mm=item.length_mm if sized else None,
        width_mm=item.width_mm if sized else None,
        height_mm=item.height_mm if sized else None,
        size_status=item.size_status,
    )
    floor.emit("parcel/measured", f"travel/{travel.id}", item.at, data)
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def _passed(floor: FloorState, line: LineState, item: said.Passed, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "ARRV", item.point, now)
    if _place(floor, line, travel, item.point, item.edge):
        reading.rematch(floor, line, travel, now, look)
        floor.keep("travel", travel.id, travel)


def _discharged(floor: FloorState, line: LineState, item: said.Discharged, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "DIVC", None, now)
    if travel.decision is None and item.decision == 0:
        deciding.settle(floor, line, travel, now, look)
    ending.discharged(floor, line, travel, item, now, look)


def _recirculated(floor: FloorState, line: LineState, item: said.Recirculated, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "ARRV", None, now)
    travel.lap = item.lap
    data = Recirculated(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        line=line.id,
        decision=item.decision,
        wanted=item.wanted,
        result=item.result,
        lap=item.lap,
    )
    floor.emit("parcel/recirculated", f"travel/{travel.id}", item.at, data)
    floor.keep("travel", travel.id, travel)


def _lost(floor: FloorState, line: LineState, item: said.TrackLost, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "ARRV", item.last_point, now)
    _doubt(floor, line, (item.before, item.behind), now, look)
    at = item.edge if item.edge is not None else now
    ending.lost(floor, line, travel, f"tracking lost after {item.last_point or 'induction'}", at)


def _ghost(floor: FloorState, line: LineState, item: said.Ghost, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "GHST", item.point, now)
    travel.certainty = "U"
    _place(floor, line, travel, item.point, item.edge)
    floor.keep("travel", travel.id, travel)
    _doubt(floor, line, (item.before, item.behind), now, look)


def _handed_over(floor: FloorState, line: LineState, item: said.HandedOver, now: float, look: Look) -> None:
    travel = _travel(floor, line, item, "HAND", item.point, now)
    _place(floor, line, travel, item.point, item.edge)
    floor.keep("travel", travel.id, travel)


def _doubt(floor: FloorState, line: LineState, tracks: tuple[int, ...], now: float, look: Look) -> None:
    """The neighbours of a fault may have been swapped: nothing of theirs is sure."""
    for track in tracks:
        travel = line.by_track.get(track)
        if travel is not None and travel.certainty == "S":
            travel.certainty = "D"
            floor.keep("travel", travel.id, travel)
            deciding.consider(floor, line, travel, now, look)


def _status(floor: FloorState, line: LineState, item: said.Status, now: float, look: Look) -> None:
    at = item.edge if item.edge is not None else now
    lane = floor.lanes.get(item.element)
    if lane is not None:
        _lane_changed(floor, line, lane, "FREE" if item.state == "RUN" else item.state, item.code, now, look)
    elif item.element == "LINE":
        line.odometer.change(at, running=item.state in ("RUN", "SLOW", "FREE"))
        floor.keep("line", line.id, line)
        if item.state != line.state:
            line.state = item.state
            name = LINE_EVENTS.get(item.state, "cleared")
            data = LineChanged(line=line.id, state=item.state, code=item.code or None)
            floor.emit(f"line/{name}", f"line/{line.id}", at, data)
        deciding.inhibit(floor, line, now)
        if item.state in ("ESTP", "MANU"):
            _doubt(floor, line, tuple(line.by_track), now, look)
        for travel in list(line.travels.values()):
            deciding.consider(floor, line, travel, now, look)


def _lane_changed(
    floor: FloorState, line: LineState, lane: LaneState, state: str, code: str, at: float, look: Look
) -> None:
    """The PLC says a lane's state; travels of its line are decided again when it is news."""
    names = {"FULL": "full", "HALF": "half", "FREE": "free", "LOCK": "locked"}
    before = lane.refuses()
    if not lane.changed(state):
        return
    name = "opened" if state == "FREE" and before == "LOCK" else names.get(state, "locked")
    floor.emit(f"lane/{name}", f"lane/{lane.id}", at, LaneChanged(lane=lane.id, state=state, code=code or None))
    floor.keep("lane", lane.id, lane)
    deciding.inhibit(floor, line, at)
    for travel in list(line.travels.values()):
        deciding.consider(floor, line, travel, at, look)


def _garbled(floor: FloorState, line: LineState, item: said.Garbled, now: float, look: Look) -> None:
    """What cannot be read and is refused is stored as it came; the PLC may forget it."""
    if item.refused:
        what = f"line {line.id}: {item.why}: {item.raw.hex()}"
        floor.alarm(f"unreadable-{line.id}", what, now, "high")


def _error(floor: FloorState, line: LineState, item: said.DeviceError, now: float, look: Look) -> None:
    floor.alarm(f"plc-{line.id}-{item.code}", f"line {line.id}: {item.why}", now, "high")


def _overflow(floor: FloorState, line: LineState, item: said.Overflow, now: float, look: Look) -> None:
    floor.alarm(f"overflow-{line.id}", f"the PLC of line {line.id} dropped {item.lost} events", now, "high")
    _doubt(floor, line, tuple(line.by_track), now, look)


def _speed(floor: FloorState, line: LineState, item: said.Speed, now: float, look: Look) -> None:
    if item.element == "LINE":
        line.odometer.change(item.edge if item.edge is not None else now, speed=item.mm_s)
        floor.keep("line", line.id, line)


# --- session ----------------------------------------------------------------------------------------------------------


def _begun(floor: FloorState, line: LineState, item: said.SessionBegun, now: float, look: Look) -> None:
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
            ending.lost(floor, line, travel, "the PLC lost its memory", now)
    line.odometer.change(now, running=True)
    line.state, line.told = "RUN", False
    floor.keep("line", line.id, line)
    for lane in floor.lanes.values():
        if lane.config.line == line.id:
            _lane_changed(floor, line, lane, "FREE", "", now, look)


def _tracks(floor: FloorState, line: LineState, item: said.Tracks, now: float, look: Look) -> None:
    decision_points = {name for name, point in floor.config.point.items() if point.decision}
    for on_belt in item.items:
        travel = _travel(floor, line, on_belt, "TRAK", on_belt.point, now)
        travel.lap = on_belt.lap
        if on_belt.certainty != "S":
            travel.certainty = on_belt.certainty
        if travel.mark_mm is None:
            _place(floor, line, travel, on_belt.point, on_belt.edge)
        if travel.state is State.INDUCTED and on_belt.point in decision_points:
            _at_decision_point(floor, line, travel, on_belt)
        travel.resend = on_belt.decision != travel.current
        travel.number = max(travel.number, on_belt.decision)
        if not travel.resend and travel.current and travel.state is not State.OBEYED:
            travel.move("obey")
            travel.obeyed = travel.current
        floor.keep("travel", travel.id, travel)


def _at_decision_point(floor: FloorState, line: LineState, travel: Travel, on_belt: said.TrackOnBelt) -> None:
    """Its ARRV is not known here (or not yet again): what it has left follows from geometry, and the PLC judges."""
    travel.move("arrive")
    travel.point = on_belt.point
    place = floor.config.point[on_belt.point].position_mm
    if on_belt.edge is not None and place is not None:
        last = max(lane.position_mm for lane in floor.config.lane.values() if lane.line == line.id)
        left = (last - place) * 1000 / line.odometer.speed if line.odometer.speed else 0.0
        travel.decide_by = on_belt.edge + left - line.config.margin_ms


def _synchronised(floor: FloorState, line: LineState, item: said.Synchronised, now: float, look: Look) -> None:
    line.synchronised = True
    if line.degraded:
        line.degraded = False
        _channel(floor, line, "recovered", "the session is normal", now)
    for travel in list(line.travels.values()):
        if travel.id not in line.named:
            ending.lost(floor, line, travel, "not on the belt when the PLC was synchronised", now)
    deciding.inhibit(floor, line, now)
    for travel in list(line.travels.values()):
        deciding.consider(floor, line, travel, now, look)


def _session_lost(floor: FloorState, line: LineState, item: said.SessionLost, now: float, look: Look) -> None:
    if line.in_session:
        line.in_session = line.synchronised = line.asking = False
        line.degraded = True
        _channel(floor, line, "degraded", item.why, now)


def _channel(floor: FloorState, line: LineState, name: str, why: str, now: float) -> None:
    device = next(device for device, plc in floor.config.plc.items() if plc.line == line.id)
    floor.emit(f"device/{name}", f"device/{device}", now, DeviceChanged(device=device, why=why))


HANDLERS: dict[type, Callable[[FloorState, LineState, Any, float, Look], None]] = {
    said.Inducted: _inducted,
    said.Arrived: _arrived,
    said.Codes: _codes,
    said.Measured: _measured,
    said.Passed: _passed,
    said.Discharged: _discharged,
    said.Recirculated: _recirculated,
    said.TrackLost: _lost,
    said.Ghost: _ghost,
    said.HandedOver: _handed_over,
    said.Status: _status,
    said.Overflow: _overflow,
    said.Garbled: _garbled,
    said.DeviceError: _error,
    said.Speed: _speed,
    said.SessionBegun: _begun,
    said.Tracks: _tracks,
    said.Synchronised: _synchronised,
    said.SessionLost: _session_lost,
}
"""Item -> handler; an item that is not here needs nothing of the floor (Answered and GivenUp go by their number)."""
