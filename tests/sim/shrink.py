"""A failing story made short: fewer lines, less time, and only the blows without which the same promise holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.sim import floor_text
from tests.sim.faults.base import Strike
from tests.sim.story import Story, Told, play

MOST_RUNS = 60


def shrink(told: Told) -> Told:
    """The shortest story found that breaks the same promise; at most MOST_RUNS runs."""
    best, runs = told, 0
    promise = told.broken.split(":")[0]

    def still(story: Story) -> bool:
        nonlocal best, runs
        if runs >= MOST_RUNS:
            return False
        runs += 1
        again = play(story)
        if again.broken.split(":")[0] != promise:
            return False
        best = again
        return True

    _cut(best, still)
    for _ in range(2):
        _fewer_strikes(lambda: best, still)
        for place in best.story.floor.places:
            if len(best.story.floor.places) > 1 and not any(_at(strike, place) for strike in best.story.strikes):
                still(replace(best.story, floor=best.story.floor.without(place)))
    return best


def _at(strike: Strike, place: str) -> bool:
    """Whether a blow falls on a line, or on the cable of its PLC or scanner."""
    return strike.where == place or strike.where.endswith(f"-{floor_text.number(place)}")


def _cut(told: Told, still: Callable[[Story], bool]) -> None:
    """What comes after the failure never mattered."""
    minutes = (told.at_ms + 1000) / 60_000
    strikes = tuple(strike for strike in told.story.strikes if strike.at <= told.at_ms)
    if minutes < told.story.minutes:
        still(replace(told.story, minutes=minutes, strikes=strikes))
    elif len(strikes) < len(told.story.strikes):
        still(replace(told.story, strikes=strikes))


def _fewer_strikes(best: Callable[[], Told], still: Callable[[Story], bool]) -> None:
    """Leave out halves, quarters, …, single blows."""
    size = max(1, len(best().story.strikes) // 2)
    while True:
        begin = 0
        while begin < len(best().story.strikes):
            story = best().story
            fewer = story.strikes[:begin] + story.strikes[begin + size :]
            if not still(replace(story, strikes=fewer)):
                begin += size
        if size == 1:
            return
        size //= 2
