"""The sort plan: rules give a destination, the chute map of the wave in force gives its lanes.

The first rule that fits counts. So that ten thousand rules cost no more than ten, the rules are indexed by what they
ask for: rules of one shape (country or not, so many characters of postcode, flow or not, product or not) lie in one
dictionary, a parcel makes one key for each shape, and of what it finds the lowest number is the first rule that fits.
Plans have a handful of shapes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, StringConstraints

from controller import closure
from controller.closure import Layout
from controller.sheet import ConfigErrors, Sheet
from controller.toml_lines import KeyPath
from controller.wording import guess

Code: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Chutes: TypeAlias = dict[Code, tuple[str, ...]]
Shape: TypeAlias = tuple[bool, int, bool, bool]
Key: TypeAlias = tuple[str | None, str, str | None, str | None]


class Advised(Protocol):
    """What the rules ask about a parcel; None = not known, which fits no condition."""

    @property
    def country(self) -> str | None:
        """ISO 3166 code of the country it goes to."""

    @property
    def postcode(self) -> str | None:
        """Postcode it goes to."""

    @property
    def flow(self) -> str | None:
        """import, export or transit."""

    @property
    def product(self) -> str | None:
        """The service that was sold."""


class Part(BaseModel):
    """A part of the plan's file; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rule(Part):
    """Conditions, all of which must fit, and the destination. Spaces and case of postcodes do not count."""

    destination: Code
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = None
    postcode: Text | None = None
    flow: Literal["import", "export", "transit"] | None = None
    product: Text | None = None

    @property
    def key(self) -> Key:
        """Its place in the index."""
        return self.country, _plain(self.postcode), self.flow, self.product

    @property
    def label(self) -> str:
        """Its conditions in short, e.g. `DE 1*`."""
        parts = (self.country, f"{_plain(self.postcode)}*" if self.postcode else None, self.flow, self.product)
        return " ".join(filter(None, parts)) or "everything"


class Special(Part):
    """Destinations of what the rules do not decide."""

    held: Code
    unknown: Code
    no_read: Code
    overflow: Code


class Head(Part):
    """Name and version of the plan, and the wave in force."""

    plan: Code
    version: Code
    wave: Code


class PlanFile(Head):
    """The whole file, for its JSON Schema."""

    rule: tuple[Rule, ...] = ()
    special: Special
    waves: dict[Code, Chutes]


