"""The floor file: TOML -> frozen models. docs/configuration.md is its manual.

`read` gets as far as it can and keeps every problem; `load` raises them all at once. A section that cannot be read does
not hide the others: the cross-checks (config_checks.py) and the closure (closure.py) run on what could be read.

A device's section holds the keys of `Scanner` or `Plc` and, beside them, the fields of the `Settings` of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from controller import closure, config_checks, config_devices
from controller.sheet import ConfigErrors, Problem, Sheet, fields
from controller.toml_lines import KeyPath
from controller.wording import shown, told

__all__ = ["Config", "ConfigErrors", "Problem", "load", "read"]

M = TypeVar("M", bound=BaseModel)

FLOORSIM_TABLES = ("belt", "induction", "chute", "stub")

ID, LINE_ID, FLOOR_ID = "[A-Za-z0-9_-]{1,64}", "[A-Z0-9_-]{1,4}", "[A-Z0-9_-]{1,12}"
ID_OF = {"line": LINE_ID, "point": FLOOR_ID, "lane": FLOOR_ID, "scanner": ID, "plc": ID}
ID_WORDS = {
    ID: "1 to 64 of A-Z a-z 0-9 _ -",
    LINE_ID: "1 to 4 of A-Z 0-9 _ -",
    FLOOR_ID: "1 to 12 of A-Z 0-9 _ -",
}
"""Lines, points and lanes are named in the PLC's telegrams (PLC interface v1 §3), the others in topics."""


def check_id(name: str, pattern: str = ID) -> str:
    """`name`, or ValueError in the form `what is wrong; what to write`."""
    if not re.fullmatch(pattern, name):
        raise ValueError(f"{shown(name)} cannot be an id here; write {ID_WORDS[pattern]}")
    return name


def check_broker(url: str) -> str:
    """`url`, or ValueError in the form `what is wrong; what to write`."""
    match = re.fullmatch(r"mqtts?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?/?", url)
    if re.match(r"mqtts?://[^/]*@", url):
        raise ValueError("no name or password in the url; write username = … and password_file = …")
    if match is None or int(match[1] or 1) not in range(1, 65536):
        raise ValueError(f'{shown(url)} is no broker; write "mqtt://host:1883" or "mqtts://host:8883"')
    return url


def check_file(path: Path) -> Path:
    """`path`, or ValueError in the form `what is wrong; what to write`."""
    if path == Path() or "\0" in str(path):
        raise ValueError(f"{shown(str(path))} is no file; write its path, as seen from this file or from /")
    return path


File: TypeAlias = Annotated[Path, AfterValidator(check_file)]
Id: TypeAlias = Annotated[str, AfterValidator(check_id), WithJsonSchema({"type": "string", "pattern": f"^{ID}$"})]
IdKey: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{ID}$")]
LineKey: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{LINE_ID}$")]
FloorKey: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{FLOOR_ID}$")]
Millimetres: TypeAlias = Annotated[int, Field(ge=0, le=10_000_000)]


class Section(BaseModel):
    """A table of the floor file; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Broker(Section):
    """Where events go and commands come from."""

    url: Annotated[str, AfterValidator(check_broker)]
    username: str | None = None
    password_file: File | None = None
    ca_file: File | None = None
    keepalive_s: int = Field(5, ge=1, le=3600)


class Customs(Section):
    """`stale_s`: without a head beat for so long, older statuses count as hold. `feed` = there is a customs feed."""

    stale_s: int = Field(60, ge=1, le=86_400)
    feed: bool = True


class Line(Section):
    """A conveyor or sorter with one PLC channel.

    `margin_ms`: decide_by = edge + left - margin_ms. `coast_mm`: how far the belt runs on when it stops.
    """

    kind: Literal["line", "loop"]
    speed_mm_s: int = Field(ge=1, le=99_999)
    length_mm: int = Field(ge=1, le=10_000_000)
    default_lane: str
    margin_ms: int = Field(50, ge=0, le=60_000)
    coast_mm: int = Field(0, ge=0, le=100_000)
    durable_first: bool = False


class Point(Section):
    """A named place: `tracked` = on a line at a position, `presence` = the read itself is the event."""

    kind: Literal["tracked", "presence"] = "tracked"
    line: str | None = None
    position_mm: Millimetres | None = None
    induction: bool = False
    decision: bool = False


class Lane(Section):
    """A physical exit; `position_mm` of its gate, `capacity` in parcels with those on their way (0 = not counted)."""

    line: str
    position_mm: Millimetres
    capacity: int = Field(0, ge=0, le=100_000)
    roles: tuple[Literal["sort", "exception", "overflow", "recirculate"], ...] = ("sort",)
    supervised: bool = False
    max_length_mm: int | None = Field(None, ge=1, le=99_999)
    max_weight_g: int | None = Field(None, ge=1, le=99_999_999)


class Scanner(Section):
    """A reader. `late_mm`: a parcel closer than this behind one that got no result from it is not trusted.

    `settings` is the `Settings` of its kind, made of the section's other keys."""

    kind: str
    link: str
    point: str
    window_mm: int = Field(80, ge=1, le=100_000)
    late_mm: int = Field(1000, ge=0, le=100_000)
    reports_no_read: bool = True
    settings: SkipJsonSchema[Any] = None


