"""Durable floor state <-> JSON: what a restart finds as it stood in the last commit.

(kind, key): `travel`, `line` and `lane` by id, `customs` by record key, `feed` position and numbers ahead of a gap,
`visit` by parcel, `drop` by travel, `read` = results that have no event yet.
Moments are monotonic ms of one boot of the machine. After a reboot of the machine they mean nothing: positions are
unknown and every open deadline is over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from controller import containers, planning
from controller.advice import CustomsRecord, Departure
from controller.containers import CONTAINER, Container
from controller.departures import Run
from controller.drops import Drop
from controller.events import Alarm, ReadSeen
from controller.floor import Floor
from controller.lanes import LaneState
from controller.line import LineState
from controller.travel import TRAVEL, State, Travel

DROP: TypeAdapter[Drop] = TypeAdapter(Drop)

OF_EARLIER = "closed by a restart of the daemon; what still stands is raised again"
"""What is said of an alarm that was raised before."""


def dump(value: object) -> bytes:
    """One value as JSON."""
    if isinstance(value, Travel):
        return TRAVEL.dump_json(value)
    if isinstance(value, LaneState):
        return to_json(value.kept())
    if isinstance(value, Container):
        return CONTAINER.dump_json(value)
    if isinstance(value, LineState):
        return to_json(
            {"inhibited": value.inhibited, "told": value.told, "state": value.state, "odometer": value.odometer.kept()}
        )
    if isinstance(value, Run):
        return to_json({"record": value.record, "booked": value.booked})
    if isinstance(value, BaseModel):
        return value.model_dump_json().encode()
    return to_json(value)


def restore(floor: Floor, state: Mapping[tuple[str, str], bytes], *, same_boot: bool) -> None:
    """Put everything back into an empty floor."""
    for key, body in _of(state, "lane"):
        if key in floor.lanes:
            floor.lanes[key].restore(json.loads(body), same_boot=same_boot)
    records = [CustomsRecord.model_validate_json(body) for _, body in _of(state, "customs")]
    for record in sorted(records, key=lambda one: one.feed or 0):  # the oldest releases are the first to be forgotten
        floor.book.restore(record)
    for key, body in _of(state, "order"):
        expires, done = json.loads(body)
        floor.orders[key] = expires, done
    for key, body in _of(state, "feed"):
        if key == "position":
            floor.book.position = json.loads(body)
        else:
            floor.book.ahead = set(json.loads(body))
    for key, body in _of(state, "line"):
        if key in floor.lines:
            _line(floor.lines[key], json.loads(body), same_boot)
    for key, body in _of(state, "visit"):
        floor.visits[key] = json.loads(body)
    for key, body in _of(state, "drop"):
        drop = DROP.validate_json(body)
        drop.at = drop.at if same_boot else None
        floor.drops[key] = drop
        for subject in drop.subjects:
            floor.drops_by_subject.setdefault(subject, set()).add(key)
    for _, body in _of(state, "departure"):
        kept = json.loads(body)
        try:
            floor.timetable.restore(Departure.model_validate(kept["record"]), kept["booked"], floor.zone)
        except ValueError as error:
            name = kept["record"]["departure"]
            floor.restored.append(Alarm(alarm=f"departure-{name}", what=f"departure {name}: {error}", priority="high"))
    floor.cut_off = floor.timetable.next_cut_off(float("-inf"))
    floor.restored += planning.restore(floor, floor.times, state)
    floor.earlier = [Alarm(alarm=key, what=OF_EARLIER, priority=json.loads(body)) for key, body in _of(state, "alarm")]
    bodies = [body for _, body in _of(state, "container")]
    floor.containers = containers.restore(bodies, floor.drops.values(), floor.lanes, same_boot=same_boot)
    floor.unclaimed = [(key, ReadSeen.model_validate_json(body)) for key, body in _of(state, "read")]
    for key, body in _of(state, "handed"):
        floor.handed[key] = TRAVEL.validate_json(body)
    for _, body in _of(state, "travel"):
        _travel(floor, TRAVEL.validate_json(body), same_boot)


def _line(line: LineState, kept: dict[str, Any], same_boot: bool) -> None:
    line.inhibited, line.told, line.state = kept["inhibited"], kept["told"], kept["state"]
    if same_boot:
        line.odometer.restore(kept["odometer"])


def _travel(floor: Floor, travel: Travel, same_boot: bool) -> None:
    line = floor.lines.get(travel.line)
    if line is None:
        floor.orphans.append(travel)
        return
    travel.decide_at = travel.stop_at = None
    if not same_boot:
        travel.mark_mm = travel.eye_mm = None
        travel.arrived_at = travel.doubted_at = 0.0
        travel.results = [replace(result, at=0.0) for result in travel.results]
        if travel.state is not State.INDUCTED:
            travel.decide_by = 0.0
    line.epoch = travel.epoch
    line.add(travel)
    if travel.parcel is not None:
        floor.live.setdefault(travel.parcel, set()).add(travel.id)
    floor.heads_for(travel.decision, 1)


def _of(state: Mapping[tuple[str, str], bytes], kind: str) -> Iterable[tuple[str, bytes]]:
    return [(key, body) for (its, key), body in state.items() if its == kind]
