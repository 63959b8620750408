"""The PLC's requests as telegrams: a body is made anew for each sending, because ages grow.

Source: PLC interface v1 §2 (rules 3, 10) and §3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_stubs.plcs._events import Event
from firmware_stubs.plcs._item import Item
from firmware_stubs.plcs._line import Line
from firmware_stubs.plcs._telegram_codec import report_body, trak_body


@dataclass(eq=False, slots=True)
class Request:
    """A request that is open or about to be."""

    type: str
    body: Callable[[float], str]
    event: Event | None = None
    sequence: int = 0
    sendings: int = 0
    due: float = 0.0  # when it may leave, first or again


def trak(items: list[Item], line: Line) -> Request:
    """TRAK of these items; where they are and what is obeyed is read at each sending."""

    def body(now: float) -> str:
        return trak_body(
            [
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
        )

    return Request("TRAK", body)


def report(event: Event) -> Request:
    """An event."""

    def body(now: float) -> str:
        return report_body(event.type, {**event.values, "evt": event.evt, "age": int(now - event.at)})

    return Request(event.type, body, event)