class Plc(Section):
    """The PLC of a line. `settings` is the `Settings` of its kind, made of the section's other keys."""

    kind: str
    link: str
    line: str
    settings: SkipJsonSchema[Any] = None


class Head(Section):
    """The keys before the first table. Paths are taken from the folder of the file."""

    site: Id
    node: Id
    mode: Literal["production", "test", "maintenance", "simulated"]
    state_dir: File
    plan: File


class Config(Head):
    """A whole floor that passed every check."""

    broker: Broker
    customs: Customs = Customs()
    line: dict[LineKey, Line] = Field(default_factory=dict)
    point: dict[FloorKey, Point] = Field(default_factory=dict)
    lane: dict[FloorKey, Lane] = Field(default_factory=dict)
    scanner: dict[IdKey, Scanner] = Field(default_factory=dict)
    plc: dict[IdKey, Plc] = Field(default_factory=dict)


SECTIONS: dict[str, type[Section]] = {"line": Line, "point": Point, "lane": Lane, "scanner": Scanner, "plc": Plc}


@dataclass
class Floor:
    """What could be read; `sheet` knows where it stands. `config` is None as long as there is a problem."""

    sheet: Sheet
    line: dict[str, Line] = field(default_factory=dict)
    point: dict[str, Point] = field(default_factory=dict)
    lane: dict[str, Lane] = field(default_factory=dict)
    scanner: dict[str, Scanner] = field(default_factory=dict)
    plc: dict[str, Plc] = field(default_factory=dict)
    config: Config | None = None

    def names(self, table: str) -> list[str]:
        """Every id of a table, of unreadable sections too: what is there may be named."""
        tables = self.sheet.data.get(table)
        return list(tables) if isinstance(tables, dict) else []

    @property
    def plan_path(self) -> Path | None:
        """Where the sort plan lies, if the file says so."""
        plan = self.sheet.data.get("plan")
        return (
            Path(self.sheet.file).parent / plan
            if isinstance(plan, str) and ("plan",) not in self.sheet.broken
            else None
        )


def load(path: Path | str) -> Config:
    """The floor of a file. Raises ConfigErrors with everything that is wrong with it, the closure included."""
    floor = read(path)
    if floor.config is None:
        raise ConfigErrors(floor.sheet.problems)
    return floor.config


def read(path: Path | str) -> Floor:
    """As much of the floor as can be read; its problems are in `floor.sheet.problems`. Never raises."""
    sheet = Sheet(Path(path))
    floor = Floor(sheet)
    if not sheet.readable:
        return floor
    tables = (*SECTIONS, "broker", "customs", *FLOORSIM_TABLES)
    head = sheet.fill(Head, (), {key: value for key, value in sheet.data.items() if key not in tables}, also=tables)
    if "broker" not in sheet.data and ("broker",) not in sheet.broken:
        sheet.report(("broker",), "missing", 'write [broker] and url = "mqtt://…"')
    broker = _single(sheet, "broker", Broker)
    customs = _single(sheet, "customs", Customs)
    floor.line = _many(sheet, "line", Line)
    floor.point = _many(sheet, "point", Point)
    floor.lane = _many(sheet, "lane", Lane)
    floor.scanner = _devices(sheet, "scanner", Scanner)
    floor.plc = _devices(sheet, "plc", Plc)
    config_checks.check(floor)
    closure.report(floor)
    if head and broker and not sheet.problems:
        floor.config = _whole(floor, head, broker, customs or Customs())
    return floor


def _whole(floor: Floor, head: Head, broker: Broker, customs: Customs) -> Config:
    folder = Path(floor.sheet.file).parent
    files = {key: folder / value for key in ("password_file", "ca_file") if (value := getattr(broker, key)) is not None}
    return Config(
        **(dict(head) | {"state_dir": folder / head.state_dir, "plan": folder / head.plan}),
        broker=broker.model_copy(update=files),
        customs=customs,
        **{table: getattr(floor, table) for table in SECTIONS},
    )


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


def _devices(sheet: Sheet, table: str, kind: type[M]) -> dict[str, M]:
    common = tuple(key for key in fields(kind) if key != "settings")
    found: dict[str, M] = {}
    for at, raw in _sections(sheet, table):
        settings = config_devices.settings(sheet, at, raw, common)
        model = sheet.fill(kind, at, {key: value for key, value in raw.items() if key in common})
        if model is not None:
            found[str(at[1])] = model.model_copy(update={"settings": settings})
    return found
