"""What happens to containers: put at a lane, filled, closed, taken away; and what may not be closed.

A container at an unsupervised lane cannot close while something in it may not leave. One that is taken away all the
same is an alarm. At a supervised lane it stays under customs, whatever is in it.
"""

from __future__ import annotations

from controller import deciding, inhibiting
from controller.advice import ContainerRecord, Look
from controller.containers import KEPT_CONTAINERS, Container, container_id
from controller.drops import Drop
from controller.events import ContainerChanged, LaneChanged
from controller.floor_state import FloorState
from controller.lanes import LaneState
from controller.line import LineState
from controller.travel import Travel
from devices.types import Button, ContainerSeen


def seen(floor: FloorState, line: LineState, item: ContainerSeen, now: float, look: Look) -> None:
    """CONT: the PLC says that a container was put at a lane, or is gone."""
    lane = floor.lanes.get(item.lane)
    if lane is None:
        return
    at = item.edge if item.edge is not None else now
    if item.presence == "G":
        _gone(floor, lane, at, now, look)
    else:
        name = container_id(item.code.text) if item.code is not None else f"{lane.id}-{round(floor.utc(at))}"
        _put(floor, lane, name, at, now, look)
    _available(floor, lane, now, look)


def button(floor: FloorState, line: LineState, item: Button, now: float, look: Look) -> None:
    """BUTN: a person at the lane closes its container, or locks or frees the lane."""
    lane = floor.lanes.get(item.element)
    if lane is None:
        return
    if item.button == "CLOS":
        why = close(floor, lane.id, None, "button", now, look)
        if why is not None:
            floor.alarm(f"container-close-{lane.id}", why, now, "high")
    elif lane.locked != (item.button == "LOCK"):
        lane.locked = item.button == "LOCK"
        name = "locked" if lane.locked else "opened"
        data = LaneChanged(lane=lane.id, state="LOCK" if lane.locked else lane.state, code="BUTN")
        floor.emit(f"lane/{name}", f"lane/{lane.id}", item.edge if item.edge is not None else now, data)
        _available(floor, lane, now, look)


def stood(floor: FloorState, record: ContainerRecord, now: float, look: Look) -> None:
    """The centre says where a container is."""
    name = container_id(record.container)
    known, lane = floor.containers.get(name), floor.lanes.get(record.lane)
    if lane is None:
        floor.alarm(f"container-{name}", f"container {name}: no lane {record.lane!r} on this floor", now, "medium")
        return
    if known is not None and record.version <= known.version:
        return
    if record.status == "open":
        _put(floor, lane, name, now, now, look)
    elif record.status == "closed" and lane.container == name:
        why = close(floor, lane.id, name, "the centre said so", now, look)
        if why is not None:
            floor.alarm(f"container-close-{lane.id}", why, now, "high")
    elif record.status == "removed" and lane.container == name:
        _gone(floor, lane, now, now, look)
    found = floor.containers.get(name)
    if found is not None:
        found.version = record.version
        floor.keep("container", name, found)
    _available(floor, lane, now, look)


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
    if not standing.open:
        return f"container {standing.id} is closed already"
    held = [] if lane.config.supervised else _held(floor, standing, look)
    if held:
        drop, status = held[0]
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        return f"container {standing.id} holds {drop.parcel or drop.travel} (customs {status}){more}; take it out first"
    standing.open, standing.closed_at, lane.takes = False, now, False
    _say(floor, "closed", standing, now, why)
    floor.keep("container", standing.id, standing)
    _available(floor, lane, now, look)
    return None


def added(floor: FloorState, lane: LaneState, travel: Travel, ordinal: int, at: float, now: float) -> str | None:
    """A parcel fell into a lane at `at`: the container that stood there then has it; its id."""
    container = floor.containers.get(lane.standing_at(at) or "")
    if container is None:
        return None
    container.add(travel.id, ordinal)
    if container.closed_at is not None and container.closed_at < at:
        what = f"{travel.parcel or travel.id} fell into container {container.id}, which is closed"
        floor.alarm(f"container-late-{container.id}", what, now, "medium")
    data = ContainerChanged(
        visit=travel.visit,
        travel=travel.id,
        parcel=travel.parcel,
        container=container.id,
        lane=lane.id,
        ordinal=ordinal,
        count=container.count,
    )
    floor.emit("container/added", f"container/{container.id}", at, data)
    floor.keep("container", container.id, container)
    return container.id


def _put(floor: FloorState, lane: LaneState, name: str, at: float, now: float, look: Look) -> None:
    if lane.container == name:
        return
    if lane.container is not None and at >= lane.stands[-1].since:
        _gone(floor, lane, at, now, look)
    container = floor.containers.pop(name, None)
    if container is None or container.gone or container.lane != lane.id:
        container = Container(name, lane.id, version=container.version if container else -1)
    floor.containers[name] = container
    lane.put(name, at)
    lane.takes = container.open
    _say(floor, "opened", container, at)
    floor.keep("container", name, container)
    gone = [old.id for old in floor.containers.values() if old.gone]
    for old in gone[: max(0, len(floor.containers) - KEPT_CONTAINERS)]:
        del floor.containers[old]
        floor.keep("container", old, None)


def _gone(floor: FloorState, lane: LaneState, at: float, now: float, look: Look) -> None:
    container = floor.containers.get(lane.container or "")
    lane.put(None, at)
    if container is None:
        return
    container.gone, container.open = True, False
    _say(floor, "removed", container, at)
    floor.keep("container", container.id, container)
    held = [] if lane.config.supervised else _held(floor, container, look)
    if held:
        what = f"container {container.id} left {lane.id} with {len(held)} that may not leave: {held[0][0].parcel}"
        floor.alarm(f"container-held-{container.id}", what, now, "critical")


def _held(floor: FloorState, container: Container, look: Look) -> list[tuple[Drop, str]]:
    """What lies in it and has no release, with its customs status."""
    found = []
    for travel_id in container.members:
        drop = floor.drops.get(travel_id)
        if drop is None:
            continue
        advice = next((one for one in look(drop.parcel) if one.parcel == drop.parcel), None)
        status = floor.book.latched(advice).status if advice is not None else "hold"
        if drop.recalled or advice is None or not floor.book.latched(advice).released:
            found.append((drop, status))
    return found


def _available(floor: FloorState, lane: LaneState, now: float, look: Look) -> None:
    floor.keep("lane", lane.id, lane)
    inhibiting.inhibit(floor, floor.lines[lane.config.line], now)
    deciding.reconsider(floor, now, look)


def _say(floor: FloorState, name: str, container: Container, at: float, why: str | None = None) -> None:
    data = ContainerChanged(container=container.id, lane=container.lane, count=container.count, why=why)
    floor.emit(f"container/{name}", f"container/{container.id}", at, data)
