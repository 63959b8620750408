"""Commands of people to a machine: asked of the PLC or of a scanner, and done when it has taken them.

Nothing is asked of a PLC that the floor file does not allow (`commands` of the PLC, none by default): floord reads what
a line says and sends destinations. What the rules ask themselves, so that no item goes where it may not, needs no
permission. A scanner's gate moves nothing.
"""

from __future__ import annotations

from controller.effects import Send, Tell
from controller.floor_state import FloorState
from controller.orders import Element, TriggerReader
from controller.sections import Plc
from controller.wording import guess
from devices.driver import load
from devices.types import Request, Trigger

TELL_MS = 2000.0
"""A command is given up when the PLC cannot be told so soon."""
REFUSED = {
    "EXPIRED": "the PLC did not answer in time; what became of it is not known",
    "LUNK": "the PLC does not know the element",
    "PUNK": "the PLC does not know the element",
    "MODE": "the PLC is not in automatic",
    "NSYN": "the PLC has no session",
}


def allowed(floor: FloorState, line: str, command: str) -> bool:
    """Whether people may give the line's PLC this command."""
    plc = _plc(floor, line)
    return plc is not None and command in plc.commands


def ask(floor: FloorState, order: Element | TriggerReader, now: float) -> str | None:
    """Ask the machine; why it is not asked, or None: then `floor.commanded` has it until the machine's answer."""
    return give(floor, order, now) if isinstance(order, Element) else trigger(floor, order, now)


def give(floor: FloorState, order: Element, now: float) -> str | None:
    """Ask the PLC, as `ask`."""
    line = floor.lines.get(order.line)
    plc = _plc(floor, order.line)
    if line is None or plc is None:
        return f"no line {order.line!r}; {guess(order.line, floor.lines, 'lines')}"
    known = _elements(floor, order.line, plc)
    if order.element not in known:
        return f"no element {order.element!r} on line {order.line}; {guess(order.element, known, 'elements')}"
    if order.command not in plc.commands:
        can = f"only {' '.join(plc.commands)}" if plc.commands else "none"
        return f"the floor file allows {can} there: add {order.command} to the PLC's commands = […]"
    if not line.synchronised:
        return "the PLC has no session: try again when it has"
    name = f"command/{order.id}"
    floor.commanded[name] = order
    request = Request(order.element, order.command, f"{floor.sequence:08d}"[-8:])
    floor.send(Send(order.line, request, now + TELL_MS, (name, 0)))
    return None


def trigger(floor: FloorState, order: TriggerReader, now: float) -> str | None:
    """Open or close a scanner's gate, as `ask`."""
    scanner = floor.config.scanner.get(order.device)
    if scanner is None:
        return f"no scanner {order.device!r}; {guess(order.device, floor.config.scanner, 'scanners')}"
    if Trigger not in getattr(load(scanner.kind), "TAKES", ()):
        return f"a {scanner.kind} takes no trigger"
    name = f"command/{order.id}"
    floor.commanded[name] = order
    floor.effects.append(Tell(order.device, Trigger(order.on), now + TELL_MS, (name, 0)))
    return None


def told(floor: FloorState, line: str, element: str, command: str, now: float) -> None:
    """Tell the PLC what holds in the decisions already, where people may; it may not hear it."""
    if allowed(floor, line, command):
        floor.send(Send(line, Request(element, command, f"{floor.sequence:08d}"[-8:]), now + TELL_MS))


def why(order: Element | TriggerReader, refusal: str | None) -> str | None:
    """What a machine's refusal means."""
    if isinstance(order, TriggerReader):
        late = f"{order.device} did not answer in time; what became of it is not known"
        return refusal and (late if refusal == "EXPIRED" else f"{order.device} refused it with {refusal}")
    return refusal and REFUSED.get(refusal, f"the PLC refused it with {refusal}")


def _plc(floor: FloorState, line: str) -> Plc | None:
    return next((plc for plc in floor.config.plc.values() if plc.line == line), None)


def _elements(floor: FloorState, line: str, plc: Plc) -> list[str]:
    points = [name for name, point in floor.config.point.items() if point.line == line]
    return ["LINE", *points, *(lane.id for lane in floor.lanes_of.get(line, ())), *plc.elements]
