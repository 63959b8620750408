"""Which travel a message of the PLC means, and where it was seen."""

from __future__ import annotations

from typing import Any

from controller import booking, doubt
from controller.floor_state import FloorState
from controller.line import LineState
from controller.travel import Travel

JITTER_MS = 60.0
"""An eye that puts an item behind its predicted place by less than the belt does in this time: a late message. More is
slip: the eye is right, and whose reads were whose is not sure."""


def travel_of(
    floor: FloorState, line: LineState, item: Any, via: str, point: str | None, now: float, length: int = 0
) -> Travel:
    """The travel of a track; a track the journal does not know begins one, whatever named it first."""
    travel = line.by_track.get(item.track)
    if travel is None or travel.epoch != line.epoch:
        at = item.edge if getattr(item, "edge", None) is not None else getattr(item, "at", now)
        travel = floor.begin(line, item.track, via, point, at, length)
        travel.flushed = via == "TRAK"
    line.named.add(travel.id)
    return travel


def place(floor: FloorState, line: LineState, travel: Travel, point: str, edge: float | None) -> bool:
    """An eye saw the travel; True when that says more than we knew."""
    seen_at = floor.config.point.get(point)
    if edge is None or seen_at is None or seen_at.position_mm is None:
        return False
    here, jitter = seen_at.position_mm, JITTER_MS * line.odometer.speed / 1000
    predicted = line.position(travel, edge)
    if predicted is not None:
        predicted = here + line.ahead(predicted, here)
        if predicted - here >= jitter:
            doubt.after_slip(floor, line, travel, here, edge)
    travel.eye_mm = here
    if not travel.seen(here, edge, predicted, jitter):
        return False
    line.placed(travel)
    return True


def pass_gates(floor: FloorState, travel: Travel, lap: int) -> None:
    """On a loop: what was decided for this lap is over."""
    floor.heads_for(travel.decision, -1)
    booking.moves(floor, travel.decision, None)
    travel.pass_gates(lap)
