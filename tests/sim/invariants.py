"""What must be true at the end of a run, when nothing has gone wrong for a while: nothing leaks, nothing stays shut.

P14: everything is bounded. Every collection of the node, its floor and its drivers is walked; what may rightly be large
(memories with a stated limit, what lies in lanes) is named here with the reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tests.sim.broken import Broken

if TYPE_CHECKING:
    from tests.sim.hub import Hub

MOST = 700
"""Entries of a collection at the end, when the belts are empty: more than any window, ring or page of the node."""
DEEP = 9

LARGE = frozenset(
    (
        "records by_subject released",  # customs records in force, limited by the book
        "visits drops drops_by_subject drops_of",  # parcels that lie in lanes and can be recalled
        "orders",  # commands not expired
        "memory containers content inside_of",  # what lies in containers
        "timetable _runs _of _order",  # departures that left less than two days ago
        "_resting",
        "alarms",  # of this run, limited
    )
)
ALLOWED = frozenset(name for group in LARGE for name in group.split())
SKIP = frozenset(("config", "plan", "plans", "rng", "_rng", "settings", "_settings", "_fetch", "recorder", "times"))


def at_the_end(hub: Hub) -> None:
    """Judge a hub that has come to rest."""
    node = hub.node
    assert node is not None
    for line in node.floor.lines.values():
        if not line.synchronised:
            raise Broken("P10", f"line {line.id} has no session although nothing is wrong")
        if line.inhibited:
            raise Broken("recovery", f"the induction of line {line.id} is inhibited although its belt is empty")
    for lane in node.floor.lanes.values():
        if lane.on_way:
            raise Broken("P14", f"{lane.on_way} are said to be on their way to {lane.id}, and the belts are empty")
    for path, size in sizes(node, "node"):
        if size > MOST and not ALLOWED & set(path.split(".")):
            raise Broken("P14", f"{path} holds {size} entries at the end")


def sizes(thing: Any, path: str, depth: int = 0, seen: set[int] | None = None) -> Iterator[tuple[str, int]]:
    """(path, entries) of every collection that can be reached."""
    seen = set() if seen is None else seen
    if depth > DEEP or id(thing) in seen or isinstance(thing, str | bytes | int | float | BaseModel | type(None)):
        return
    seen.add(id(thing))
    if isinstance(thing, dict | list | set | frozenset | tuple | deque):
        yield path, len(thing)
        inner = thing.values() if isinstance(thing, dict) else thing
        for one in list(inner)[:50]:
            yield from sizes(one, path, depth + 1, seen)
        return
    for name in _names(thing):
        if name not in SKIP:
            yield from sizes(getattr(thing, name, None), f"{path}.{name}", depth + 1, seen)


def _names(thing: Any) -> list[str]:
    if not type(thing).__module__.startswith(("controller", "devices")):
        return []
    names = list(getattr(thing, "__dict__", ()))
    names += [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return names + ([field.name for field in fields(thing)] if is_dataclass(thing) else [])
