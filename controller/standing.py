"""Alarms that stand as long as something is so: raised once, again at most once a minute when they change, cleared.

And those that are told once, because what they say happened: nobody can see them standing.
"""

from __future__ import annotations

from controller.events import Alarm

AGAIN_MS = 60_000.0

LATELY_MS = 3_600_000.0
KEPT = 100
"""Alarms told once that are remembered; of more the latest."""


def words(event: str, alarm: Alarm) -> str:
    """`alarm/raised` or `alarm/cleared` as one line for the log."""
    if event == "alarm/cleared":
        return f"alarm {alarm.alarm} is over"
    return f"alarm {alarm.alarm} ({alarm.priority}): {' '.join(alarm.what.split())}"


class Standing:
    """`now` is monotonic ms. What is said here leaves with `take`."""

    def __init__(self) -> None:
        self._wanted: dict[str, Alarm] = {}
        self._told: dict[str, Alarm] = {}
        self._raised: dict[str, float] = {}

    def set(self, alarm: Alarm) -> None:
        """It is so, or it is so otherwise than before."""
        self._wanted[alarm.alarm] = alarm

    def clear(self, name: str) -> None:
        """It is so no more."""
        self._wanted.pop(name, None)

    def take(self, now: float) -> list[tuple[str, Alarm]]:
        """(event, alarm) to be reported now."""
        out = []
        for name in [name for name in self._told if name not in self._wanted]:
            told = self._told.pop(name)
            over = told.model_copy(update={"what": f"it is over: {told.what}", "sequences": None})
            out.append(("alarm/cleared", over))
        for name, alarm in self._wanted.items():
            if alarm != self._told.get(name) and self._due(name) <= now:
                self._told[name], self._raised[name] = alarm, now
                out.append(("alarm/raised", alarm))
        return out

    def next_at(self) -> float | None:
        """When `take` has something; None = not before something is said here."""
        if not (self._told or self._wanted):
            return None
        over = float("-inf") if self._told.keys() - self._wanted.keys() else None
        dues = [self._due(name) for name, alarm in self._wanted.items() if alarm != self._told.get(name)]
        return min((due for due in (over, *dues) if due is not None), default=None)

    def _due(self, name: str) -> float:
        return self._raised.get(name, float("-inf")) + AGAIN_MS


class Once:
    """Critical alarms that were told once. In memory: the journal has them all."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, Alarm]] = {}

    def heard(self, alarm: Alarm, at: float) -> None:
        """It was raised at `at`, and does not stand. One that is raised again counts as told then."""
        if alarm.priority == "critical":
            self._told.pop(alarm.alarm, None)
            self._told[alarm.alarm] = (at, alarm)
            if len(self._told) > KEPT:
                del self._told[next(iter(self._told))]

    def follow(self, other: Once) -> None:
        """What this one heard comes after what another one did."""
        own, self._told = self._told, {}
        for at, alarm in (*other._told.values(), *own.values()):
            self.heard(alarm, at)

    def lately(self, now: float) -> list[tuple[float, Alarm]]:
        """(when, alarm) of those of the last hour, the newest first."""
        return [(at, alarm) for at, alarm in reversed(self._told.values()) if now - at <= LATELY_MS]
