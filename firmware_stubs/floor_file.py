"""The floor file as the simulator reads it: `[line] [point] [lane]`, and its own `[belt] [induction] [chute] [transfer]
[scale] [reader] [bagging] [mix] [desk] [stub]`.

Of the three shared tables it takes the keys that physics needs; the daemon judges the others. In its own tables an
unknown key is an error. Every error is a `FloorError` with the section, the key and what to write instead.
"""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import firmware_stubs.centres
import firmware_stubs.plcs
import firmware_stubs.scales
import firmware_stubs.scanners
from firmware_stubs.desk_tables import DeskSettings, read_desks
from firmware_stubs.floor_lines import (
    ChuteSettings,
    Induction,
    Line,
    Point,
    Scale,
    Transfer,
    read_lines,
    read_mixes,
    read_points,
)
from firmware_stubs.manifest import Places
from firmware_stubs.sections import FloorError, all_known, close, get, known, line_number, make_settings, table

__all__ = ["ChuteSettings", "Floor", "Induction", "Line", "Point", "Scale", "StubSection", "Transfer", "load", "read"]

_FAMILIES = {
    "scanner": (firmware_stubs.scanners, firmware_stubs.scales),
    "plc": (firmware_stubs.plcs,),
    "centre": (firmware_stubs.centres,),
}
"""What a stub is for the floor -> the packages of its kinds. A machine that reads and measures is a scanner."""
_PLACES = {"scanner": "point", "plc": "line"}  # the key that says where it stands; the centre stands nowhere
_OWN_TABLES = ("belt", "induction", "chute", "transfer", "scale", "reader", "bagging", "mix", "desk", "stub")
AHEAD_S = 4.0  # so long before a parcel of a mix comes it is announced, where no centre says otherwise


@dataclass(frozen=True, slots=True)
class StubSection:
    """One `[stub.<name>]`: the module to import, where it stands, its own settings ready to use."""

    name: str
    family: str  # "scanner", "plc" or "centre"
    module: types.ModuleType
    link: str
    place: str  # a scanner's point, a PLC's line; empty = the centre
    settings: Any


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor file, read and checked."""

    lines: dict[str, Line]
    points: dict[str, Point]
    stubs: tuple[StubSection, ...]
    desks: Mapping[str, DeskSettings] = field(default_factory=dict)  # by point

    @property
    def mixed(self) -> bool:
        """Whether parcels come by themselves."""
        inductions = (one for line in self.lines.values() for one in line.inductions.values())
        return any(one.mix for one in inductions) or any(desk.mix for desk in self.desks.values())

    @property
    def ahead_s(self) -> float:
        """So long before a parcel of a mix comes it is announced, at its place's rate."""
        said = [stub.settings.ahead_s for stub in self.stubs if stub.family == "centre"]
        return max(said, default=AHEAD_S)

    def line_of(self, lane: str) -> str:
        """Where a lane is."""
        return next(line.name for line in self.lines.values() if lane in line.lanes)

    def wires(self) -> list[tuple[str, list[str]]]:
        """Each wire's link and the stubs on it: one, but several on a bus. A broker has one wire for each."""
        wires: list[tuple[str, list[str]]] = []
        buses: dict[str, list[str]] = {}
        for stub in self.stubs:
            if _address(stub) is None:
                wires.append((stub.link, [stub.name]))
            elif stub.link in buses:
                buses[stub.link].append(stub.name)
            else:
                buses[stub.link] = [stub.name]
                wires.append((stub.link, buses[stub.link]))
        return wires

    def on_broker(self) -> set[str]:
        """The stubs that speak MQTT."""
        return {stub.name for stub in self.stubs if stub.link.startswith("mqtt:")}

    def places(self) -> Places:
        """Where a manifest can send parcels."""
        inductions = {induction: name for name, line in self.lines.items() for induction in line.inductions}
        readers = {stub.place for stub in self.stubs if stub.family == "scanner"}
        points = {}
        for name, point in self.points.items():
            points[name] = "" if name in readers else f"has no reader: write a [stub.ID] with point = {name!r}"
            if point.line is not None:
                points[name] = f'is on a belt: write "line": "{point.line}", and parcels come past it'
        return Places(set(inductions.values()), inductions, points)


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
    points = read_points(tables)
    all_known(tables["belt"], "belt", tables["line"], "line")
    all_known(tables["chute"], "chute", tables["lane"], "lane")
    all_known(tables["bagging"], "bagging", tables["lane"], "lane")
    mixes = read_mixes(tables)
    lines = read_lines(tables, points, mixes)
    stubs = tuple(_stub(name, section, lines, points) for name, section in tables["stub"].items())
    one_each(stubs, lines)
    desks = read_desks(tables, points, mixes)
    readers = {stub.place for stub in stubs if stub.family == "scanner"}
    for point in desks:
        if point not in readers:
            raise FloorError(f"[desk.{point}]: nothing reads there; write a [stub.ID] with point = {point!r}")
    return Floor(lines, points, stubs, desks)


