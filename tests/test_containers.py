"""Containers: what fell into which, by the moment it fell; and what may not be closed or taken away."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import kept
from controller.advice import ContainerRecord
from controller.config import Lane as LaneConfig
from controller.containers import container_id
from controller.events import Commanded
from controller.floor import Floor
from controller.inputs import Ordered, Stood
from controller.lanes import PUT_BACK_MS, LaneState
from controller.orders import ContainerClose
from devices import types as said
from tests.floor_fixture import UTC, Bench, advice, ready, ride


def cont(bench: Bench, code: str | None, lane: str = "S1-L01", age: float = 0.0) -> None:
    """The PLC: a container with this code stands there, None = it is gone."""
    seen = said.Code(code.encode()) if code else None
    bench.plc(said.ContainerSeen(lane, "P" if code else "G", seen, bench.now - age, bench.now))


def stood(bench: Bench, status: Any, container: str = "BAG-1", version: int = 0, lane: str = "S1-L01") -> None:
    bench.step(Stood((ContainerRecord(container=container, lane=lane, version=version, status=status),)))


def sorted_into(bench: Bench, track: int = 1, lane: str = "S1-L01", age: float = 0.0) -> None:
    """A French parcel is read, sent and dropped, `age` ms ago."""
    ride(bench, track, f"CP{track}")
    bench.answer()
    bench.divc(track, lane, 1, edge=bench.now - age)


def filled(*records: str) -> Bench:
    """A released parcel lies in BAG-1 at lane 1."""
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    cont(bench, "BAG-1")
    sorted_into(bench)
    return bench


def refused(bench: Bench, lane: str = "S1-L01", container: str | None = None) -> str | None:
    """The centre's command to close; why it was refused."""
    issued = int(UTC + bench.now)
    order = ContainerClose(
        id=f"c{len(bench.events)}", issued=issued, expires=issued + 1000, actor="jane", lane=lane, container=container
    )
    bench.step(Ordered(order))
    last = [event for event in bench.events if event.name.startswith("command/")][-1]
    assert isinstance(last.data, Commanded)
    return last.data.why


# --- whose drop it is -------------------------------------------------------------------------------------------------


def test_a_drop_belongs_to_what_stands_there() -> None:
    bench = filled()
    assert bench.terminals()[-1][1].container == "BAG-1"
    (added,) = bench.named("container/added")
    assert (added.container, added.parcel, added.ordinal, added.count) == ("BAG-1", "P1", 1, 1)


def test_a_drop_told_after_the_change_belongs_to_the_old_one() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    cont(bench, "BAG-1")
    ride(bench)
    bench.answer()
    bench.after(1000)
    cont(bench, "BAG-2")
    bench.divc(1, "S1-L01", 1, edge=bench.now - 300)
    assert bench.terminals()[-1][1].container == "BAG-1"


def test_a_change_with_an_age_happened_then() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    cont(bench, "BAG-1")
    ride(bench)
    bench.answer()
    bench.after(1000)
    cont(bench, "BAG-2", age=500)
    bench.divc(1, "S1-L01", 1, edge=bench.now - 300)
    assert bench.terminals()[-1][1].container == "BAG-2"


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_whatever_the_order_of_messages_the_moment_decides(changes: list[int], rng: Any) -> None:
    lane = LaneState("L", LaneConfig(line="S1", position_mm=1))
    mixed = list(changes)
    rng.shuffle(mixed)
    for since in mixed:
        lane.put(f"BAG-{since}", float(since))
    for when in range(-1, 1001, 7):
        before = [since for since in changes if since <= when]
        assert lane.standing_at(float(when)) == (f"BAG-{max(before)}" if before else None)


def test_only_the_newest_stands_there_now() -> None:
    for order in permutations((1.0, 2.0, 3.0)):
        lane = LaneState("L", LaneConfig(line="S1", position_mm=1))
        for since in order:
            lane.put(f"BAG-{since}", since)
        assert lane.container == "BAG-3.0"


# --- closing ----------------------------------------------------------------------------------------------------------


