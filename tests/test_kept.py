"""Durable floor state there and back: what a restart finds, in the same boot of the machine and after a reboot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import kept
from controller.advice import Advice
from controller.customs import Book
from controller.drops import Drop
from controller.effects import Keep
from controller.floor import Connection, Floor
from controller.identity import Result
from controller.lanes import LaneState
from controller.travel import State, Travel
from devices import types as said
from tests.floor_fixture import EPOCH, TUNNEL, Bench, advice, ready, record, ride, small_floor

CONFIG, PLAN = small_floor()


def dumped(bench: Bench) -> dict[tuple[str, str], bytes]:
    """What the journal would hold."""
    return {key: kept.dump(value) for key, value in bench.kept.items()}


def restarted(bench: Bench, *, same_boot: bool = True, now: float | None = None) -> Bench:
    """Another daemon with what this one kept; events go on with their sequence."""
    again = Bench()
    again.store, again.feed, again.kept = bench.store, bench.feed, dict(bench.kept)
    again.now = bench.now if now is None else now
    again.events = list(bench.events)
    again.floor.sequence = len(again.events)
    kept.restore(again.floor, dumped(bench), same_boot=same_boot)
    again.floor.lines["S1"].epoch = EPOCH
    again.step(Connection(TUNNEL, True))
    again.reach()
    return again


def busy() -> Bench:
    """Something of every kind: travels in several states, drops, lanes, records, visits."""
    bench = ready(parcels=tuple(advice(f"P{n}") for n in range(1, 7)))
    for number in range(1, 7):
        bench.customs("release", subject=("parcel", f"P{number}"))
    bench.head()
    for track in range(1, 5):
        ride(bench, track, f"CP{track}", left=30_000)
        if track != 4:
            bench.answer()
    bench.divc(1, "S1-L01")
    bench.divc(2, "S1-EX", result="MI")
    bench.indu(5)
    bench.stat("S1-L02", "FULL")
    return bench


# --- there and back ---------------------------------------------------------------------------------------------------


def test_every_kind_is_there() -> None:
    assert {kind for kind, _ in busy().kept} == {"travel", "lane", "customs", "feed", "visit", "drop"}


def test_all_of_it_comes_back() -> None:
    bench = busy()
    again = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(again, dumped(bench), same_boot=True)
    floor = bench.floor
    assert again.lines["S1"].travels == floor.lines["S1"].travels
    assert again.lines["S1"].by_track == floor.lines["S1"].by_track
    assert again.live == floor.live
    assert again.visits == floor.visits
    assert again.drops == floor.drops
    assert again.drops_by_subject == floor.drops_by_subject
    assert again.book.records == floor.book.records
    assert again.book.by_subject == floor.book.by_subject
    assert again.book.position == floor.book.position
    for name, lane in floor.lanes.items():
        assert (again.lanes[name].state, again.lanes[name].on_way) == (lane.state, lane.on_way)
        assert (again.lanes[name].inside, again.lanes[name].drops) == (lane.inside, lane.drops)


def test_it_is_json_and_the_same_again() -> None:
    state = dumped(busy())
    for body in state.values():
        json.loads(body)
    again = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(again, state, same_boot=True)
    for (kind, key), body in state.items():
        assert kept.dump(_value(again, kind, key)) == body, (kind, key)


def _value(floor: Floor, kind: str, key: str) -> object:
    match kind:
        case "travel":
            return floor.lines["S1"].travels[key]
        case "lane":
            return floor.lanes[key]
        case "customs":
            scheme, authority, subject_kind, subject = key.split("|")
            return floor.book.records[scheme, authority, subject_kind, subject]
        case "feed":
            return floor.book.position
        case "visit":
            return floor.visits[key]
        case _:
            return floor.drops[key]


def test_into_an_empty_floor_from_nothing() -> None:
    floor = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(floor, {}, same_boot=False)
    assert floor.travels() == []


@pytest.mark.parametrize("kind", ["line", "lane"])
def test_what_the_configuration_no_longer_has_is_left_out(kind: str) -> None:
    state = {
        "line": {("travel", "T"): kept.dump(Travel("T", "S9", 7, 1, "T"))},
        "lane": {("lane", "S1-L99"): kept.dump(LaneState("S1-L99", CONFIG.lane["S1-L01"]))},
    }[kind]
    floor = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(floor, state, same_boot=True)
    assert floor.travels() == []
    assert "S1-L99" not in floor.lanes


TEXT = st.text(max_size=12)
TRAVELS = st.builds(
    Travel,
    id=TEXT,
    line=st.just("S1"),
    epoch=st.integers(1, 0xFFFF),
    track=st.integers(1, 999_999),
    visit=TEXT,
    state=st.sampled_from(State),
    mark_mm=st.none() | st.floats(0, 1e7),
    mark_at=st.floats(0, 1e12),
    results=st.lists(
        st.builds(Result, TEXT, st.sampled_from(("READ", "NO_READ")), st.none() | TEXT, st.floats(0, 1e12)), max_size=3
    ),
    parcel=st.none() | TEXT,
    decide_by=st.none() | st.floats(0, 1e12),
    refused=st.none() | st.lists(TEXT, max_size=4).map(tuple),
)


@given(TRAVELS)
def test_any_travel(travel: Travel) -> None:
    floor = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(floor, {("travel", travel.id): kept.dump(travel)}, same_boot=True)
    assert floor.lines["S1"].travels[travel.id] == replace(travel, decide_at=None)


@given(TEXT, st.integers(1, 2**40), st.lists(st.tuples(st.sampled_from(("parcel", "bag")), TEXT), max_size=3))
def test_any_drop(parcel: str, ordinal: int, subjects: list[tuple[str, str]]) -> None:
    drop = Drop(parcel, "T", "V", "S1", "S1-L01", ordinal, 12.5, tuple(subjects), recalled=True)
    floor = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(floor, {("drop", parcel): kept.dump(drop)}, same_boot=True)
    assert floor.drops == {parcel: drop}
    assert set(floor.drops_by_subject) == set(subjects)


# --- what it means after a restart ------------------------------------------------------------------------------------


def on_belt(bench: Bench, *tracks: int, decision: int = 1, age: float = 100.0) -> Iterable[said.TrackOnBelt]:
    """TRAK's items."""
    return [said.TrackOnBelt(t, "S1-DEC", None, decision, "S", 0, bench.now - age) for t in tracks]


