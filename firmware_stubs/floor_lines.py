"""Lines as the physics sees them: points, lanes, and what parcels come onto a belt and leave it through.

Read from the tables of the floor file; every error is a `FloorError` with the section, the key and what to write.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_stubs.bagging import Bagging
from firmware_stubs.mixes.mix import Mix
from firmware_stubs.sections import FloorError, get, known, make_settings, only

Tables = Mapping[str, Mapping[str, Any]]
STATUSES = ("A", "U", "E")
_RATE_MOST = 10_000  # parcels a second at one induction; more than any belt has room for


@dataclass(frozen=True, slots=True)
class Point:
    """A named place; `line` None = not on a belt."""

    line: str | None
    mm: int
    induction: bool
    decision: bool


@dataclass(frozen=True, slots=True)
class Induction:
    """How parcels come onto a line."""

    point: str
    gap_mm: float
    rate_per_s: float
    mix: Mix | None = None  # its parcels come by themselves


@dataclass(frozen=True, slots=True)
class ChuteSettings:
    """The physical places behind a gate."""

    capacity: int
    empty_every_ms: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """A lane that leads to another line: what drops there comes onto it at `point` after so long."""

    point: str
    after_ms: float
    gap_mm: float


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale and a dimensioner at a point, and how they judge themselves: `A` approved, `U` not, `E` error."""

    point: str
    weight_status: str
    size_status: str


@dataclass(frozen=True, slots=True)
class Line:
    """One belt with everything that stands at it; positions in mm from its start."""

    name: str
    speed_mm_s: int
    length_mm: int  # of a loop: one lap
    default_lane: str
    seed: int
    restart_s: float  # after which a local hand starts the belt that the PLC stopped; 0 = nobody does
    points: Mapping[str, Point]
    lanes: Mapping[str, int]
    chutes: Mapping[str, ChuteSettings]
    inductions: Mapping[str, Induction]
    transfers: Mapping[str, Transfer] = field(default_factory=dict)  # from its lanes
    feeders: Mapping[str, Transfer] = field(default_factory=dict)  # from lanes of other lines to its points
    scales: Mapping[str, Scale] = field(default_factory=dict)
    plc_scanners: Mapping[str, str] = field(default_factory=dict)  # name -> point of scanners that hang on the PLC
    bagging: Mapping[str, Bagging] = field(default_factory=dict)  # who bags, by lane
    loop: bool = False
    carriers: int = 0
    encoder_um: int = 1000  # belt travel of one count
    supervised: frozenset[str] = frozenset()  # lanes that customs control; the physics does not care
    leads_to: Mapping[str, str] = field(default_factory=dict)  # from its lanes to the lines that they lead to


def read_points(tables: Tables) -> dict[str, Point]:
    """`[point]`."""
    return {name: _point(name, section, tables["line"]) for name, section in tables["point"].items()}


def read_mixes(tables: Tables) -> dict[str, Mix]:
    """`[mix]`."""
    return {name: make_settings(Mix, f"mix.{name}", section) for name, section in tables["mix"].items()}


def read_lines(tables: Tables, points: Mapping[str, Point], mixes: Mapping[str, Mix]) -> dict[str, Line]:
    """`[line]` with all that belongs to each."""
    inductions = {
        name: _induction(name, own, points, tables["line"], mixes) for name, own in tables["induction"].items()
    }
    transfers = {lane: _transfer(lane, own, points, tables) for lane, own in tables["transfer"].items()}
    scales = {name: _scale(name, own, points) for name, own in tables["scale"].items()}
    plc_scanners = {name: _plc_scanner(name, own, points) for name, own in tables["reader"].items()}
    lines = {}
    for name in tables["line"]:
        line = _line(name, tables, {point: place for point, place in points.items() if place.line == name})
        lines[name] = dataclasses.replace(
            line,
            inductions={key: one for key, one in inductions.items() if one.point in line.points},
            transfers={lane: one for lane, one in transfers.items() if lane in line.lanes},
            feeders={lane: one for lane, one in transfers.items() if one.point in line.points},
            scales={key: one for key, one in scales.items() if one.point in line.points},
            plc_scanners={key: point for key, point in plc_scanners.items() if point in line.points},
        )
    return lines


