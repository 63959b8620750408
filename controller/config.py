"""The floor file: TOML -> frozen models (sections.py). docs/configuration.md is its manual.

`read` gets as far as it can and keeps every problem; `load` raises them all at once. A section that cannot be read does
not hide the others: the cross-checks (config_checks.py, config_uses.py) and the closure (closure.py) run on what could
be read.

A device's section holds the keys of `Scanner` or `Plc` and, beside them, the fields of the `Settings` of its kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from controller import closure, config_checks, config_devices, config_files, config_uses
from controller.identity_section import IdentitySection
from controller.sections import (
    FILES,
    FLOORSIM_TABLES,
    ID_OF,
    SECTIONS,
    Ask,
    Broker,
    Config,
    Customs,
    Hands,
    Head,
    Journal,
    Lane,
    Line,
    OnBroker,
    Plc,
    Point,
    Promise,
    Scanner,
    Switch,
    check_id,
)
from controller.sheet import ConfigErrors, Problem, Sheet, fields
from controller.toml_lines import KeyPath
from controller.wording import shown, told

__all__ = ["FLOORSIM_TABLES", "SECTIONS", "Config", "ConfigErrors", "Floor", "Lane", "Line", "Problem", "load", "read"]

M = TypeVar("M", bound=BaseModel)
B = TypeVar("B", bound=OnBroker)


@dataclass
class Floor:
    """What could be read; `sheet` knows where it stands. `config` is None as long as there is a problem."""

    sheet: Sheet
    line: dict[str, Line] = field(default_factory=dict)
    point: dict[str, Point] = field(default_factory=dict)
    lane: dict[str, Lane] = field(default_factory=dict)
    scanner: dict[str, Scanner] = field(default_factory=dict)
    plc: dict[str, Plc] = field(default_factory=dict)
    switch: dict[int, Switch] = field(default_factory=dict)
    """by their number in the file, from 0"""
    config: Config | None = None
    warnings: list[Problem] = field(default_factory=list)
    """what is no mistake, and should still be otherwise"""
    untimely: list[Problem] = field(default_factory=list)
    """certificates that are of no use at this machine's time; no reason not to start"""

    def names(self, table: str) -> list[str]:
        """Every id of a table, of unreadable sections too: what is there may be named."""
        tables = self.sheet.data.get(table)
        return list(tables) if isinstance(tables, dict) else []

    @property
    def plan_paths(self) -> list[tuple[KeyPath, Path]]:
        """Where the sort plans lie, the one in force at the start first, as far as the file says so."""
        plan, plans = self.sheet.data.get("plan"), self.sheet.data.get("plans")
        named: list[tuple[KeyPath, object]] = [(("plan",), plan)]
        named += [(("plans", number), path) for number, path in enumerate(plans if isinstance(plans, list) else ())]
        folder = Path(self.sheet.file).parent
        return [
            (at, folder / path) for at, path in named if isinstance(path, str) and not self.sheet.broken & {at, at[:1]}
        ]


def load(path: Path | str) -> Config:
    """The floor of a file. Raises ConfigErrors with everything that is wrong with it, the closure included."""
    floor = read(path)
    if floor.config is None:
        raise ConfigErrors(floor.sheet.problems)
    return floor.config


