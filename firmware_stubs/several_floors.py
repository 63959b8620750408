"""Several floor files as one floor: one world, whatever is called somehow is so only once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from firmware_stubs.floor_file import Floor, load, one_each
from firmware_stubs.sections import FloorError


def load_all(paths: Sequence[Path]) -> Floor:
    """One floor of all of them. Raises FloorError: on what cannot be simulated, on an id that two files have, on two
    stubs on one link."""
    floors = [load(path) for path in paths]
    if len(floors) == 1:
        return floors[0]
    owners: dict[tuple[str, str], Path] = {}
    for path, floor in zip(paths, floors, strict=True):
        for table, name in _ids(floor):
            if (other := owners.setdefault((table, name), path)) is not path:
                raise FloorError(f"{path}: [{table}.{name}] is also in {other}; in one run each needs an id of its own")
    whole = Floor(
        {name: line for floor in floors for name, line in floor.lines.items()},
        {name: point for floor in floors for name, point in floor.points.items()},
        tuple(stub for floor in floors for stub in floor.stubs),
        {point: desk for floor in floors for point, desk in floor.desks.items()},
    )
    try:
        one_each(whole.stubs, whole.lines)
    except FloorError as error:
        raise FloorError(f"{' and '.join(map(str, paths))}: {error}") from error
    return whole


def _ids(floor: Floor) -> list[tuple[str, str]]:
    ids = [("point", name) for name in floor.points] + [("stub", stub.name) for stub in floor.stubs]
    for name, line in floor.lines.items():
        ids += [("line", name), *(("lane", lane) for lane in line.lanes)]
        ids += [("induction", induction) for induction in line.inductions]
    return ids
