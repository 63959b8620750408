"""What readers say: each result is given to the parcel that was at the reader's transmit point, and given again when a
better position is known.
"""

from __future__ import annotations

from typing import Literal

from controller import deciding, frequent, measures, presence, reader_health
from controller.advice import Look
from controller.events import Measured, ReadSeen
from controller.floor_state import FloorState
from controller.identity import Result
from controller.line import HOLD_MM, LineState
from controller.readers import Reader, Recent
from controller.travel import Travel
from devices.codes import PROGRAMMING, WRONG_CHECK, read_of
from devices.types import Code, Condition, Garbled, Item, NoRead, Passage, Read, Sized

BY_MOMENT = frozenset(("time", "carrier"))
"""Ways to match that need the moment at which the item was at the reader; the others are told whose the result is."""

WITHOUT_CODE: dict[str, Literal["NO_READ", "SCANNER_DOWN"]] = {"N": "NO_READ", "F": "SCANNER_DOWN"}
"""What a PLC says of its scanner in CODE -> result."""


def said(floor: FloorState, device: str, item: Item, now: float, look: Look) -> None:
    """A reader said something: settle whose its result is. At a presence point the read itself is the event."""
    match item:
        case Condition():
            reader_health.condition(floor, device, item, now)
            return
        case Sized():
            _measured(floor, device, item, now, look)
            return
        case Garbled() if item.why == PROGRAMMING:
            reader_health.programs(floor, device, item, now)
    on_line = device in floor.readers
    source = floor.config.scanner[device].source or ("tunnel" if on_line else "handheld")
    result = _result(device, item, source)
    if result is None:
        return
    if not on_line or getattr(item, "hand", None) is not None:  # a hand says itself what it is about, wherever it is
        presence.read(floor, device, result, item, now, look)
        return
    line, reader = floor.readers[device]
    if getattr(item, "late", False) and reader.match in BY_MOMENT:
        _report_read(floor, result, reader.point, None, "AMBIGUOUS")
        return
    recent = line.recent(reader, result)
    if line.again(reader, recent):
        return
    reader.recent.append(recent)
    _settle(floor, line, reader, [recent], now, look)
    if not _comes_round(line, recent):
        frequent.read(floor, device, item, now)
    if getattr(item, "token", None) is not None and not recent.reported and recent in reader.recent:
        # The scanner forgets it when it is told "durable": kept until it has an event, as what it is without an item.
        recent.kept = f"{device}|{floor.sequence}|{len(reader.recent)}|{result.at}"
        floor.keep("read", recent.kept, _seen(recent.result, reader.point, None, _unclaimed(recent)))


def _comes_round(line: LineState, recent: Recent) -> bool:
    """Whether nothing was read of an item in a further lap: it is the same one without a code."""
    travel = line.travels.get(recent.travel or "")
    return travel is not None and travel.lap > 0 and recent.result.code is None


def unclaimed(floor: FloorState, now: float) -> None:
    """After a restart: results that had no event yet get one; whose they were nobody can say any more."""
    for key, data in floor.unclaimed:
        floor.emit("parcel/read", f"device/{data.reader}", now, data)
        floor.keep("read", key, None)
    floor.unclaimed = []


def _measured(floor: FloorState, device: str, item: Sized, now: float, look: Look) -> None:
    """What a scale in a tunnel measured: of the item whose result came in the same frame."""
    if device not in floor.readers:
        presence.measured(floor, device, item, now)
        return
    line, reader = floor.readers[device]
    recent = next((one for one in reversed(reader.recent) if one.result.at == item.at), None)
    data = measures.of(item, reader.point)
    if recent is None:
        floor.emit("parcel/measured", f"device/{device}", item.at, data)
        return
    recent.measured = data
    _measure_follows(floor, line, recent, now, look)


