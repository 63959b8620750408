"""One item as its PLC knows it, and the destination that a DEST gives it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Destination(NamedTuple):
    """What a DEST says."""

    point: str
    track: int
    decision: int
    reason: str
    no_default: bool
    if_none: str
    lanes: tuple[str, ...]


@dataclass(eq=False, slots=True)
class Item:
    """An item on the belt, and what became of its destination so far. Ways: see `_geometry.py`."""

    track: int
    length: int
    point: str  # the last one passed
    edge_at: float
    offset: float  # its front edge is at the way odometer + offset
    certainty: str
    seen: float  # the way at which an eye saw it last
    carrier: int = 0  # the first it lies on; 0 = none, or not known
    carriers: int = 0  # on how many of them
    lap: int = 0
    lap_point: str = ""  # a lap is over when it is here again: its first decision point, or its first point
    arrived: bool = False  # at a decision point, at least once
    horizon: float = math.inf  # gates from this way on belong to its next lap
    done: float = -math.inf  # gates up to this way are decided
    held: Destination | None = None  # the last one taken, whose number counts
    dest: Destination | None = None  # the one obeyed; None = none, or spent
    wanted: tuple[str, ...] = ()  # its lanes that may still be chosen
    targets: tuple[str, ...] = ()  # lanes at whose gates something is to be decided
    told: bool = True  # RCIR: in this lap nothing is (any more) to be told
    lane: str | None = None  # commanded into this one
    gate_way: float = 0.0
    fired_at: float = 0.0  # when that gate fired
    awaited_until: float = 0.0  # its lane's eye should have seen it by then; 0 = the gate has not fired
    missed_by: str = ""  # the lane whose gate did not take it, since an eye saw it last
    why_not_first: str = ""  # result code of the first lane's gate, once passed
    result: str = ""
    late: bool = False  # a DEST was refused with LATE
    holds_line: bool = False  # reached the end with flag N
    announced: bool = False  # an event of it was sent at least once
    on_line: bool = True  # False = the PLC follows it no more
    codes: tuple[bytes, ...] | None = None  # what the scanner on the PLC read, for the next ARRV; None = not there yet
    mark: float = math.nan  # the odometer at which something is to be decided about it

    def should_be_off(self, way: float) -> bool:
        """Whether it was commanded into a lane that lies before this way."""
        return self.lane is not None and self.gate_way <= way
