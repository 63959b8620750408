"""All sort plans of a floor: those its file names, and that its switches fit them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controller.config import Config, Floor, read
from controller.plan import Plan, read_plan
from controller.sheet import ConfigErrors, Problem
from controller.wording import dotted, guess, told

__all__ = ["ConfigErrors", "load_floor", "read_plans"]


def load_floor(path: Path | str, *, start: bool = False) -> tuple[Config, dict[str, Plan]]:
    """The floor of a file and its plans by name, the one in force at the start first. `start`: a certificate that has
    ended by this machine's clock is no problem, for belts run without a broker too.

    Raises ConfigErrors with everything that is wrong with any of them.
    """
    floor = read(path)
    plans, problems = read_plans(floor)
    problems += [] if start else floor.untimely
    if floor.config is None or problems or floor.sheet.problems:
        raise ConfigErrors([*floor.sheet.problems, *problems])
    return floor.config, plans


def read_plans(floor: Floor) -> tuple[dict[str, Plan], list[Problem]]:
    """The plans that could be read, by name, and the problems in their files. Never raises.

    What the floor file says wrongly of them is noted on its own sheet.
    """
    plans: dict[str, Plan] = {}
    problems: list[Problem] = []
    files: dict[str, str] = {}
    unnamed = False
    for at, path in floor.plan_paths:
        plan, sheet = read_plan(path, floor, also_lanes=floor.names("lane"))
        problems += sheet.problems
        name = sheet.data.get("plan")
        if not isinstance(name, str):
            unnamed = True
            continue
        if name in files:
            what = f"plan {name!r} stands in {files[name]} too"
            floor.sheet.report(at, what, "give one of them another name")
        elif plan is not None:
            plans[name] = plan
        files.setdefault(name, sheet.file)
    for number, switch in floor.switch.items():
        if switch.plan not in files and not unnamed:
            floor.sheet.report(
                ("switch", number, "plan"), f"no plan {switch.plan!r}", guess(switch.plan, files, "plans")
            )
        elif switch.plan in plans and switch.wave is not None:
            try:
                plans[switch.plan].in_wave(switch.wave)
            except ValueError as error:
                floor.sheet.report(("switch", number, "wave"), *told(str(error)))
    if not problems:
        _warn_of_idle(floor, plans.values())
    return plans, problems


def _warn_of_idle(floor: Floor, plans: Iterable[Plan]) -> None:
    """A lane for sorting that no wave of any plan names stays empty for ever."""
    named = {lane for plan in plans for chutes in plan.waves.values() for lanes in chutes.values() for lane in lanes}
    for name, lane in floor.lane.items():
        if "sort" in lane.roles and name not in named and not lane.leads_to:
            at = ("lane", name)
            instead = f'name it in a wave of the plan, such as REST = ["…", "{name}"], or leave it out'
            floor.warnings.append(
                Problem(floor.sheet.file, floor.sheet.line(at), dotted(at), "no plan sends anything there", instead)
            )
