"""Faults of belts and lanes: what stands, is slow, full, locked or gone, and what hands do to parcels."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.faults.kind import Ground, Kind, Strike
from firmware_stubs.handling import NotThereError
from firmware_stubs.results import latin, within
from firmware_stubs.rides import Parcel

RETRY_MS = 100.0
"""Where there is no parcel to do it to, it is tried again."""


class Halt(Kind):
    """A belt stands until somebody starts it."""

    on, target, group, for_s = "belt", "line", "drive", 20.0

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """It stands."""
        getattr(ground.world, self.name)(strike.target, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Somebody starts it."""
        ground.start(strike.target, now)


class Jam(Halt):
    """It jams."""

    name = "jam"
    what = "a line jams: its PLC stops it and says JAM"
    shows = "line/jammed, line/started"


class Stop(Halt):
    """Somebody stops it."""

    name = "stop"
    what = "somebody stops a belt"
    shows = "line/stopped, line/started"


class EmergencyStop(Halt):
    """Somebody presses the emergency stop."""

    name = "estop"
    what = "somebody presses a line's emergency stop, and at the end releases it and starts the belt"
    shows = "line/estop, then line/stopped and line/started; what is on it is doubtful"

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Released, and started."""
        ground.world.release_estop(strike.target, now)
        super().end(ground, strike, now)


@dataclass(frozen=True, slots=True)
class Speed:
    """`share`: of the speed that the belt has."""

    share: float = 0.5

    def __post_init__(self) -> None:
        within("share", self.share, 0.01, 1)


class Slow(Kind):
    """A belt is slower than it should be."""

    name, on, target, Settings = "slow", "belt", "line", Speed
    what = "a belt runs with a share of its speed"
    shows = "speed_mm_s of state/line and floord status; windows and deadlines follow it, all goes on"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Slower."""
        strike.kept = ground.world.speed_of(strike.target)
        ground.world.speed(strike.target, max(1, round(strike.kept * strike.settings.share)), now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """As it was."""
        ground.world.speed(strike.target, strike.kept, now)


class OnLane(Kind):
    """A lane takes nothing."""

    on, target = "belt", "lane"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """From now on."""
        getattr(ground.world, self.name)(strike.target, True, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """What is true again."""
        getattr(ground.world, self.name)(strike.target, False, now)


class LaneFull(OnLane):
    """Its eye says so."""

    name = "lane_full"
    what = "the eye of a chute says full, whatever lies there"
    shows = "lane/full, lane/free; parcel/routed and parcel/rerouted to the next lane, reason FULL"


class LaneLock(OnLane):
    """Somebody locks it."""

    name = "lane_lock"
    what = "somebody locks a lane at its panel"
    shows = "lane/locked, lane/opened; parcel/routed and parcel/rerouted to the next lane, reason LOCK"


class ContainerGone(Kind):
    """Somebody takes it away."""

    name, on, target = "container_gone", "belt", "lane"
    what = "the container at a lane is taken away, and comes back at the end"
    shows = "container/removed, lane/locked NCON, container/opened, lane/free"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Gone."""
        strike.kept = ground.world.container_at(strike.target)
        if strike.kept is None:
            raise NotThereError(f"no container stands at lane {strike.target}")
        ground.world.container(strike.target, None, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Back, unless another one came meanwhile."""
        if ground.world.container_at(strike.target) is None:
            ground.world.container(strike.target, strike.kept, now)


@dataclass(frozen=True, slots=True)
class Which:
    """`parcel`: its name; empty = one is drawn each time."""

    parcel: str = ""


@dataclass(frozen=True, slots=True)
class Slides(Which):
    """`mm`: so far back."""

    mm: float = 400.0

    def __post_init__(self) -> None:
        within("mm", self.mm, 1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Extra:
    """`code`: on its label, empty = it has none; `mm`: where, none = drawn, ahead of the first decision point."""

    code: str = ""
    length_mm: int = 300
    mm: float | None = None

    def __post_init__(self) -> None:
        latin(code=self.code)
        within("length_mm", self.length_mm, 1, 10_000)
        if self.mm is not None:
            within("mm", self.mm, 0, 1_000_000)


class Deed(Kind):
    """Hands do it so many times: the first at once, the others at drawn moments in their shares of the time."""

    on, target, counts, count, for_s, for_s_counted = "belt", "line", True, 1, 60.0, 60.0
    Settings: type = Which

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """The first one may be due."""
        times = strike.left or 1
        share = (strike.until - now) / times
        strike.kept = [now + share * (number + strike.rng.random()) for number in range(1, times)]
        strike.due = now

    def act(self, ground: Ground, strike: Strike, now: float) -> None:
        """It is done, or tried again."""
        try:
            self.do(ground, strike, now)
        except NotThereError:
            strike.due = now + RETRY_MS
            return
        strike.left = (strike.left or 1) - 1
        strike.due = max(now, strike.kept.pop(0)) if strike.kept else strike.until

    def do(self, ground: Ground, strike: Strike, now: float) -> None:
        """Once. Raises NotThereError."""
        raise NotImplementedError


class Remove(Deed):
    """Somebody takes a parcel."""

    name = "remove"
    what = "somebody takes a parcel off a belt and tells nobody"
    shows = "parcel/lost"

    def do(self, ground: Ground, strike: Strike, now: float) -> None:
        """One that rides."""
        ground.world.remove(strike.target, _drawn(strike, ground.world.riding(strike.target)), now)


class Slip(Deed):
    """A parcel slides."""

    name, Settings = "slip", Slides
    what = "a parcel slides back on a belt"
    shows = "parcel/lost, or its gate misses it: result MI; an eye that sees it again makes a ghost"

    def do(self, ground: Ground, strike: Strike, now: float) -> None:
        """One that rides."""
        ground.world.slip(strike.target, _drawn(strike, ground.world.riding(strike.target)), strike.settings.mm, now)


class Touch(Deed):
    """Two parcels come as one."""

    name = "touch"
    what = "a parcel at an induction is put on without a gap behind the one before"
    shows = "one parcel/inducted for both, identity CONFLICT or MULTI"

    def do(self, ground: Ground, strike: Strike, now: float) -> None:
        """The next that waits."""
        waiting = ground.world.queued(strike.target)
        ground.world.touch(strike.target, strike.settings.parcel or (waiting[0] if waiting else ""), now)


class Add(Deed):
    """A parcel from nowhere."""

    name, Settings = "add", Extra
    what = "somebody lays a parcel on a belt that nobody announced"
    shows = "parcel/inducted by GHST; unidentified, it goes to the exception lane"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """The first one may be due, where the belt is that long."""
        length = ground.world.length_of(strike.target)
        if strike.settings.mm is not None:
            within("mm", strike.settings.mm, 0, length)
        super().begin(ground, strike, now)

    def do(self, ground: Ground, strike: Strike, now: float) -> None:
        """Where there is room."""
        settings, world = strike.settings, ground.world
        mm = strike.rng.uniform(0, world.way_in(strike.target)) if settings.mm is None else settings.mm
        codes = (settings.code.encode("latin-1"),) if settings.code else ()
        name = f"added-{strike.id}-{strike.left}"
        world.put(strike.target, Parcel(name, strike.target, codes, settings.length_mm, 1000), mm, now)


def _drawn(strike: Strike, parcels: list[str]) -> str:
    """The parcel that is meant."""
    if strike.settings.parcel:
        return str(strike.settings.parcel)
    if not parcels:
        raise NotThereError(f"no parcel rides on line {strike.target}")
    return strike.rng.choice(parcels)


KINDS: tuple[Kind, ...] = (
    Jam(),
    EmergencyStop(),
    Stop(),
    Slow(),
    Slip(),
    Remove(),
    Add(),
    Touch(),
    LaneFull(),
    LaneLock(),
    ContainerGone(),
)
