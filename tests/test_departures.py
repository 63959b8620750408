"""The timetable: versions, order, places, and what is forgotten."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.advice import Departure
from controller.departures import MOST, REMEMBERED_MS, Run, Timetable, times
from controller.stamps import rfc3339

BASE, MINUTE = 1_795_478_400_000.0, 60_000.0


def departure(name: str = "TR-1", cut_off: float = 0, arrives: float = 600, **more: Any) -> Departure:
    """Its times in minutes after BASE."""
    fields: dict[str, Any] = {"destinations": ("FRANCE",)} | more
    return Departure(
        departure=name, cut_off=rfc3339(BASE + cut_off * MINUTE), arrives=rfc3339(BASE + arrives * MINUTE), **fields
    )


def table(*departures: Departure) -> Timetable:
    made = Timetable()
    for each in departures:
        assert made.take(each, UTC) is not None
    return made


def names(timetable: Timetable, destination: str = "FRANCE") -> list[str]:
    return [run.id for run in timetable.of(destination)]


def catchable(timetable: Timetable, ready: float = 0, booked: str | None = None) -> list[str]:
    return [run.id for run in timetable.catchable("FRANCE", BASE + ready * MINUTE, booked)]


# --- one departure ----------------------------------------------------------------------------------------------------


def test_times() -> None:
    assert times(departure(cut_off=5, arrives=90), UTC) == (BASE + 5 * MINUTE, BASE + 90 * MINUTE)
    run = table(departure(cut_off=5, arrives=90)).get("TR-1")
    assert run is not None
    assert (run.cut_off_ms, run.arrives_ms, run.booked) == (BASE + 5 * MINUTE, BASE + 90 * MINUTE, 0)


def test_a_cut_off_without_offset_is_local() -> None:
    local = departure().model_copy(update={"cut_off": "2026-11-24T01:00:00"})
    assert times(local, ZoneInfo("Europe/Brussels"))[0] == BASE
    assert times(local, UTC)[0] == BASE + 60 * MINUTE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"cut_off": "18:30"}, 'cut_off: "18:30" is no moment; write '),
        ({"arrives": "soon"}, 'arrives: "soon" is no moment; write '),
        ({"arrives": "2026-11-24T01:00:00"}, "arrives: .* has no offset from UTC; write "),
        ({"arrives": rfc3339(BASE - 1)}, "arrives: lies before cut_off; write "),
    ],
)
def test_what_is_refused_changes_nothing(fields: dict[str, str], expected: str) -> None:
    timetable = table(departure(version=1))
    for wrong in (departure(version=2).model_copy(update=fields), departure("TR-2").model_copy(update=fields)):
        with pytest.raises(ValueError, match=expected):
            timetable.take(wrong, UTC)
    assert (names(timetable), len(timetable)) == (["TR-1"], 1)
    assert timetable.of("FRANCE")[0].record.version == 1


def test_it_may_arrive_at_its_cut_off() -> None:
    assert times(departure(arrives=0), UTC) == (BASE, BASE)


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("scheduled", True), ("delayed", True), ("closing", True), ("closed", False), ("departed", False),
     ("cancelled", False)],
)  # fmt: skip
def test_which_states_take_parcels(status: str, is_open: bool) -> None:
    timetable = table(departure(status=status))
    assert catchable(timetable) == ["TR-1"] * is_open
    assert timetable.next_cut_off(BASE - 1) == (BASE if is_open else None)
    assert names(timetable) == ["TR-1"], "it is known all the same"


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "taken"), [(1, False), (2, True), (3, True)])
def test_an_older_version_is_ignored(version: int, taken: bool) -> None:
    timetable = table(departure(version=2))
    assert (timetable.take(departure(version=version, cut_off=9), UTC) is not None) is taken
    assert timetable.of("FRANCE")[0].cut_off_ms == BASE + 9 * MINUTE * taken


def test_a_newer_version_changes_all_but_the_bookings() -> None:
    timetable = table(departure("TR-1"), departure("TR-2", 5))
    timetable.book("TR-1", 1)
    changed = timetable.take(departure("TR-1", 9, 700, version=1, destinations=("SPAIN", "FRANCE")), UTC)
    assert changed is timetable.get("TR-1")
    assert changed is not None
    assert (changed.booked, changed.arrives_ms) == (1, BASE + 700 * MINUTE)
    assert (names(timetable), names(timetable, "SPAIN"), len(timetable)) == (["TR-2", "TR-1"], ["TR-1"], 2)
    timetable.take(departure("TR-1", 9, version=2, destinations=("SPAIN", "SPAIN")), UTC)
    assert (names(timetable), names(timetable, "SPAIN")) == (["TR-2"], ["TR-1"])


def test_what_was_kept_is_put_back() -> None:
    timetable = table(departure(version=3))
    assert timetable.restore(departure(version=1, capacity=2), 5, UTC).booked == 5
    assert catchable(timetable) == []
    assert catchable(timetable, booked="TR-1") == ["TR-1"]


# --- order ------------------------------------------------------------------------------------------------------------


def test_by_cut_off_then_id() -> None:
    timetable = table(
        departure("B", 5), departure("C", 4), departure("A", 5), departure("X", 1, destinations=("ELSE",))
    )
    assert (names(timetable), names(timetable, "ELSE"), names(timetable, "NONE")) == (["C", "A", "B"], ["X"], [])


def test_the_cut_off_itself_is_in_time() -> None:
    timetable = table(departure("TR-1", 5), departure("TR-2", 6))
    assert [catchable(timetable, ready) for ready in (5, 5.001, 6, 6.001)] == [
        ["TR-1", "TR-2"], ["TR-2"], ["TR-2"], [],
    ]  # fmt: skip


def test_the_next_cut_off() -> None:
    timetable = table(departure("TR-1", 5), departure("TR-2", 6, status="closed"), departure("TR-3", 7))
    at = [BASE + minute * MINUTE for minute in (0, 5, 7)]
    assert [timetable.next_cut_off(moment) for moment in at] == [at[1], at[2], None]
    assert timetable.next_cut_off(at[1] - 1) == at[1]


# --- places -----------------------------------------------------------------------------------------------------------


def test_places() -> None:
    timetable = table(departure(capacity=2))
    assert [timetable.book("TR-1", change) is not None for change in (-1, 1, 1, 1, -1, 1)] == [
        False, True, True, False, True, True,
    ]  # fmt: skip
    assert catchable(timetable) == []
    assert catchable(timetable, booked="TR-1") == ["TR-1"], "its place is its own"
    assert catchable(timetable, booked="TR-2") == []
    assert timetable.book("TR-2", 1) is None
    assert timetable.book("TR-1", -3) is None
    assert timetable.book("TR-1", -2) is timetable.get("TR-1")


def test_a_place_of_ones_own_does_not_open_a_closed_one_or_bring_back_a_missed_one() -> None:
    timetable = table(departure(status="closed"))
    assert catchable(timetable, booked="TR-1") == []
    assert catchable(table(departure()), 1, "TR-1") == []


def test_not_counted() -> None:
    timetable = table(departure(capacity=0))
    assert all(timetable.book("TR-1", 1) for _ in range(50))
    assert catchable(timetable) == ["TR-1"]


def test_a_smaller_one_comes() -> None:
    timetable = table(departure(capacity=3))
    timetable.book("TR-1", 3)
    timetable.take(departure(capacity=1), UTC)
    assert [timetable.book("TR-1", change) for change in (0, 1)] == [None, None]
    assert catchable(timetable) == []
    assert timetable.book("TR-1", -1) is not None, "two are still more than it may take"
    assert timetable.book("TR-1", -1) is not None
    assert (catchable(timetable), timetable.book("TR-1", 1)) == ([], None)
    assert timetable.book("TR-1", -1) is not None
    assert catchable(timetable) == ["TR-1"]


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_what_is_long_past_is_forgotten() -> None:
    assert (REMEMBERED_MS, MOST) == (48 * 60 * MINUTE, 10_000)
    timetable = table(departure("TR-1", 0), departure("TR-2", 1))
    assert timetable.forget(BASE + REMEMBERED_MS) == ()
    assert timetable.forget(BASE + REMEMBERED_MS + 1) == ("TR-1",)
    assert (names(timetable), timetable.get("TR-1"), len(timetable)) == (["TR-2"], None, 1)
    assert timetable.forget(BASE + REMEMBERED_MS + MINUTE + 1) == ("TR-2",)
    assert timetable._of == {}, "no trace of the destination"


def test_of_too_many_those_stay_that_leave_first() -> None:
    timetable = Timetable()
    for number in range(MOST + 3):
        timetable.restore(departure("A", number, number).model_copy(update={"departure": f"TR-{number}"}), 0, UTC)
    gone = timetable.forget(BASE + REMEMBERED_MS + 1)
    assert set(gone) == {"TR-0", f"TR-{MOST + 1}", f"TR-{MOST + 2}"}
    assert len(timetable) == len(timetable.of("FRANCE")) == MOST


# --- whatever comes ---------------------------------------------------------------------------------------------------

NAMES, PLACES = ("TR-1", "TR-2", "TR-3"), ("FRANCE", "SPAIN")
TAKE = st.builds(
    departure,
    st.sampled_from(NAMES),
    st.integers(0, 5),
    version=st.integers(0, 3),
    capacity=st.integers(0, 3),
    destinations=st.lists(st.sampled_from(PLACES), max_size=2).map(tuple),
    status=st.sampled_from(("scheduled", "closing", "closed")),
)
BOOK = st.tuples(st.sampled_from(NAMES), st.sampled_from((1, 1, -1)))
FORGET = st.integers(0, 6)


@given(st.lists(TAKE | BOOK | FORGET, max_size=30))
def test_it_is_as_the_messages_say_in_plain_words(steps: list[Departure | tuple[str, int] | int]) -> None:
    timetable = Timetable()
    known: dict[str, Departure] = {}
    booked: dict[str, int] = {}
    for step in steps:
        if isinstance(step, Departure):
            name = step.departure
            news = name not in known or step.version >= known[name].version
            assert (timetable.take(step, UTC) is not None) is news
            if news:
                known[name] = step
                booked.setdefault(name, 0)
        elif isinstance(step, tuple):
            name, change = step
            before = booked.get(name, 0)
            run = timetable.book(name, change)
            if run is not None:
                booked[name] += change
                assert run.booked == booked[name]
                assert change < 0 or 0 in (known[name].capacity, max(0, run.booked - known[name].capacity))
            else:
                full = name in known and 0 < known[name].capacity <= before
                assert name not in known or (full if change > 0 else before == 0)
        else:
            for name in timetable.forget(BASE + REMEMBERED_MS + step * MINUTE):
                assert times(known.pop(name), UTC)[0] < BASE + step * MINUTE
                del booked[name]
        _same(timetable, known, booked)


def _same(timetable: Timetable, known: dict[str, Departure], booked: dict[str, int]) -> None:
    runs: list[Run] = [run for name in NAMES if (run := timetable.get(name))]
    assert {run.id: run.record for run in runs} == known
    assert {run.id: run.booked for run in runs} == booked
    assert len(timetable) == len(known)
    for place in PLACES:
        there = [(times(each, UTC)[0], name) for name, each in known.items() if place in each.destinations]
        assert names(timetable, place) == [name for _, name in sorted(there)]
    ahead = [times(each, UTC)[0] for each in known.values() if each.status != "closed"]
    for minute in range(6):
        after = BASE + minute * MINUTE
        assert timetable.next_cut_off(after) == min((at for at in ahead if at > after), default=None)
