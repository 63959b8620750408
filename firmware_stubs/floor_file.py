"""The floor file as the simulator reads it: `[line] [point] [lane]`, and its own `[belt] [induction] [chute] [stub]`.

Of the three shared tables it takes the keys that physics needs; the daemon judges the others. In its own tables an
unknown key is an error. Every error is a `FloorError` with the section, the key and what to write instead.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import firmware_stubs.plcs
import firmware_stubs.scanners
from firmware_stubs.sections import FloorError, all_known, close, get, known, line_number, make_settings, only, table

_FAMILIES = {"scanner": firmware_stubs.scanners, "plc": firmware_stubs.plcs}
_OWN_TABLES = ("belt", "induction", "chute", "stub")


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


@dataclass(frozen=True, slots=True)
class ChuteSettings:
    """The physical places behind a gate."""

    capacity: int
    empty_every_ms: float


@dataclass(frozen=True, slots=True)
class Line:
    """One belt with everything that stands at it; positions in mm from its start."""

    name: str
    speed_mm_s: int
    length_mm: int
    default_lane: str
    seed: int
    restart_s: float  # after which a local hand starts the belt that the PLC stopped; 0 = nobody does
    points: dict[str, Point]
    lanes: dict[str, int]
    chutes: dict[str, ChuteSettings]
    induction: Induction | None


@dataclass(frozen=True, slots=True)
class StubSection:
    """One `[stub.<name>]`: the module to import, where it stands, its own settings ready to use."""

    name: str
    family: str  # "scanner" or "plc"
    module: types.ModuleType
    link: str
    place: str  # a scanner's point, a PLC's line
    settings: Any


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor file, read and checked."""

    lines: dict[str, Line]
    points: dict[str, Point]
    stubs: tuple[StubSection, ...]