def test_after_a_restart_nothing_is_sent_twice() -> None:
    bench = busy()
    again = restarted(bench)
    again.head()
    again.session(*on_belt(again, 3, 4), said.TrackOnBelt(5, "S1-IND", None, 0, "S", 0, again.now))
    assert again.dests() == []
    assert len(again.floor.travels()) == 3


def test_a_decision_that_did_not_reach_the_plc_is_made_anew() -> None:
    bench = busy()
    again = restarted(bench)
    again.head()
    again.session(*on_belt(again, 3), *on_belt(again, 4, decision=0))
    ((number, lanes, _),) = again.dests()
    assert (number, lanes[0]) == (2, "L02") or lanes == ("L01", "EX")


def test_a_hold_during_the_outage() -> None:
    bench = busy()
    again = restarted(bench)
    again.customs("hold", 2, ("parcel", "P3"))
    again.head()
    again.session(*on_belt(again, 3, 4))
    assert again.dests() == [(2, ("BOND", "EX"), "HOLD")]


def test_a_hold_after_the_restart_still_recalls() -> None:
    bench = busy()
    again = restarted(bench)
    again.now += 5000
    again.customs("hold", 2, ("parcel", "P1"))
    recall = again.last("parcel/recall")
    assert (recall.parcel, recall.lane, recall.seconds_since_drop) == ("P1", "S1-L01", 5.0)
    once_more = restarted(again)
    once_more.customs("seize", 3, ("parcel", "P1"))
    assert len(once_more.named("parcel/recall")) == 1, "it was recalled before the restart"


def test_before_the_head_nothing_is_believed() -> None:
    again = restarted(busy())
    assert not again.floor.book.fresh(again.now)
    again.session(*on_belt(again, 3, 4))
    assert {lanes for _, lanes, _ in again.dests()} == {("BOND", "EX")}
    again.head()
    assert again.floor.book.fresh(again.now), "the position in the feed came back"


def test_a_latch_survives() -> None:
    bench = ready(parcels=(advice(),))
    bench.customs("hold", 5)
    again = restarted(bench)
    again.customs("release", 4)
    again.head()
    assert again.floor.book.verdict(advice(), again.now).status == "hold"


def test_the_visit_goes_on() -> None:
    bench = busy()
    again = restarted(bench)
    again.head()
    again.session(*on_belt(again, 3, 4))
    ride(again, 9, "CP1", left=30_000)
    first = next(event.data for event in bench.events if event.name == "parcel/sorted")
    assert again.travel(9).visit == first.visit


