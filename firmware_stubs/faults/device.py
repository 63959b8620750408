"""Faults of machines that last: dead, without a sign of life, off, an eye that is blind or stuck."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_stubs.faults.kind import Ground, Kind, Strike
from firmware_stubs.world import World


class Silent(Kind):
    """A dead machine on a good cable."""

    name, group = "silent", "power"
    what = "a machine hangs: it says and hears nothing, a reader sees nothing; its cable is well"
    shows = (
        "a PLC: device/degraded within 3 s, device/recovered; a reader with a heartbeat: the same and alarm device-…"
    )

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Dead."""
        ground.world.silence(strike.target, True, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Alive, as if nothing had been."""
        ground.world.silence(strike.target, False, now)


class Hushed(Kind):
    """A sign of life that stands still."""

    group = "life"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """No more."""
        ground.world.hush(strike.target, True, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Again."""
        ground.world.hush(strike.target, False, now)


class NoHeartbeat(Hushed):
    """A reader's."""

    name = "no_heartbeat"
    what = "a reader works, but its heartbeat does not come"
    shows = "device/degraded and alarm device-… as long as it has nothing else to say, device/recovered"

    def targets(self, world: World) -> list[str]:
        """All but PLCs, which have a life."""
        return [stub for stub in world.stubs if stub not in world.plcs]


class FrozenLife(Hushed):
    """A PLC's."""

    name, target = "frozen_life", "plc"
    what = "a PLC's life stands still while it still answers: Modbus register 2, LIFE of telegrams and JSON"
    shows = "Modbus: device/degraded each 3 s, device/recovered. Telegrams and JSON: nothing, as answers are life, too"


class Boot(Kind):
    """A reader's power goes."""

    name, target, group, for_s = "boot", "reader", "power", 10.0
    what = "a reader loses its power: its connection closes, what it had to say is gone, and it boots when it ends"
    shows = "device/offline, device/online; with a heartbeat device/degraded and alarm device-…; parcels: SCANNER_DOWN"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Off."""
        ground.world.power(strike.target, False, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """On: it boots."""
        ground.world.power(strike.target, True, now)


@dataclass(frozen=True, slots=True)
class Memory:
    """`retentive`: it keeps its memory."""

    retentive: bool = True


class PlcRestart(Kind):
    """A PLC's power goes."""

    name, target, group, for_s, Settings = "plc_restart", "plc", "power", 5.0, Memory
    what = "a PLC is off and starts anew; its belt stands meanwhile, and a hand starts it"
    shows = "device/degraded, device/recovered; not retentive: parcel/lost of all on it, and parcel/inducted by GHST"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Off: its outputs drop, and so does the drive."""
        ground.world.stop(ground.world.line_of(strike.target), now)
        ground.world.silence(strike.target, True, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """On, and somebody starts the belt."""
        line = ground.world.line_of(strike.target)
        ground.world.silence(strike.target, False, now)
        ground.world.plc_power(line, strike.settings.retentive, now)
        ground.start(line, now)


class EyeBlind(Kind):
    """An eye sees nothing."""

    name, target, group = "eye_blind", "point", "eye"
    what = "an eye sees nothing (dirt, a twisted reflector, a cut wire)"
    shows = (
        "at a decision point items end as NA, alarm unseen-…; at an induction parcel/inducted by GHST, alarm ghosts-…"
    )

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Blind."""
        ground.world.eye_blind(strike.target, True)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Wiped."""
        ground.world.eye_blind(strike.target, False)


class EyeStuck(Kind):
    """An eye sees something all the time."""

    name, target, group, for_s = "eye_stuck", "point", "eye", 30.0
    what = "an eye sees something all the time: no edges, and after 3 s with a running belt its PLC stops for a jam"
    shows = "alarm element-… of the point, line/jammed; when it is free and the belt is started, line/started"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Covered."""
        ground.world.eye_stuck(strike.target, True, now)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Free; who freed it starts the belt."""
        ground.world.eye_stuck(strike.target, False, now)
        line = ground.world.line_with(strike.target)
        if ground.world.stands(line):
            ground.start(line, now)


KINDS: tuple[Kind, ...] = (
    Silent(),
    NoHeartbeat(),
    FrozenLife(),
    Boot(),
    PlcRestart(),
    EyeBlind(),
    EyeStuck(),
)
