"""Who is doubtful after a fault: all between the last certain eye and there, by place, on belts and loops. What makes
them sure again: see test_rules_doubt.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller import doubt
from controller.effects import Keep
from controller.line import LineState
from controller.travel import Travel
from devices import types as said
from tests.floor_fixture import Bench, ready
from tests.test_loops import LOOP

LAP = 16_000
MIDDLE = '[point.S1-DEC]\n => [point.S1-MID]\nline = "S1"\nposition_mm = 1000\ndecision = true\n[point.S1-DEC]\n'
"""Eyes at 0, 1000 and 2000 mm."""


def bench(*items: tuple[int, float | None, float | None], loop: bool = False) -> Bench:
    """Items on the belt: (track, position now, the eye that saw it last)."""
    made = ready(*((LOOP,) if loop else ()), MIDDLE)
    for track, position, eye in items:
        one = Travel(f"T{track}", "S1", 7, track, "V", mark_mm=position, mark_at=made.now, eye_mm=eye)
        line(made).add(one)
    elsewhere = made.config.point["S1-MID"].model_copy(update={"line": "S2"})
    made.floor.config = made.config.model_copy(update={"point": {**made.config.point, "S2-MID": elsewhere}})
    return made


def line(made: Bench) -> LineState:
    return made.floor.lines["S1"]


def doubtful(made: Bench) -> list[int]:
    """Tracks, and each of them is kept, so that a restart doubts it, too."""
    found = [one.track for one in line(made).travels.values() if one.doubtful]
    kept = {(effect.kind, effect.key) for effect in made.floor.effects if isinstance(effect, Keep)}
    assert {("travel", f"T{track}") for track in found} == kept
    assert all(one.certainty in "SD" for one in line(made).travels.values())
    return found


BELT = ((1, 0.0, 0.0), (2, 999.0, 0.0), (3, 1000.0, 1000.0), (4, 1600.0, 1000.0), (5, 1601.0, 1000.0), (6, None, None))


@pytest.mark.parametrize(
    ("lost", "last_point", "tracks", "edge", "expected"),
    [
        (4, "S1-MID", (), 0.0, [3, 6]),  # from its last eye on up to where it was missed
        (4, "S1-MID", (), 1.0, [2, 3, 5, 6]),  # a ms later all are a mm further, the fault, too
        (4, "S1-IND", (), 0.0, [1, 2, 3, 6]),
        (4, "S1-MID", (1, 9, 4), 0.0, [1, 3, 6]),  # and those the PLC names
        (1, "S1-IND", (), 0.0, [6]),
        (4, None, (), 0.0, [1, 2, 3, 5, 6]),  # nobody knows where: everybody
        (4, "nowhere", (), 0.0, [1, 2, 3, 5, 6]),
        (4, "DOCK", (), 0.0, [1, 2, 3, 5, 6]),
        (4, "S2-MID", (), 0.0, [1, 2, 3, 5, 6]),
        (6, "S1-MID", (), 0.0, [1, 2, 3, 4, 5]),
    ],
)
def test_one_was_lost(
    lost: int, last_point: str | None, tracks: tuple[int, ...], edge: float, expected: list[int]
) -> None:
    made = bench(*BELT)
    if edge:
        line(made).by_track[5].mark_at += edge  # this one came to its place a ms later
    gone, at = line(made).by_track[lost], made.now + edge
    doubt.after_loss(made.floor, line(made), gone, last_point, tracks, at, made.now + 5, made.look)
    assert doubtful(made) == expected
    assert {one.doubted_at for one in line(made).travels.values() if one.doubtful} == {made.now + 5}


ROUND = (
    (1, 15_900.0, 2000.0),
    (2, 100.0, 0.0),
    (3, 500.0, 0.0),
    (4, 501.0, 0.0),
    (5, 1999.0, 1000.0),
    (6, 2000.0, 2000.0),
)


@pytest.mark.parametrize(
    ("lost", "last_point", "expected"),
    [(3, "S1-DEC", [1, 2, 6]), (3, "S1-IND", [2]), (3, "S1-MID", [1, 2, 5, 6]), (6, "S1-DEC", [])],
)
def test_one_was_lost_on_a_loop(lost: int, last_point: str, expected: list[int]) -> None:
    made = bench(*ROUND, loop=True)
    gone = line(made).by_track[lost]
    doubt.after_loss(made.floor, line(made), gone, last_point, (), made.now, made.now, made.look)
    assert doubtful(made) == expected


SEEN = ((1, 100.0, 0.0), (2, 1100.0, 1000.0), (3, 2100.0, 2000.0), (4, 2500.0, None))


@pytest.mark.parametrize(
    ("point", "tracks", "expected"),
    [
        ("S1-DEC", (), [2, 4]),  # the eye at 1000 saw it, that at 2000 has not yet
        ("S1-MID", (), [1, 4]),
        ("S1-IND", (), [4]),  # no eye before it
        ("S1-DEC", (1, 9, 3), [1, 2, 3, 4]),
        ("nowhere", (), [1, 2, 3, 4]),  # nobody knows where: everybody
        ("DOCK", (3,), [1, 2, 3, 4]),
        ("S2-MID", (), [1, 2, 3, 4]),
    ],
)
def test_one_was_seen_that_nobody_tracked(point: str, tracks: tuple[int, ...], expected: list[int]) -> None:
    made = bench(*SEEN, (9, 1500.0, 1000.0))
    ghost = line(made).by_track[9]
    doubt.after_ghost(made.floor, line(made), ghost, point, tracks, made.now, made.look)
    assert doubtful(made) == expected


@pytest.mark.parametrize("point", ["S1-EYE9", "DOCK"])
def test_a_ghost_at_a_point_that_the_line_has_not_makes_everybody_doubtful(point: str) -> None:
    bench = ready()
    bench.indu(1)
    bench.after(500).indu(2)
    bench.after(1300)
    bench.plc(said.Ghost(point, 9, 0, 0, None, bench.now, bench.now))
    assert [bench.travel(track).doubtful for track in (1, 2)] == [True, True]


@pytest.mark.parametrize(("point", "expected"), [("S1-DEC", [2, 4]), ("S1-MID", [1, 4]), ("S1-IND", [3, 4])])
def test_a_ghost_on_a_loop(point: str, expected: list[int]) -> None:
    made = bench(*SEEN, (9, 1500.0, 1000.0), loop=True)
    doubt.after_ghost(made.floor, line(made), line(made).by_track[9], point, (), made.now, made.look)
    assert doubtful(made) == expected


def test_one_slipped() -> None:
    made = bench(*SEEN)
    doubt.after_slip(made.floor, line(made), line(made).by_track[3], 1000.0, 77.0)
    assert doubtful(made) == [1, 3, 4]
    assert line(made).by_track[1].doubted_at == 77.0


def test_everything() -> None:
    made = bench(*BELT)
    doubt.everything(made.floor, line(made), made.now, made.look)
    assert doubtful(made) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("ms", "speed", "late", "told"),
    [
        (400, 1000, (400,), False),
        (400.2, 1000, (400,), True),
        (200, 2000, (400,), False),
        (201, 2000, (400,), True),
        (401, 1000, (400, 500), True),
        (401, 1000, (500, 400), True),
        (401, 1000, (500, 500), False),
        (401, 1000, (), False),
    ],
)
def test_a_plc_that_lagged(ms: float, speed: float, late: tuple[int, ...], told: bool) -> None:
    """Where those are that it spoke of since is not known; of the others all stays as it is."""
    made = bench(*BELT)
    since, now = made.now, made.now + 900
    line(made).odometer.change(made.now, speed=speed)
    (reader,) = line(made).readers
    line(made).readers = [replace(reader, late_mm=mm) for mm in late]
    for track, after in ((1, -0.5), (2, 0), (3, 0.5), (4, -5000), (5, -5000), (6, -5000)):
        line(made).by_track[track].mark_at = since + after
    before = {track: one.mark_mm for track, one in line(made).by_track.items()}
    doubt.after_lag(made.floor, line(made), said.Lagging(ms, since, now), now, made.look)
    moved = [2, 3] if told else []
    assert doubtful(made) == moved
    assert all(line(made).by_track[track].doubted_at == now for track in moved)
    after_all = {track: one.mark_mm for track, one in line(made).by_track.items()}
    assert after_all == before | dict.fromkeys(moved)


@pytest.mark.parametrize(("ms", "window", "told"), [(80, 80, False), (81, 80, True), (81, 400, False)])
def test_a_lateness_that_is_sure_counts_from_the_window_on(ms: float, window: float, told: bool) -> None:
    made = bench(*BELT)
    line(made).odometer.change(made.now, speed=1000)
    (reader,) = line(made).readers
    line(made).readers = [replace(reader, late_mm=400, window_mm=window)]
    line(made).by_track[1].mark_at = made.now
    doubt.after_lag(made.floor, line(made), said.Lagging(ms, made.now - 1, made.now, sure=True), made.now, made.look)
    assert (1 in doubtful(made)) is told


@pytest.mark.parametrize(
    ("loop", "here", "eye"),
    [(False, 2000, 1000), (False, 1001, 1000), (False, 1000, 0), (False, 0, 0), (True, 2000, 1000), (True, 0, 2000)],
)
def test_the_eye_before(loop: bool, here: float, eye: float) -> None:
    assert doubt.last_eye(line(bench(loop=loop)), here) == eye


def test_a_line_without_eyes() -> None:
    made = bench()
    line(made).eyes = ()
    assert doubt.last_eye(line(made), 500.0) == 0
