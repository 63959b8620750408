"""A floor and its state as JSON objects. Pure; made on demand, cheap enough for ten a second with 600 parcels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from firmware_stubs.api.watch import Talk, Watch
from firmware_stubs.belt import Belt
from firmware_stubs.cell import Cell
from firmware_stubs.floor_file import Floor, StubSection
from firmware_stubs.floor_lines import Line
from firmware_stubs.rides import Ride
from firmware_stubs.stub import Stub
from firmware_stubs.world import World

SPOKE_MS = 10_000.0
"""A stub that spoke so lately is well."""

_PANELS = {"JAM": "jam", "ESTP": "estop"}


def floor_view(floor: Floor, title: str, files: Iterable[str], where: Mapping[str, str]) -> dict[str, Any]:
    """What does not change while it runs. `where`: what the other side of each stub's wire opens; `mm` from the start
    of the line, `capacity` null = no limit, `leads_to` the line that a lane leads to."""
    return {
        "title": title,
        "files": list(files),
        "lines": {name: _line(line) for name, line in floor.lines.items()},
        "points": {name: {"line": None} for name, point in floor.points.items() if point.line is None},
        "stubs": {stub.name: _stub(stub, where.get(stub.name, "")) for stub in floor.stubs},
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "kind": "loop" if line.loop else "line",
        "length_mm": line.length_mm,
        "speed_mm_s": line.speed_mm_s,
        "carriers": line.carriers,
        "points": {
            name: {"mm": point.mm, "induction": point.induction, "decision": point.decision}
            for name, point in line.points.items()
        },
        "lanes": {
            name: {
                "mm": mm,
                "capacity": line.chutes[name].capacity if name in line.chutes else None,
                "supervised": name in line.supervised,
                "leads_to": line.leads_to.get(name),
            }
            for name, mm in line.lanes.items()
        },
        "default_lane": line.default_lane,
        "inductions": {
            name: {"point": one.point, "rate_per_s": one.rate_per_s, "gap_mm": one.gap_mm}
            for name, one in line.inductions.items()
        },
    }


def _stub(stub: StubSection, where: str) -> dict[str, Any]:
    kind = stub.module.__name__.rpartition(".")[2]
    return {"kind": kind, "family": stub.family, "link": stub.link, "where": where, "place": stub.place}


def state_view(
    floor: Floor, world: World, watch: Watch, faults: Collection[Mapping[str, Any]], now: float
) -> dict[str, Any]:
    """What is so now. `faults`: those that stand and may be seen; `now` in the world's time."""
    cells = world.cells
    troubled = {fault["target"]: fault["fault"] for fault in faults}
    return {
        "counts": world.counts(),
        "per_hour": watch.per_hour(now),
        "lines": {name: _moving(cell, cell.belt, now) for name, cell in cells.items() if cell.belt},
        "lanes": {
            lane.name: {"state": lane.state, "taken": lane.taken, "drops": lane.drops, "container": lane.container}
            for cell in cells.values()
            if cell.belt
            for lane in cell.belt.chutes.lanes.values()
        },
        "stubs": {
            stub.name: stub_view(
                in_session(world.stub(stub.name)), watch.talks[stub.name], troubled.get(stub.name, ""), now
            )
            for stub in floor.stubs
        },
        "faults": list(faults),
    }


def _moving(cell: Cell, belt: Belt, now: float) -> dict[str, Any]:
    state = _PANELS.get(cell.panel) or ("manual" if cell.manual else "run" if belt.motion.speed else "stop")
    return {
        "speed_mm_s": round(belt.motion.speed),
        "state": state,
        "parcels": [_parcel(cell, belt, ride, now) for ride in belt.rides],
        "waiting": belt.waiting,
    }


def _parcel(cell: Cell, belt: Belt, ride: Ride, now: float) -> list[Any]:
    """Front edge, length, name, the lane it is destined for as the PLC obeys it now, how many codes."""
    line, mm = belt.line, belt.front(ride, now)
    mm = mm % line.length_mm if line.loop else min(mm, line.length_mm)
    known = cell.plc and ride.track is not None and ride.epoch == cell.plc.epoch
    lane = cell.plc.destined(ride.track) if cell.plc and known and ride.track is not None else None
    return [round(mm), ride.parcel.length_mm, ride.parcel.parcel, lane, len(ride.parcel.codes)]


def in_session(stub: Stub) -> bool | None:
    """Whether a PLC has its controller, or a hand somebody who answers; None = nobody can know."""
    found = getattr(stub, "in_session", getattr(stub, "attended", None))
    return None if found is None else bool(found)


def stub_view(session: bool | None, talk: Talk, fault: str, now: float) -> dict[str, Any]:
    """How a stub does: `light` is `ok` (in session, or it spoke lately), `quiet`, `fault` (one stands on it) or `off`
    (nobody is connected to it); `said` and `heard` in bytes, `age_ms` since it spoke last."""
    age = None if talk.spoke is None else round(now - talk.spoke)
    light, why = _light(session, talk.connected, age, fault)
    return {
        "light": light,
        "why": why,
        "in_session": session,
        "said": talk.said,
        "heard": talk.heard,
        "age_ms": age,
    }


def _light(session: bool | None, connected: bool | None, age: int | None, fault: str) -> tuple[str, str]:
    if fault:
        return "fault", f"{fault} stands on it"
    if connected is False:
        return "off", "nobody is connected"
    if session:
        return "ok", "in session"
    spoke = "has said nothing yet" if age is None else f"spoke {age / 1000:.0f} s ago"
    if session is False:
        return "quiet", f"no controller is in session; {spoke}"
    return ("ok" if age is not None and age <= SPOKE_MS else "quiet"), spoke
