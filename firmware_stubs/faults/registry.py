"""Every kind of fault by its name, and whether one can be as it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firmware_stubs.faults import belt, cable, device, spelled
from firmware_stubs.faults.kind import DAY_S, FaultError, Kind
from firmware_stubs.sections import FloorError, known, make_settings
from firmware_stubs.world import World

COUNT_MOST = 100_000

FAULTS: dict[str, Kind] = {kind.name: kind for kind in (*cable.KINDS, *device.KINDS, *spelled.KINDS, *belt.KINDS)}


def check_kind(name: str, *, for_s: float | None, count: int | None, settings: Mapping[str, Any]) -> Kind:
    """The kind of a fault that can last so long with these settings. Raises FaultError."""
    try:
        known(name, FAULTS, "fault", "fault")
        kind = FAULTS[name]
        make_settings(kind.Settings, name, settings)
    except FloorError as error:
        raise FaultError(str(error).removeprefix("fault: ")) from error
    if for_s is not None and not (type(for_s) in (int, float) and 0 < for_s <= DAY_S):
        raise FaultError(f"{name}: for_s = {for_s!r}: give seconds, more than 0 and at most {DAY_S:g}")
    if count is not None and not kind.counts:
        raise FaultError(f"{name}: count = {count!r}: it is not counted; give for_s instead")
    if count is not None and not (type(count) is int and 1 <= count <= COUNT_MOST):
        raise FaultError(f"{name}: count = {count!r}: give a whole number from 1 to {COUNT_MOST}")
    return kind


def check(name: str, target: str, kind: Kind, world: World) -> None:
    """The kind can strike there. Raises FaultError."""
    targets = kind.targets(world)
    if kind.target == "point" and target in world.points and target not in targets:
        those = ", ".join(targets) or "none"
        raise FaultError(f"point {target} has no eye that the PLC looks at; those with one are {those}")
    try:
        known(target, targets, name, kind.target)
    except FloorError as error:
        raise FaultError(str(error)) from error
