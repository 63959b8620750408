"""A reader that is late by about the distance of two items must not give one item's code to the next."""

from __future__ import annotations

from tests.floor_fixture import Bench, advice, ready

NAMES = tuple(f"P{number}" for number in range(1, 7))


def ride(bench: Bench, by: float, *distances: float, lost: int = 0) -> list[tuple[str, str | None]]:
    """Items come at these distances (mm, 1 mm a ms), each code so much later than its item; one result is lost.
    Returns (identity, parcel) of each."""
    todo, at = [], bench.now
    for track, distance in enumerate((0.0, *distances), 1):
        at += distance
        todo += [(at, "indu", track), (at + 2000, "arrv", track)]
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
