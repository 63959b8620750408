"""Commands of the centre, at any moment; some come twice, some expired."""

from __future__ import annotations

from typing import Any

from tests.sim.centre import Record
from tests.sim.faults.base import Fault, Strike
from tests.sim.floor_text import NODE, SITE
from tests.sim.hub import Hub

LIFE_MS = 600_000


class Command(Fault):
    """One kind of command."""

    verb = ""
    rate = 3.0

    def order(self, hub: Hub, strike: Strike, **arguments: Any) -> None:
        """Give it; one in ten comes expired, one in ten twice."""
        rng, now = strike.rng, round(hub.clock.now + hub.utc_offset)
        rng.random()
        kind = rng.choice(("once",) * 8 + ("twice", "expired"))
        life = -1000 if kind == "expired" else LIFE_MS
        body = {"id": f"c{strike.dice}-{self.verb}", "issued": now + min(0, life) - 1, "expires": now + life}
        hub.say(f"command {self.verb} {arguments} ({kind})")
        records = self.records(hub, arguments) if kind != "expired" else []
        for _ in range(1 + (kind == "twice")):
            hub.centre.publish(f"{NODE}/command/{self.verb}", body | {"actor": "shift"} | arguments, records)
        hub.broker.flush()

    def records(self, hub: Hub, arguments: dict[str, Any]) -> list[Record]:
        """What it says of customs."""
        return []


class Hold(Command):
    """The site holds a parcel, and mostly releases it again."""

    name, verb, rate = "local hold", "hold", 8.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Hold."""
        bodies = [body.parcel for body in list(hub.watch.bodies.values())[-60:] if body.parcel.advice is not None]
        if not bodies:
            return
        parcel = strike.rng.choice(bodies)
        self.order(hub, strike, subject_kind="parcel", subject_id=parcel.name)
        if strike.dice % 3:
            hub.clock.after(strike.dice % 20_000, _release, (hub, strike, parcel.name))

    def records(self, hub: Hub, arguments: dict[str, Any]) -> list[Record]:
        """A record of the site's own."""
        return [_local(hub, arguments["subject_id"], "hold")]


class Release(Command):
    """The end of the site's own hold."""

    verb = "release"

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Never drawn alone."""

    def records(self, hub: Hub, arguments: dict[str, Any]) -> list[Record]:
        """The site's own hold ends; nobody else's."""
        return [_local(hub, arguments["subject_id"], "release")]


def _release(what: tuple[Hub, Strike, str]) -> None:
    hub, strike, name = what
    Release().order(hub, strike, subject_kind="parcel", subject_id=name)


def _local(hub: Hub, name: str, status: str) -> Record:
    return hub.centre.local(("parcel", name), ("local", SITE), status)


class Lane(Command):
    """A lane is closed by command, and opened."""

    name, verb, lasts, where = "lane closed by command", "lane_close", (1_000.0, 30_000.0), "line"

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Closed."""
        self.order(hub, strike, lane=strike.rng.choice(hub.floor.lanes(strike.where)))

    def heal(self, hub: Hub, strike: Strike) -> None:
        """Open."""
        opened = Lane()
        opened.verb = "lane_open"
        opened.order(hub, strike, lane=strike.rng.choice(hub.floor.lanes(strike.where)))


class Plan(Command):
    """Another sort plan is put in force."""

    name, verb, rate = "plan switch", "plan_switch", 1.5

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Day or night."""
        self.order(hub, strike, plan=strike.rng.choice(("day", "night", "none-such")))


class ContainerClose(Command):
    """A container is closed by command."""

    name, verb, where = "container closed by command", "container_close", "line"

    def hit(self, hub: Hub, strike: Strike) -> None:
        """At the lane that has them."""
        self.order(hub, strike, lane=hub.floor.lanes(strike.where)[4])


FAULTS: tuple[Fault, ...] = (Hold(), Lane(), Plan(), ContainerClose())
