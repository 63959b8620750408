"""What becomes of containers, and what it does to lanes, drops and decisions.

Everything goes by the moment at which it happened. A message that comes late inserts its change where it belongs in the
lane's history, and drops that were booked meanwhile are booked again, with a `corrected` event.

What may not leave holds its container: it cannot be closed, and one that is taken away with it raises an alarm. In a
supervised lane it can: there it stays under customs.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller import deciding, inhibiting
from controller.advice import Look
from controller.containers import Container, surplus
from controller.drops import held
from controller.events import ContainerChanged, Corrected
from controller.floor_state import FloorState
from controller.lanes import LaneState


def stands(floor: FloorState, lane: LaneState, name: str | None, at: float, now: float, look: Look, why: str) -> None:
    """From that moment on this container stands at the lane, None = none does."""
    known = floor.containers.get(name or "")
    moved = known is not None and not known.gone and known.lane != lane.id
    if known is not None and moved:
        there = floor.lanes[known.lane]
        if there.stands[-1].since > at:
            return  # overtaken by the news of where it is now
        stands(floor, there, None, at, now, look, f"moved to {lane.id}")
    before, refusal = lane.container, lane.refuses(now)
    if not lane.put(name, at):
        return
    after = lane.container
    if name is not None and (name == after or known is None):
        _opens(floor, lane, name, at, moved or lane.put_back(), why)
    if after != before:
        standing = floor.containers.get(after or "")
        lane.inside = standing.count if standing is not None else 0
    _place_again(floor, lane, at, now)
    for left, when in ((before, at), (name, lane.until(at))):
        if left != after and left is not None:
            _leaves(floor, lane, left, when if when is not None else at, now, look, why)
    settle(floor, lane, refusal, now, look)


def _opens(floor: FloorState, lane: LaneState, name: str, at: float, same: bool, why: str) -> None:
    """A container stands at the lane; no news if it did before. `same`: as it left, it is back with its content."""
    container = floor.containers.get(name)
    if container is None:
        container = floor.containers[name] = Container(name, lane.id)
    elif not container.gone:
        return
    elif not same:
        _used_again(floor, container)
    container.gone, container.lane, container.seen = False, lane.id, False
    event = "closed" if container.closed else "opened"
    _report(floor, container, event, at, why if container.count == 0 else f"{why}, with its content")


def _used_again(floor: FloorState, container: Container) -> None:
    drops = [drop for travel in container.members if (drop := floor.drops.get(travel)) is not None]
    container.anew(drop.travel for drop in drops if drop.stays)
    for drop in drops:
        if not drop.stays:
            drop.emptied = True
            floor.keep("drop", drop.travel, drop)


def _leaves(floor: FloorState, lane: LaneState, name: str, at: float, now: float, look: Look, why: str) -> None:
    """It stands there no longer."""
    container = floor.containers.get(name)
    if container is None or container.gone:
        return
    container.gone = True
    floor.containers[name] = floor.containers.pop(name)
    _report(floor, container, "removed", at, why)
    held = _held(floor, lane, container, look)
    if held is not None:
        floor.alarm(f"container-held-{name}", f"it left {lane.id}: {held}", now, "critical")
    for oldest in surplus(floor.containers):
        del floor.containers[oldest]
        floor.keep("container", oldest, None)


def named(floor: FloorState, lane: LaneState, name: str, now: float, look: Look) -> None:
    """The centre says that this container stands at the lane, open.

    The one that a machine saw there may still be there when it is said, and may even be this one, without its code:
    until that one is seen leaving, what is in it counts for both.
    """
    before = floor.containers.get(lane.container or "")
    was_seen = before is not None and before.seen
    stands(floor, lane, name, now, now, look, "the centre says so")
    if lane.container != name:
        return
    container = floor.containers[name]
    if before is not None and was_seen and before.gone:
        container.over = before.id
    if container.closed:
        refusal = lane.refuses(now)
        container.closed, container.closed_at, container.late = False, None, 0
        _report(floor, container, "opened", now, "the centre says so")
        settle(floor, lane, refusal, now, look)


def made_room(floor: FloorState, lane: LaneState, present: Container, at: float, now: float) -> None:
    """A container is gone, and it was not the one that the centre named: it was the one before."""
    named_at = lane.stands[-1].since
    present.over = None
    floor.keep("container", present.id, present)
    if at > named_at:
        lane.came_later(at)
        _place_again(floor, lane, named_at, now)
        floor.keep("lane", lane.id, lane)


# --- what is in them --------------------------------------------------------------------------------------------------


def fell_in(
    floor: FloorState,
    lane: LaneState,
    container: Container,
    drop: ContainerChanged,
    at: float,
    now: float,
) -> None:
    """An item fell into a container. `drop`: travel, ordinal, and what is known of the parcel."""
    findable = not lane.config.supervised and lane.config.leads_to is None
    container.add(drop.travel or "", drop.ordinal or 0, findable=findable)
    whole = {"container": container.id, "lane": lane.id, "count": container.count}
    floor.emit("container/added", f"container/{container.id}", at, drop.model_copy(update=whole))
    if container.closed_before(at):
        _too_late(floor, container, 1, now)
    floor.keep("container", container.id, container)


def _too_late(floor: FloorState, container: Container, drops: int, now: float) -> None:
    """Drops fell into a container after it was closed. Said once for each time that it is closed."""
    if drops and not container.late:
        what = f"a parcel fell into container {container.id} at {container.lane} after it was closed"
        floor.alarm(f"container-late-{container.id}", what, now, "high")
    container.late += drops


def _place_again(floor: FloorState, lane: LaneState, since: float, now: float) -> None:
    """Book the drops since that moment anew: what stood there then is now known better."""
    for one, name in lane.misplaced(since):
        old, new = floor.containers.get(one.container or ""), floor.containers.get(name or "")
        lane.place(one, name)
        if old is not None:
            old.take_out(one.travel)
            floor.keep("container", old.id, old)
        drop = floor.drops.get(one.travel)
        parcel = {"visit": drop.visit, "parcel": drop.parcel or None} if drop is not None else {}
        if new is not None:
            data = ContainerChanged.model_validate({**parcel, "travel": one.travel, "ordinal": one.ordinal})
            fell_in(floor, lane, new, data, one.at, now)
        if drop is not None:
            drop.container = name
            floor.keep("drop", drop.travel, drop)
        why = f"{name or 'no container'} stood at {lane.id} when it fell"
        told = {**parcel, "travel": one.travel, "container": name, "corrects": one.travel, "why": why}
        floor.emit("parcel/corrected", f"travel/{one.travel}", now, Corrected.model_validate(told))


def close(
    floor: FloorState, lane: LaneState, container: Container, at: float, why: str, now: float, look: Look
) -> str | None:
    """Close a container as of that moment; why it is refused, or None."""
    held = _held(floor, lane, container, look)
    if held is not None:
        return held
    before = lane.refuses(now)
    container.closed, container.closed_at, container.late = True, at, 0
    _report(floor, container, "closed", at, why)
    fell = [one for one in lane.fallen if one.container == container.id]
    _too_late(floor, container, sum(container.closed_before(one.at) for one in fell), now)
    settle(floor, lane, before, now, look)
    return None


def _held(floor: FloorState, lane: LaneState, container: Container, look: Look) -> str | None:
    """Who in it may not leave, in words; None: nobody."""
    if lane.config.supervised:
        return None
    if container.bonded:
        return f"container {container.id} was filled in a supervised lane; take it back there, or empty it"
    for travel in _inside(floor, container):
        drop = floor.drops.get(travel)
        if drop is None:
            continue  # longer ago than drops are remembered
        status = held(drop, floor.book, look)
        if status is not None:
            return f"container {container.id} holds {drop.parcel or travel} (customs {status}); take it out first"
    return None


def _inside(floor: FloorState, container: Container) -> Iterator[str]:
    """Travels whose items are or may be in it."""
    yield from container.members
    under = floor.containers.get(container.over or "")
    if under is not None:
        yield from under.members


# --- said and kept ----------------------------------------------------------------------------------------------------


def settle(floor: FloorState, lane: LaneState, before: str | None, now: float, look: Look) -> None:
    """Keep the lane; if it takes parcels now and did not before, or the reverse, everybody is decided again.

    `before`: what it refused with.
    """
    container = floor.containers.get(lane.container or "")
    lane.container_closed = container is not None and container.closed
    floor.keep("lane", lane.id, lane)
    if lane.refuses(now) != before:
        inhibiting.inhibit(floor, floor.lines[lane.config.line], now)
        deciding.reconsider(floor, now, look)


def _report(floor: FloorState, container: Container, name: str, at: float, why: str) -> None:
    """Say what became of a container, and keep it."""
    data = ContainerChanged(container=container.id, lane=container.lane, count=container.count, why=why)
    floor.emit(f"container/{name}", f"container/{container.id}", at, data)
    floor.keep("container", container.id, container)
