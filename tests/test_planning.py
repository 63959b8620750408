"""Which sort plan is in force: by command, by time, from the centre, and after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from controller import kept, planning
from controller.config import Config
from controller.effects import Emit, Keep
from controller.events import Routed
from controller.floor_state import FloorState
from controller.plan import Plan, plan_of_text
from controller.sections import Switch
from tests.floor_fixture import PLAN, ready, ride, small_floor
from tests.floor_fixture import advice as parcel

NIGHT = PLAN.replace('plan = "day"', 'plan = "night"').replace('FRANCE = ["S1-L01", "S1-L02"]', 'FRANCE = ["S1-L02"]')
WAVES = PLAN + PLAN[PLAN.index("[waves.w1]") :].replace("w1", "w2").replace('["S1-L01", "S1-L02"]', '["S1-L02"]')
WAVES += '[waves.half]\nBOND = ["S1-BOND"]\n'
HOUR, BASE = 3_600_000.0, 1_789_948_800_000.0
"""2026-09-21T00:00 UTC, 02:00 in Brussels"""


def scheduled(*switches: str) -> Config:
    """The small floor with switches: "22:00 night", "06:00 day w2"."""
    config, _ = small_floor()
    made = [Switch(at=at, plan=plan, wave=(*wave, None)[0]) for at, plan, *wave in map(str.split, switches)]
    return config.model_copy(update={"switch": tuple(made), "time_zone": "Europe/Brussels"})


class Hall:
    """A floor with the plans day (waves w1, w2, half) and night. Monotonic 0 is `BASE`."""

    def __init__(self, *switches: str, state: dict[tuple[str, str], bytes] | None = None) -> None:
        self.switches = switches
        self.config = scheduled(*switches)
        self.plans = {name: plan_of_text(text, name, self.config) for name, text in (("day", WAVES), ("night", NIGHT))}
        self.floor = FloorState(self.config, self.plans["day"], "jrnl0000", plans=dict(self.plans))
        self.floor.utc_offset = BASE
        self.times = planning.schedule(self.floor)
        self.alarms = planning.restore(self.floor, self.times, state or {})

    def restarted(self) -> Hall:
        """The same floor after a restart: what was kept last counts."""
        return Hall(*self.switches, state=self.kept())

    def kept(self) -> dict[tuple[str, str], bytes]:
        keeps = [effect for effect in self.floor.effects if isinstance(effect, Keep)]
        return {(keep.kind, keep.key): kept.dump(keep.value) for keep in keeps}

    def switch(self, name: str, wave: str | None = None, now: float = 0.0) -> str | None:
        return planning.switch(self.floor, name, wave, "command", now, lambda key: ())

    def load(self, text: str, now: float = 0.0) -> Plan:
        plan = plan_of_text(text, "plan", self.config)
        planning.loaded(self.floor, plan, text, now, lambda key: ())
        return plan

    def due(self, now: float) -> None:
        planning.due(self.floor, self.times, now, lambda key: ())

    def next_at(self, now: float) -> float | None:
        return planning.next_switch_at(self.floor, self.times, now)

    @property
    def in_force(self) -> tuple[str, str]:
        return self.floor.plan.plan, self.floor.plan.wave

    def events(self, name: str = "plan/switched") -> list[Any]:
        return [effect.data for effect in self.floor.effects if isinstance(effect, Emit) and effect.name == name]


# --- by command


def test_a_switch_puts_the_plan_in_force_and_says_so() -> None:
    hall = Hall()
    assert hall.switch("night") is None
    assert hall.in_force == ("night", "w1")
    [event] = hall.events()
    assert (event.plan, event.wave, event.before, event.before_wave) == ("night 1", "w1", "day 1", "w1")
    assert event.why == "command"
    assert next(effect for effect in hall.floor.effects if isinstance(effect, Emit)).subject == "plan/night"


def test_another_wave_of_the_plan_in_force() -> None:
    hall = Hall()
    assert hall.switch("day", "w2") is None
    assert hall.in_force == ("day", "w2")
    assert hall.switch("day") is None
    assert hall.in_force == ("day", "w1")


@pytest.mark.parametrize(("name", "wave"), [("day", None), ("day", "w1")])
def test_what_is_in_force_already_changes_nothing(name: str, wave: str | None) -> None:
    hall = Hall()
    assert hall.switch(name, wave) is None
    assert hall.floor.effects == []


@pytest.mark.parametrize(
    ("name", "wave", "why"),
    [
        ("nigth", None, "no plan 'nigth'; did you mean 'night'?"),
        ("day", "w3", "plan day has no wave 'w3'; waves are: half, w1, w2"),
        ("day", "half", "wave half of plan day has no lanes for FRANCE, BENELUX, MANY, SMALL, EXCEPTION; write FRANCE"),
    ],
)
def test_a_switch_that_cannot_be(name: str, wave: str | None, why: str) -> None:
    hall = Hall()
    assert (hall.switch(name, wave) or "").startswith(why)
    assert hall.in_force == ("day", "w1")
    assert hall.floor.effects == []


def test_parcels_on_the_belt_are_decided_again() -> None:
    bench = ready(parcels=(parcel(customs="none"),))
    ride(bench)
    assert bench.last("parcel/routed").lanes[0] == "S1-L01"
    night = plan_of_text(NIGHT, "night", bench.config)
    bench.floor.plans = {"day": bench.plan, "night": night}
    bench.floor.effects = []
    planning.switch(bench.floor, "night", None, "command", bench.now, bench.look)
    [event] = [one.data for one in bench.floor.effects if isinstance(one, Emit) and one.name == "parcel/rerouted"]
    assert isinstance(event, Routed)
    assert (event.lanes[0], event.plan) == ("S1-L02", "night 1")


# --- from the centre


def test_a_published_plan_that_is_in_force_counts_at_once() -> None:
    hall = Hall()
    hall.switch("day", "w2")
    plan = hall.load(WAVES.replace('version = "1"', 'version = "2"'))
    assert hall.floor.plan.label == "day 2"
    assert hall.in_force == ("day", "w2")
    assert hall.floor.plans["day"] is plan
    assert [event.plan for event in hall.events()] == ["day 1", "day 2"]


def test_a_published_plan_without_the_wave_in_force_counts_in_its_own() -> None:
    hall = Hall()
    hall.switch("day", "w2")
    hall.load(PLAN.replace('version = "1"', 'version = "2"'))
    assert hall.in_force == ("day", "w1")
    [alarm] = hall.events("alarm/raised")
    assert "plan day has no wave 'w2'" in alarm.what


def test_a_published_plan_that_is_not_in_force_waits() -> None:
    hall = Hall()
    hall.load(NIGHT.replace('version = "1"', 'version = "2"'))
    assert hall.in_force == ("day", "w1")
    assert hall.events() == []
    hall.switch("night")
    assert hall.floor.plan.label == "night 2"


def test_the_same_plan_again_is_no_event() -> None:
    hall = Hall()
    hall.load(WAVES)
    assert hall.events() == []
    assert hall.restarted().floor.plan == hall.floor.plan


def test_new_names_are_bounded() -> None:
    hall = Hall()
    for number in range(planning.MOST_PLANS + 5):
        hall.load(PLAN.replace('plan = "day"', f'plan = "p{number}"'))
    assert len(hall.floor.plans) == planning.MOST_PLANS
    assert len(hall.events("alarm/raised")) == 7
    hall.load(WAVES.replace('version = "1"', 'version = "2"'))
    assert hall.floor.plan.label == "day 2"


# --- by time: Brussels is two hours ahead, so 06:00 is 4 h and 22:00 is 20 h after `BASE`


def test_switches_are_made_at_their_time() -> None:
    hall = Hall("06:00 day", "22:00 night")
    hall.due(5 * HOUR)
    assert hall.in_force == ("day", "w1")
    assert hall.next_at(5 * HOUR) == 20 * HOUR
    hall.due(20 * HOUR - 1)
    assert hall.in_force == ("day", "w1")
    assert hall.next_at(20 * HOUR + 30) == 20 * HOUR  # still wanted, however late the tick is
    hall.due(20 * HOUR + 30)
    assert hall.in_force == ("night", "w1")
    assert hall.events()[0].why == "time: 22:00 Europe/Brussels"
    hall.due(28 * HOUR)
    assert hall.in_force == ("day", "w1")
    assert len(hall.events()) == 2


def test_the_wave_of_a_switch() -> None:
    hall = Hall("06:00 day w2", "14:00 day")
    hall.due(5 * HOUR)
    assert hall.in_force == ("day", "w2")
    hall.due(12 * HOUR)
    assert hall.in_force == ("day", "w1")


def test_without_switches_nothing_is_due() -> None:
    hall = Hall()
    assert hall.next_at(0.0) is None
    hall.due(1e9)
    assert hall.floor.effects == []


def test_at_the_first_start_the_schedule_counts() -> None:
    hall = Hall("06:00 day", "22:00 night")
    assert hall.next_at(HOUR) == HOUR
    hall.due(HOUR)
    assert hall.in_force == ("night", "w1")


def test_a_command_stands_until_the_next_moment_over_a_restart_too() -> None:
    hall = Hall("06:00 day", "22:00 night")
    hall.due(5 * HOUR)
    hall.switch("night", now=10 * HOUR)
    again = hall.restarted()
    assert again.in_force == ("night", "w1")
    again.due(15 * HOUR)
    assert again.in_force == ("night", "w1")
    assert again.floor.effects == []
    again.due(29 * HOUR)
    assert again.in_force == ("day", "w1")


def test_a_restart_makes_the_newest_switch_that_was_missed_and_none_twice() -> None:
    hall = Hall("06:00 day", "13:00 day w2", "22:00 night")
    hall.due(5 * HOUR)
    hall.switch("night", now=6 * HOUR)
    again = hall.restarted()
    assert again.next_at(15 * HOUR) == 11 * HOUR
    again.due(15 * HOUR)
    assert again.in_force == ("day", "w2")
    assert len(again.events()) == 1
    third = again.restarted()
    assert third.in_force == ("day", "w2")
    third.due(16 * HOUR)
    assert third.floor.effects == []


def test_a_scheduled_switch_that_cannot_be_made_is_an_alarm_once() -> None:
    hall = Hall("06:00 day w2")
    hall.load(PLAN)
    hall.due(5 * HOUR)
    hall.due(6 * HOUR)
    assert hall.in_force == ("day", "w1")
    [alarm] = hall.events("alarm/raised")
    assert "the switch at 06:00 was not made, day 1 stays in force: plan day has no wave 'w2'" in alarm.what
    assert alarm.priority == "high"


def test_asking_when_the_next_switch_is_costs_no_calendar() -> None:
    hall = Hall("06:00 day", "22:00 night")
    hall.due(5 * HOUR)
    first = hall.next_at(5 * HOUR)
    hall.times._switches = (object(),)  # type: ignore[assignment]  # nothing to look at, did it look again
    assert [hall.next_at((5 + hour) * HOUR) for hour in range(14)] == [first] * 14


# --- after a restart


def test_published_plans_come_back() -> None:
    hall = Hall()
    hall.load(WAVES.replace('version = "1"', 'version = "2"'))
    hall.load(NIGHT.replace('version = "1"', 'version = "3"'))
    hall.switch("day", "w2")
    again = hall.restarted()
    assert again.alarms == []
    assert (again.floor.plan, again.floor.plans) == (hall.floor.plan, hall.floor.plans)
    assert again.floor.effects == []


def test_a_kept_plan_that_does_not_fit_the_floor_any_more_is_left_out() -> None:
    [alarm] = (hall := Hall(state={("plan_text", "day"): kept.dump(WAVES.replace("S1-L03", "S1-L33"))})).alarms
    assert hall.floor.plan.label == "day 1"
    assert (alarm.alarm, alarm.priority) == ("plan-day", "high")
    assert "does not fit the floor any more: plan day of the centre:" in alarm.what
    assert "no lane 'S1-L33'" in alarm.what


@pytest.mark.parametrize(
    ("active", "why"),
    [({"plan": "gone", "wave": "w1"}, "no plan 'gone'"), ({"plan": "day", "wave": "w9"}, "plan day has no wave 'w9'")],
)
def test_what_was_in_force_and_is_gone_is_an_alarm(active: dict[str, str], why: str) -> None:
    state = {("plan", "active"): kept.dump({**active, "since": BASE})}
    hall = Hall("06:00 day", "22:00 night", state=state)
    assert hall.in_force == ("day", "w1")
    [alarm] = hall.alarms
    assert why in alarm.what
    hall.due(HOUR)  # and the schedule says what else it should be
    assert hall.in_force == ("night", "w1")


def test_a_text_of_the_centre_is_kept_as_it_came() -> None:
    hall = Hall()
    text = WAVES + "# Lüttich\n"
    hall.load(text)
    assert planning.restore(hall.floor, hall.times, hall.kept()) == []
    assert [one.value for one in hall.floor.effects if isinstance(one, Keep) and one.kind == "plan_text"] == [text]
