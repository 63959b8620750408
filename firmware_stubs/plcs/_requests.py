"""The PLC's requests: their fields are read anew for each sending, because ages grow.

Source: PLC interface v1 §2 (rules 3, 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_stubs.plcs._events import Event
from firmware_stubs.plcs._item import Item
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._messages import Fields


@dataclass(eq=False, slots=True)
class Request:
    """A request that is open or about to be."""

    type: str
    fields: Callable[[float], Fields]
    event: Event | None = None
    sequence: int = 0
    sendings: int = 0
    due: float = 0.0  # when it may leave, first or again


def bare(kind: str) -> Request:
    """A request without fields."""
    return Request(kind, lambda _: {})


def trak(items: list[Item], line: Line) -> Request:
    """TRAK of these items; where they are and what is obeyed is read at each sending."""

    def fields(now: float) -> Fields:
        return {
            "items": [
                {
                    "track": item.track,
                    "point": item.point,
                    "lane": line.obeyed_lane(item),
                    "decision": item.held.decision if item.held else 0,
                    "certainty": item.certainty,
                    "lap": item.lap,
                    "age": int(now - item.edge_at),
                }
                for item in items
            ]
        }

    return Request("TRAK", fields)


def report(event: Event) -> Request:
    """An event."""

    def fields(now: float) -> Fields:
        return {**event.values, "evt": event.evt, "age": int(now - event.at)}

    return Request(event.type, fields, event)
