"""A figure of the benchmark, and what a scenario is.

A scenario is a module of this package with `measure(options) -> Iterable[Figure]`; `scenarios.py` names them in the
order of the table. Each figure holds one value a round, so that medians and spread come from the same place for all.
Where a figure can be a ratio its two sides are measured in turns within one round: a machine's noise then hits both.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How much is run. `quick`: a short look, not for comparing. `folder`: for files, on the disk to be measured; it is
    empty at the start of each scenario and thrown away after it. `say`: a line of progress."""

    rounds: int
    quick: bool
    folder: Path
    say: Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """One line of the table: `values` has one value a round. `target`: what it shall be at most, or with `least` at
    least; None where there is none."""

    what: str
    unit: str
    values: tuple[float, ...]
    target: float | None = None
    least: bool = False
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of all rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median is what it shall be; None without a target."""
        if self.target is None:
            return None
        return self.median >= self.target if self.least else self.median <= self.target


Measure = Callable[[Options], Iterable[Figure]]
