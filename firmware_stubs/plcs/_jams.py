"""Eyes that see something for too long: a PLC takes that for a jam.

The clock of an eye runs while the belt does: who stands still before an eye blocks nothing, and a belt that starts
begins all clocks anew.
"""

from __future__ import annotations

import math


class Jams:
    """The covered eyes of one line, by point."""

    def __init__(self, jam_ms: float) -> None:
        self._jam_ms = jam_ms
        self._since: dict[str, float] = {}  # since when it has been covered while the belt ran; infinity = it stands
        self._runs = True

    def cover(self, point: str, now: float) -> None:
        """An eye sees something from now on."""
        self._since.setdefault(point, now if self._runs else math.inf)

    def free(self, point: str) -> None:
        """It sees nothing any more."""
        self._since.pop(point, None)

    def belt(self, moves: bool, now: float) -> None:
        """The belt stops, or runs from now on."""
        if moves != self._runs:
            self._runs = moves
            self._since = dict.fromkeys(self._since, now if moves else math.inf)

    def next_at(self) -> float:
        """When the next eye has been covered for too long; infinity = none will have been."""
        return min(self._since.values(), default=math.inf) + self._jam_ms

    def overdue(self, now: float) -> list[str]:
        """The points that are jammed now, each once for every run of the belt."""
        found = [point for point, since in self._since.items() if since + self._jam_ms <= now]
        self._since.update(dict.fromkeys(found, math.inf))
        return found