def _point(name: str, section: Mapping[str, Any], lines: Mapping[str, Any]) -> Point:
    where = f"point.{name}"
    line = get(section, where, "line", str, None)
    if line is not None:
        known(line, lines, f"[{where}] line", "line")
    mm = get(section, where, "position_mm", int, 0 if line is None else ...)
    if line is not None and not 0 <= mm <= get(lines[line], f"line.{line}", "length_mm", int):
        raise FloorError(f"[{where}] position_mm: {mm} is not on line {line}")
    flags = (get(section, where, flag, bool, False) for flag in ("induction", "decision"))
    return Point(line, mm, *flags)


def _line(name: str, tables: Tables, points: Mapping[str, Point]) -> Line:
    where, section = f"line.{name}", tables["line"][name]
    kind = get(section, where, "kind", str, "line")
    if kind not in ("line", "loop"):
        raise FloorError(f'[{where}] kind: must be "line" or "loop", not "{kind}"')
    speed, length = get(section, where, "speed_mm_s", int), get(section, where, "length_mm", int)
    for key, value in (("speed_mm_s", speed), ("length_mm", length)):
        if value <= 0:
            raise FloorError(f"[{where}] {key}: must be above 0, not {value}")
    carriers = get(section, where, "carriers", int, 0) if kind == "loop" else 0
    if not 0 <= carriers <= length:
        raise FloorError(f"[{where}] carriers: must be from 0 (a belt without) to one each mm, not {carriers}")
    lanes = _lanes(name, length, tables["lane"])
    default_lane = get(section, where, "default_lane", str)
    known(default_lane, lanes, f"[{where}] default_lane", f"lane of line {name}")
    own_lanes = {lane: tables["lane"][lane] for lane in lanes}
    leads_to = {lane: get(own, f"lane.{lane}", "leads_to", str, "") for lane, own in own_lanes.items()}
    supervised = [lane for lane, own in own_lanes.items() if get(own, f"lane.{lane}", "supervised", bool, False)]
    belt = tables["belt"].get(name, {})
    only(belt, f"belt.{name}", ("seed", "restart_s", "encoder_um"))
    encoder = get(belt, f"belt.{name}", "encoder_um", int, get(section, where, "encoder_um", int, 0) or 1000)
    if encoder <= 0:
        raise FloorError(f"[belt.{name}] encoder_um: must be above 0, not {encoder}")
    restart = get(belt, f"belt.{name}", "restart_s", float, 0.0)
    if restart < 0:
        raise FloorError(f"[belt.{name}] restart_s: must not be negative; 0 = nobody starts it")
    return Line(
        name=name,
        speed_mm_s=speed,
        length_mm=length,
        default_lane=default_lane,
        seed=get(belt, f"belt.{name}", "seed", int, 0),
        restart_s=restart,
        points=points,
        lanes=lanes,
        chutes={lane: _chute(lane, own) for lane, own in tables["chute"].items() if lane in lanes},
        inductions={},
        bagging={lane: _bagging(lane, own, tables) for lane, own in tables["bagging"].items() if lane in lanes},
        loop=kind == "loop",
        carriers=carriers,
        encoder_um=encoder,
        supervised=frozenset(supervised),
        leads_to={lane: to for lane, to in leads_to.items() if to},
    )


def _lanes(line: str, length: int, tables: Mapping[str, Any]) -> dict[str, int]:
    lanes = {
        lane: get(own, f"lane.{lane}", "position_mm", int)
        for lane, own in tables.items()
        if get(own, f"lane.{lane}", "line", str) == line
    }
    for lane, mm in lanes.items():
        if not 0 <= mm <= length:
            raise FloorError(f"[lane.{lane}] position_mm: {mm} is not on line {line}")
    return lanes


def _on_a_line(where: str, section: Mapping[str, Any], points: Mapping[str, Point]) -> tuple[str, str]:
    """The section's point, and the line that it is on."""
    point = get(section, where, "point", str)
    known(point, points, f"[{where}] point", "point")
    line = points[point].line
    if line is None:
        raise FloorError(f"[{where}] point: [point.{point}] is on no line")
    return point, line


