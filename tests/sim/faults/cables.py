"""What befalls a cable: bytes lost, damaged, cut, doubled, late; the link down and up."""

from __future__ import annotations

from functools import partial
from random import Random

from tests.sim.cable import Cable
from tests.sim.faults.base import Fault, Strike
from tests.sim.hub import Hub


class OnCable(Fault):
    """Damage on one cable, both directions, for a while."""

    rough = 6000.0
    lasts = (500.0, 12_000.0)
    where = "plc"
    chance = 0.2
    what = ""

    def hit(self, hub: Hub, strike: Strike) -> None:
        """It begins."""
        hub.say(f"{strike.where}: {self.what} for {strike.lasts / 1000:.1f} s")
        for cable in _cables(hub, strike):
            cable.damage[strike.dice] = partial(self.spoil, strike.rng)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It ends."""
        for cable in _cables(hub, strike):
            cable.damage.pop(strike.dice, None)

    def spoil(self, rng: Random, piece: bytes) -> list[bytes]:
        """What becomes of one piece."""
        return self.damaged(piece, rng) if rng.random() < self.chance else [piece]

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        """What becomes of one that is struck."""
        raise NotImplementedError


class Lost(OnCable):
    name, what = "bytes lost", "some bytes are lost"

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        begin = rng.randrange(len(piece))
        return [piece[:begin] + piece[begin + rng.randrange(1, 40) :]]


class Noise(OnCable):
    name, what = "noise", "noise"

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        spoilt = bytearray(piece)
        for _ in range(rng.randrange(1, 4)):
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        return [rng.randbytes(rng.randrange(0, 6)) + bytes(spoilt)]


class Doubled(OnCable):
    name, what = "bytes doubled", "some pieces come twice"

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        return [piece, piece]


class Cut(OnCable):
    name, what, chance, lasts = "cable cut", "nothing comes through", 1.0, (300.0, 10_000.0)

    def damaged(self, piece: bytes, rng: Random) -> list[bytes]:
        return []


class Late(Fault):
    """Everything on a cable is late."""

    name, rate, lasts, where, rough = "cable late", 0.7, (1_000.0, 10_000.0), "plc", 6000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """By so much."""
        late = strike.rng.choice((10, 25, 40, 200, 900))
        hub.say(f"{strike.where}: everything is {late:.0f} ms late for {strike.lasts / 1000:.1f} s")
        for cable in _cables(hub, strike):
            cable.late_ms = late

    def heal(self, hub: Hub, strike: Strike) -> None:
        """In time again."""
        for cable in _cables(hub, strike):
            cable.late_ms = 0.0


class Mixed(Fault):
    """On a broker, messages overtake each other."""

    name, rate, lasts, where, rough = "messages mixed", 0.7, (1_000.0, 10_000.0), "plc", 6000.0

    def possible(self, hub: Hub) -> bool:
        """Where a PLC is on one."""
        return bool(hub.on_broker)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """From now on."""
        if strike.where in hub.on_broker:
            hub.say(f"{strike.where}: messages overtake each other for {strike.lasts / 1000:.1f} s")
            for cable in _cables(hub, strike):
                cable.mixed = strike.rng

    def heal(self, hub: Hub, strike: Strike) -> None:
        """In order again."""
        for cable in _cables(hub, strike):
            cable.mixed = None


class LinkDown(Fault):
    """The node's end of a cable goes away and comes back."""

    name, rate, lasts, where, rough = "link down", 0.7, (200.0, 15_000.0), "plc", 6000.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Gone."""
        hub.say(f"{strike.where}: the link is down for {strike.lasts / 1000:.1f} s")
        hub.link_down(strike.where)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Back."""
        hub.link_up(strike.where)


class ScannerCut(Cut):
    name, where = "scanner's cable cut", "scanner"


class ScannerNoise(Noise):
    name, where = "noise at a scanner", "scanner"


class ScannerDown(LinkDown):
    name, where = "scanner's link down", "scanner"


def _cables(hub: Hub, strike: Strike) -> tuple[Cable, Cable]:
    return hub.up[strike.where], hub.down[strike.where]


FAULTS: tuple[Fault, ...] = (
    Lost(),
    Noise(),
    Doubled(),
    Cut(),
    Late(),
    Mixed(),
    LinkDown(),
    ScannerCut(),
    ScannerNoise(),
    ScannerDown(),
)
