"""UTC of the node and of its floor: it follows the system's clock slowly, never back, and no step of it."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.clock import KEPT, SLEW, STEP_MS, Clock
from controller.surroundings import CLOCK_MS
from tests.floor_fixture import Bench
from tests.test_node import Daemon, indu

UTC = 1_790_000_000_000.0
DAYS_MS = 2 * 86_400_000.0
OFF = st.floats(-900.0, 900.0) | st.floats(-DAYS_MS, DAYS_MS)
"""How far the system's clock is off: slewed, or stepped."""


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


@given(st.lists(st.tuples(st.floats(1.0, 5000.0), OFF), max_size=30), st.lists(st.floats(0.0, 1.0), max_size=10))
def test_a_moment_that_has_passed_keeps_its_utc(told: list[tuple[float, float]], parts: list[float]) -> None:
    clock, now, said = Clock(UTC, 0.0), 0.0, {0.0: UTC}
    for after, off in told:
        said |= {now + after * part: clock.utc(now + after * part) for part in parts}
        now += after
        clock.compare(UTC + now + off, now)
        assert {moment: clock.utc(moment) for moment in said} == said
    assert clock.utc(-1000.0) == UTC - 1000.0


def test_what_it_remembers_is_bounded() -> None:
    clock = Clock(UTC, 0.0)
    for second in range(3 * KEPT):
        clock.compare(UTC + second * 1000.0 + second % 7, second * 1000.0)
    assert len(clock._before) == KEPT
    assert clock.utc(0.0) < clock.utc(1000.0) < clock.utc((3 * KEPT - 1) * 1000.0)


# --- the floor's ------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0.0, 200.0), st.floats(-60.0, 60.0)), max_size=20))
def test_utc_of_the_floor_never_goes_back(told: list[tuple[float, float]]) -> None:
    bench, now = Bench(), 1000.0
    bench.floor.follow(UTC + now, now)
    for after, off in told:
        moments = [now + after * part for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
        before = [bench.floor.utc(moment) for moment in moments]
        assert before == sorted(before)
        now += after
        bench.floor.follow(UTC + now + off, now)
        assert abs(bench.floor.utc(now) - max(before[-1], UTC + now + off)) < 0.01, "but for the float's last digits"
        later = max(before[-1], UTC + now + 200.0 + off)
        assert abs(bench.floor.utc(now + 200.0) - later) < 0.01, "it is right again soon"
        earlier = [bench.floor.utc(now - ago) for ago in (1000.0, 100.0, 10.0, 1.0, 0.0)]
        assert earlier == sorted(earlier)


SPELLS = st.lists(st.tuples(st.integers(1, 300), OFF, st.integers(0, 3), st.integers(0, 99_998)), max_size=6)
"""(seconds, how far off the system's clock is then, seconds for which nothing is written, age of what a PLC tells)"""


@settings(max_examples=40)
@given(SPELLS)
def test_events_have_sensible_times_whatever_the_systems_clock_does(spells: list[tuple[int, float, int, int]]) -> None:
    hub = Daemon().up()
    node, track, utc = hub.node, 0, [(0.0, 0.0)]
    moments: dict[int, float] = {}
    for seconds, off, unwritten, age in spells:
        for second in range(seconds):
            if second % 30 == 0:
                track += 1
                moments[track] = hub.now - min(age, hub.now)
                hub.event("INDU", indu(track, age))
            if second % 30 >= unwritten:
                hub.commit_if_any()
            for ms in (0, 1, 29, 970):
                hub.now += ms
                utc.append((node.utc_ms(hub.now), node.floor.utc(hub.now)))
            node.clock(UTC + hub.now + off, hub.now)
            utc.append((node.utc_ms(hub.now), node.floor.utc(hub.now)))
            assert abs(utc[-1][0] - utc[-1][1]) <= CLOCK_MS + 1.0
    hub.commit_if_any()
    for (node_before, floor_before), (node_after, floor_after) in pairwise(utc):
        assert node_before <= node_after
        assert floor_before <= floor_after
    events = [json.loads(row.body) for _, row in sorted(hub.journal.rows.items())]
    recorded = [datetime.fromisoformat(event["recordedtime"]) for event in events]
    assert recorded == sorted(recorded)
    assert all(datetime.fromisoformat(event["time"]) <= made for event, made in zip(events, recorded, strict=True))
    happened = {event["data"]["track"]: event["time"] for event in events if "inducted" in event["type"]}
    in_order = [happened[each] for each in sorted(happened, key=lambda each: moments[each])]
    assert in_order == sorted(in_order)
