"""Who says what of containers: a machine sees them, a button closes them, the centre names them, parcels fall in."""

from __future__ import annotations

from controller import container_changes as changes
from controller.advice import ContainerRecord, Look
from controller.containers import container_id
from controller.events import ContainerChanged, LaneChanged
from controller.floor_state import FloorState
from controller.lanes import LaneState
from controller.line import LineState
from controller.travel import Travel
from devices.types import Button, ContainerSeen


def seen(floor: FloorState, line: LineState, item: ContainerSeen, now: float, look: Look) -> None:
    """CONT: from its edge on a container stands at the lane, or none does.

    Without a code it is the one that the centre named for the lane, else one that is called by lane and moment.
    """
    lane = _lane(floor, line, item.lane)
    if lane is None:
        return
    at = item.edge if item.edge is not None else now
    code = container_id(item.code.text) if item.code is not None and item.code.text else ""
    present = floor.containers.get(lane.container or "")
    announced = present if present is not None and not present.seen else None
    if item.presence == "G":
        if announced is not None and announced.over is not None and code in ("", announced.over):
            changes.made_room(floor, lane, announced, at, now)
        else:
            changes.stands(floor, lane, None, at, now, look, "taken away")
        return
    if announced is not None and code == announced.id:
        lane.came_sooner(at)
    code = code or (announced.id if announced is not None else f"{lane.id}-{round(floor.utc(at))}")
    changes.stands(floor, lane, code, at, now, look, "seen at the lane")
    container = floor.containers.get(code)
    if container is not None and lane.container == code:
        container.seen, container.over = True, None
        floor.keep("container", code, container)


def button(floor: FloorState, line: LineState, item: Button, now: float, look: Look) -> None:
    """BUTN: somebody at the lane closes the container that stood there then, or locks the lane until it is freed."""
    lane = _lane(floor, line, item.element)
    if lane is None:
        return
    at = item.edge if item.edge is not None else now
    if item.button == "CLOS":
        container = floor.containers.get(lane.standing_at(at) or "")
        if container is not None and container.state == "open":
            refusal = changes.close(floor, lane, container, at, "button at the lane", now, look)
            if refusal is not None:
                floor.alarm(f"container-close-{container.id}", refusal, now, "high")
    elif lane.locked != (item.button == "LOCK"):
        before = lane.refuses(now)
        lane.locked = item.button == "LOCK"
        name, state = ("locked", "LOCK") if lane.locked else ("opened", lane.state)
        floor.emit(f"lane/{name}", f"lane/{lane.id}", at, LaneChanged(lane=lane.id, state=state, code="BUTN"))
        changes.settle(floor, lane, before, now, look)


def stood(floor: FloorState, record: ContainerRecord, now: float, look: Look) -> None:
    """The centre says what stands at a lane; a lane that is not here is another node's. What cannot be done raises an
    alarm, and may be said again."""
    name = container_id(record.container)
    lane, container = floor.lanes.get(record.lane), floor.containers.get(name)
    if container is not None and container.knows(record.version):
        return
    there = floor.lanes.get(container.lane) if container is not None and not container.gone else None
    refusal = None
    if container is not None and container.gone and container.seen and not container.version and record.version:
        pass  # a machine saw it come and go before the centre's first word of it came: that is old news
    elif record.status == "open" and lane is not None:
        changes.named(floor, lane, name, now, look)
    elif container is not None and there is not None:
        if record.status != "closed":
            changes.stands(floor, there, None, now, now, look, "the centre says so")
        elif not container.closed:
            refusal = changes.close(floor, there, container, now, "the centre says so", now, look)
    container = floor.containers.get(name)
    if refusal is not None:
        floor.alarm(f"container-close-{name}", refusal, now, "high")
    elif container is not None:
        container.version = record.version
        floor.keep("container", name, container)


def close(floor: FloorState, lane_id: str, container: str | None, why: str, now: float, look: Look) -> str | None:
    """Close the container at a lane for further parcels; returns why it cannot be closed."""
    lane = floor.lanes.get(lane_id)
    if lane is None:
        return f"no lane {lane_id!r} on this floor"
    standing = floor.containers.get(lane.container or "")
    if standing is None:
        return f"no container stands at {lane_id}"
    if container is not None and container_id(container) != standing.id:
        return f"{standing.id} stands at {lane_id}, not {container}"
    if standing.closed:
        return f"container {standing.id} is closed already"
    return changes.close(floor, lane, standing, now, why, now, look)


def added(floor: FloorState, lane: LaneState, travel: Travel, ordinal: int, at: float, now: float) -> str | None:
    """Book the drop that `lane.dropped` has just counted to the container that stood there; returns its id."""
    name = lane.standing_at(at)
    container = floor.containers.get(name or "")
    lane.fallen[-1].travel = travel.id
    if container is not None:
        data = ContainerChanged(visit=travel.visit, travel=travel.id, parcel=travel.parcel, ordinal=ordinal)
        changes.fell_in(floor, lane, container, data, at, now)
    return name


def taken_out(floor: FloorState, travel_id: str) -> None:
    """A parcel was found and taken out of the container that it fell into."""
    drop = floor.drops.get(travel_id)
    container = floor.containers.get(drop.container or "") if drop is not None else None
    if drop is None or container is None:
        return
    container.take_out(travel_id)
    floor.keep("container", container.id, container)
    for name in dict.fromkeys((drop.lane, container.lane)):
        lane = floor.lanes.get(name)
        if lane is not None:
            lane.taken_out(travel_id, container.id)
            floor.keep("lane", name, lane)
    drop.container = None
    floor.keep("drop", travel_id, drop)


def _lane(floor: FloorState, line: LineState, name: str) -> LaneState | None:
    """A lane of this line; of others its PLC knows nothing."""
    lane = floor.lanes.get(name)
    return lane if lane is not None and lane.config.line == line.id else None
