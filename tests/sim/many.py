"""Many stories, over some processes, and what they covered."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from multiprocessing import get_context
from textwrap import fill

from tests.sim.faults import KINDS
from tests.sim.story import Story, Told, play

Kinds = tuple[str, ...] | None
"""faults that a story suffers; None = its seed draws them"""


class Report:
    """What a run of many seeds covered."""

    def __init__(self) -> None:
        self.seeds = self.failed = 0
        self.simulated_ms = 0.0
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.pairs: set[tuple[str, str]] = set()

    def add(self, told: Told) -> None:
        """One more."""
        self.seeds += 1
        self.failed += bool(told.broken)
        self.simulated_ms += told.at_ms
        self.counts.update(told.counts)
        self.kinds.update(told.story.kinds)
        self.pairs.update(combinations(told.story.kinds, 2))

    def text(self, seconds: float | None = None) -> str:
        """For people."""
        parcels = self.counts["inducted"]
        most = len(KINDS) * (len(KINDS) - 1) // 2
        never = sorted(set(KINDS) - set(self.kinds))
        lines = [
            f"seeds: {self.seeds}, failed: {self.failed}; {parcels} parcels, {self.counts['lane']} lay in lanes, "
            f"{self.counts['recalls']} recalls, {self.counts['doubled']} events came twice",
            f"faults: {len(self.kinds)} of {len(KINDS)} kinds, {len(self.pairs)} of {most} pairs of kinds",
            f"ends: {', '.join(f'{name} {n}' for name, n in sorted(self.counts.items()) if '/' in name)}",
        ]
        if seconds is not None:
            lines.insert(1, self._speed(seconds))
        if len(never) < len(self.kinds):
            lines += [f"never drawn: {', '.join(never)}"] if never else []
        else:
            lines.append(f"drawn: {', '.join(sorted(self.kinds)) or 'nothing'}")
        return "\n".join(fill(line, 79, subsequent_indent="  ", break_on_hyphens=False) for line in lines)

    def _speed(self, seconds: float) -> str:
        parcels, simulated = self.counts["inducted"], self.simulated_ms / 1000
        return f"{seconds:.0f} s: {parcels / seconds:.0f} parcels a second, {simulated / seconds:.0f} times real time"


def run(stories: list[Story], processes: int, kinds: Kinds = None) -> Iterator[Told]:
    """Play them with the blows of their seeds, or of these kinds, over some processes; as they end."""
    yield from run_each([(story, kinds) for story in stories], processes)


def run_each(stories: Sequence[tuple[Story, Kinds]], processes: int) -> Iterator[Told]:
    """The same, each with kinds of its own."""
    if processes <= 1:
        yield from map(_played, stories)
        return
    with get_context("spawn").Pool(processes, _start) as pool:
        yield from pool.imap_unordered(_played, stories)


def deal(stories: list[Story], kinds: Iterable[str]) -> list[tuple[Story, Kinds]]:
    """Each kind to one story, neighbours in the alphabet to different ones: few stories suffer everything there is."""
    names = sorted(kinds)
    return [(story, tuple(names[turn :: len(stories)])) for turn, story in enumerate(stories)]


def _played(drawn: tuple[Story, Kinds]) -> Told:
    story, kinds = drawn
    return play(story, drawn=False, kinds=kinds)


def _start() -> None:
    """A worker makes few cycles and many objects: it is told to look for garbage seldom."""
    gc.set_threshold(100_000, 20, 100)
