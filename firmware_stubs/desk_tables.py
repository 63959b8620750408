"""`[desk.POINT]`: items that come to a presence point by themselves, from a mix or out of lanes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firmware_stubs.desk import NEXT_MS
from firmware_stubs.floor_lines import Point, Tables
from firmware_stubs.mixes.mix import Mix
from firmware_stubs.rides import Parcel
from firmware_stubs.sections import FloorError, get, known, only


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """With a `mix` one item of it is shown `every_s`. What fell into `from_lanes` is shown `after_s` later, one at a
    time and `every_s` from one to the next."""

    point: str
    mix: Mix | None
    from_lanes: tuple[str, ...]
    every_s: float
    after_s: float

    def shown(self, parcel: Parcel) -> Parcel:
        """One that fell into a lane, as it is shown here."""
        return dataclasses.replace(parcel, line="", induction="", point=self.point, after_ms=self.every_s * 1000)


def read_desks(tables: Tables, points: Mapping[str, Point], mixes: Mapping[str, Mix]) -> dict[str, DeskSettings]:
    """By point. Raises FloorError."""
    return {point: _desk(point, section, tables, points, mixes) for point, section in tables["desk"].items()}


def _desk(
    point: str, section: Mapping[str, Any], tables: Tables, points: Mapping[str, Point], mixes: Mapping[str, Mix]
) -> DeskSettings:
    where = f"desk.{point}"
    known(point, points, f"[{where}]", "point")
    if points[point].line is not None:
        raise FloorError(f"[{where}]: [point.{point}] is on a belt; a desk is at a point without a line")
    only(section, where, ("mix", "every_s", "from_lanes", "after_s"))
    mix, lanes = get(section, where, "mix", str, None), get(section, where, "from_lanes", tuple[str, ...], ())
    if mix is None and not lanes:
        raise FloorError(f'[{where}] mix is missing; write mix = "…", or from_lanes = ["…"]')
    if mix is not None:
        known(mix, mixes, f"[{where}] mix", "mix")
    for lane in lanes:
        known(lane, tables["lane"], f"[{where}] from_lanes", "lane")
        if lane in tables["transfer"]:
            raise FloorError(f"[{where}] from_lanes: what falls into {lane} goes on to another line; leave it out")
    if "after_s" in section and not lanes:
        raise FloorError(f"[{where}] after_s: goes with from_lanes")
    usual = NEXT_MS / 1000
    every, after = (get(section, where, key, float, usual) for key in ("every_s", "after_s"))
    for key, value in (("every_s", every), ("after_s", after)):
        if not 0.001 <= value <= 1e6:
            raise FloorError(f"[{where}] {key}: must be from 0.001 to 1e6 seconds, not {value:g}")
    return DeskSettings(point, None if mix is None else mixes[mix], lanes, every, after)
