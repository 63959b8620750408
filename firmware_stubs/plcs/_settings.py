"""What the settings of the PLC stubs have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class MemorySettings:
    """How the PLC tracks and what it starts with.

    `late_ms`: a command must be there this long before the item reaches the gate. `tolerance_mm`: an edge belongs to
    the item expected within ± this. `evidence` of DIVC: `E` eye in the lane, `G` gate sensor. `retentive`: it keeps
    everything over a power cycle. `jam_ms`: an eye that is covered for longer while the belt runs is a jam. The `next_`
    counters say where it goes on. Raises ValueError.
    """

    epoch: int = 1
    retentive: bool = True
    buffer: int = 2000
    late_ms: float = 50.0
    tolerance_mm: int = 150
    evidence: str = "E"
    next_sequence: int = 1
    next_evt: int = 1
    next_track: int = 1
    jam_ms: float = 3000.0

    ranges: ClassVar[Mapping[str, Range]] = {}  # of an encoding, beside and instead of those here

    def __post_init__(self) -> None:
        for key, (low, high) in {**_RANGES, **self.ranges}.items():
            if getattr(self, key) is not None and not low <= getattr(self, key) <= high:
                raise ValueError(f"{key} = {getattr(self, key)}: give a number from {low} to {high}")
        if self.evidence not in ("E", "G"):
            raise ValueError(f"evidence = {self.evidence!r}: give E (eye in the lane) or G (gate sensor)")


_RANGES: dict[str, Range] = {
    "epoch": (1, 0xFFFF),
    "buffer": (64, 5000),
    "late_ms": (0, 60_000),
    "tolerance_mm": (1, 10_000),
    "next_sequence": (1, 9999),
    "next_evt": (1, 999_999),
    "next_track": (1, 999_999),
    "jam_ms": (1, 600_000),
}
