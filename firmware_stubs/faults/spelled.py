"""Faults that strike some of those that come: a share of them, so many at most, for so long."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.faults.kind import Ground, Kind, Strike
from firmware_stubs.results import within
from firmware_stubs.spells import Spell
from firmware_stubs.world import World


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
        ground.world.spell(self.target, strike.target, strike.kept, on=True)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """No one more."""
        ground.world.spell(self.target, strike.target, strike.kept, on=False)

    def times(self, for_s: float | None, count: int | None) -> int | None:
        """As often as there is occasion, where a time is given and no count."""
        return count if for_s or count else self.count

    def left(self, strike: Strike) -> int | None:
        """As the spell says, which counts."""
        spell: Spell = strike.kept
        return spell.left


class NoRead(Spelled):
    """A reader reads nothing."""

    name, target, spell = "no_read", "reader", "no_read"
    what = "a reader reads no code of a share of the parcels (dirty window, bad print)"
    shows = "parcel/read NO_READ, parcel/rejected NORD; alarm no-read-… when it is too often"


class WrongRead(Spelled):
    """A reader says a neighbour's code."""

    name, target, spell = "wrong_read", "reader", "wrong"
    what = "a reader says the code of the next parcel instead (badly aimed, parcels too close)"
    shows = "parcel/read with another code, and DUPLICATE_LIVE: alarm duplicate-… when that parcel is read, too"


class DoubleRead(Spelled):
    """A reader stutters."""

    name, target, spell = "double_read", "reader", "double"
    what = "a reader says everything twice"
    shows = "`frames` in floord status --device count both, nothing else"


class SlowRead(Spelled):
    """A reader is late."""

    name, target, spell, Settings = "slow_read", "reader", "late", Late
    what = "a reader says its results so many ms late"
    shows = "parcel/read UNCLAIMED when it is too late for the belt, parcels end as SCANNER_LATE"

    def targets(self, world: World) -> list[str]:
        """At a belt: of a hand nobody can say what is late."""
        return world.readers_at_belts


class EyeChatter(Spelled):
    """An eye bounces."""

    name, target, group = "eye_chatter", "point", "eye"
    for_s = 30.0
    what = "an eye bounces: edges come twice, 20 ms apart"
    shows = "parcel/lost of items that are not there; alarms lost-…, at a decision point ghosts-…"


class GateFails(Spelled):
    """A gate does not move."""

    name, on, target, count = "gate_fails", "belt", "lane", 1
    what = "the gate of a lane does not obey"
    shows = "parcel/sorted or parcel/rejected with result MI; alarm gate-… when it is too often"


class WrongGate(Spelled):
    """A gate is late."""

    name, on, target, count = "wrong_gate", "belt", "line", 1
    what = "a parcel that a gate should take falls into the next lane"
    shows = "parcel/mis_sorted with result MI"


KINDS: tuple[Kind, ...] = (NoRead(), WrongRead(), DoubleRead(), SlowRead(), EyeChatter(), GateFails(), WrongGate())
