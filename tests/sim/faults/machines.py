"""What befalls the machines themselves: a PLC loses power, a scanner falls silent, is late or stutters, lanes close."""

from __future__ import annotations

from random import Random

from tests.sim.faults.base import Fault, Strike
from tests.sim.faults.cables import OnCable
from tests.sim.hub import Hub


class PowerCycle(Fault):
    """A PLC was off for a moment; some keep their memory, some do not."""

    name, rate, where, rough = "power cycle", 0.4, "line", 30_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Off and on."""
        retentive = strike.rng.random() < 0.5
        hub.say(f"{strike.where}: the PLC loses power, and {'keeps' if retentive else 'loses'} its memory")
        hub.power(strike.where, retentive)


class Silent(OnCable):
    """A scanner says nothing, as if nobody passed."""

    name, what, where, chance, rate = "scanner silent", "the scanner says nothing", "scanner", 1.0, 0.7
    lasts = (1_000.0, 15_000.0)

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        """Nothing comes."""
        return []


class Misses(OnCable):
    """A scanner misses some parcels without a word."""

    name, what, where, chance = "scanner misses", "the scanner misses some parcels", "scanner", 0.2
    lasts = (1_000.0, 20_000.0)

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        """Nothing comes."""
        return []


class Stutters(OnCable):
    """A scanner says the same twice."""

    name, what, where, chance = "scanner stutters", "the scanner says things twice", "scanner", 0.3
    lasts = (1_000.0, 20_000.0)

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        """Twice."""
        return [piece, piece]


class Late(Fault):
    """A scanner answers late."""

    name, rate, lasts, where, rough = "scanner late", 0.7, (1_000.0, 15_000.0), "scanner", 6000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """By so much."""
        late = strike.rng.choice((15, 60, 200, 350))  # the floor trusts reads for `late_mm`, 400 ms
        hub.say(f"{strike.where}: results come {late} ms late for {strike.lasts / 1000:.1f} s")
        hub.up[strike.where].late_ms = late

    def heal(self, hub: Hub, strike: Strike) -> None:
        """In time again."""
        hub.up[strike.where].late_ms = 0.0


class Lane(Fault):
    """Somebody locks a lane, or its eye says full, and then no more."""

    name, rate, lasts, where = "lane closed", 3.0, (500.0, 20_000.0), "line"

    def _lane(self, hub: Hub, strike: Strike) -> tuple[str, str]:
        rng = strike.rng
        lane = rng.choice([*hub.floor.lanes(strike.where)[:6], f"{strike.where}-BOND", f"{strike.where}-EX"])
        return lane, rng.choice(("lane_full", "lane_lock"))

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Closed."""
        lane, how = self._lane(hub, strike)
        hub.say(f"{lane} is {how.removeprefix('lane_')} for {strike.lasts / 1000:.1f} s")
        hub.mishap(how, lane, True, hub.clock.now)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Open."""
        lane, how = self._lane(hub, strike)
        hub.mishap(how, lane, False, hub.clock.now)


class Reader(Fault):
    """A reader errs at the next parcels."""

    name, rate, where = "reader errs", 4.0, "scanner"

    def hit(self, hub: Hub, strike: Strike) -> None:
        """No-read, the next one's code, double, a little late or early."""
        rng = strike.rng
        kind, ms = rng.choice(("no_read", "wrong", "double", "late", "early")), rng.uniform(5, 40)
        hub.say(f"{strike.where}: {kind} at the next parcel")
        hub.mishap("reader_mishap", strike.where, kind, 1, ms)


class Eye(Fault):
    """An eye bounces: an edge comes twice."""

    name, rate, where, rough = "eye bounces", 1.5, "line", 10_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """At the next parcel."""
        point = f"{strike.where}-{strike.rng.choice(('IND', 'DEC'))}"
        hub.say(f"the eye at {point} bounces")
        hub.mishap("eye_bounce", point, 1)


class BlindEye(Fault):
    """An eye sees nothing for a while."""

    name, rate, where, rough, lasts = "eye blind", 0.5, "line", 20_000.0, (300.0, 5_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Dirt."""
        hub.say(f"the eye at {strike.where}-DEC is blind for {strike.lasts / 1000:.1f} s")
        hub.mishap("eye_blind", f"{strike.where}-DEC", True)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Wiped."""
        hub.mishap("eye_blind", f"{strike.where}-DEC", False)


class Gate(Fault):
    """A gate does not obey, or another one takes the parcel."""

    name, rate, where, rough = "gate errs", 2.0, "line", 20_000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """The next time."""
        if strike.rng.random() < 0.5:
            lane = strike.rng.choice(hub.floor.lanes(strike.where))
            hub.say(f"the gate of {lane} does not obey once")
            hub.mishap("gate_fails", lane)
        else:
            hub.say(f"{strike.where}: the next parcel falls into the next lane")
            hub.mishap("wrong_gate", strike.where)


class Container(Fault):
    """A container goes and mostly another comes; the PLC sees it, and the centre may say so sooner."""

    name, rate, where = "container changed", 3.0, "line"

    def possible(self, hub: Hub) -> bool:
        """Where lanes have them."""
        return hub.floor.containers

    def hit(self, hub: Hub, strike: Strike) -> None:
        """The one there goes."""
        rng, lane = strike.rng, hub.floor.lanes(strike.where)[4]
        told = rng.random() < 0.5
        hub.say(f"the container at {lane} is changed{', and the centre says so' if told else ''}")
        _stands(hub, lane, None, told)
        if rng.random() < 0.8:
            code = f"CAGE{rng.randrange(10**6):06}"
            hub.clock.after(rng.uniform(100, 3_000), _put, (hub, lane, code, told))


def _put(what: tuple[Hub, str, str, bool]) -> None:
    _stands(*what)


def _stands(hub: Hub, lane: str, code: str | None, told: bool) -> None:
    old = hub.containers.get(lane)
    hub.mishap("container", lane, code, hub.clock.now)
    hub.containers[lane] = code
    gone = {"container": old, "lane": lane, "version": 2, "status": "removed"}
    come = {"container": code, "lane": lane, "version": 1, "status": "open"}
    if told:
        hub.centre.publish("container", [body for body in (gone, come) if body["container"] is not None])
        hub.broker.flush()


class Button(Fault):
    """Somebody presses a button at a lane."""

    name, rate, where, lasts = "button", 2.0, "line", (500.0, 10_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Close the container, or lock the lane."""
        lane, button = strike.rng.choice(hub.floor.lanes(strike.where)), strike.rng.choice(("CLOS", "LOCK"))
        hub.say(f"somebody presses {button} at {lane}")
        hub.mishap("button", lane, button, hub.clock.now)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Free."""
        lane = strike.rng.choice(hub.floor.lanes(strike.where))
        hub.mishap("button", lane, "FREE", hub.clock.now)


FAULTS: tuple[Fault, ...] = (
    PowerCycle(),
    Silent(),
    Misses(),
    Stutters(),
    Late(),
    Lane(),
    Reader(),
    Eye(),
    BlindEye(),
    Gate(),
    Container(),
    Button(),
)