def test_a_parcel_alive_before_the_restart_is_alive_after_it() -> None:
    bench = busy()
    again = restarted(bench)
    again.head()
    again.session(*on_belt(again, 3, 4))
    ride(again, 9, "CP3", left=30_000)
    assert again.travel(9).identity == "DUPLICATE_LIVE"


def test_the_same_boot_keeps_places_and_deadlines() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench)
    before = bench.travel()
    after = restarted(bench).travel()
    assert (after.mark_mm, after.mark_at, after.decide_by) == (before.mark_mm, before.mark_at, before.decide_by)


def test_a_read_after_the_restart_finds_its_parcel() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    again = restarted(bench, now=bench.now + 1000)
    again.session(said.TrackOnBelt(1, "S1-IND", None, 0, "S", 0, again.now - 1000))
    again.after(200).read("CP1")
    again.after(800).arrv(1)
    assert again.dests() == [(1, ("L01", "L02", "EX"), "PLAN")]


def test_after_a_reboot_places_are_unknown_and_deadlines_are_over() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    ride(bench, left=60_000)
    again = restarted(bench, same_boot=False, now=500.0)
    travel = again.travel()
    assert travel.mark_mm is None
    assert travel.decide_by is not None
    assert travel.decide_by <= again.now
    again.read("CP1")
    again.session(*on_belt(again, 1, decision=0, age=10.0))
    assert again.dests() == []
    assert again.last("parcel/refused").code == "EXPIRED"
    again.divc(1, "S1-EX", decision=0, result="NA")
    assert len(again.terminals()) == 1


def test_after_a_reboot_an_item_that_arrives_is_decided() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.indu(1)
    bench.after(1200).read("CP1")
    again = restarted(bench, same_boot=False, now=500.0)
    again.session(said.TrackOnBelt(1, "S1-IND", None, 0, "S", 0, again.now - 400))
    again.after(300).arrv(1)
    assert again.dests() == [(1, ("L01", "L02", "EX"), "PLAN")]


# --- nothing is forgotten to be kept ----------------------------------------------------------------------------------

STEPS: dict[str, Any] = {
    "indu": lambda bench: bench.indu(1),
    "read": lambda bench: bench.after(1200).read("CP1"),
    "arrv": lambda bench: bench.after(800).arrv(1),
    "taken": lambda bench: bench.answer(),
    "hold": lambda bench: bench.customs("hold", 2),
    "late": lambda bench: bench.answer("LATE"),
    "full": lambda bench: bench.stat("S1-L02", "FULL"),
    "lost neighbour": lambda bench: bench.plc(said.TrackLost(9, None, 1, 0, None, bench.now)),
    "divc": lambda bench: bench.divc(1, "S1-L01"),
    "hold again": lambda bench: bench.customs("seize", 3),
}


@pytest.mark.parametrize("last", STEPS)
def test_at_any_moment_what_was_kept_is_what_there_is(last: str) -> None:
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    bench.head()
    for name, step in STEPS.items():
        step(bench)
        if name == last:
            break
    saved = dumped(bench)
    again = Floor(CONFIG, PLAN, "jrnl0000")
    kept.restore(again, saved, same_boot=True)
    mine, its = bench.floor.lines["S1"].travels, again.lines["S1"].travels
    assert {key: replace(one, decide_at=None) for key, one in mine.items()} == its
    assert again.drops == bench.floor.drops
    assert again.book.latched(advice()) == bench.floor.book.latched(advice())
    for name, lane in bench.floor.lanes.items():
        assert (lane.state, lane.drops, lane.on_way) == (
            again.lanes[name].state,
            again.lanes[name].drops,
            again.lanes[name].on_way,
        )


def test_a_keep_of_nothing_deletes() -> None:
    bench = ready()
    bench.indu(1)
    key = ("travel", bench.travel().id)
    assert key in bench.kept
    effects = bench.plc(said.TrackLost(1, None, 0, 0, None, bench.now))
    assert [effect.value for effect in effects if isinstance(effect, Keep) and (effect.kind, effect.key) == key] == [
        None
    ]


def test_a_record_through_the_journal() -> None:
    book = Book(1.0)
    book.restore(type(record("hold")).model_validate_json(kept.dump(record("hold", 7, 9, raw="A1"))))
    ((_, found),) = book.records.items()
    assert (found.sequence, found.raw, found.status) == (7, "A1", "hold")


def test_advice_is_json() -> None:
    assert Advice.model_validate_json(kept.dump(advice())) == advice()
