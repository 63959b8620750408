"""Closure: where an item without a positive customs release can get to, by any path.

Whatever fails, an item that nobody released must end in a supervised lane. So every lane that it can reach must be one:
the lane that the PLC chooses alone (with the controller dead, too), the lane at the end of a line, the lanes kept for
exceptions, overflow and recirculation, and those to which the sort plan sends what is held, unknown, unread or left
over. Computed from the floor and the plan alone, and refused before anything runs.

A loop has no end: what is not sent off is sent to the default lane by its PLC. A lane that leads to another line is
supervised and no end; that line has its own closure. But somewhere an item on hold must come to lie: from every line a
supervised lane that is an end can be reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.sheet import Sheet
from controller.toml_lines import KeyPath

if TYPE_CHECKING:
    from controller.sections import Lane, Line

UNRELEASED_ROLES = ("exception", "overflow", "recirculate")
UNRELEASED = ("held", "unknown", "no_read", "overflow")
"""The special destinations of a plan that items without a release are sent to."""


class Layout(Protocol):
    """Lines and lanes by id: a `Config`, or a `Floor` of which a part could be read."""

    @property
    def line(self) -> Mapping[str, Line]:
        """The lines."""

    @property
    def lane(self) -> Mapping[str, Lane]:
        """The lanes."""


class ReadLayout(Layout, Protocol):
    """A layout that knows the file it was read from."""

    @property
    def sheet(self) -> Sheet:
        """The floor file."""


@dataclass(frozen=True)
class Way:
    """An item without a release can reach `lane`: `path` says how, `otherwise` what would end it."""

    lane: str
    path: str
    otherwise: str
    at: KeyPath = ()
    """in a plan: the key that opens the way"""


def by_floor(layout: Layout) -> list[Way]:
    """The ways that the floor itself leaves: default lanes, ends of lines, roles."""
    ways = []
    for name, line in layout.line.items():
        default = line.default_lane
        ways.append(Way(default, f"{default} is the default lane of line {name}", "choose another default_lane"))
        last = _last(layout, name)
        ways += [
            Way(lane, f"line {name} ends in {lane}", "let the line end in a supervised lane")
            for lane in last
            if line.kind == "line" and default not in last
        ]
    for lane, settings in layout.lane.items():
        ways += [
            Way(lane, f"{lane} has the role {role}", "take the role away")
            for role in UNRELEASED_ROLES
            if role in settings.roles
        ]
    return [way for way in ways if way.lane in layout.lane]


def by_plan(layout: Layout, special: Mapping[str, str], waves: Mapping[str, Mapping[str, Sequence[str]]]) -> list[Way]:
    """The ways that a plan leaves, in every wave: a wave can be put in force at any time."""
    uses: dict[str, list[str]] = {}
    for use in UNRELEASED:
        if use in special:
            uses.setdefault(special[use], []).append(use)
    return [
        Way(
            lane,
            f"{target} is special.{' and special.'.join(used)}",
            _supervised_of(layout, lane),
            ("waves", wave, target),
        )
        for wave, chutes in waves.items()
        for target, used in uses.items()
        for lane in dict.fromkeys(chutes.get(target, ()))
        if lane in layout.lane
    ]


def still_open(layout: Layout, ways: Iterable[Way]) -> list[Way]:
    """Those ways that lead into a lane without supervision."""
    return [way for way in ways if not layout.lane[way.lane].supervised]


def report(floor: ReadLayout) -> None:
    """Note every opening of the floor at the lane's `supervised`, and every line without a supervised lane."""
    ways: dict[str, list[Way]] = {}
    for way in still_open(floor, [*by_floor(floor), *_of_broken_lines(floor)]):
        ways.setdefault(way.lane, []).append(way)
    for lane, found in ways.items():
        at = ("lane", lane, "supervised")
        if at not in floor.sheet.broken:
            paths = " and ".join(way.path for way in found)
            floor.sheet.report(
                at,
                f"false, but {paths}: an item without a customs release can get there",
                f"write supervised = true or {' and '.join(dict.fromkeys(way.otherwise for way in found))}",
            )
    for name, line in floor.line.items():
        default = line.default_lane
        lanes = [lane for lane, settings in floor.lane.items() if settings.line == name]
        misread = any(("lane", lane, "supervised") in floor.sheet.broken and lane not in ways for lane in lanes)
        if lanes and not misread and not any(floor.lane[lane].supervised for lane in lanes):
            floor.sheet.report(
                ("line", name),
                "no lane of this line is supervised: an item on customs hold has nowhere to go",
                f"write supervised = true at {default if default in lanes else 'one of its lanes'}",
            )
    if all(len(getattr(floor, table)) == len(_raw(floor, table)) for table in ("line", "lane")):
        _report_endless(floor)


def _report_endless(floor: ReadLayout) -> None:
    """Note every line from which supervised lanes only lead on and on."""
    supervised = [lane for lane in floor.lane.values() if lane.supervised]
    ends = {lane.line for lane in supervised if lane.leads_to not in floor.line}
    for _ in floor.line:  # each round one line farther from an end
        ends |= {lane.line for lane in supervised if lane.leads_to in ends}
    for name in floor.line:
        leading = [id for id, lane in floor.lane.items() if lane.supervised and lane.line == name]
        if leading and name not in ends:
            floor.sheet.report(
                ("line", name),
                "its supervised lanes only lead on to lines that lead on: an item on customs hold comes to no end",
                f"take leads_to away at one of {', '.join(leading[:6])}, or add a supervised lane",
            )


def _of_broken_lines(floor: ReadLayout) -> list[Way]:
    """The default lanes of lines that have another mistake."""
    broken = {name: raw for name, raw in _raw(floor, "line").items() if name not in floor.line}
    defaults = [(name, raw.get("default_lane")) for name, raw in broken.items() if isinstance(raw, dict)]
    return [
        Way(lane, f"{lane} is the default lane of line {name}", "choose another default_lane")
        for name, lane in defaults
        if isinstance(lane, str) and lane in floor.lane
    ]


def _raw(floor: ReadLayout, table: str) -> Mapping[str, object]:
    """A table as it stands in the file."""
    sections = floor.sheet.data.get(table)
    return sections if isinstance(sections, dict) else {}


def _last(layout: Layout, line: str) -> list[str]:
    """The lane or lanes with the greatest position."""
    positions = {name: lane.position_mm for name, lane in layout.lane.items() if lane.line == line}
    return [name for name, position in positions.items() if position == max(positions.values())]


def _supervised_of(layout: Layout, lane: str) -> str:
    line = layout.lane[lane].line
    good = [name for name, other in layout.lane.items() if other.line == line and other.supervised]
    return f"of line {line} only supervised lanes may stand here: {', '.join(good[:6]) or 'it has none'}"
