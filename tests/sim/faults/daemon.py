"""What befalls the daemon's machine: kill -9, a slow or full disk, a reboot."""

from __future__ import annotations

from tests.sim.faults.base import Fault, Strike
from tests.sim.hub import DISK_MS, Hub


class Kill(Fault):
    """kill -9 between two steps, and a new start a little later."""

    name, rate, rough = "kill", 2.0, 5000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """The daemon dies some steps from now."""
        steps = strike.rng.randrange(1, 60)
        hub.say(f"kill -9 of the daemon, {steps} steps later")
        hub.kill_in(steps)


class Reboot(Fault):
    """The machine loses power: the daemon starts again with moments that mean nothing any more."""

    name, rate, rough = "reboot", 0.5, 30_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """All is dark for a while."""
        dead = strike.rng.uniform(2_000, 20_000)
        hub.say(f"the daemon's machine is off for {dead / 1000:.1f} s")
        hub.reboot(dead)


class SlowDisk(Fault):
    """A commit takes up to 3 s."""

    name, rate, lasts = "slow disk", 1.0, (1_000.0, 20_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Each commit draws its own time."""
        rng, worst = strike.rng, strike.rng.uniform(50, 3000)
        hub.say(f"commits take up to {worst:.0f} ms for {strike.lasts / 1000:.1f} s")
        hub.disk_ms = lambda: rng.uniform(DISK_MS, worst)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """The disk is fast again."""
        hub.disk_ms = lambda: DISK_MS


class FullDisk(Fault):
    """The disk takes nothing for a while: no item is inducted, those on the belts are sorted."""

    name, rate, lasts = "full disk", 0.5, (2_000.0, 60_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """It is full."""
        hub.say(f"the disk is full for {strike.lasts / 1000:.1f} s")
        hub.full = "database or disk is full"
        hub.disk_is()

    def heal(self, hub: Hub, strike: Strike) -> None:
        """There is room again."""
        hub.full = None
        hub.disk_is()


class ClockStep(Fault):
    """The system clock of the machine jumps by up to two days: an alarm, and followed only by a restart."""

    name, rate, lasts = "clock step", 0.7, (1_000.0, 30_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """It jumps."""
        days = strike.rng.uniform(-2, 2)
        hub.say(f"the system clock jumps by {days:.2f} days for {strike.lasts / 1000:.1f} s")
        hub.clock_step = days * 86_400_000

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It jumps back."""
        hub.clock_step = 0.0


FAULTS: tuple[Fault, ...] = (Kill(), Reboot(), SlowDisk(), FullDisk(), ClockStep())
