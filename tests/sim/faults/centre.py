"""What the centre does that nobody likes: silence, gaps, late and wrong advice, customs at any moment."""

from __future__ import annotations

from random import Random

from tests.sim.faults.base import Fault, Strike
from tests.sim.floor_text import DESTINATIONS, plan
from tests.sim.hub import Hub
from tests.sim.parcels import Parcel, rfc3339

SEEN_LATELY = 60


class Silent(Fault):
    """The customs feed's head does not beat: what was said before grows stale."""

    name, rate, lasts = "head silent", 0.5, (15_000.0, 60_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """No beat."""
        hub.say(f"the head of the customs feed is silent for {strike.lasts / 1000:.1f} s")
        hub.centre.silent = True

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It beats again."""
        hub.centre.silent = False


class Gap(Fault):
    """A record of the feed is not sent, and sent at the end."""

    name, rate, lasts = "feed gap", 1.0, (500.0, 25_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """A number of the feed is missing."""
        parcel = _lately(hub, strike.rng)
        if parcel is not None:
            hub.say(f"a customs record of {parcel.name} is sent {strike.lasts / 1000:.1f} s late: a gap in the feed")
            hub.held_back[strike.dice] = hub.centre.customs(("parcel", parcel.name), "hold")

    def heal(self, hub: Hub, strike: Strike) -> None:
        """It is repaired."""
        record = hub.held_back.pop(strike.dice, None)
        if record is not None:
            hub.centre.say(record)
            hub.broker.flush()


class AnyMoment(Fault):
    """Customs holds, inspects and releases at any moment, a parcel or all that its bag or air waybill holds."""

    name, rate = "customs at any moment", 12.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """A word, and often its end some seconds later."""
        rng, parcel = strike.rng, _lately(hub, strike.rng)
        if parcel is None:
            return
        subject = rng.choice([parcel.subjects[0], *parcel.subjects[:2]])
        if subject[0] == "air_waybill":
            return
        status = rng.choice(("hold", "inspect", "do_not_load", "pending", "release"))
        hub.say(f"customs says {status} of {' '.join(subject)}")
        hub.customs(subject, status)
        if rng.random() < 0.6:
            hub.clock.after(rng.uniform(50, 15_000), _release, (hub, subject))


def _release(what: tuple[Hub, tuple[str, str]]) -> None:
    what[0].customs(what[1], "release")


class OtherAuthority(Fault):
    """Another authority holds a parcel; the first one's release lifts nothing of it."""

    name, rate = "another authority", 8.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """Its word, then the first authority's, then perhaps its own release."""
        rng, parcel = strike.rng, _lately(hub, strike.rng)
        if parcel is None:
            return
        subject = parcel.subjects[0]
        hub.say(f"NL holds {parcel.name}, BE releases it")
        hub.centre.say(hub.centre.customs(subject, "hold", authority="NL"))
        hub.centre.say(hub.centre.customs(subject, "release"))
        hub.broker.flush()
        if rng.random() < 0.4:
            hub.clock.after(rng.uniform(500, 20_000), _released_by_both, (hub, subject))


def _released_by_both(what: tuple[Hub, tuple[str, str]]) -> None:
    hub, subject = what
    hub.centre.say(hub.centre.customs(subject, "release", authority="NL"))
    hub.broker.flush()


class OldRecord(Fault):
    """The centre says an old record again: its sequence is not newer, so it lifts nothing."""

    name, rate = "old record again", 8.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """A hold, and then the release from before it."""
        parcel = _lately(hub, strike.rng)
        if parcel is None:
            return
        subject = parcel.subjects[0]
        hub.say(f"{parcel.name}: a hold, and then its older release comes again")
        before = hub.centre.customs(subject, "release")
        hub.centre.say(before)
        hub.centre.say(hub.centre.customs(subject, "hold"))
        hub.centre.say(hub.centre.again(before))
        hub.broker.flush()


class LateAdvice(Fault):
    """Advice of the parcels that come is late, missing, changed or said twice."""

    name, rate, lasts = "advice late", 0.7, (3_000.0, 30_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """From now on each parcel draws what becomes of its advice."""
        rng = strike.rng
        hub.say(f"advice is late, missing, changed or doubled for {strike.lasts / 1000:.1f} s")

        def speak(parcel: Parcel) -> None:
            draw = rng.random()
            if parcel.advice is None or draw < 0.2:
                hub.announce(parcel)
            elif draw < 0.6:
                hub.clock.after(rng.uniform(1_000, 12_000), _announce, (hub, parcel))
            elif draw < 0.8:
                hub.announce(parcel)
                hub.announce(parcel)
            else:
                hub.announce(parcel)
                changed = {**parcel.advice, "version": 2, "postcode": str(rng.randrange(1000, 9999))}
                hub.clock.after(rng.uniform(500, 9_000), _advise, (hub, changed))

        hub.speak = speak

    def heal(self, hub: Hub, strike: Strike) -> None:
        """In time and once again."""
        hub.speak = hub.announce


def _announce(what: tuple[Hub, Parcel]) -> None:
    what[0].announce(what[1])


def _advise(what: tuple[Hub, dict[str, object]]) -> None:
    what[0].centre.publish("advice", what[1])
    what[0].broker.flush()


class Duplicate(Fault):
    """Two parcels with one code: a copied label."""

    name, rate, lasts = "duplicate labels", 1.5, (2_000.0, 15_000.0)

    def hit(self, hub: Hub, strike: Strike) -> None:
        """The next parcel of each line carries the code of one that came lately."""
        hub.copies += 2
        hub.say("two labels are copied")


class Departures(Fault):
    """Departures are announced, filled, delayed, closed and cancelled while parcels are on their way to them."""

    name, rate = "departures move", 6.0

    def hit(self, hub: Hub, strike: Strike) -> None:
        """A new one of some destination, and mostly its fate some seconds later."""
        rng, now = strike.rng, hub.clock.now + hub.utc_offset
        cut_off = now + rng.uniform(20_000, 600_000)
        to = rng.sample(sorted(DESTINATIONS), rng.randint(1, 2))
        body: dict[str, object] = {
            "departure": f"T{strike.dice}",
            "version": 1,
            "destinations": to,
            "cut_off": rfc3339(cut_off),
            "arrives": rfc3339(cut_off + rng.uniform(1, 40) * 3_600_000),
            "capacity": rng.choice((0, 3, 20)),
            "status": "scheduled",
        }
        hub.say(f"departure {body['departure']} to {' '.join(to)} leaves at {body['cut_off']}")
        hub.tell("departure", body)
        status = rng.choice(("scheduled", "delayed", "closing", "closed", "departed", "cancelled"))
        later = body | {"version": 2, "status": status, "cut_off": rfc3339(cut_off + rng.uniform(-60_000, 0))}
        hub.clock.after(rng.uniform(1_000, 20_000), _depart, (hub, later))


def _depart(what: tuple[Hub, dict[str, object]]) -> None:
    what[0].tell("departure", what[1])


class Plans(Fault):
    """The centre publishes sort plans, and some of them are wrong."""

    name, rate = "plans of the centre", 1.5

    def hit(self, hub: Hub, strike: Strike) -> None:
        """A plan of a known name, the lanes of its destinations the other way round, or one that must be refused."""
        rng = strike.rng
        name, kind = rng.choice(("day", "night")), rng.choice(("turned", "cut off", "to a lane that is not there"))
        text = plan(hub.floor, "night" if name == "day" else "day")
        text = text.replace(f'plan = "{"night" if name == "day" else "day"}"', f'plan = "{name}"', 1)
        if kind == "cut off":
            text = text[: rng.randrange(len(text) - 200)]
        elif kind != "turned":
            text = text.replace(f"{hub.floor.places[0]}-EX", "NOWHERE")
        hub.say(f"the centre publishes plan {name}, {kind}")
        hub.tell("plan", text.encode())


def _lately(hub: Hub, rng: Random) -> Parcel | None:
    recent = list(hub.watch.bodies.values())[-SEEN_LATELY:]
    known = [body.parcel for body in recent if body.parcel.advice is not None]
    return rng.choice(known) if known else None


FAULTS: tuple[Fault, ...] = (
    Silent(),
    Gap(),
    AnyMoment(),
    OtherAuthority(),
    OldRecord(),
    LateAdvice(),
    Duplicate(),
    Departures(),
    Plans(),
)