def test_it_closes_and_says_how_many() -> None:
    bench = filled()
    assert refused(bench) is None
    assert bench.last("container/closed").count == 1
    assert refused(bench) == "container BAG-1 is closed already"


def test_held_content_keeps_it_open_until_it_is_released_again() -> None:
    bench = filled()
    bench.customs("hold", 2)
    assert refused(bench) == "container BAG-1 holds P1 (customs hold); take it out first"
    assert bench.named("container/closed") == []
    bench.customs("release", 3)
    assert refused(bench) is None


def test_a_button_that_is_refused_is_an_alarm() -> None:
    bench = filled()
    bench.customs("hold", 2)
    bench.plc(said.Button("S1-L01", "CLOS", bench.now, bench.now))
    assert bench.last("alarm/raised").what.startswith("container BAG-1 holds P1")


def test_the_button_closes_it() -> None:
    bench = filled()
    bench.plc(said.Button("S1-L01", "CLOS", bench.now, bench.now))
    assert bench.last("container/closed").container == "BAG-1"


def test_under_customs_it_may_close_with_what_is_held() -> None:
    bench = ready(parcels=(advice(),))
    cont(bench, "CAGE", "S1-BOND")
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-BOND", 1)
    assert refused(bench, "S1-BOND", "CAGE") is None


def test_taken_away_with_held_content_is_critical() -> None:
    bench = filled()
    bench.customs("hold", 2)
    cont(bench, None)
    assert bench.last("container/removed").count == 1
    alarm = bench.last("alarm/raised")
    assert (alarm.alarm, alarm.priority) == ("container-held-BAG-1", "critical")


def test_what_falls_into_a_closed_one_is_in_it_all_the_same() -> None:
    bench = filled()
    assert refused(bench) is None
    bench.after(10)
    bench.advise(advice("P2", customs="none"))
    ride(bench, 2, "CP2")
    bench.answer()
    bench.divc(2, "S1-L01", 1)
    assert bench.last("container/added").container == "BAG-1"
    assert bench.last("alarm/raised").alarm == "container-late-BAG-1"


def test_a_recall_names_its_container() -> None:
    bench = filled()
    bench.customs("hold", 2)
    assert bench.last("parcel/recall").container == "BAG-1"


@pytest.mark.parametrize(
    ("lane", "container", "text"),
    [
        ("S1-L02", None, "no container stands at S1-L02"),
        ("S1-L99", None, "no lane 'S1-L99'"),
        ("S1-L01", "BAG-7", "BAG-1 stands at S1-L01, not BAG-7"),
    ],
)
def test_why_it_is_refused(lane: str, container: str | None, text: str) -> None:
    bench = filled()
    why = refused(bench, lane, container)
    assert why is not None
    assert why.startswith(text)


# --- what a lane needs ------------------------------------------------------------------------------------------------

NEEDS = "position_mm = 5000 => position_mm = 5000\nneeds_container = true"


def test_a_lane_without_its_container_is_not_available() -> None:
    bench = ready(NEEDS, parcels=(advice(customs="none"),))
    ride(bench)
    assert bench.dests() == [(1, ("L02", "EX"), "NCON")]
    bench.answer()
    cont(bench, "BAG-1")
    assert bench.dests()[-1][1][0] == "L01"


def test_nor_one_whose_container_is_closed() -> None:
    bench = ready(NEEDS, parcels=(advice(customs="none"),))
    cont(bench, "BAG-1")
    assert refused(bench) is None
    ride(bench)
    assert bench.dests() == [(1, ("L02", "EX"), "NCON")]


def test_a_new_container_is_empty() -> None:
    bench = ready(parcels=(advice("P1", "BE", customs="none"),))
    cont(bench, "BAG-1", "S1-L03")
    bench.floor.lanes["S1-L03"].inside = 2
    ride(bench)
    assert bench.dests() == [(1, ("EX",), "FULL")]
    bench.answer()
    cont(bench, "BAG-2", "S1-L03")
    assert bench.dests()[-1][1][0] == "L03"


