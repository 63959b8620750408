"""What befalls belt and parcels: stops, slow belts, hands that take, lay, push and exchange."""

from __future__ import annotations

from firmware_stubs.manifest import Places, parse
from tests.sim.faults.base import Fault, Strike
from tests.sim.floor_text import SPEED_MM_S
from tests.sim.hub import Hub


class Halt(Fault):
    """The belt stands for a while, for one of many reasons."""

    rate, lasts, where, rough = 0.7, (300.0, 12_000.0), "line", 10_000.0
    what = ""

    def hit(self, hub: Hub, strike: Strike) -> None:
        """It stands."""
        hub.say(f"{strike.where}: {self.name} for {strike.lasts / 1000:.1f} s")
        hub.mishap(self.what, strike.where, hub.clock.now)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It runs."""
        if self.what == "estop":
            hub.mishap("release_estop", strike.where, hub.clock.now)
        hub.mishap("start", strike.where, hub.clock.now)


class Stop(Halt):
    """Somebody stops it."""

    name, what = "belt stops", "stop"


class Jam(Halt):
    """It jams."""

    name, what = "jam", "jam"


class EmergencyStop(Halt):
    """Somebody presses the emergency stop."""

    name, what = "emergency stop", "estop"


class Slow(Fault):
    """The belt runs slower for a while."""

    name, rate, lasts, where, rough = "belt slow", 1.0, (1_000.0, 20_000.0), "line", 6000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Slower."""
        speed = strike.rng.randrange(800, 2400)
        hub.say(f"{strike.where}: the belt runs at {speed} mm/s for {strike.lasts / 1000:.1f} s")
        hub.mishap("speed", strike.where, speed, hub.clock.now)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """As it should."""
        hub.mishap("speed", strike.where, SPEED_MM_S, hub.clock.now)


class Manual(Fault):
    """The line's switch is turned to manual, and a parcel may be taken off and told."""

    name, rate, lasts, where, rough = "manual", 0.5, (1_000.0, 8_000.0), "line", 10_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Manual."""
        hub.say(f"{strike.where}: manual for {strike.lasts / 1000:.1f} s")
        hub.mishap("manual", strike.where, True, hub.clock.now)
        riding = hub.riding(strike.where)
        if riding and strike.rng.random() < 0.6:
            parcel = strike.rng.choice(riding)
            hub.say(f"{strike.where}: {parcel} is taken off in manual mode")
            hub.mishap("remove_told", strike.where, parcel, hub.clock.now)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Automatic."""
        hub.mishap("manual", strike.where, False, hub.clock.now)


class Removed(Fault):
    """A parcel is taken off, and nobody says so."""

    name, rate, where, rough = "removed", 1.0, "line", 15_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Gone."""
        riding = hub.riding(strike.where)
        if riding:
            parcel = strike.rng.choice(riding)
            hub.say(f"{strike.where}: {parcel} is taken off")
            hub.mishap("remove", strike.where, parcel, hub.clock.now)


class Slip(Fault):
    """A parcel slides back."""

    name, rate, where, rough = "slip", 1.5, "line", 15_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """By some cm to some m."""
        rng, riding = strike.rng, hub.riding(strike.where)
        if riding:
            parcel, mm = rng.choice(riding), rng.choice((30.0, 120.0, 400.0, 1500.0))
            hub.say(f"{strike.where}: {parcel} slides back by {mm:.0f} mm")
            hub.mishap("slip", strike.where, parcel, mm, hub.clock.now)


class Swap(Fault):
    """Two neighbours change places."""

    name, rate, where, rough = "swap", 1.0, "line", 15_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """One for the other."""
        riding = hub.riding(strike.where)
        if len(riding) > 1:
            first = strike.rng.randrange(len(riding) - 1)
            hub.say(f"{strike.where}: {riding[first]} and {riding[first + 1]} change places")
            hub.mishap("swap", strike.where, riding[first], riding[first + 1], hub.clock.now)


class Put(Fault):
    """A parcel that nobody announced lies on the belt, or one that was, beside the induction."""

    name, rate, where, rough = "put on", 1.0, "line", 15_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Somewhere."""
        parcel = hub.source.next(strike.where)
        hub.watch.coming(parcel)
        if strike.rng.random() < 0.7:
            hub.announce(parcel)
        mm = round(strike.rng.uniform(0, 23_000))
        hub.say(f"{strike.where}: {parcel.name} is laid on the belt at {mm} mm")
        hub.mishap("put", strike.where, parse(parcel.manifest(), Places(hub.floor.places)), mm, hub.clock.now)


class Touching(Fault):
    """Two parcels come without a gap."""

    name, rate, where, rough = "touching", 1.5, "line", 10_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """The next two that wait."""
        waiting = [
            name for name, body in hub.watch.bodies.items() if not body.tracks and body.parcel.line == strike.where
        ]
        if waiting and hub.mishap("touch", strike.where, waiting[0], hub.clock.now):
            hub.say(f"{strike.where}: the parcel behind {waiting[0]} touches it")


FAULTS: tuple[Fault, ...] = (
    Stop(),
    Jam(),
    EmergencyStop(),
    Slow(),
    Manual(),
    Removed(),
    Slip(),
    Swap(),
    Put(),
    Touching(),
)
