"""A floor as a start finds it: made of what the journal restored, by the daemon and by a replay alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from controller import kept
from controller.config import Config
from controller.customs import Book
from controller.floor import Floor
from controller.journal_rows import Restored
from controller.plan import Plan


@dataclass(frozen=True, slots=True)
class Start:
    """What a Node is told at its start: the moment, UTC at that moment, whether moments in the journal still count.

    `why`: of a start within a running daemon. There is a `book` then, too: the customs records as they stand in memory,
    which `restored` does not bring again (half a million of them would keep the belts waiting).
    """

    now: float
    utc_ms: float
    same_boot: bool
    rng: Random
    why: str = ""
    book: Book | None = None


def floor_of(config: Config, plans: Mapping[str, Plan], restored: Restored, start: Start) -> Floor:
    """The floor before its first step. `plans`: by name; the first one is in force unless another was."""
    floor = Floor(config, next(iter(plans.values())), restored.journal, restored.last_seq, plans=dict(plans))
    floor.utc_offset = start.utc_ms - start.now
    if start.book is not None:
        floor.book, start.book.stale_ms = start.book, floor.book.stale_ms
    kept.restore(floor, restored.state, same_boot=start.same_boot)
    for name, (epoch, _) in restored.channels.items():
        if name in floor.plc_line:
            floor.plc_line[name].epoch = epoch
    return floor