def _stub(name: str, section: Mapping[str, Any], lines: Mapping[str, Line], points: Mapping[str, Point]) -> StubSection:
    where = f"stub.{name}"
    family, module = load_kind(get(section, where, "kind", str), f"[{where}] kind")
    place, key = "", _PLACES.get(family)
    if key:
        place = get(section, where, key, str)
        known(place, points if family == "scanner" else lines, f"[{where}] {key}", key)
    link = get(section, where, "link", str)
    on_broker = getattr(module, "ON_BROKER", False)
    if on_broker != link.startswith("mqtt:"):
        wanted = "mqtt://host:port, for it speaks MQTT" if on_broker else "a cable, for it does not speak MQTT"
        raise FloorError(f"[{where}] link: give {wanted}, not {link}")
    own = {name: value for name, value in section.items() if name not in ("kind", "link", key)}
    if hasattr(module, "transport_on"):
        own.setdefault("transport", module.transport_on(link.partition(":")[0]))
    return StubSection(name, family, module, link, place, make_settings(module.Settings, where, own))


def one_each(stubs: Iterable[StubSection], lines: Mapping[str, Line]) -> None:
    """One stub a link, or each with an address of its own on it, one PLC a line, and a PLC wherever parcels come onto a
    belt."""
    links: dict[str, StubSection] = {}
    places: dict[tuple[str, int], str] = {}
    plcs: dict[str, str] = {}
    for stub in stubs:
        link, address = stub.link, _address(stub)
        for topics in _topics(stub):
            link = stub.link + topics
            first = links.setdefault(link, stub)
            if first is not stub and (address is None or _address(first) is None or first.module is not stub.module):
                raise FloorError(f"[stub.{stub.name}] link: {link} is already the link of [stub.{first.name}]")
        if address is not None and (other := places.setdefault((link, address), stub.name)) != stub.name:
            raise FloorError(f"[stub.{stub.name}] unit: [stub.{other}] is unit {address} on this link; give another")
        if stub.family == "plc" and (other := plcs.setdefault(stub.place, stub.name)) != stub.name:
            raise FloorError(f"[stub.{stub.name}] line: {stub.place} already has a PLC, [stub.{other}]")
    for line in lines.values():
        wanting = [f"induction.{name}" for name in line.inductions] + [f"transfer.{lane}" for lane in line.feeders]
        if wanting and line.name not in plcs:
            raise FloorError(f"[{wanting[0]}] needs the stub of a PLC with line = {line.name!r}")


def _topics(stub: StubSection) -> list[str]:
    """Which topics are the stub's own, for a broker has room for many; one empty text on a cable."""
    if site := getattr(stub.settings, "site", ""):
        return [f" with site {site!r}"]
    base, devices = getattr(stub.settings, "base", ""), getattr(stub.settings, "devices", ())
    if not base:
        return [""]
    return [f" with base {base!r} and device {device!r}" for device in devices] or [f" with base {base!r}"]


def _address(stub: StubSection) -> int | None:
    """Where the stub is on a wire that it shares with others of its kind; None: it shares none."""
    if not hasattr(stub.module, "address"):
        return None
    address: int | None = stub.module.address(stub.settings)
    return address


def load_kind(kind: str, where: str) -> tuple[str, types.ModuleType]:
    """The family and module of a stub: a file `<package>/<kind>.py`; adding a stub is adding a file."""
    kinds = {
        file.name: (family, f"{package.__name__}.{file.name}")
        for family, packages in _FAMILIES.items()
        for package in packages
        for file in pkgutil.iter_modules(package.__path__)
        if file.name[0] != "_"
    }
    known(kind, kinds, where, "kind of stub")
    family, module = kinds[kind]
    return family, importlib.import_module(module)
