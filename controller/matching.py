"""Which parcel a read belongs to: belt time and position windows.

A read carries no parcel, only a place (the reader's transmit point) and a moment. The belt carries every parcel from
its eye edge at a known speed, so at that moment each parcel has a position; the read belongs to the parcel in the
window around the transmit point. Everything here is in mm of belt travel: when the belt stands, so does this clock.

The window is ± `window_mm`, never more than half the distance to a neighbour (less a guard band: in the middle
between two parcels a read belongs to neither). Two candidates: none gets it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.value import value

GUARD_MM = 10.0
"""Half the width of the band in the middle between two parcels in which a read is given to none."""

KEPT_SEGMENTS = 128
"""Speed changes remembered; older moments are extrapolated with the oldest kept speed."""


@dataclass(slots=True)
class Odometer:
    """Belt travel in mm over time: the integral of the speed the PLC reports. Moments may lie in the recent past."""

    speed: float
    """mm/s while the belt runs"""
    running: bool = True
    changes: int = field(default=0, compare=False)
    """how often what is believed of its past has changed"""
    _times: list[float] = field(default_factory=lambda: [0.0])
    _marks: list[float] = field(default_factory=lambda: [0.0])
    _speeds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._speeds.append(self.speed if self.running else 0.0)

    def at(self, when: float) -> float:
        """Belt travel in mm at that moment."""
        index = -1 if when >= self._times[-1] else max(0, bisect_right(self._times, when) - 1)
        return self._marks[index] + (when - self._times[index]) * self._speeds[index] / 1000

    def change(self, when: float, *, speed: float | None = None, running: bool | None = None) -> None:
        """From `when` on the belt has this speed, or runs, or stands.

        What was believed of the time behind `when` is forgotten: at a synchronisation a PLC says first how fast the
        belt is now, and then since when. A moment before everything kept counts as the first one kept.
        """
        self.speed = self.speed if speed is None else speed
        self.running = self.running if running is None else running
        while len(self._times) > 1 and self._times[-1] > when:
            for past in (self._times, self._marks, self._speeds):
                past.pop()
            self.changes += 1
        now = self.speed if self.running else 0.0
        if now == self._speeds[-1]:
            return
        self.changes += 1
        when = max(when, self._times[-1])
        self._marks.append(self.at(when))
        self._times.append(when)
        self._speeds.append(now)
        for past in (self._times, self._marks, self._speeds):
            del past[:-KEPT_SEGMENTS]

    def when(self, mark: float) -> float | None:
        """The moment the belt, at its present speed, comes or came to `mark` mm; None while it stands."""
        speed = self._speeds[-1]
        return self._times[-1] + (mark - self._marks[-1]) * 1000 / speed if speed > 0 else None

    def kept(self) -> list[list[float]]:
        """Its past for the journal: times, marks, speeds, and the speed at which it runs."""
        return [self._times, self._marks, self._speeds, [self.speed, float(self.running)]]

    def restore(self, kept: list[list[float]]) -> None:
        """Go on from `kept`."""
        self.changes += 1
        self._times, self._marks, self._speeds = (list(part) for part in kept[:3])
        self.speed, self.running = kept[3][0], bool(kept[3][1])

    def stops_since(self, when: float) -> int:
        """How often the belt has stopped since that moment: each stop adds a coasting distance to the window."""
        return sum(speed == 0.0 for speed in self._speeds[bisect_right(self._times, when) :])


@value
class Match:
    """`travel` = who gets the read, None = nobody; `ambiguous` = nobody because more than one could."""

    travel: str | None
    ambiguous: bool = False


def reach(window_mm: float) -> float:
    """How far from the transmit point an item may be and still matter to `match`, with the widest window of all: the
    read may only be of one in the window, and a neighbour counts within twice as much from that one."""
    return 3 * window_mm + 2 * GUARD_MM


def match(transmit_mm: float, window_mm: float, items: Iterable[tuple[str, float, float]]) -> Match:
    """Give a read at `transmit_mm` to one of `items` = (travel id, position in mm, extra window in mm) or to none."""
    near = sorted(items, key=lambda item: abs(item[1] - transmit_mm))
    if not near:
        return Match(None)
    travel, position, extra = near[0]
    off, window = abs(position - transmit_mm), window_mm + extra
    if off > window:
        return Match(None)
    apart = min((abs(other - position) for _, other, _ in near[1:]), default=None)
    if apart is None or off <= apart / 2 - GUARD_MM:
        return Match(travel)
    return Match(None, ambiguous=abs(near[1][1] - transmit_mm) <= window)
