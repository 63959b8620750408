"""The deterministic simulation in short: a seed is the same again, and planted bugs are found.

`make sim ARGS="--seeds 1000 --minutes 5"` is the long form.
"""

from __future__ import annotations

import pytest

from tests.sim.floor_text import Floor
from tests.sim.planted import BUGS
from tests.sim.story import Story, play

BUG_SEEDS, BUG_MINUTES = 200, 1.5


def test_a_seed_is_the_same_again() -> None:
    floor = Floor(lines=("S1", "S3"), parcels_per_hour=6_000)
    first, again = (play(Story(3, 1.0, floor), drawn=False) for _ in range(2))
    assert first == again
    assert Story.from_json(first.story.to_json()) == first.story


@pytest.mark.slow
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    bug = BUGS[name]
    with bug.planted():
        for seed in range(1, BUG_SEEDS + 1):
            told = play(bug.story(seed, BUG_MINUTES), drawn=False, kinds=bug.kinds)
            if told.broken.split(":")[0] in bug.promise.split():
                print(f"{name}: seed {seed}: {told.broken}")
                return
    raise AssertionError(f"nobody notices in {BUG_SEEDS} seeds that {bug.what}")
