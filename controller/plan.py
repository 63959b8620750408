"""The sort plan: rules give a destination, the chute map of the wave in force gives its lanes.

The rules and how the first that fits is found: plan_rules.py. A plan is a value; another wave of it in force is another
value. It is read from a file or from the centre's text, and refused with everything that is wrong with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import StringConstraints

from controller import plan_checks
from controller.closure import UNRELEASED, Layout
from controller.plan_rules import Advised, Code, Index, Part, Rule
from controller.sheet import ConfigErrors, Sheet
from controller.wording import guess

Chute: TypeAlias = Annotated[str, StringConstraints(pattern="^[A-Z0-9_-]{1,12}(:[0-9]{1,3})?$")]
"""A lane, perhaps with its share."""


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
    waves: dict[Code, dict[Code, tuple[Chute, ...]]]


@dataclass(frozen=True)
class Plan:
    """A valid plan. `lane_line` = the line of every lane it names."""

    plan: str
    version: str
    wave: str
    rules: tuple[Rule, ...]
    special: Special
    waves: Mapping[str, Mapping[str, tuple[str, ...]]]
    shares: Mapping[str, Mapping[str, Mapping[str, int]]]
    lane_line: Mapping[str, str]
    index: Index = field(repr=False, compare=False)
    """of `rules`"""
    _lanes: dict[tuple[str, str], tuple[str, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """(destination, line) -> lanes in order, of the wave in force"""
    _given: dict[int, tuple[tuple[str, ...], str]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """what rules that have fitted once give, by number, and the words for it"""

    def __post_init__(self) -> None:
        for target, chutes in self.waves[self.wave].items():
            for lane in dict.fromkeys(chutes):
                at = (target, self.lane_line[lane])
                self._lanes[at] = (*self._lanes.get(at, ()), lane)

    @property
    def label(self) -> str:
        """Name and version, as decisions carry it."""
        return f"{self.plan} {self.version}"

    def in_wave(self, wave: str) -> Plan:
        """The plan with this wave in force. Raises ValueError in the form `what is wrong; what to write`."""
        if wave == self.wave:
            return self
        if wave not in self.waves:
            raise ValueError(f"plan {self.plan} has no wave {wave!r}; {guess(wave, self.waves, 'waves')}")
        missing = [target for target in self._targets() if self.lane_line and not self.waves[wave].get(target)]
        if missing:
            few = ", ".join(missing[:6]) + ", …" * (len(missing) > 6)
            raise ValueError(
                f"wave {wave} of plan {self.plan} has no lanes for {few}; "
                f'write {missing[0]} = ["LANE"] in [waves.{wave}]'
            )
        return replace(self, wave=wave)

    def _targets(self) -> dict[str, None]:
        """Every destination that a rule or a special case gives."""
        named = [target for rule in self.rules for target in (rule.destination, *rule.also)]
        return dict.fromkeys((*named, *(getattr(self.special, use) for use in UNRELEASED)))


def destinations(plan: Plan, advice: Advised) -> tuple[tuple[str, ...], str]:
    """The destination of the first rule that fits and what else it allows, in order, and the rule as `rule 3: DE 1*`.

    Where no rule fits: `special.unknown` alone.
    """
    first = plan.index.first(advice)
    if first is None:
        return (plan.special.unknown,), "no rule fits"
    found = plan._given.get(first)
    if found is None:
        rule = plan.rules[first - 1]
        found = tuple(dict.fromkeys((rule.destination, *rule.also))), f"rule {first}: {rule.label}"
        plan._given[first] = found
    return found


def destination(plan: Plan, advice: Advised) -> tuple[str, str]:
    """The first of `destinations`, and the rule."""
    found, rule = destinations(plan, advice)
    return found[0], rule


def lanes(plan: Plan, destination: str, line: str) -> tuple[str, ...]:
    """The lanes of a line that the wave in force has for a destination, in the plan's order; () when it has none."""
    return plan._lanes.get((destination, line), ())


def shares(plan: Plan, destination: str, line: str) -> Mapping[str, int]:
    """The shares of those lanes that have one; empty where the plan's order is the ranking."""
    found = plan.shares[plan.wave].get(destination, {})
    return {lane: share for lane, share in found.items() if plan.lane_line[lane] == line} if found else found


def spread(lanes: Sequence[str], shares: Mapping[str, int], given: Mapping[str, int]) -> tuple[str, ...]:
    """`lanes` in the order in which the next parcel should have them, after so many were `given` to each.

    The lane that would be least ahead of its share with one more comes first; ties go by the plan's order. Lanes
    without a share come behind those that have one, in the plan's order.
    """
    return tuple(sorted(lanes, key=lambda lane: (given.get(lane, 0) + 1) / shares[lane] if lane in shares else _LAST))


_LAST = float("inf")


def load_plan(path: Path | str, layout: Layout) -> Plan:
    """The plan of a file for a floor. Raises ConfigErrors with everything that is wrong with it, openings included."""
    return _whole(*read_plan(path, layout))


def plan_of_text(text: str, name: str, layout: Layout) -> Plan:
    """The same for a plan that the centre published; problems are told under this name."""
    sheet = Sheet(Path(name), text)
    return _whole(_plan(sheet, layout, ()), sheet)


def read_plan(path: Path | str, layout: Layout, also_lanes: Collection[str] = ()) -> tuple[Plan | None, Sheet]:
    """The plan, None when there is a problem, and the sheet with the problems. Never raises.

    `also_lanes` = lanes that exist although the layout could not read them.
    """
    sheet = Sheet(Path(path))
    return _plan(sheet, layout, also_lanes), sheet


def _whole(plan: Plan | None, sheet: Sheet) -> Plan:
    if plan is None:
        raise ConfigErrors(sheet.problems)
    return plan


def _plan(sheet: Sheet, layout: Layout, also_lanes: Collection[str]) -> Plan | None:
    if not sheet.readable:
        return None
    tables = ("rule", "special", "waves")
    head = sheet.fill(Head, (), {key: value for key, value in sheet.data.items() if key not in tables}, also=tables)
    rules = _rules(sheet)
    special = _special(sheet)
    waves, shares = plan_checks.waves(sheet)
    plan_checks.lanes_exist(sheet, waves, {*layout.lane, *also_lanes})
    if head is not None:
        plan_checks.targets_have_lanes(sheet, head.wave, waves, has_lines=bool(layout.line))
    plan_checks.closed(sheet, layout, waves)
    line_of = {name: lane.line for name, lane in layout.lane.items()}
    named = {lane for chutes in waves.values() for found in chutes.values() for lane in found}
    if head is None or special is None or sheet.problems or not named <= line_of.keys():
        return None
    return Plan(head.plan, head.version, head.wave, rules, special, waves, shares, line_of, Index(rules))


def _rules(sheet: Sheet) -> tuple[Rule, ...]:
    raw = sheet.tables(("rule",), sheet.data.get("rule", []))
    filled = [sheet.fill(Rule, ("rule", number), one) for number, one in enumerate(raw)]
    for number, one in enumerate(raw[:-1], 1):
        if not set(one) - {"destination", "also"}:
            what = f"is never reached: rule {number} has no conditions and fits everything"
            sheet.report(("rule", number), what, "put that one last")
            break
    return tuple(rule for rule in filled if rule is not None)


def _special(sheet: Sheet) -> Special | None:
    raw = sheet.data.get("special", {})
    if not isinstance(raw, dict):
        sheet.report(("special",), "must be a table", "write [special]")
        return None
    return sheet.fill(Special, ("special",), raw)
