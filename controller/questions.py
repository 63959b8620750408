"""What a decision is asked: all that it depends on, gathered from the floor; and how long it is worth waiting."""

from __future__ import annotations

from dataclasses import replace

from controller.customs import Verdict
from controller.floor_state import FloorState
from controller.identity import Identity, Outcome
from controller.line import LineState
from controller.promise import due
from controller.routing import Question
from controller.travel import Travel

HIGHEST_DECISION = 9999
"""Decision numbers run 1..9999 and wrap (PLC interface v1, rule 8)."""

LONGEST_WAIT_MS = 10_000.0
"""For a reader on a belt that stands, where the PLC states no deadline."""


def question(floor: FloorState, line: LineState, travel: Travel, identity: Identity, now: float) -> Question:
    """The question for a decision made now."""
    position = line.position(travel, now)
    advice = identity.advice
    weight = travel.weight_g if travel.weight_g is not None else advice.weight_g if advice else None
    length = travel.length_mm or (advice.length_mm if advice else None) or 0
    standing = travel.decision
    going_to = standing.lanes[0] if standing and standing.lanes and not standing.waits else None
    asked = Question(
        line.id,
        identity,
        floor.book.verdict(advice, now),
        floor.plan,
        floor.lanes,
        position if position is not None else 0.0,
        length,
        weight,
        travel.doubtful,
        going_to,
        goods=advice.goods if advice else None,
        screened=advice.screened if advice else False,
        given=floor.given,
        timetable=floor.timetable,
        due_ms=due(advice, floor.config.promise.hours) if advice else None,
        slack_min=floor.config.promise.slack_min,
        booked=standing.departure if standing else None,
        now=now,
        utc_ms=floor.utc(now),
        speed_mm_s=line.odometer.speed or 1.0,
        touching=travel.touching,
        number=travel.number % HIGHEST_DECISION + 1,
    )
    return _on_loop(floor, line, travel, asked) if line.lap_mm else asked


def of_parcel(floor: FloorState, identity: Identity, customs: Verdict, now: float) -> Question:
    """The question of a parcel that is on no belt: what its advice says of it is all that is known."""
    advice = identity.advice
    return Question(
        "",
        identity,
        customs,
        floor.plan,
        floor.lanes,
        position_mm=0.0,
        length_mm=(advice.length_mm if advice else None) or 0,
        weight_g=advice.weight_g if advice else None,
        doubtful=False,
        going_to=None,
        goods=advice.goods if advice else None,
        screened=advice.screened if advice else False,
        now=now,
    )


def _on_loop(floor: FloorState, line: LineState, travel: Travel, asked: Question) -> Question:
    """The same question seen from the decision point where it last arrived: only gates before the next one count."""
    point = floor.config.point.get(travel.point)
    origin = float(point.position_mm or 0) if point is not None else 0.0
    laps = line.config
    return replace(
        asked,
        position_mm=line.way(origin, asked.position_mm),
        origin_mm=origin,
        lap_mm=line.lap_mm,
        reach_mm=line.next_decision(origin),
        laps_left=max(0, laps.laps_max - travel.lap),
        reads_left=max(0, travel.known_lap + laps.laps_unknown - travel.lap) if laps.on_late != "fallback" else 0,
    )


def silent(line: LineState, travel: Travel) -> Outcome:
    """Why nobody said anything of it: what one said may be of its neighbour, no reader was connected when it passed, or
    one was and was not heard in time."""
    if line.contended(travel):
        return "AMBIGUOUS"
    for reader in line.readers:
        there = line.position(travel, reader.up_since) or 0.0
        if reader.up and (line.lap_mm or there <= reader.transmit_mm + reader.window_mm):
            return "SCANNER_LATE"
    return "SCANNER_DOWN"


def readers_until(line: LineState, travel: Travel, now: float) -> float | None:
    """Until when it is worth waiting for readers that have said nothing of this travel yet; None = not at all."""
    if travel.mark_mm is None:
        return None
    heard = {result.reader for result in travel.results}
    until: float | None = None
    position = line.position(travel, now) or 0.0
    for reader in line.readers:
        way = line.way(position, reader.transmit_mm + reader.window_mm)
        if reader.up and reader.device not in heard and way > 0:
            closes = line.odometer.when(line.odometer.at(now) + way)
            if line.lap_mm and closes is not None and travel.decide_by is not None and closes >= travel.decide_by:
                continue  # it reads the item in the next lap
            if closes is None:  # the belt stands, and with it the window
                closes = travel.decide_by if travel.decide_by is not None else now + LONGEST_WAIT_MS
            until = closes if until is None else max(until, closes)
    if until is None or travel.decide_by is None:
        return until
    return min(until, travel.decide_by - 1)
