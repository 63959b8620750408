"""What a line's PLC says, message by message (PLC interface v1 §2), and the synchronisation of a session.

Every event of the PLC is processed exactly once: the driver drops what is known, and the journal commits its number
together with what it caused. So nothing here asks whether a message came twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller import (
    container_events,
    deciding,
    doubt,
    element_events,
    ending,
    frequent,
    inhibiting,
    lane_events,
    plc_session,
    reading,
    tracking,
)
from controller.advice import Look
from controller.events import LineChanged, Measured, Recirculated
from controller.floor_state import FloorState
from controller.line import RUNNING, LineState
from controller.travel import Travel
from controller.wording import counted
from devices import types as said

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


def _inducted(floor: FloorState, line: LineState, item: said.Inducted, now: float, look: Look) -> None:
    known = line.by_track.get(item.track)
    if known is not None and item.edge is not None and 0 < known.arrived_at < item.edge:
        ending.lost(floor, line, known, "its end was never told, and its track number is another item's", now)
    travel = tracking.travel_of(floor, line, item, "INDU", item.point, now, item.length)
    travel.length_mm = item.length or travel.length_mm
    travel.carrier = item.carrier or travel.carrier
    inhibiting.inhibit(floor, line, now)
    frequent.happened(floor, "ghosts", line.id, now, bad=False)
    if tracking.place(floor, line, travel, item.point, item.edge):
        reading.rematch(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)


def _arrived(floor: FloorState, line: LineState, item: said.Arrived, now: float, look: Look) -> None:
    travel = tracking.travel_of(floor, line, item, "ARRV", item.point, now, item.length)
    if line.lap_mm and (item.lap > travel.lap or item.point == travel.point):
        tracking.pass_gates(floor, travel, item.lap)  # its RCIR was dropped, or it had nothing to pass
    travel.move("arrive")
    travel.point, travel.lap = item.point, item.lap
    travel.length_mm = item.length or travel.length_mm
    travel.carrier = item.carrier or travel.carrier
    if item.certainty != travel.said_certainty:
        travel.said_certainty = item.certainty
        if item.certainty != "S":
            travel.doubt(item.certainty, now)
    edge = item.edge
    travel.arrived_at = edge if edge is not None else now
    travel.decide_by = edge + item.left - line.config.margin_ms if edge is not None else now - 1
    travel.expired, travel.refused = False, None
    _close_behind(floor, line, travel, item.gap, now, look)
    reading.from_plc(floor, line, travel, item.codes, "", item.at, now)
    if tracking.place(floor, line, travel, item.point, edge):
        reading.rematch(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def _close_behind(floor: FloorState, line: LineState, travel: Travel, gap: int, now: float, look: Look) -> None:
    """Closer behind another than the line allows: a gate would take both, so both are rejected. 0 = nobody ahead."""
    if not 0 < gap < line.config.min_gap_mm:
        return
    travel.touching = True
    own = line.position(travel, now)
    ahead = [
        (way, other.id, other)
        for other in line.travels.values()
        if other is not travel
        and own is not None
        and (there := line.position(other, now)) is not None
        and 0 < (way := line.way(own, there)) <= gap + other.length_mm + line.config.min_gap_mm
    ]
    if ahead:
        other = min(ahead)[2]
        other.touching = True
        floor.keep("travel", other.id, other)
        deciding.consider(floor, line, other, now, look)


def _codes(floor: FloorState, line: LineState, item: said.Codes, now: float, look: Look) -> None:
    travel = tracking.travel_of(floor, line, item, "ARRV", item.point, now)
    reading.from_plc(floor, line, travel, item.codes, item.outcome, item.at, now)
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def _measured(floor: FloorState, line: LineState, item: said.Measured, now: float, look: Look) -> None:
    travel = tracking.travel_of(floor, line, item, "ARRV", item.point, now)
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
    travel = tracking.travel_of(floor, line, item, "ARRV", item.point, now)
    if tracking.place(floor, line, travel, item.point, item.edge):
        reading.rematch(floor, line, travel, now, look)
        floor.keep("travel", travel.id, travel)


def _discharged(floor: FloorState, line: LineState, item: said.Discharged, now: float, look: Look) -> None:
    travel = tracking.travel_of(floor, line, item, "DIVC", None, now)
    if item.edge is not None:
        reading.left(floor, line, travel, item.edge, now, look)
    if travel.decision is None and item.decision == 0:
        deciding.settle(floor, line, travel, now, look)
    ending.discharged(floor, line, travel, item, now, look)
    inhibiting.inhibit(floor, line, now)


def _recirculated(floor: FloorState, line: LineState, item: said.Recirculated, now: float, look: Look) -> None:
    travel = tracking.travel_of(floor, line, item, "ARRV", None, now)
    if line.lap_mm:  # a line has no next lap: what was decided holds for the gates to come
        tracking.pass_gates(floor, travel, item.lap)
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
    travel = tracking.travel_of(floor, line, item, "ARRV", item.last_point, now)
    at = item.edge if item.edge is not None else now
    doubt.after_loss(floor, line, travel, item.last_point, (item.before, item.behind), at, now, look)
    frequent.happened(floor, "lost", line.id, now, bad=True)
    ending.lost(floor, line, travel, f"tracking lost after {item.last_point or 'induction'}", at)
    inhibiting.inhibit(floor, line, now)


def _ghost(floor: FloorState, line: LineState, item: said.Ghost, now: float, look: Look) -> None:
    travel = tracking.travel_of(floor, line, item, "GHST", item.point, now)
    at = item.edge if item.edge is not None else now
    if line.forgotten:
        line.forgotten -= 1
    else:
        frequent.happened(floor, "ghosts", line.id, now, bad=True)
    travel.said_certainty = "U"
    travel.doubt("U", at)
    travel.carrier = item.carrier or travel.carrier
    tracking.place(floor, line, travel, item.point, item.edge)
    floor.keep("travel", travel.id, travel)
    doubt.after_ghost(floor, line, travel, item.point, (item.before, item.behind), now, look)


def _handed_over(floor: FloorState, line: LineState, item: said.HandedOver, now: float, look: Look) -> None:
    """An item came over from another line. If its travel there is known, what was learnt of it goes on."""
    before = _came_from(floor, line, item)
    travel = line.by_track.get(item.track)
    if travel is None or travel.epoch != line.epoch:
        at = item.edge if item.edge is not None else item.at
        travel = floor.begin(line, item.track, "HAND", item.point, at, before.length_mm if before else 0, before)
    elif before is not None and travel.before is None:  # a synchronisation named it first
        travel.goes_on(before)
        line.follows(travel)
        travel.visit = before.visit
    line.named.add(travel.id)
    frequent.happened(floor, "ghosts", line.id, now, bad=False)
    if tracking.place(floor, line, travel, item.point, item.edge):
        reading.rematch(floor, line, travel, now, look)
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def _came_from(floor: FloorState, line: LineState, item: said.HandedOver) -> Travel | None:
    """Its travel on the other line, which has left it or is about to. With two of that number it may be either."""
    key, origin = f"{item.from_line}|{item.from_epoch}|{item.from_track}", floor.lines.get(item.from_line)
    left, there = floor.handed.pop(key, None), origin.by_track.get(item.from_track) if origin is not None else None
    if there is not None and there.epoch != item.from_epoch:
        there = None
    if left is None:
        return there
    floor.keep("handed", key, None)
    coming = there.decision.lanes if there is not None and there.decision is not None else ()
    leading = (lane.config.leads_to for name in coming if (lane := floor.lanes.get(name)) is not None)
    return None if line.id in leading else left


def _status(floor: FloorState, line: LineState, item: said.Status, now: float, look: Look) -> None:
    at = item.edge if item.edge is not None else now
    lane = floor.lanes.get(item.element)
    if lane is not None:
        lane_events.changed(floor, line, lane, "FREE" if item.state == "RUN" else item.state, item.code, now, look)
    elif item.element == "LINE":
        floor.belt(line, at, running=item.state in RUNNING)
        floor.keep("line", line.id, line)
        if item.state != line.state:
            line.state = item.state
            name = LINE_EVENTS.get(item.state, "cleared")
            data = LineChanged(line=line.id, state=item.state, code=item.code or None)
            floor.emit(f"line/{name}", f"line/{line.id}", at, data)
        line.stopping = line.stopping and item.state != "RUN"
        inhibiting.inhibit(floor, line, now)
        if item.state in ("ESTP", "MANU"):
            doubt.everything(floor, line, now, look)
        for travel in list(line.travels.values()):
            deciding.consider(floor, line, travel, now, look)
    else:
        element_events.changed(floor, line, item, at)


def _garbled(floor: FloorState, line: LineState, item: said.Garbled, now: float, look: Look) -> None:
    """What cannot be read and is refused is stored as it came; the PLC may forget it."""
    if item.refused:
        what = f"line {line.id}: {item.why}: {item.raw.hex()}"
        floor.alarm(f"unreadable-{line.id}", what, now, "high")


def _error(floor: FloorState, line: LineState, item: said.DeviceError, now: float, look: Look) -> None:
    floor.alarm(f"plc-{line.id}-{item.code}", f"line {line.id}: {item.why}", now, "high")


def _overflow(floor: FloorState, line: LineState, item: said.Overflow, now: float, look: Look) -> None:
    floor.alarm(f"overflow-{line.id}", f"the PLC of line {line.id} dropped {counted(item.lost, 'event')}", now, "high")
    doubt.everything(floor, line, now, look)


def _lagging(floor: FloorState, line: LineState, item: said.Lagging, now: float, look: Look) -> None:
    doubt.after_lag(floor, line, item, now, look)


def _speed(floor: FloorState, line: LineState, item: said.Speed, now: float, look: Look) -> None:
    """Standing still is no speed: the belt will run again as fast as before, from the moment that STAT says."""
    if item.element == "LINE":
        at = item.edge if item.edge is not None else now
        if item.mm_s:
            floor.belt(line, at, speed=item.mm_s, running=line.state in RUNNING)
        else:
            floor.belt(line, at, running=False)
        floor.keep("line", line.id, line)


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
    said.Lagging: _lagging,
    said.Button: container_events.button,
    said.ContainerSeen: container_events.seen,
    said.SessionBegun: plc_session.begun,
    said.Tracks: plc_session.tracks,
    said.Synchronised: plc_session.synchronised,
    said.SessionLost: plc_session.session_lost,
}
"""Item -> handler; an item that is not here needs nothing of the floor (Answered and GivenUp go by their number)."""