def _measure_follows(floor: FloorState, line: LineState, recent: Recent, now: float, look: Look) -> None:
    """What was measured is of the travel that has the result of the same frame, and of no other any more."""
    data = recent.measured
    if data is None or recent.sized == recent.travel:
        return
    loser, travel = line.travels.get(recent.sized or ""), line.travels.get(recent.travel or "")
    recent.sized = recent.travel
    if loser is not None:
        weight, length = recent.before
        loser.weight_g = weight if loser.weight_g == data.weight_g else loser.weight_g
        loser.length_mm = length if loser.length_mm == data.length_mm else loser.length_mm
        floor.keep("travel", loser.id, loser)
    if travel is not None:
        recent.before = travel.weight_g, travel.length_mm
        _is_of(floor, line, travel, data, recent.result.at, now, look)


def _is_of(
    floor: FloorState, line: LineState, travel: Travel, data: Measured, at: float, now: float, look: Look
) -> None:
    if data.weight_g is not None:
        travel.weight_g = data.weight_g
    if data.length_mm is not None:
        travel.length_mm = data.length_mm
    whose = {"visit": travel.visit, "travel": travel.id, "parcel": travel.parcel}
    floor.emit("parcel/measured", f"travel/{travel.id}", at, data.model_copy(update=whose))
    floor.keep("travel", travel.id, travel)
    deciding.consider(floor, line, travel, now, look)


def rematch(floor: FloorState, line: LineState, travel: Travel, now: float, look: Look) -> None:
    """A travel's position is known better: settle anew the results that this concerns.

    What is about to be forgotten it does not win any more: a result beside it that found nobody, and shows that the PLC
    is late, may be forgotten already.
    """
    mark = line.odometer.at(now)
    for reader in line.readers:
        oldest = mark - HOLD_MM + min(reader.late_mm, HOLD_MM / 2)
        concerned = [
            recent for recent in line.concerned(reader, travel) if recent.travel is not None or recent.mark >= oldest
        ]
        if concerned:
            _settle(floor, line, reader, concerned, now, look)


def left(floor: FloorState, line: LineState, travel: Travel, edge: float, now: float, look: Look) -> None:
    """It left the line at `edge`, as we hear only now: what was read since on its carrier, or in its window, is another
    item's, and so is what followed from that."""
    mine = [result for result in travel.results if result.at <= edge]
    if len(mine) == len(travel.results):
        return
    for reader in line.readers:
        for recent in reader.recent:
            if recent.travel == travel.id and recent.result.at > edge:
                recent.travel, recent.reported = None, False
                _measure_follows(floor, line, recent, now, look)
        floor.expires(line, reader)
    travel.results = mine
    taken_for = travel.parcel
    deciding.settle(floor, line, travel, now, look)
    if taken_for != travel.parcel and taken_for is not None and floor.visits.get(taken_for) == travel.id:
        del floor.visits[taken_for]
        floor.keep("visit", taken_for, None)


def _settle(floor: FloorState, line: LineState, reader: Reader, results: list[Recent], now: float, look: Look) -> None:
    """Settle whose these results are, report news, and decide again where it matters."""
    expire(floor, line, reader, now)
    changed = line.assign(reader, results)
    for recent in reader.recent:
        if recent.travel is not None and not recent.reported:
            recent.reported = True
            _report_recent(floor, reader, recent, line.travels.get(recent.travel))
        if recent.measured is not None:
            _measure_follows(floor, line, recent, now, look)
    floor.expires(line, reader)
    for travel in changed:
        floor.keep("travel", travel.id, travel)
        deciding.consider(floor, line, travel, now, look)


def expire(floor: FloorState, line: LineState, reader: Reader, now: float) -> None:
    """Report and forget results that nobody claimed in time."""
    expired = line.expired(reader, now)
    for recent in expired:
        _given_up(floor, reader, recent)
    if expired:
        floor.expires(line, reader)


def _given_up(floor: FloorState, reader: Reader, recent: Recent) -> None:
    """What nobody has is said of nobody."""
    if not recent.reported:
        _report_recent(floor, reader, recent, None)
    if recent.measured is not None and recent.sized is None:
        floor.emit("parcel/measured", f"device/{reader.device}", recent.result.at, recent.measured)


