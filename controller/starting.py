"""A floor as a start finds it: made of what the journal restored, by the daemon and by a replay alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from controller import kept
from controller.config import Config
from controller.floor import Floor
from controller.journal_rows import Restored
from controller.plan import Plan


@dataclass(frozen=True, slots=True)
class Start:
    """What a Node is told at its start: the moment, UTC at that moment, whether moments in the journal still count."""

    now: float
    utc_ms: float
    same_boot: bool
    rng: Random


def floor_of(config: Config, plans: Mapping[str, Plan], restored: Restored, start: Start) -> Floor:
    """The floor before its first step. `plans`: by name; the first one is in force unless another was."""
    floor = Floor(config, next(iter(plans.values())), restored.journal, restored.last_seq, plans=dict(plans))
    floor.utc_offset = start.utc_ms - start.now
    kept.restore(floor, restored.state, same_boot=start.same_boot)
    for name, (epoch, _) in restored.channels.items():
        if name in floor.plc_line:
            floor.plc_line[name].epoch = epoch
    return floor