def load(path: Path) -> Floor:
    """Raises FloorError on anything that cannot be simulated as written."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FloorError(f"{path}: {error}") from error
    try:
        return read(document)
    except FloorError as error:
        raise FloorError(f"{path}:{line_number(text, str(error))}: {error}") from error


def read(document: Mapping[str, Any]) -> Floor:
    """The tables of a parsed floor file."""
    for name in document:
        if name not in _OWN_TABLES and (meant := close(name, _OWN_TABLES)):
            raise FloorError(f"unknown table [{name}]; did you mean [{meant}]?")
    tables = {name: table(document, name) for name in ("line", "point", "lane", *_OWN_TABLES)}
    points = {name: _point(name, section, tables["line"]) for name, section in tables["point"].items()}
    lines = {name: _line(name, tables, points) for name in tables["line"]}
    for own in ("belt", "induction"):
        all_known(tables[own], own, lines, "line")
    all_known(tables["chute"], "chute", tables["lane"], "lane")
    stubs = tuple(_stub(name, section, lines, points) for name, section in tables["stub"].items())
    _one_each(stubs, lines)
    return Floor(lines, points, stubs)


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


def _line(name: str, tables: Mapping[str, Mapping[str, Any]], points: Mapping[str, Point]) -> Line:
    where, section = f"line.{name}", tables["line"][name]
    kind = get(section, where, "kind", str, "line")
    if kind != "line" and name in tables["induction"]:
        raise FloorError(f'[{where}] kind: a belt can be simulated for "line" only, not for "{kind}"')
    speed, length = get(section, where, "speed_mm_s", int), get(section, where, "length_mm", int)
    for key, value in (("speed_mm_s", speed), ("length_mm", length)):
        if value <= 0:
            raise FloorError(f"[{where}] {key}: must be above 0, not {value}")
    lanes = {
        lane: get(own, f"lane.{lane}", "position_mm", int)
        for lane, own in tables["lane"].items()
        if get(own, f"lane.{lane}", "line", str) == name
    }
    default_lane = get(section, where, "default_lane", str)
    known(default_lane, lanes, f"[{where}] default_lane", f"lane of line {name}")
    for lane, mm in lanes.items():
        if not 0 <= mm <= length:
            raise FloorError(f"[lane.{lane}] position_mm: {mm} is not on line {name}")
    belt = tables["belt"].get(name, {})
    only(belt, f"belt.{name}", ("seed", "restart_s"))
    chutes = {lane: _chute(lane, own) for lane, own in tables["chute"].items() if lane in lanes}
    here = {point: place for point, place in points.items() if place.line == name}
    seed, restart = get(belt, f"belt.{name}", "seed", int, 0), get(belt, f"belt.{name}", "restart_s", float, 0.0)
    induction = _induction(name, tables["induction"][name], here) if name in tables["induction"] else None
    return Line(name, speed, length, default_lane, seed, restart, here, lanes, chutes, induction)


def _induction(line: str, section: Mapping[str, Any], points: Mapping[str, Point]) -> Induction:
    where = f"induction.{line}"
    only(section, where, [field.name for field in dataclasses.fields(Induction)])
    point = get(section, where, "point", str)
    known(point, points, f"[{where}] point", f"point of line {line}")
    if not points[point].induction:
        raise FloorError(f"[{where}] point: [point.{point}] needs induction = true")
    gap, rate = get(section, where, "gap_mm", float, 100.0), get(section, where, "rate_per_s", float)
    if gap < 0:
        raise FloorError(f"[{where}] gap_mm: must not be negative")
    if rate <= 0:
        raise FloorError(f"[{where}] rate_per_s: must be above 0")
    return Induction(point, gap, rate)


def _chute(lane: str, section: Mapping[str, Any]) -> ChuteSettings:
    where = f"chute.{lane}"
    only(section, where, [field.name for field in dataclasses.fields(ChuteSettings)])
    chute = ChuteSettings(get(section, where, "capacity", int), get(section, where, "empty_every_ms", float))
    if chute.capacity < 1 or chute.empty_every_ms <= 0:
        raise FloorError(
            f"[{where}] needs capacity of at least 1 and empty_every_ms above 0; without it there is no limit"
        )
    return chute


def _stub(name: str, section: Mapping[str, Any], lines: Mapping[str, Line], points: Mapping[str, Point]) -> StubSection:
    where = f"stub.{name}"
    family, module = load_kind(get(section, where, "kind", str), f"[{where}] kind")
    key = "point" if family == "scanner" else "line"
    place = get(section, where, key, str)
    known(place, points if family == "scanner" else lines, f"[{where}] {key}", key)
    link = get(section, where, "link", str)
    own = {name: value for name, value in section.items() if name not in ("kind", "link", key)}
    return StubSection(name, family, module, link, place, make_settings(module.Settings, where, own))


def _one_each(stubs: Iterable[StubSection], lines: Mapping[str, Line]) -> None:
    """One stub a link, one PLC a line, and a PLC wherever parcels are inducted."""
    links: dict[str, str] = {}
    plcs: dict[str, str] = {}
    for stub in stubs:
        if (other := links.setdefault(stub.link, stub.name)) != stub.name:
            raise FloorError(f"[stub.{stub.name}] link: {stub.link} is already the link of [stub.{other}]")
        if stub.family == "plc" and (other := plcs.setdefault(stub.place, stub.name)) != stub.name:
            raise FloorError(f"[stub.{stub.name}] line: {stub.place} already has a PLC, [stub.{other}]")
    for line in lines.values():
        if line.induction and line.name not in plcs:
            raise FloorError(f"[induction.{line.name}] needs the stub of a PLC with line = {line.name!r}")


def load_kind(kind: str, where: str) -> tuple[str, types.ModuleType]:
    """The family and module of a stub: a file `<family>s/<kind>.py`; adding a stub is adding a file."""
    found = {family: pkgutil.iter_modules(package.__path__) for family, package in _FAMILIES.items()}
    kinds = {file.name: family for family, files in found.items() for file in files if file.name[0] != "_"}
    known(kind, kinds, where, "kind of stub")
    return kinds[kind], importlib.import_module(f"firmware_stubs.{kinds[kind]}s.{kind}")