def _unclaimed(recent: Recent) -> str | None:
    """What a result is called that nobody got, None = as its reader called it."""
    if recent.ambiguous:
        return "AMBIGUOUS"
    return "UNCLAIMED" if recent.result.outcome == "READ" else None


def forget_numbers(floor: FloorState, line: LineState) -> None:
    """The PLC numbers its items anew: what names an item by its old number is nobody's any more."""
    for reader in line.readers:
        if reader.match == "index":
            for recent in reader.recent:
                _given_up(floor, reader, recent)
            reader.recent.clear()
            floor.expires(line, reader)


def from_plc(
    floor: FloorState, line: LineState, travel: Travel, codes: tuple[Code, ...], outcome: str, at: float, now: float
) -> None:
    """Results of a scanner that hangs on the PLC: it says itself whose they are. They are as old as the arrival of the
    item that they are of. Its codes are judged as those of any reader."""
    device = f"plc-{line.id}"
    at = min(at, travel.arrived_at) if travel.arrived_at else at
    items = [read_of(code.raw, code.raw, at, reader=device) for code in codes]
    for item in items:
        if isinstance(item, Garbled) and item.why == PROGRAMMING:
            reader_health.programs(floor, device, item, now)
    results = [result for item in items if (result := _result(device, item, "plc"))]
    if outcome in WITHOUT_CODE:
        results.append(Result(device, WITHOUT_CODE[outcome], None, at, source="plc"))
    for result in results:
        if travel.heard(result):
            travel.read_again()
            _report_read(floor, result, travel.point or None, travel)


def identified(
    floor: FloorState, travel_id: str, code: str, source: str, who: str, now: float, look: Look
) -> str | None:
    """Somebody read the code of an item on a belt, from its picture or from itself; returns why that cannot be."""
    found = next(((line, one) for line, one in floor.travels() if one.id == travel_id), None)
    if found is None:
        return f"no travel {travel_id} is on a belt"
    line, travel = found
    result = Result(who, "READ", code, now, source=source, dated=False)
    if travel.heard(result):
        _report_read(floor, result, travel.point or None, travel)
        floor.keep("travel", travel.id, travel)
        deciding.consider(floor, line, travel, now, look)
    return None


def _report_recent(floor: FloorState, reader: Reader, recent: Recent, travel: Travel | None) -> None:
    """Say whose a result is, or that it is nobody's."""
    _report_read(floor, recent.result, reader.point, travel, None if travel else _unclaimed(recent))
    if recent.kept:
        floor.keep("read", recent.kept, None)
        recent.kept = ""


def _report_read(
    floor: FloorState, result: Result, point: str | None, travel: Travel | None, outcome: str | None = None
) -> None:
    data = _seen(result, point, travel, outcome)
    floor.emit("parcel/read", f"travel/{travel.id}" if travel else f"device/{result.reader}", result.at, data)


def _seen(result: Result, point: str | None, travel: Travel | None, outcome: str | None) -> ReadSeen:
    return ReadSeen(
        visit=travel.visit if travel else None,
        travel=travel.id if travel else None,
        reader=result.reader,
        point=point,
        outcome=outcome or result.outcome,
        code=result.code,
        symbology=result.symbology or None,
        source=result.source,
    )


def _result(device: str, item: Item, source: str) -> Result | None:
    match item:
        case Read():
            return Result(device, "READ", item.text, item.at, item.symbology, source, item.index, item.encoder)
        case NoRead():
            return Result(device, "NO_READ", None, item.at, "", source, item.index, item.encoder)
        case Passage():
            at = (item.first + item.last) / 2  # when it was in the middle of the field
            return Result(device, "READ", item.text, at, source="rfid")
        case Garbled() if item.why.startswith(WRONG_CHECK):
            return Result(device, "BAD_CHECK", None, item.at, source=source)
    return None