def _gap(where: str, section: Mapping[str, Any]) -> float:
    gap: float = get(section, where, "gap_mm", float, 100.0)
    if gap < 0:
        raise FloorError(f"[{where}] gap_mm: must not be negative")
    return gap


def _induction(
    name: str,
    section: Mapping[str, Any],
    points: Mapping[str, Point],
    lines: Mapping[str, Any],
    mixes: Mapping[str, Mix],
) -> Induction:
    where = f"induction.{name}"
    only(section, where, [key.name for key in dataclasses.fields(Induction)])
    point, line = _on_a_line(where, section, points)
    if name in lines and name != line:
        raise FloorError(f"[{where}] point: {point} is on line {line}; choose a point of line {name} or another name")
    if not points[point].induction:
        raise FloorError(f"[{where}] point: [point.{point}] needs induction = true")
    gap, rate = _gap(where, section), get(section, where, "rate_per_s", float)
    if not 0 < rate <= _RATE_MOST:
        raise FloorError(f"[{where}] rate_per_s: must be above 0 and at most {_RATE_MOST}, not {rate:g}")
    mix = get(section, where, "mix", str, None)
    if mix is not None:
        known(mix, mixes, f"[{where}] mix", "mix")
    return Induction(point, gap, rate, None if mix is None else mixes[mix])


def _transfer(lane: str, section: Mapping[str, Any], points: Mapping[str, Point], tables: Tables) -> Transfer:
    where = f"transfer.{lane}"
    known(lane, tables["lane"], f"[{where}]", "lane")
    only(section, where, [key.name for key in dataclasses.fields(Transfer)])
    point, line = _on_a_line(where, section, points)
    own = tables["lane"][lane]
    if line == get(own, f"lane.{lane}", "line", str):
        raise FloorError(f"[{where}] point: {point} is on the same line; choose a point of another one")
    if get(own, f"lane.{lane}", "leads_to", str, None) != line:
        raise FloorError(f'[lane.{lane}] leads_to: write "{line}", the line of [{where}] point = "{point}"')
    if not points[point].induction:
        raise FloorError(f"[{where}] point: [point.{point}] needs induction = true")
    if lane in tables["chute"]:
        raise FloorError(f"[{where}] and [chute.{lane}] exclude each other; leave one out")
    after = get(section, where, "after_ms", float)
    if after < 1:
        raise FloorError(f"[{where}] after_ms: must be at least 1")
    return Transfer(point, after, _gap(where, section))


def _scale(name: str, section: Mapping[str, Any], points: Mapping[str, Point]) -> Scale:
    where = f"scale.{name}"
    only(section, where, [key.name for key in dataclasses.fields(Scale)])
    point, _ = _on_a_line(where, section, points)
    statuses = {key: get(section, where, key, str, "A") for key in ("weight_status", "size_status")}
    for key, status in statuses.items():
        if status not in STATUSES:
            raise FloorError(f'[{where}] {key}: must be "A" (approved), "U" (not) or "E" (error), not "{status}"')
    return Scale(point, **statuses)


def _bagging(lane: str, section: Mapping[str, Any], tables: Tables) -> Bagging:
    if lane in tables["transfer"]:
        raise FloorError(f"[bagging.{lane}] and [transfer.{lane}] exclude each other; leave one out")
    settings: Bagging = make_settings(Bagging, f"bagging.{lane}", section)
    return settings


def _plc_scanner(name: str, section: Mapping[str, Any], points: Mapping[str, Point]) -> str:
    where = f"reader.{name}"
    only(section, where, ["point"])
    return _on_a_line(where, section, points)[0]


def _chute(lane: str, section: Mapping[str, Any]) -> ChuteSettings:
    where = f"chute.{lane}"
    only(section, where, [key.name for key in dataclasses.fields(ChuteSettings)])
    chute = ChuteSettings(get(section, where, "capacity", int), get(section, where, "empty_every_ms", float))
    if chute.capacity < 1 or chute.empty_every_ms <= 0:
        raise FloorError(
            f"[{where}] needs capacity of at least 1 and empty_every_ms above 0; without it there is no limit"
        )
    return chute
