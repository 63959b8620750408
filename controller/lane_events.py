"""A lane changed: what is reported, and who is decided again."""

from __future__ import annotations

from controller import deciding, inhibiting
from controller.advice import Look
from controller.events import LaneChanged
from controller.floor_state import FloorState
from controller.lanes import LaneState
from controller.line import LineState


def changed(floor: FloorState, line: LineState, lane: LaneState, state: str, code: str, at: float, look: Look) -> None:
    """The PLC says a lane's state; travels of its line are decided again when it is news."""
    names = {"FULL": "full", "HALF": "half", "FREE": "free", "LOCK": "locked"}
    before = lane.refuses(at)
    if not lane.changed(state):
        return
    name = "opened" if state == "FREE" and before == "LOCK" else names.get(state, "locked")
    floor.emit(f"lane/{name}", f"lane/{lane.id}", at, LaneChanged(lane=lane.id, state=state, code=code or None))
    floor.keep("lane", lane.id, lane)
    inhibiting.inhibit(floor, line, at)
    for travel in list(line.travels.values()):
        deciding.consider(floor, line, travel, at, look)
