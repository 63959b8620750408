"""An attempt at a drill: hidden faults on a floor, a trainee who names them, and what that is worth. Pure; times are
monotonic ms.

A trainee says what is broken, as a fault and its target (`floorsim fault --list` has the names). Who is right has it
repaired: the fault ends. 100 points are shared by the faults that are hidden; a wrong diagnosis costs points, and so do
hints and time beyond what a good technician needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from firmware_stubs.faults.scenario import Hidden, Scenario

WRONG_COSTS = 15
HINT_COSTS = 10
MINUTE_COSTS = 5
"""For each minute begun beyond `par_s`."""
PASSED = 70


@dataclass(frozen=True, slots=True)
class Told:
    """What a diagnosis was answered. `verdict`: `right`, `wrong`, `known` (found before) or `over`."""

    verdict: str
    words: str
    found: Hidden | None = None


class Attempt:
    """One trainee at one drill, which is over when all is found, when the trainee gives up, or after its minutes."""

    def __init__(self, scenario: Scenario, now: float) -> None:
        """Raises ValueError for a scenario that is no drill."""
        if scenario.drill is None:
            raise ValueError(f"{scenario.title!r} is no drill: a [drill] with task, answers and par_s is missing")
        self.scenario, self.drill = scenario, scenario.drill
        self.began = now
        self.wrong: list[tuple[str, str]] = []
        self.hints = 0
        self._found: dict[Hidden, float] = {}
        self._ended: float | None = None

    @property
    def left(self) -> Sequence[Hidden]:
        """What nobody has named yet."""
        return [hidden for hidden in self.drill.answers if hidden not in self._found]

    def over(self, now: float) -> bool:
        """Whether nothing more counts."""
        last = self.began + self.scenario.minutes * 60_000
        if self._ended is None and now >= last:
            self._ended = last
        return self._ended is not None

    def answer(self, fault: str, target: str, now: float) -> Told:
        """A diagnosis. The same wrong one costs once; what has not begun to be broken cannot be found."""
        if self.over(now):
            return Told("over", "the drill is over; start it again, or another one")
        for hidden in self.drill.answers:
            if fault in hidden.faults and target == hidden.target and now >= self.began + hidden.from_s * 1000:
                return self._named(hidden, now)
        if (fault, target) not in self.wrong:
            self.wrong.append((fault, target))
        return Told("wrong", self._why_wrong(fault, target))

    def hint(self, now: float) -> str:
        """The next hint; it costs. The last one comes again for nothing. Raises ValueError where there is none."""
        if not self.drill.hints:
            raise ValueError("this drill has no hints")
        if self.hints < len(self.drill.hints) and not self.over(now):
            self.hints += 1
        return self.drill.hints[max(0, self.hints - 1)]

    def give_up(self, now: float) -> None:
        """The trainee wants to be told."""
        if not self.over(now):
            self._ended = now

    def took_s(self, now: float) -> float:
        """Seconds from the start to the end, or until now."""
        self.over(now)
        return ((now if self._ended is None else self._ended) - self.began) / 1000

    def score(self, now: float) -> int:
        """0 to 100: as if it ended now."""
        over_s = self.took_s(now) - self.drill.par_s
        minutes = int(-(-over_s // 60)) if over_s > 0 else 0
        found = 100 * len(self._found) / len(self.drill.answers)
        costs = WRONG_COSTS * len(self.wrong) + HINT_COSTS * self.hints + MINUTE_COSTS * minutes
        return max(0, round(found) - costs)

    def told(self, now: float) -> dict[str, Any]:
        """Where it stands. What is hidden, and how floord shows it, is named only when it is found or all is over."""
        drill, over = self.drill, self.over(now)
        return {
            "title": self.scenario.title,
            "task": drill.task,
            "over": over,
            "passed": over and not self.left and self.score(now) >= PASSED,
            "score": self.score(now),
            "seconds": round(self.took_s(now)),
            "par_s": drill.par_s,
            "to_find": len(self.left),
            "found": [
                {"fault": hidden.faults[0], "target": hidden.target, "after_s": round((at - self.began) / 1000)}
                for hidden, at in self._found.items()
            ],
            "missed": [{"fault": one.faults[0], "target": one.target} for one in self.left] if over else [],
            "wrong": [{"fault": fault, "target": target} for fault, target in self.wrong],
            "hints": self.hints,
            "hints_left": len(drill.hints) - self.hints,
            "shown": [{"event": one.event, "where": dict(one.where)} for one in self.scenario.expects] if over else [],
        }

    def _named(self, hidden: Hidden, now: float) -> Told:
        if hidden in self._found:
            return Told("known", f"{hidden.faults[0]} at {hidden.target} is found and repaired already")
        self._found[hidden] = now
        more = len(self.left)
        if not more:
            self._ended = now
        words = f"right: {hidden.faults[0]} at {hidden.target}; it is repaired"
        return Told("right", words + (f"; {more} more to find" if more else ""), hidden)

    def _why_wrong(self, fault: str, target: str) -> str:
        """Which half of it is right helps who looks at the right place."""
        if any(target == hidden.target for hidden in self.left):
            return f"wrong: {target} is the right place, but it is not {fault}"
        if any(fault in hidden.faults for hidden in self.left):
            return f"wrong: {fault} is right, but not at {target}"
        return f"wrong: {target} has no {fault}"