def read(path: Path | str, text: str | None = None) -> Floor:
    """As much of the floor as can be read; its problems are in `floor.sheet.problems`. Never raises.

    With `text` that is read, and `path` is only its name: files that it names are not looked for.
    """
    sheet = Sheet(Path(path), text)
    floor = Floor(sheet)
    if not sheet.readable:
        return floor
    tables = (
        *SECTIONS,
        "broker",
        "customs",
        "promise",
        "ask",
        "hands",
        "identity",
        "journal",
        "switch",
        *FLOORSIM_TABLES,
    )
    head = sheet.fill(Head, (), {key: value for key, value in sheet.data.items() if key not in tables}, also=tables)
    if "broker" not in sheet.data and ("broker",) not in sheet.broken:
        sheet.report(("broker",), "missing", 'write [broker] and url = "mqtt://…"')
    broker = _single(sheet, "broker", Broker)
    singles: dict[str, Any] = {
        "customs": _single(sheet, "customs", Customs),
        "promise": _single(sheet, "promise", Promise),
        "ask": _single(sheet, "ask", Ask),
        "hands": _single(sheet, "hands", Hands),
        "identity": _single(sheet, "identity", IdentitySection),
        "journal": _single(sheet, "journal", Journal),
    }
    floor.switch = _list(sheet, "switch", Switch)
    floor.line = _many(sheet, "line", Line)
    floor.point = _many(sheet, "point", Point)
    floor.lane = _many(sheet, "lane", Lane)
    floor.scanner = _devices(sheet, "scanner", Scanner)
    floor.plc = _devices(sheet, "plc", Plc)
    config_checks.check(floor)
    config_uses.check(floor)
    if text is None:
        config_files.check(floor)
        if head:
            config_files.disk(floor, head, singles["journal"] or Journal())
    closure.report(floor)
    if head and broker and not sheet.problems:
        floor.config = _whole(floor, head, broker, {name: table for name, table in singles.items() if table})
    return floor


def _whole(floor: Floor, head: Head, broker: Broker, singles: dict[str, Any]) -> Config:
    folder = Path(floor.sheet.file).parent
    tables = {table: getattr(floor, table) for table in SECTIONS}
    for table in ("scanner", "plc"):
        tables[table] = {name: _placed(device, folder) for name, device in tables[table].items()}
    paths = {"state_dir": folder / head.state_dir, "plan": folder / head.plan}
    return Config(
        **(dict(head) | paths | {"plans": tuple(folder / path for path in head.plans)}),
        broker=_placed(broker, folder),
        switch=tuple(floor.switch.values()),
        **singles,
        **tables,
    )


def _placed(section: B, folder: Path) -> B:
    """With its files as they are found from anywhere."""
    files = {key: folder / value for key in FILES if (value := getattr(section, key)) is not None}
    return section.model_copy(update=files) if files else section


def _single(sheet: Sheet, name: str, kind: type[M]) -> M | None:
    if name not in sheet.data:
        return None
    value = sheet.data[name]
    if not isinstance(value, dict):
        sheet.report((name,), f"must be a table, not {shown(value)}", f"write [{name}]")
        return None
    return sheet.fill(kind, (name,), value)


def _sections(sheet: Sheet, table: str) -> Iterable[tuple[KeyPath, dict[str, Any]]]:
    """Each [table.id] with its path; ids that cannot be one are reported."""
    for name, value in sheet.table((table,), sheet.data.get(table, {})).items():
        at: KeyPath = (table, name)
        try:
            check_id(name, ID_OF[table])
        except ValueError as error:
            sheet.report(at, *told(str(error)))
        if isinstance(value, dict):
            yield at, value
        else:
            sheet.table(at, value)


def _many(sheet: Sheet, table: str, kind: type[M]) -> dict[str, M]:
    filled = {str(at[1]): sheet.fill(kind, at, raw) for at, raw in _sections(sheet, table)}
    return {name: model for name, model in filled.items() if model is not None}


def _list(sheet: Sheet, table: str, kind: type[M]) -> dict[int, M]:
    tables = sheet.tables((table,), sheet.data.get(table, []))
    filled = {number: sheet.fill(kind, (table, number), raw) for number, raw in enumerate(tables)}
    return {number: model for number, model in filled.items() if model is not None}


def _devices(sheet: Sheet, table: str, kind: type[M]) -> dict[str, M]:
    common = tuple(key for key in fields(kind) if key != "settings")
    found: dict[str, M] = {}
    for at, raw in _sections(sheet, table):
        settings = config_devices.settings(sheet, at, raw, common)
        model = sheet.fill(kind, at, {key: value for key, value in raw.items() if key in common})
        if model is not None:
            found[str(at[1])] = model.model_copy(update={"settings": settings})
    return found
