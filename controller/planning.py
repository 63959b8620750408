"""Which sort plan is in force: switched by command or time, replaced by the centre, found again after a restart.

`floor.plans` holds every valid plan by name, each with its own wave; `floor.plan` is one of them in the wave that was
asked for. A plan that cannot be put in force never replaces the one that is.

Kept: ("plan", "active") = plan, wave and since when, UTC ms; ("plan_text", NAME) = the text of a plan of the centre,
which stands for the file's plan of that name. What was scheduled before `since` was followed or overruled; so a restart
makes no switch twice, and of those that fell while nobody ran it makes the newest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from controller import deciding
from controller.advice import Look
from controller.events import Alarm, PlanChanged
from controller.floor_state import FloorState
from controller.plan import Plan, plan_of_text
from controller.sheet import ConfigErrors
from controller.switching import Schedule, zone
from controller.wording import guess

MOST_PLANS = 100
"""Plans that may be loaded at once; a further name is refused."""


class Active(BaseModel):
    """What is in force, and since when, UTC ms."""

    plan: str
    wave: str
    since: float = 0.0


def schedule(floor: FloorState) -> Schedule:
    """The schedule of a floor's file, not followed yet."""
    return Schedule(floor.config.switch, zone(floor.config.time_zone))


def switch(floor: FloorState, name: str, wave: str | None, why: str, now: float, look: Look) -> str | None:
    """Put a loaded plan in force, in this wave or its own; returns why that cannot be."""
    try:
        plan = _found(floor, name, wave)
    except ValueError as error:
        return str(error)
    if (plan.plan, plan.wave) != (floor.plan.plan, floor.plan.wave):
        _put_in_force(floor, plan, why, now, look)
    return None


def loaded(floor: FloorState, plan: Plan, text: str, now: float, look: Look) -> None:
    """A valid plan of the centre takes the place of the one of its name, at once if that is in force."""
    if plan.plan not in floor.plans and len(floor.plans) >= MOST_PLANS:
        floor.alarm("plan-count", f"plan {plan.plan} was refused: {MOST_PLANS} plans are loaded already", now, "medium")
        return
    floor.plans[plan.plan] = plan
    floor.keep("plan_text", plan.plan, text)
    if plan.plan != floor.plan.plan:
        return
    try:
        plan = plan.in_wave(floor.plan.wave)
    except ValueError as error:
        what = f"wave {floor.plan.wave} was in force: {error}; wave {plan.wave} is in force now"
        floor.alarm(f"plan-{plan.plan}", what, now, "high")
    if plan != floor.plan:
        _put_in_force(floor, plan, "the centre published it", now, look)


def due(floor: FloorState, times: Schedule, now: float, look: Look) -> None:
    """Make the newest scheduled switch that is due, if one is. A cheap question between two of them."""
    found = times.due(floor.utc(now))
    if found is None:
        return
    why = switch(floor, found.plan, found.wave, f"time: {found.at} {floor.config.time_zone}", now, look)
    if why is not None:
        what = f"the switch at {found.at} was not made, {floor.plan.label} stays in force: {why}"
        floor.alarm(f"plan-{found.plan}", what, now, "high")


def next_switch_at(floor: FloorState, times: Schedule, now: float) -> float | None:
    """When `due` is wanted next, monotonic ms; it may be past. None = never."""
    at = times.next_at(floor.utc(now))
    return None if at is None else at - floor.utc_offset


def restore(floor: FloorState, times: Schedule, state: Mapping[tuple[str, str], bytes]) -> list[Alarm]:
    """Put back what was kept; an alarm for each thing that fits the floor file no longer and was left out."""
    alarms = []
    for (kind, name), body in state.items():
        if kind == "plan_text":
            try:
                floor.plans[name] = plan_of_text(json.loads(body), f"plan {name} of the centre", floor.config)
            except ConfigErrors as errors:
                what = f"the centre's plan {name} does not fit the floor any more: {_first(errors)}"
                alarms.append(Alarm(alarm=f"plan-{name}", what=what, priority="high"))
    # The file's plan in force may have been published anew.
    floor.plan = floor.plans.get(floor.plan.plan, floor.plan)
    if ("plan", "active") in state:
        active = Active.model_validate_json(state["plan", "active"])
        try:
            floor.plan = _found(floor, active.plan, active.wave)
        except ValueError as error:
            what = f"plan {active.plan}, wave {active.wave} was in force, {floor.plan.label} is now: {error}"
            alarms.append(Alarm(alarm=f"plan-{active.plan}", what=what, priority="high"))
        else:
            times.done = active.since
    return alarms


def _found(floor: FloorState, name: str, wave: str | None) -> Plan:
    """A loaded plan in a wave. Raises ValueError in the form `what is wrong; what to write`."""
    if name not in floor.plans:
        raise ValueError(f"no plan {name!r}; {guess(name, floor.plans, 'plans')}")
    plan = floor.plans[name]
    return plan if wave is None else plan.in_wave(wave)


def _put_in_force(floor: FloorState, plan: Plan, why: str, now: float, look: Look) -> None:
    before, floor.plan = floor.plan, plan
    data = PlanChanged(plan=plan.label, wave=plan.wave, before=before.label, before_wave=before.wave, why=why)
    floor.emit("plan/switched", f"plan/{plan.plan}", now, data)
    floor.keep("plan", "active", Active(plan=plan.plan, wave=plan.wave, since=floor.utc(now)))
    deciding.reconsider(floor, now, look)


def _first(errors: ConfigErrors) -> str:
    more = len(errors.problems) - 1
    return f"{errors.problems[0]}" + (f" (and {more} more)" if more else "")
