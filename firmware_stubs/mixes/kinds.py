"""Kinds of parcels: how large and how heavy they are.

The numbers are an assumption, no measurement: a hub of e-commerce imports, limits of what carriers take (31.5 kg; 1.2 m
on a sorter). Each is drawn with a triangular distribution, most often near the third number.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

Range = tuple[int, int, int]  # least, most, most often


@dataclass(frozen=True, slots=True)
class Kind:
    """Ranges in mm and g."""

    length_mm: Range
    width_mm: Range
    height_mm: Range
    weight_g: Range

    def drawn(self, rng: Random) -> tuple[int, int, int, int]:
        """Length, width, height in mm, weight in g."""
        ranges = (self.length_mm, self.width_mm, self.height_mm, self.weight_g)
        length, width, height, weight = (round(rng.triangular(*each)) for each in ranges)
        return max(length, width), min(length, width), height, weight


KINDS = {
    "polybag": Kind((160, 420, 280), (120, 320, 210), (5, 90, 25), (40, 2_500, 300)),
    "box": Kind((150, 600, 300), (100, 400, 220), (50, 400, 150), (150, 12_000, 1_500)),
    "heavy": Kind((300, 800, 450), (250, 600, 350), (150, 500, 300), (12_000, 31_500, 17_000)),
    "nonconveyable": Kind((800, 1_500, 1_000), (200, 700, 350), (100, 700, 250), (1_000, 31_500, 9_000)),
    "bag": Kind((600, 1_000, 800), (400, 600, 500), (150, 450, 300), (3_000, 30_000, 12_000)),
    "cage": Kind((800, 1_200, 800), (700, 800, 720), (1_500, 1_900, 1_700), (60_000, 450_000, 180_000)),
}
"""Bags and cages hold parcels; they come to docks, not onto belts."""
