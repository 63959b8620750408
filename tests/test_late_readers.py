"""A reader that is late by about the distance of two items must not give one item's code to the next."""

from __future__ import annotations

from devices import types as said
from tests.floor_fixture import Bench, advice, ready

NAMES = tuple(f"P{number}" for number in range(1, 7))


def ride(
    bench: Bench, by: float, *distances: float, lost: int = 0, plc_by: float = 0.0
) -> list[tuple[str, str | None]]:
    """Items come at these distances (mm, 1 mm a ms), each code so much later than its item; one result is lost; from
    the second item on the PLC is late. Returns (identity, parcel) of each."""
    todo, at = [], bench.now
    for track, distance in enumerate((0.0, *distances), 1):
        at += distance
        late = plc_by if track > 1 else 0.0
        todo += [(at + late, "indu", track), (at + 2000 + late, "arrv", track)]
        if track != lost:
            todo.append((at + 1200 + by, "read", track))
    for moment, what, track in sorted(todo):
        bench.at(moment)
        if what == "read":
            bench.read(f"CP{track}")
        else:
            getattr(bench, what)(track)
    return [(travel.identity, travel.parcel) for travel in bench.floor.lines["S1"].travels.values()]


def dense(*changes: str) -> Bench:
    return ready(*changes, parcels=tuple(advice(name, customs="none") for name in NAMES))


def test_a_reader_that_stays_late_shifts_no_identity() -> None:
    """Each item but the first is at the reader when the code of the one ahead comes."""
    found = ride(dense(), 350, 350, 355, 345, 350)
    assert found == [("SCANNER_LATE", None), *4 * [("AMBIGUOUS", None)]]


def test_a_lost_result_casts_no_suspicion_on_who_is_far_behind() -> None:
    assert ride(dense(), 0, 450, 350, lost=1)[1:] == [("READ", "P2"), ("READ", "P3")]


def test_distances_that_no_single_lateness_explains_end_the_suspicion() -> None:
    """The result of the first is lost, the reader is in time: the fourth is so much farther behind the third that a
    reader as late as the third would have to be for a wrong result could not have given a wrong one to the fourth."""
    found = ride(dense("late_mm = 400 => late_mm = 1000"), 0, 350, 345, 900, 350, lost=1)
    assert found[1:] == [("AMBIGUOUS", None), ("AMBIGUOUS", None), ("READ", "P4"), ("READ", "P5")]


def test_a_late_plc_shifts_no_identity() -> None:
    """Each code is said when the item ahead seems to be at the reader."""
    found = ride(dense(), 0, 350, 350, 350, 350, plc_by=350)
    assert found[0] == ("READ", "P1")
    assert {parcel for _, parcel in found[1:]} == {None}


def lagging(ms: float, since: float) -> Bench:
    """An item that was read is on the belt, and the PLC turns out to answer late."""
    bench = dense()
    ride_in = bench.now
    ride(bench, 0)
    assert bench.travel().parcel == "P1"
    bench.plc(said.Lagging(ms, ride_in + since, bench.now))
    return bench


def test_what_a_plc_said_while_it_lagged_is_doubtful() -> None:
    bench = lagging(900, since=-100)
    assert bench.travel().doubtful
    assert bench.dests()[-1][2] == "DOUB"
    bench.read("CP2")
    assert bench.travel().doubtful, "nobody knows that it is at the reader"
    bench.divc(1, "S1-EX", 2)
    assert bench.last("parcel/rejected").doubtful


def test_a_lag_that_the_readers_are_reckoned_with_or_that_came_later_is_no_reason() -> None:
    for ms, since in ((390, -100), (900, 2100)):
        assert not lagging(ms, since).travel().doubtful


def test_what_is_about_to_be_forgotten_is_won_no_more() -> None:
    """The PLC's backlog tells of an item, 350 ms too late a place, when its own result is forgotten already: the next
    one's, which would fit, must not be taken for it."""
    bench = dense()
    begin = bench.now
    bench.after(1200).read("CP1")
    bench.after(350).read("CP2")
    bench.after(5700)
    bench.indu(1, age=bench.now - begin - 350)
    assert bench.travel().results == []