@dataclass(frozen=True)
class Plan:
    """A valid plan. `lane_line` = the line of every lane it names."""

    plan: str
    version: str
    wave: str
    rules: tuple[Rule, ...]
    special: Special
    waves: Mapping[str, Mapping[str, tuple[str, ...]]]
    lane_line: Mapping[str, str]
    _first: dict[Key, int] = field(init=False, repr=False, compare=False, default_factory=dict)
    """key -> number of the first rule with it"""
    _shapes: dict[Shape, int] = field(init=False, repr=False, compare=False, default_factory=dict)
    """shape -> lowest number of a rule of it; in rising order"""
    _lanes: dict[tuple[str, str], tuple[str, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """(destination, line) -> lanes in order, of the wave in force"""

    def __post_init__(self) -> None:
        for number, rule in enumerate(self.rules, 1):
            country, postcode, flow, product = rule.key
            self._first.setdefault(rule.key, number)
            self._shapes.setdefault((country is not None, len(postcode), flow is not None, product is not None), number)
        for target, chutes in self.waves[self.wave].items():
            for lane in dict.fromkeys(chutes):
                at = (target, self.lane_line[lane])
                self._lanes[at] = (*self._lanes.get(at, ()), lane)

    @property
    def label(self) -> str:
        """Name and version, as decisions carry it."""
        return f"{self.plan} {self.version}"


def destination(plan: Plan, advice: Advised) -> tuple[str, str]:
    """The destination of the first rule that fits, and that rule as `rule 3: DE 1*`; else `special.unknown`."""
    country, flow, product = advice.country, advice.flow, advice.product
    postcode = _plain(advice.postcode)
    best = len(plan.rules) + 1
    for (by_country, digits, by_flow, by_product), lowest in plan._shapes.items():
        if lowest >= best:
            break
        if len(postcode) < digits or (by_country and country is None):
            continue
        if (by_flow and flow is None) or (by_product and product is None):
            continue
        key = (
            country if by_country else None,
            postcode[:digits],
            flow if by_flow else None,
            product if by_product else None,
        )
        best = min(best, plan._first.get(key, best))
    if best > len(plan.rules):
        return plan.special.unknown, "no rule fits"
    rule = plan.rules[best - 1]
    return rule.destination, f"rule {best}: {rule.label}"


def lanes(plan: Plan, destination: str, line: str) -> tuple[str, ...]:
    """The lanes of a line that the wave in force has for a destination, in the plan's order; () when it has none."""
    return plan._lanes.get((destination, line), ())


def load_plan(path: Path | str, layout: Layout) -> Plan:
    """The plan of a file for a floor. Raises ConfigErrors with everything that is wrong with it, openings included."""
    plan, sheet = read_plan(path, layout)
    if plan is None:
        raise ConfigErrors(sheet.problems)
    return plan


def read_plan(path: Path | str, layout: Layout, also_lanes: Collection[str] = ()) -> tuple[Plan | None, Sheet]:
    """The plan, None when there is a problem, and the sheet with the problems. Never raises.

    `also_lanes` = lanes that exist although the layout could not read them.
    """
    sheet = Sheet(Path(path))
    if not sheet.readable:
        return None, sheet
    tables = ("rule", "special", "waves")
    head = sheet.fill(Head, (), {key: value for key, value in sheet.data.items() if key not in tables}, also=tables)
    rules = _rules(sheet)
    special = _special(sheet)
    waves = _waves(sheet)
    _check_lanes(sheet, waves, {*layout.lane, *also_lanes})
    if head is not None:
        _check_targets(sheet, head.wave, waves)
    wanted = sheet.data.get("special")
    targets = (
        {use: target for use, target in wanted.items() if isinstance(target, str)} if isinstance(wanted, dict) else {}
    )
    for way in closure.still_open(layout, closure.by_plan(layout, targets, waves)):
        sheet.report(
            way.at,
            f"{way.lane} is not supervised, but {way.path}: an item without a customs release can get there",
            way.otherwise,
        )
    line_of = {name: lane.line for name, lane in layout.lane.items()}
    named = {lane for chutes in waves.values() for found in chutes.values() for lane in found}
    if head is None or special is None or sheet.problems or not named <= line_of.keys():
        return None, sheet
    return Plan(head.plan, head.version, head.wave, rules, special, waves, line_of), sheet


def _rules(sheet: Sheet) -> tuple[Rule, ...]:
    raw = sheet.data.get("rule", [])
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        sheet.report(("rule",), "must be a list of tables", "write [[rule]] before each")
        return ()
    filled = [sheet.fill(Rule, ("rule", number), one) for number, one in enumerate(raw)]
    for number, one in enumerate(raw[:-1], 1):
        if not set(one) - {"destination"}:
            at: KeyPath = ("rule", number)
            sheet.report(
                at, f"is never reached: rule {number} has no conditions and fits everything", "put that one last"
            )
            break
    return tuple(rule for rule in filled if rule is not None)


def _special(sheet: Sheet) -> Special | None:
    raw = sheet.data.get("special", {})
    if not isinstance(raw, dict):
        sheet.report(("special",), "must be a table", "write [special]")
        return None
    return sheet.fill(Special, ("special",), raw)


def _waves(sheet: Sheet) -> dict[str, dict[str, tuple[str, ...]]]:
    """Wave -> destination -> lanes, as far as they can be read."""
    if "waves" not in sheet.data and ("waves",) not in sheet.broken:
        sheet.report(("waves",), "missing", "write [waves.ID] with the lanes of each destination")
    waves: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, raw in sheet.table(("waves",), sheet.data.get("waves", {})).items():
        chutes = waves.setdefault(name, {})
        for target, found in sheet.table(("waves", name), raw).items():
            if isinstance(found, list) and all(isinstance(lane, str) for lane in found):
                chutes[target] = tuple(found)
            else:
                sheet.report(("waves", name, target), "must be a list of lanes", 'write ["LANE", …]')
    return waves


def _check_lanes(sheet: Sheet, waves: Mapping[str, Mapping[str, tuple[str, ...]]], known: Collection[str]) -> None:
    for wave, chutes in waves.items():
        for target, found in chutes.items():
            for lane in found:
                if lane not in known:
                    sheet.report(("waves", wave, target), f"no lane {lane!r}", guess(lane, known, "lanes"))


def _check_targets(sheet: Sheet, wave: str, waves: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
    """The wave in force exists and has lanes for every destination that a rule or a special case gives."""
    if wave not in waves:
        if ("waves",) not in sheet.broken:
            sheet.report(("wave",), f"no wave {wave!r}", guess(wave, waves, "waves"))
        return
    known = {target for chutes in waves.values() for target in chutes}
    for at, target in _used(sheet):
        if target not in known:
            sheet.report(at, f"unknown destination {target!r}", guess(target, known, "destinations"))
        elif not waves[wave].get(target) and ("waves", wave, target) not in sheet.broken:
            sheet.report(
                at,
                f"{target} has no lanes in wave {wave}, which is in force",
                f'write {target} = ["LANE"] in [waves.{wave}]',
            )


def _used(sheet: Sheet) -> list[tuple[KeyPath, str]]:
    """Every place that names a destination."""
    rules, special = sheet.data.get("rule"), sheet.data.get("special")
    used: list[tuple[KeyPath, object]] = []
    if isinstance(rules, list):
        used += [
            (("rule", n, "destination"), one.get("destination")) for n, one in enumerate(rules) if isinstance(one, dict)
        ]
    if isinstance(special, dict):
        used += [(("special", use), special.get(use)) for use in closure.UNRELEASED]
    return [(at, target) for at, target in used if isinstance(target, str)]


def _plain(postcode: str | None) -> str:
    return "".join(postcode.split()).upper() if postcode else ""
