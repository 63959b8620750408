"""Where things stand along a line or round a loop, as its PLC was configured.

A *way* is unrolled: on a loop of length 100 an eye at 30 is met at the ways 30, 130, 230 …, and an item's own way only
ever grows. So an item is ahead of a gate or past it on a loop exactly as on a line, and nothing is compared modulo.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

_ID = re.compile(r"[A-Z0-9_-]{1,12}")
_KINDS = ("line", "loop")


@dataclass(frozen=True)
class Geometry:
    """The line as its PLC was configured: ids of 1..12 characters `A-Z 0-9 _ -`, positions in mm along the belt.

    `inductions` and `decisions` name points; a point that is neither only reports who passes. On a loop `length_mm` is
    one lap, every position lies on it, and `carriers` of them (0 = a plain belt) go round; an item is seen once at its
    induction and every lap at each other point. `encoder_um`: what the belt moves for one count. Raises ValueError.
    """

    points: Mapping[str, int]
    inductions: Collection[str]
    decisions: Collection[str]
    lanes: Mapping[str, int]
    default_lane: str
    speed_mm_s: int
    length_mm: int
    kind: str = "line"
    carriers: int = 0
    encoder_um: int = 1000

    def __post_init__(self) -> None:
        for name in (*self.points, *self.lanes):
            if not _ID.fullmatch(name):
                raise ValueError(f"id {name!r}: 1 to 12 characters of A-Z 0-9 _ - are needed")
        for name in (*self.inductions, *self.decisions):
            if name not in self.points:
                raise ValueError(f"point {name!r} has no position; give one of {sorted(self.points)}")
        if self.default_lane not in self.lanes:
            raise ValueError(f"default lane {self.default_lane!r} is no lane; give one of {sorted(self.lanes)}")
        if self.speed_mm_s <= 0 or self.length_mm <= 0 or self.encoder_um <= 0:
            raise ValueError("speed_mm_s, length_mm and encoder_um must be above 0")
        if self.kind not in _KINDS:
            raise ValueError(f"kind {self.kind!r} does not exist; give one of {', '.join(_KINDS)}")
        if not 0 <= self.carriers <= (999_999 if self.is_loop else 0):
            raise ValueError(f"carriers = {self.carriers}: a loop has 0 to 999999, a line none")
        for name, position in (*self.points.items(), *self.lanes.items()):
            if self.is_loop and not 0 <= position < self.length_mm:
                raise ValueError(f"{name} at {position} mm is not on the loop; give 0 to {self.length_mm - 1}")

    @property
    def is_loop(self) -> bool:
        """Whether items come round again."""
        return self.kind == "loop"


class Course:
    """The ways at which an item meets the places of a geometry."""

    def __init__(self, geometry: Geometry) -> None:
        self.lap = geometry.length_mm if geometry.is_loop else 0
        # Where a gate's turn ends on a loop: at the next arrival that is asked about.
        names = geometry.decisions or geometry.points
        self.stages = sorted({geometry.points[name] for name in names}) if self.lap else []
        self.gates = sorted(geometry.lanes.values())

    def after(self, places: Sequence[int], way: float) -> float:
        """The first way behind `way` at which one of these (sorted) places is met; infinity = none."""
        if not places:
            return math.inf
        laps, rest = divmod(way, self.lap) if self.lap else (0.0, way)
        index = bisect_right(places, rest)
        if index < len(places):
            return laps * self.lap + places[index]
        return (laps + 1) * self.lap + places[0] if self.lap else math.inf

    def before(self, places: Sequence[int], way: float) -> float:
        """The last way ahead of `way` at which one of these (sorted) places is met; minus infinity = none."""
        if not places:
            return -math.inf
        if way == math.inf:
            return places[-1]
        laps, rest = divmod(way, self.lap) if self.lap else (0.0, way)
        index = bisect_left(places, rest)
        if index:
            return laps * self.lap + places[index - 1]
        return (laps - 1) * self.lap + places[-1] if self.lap else -math.inf

    def next(self, positions: Iterable[float], way: float) -> float:
        """As `after`, for a few places in any order."""
        lap, first = self.lap, math.inf
        for mm in positions:
            if lap:
                mm += ((way - mm) // lap + 1) * lap
            if way < mm < first:
                first = mm
        return first

    def nearest(self, position: int, way: float) -> float:
        """The way nearest to `way` at which the place is met."""
        return position + round((way - position) / self.lap) * self.lap if self.lap else position
