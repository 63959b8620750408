"""Faults that strike some of those that come: a share of them, so many at most, for so long."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.faults.kind import Ground, Kind, Strike
from firmware_stubs.results import within
from firmware_stubs.spells import Spell


@dataclass(frozen=True, slots=True)
class Share:
    """`share`: of those that come, from 0 to 1."""

    share: float = 1.0

    def __post_init__(self) -> None:
        within("share", self.share, 0.0001, 1)


@dataclass(frozen=True, slots=True)
class Late(Share):
    """`ms`: so late."""

    ms: float = 300.0

    def __post_init__(self) -> None:
        within("share", self.share, 0.0001, 1)
        within("ms", self.ms, 1, 60_000)


class Spelled(Kind):
    """`spell`: what the spell is called at the place where it is."""

    spell = ""
    counts = True
    Settings: type = Share

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """From the next one on."""
        ms = getattr(strike.settings, "ms", 0.0)
        strike.kept = Spell(self.spell, strike.settings.share, strike.left, ms, strike.rng)
        ground.world.spell(strike.target, strike.kept, on=True)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """No one more."""
        ground.world.spell(strike.target, strike.kept, on=False)

    def left(self, strike: Strike) -> int | None:
        """As the spell says, which counts."""
        spell: Spell = strike.kept
        return spell.left


class NoRead(Spelled):
    """A reader reads nothing."""

    name, target, spell = "no_read", "reader", "no_read"
    what = "a reader reads no code of a share of the parcels (dirty window, bad print)"
    shows = "parcel/read with outcome NO_READ; they go to the exception lane"


class WrongRead(Spelled):
    """A reader says a neighbour's code."""

    name, target, spell = "wrong_read", "reader", "wrong"
    what = "a reader says the code of the next parcel instead (badly aimed, parcels too close)"
    shows = "parcel/read with another parcel's code; the code is live twice: alarm duplicate-…"


class DoubleRead(Spelled):
    """A reader stutters."""

    name, target, spell = "double_read", "reader", "double"
    what = "a reader says everything twice"
    shows = "parcel/read twice; nothing else changes"


class SlowRead(Spelled):
    """A reader is late."""

    name, target, spell, Settings = "slow_read", "reader", "late", Late
    what = "a reader says its results so many ms late"
    shows = "reads beyond window_mm are matched to nobody: parcel/read AMBIGUOUS or none, the parcel goes to exception"


class EyeChatter(Spelled):
    """An eye bounces."""

    name, target, group = "eye_chatter", "point", "eye"
    for_s = 30.0
    what = "an eye bounces: edges come twice, 20 ms apart"
    shows = "ghosts at an induction, nothing at a decision point that knows whom to expect"


class GateFails(Spelled):
    """A gate does not move."""

    name, on, target, count = "gate_fails", "belt", "lane", 1
    what = "the gate of a lane does not obey"
    shows = "parcel/mis_sorted or parcel/sorted into another lane of its list, result MI"


class WrongGate(Spelled):
    """A gate is late."""

    name, on, target, count = "wrong_gate", "belt", "line", 1
    what = "a parcel that a gate should take falls into the next lane"
    shows = "parcel/mis_sorted"


KINDS: tuple[Kind, ...] = (NoRead(), WrongRead(), DoubleRead(), SlowRead(), EyeChatter(), GateFails(), WrongGate())
