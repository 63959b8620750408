"""What befalls the way to the centre: the broker away, acknowledgements lost, messages doubled and late."""

from __future__ import annotations

from tests.sim.centre import BROKER_MS
from tests.sim.faults.base import Fault, Strike
from tests.sim.hub import Hub


class Away(Fault):
    """The broker is gone, and comes back."""

    name, rate, lasts = "broker away", 0.7, (500.0, 50_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """It is gone."""
        hub.say(f"the broker is away for {strike.lasts / 1000:.1f} s")
        hub.broker.goes()

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It is back."""
        hub.broker.comes()


class Hiccup(Fault):
    """The connection breaks and is made again at once."""

    name, rate = "broker hiccup", 3.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """What was under way may be lost, what was not acknowledged comes again."""
        hub.say("the connection to the broker breaks")
        hub.broker.hiccup()


class NoPuback(Fault):
    """Acknowledgements of our events are lost, until the connection breaks on it."""

    name, rate, lasts = "puback lost", 1.0, (200.0, 8_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """From now on none comes."""
        hub.say(f"the broker's acknowledgements are lost for {strike.lasts / 1000:.1f} s")
        hub.broker.lose_pubacks = True

    def heal(self, hub: Hub, strike: Strike) -> None:
        """The connection is made anew."""
        hub.broker.lose_pubacks = False
        hub.broker.hiccup()


class Doubled(Fault):
    """The broker delivers messages of the centre twice."""

    name, rate, lasts = "messages doubled", 1.0, (1_000.0, 30_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """One in three."""
        rng = strike.rng
        hub.say(f"messages come twice for {strike.lasts / 1000:.1f} s")
        hub.broker.doubled = lambda topic: rng.random() < 0.33

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Once again each once."""
        hub.broker.in_time()


class Delayed(Fault):
    """Messages of one topic are late, so that heads overtake records and records advice."""

    name, rate, lasts = "messages delayed", 1.0, (2_000.0, 30_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """The order within a topic stays."""
        rng = strike.rng
        late, by = rng.choice(("advice", "customs", "customs/head")), rng.uniform(100, 4000)
        hub.say(f"messages of {late} come {by:.0f} ms late for {strike.lasts / 1000:.1f} s")
        hub.broker.ms = lambda topic: BROKER_MS + (by if topic.endswith(f"/{late}") else 0.0)

    def heal(self, hub: Hub, strike: Strike) -> None:
        """In time again."""
        hub.broker.in_time()


FAULTS: tuple[Fault, ...] = (Away(), Hiccup(), NoPuback(), Doubled(), Delayed())
