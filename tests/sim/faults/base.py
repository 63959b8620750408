"""The shape of a fault. It is drawn as strikes: single blows, each with a moment, a place and its own dice.

So a story is a list of strikes, any of which can be left out without changing the others: that is how it is shrunk.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sim.hub import Hub


@dataclass(frozen=True, slots=True)
class Strike:
    """One blow: `at` and `lasts` in ms from the start of the run, `where` a line, a cable or nothing."""

    kind: str
    at: float
    lasts: float
    where: str
    dice: int

    @property
    def rng(self) -> Random:
        """What else it draws."""
        return Random(self.dice)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a story file."""
        return asdict(self)


class Fault:
    """One kind. `rate`: strikes a minute while it is drawn; `lasts`: from, to in ms; `where`: what it strikes.

    `rough`: how long after its end nothing can be expected of the place in time (ms); None = it changes nothing there.
    """

    name = ""
    rate = 1.0
    lasts = (0.0, 0.0)
    where = "hub"
    """`hub`, `line`, `plc` (its cable) or `scanner` (its cable)"""
    rough: float | None = None

    def possible(self, hub: Hub) -> bool:
        """Whether this hub can suffer it."""
        return True

    def places(self, hub: Hub) -> list[str]:
        """Where it may strike."""
        if self.where == "line":
            return list(hub.floor.places)
        if self.where == "plc":
            return list(hub.config.plc)
        if self.where == "scanner":
            return list(hub.config.scanner)
        return [""]

    def draw(self, hub: Hub, rng: Random, minutes: float, quiet_ms: float) -> list[Strike]:
        """Its strikes in a run, all over before the run's last `quiet_ms`."""
        strikes: list[Strike] = []
        at, last = 0.0, minutes * 60_000 - quiet_ms
        while True:
            at += rng.expovariate(self.rate) * 60_000
            lasts = min(rng.uniform(*self.lasts), last - at)
            if at >= last or lasts < 0:
                return strikes
            place = rng.choice(self.places(hub))
            strikes.append(Strike(self.name, round(at, 1), round(lasts, 1), place, rng.randrange(2**32)))

    def hit(self, hub: Hub, strike: Strike) -> None:
        """It begins."""
        raise NotImplementedError

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It ends, `lasts` later; only called where that is above 0."""
