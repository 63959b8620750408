"""A bad time of a reader, an eye or a gate: what goes wrong there with some of those that come."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True, eq=False)
class Spell:
    """It strikes this share of those that come, so many at most; `kind` and `ms` as whoever is struck knows them."""

    kind: str = ""
    share: float = 1.0
    left: int | None = None  # None = as long as it lasts
    ms: float = 0.0
    rng: Random = field(default_factory=lambda: Random(0))

    def strikes(self) -> bool:
        """Whether it is this one; counted."""
        if self.left == 0 or (self.share < 1 and self.rng.random() >= self.share):
            return False
        if self.left is not None:
            self.left -= 1
        return True


def struck(spells: list[Spell]) -> Spell | None:
    """The first one that strikes now."""
    return next((spell for spell in spells if spell.strikes()), None)
