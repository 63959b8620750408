"""What is read at a presence point (a handheld, a portal, a scale in a station): the read itself is the event.

Nothing passes there on a belt, so nothing is matched; who reads says what it is about. A hand that asks is answered
when its scan is on disk. Where the disk takes no more, its scan is not taken: it is told to come again, and what it has
done already stays with its terminal, which says it again until it is answered.
"""

from __future__ import annotations

from dataclasses import replace

from controller import hands, measures
from controller.advice import Look
from controller.effects import Tell
from controller.events import PassageSeen, ReadSeen
from controller.floor_state import FloorState
from controller.identity import Identity, Result, identify
from devices.types import Passage, Read, Sized

ANSWER_MS = 2000.0
"""A hand has asked again, or given up, long before that."""

NO_ROOM = hands.Answer("hold", "not recorded, the disk is full: scan it again later")


def read(floor: FloorState, device: str, result: Result, item: object, now: float, look: Look) -> None:
    """A reader, a hand or a portal gave a result."""
    asks = getattr(item, "hand", None)
    if asks is not None and asks.ref and not floor.room and isinstance(item, Read):
        if not asks.stored:
            floor.effects.append(Tell(device, NO_ROOM.to(item.reader, asks.ref), now + ANSWER_MS, at_once=True))
        return
    identity = identify([result], look, floor.rules, suspect=False, silent="NO_READ")
    data = ReadSeen(
        visit=floor.visits.get(identity.parcel) if identity.parcel else None,
        parcel=identity.parcel,
        reader=getattr(item, "reader", "") or device,
        point=floor.config.scanner[device].point,
        outcome=result.outcome,
        code=result.code,
        symbology=result.symbology or None,
        source=result.source,
        encoding=getattr(item, "encoding", "") or None,
    )
    if isinstance(item, Passage):
        data = data.model_copy(update={"passage": _passage(item, now)})
    hand = getattr(item, "hand", None)
    if hand is None or not isinstance(item, Read):
        floor.emit("parcel/read", f"device/{device}", result.at, data)
        return
    answer = hands.answer(floor, hand, identity, now)
    told = {
        "actor": hand.actor or None,
        "station": hand.station or None,
        "process": hand.process or None,
        "container": answer.container,
        "departure": answer.departure,
        "verdict": answer.verdict,
        "words": answer.words,
        "scanned": hand.time or None,
        "stored": hand.stored or None,
        "target": hand.target or None,
    }
    floor.emit("parcel/read", f"device/{device}", result.at, data.model_copy(update=told))
    if hand.stored:
        _was_done(floor, hand.process, hand.target, identity, answer, now)
        answer = replace(answer, verdict="ok", words="recorded")
    if hand.ref:
        floor.effects.append(Tell(device, answer.to(item.reader, hand.ref), now + ANSWER_MS))


def measured(floor: FloorState, device: str, item: Sized, now: float) -> None:
    """A scale or a dimensioner in a station: of whom, its operator knows."""
    data = measures.of(item, floor.config.scanner[device].point)
    floor.emit("parcel/measured", f"device/{device}", item.at, data)


def _was_done(
    floor: FloorState, process: str, target: str, identity: Identity, answer: hands.Answer, now: float
) -> None:
    """It was scanned while nobody could answer, and is where it is: what should have been stopped is an alarm."""
    if hands.leaves(floor, process) and (answer.verdict == "hold" or identity.advice is None):
        where = f" into {target}" if target else ""
        what = f"{identity.parcel or 'a parcel'} was taken{where} ({process}) without an answer: {answer.words}"
        floor.alarm(f"hand-held-{identity.parcel or 'unknown'}", what, now, "critical", identity.parcel)


def _passage(item: Passage, now: float) -> PassageSeen:
    return PassageSeen(
        epc=item.epc,
        portal=item.portal,
        direction=item.direction or None,
        first_ms=round(now - item.first),
        last_ms=round(now - item.last),
        count=item.count,
        rssi=item.rssi,
        antennas=item.antennas,
    )
