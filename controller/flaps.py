"""Which losses of a link the log tells: a cable that comes and goes all the time must not fill it.

Some losses at once are told, then one each 10 s, with the number of those that were not. What the log tells last is
true: a loss that was not told is told when it lasts, and how often it was when it has been quiet for a minute.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.wording import counted

BURST, EACH_MS = 6.0, 10_000.0
LASTS_MS, QUIET_MS = 3_000.0, 60_000.0


@dataclass(slots=True)
class _Link:
    budget: float = BURST
    at: float = 0.0
    lost_at: float | None = None
    why: str = ""
    told: bool = True
    untold: int = 0


class Flaps:
    """What to say of links; times are monotonic ms."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}

    def down(self, name: str, why: str, at: float) -> str:
        """It was lost, or could not be opened; empty = say nothing now."""
        one = self._links.setdefault(name, _Link(at=at))
        one.budget = min(BURST, one.budget + (at - one.at) / EACH_MS)
        one.at = one.lost_at = at
        one.why, one.told = why, one.budget >= 1.0
        if not one.told:
            one.untold += 1
            return ""
        one.budget -= 1.0
        return self._loss(name, one)

    def up(self, name: str, at: float) -> str:
        """It is open; empty = say nothing."""
        one = self._links.setdefault(name, _Link(at=at))
        lost, one.lost_at, one.at = one.lost_at, None, at
        if lost is None:
            return f"{name}: connected"
        return f"{name}: back after {(at - lost) / 1000:.1f} s" if one.told else ""

    def due(self, now: float) -> list[str]:
        """What was not told and is to be now; ask each second."""
        said = []
        for name, one in self._links.items():
            if one.lost_at is not None and not one.told and now - one.lost_at >= LASTS_MS:
                one.told = True
                one.untold -= 1
                said.append(self._loss(name, one))
            elif one.lost_at is None and one.untold and now - one.at >= QUIET_MS:
                said.append(f"{name}: has held for a minute; had been lost {counted(one.untold, 'time')} more")
                one.untold = 0
        return said

    def forget(self, name: str) -> None:
        """The link is no more."""
        self._links.pop(name, None)

    @staticmethod
    def _loss(name: str, one: _Link) -> str:
        more, one.untold = f"; lost {counted(one.untold, 'time')} more since the last line" if one.untold else "", 0
        return f"{name}: {one.why}; trying again{more}"
