"""Position windows: whose read it is, by where each parcel was at that moment, on a belt that stops and coasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.floor import Connection
from controller.line import HOLD_MM
from controller.matching import GUARD_MM, KEPT_SEGMENTS, Odometer, match
from devices import types as said
from tests.floor_fixture import TUNNEL, Bench, advice, ready

SIDE = """\
[scanner.tunnel-1]
 => [point.S1-T2]
line = "S1"
position_mm = 1500
[scanner.side-1]
kind = "line"
link = "tcp://127.0.0.1:2114"
point = "S1-T2"
prefix = "\\u0002"
suffix = "\\u0003"
[scanner.tunnel-1]
"""


# --- the rule itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("position", "owner"), [(1200, "A"), (1280, "A"), (1120, "A"), (1281, None), (1119, None)])
def test_a_lone_parcel_within_the_window(position: float, owner: str | None) -> None:
    found = match(1200, 80, [("A", position, 0.0)])
    assert (found.travel, found.ambiguous) == (owner, False)


@pytest.mark.parametrize(
    ("a", "b", "owner", "ambiguous"),
    [
        (1210, 1100, "A", False),
        (1240, 1140, "A", False),  # 40 mm away, as far from the middle between them as the guard says
        (1241, 1140, None, True),
        (1160, 1260, "A", False),
        (1261, 1120, None, True),  # the other one is in the window, too
        (1262, 1119, None, False),
    ],
)
@pytest.mark.parametrize("far", [[], [("C", 2000.0, 0.0)]])
def test_between_two(
    a: float, b: float, owner: str | None, ambiguous: bool, far: list[tuple[str, float, float]]
) -> None:
    found = match(1200, 80, [*far, ("B", b, 0.0), ("A", a, 0.0)])
    assert (found.travel, found.ambiguous) == (owner, ambiguous)


def test_nobody_on_the_belt() -> None:
    assert match(1200, 80, []).travel is None


def test_the_window_grows_by_the_coasting_distance() -> None:
    assert match(1200, 80, [("A", 1305, 0.0)]).travel is None
    assert match(1200, 80, [("A", 1305, 30.0)]).travel == "A"


def test_two_candidates_and_none_gets_it() -> None:
    found = match(1200, 200, [("A", 1255, 0.0), ("B", 1150, 0.0)])
    assert found.travel is None
    assert found.ambiguous


@given(
    st.lists(st.integers(0, 3000), min_size=2, max_size=6, unique=True),
    st.integers(1, 2000),
    st.integers(0, 500),
)
def test_never_more_than_half_the_distance_to_a_neighbour(places: list[int], window: int, extra: int) -> None:
    found = match(1500, window, [(str(place), float(place), float(extra)) for place in places])
    if found.travel is None:
        return
    own = int(found.travel)
    assert abs(own - 1500) <= window + extra
    for other in set(places) - {own}:
        assert abs(other - 1500) - abs(own - 1500) >= 2 * GUARD_MM, "the other one is clearly further away"
        if (other < 1500) != (own < 1500):
            assert abs(own - 1500) < abs(other - own) / 2


# --- the belt's clock -------------------------------------------------------------------------------------------------


def test_belt_travel_stands_while_the_belt_stands() -> None:
    belt = Odometer(1000)
    belt.change(500, running=False)
    assert belt.at(500) == belt.at(90_000) == 500
    belt.change(90_000, running=True)
    belt.change(91_000, speed=2000)
    assert (belt.at(90_500), belt.at(91_500)) == (1000, 2500)
    assert belt.at(250) == 250, "a moment of the past has its place of then"


def test_a_speed_told_while_the_belt_stands_counts_from_its_start() -> None:
    belt = Odometer(1000)
    belt.change(100, running=False)
    belt.change(200, speed=500)
    assert belt.at(1000) == 100
    belt.change(1000, running=True)
    assert belt.at(2000) == 600


def test_a_belt_that_stands_from_the_beginning() -> None:
    belt = Odometer(1000, running=False)
    assert belt.at(500) == 0
    belt.change(500, running=True)
    assert belt.at(700) == 200


def test_stops_are_counted_from_a_moment_on() -> None:
    belt = Odometer(1000)
    for start in (100, 300):
        belt.change(start, running=False)
        belt.change(start + 20, speed=900)
        belt.change(start + 50, running=True)
        belt.change(start + 60, speed=1000)
    assert [belt.stops_since(when) for when in (0, 99, 100, 200, 400)] == [2, 2, 1, 1, 0]


def test_it_goes_on_where_the_journal_has_it() -> None:
    belt, back = Odometer(1000), Odometer(300)
    belt.change(50, speed=2000)
    belt.change(100, running=False)
    back.restore(belt.kept())
    assert (back, back.at(75)) == (belt, 100)
    back.change(200, running=True)
    assert (back.at(250), belt.at(250)) == (250, 150), "they share no memory"


def test_what_comes_late_of_the_belt_corrects_what_was_believed() -> None:
    belt = Odometer(1000)
    belt.change(500, running=False)  # how it is now
    belt.change(300, running=False)  # and since when
    assert belt.at(400) == belt.at(1000) == 300
    belt.change(1000, running=True)
    assert belt.at(1200) == 500


def test_what_was_believed_behind_an_earlier_moment_is_forgotten() -> None:
    belt = Odometer(1000)
    belt.change(100, speed=2000)
    belt.change(300, running=False)
    belt.change(400, running=True)
    belt.change(200, running=False)
    assert [belt.at(when) for when in (50, 150, 200, 1000)] == [50, 200, 300, 300]
    assert belt.stops_since(0) == 1
    belt.change(500, running=True)
    assert belt.at(600) == 500, "at the speed told last"


def test_a_moment_before_all_that_is_known_counts_as_the_first() -> None:
    belt = Odometer(1000)
    belt.change(-50, running=False)
    assert (belt.at(0), belt.at(70)) == (0, 0)


def test_a_stop_of_no_length_is_one() -> None:
    """Stop and start in the same ms: the belt has coasted all the same."""
    belt = Odometer(1000)
    belt.change(100, running=False)
    belt.change(100, running=True)
    assert (belt.at(300), belt.stops_since(99)) == (300, 1)


def test_when_a_place_will_be_reached() -> None:
    belt = Odometer(2000)
    assert belt.when(500) == 250
    assert belt.when(100) == 50
    belt.change(100, running=False)
    assert belt.when(500) is None
    belt.change(200, running=True)
    assert belt.when(500) == 350
    assert Odometer(1).when(5) == 5000, "it creeps, but does not stand"


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3000), st.booleans()), max_size=300))
def test_belt_travel_never_goes_back_and_its_memory_is_bounded(changes: list[tuple[int, int, bool]]) -> None:
    belt, last = Odometer(1000), 0.0
    for when, speed, running in changes:
        belt.change(when, speed=speed, running=running)
    for moment in range(5000, 20_000, 250):
        assert belt.at(moment) >= last or moment == 5000
        last = belt.at(moment)
    assert len(belt._times) == len(belt._marks) == len(belt._speeds) <= KEPT_SEGMENTS


def test_so_many_changes_are_remembered() -> None:
    belt = Odometer(1000)
    for number in range(1, KEPT_SEGMENTS + 10):
        belt.change(number, speed=number)
    assert [len(part) for part in belt.kept()[:3]] == [KEPT_SEGMENTS] * 3


# --- on the floor -----------------------------------------------------------------------------------------------------


def codes(bench: Bench, track: int = 1) -> list[str | None]:
    return [result.code for result in bench.travel(track).results]


def test_a_read_at_the_transmit_point() -> None:
    bench = ready()
    bench.indu(1)
    bench.after(1200).read("X")
    assert codes(bench) == ["X"]
    seen = bench.last("parcel/read")
    assert (seen.outcome, seen.travel, seen.point, seen.reader) == ("READ", bench.travel().id, "S1-T1", TUNNEL)


@pytest.mark.parametrize("tells", [True, False])
def test_the_window_stops_with_the_belt(tells: bool) -> None:
    bench = ready()
    bench.indu(1)
    bench.after(600)
    if tells:
        bench.stat("LINE", "STOP")
    bench.after(10_000)
    if tells:
        bench.stat("LINE", "RUN")
    bench.after(600).read("X")
    assert codes(bench) == (["X"] if tells else [])


def test_a_stop_that_is_told_late_counts_from_its_edge() -> None:
    bench = ready()
    bench.indu(1)
    bench.after(1000).stat("LINE", "STOP", age=400)
    bench.after(5000).stat("LINE", "RUN")
    bench.after(600).read("X")
    assert codes(bench) == ["X"]


@pytest.mark.parametrize(("stops", "owned"), [(0, False), (1, True), (2, True)])
def test_after_a_stop_the_window_is_wider_by_the_coasting_distance(stops: int, owned: bool) -> None:
    bench = ready()
    bench.indu(1)
    for _ in range(stops):
        bench.after(100).stat("LINE", "STOP")
        bench.after(700).stat("LINE", "RUN")
    bench.after(1300 - 100 * stops).read("X")
    assert codes(bench) == (["X"] if owned else [])


def test_a_read_may_come_before_the_arrival_message() -> None:
    bench = ready()
    bench.read("X")
    bench.after(40).indu(1, age=1240)
    assert codes(bench) == ["X"]
    assert bench.last("parcel/read").travel == bench.travel().id


def test_a_code_of_b_before_the_code_of_a() -> None:
    bench = ready(SIDE, parcels=(advice("P1", customs="none"), advice("P2", customs="none")))
    bench.step(Connection("side-1", True))
    bench.indu(1)
    bench.after(250).indu(2)
    bench.after(950).read(None)
    bench.after(250).read("CP2")
    bench.after(50).read("CP1", reader="side-1")
    bench.after(250).read(None, reader="side-1")
    assert codes(bench, 1) == [None, "CP1"]
    assert codes(bench, 2) == ["CP2", None]
    bench.after(250).arrv(1)
    bench.after(250).arrv(2)
    assert [bench.travel(track).parcel for track in (1, 2)] == ["P1", "P2"]


def test_between_two_parcels_the_read_is_ambiguous_and_given_to_none() -> None:
    bench = ready()
    bench.indu(1)
    bench.after(100).indu(2)
    bench.after(1150).read("X")
    assert codes(bench, 1) == codes(bench, 2) == []
    bench.after(HOLD_MM + 1).read("Y")
    assert [(read.code, read.outcome, read.travel) for read in bench.named("parcel/read")] == [("X", "AMBIGUOUS", None)]


def test_a_read_without_any_parcel_is_reported_and_forgotten() -> None:
    bench = ready()
    bench.read("X")
    bench.after(HOLD_MM + 1).read("Y")
    assert [(read.code, read.travel) for read in bench.named("parcel/read")] == [("X", None)]
    bench.indu(1, age=HOLD_MM + 1201)
    assert codes(bench) == [], "it waited long enough"


def test_a_parcel_of_unknown_age_opens_no_window() -> None:
    bench = ready()
    bench.arrv(1)
    travel = bench.travel()
    travel.mark_mm = None
    bench.read("X")
    assert codes(bench) == []


def test_close_behind_a_silent_item_nothing_is_taken() -> None:
    bench = ready(parcels=(advice("P1", customs="none"),))
    bench.indu(1)
    bench.after(300).indu(2)
    bench.after(1200).read("CP1")
    bench.after(800).arrv(2)
    assert codes(bench, 2) == ["CP1"]
    assert (bench.travel(2).identity, bench.travel(2).parcel) == ("AMBIGUOUS", None)


def test_far_behind_a_silent_item_the_read_is_sure() -> None:
    bench = ready(parcels=(advice("P1", customs="none"),))
    bench.indu(1)
    bench.after(500).indu(2)
    bench.after(1200).read("CP1")
    bench.after(800).arrv(2)
    assert bench.travel(2).parcel == "P1"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 900)), min_size=1, max_size=60))
def test_each_read_has_one_owner_at_most(moves: list[tuple[int, int]]) -> None:
    bench, track = ready(), 0
    for move, after in moves:
        bench.after(after)
        if move == 0:
            track += 1
            bench.indu(track)
        elif move == 1:
            bench.read(f"X{len(bench.events)}-{bench.now:.0f}")
        else:
            bench.stat("LINE", "STOP" if move == 2 else "RUN")
    owned = [result.code for _, travel in bench.floor.travels() for result in travel.results]
    assert len(owned) == len(set(owned))


def test_a_belt_that_stood_before_the_plc_could_say_so_moved_no_item() -> None:
    """Synchronisation says first that the belt stands, then since when; afterwards it runs as fast as before."""
    bench = ready()
    bench.indu(1)
    bench.after(500)
    bench.lose_session()
    bench.after(400)
    bench.begin()
    bench.plc(said.Speed("LINE", 0, 0, bench.now, bench.now))
    bench.plc(said.Tracks((said.TrackOnBelt(1, "S1-IND", None, 0, "S", 0, None),), bench.now))
    bench.stat("LINE", "STOP", age=400)
    bench.plc(said.Synchronised(bench.now))
    bench.after(3000).stat("LINE", "RUN")
    assert bench.floor.lines["S1"].position(bench.travel(), bench.now) == 500
    bench.after(700).read("CP1")
    assert codes(bench) == ["CP1"]


def test_what_was_read_moves_with_what_is_learnt_of_the_belt() -> None:
    """The daemon was without the PLC, and believed the belt ran on for 8 s: a code that found nobody then must not be
    taken for that of an item that came long after it."""
    bench = ready()
    bench.lose_session()
    bench.after(8000).read("CP1")
    bench.after(100)
    bench.begin()
    bench.plc(said.Speed("LINE", 1000, 0, bench.now, bench.now))
    bench.stat("LINE", "STOP", age=8000)
    bench.stat("LINE", "RUN", age=200)
    bench.plc(said.Synchronised(bench.now))
    line = bench.floor.lines["S1"]
    (recent,) = line.readers[0].recent
    assert recent.mark == line.odometer.at(recent.result.at)
    for track in range(1, 12):
        bench.indu(track)
        bench.after(700)
    assert all(not bench.travel(track).results for track in range(1, 12))
