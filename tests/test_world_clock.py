"""The clock of a floor that can stand: it loses no time and gains none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.world_clock import WorldClock


class Machine:
    def __init__(self) -> None:
        self.ms = 5000.0
        self.clock = WorldClock(lambda: self.ms)

    def go(self, ms: float) -> None:
        self.ms += ms


def test_it_goes_with_the_machine_and_stands_when_told() -> None:
    machine = Machine()
    clock = machine.clock
    machine.go(10)
    assert (clock.now(), clock.stands, clock.lag(), clock.machine_at(6000)) == (5010, False, 0, 6000)
    clock.pause()
    machine.go(700)
    assert (clock.now(), clock.stands, clock.lag(), clock.machine_at(6000)) == (5010, True, 700, None)
    clock.resume()
    machine.go(5)
    assert (clock.now(), clock.stands, clock.lag(), clock.machine_at(6000)) == (5015, False, 700, 6700)


def test_a_step_goes_on_for_so_long_and_stands_again() -> None:
    machine = Machine()
    clock = machine.clock
    clock.pause()
    machine.go(300)
    clock.step(100)
    machine.go(60)
    assert (clock.now(), clock.stands, clock.machine_at(5100), clock.machine_at(5101)) == (5060, False, 5400, None)
    machine.go(60)
    assert (clock.now(), clock.stands, clock.lag()) == (5100, True, 320)


def test_pause_and_resume_twice_are_as_once() -> None:
    machine = Machine()
    clock = machine.clock
    clock.resume()
    clock.pause()
    machine.go(10)
    clock.pause()
    machine.go(10)
    clock.resume()
    clock.resume()
    assert (clock.now(), clock.lag()) == (5000, 20)


ACTS = st.lists(st.tuples(st.sampled_from(["pause", "resume", "step"]), st.integers(0, 1000)), max_size=30)


@given(ACTS)
def test_it_never_goes_back_nor_faster_than_the_machine(acts: list[tuple[str, int]]) -> None:
    machine = Machine()
    clock = machine.clock
    for act, ms in acts:
        before, machine_before = clock.now(), machine.ms
        clock.step(50) if act == "step" else getattr(clock, act)()
        assert clock.now() == before
        machine.go(ms)
        assert 0 <= clock.now() - before <= machine.ms - machine_before
        assert clock.now() + clock.lag() == pytest.approx(machine.ms)