def test_a_rate_is_counted_by_the_minute_and_with_what_is_on_the_way() -> None:
    bench = ready(
        "position_mm = 5000 => position_mm = 5000\nrate_per_min = 2",
        parcels=tuple(advice(f"P{n}", customs="none") for n in range(1, 5)),
    )
    sorted_into(bench, 1)
    ride(bench, 2, "CP2")
    bench.answer()
    ride(bench, 3, "CP3")
    assert bench.dests()[-1] == (1, ("L02", "EX"), "RATE")
    bench.divc(2, "S1-L01", 1)
    bench.after(60_000)
    ride(bench, 4, "CP4")
    assert bench.dests()[-1][1][0] == "L01"


def test_a_button_locks_and_frees() -> None:
    bench = ready(parcels=(advice(customs="none"),))
    bench.plc(said.Button("S1-L01", "LOCK", bench.now, bench.now))
    ride(bench)
    assert bench.dests() == [(1, ("L02", "EX"), "LOCK")]
    bench.answer()
    bench.plc(said.Button("S1-L01", "FREE", bench.now, bench.now))
    assert bench.dests()[-1][1][0] == "L01"
    assert [len(bench.named(f"lane/{name}")) for name in ("locked", "opened")] == [1, 1]


# --- the centre -------------------------------------------------------------------------------------------------------


def test_the_centre_opens_closes_and_removes_by_version() -> None:
    bench = ready()
    stood(bench, "open", version=1)
    stood(bench, "removed", version=1)
    assert bench.floor.lanes["S1-L01"].container == "BAG-1"
    stood(bench, "closed", version=2)
    stood(bench, "removed", version=3)
    assert [name for name in bench.names() if name.startswith("container")] == [
        "container/opened",
        "container/closed",
        "container/removed",
    ]


def test_the_centre_cannot_close_what_holds_held_content() -> None:
    bench = filled()
    bench.customs("hold", 2)
    stood(bench, "closed", version=5)
    assert bench.named("container/closed") == []
    assert bench.last("alarm/raised").priority == "high"


def test_a_lane_that_is_not_here_is_another_nodes() -> None:
    bench = ready()
    before = bench.names()
    stood(bench, "open", lane="S1-L99")
    assert bench.names() == before
    assert bench.floor.containers == {}


# --- restarts ---------------------------------------------------------------------------------------------------------


def test_a_restart_knows_what_stands_where_and_what_is_in_it() -> None:
    bench = filled()
    state = {place: kept.dump(value) for place, value in bench.kept.items()}
    for same_boot in (True, False):
        again = Floor(bench.config, bench.plan, "jrnl0000")
        kept.restore(again, state, same_boot=same_boot)
        assert again.lanes["S1-L01"].container == "BAG-1"
        assert again.containers == bench.floor.containers
        before = again.lanes["S1-L01"].standing_at(0.0)
        assert before == (None if same_boot else "BAG-1")


@pytest.mark.parametrize("text", ["BAG/1", "", "x" * 65, "a b", "+#"])
def test_what_cannot_be_an_id_becomes_a_digest(text: str) -> None:
    made = container_id(text)
    assert made != text
    assert container_id(made) == made


def test_a_bag_that_was_filled_under_customs_holds_itself_elsewhere() -> None:
    """What falls into supervised lanes is not remembered by parcel: nobody can say that it may leave."""
    bench = ready(parcels=(advice(),))
    cont(bench, "BAG-1", "S1-BOND")
    sorted_into(bench, lane="S1-BOND")
    cont(bench, "BAG-1", "S1-L01")
    assert "filled in a supervised lane" in (refused(bench) or "")
    state = {key: kept.dump(value) for key, value in bench.kept.items()}
    again = Floor(bench.config, bench.plan, "jrnl0000")
    kept.restore(again, state, same_boot=True)
    assert again.containers["BAG-1"].bonded
    cont(bench, None)
    assert bench.last("alarm/raised").priority == "critical"
    bench.after(PUT_BACK_MS + 1)
    cont(bench, "BAG-1")
    assert refused(bench) is None, "it is used again"


def test_under_customs_it_can_be_closed() -> None:
    bench = ready(parcels=(advice(),))
    cont(bench, "BAG-1", "S1-BOND")
    sorted_into(bench, lane="S1-BOND")
    assert refused(bench, "S1-BOND") is None
