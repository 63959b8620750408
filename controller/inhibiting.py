"""When a line may take nothing more: the last two steps before an item without a release has nowhere to go.

No supervised lane free: induction is inhibited until one is. If an item comes to its last moment all the same, its line
is asked to stop; people start it again. A loop that carries as much as it may is inhibited, too, and every line while
the journal's disk takes nothing.
"""

from __future__ import annotations

from controller.effects import Send
from controller.events import LineChanged
from controller.floor_state import FloorState
from controller.line import RUNNING, LineState
from controller.travel import Travel
from devices.types import Request

INDUCTION = "induction"
"""In place of a travel: the command was INHB or ENAB."""

LOAD_AGAIN = 0.9
"""Share of `load_max` below which a loop takes items again."""


def inhibit(floor: FloorState, line: LineState, now: float) -> None:
    """Inhibit induction or allow it again. Asked until the PLC has taken it."""
    wish = not floor.room or _nowhere_to_go(floor, line, now) or _overloaded(line)
    if wish != line.inhibited:
        line.inhibited = wish
        floor.keep("line", line.id, line)
        if wish:
            floor.emit("line/inhibited", f"line/{line.id}", now, LineChanged(line=line.id, state="INHB"))
    if wish != line.told and line.in_session and not line.asking:
        line.asking, line.told = True, None
        floor.send(Send(line.id, _request(floor, "INHB" if wish else "ENAB"), None, (INDUCTION, int(wish))))


def answered(floor: FloorState, line: LineState, wish: int, refusal: str | None, now: float) -> None:
    """What became of INHB (1) or ENAB (0). Refused, it is asked again when the line's state or a session changes."""
    line.asking, line.told = False, bool(wish) if refusal is None else None
    floor.keep("line", line.id, line)
    if refusal is None:
        inhibit(floor, line, now)


def stop(floor: FloorState, line: LineState, travel: Travel, now: float) -> None:
    """The travel can enter no lane any more: ask the PLC to stop the line, unless it stands.

    Each such travel asks, for nobody knows what became of the request before; the alarm is raised once until the line
    runs again.
    """
    if line.state not in RUNNING or not line.in_session:
        return
    floor.send(Send(line.id, _request(floor, "STOP"), now + 1000))
    if line.stopping:
        return
    line.stopping = True
    what = f"line {line.id} is asked to stop: no lane is free that {travel.parcel or travel.id} may enter"
    floor.alarm(f"no-lane-{line.id}", what, now, "critical")


def _request(floor: FloorState, command: str) -> Request:
    return Request("LINE", command, f"{floor.sequence:08d}"[-8:])


def _nowhere_to_go(floor: FloorState, line: LineState, now: float) -> bool:
    return all(lane.refuses(now) is not None for lane in floor.supervised_of.get(line.id, ()))


def _overloaded(line: LineState) -> bool:
    most = line.config.load_max
    return bool(most) and len(line.travels) >= (most * LOAD_AGAIN if line.inhibited else most)
