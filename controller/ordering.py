"""Commands of the centre on the floor: judged, done once, audited, answered.

A command is refused that came retained, whose times make no sense, that has expired, or whose id was given before.
What is left is done. Each one leaves one event, `command/done` or `command/refused`, and one reply.

Kept: ("order", id) = [when it expires, whether it was done]. An id is forgotten an hour after its command expired: the
same command is refused as expired from then on.
"""

from __future__ import annotations

import hashlib
import re

from controller import clearing, container_events, deciding, ending, inhibiting, machine_orders, planning, reading
from controller.advice import Look
from controller.effects import Reply
from controller.events import Commanded
from controller.floor_state import FloorState
from controller.inputs import Ordered
from controller.orders import (
    ContainerClose,
    Element,
    Hold,
    Identify,
    LaneClose,
    LaneOpen,
    Order,
    PlanSwitch,
    RecallClear,
    Release,
    TriggerReader,
)
from controller.wording import guess

LIFETIME_MS = 24 * 3_600_000
"""A command may be in force for so long at most."""

FUTURE_MS = 60_000
"""So far apart the clocks of centre and node may be."""

REMEMBERED_MS = 3_600_000
"""So long after its expiry the id of a command is still known."""

MOST = 10_000
"""Commands that are remembered. With so many that have not expired a further one is refused."""


def handle(floor: FloorState, ordered: Ordered, now: float, look: Look) -> None:
    """Do a command of the centre, or refuse it."""
    order, utc = ordered.order, floor.utc(now)
    _forget(floor, utc)
    why = "it came retained: publish commands without retain" if ordered.retained else _untimely(order, utc)
    if why is None and f"command/{order.id}" in floor.commanded:
        why = "repeated; the machine has not answered yet"
    elif why is None and order.id in floor.orders:
        why = f"repeated; it was {'done' if floor.orders[order.id][1] else 'refused'}"
    elif why is None and len(floor.orders) >= MOST:
        why = f"{MOST} commands have not expired yet: give commands shorter lives"
    elif isinstance(order, Element | TriggerReader) and why is None:
        why = machine_orders.ask(floor, order, now)
        _remember(floor, order, False)
        if why is None:
            return
    elif why is None:
        why = _do(floor, order, now, look)
        _remember(floor, order, why is None)
    _finish(floor, order, why, now)


def answered(floor: FloorState, name: str, refusal: str | None, now: float) -> None:
    """A machine's answer to a command that was given to it."""
    order = floor.commanded.pop(name)
    _remember(floor, order, refusal is None)
    _finish(floor, order, machine_orders.why(order, refusal), now)


def _remember(floor: FloorState, order: Order, done: bool) -> None:
    floor.orders[order.id] = order.expires, done
    floor.keep("order", order.id, floor.orders[order.id])


def _finish(floor: FloorState, order: Order, why: str | None, now: float) -> None:
    data = Commanded(
        command=order.id,
        verb=order.verb,
        arguments=order.arguments,
        why=why,
        actor=order.actor,
        parcel=order.subject_id if isinstance(order, Hold | Release) and order.subject_kind == "parcel" else None,
        travel=order.travel if isinstance(order, RecallClear | Identify) else None,
        container=order.container if isinstance(order, ContainerClose) else None,
    )
    floor.emit("command/done" if why is None else "command/refused", _subject(order.id), now, data)
    floor.effects.append(Reply(order.verb, order.id, why is None, why or ""))


def _untimely(order: Order, utc: float) -> str | None:
    if order.expires <= order.issued:
        return "expires must be later than issued"
    if order.expires - order.issued > LIFETIME_MS:
        return "it lives for more than 24 h"
    if order.issued > utc + FUTURE_MS:
        return f"it was issued {(order.issued - utc) / 1000:.0f} s in the future: do the clocks agree?"
    if order.expires <= utc:
        return f"it expired {(utc - order.expires) / 1000:.0f} s ago"
    return None


def _forget(floor: FloorState, utc: float) -> None:
    longest = REMEMBERED_MS if len(floor.orders) < MOST else 0
    for name in [name for name, (expires, _) in floor.orders.items() if expires + longest <= utc]:
        del floor.orders[name]
        floor.keep("order", name, None)


def _do(floor: FloorState, order: Order, now: float, look: Look) -> str | None:
    """Do it; why it cannot be done, or None."""
    match order:
        case Hold():
            return clearing.hold(floor, (order.subject_kind, order.subject_id), order.why, now, look)
        case Release():
            return clearing.release(floor, (order.subject_kind, order.subject_id), order.why, now, look)
        case LaneClose() | LaneOpen():
            return _lane(floor, order, now, look)
        case ContainerClose():
            return container_events.close(floor, order.lane, order.container, f"command of {order.actor}", now, look)
        case RecallClear():
            return ending.cleared(floor, order.travel, order.place, order.actor, now, look)
        case Identify():
            return reading.identified(floor, order.travel, order.code, order.source, order.actor, now, look)
        case PlanSwitch():
            return planning.switch(floor, order.plan, order.wave, f"command of {order.actor}", now, look)
    return "this node does not know the command"


def _lane(floor: FloorState, order: LaneClose | LaneOpen, now: float, look: Look) -> str | None:
    """Close a lane or use it again, in the decisions at once; its PLC is told where people may, and may not hear it."""
    lane = floor.lanes.get(order.lane)
    if lane is None:
        return f"no lane {order.lane!r}; {guess(order.lane, floor.lanes, 'lanes')}"
    if isinstance(order, LaneOpen) and lane.closed_by is None:
        refusal = lane.refuses(now)
        return f"lane {lane.id} is not closed by command" + (f"; it says {refusal}" if refusal else "")
    lane.closed_by = order.actor if isinstance(order, LaneClose) else None
    floor.keep("lane", lane.id, lane)
    machine_orders.told(floor, lane.config.line, lane.id, "OPEN" if lane.closed_by is None else "BLCK", now)
    inhibiting.inhibit(floor, floor.lines[lane.config.line], now)
    deciding.reconsider(floor, now, look)
    return None


def _subject(name: str) -> str:
    """The subject of the audit: an id of the centre may be any text, a subject may not."""
    plain = re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name)
    return f"command/{name if plain else hashlib.sha1(name.encode()).hexdigest()}"
