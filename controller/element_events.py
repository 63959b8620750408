"""What a PLC says of its elements that are neither the line nor a lane: a point with its eye, a drive, a carrier.

One that is jammed or faulty is an alarm until it is well again: it says where to look, which the state of the line does
not.
"""

from __future__ import annotations

from controller.floor_state import FloorState
from controller.line import LineState
from controller.wording import shown
from devices import types as said

UNWELL = {"JAM": "is jammed", "FALT": "has a fault"}
"""All other states of such elements are no affair of people: a stop, maintenance, a slow drive."""


def changed(floor: FloorState, line: LineState, item: said.Status, at: float) -> None:
    """The PLC says an element's state; one that the floor file does not know is nobody's affair."""
    if not _is_known(floor, line, item.element):
        return
    alarm, what = f"{_begin(line)}{item.element}", UNWELL.get(item.state)
    if what is None:
        floor.clear(alarm, f"line {line.id}: {item.element} is {item.state}", at)
        return
    place = "; look at its eye, and what lies before it" if item.element in floor.config.point else ""
    code = f", code {shown(item.code)}" if item.code else ""
    text = f"line {line.id}: {item.element} {what}{code}{place}"
    if floor.standing.get(alarm) != text:
        floor.alarm(alarm, text, at, "high", stands=True)


def forgotten(floor: FloorState, line: LineState, at: float) -> None:
    """The PLC has a new memory, and will say anew what is not well."""
    for alarm in [alarm for alarm in floor.standing if alarm.startswith(_begin(line))]:
        floor.clear(alarm, f"line {line.id}: the PLC began anew", at)


def _is_known(floor: FloorState, line: LineState, element: str) -> bool:
    point = floor.config.point.get(element)
    if point is not None:
        return point.line == line.id
    return any(element in plc.elements for plc in floor.config.plc.values() if plc.line == line.id)


def _begin(line: LineState) -> str:
    return f"element-{line.id}-"
