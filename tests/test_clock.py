"""The node's UTC: it follows the system's clock slowly, never back, and no step of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.clock import SLEW, STEP_MS, Clock

UTC = 1_790_000_000_000.0


def test_it_runs_with_the_monotonic_clock() -> None:
    clock = Clock(UTC, 1000.0)
    assert clock.utc(1000.0) == UTC
    assert clock.utc(61_000.0) == UTC + 60_000.0


def test_a_small_deviation_is_made_good_without_a_jump() -> None:
    clock = Clock(UTC, 0.0)
    for second in range(2001):
        before = clock.utc(second * 1000.0)
        clock.compare(UTC + second * 1000.0 + 400.0, second * 1000.0)
        assert clock.utc(second * 1000.0) == before
    assert abs(clock.utc(2_000_000.0) - (UTC + 2_000_400.0)) < 1.0
    assert abs(clock.utc(500_000.0) - clock.utc(499_000.0) - 1000.0) <= 1000.0 * SLEW


def test_a_step_is_told_and_not_followed_and_its_end_is_seen() -> None:
    clock = Clock(UTC, 0.0)
    clock.compare(UTC + 1000.0 + STEP_MS + 1, 1000.0)
    assert clock.stepped == STEP_MS + 1
    assert clock.utc(100_000.0) == UTC + 100_000.0
    clock.compare(UTC + 100_000.0 - 3_600_000.0, 100_000.0)
    assert clock.stepped == -3_600_000.0
    clock.compare(UTC + 101_000.0 + STEP_MS, 101_000.0)
    assert clock.stepped == 0.0


@given(st.lists(st.tuples(st.floats(1.0, 5000.0), st.floats(-3000.0, 3000.0)), max_size=50))
def test_it_never_goes_back_and_never_faster_than_it_may(told: list[tuple[float, float]]) -> None:
    clock, now = Clock(UTC, 0.0), 0.0
    for after, off in told:
        before = clock.utc(now)
        now += after
        moved = clock.utc(now) - before
        assert after * (1 - SLEW) - 0.01 <= moved <= after * (1 + SLEW) + 0.01
        clock.compare(UTC + now + off, now)
