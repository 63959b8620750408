"""Lanes: what they refuse and why, what stood there when, and whose a drop is, whatever message comes first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import Lane
from controller.lanes import (
    ALWAYS,
    FALLEN_KEPT,
    MINUTE_MS,
    NOT_AVAILABLE,
    PUT_BACK_MS,
    STANDS_KEPT,
    Fallen,
    LaneState,
    Stand,
)

NOW = 1_000_000.0


def lane(**config: Any) -> LaneState:
    return LaneState("L01", Lane(line="S1", position_mm=5000, **config))


def there(*changes: tuple[float, str | None], **config: Any) -> LaneState:
    """A lane at which these stood from these moments on."""
    found = lane(**config)
    for since, container in changes:
        assert found.put(container, since)
    return found


# --- refusing ---------------------------------------------------------------------------------------------------------


def test_a_free_lane_takes_everything() -> None:
    found = lane()
    found.on_way, found.inside = 1000, 1000
    assert found.refuses(NOW) is None


@pytest.mark.parametrize("state", sorted(NOT_AVAILABLE))
def test_the_plc_says_no(state: str) -> None:
    found = lane()
    found.changed(state)
    assert found.refuses(NOW) == state


@pytest.mark.parametrize("state", ["FREE", "HALF", "RUN", "SLOW"])
def test_the_plc_says_something_else(state: str) -> None:
    found = lane()
    found.changed(state)
    assert found.refuses(NOW) is None


def test_what_the_plc_may_say() -> None:
    assert set("FULL LOCK JAM FALT NCON MAIN STOP ESTP MANU".split()) == NOT_AVAILABLE


def test_the_most_telling_reason_comes_first() -> None:
    found = lane(capacity=1, rate_per_min=1, needs_container=True)
    found.dropped(NOW)
    found.on_way = 1
    reasons = []
    found.state, found.locked, found.closed_by = "JAM", True, "anna"
    reasons.append(found.refuses(NOW))
    found.state = "FREE"
    reasons.append(found.refuses(NOW))
    found.locked = False
    reasons.append(found.refuses(NOW))
    found.closed_by = None
    reasons.append(found.refuses(NOW))
    found.put("BAG", NOW)
    reasons.append(found.refuses(NOW))
    found.inside = found.on_way = 0
    reasons.append(found.refuses(NOW))
    assert reasons == ["JAM", "LOCK", "CLSD", "NCON", "FULL", "RATE"]
    assert found.refuses(NOW + MINUTE_MS) is None


def test_closed_by_command_is_apart_from_the_plc_s_word() -> None:
    found = lane()
    found.closed_by = "anna"
    found.changed("LOCK")
    found.changed("FREE")
    assert found.refuses(NOW) == "CLSD", "the PLC's FREE opens nothing that a command closed"
    found.closed_by = None
    assert found.refuses(NOW) is None


@pytest.mark.parametrize(
    ("container", "closed", "refusal"), [(None, False, "NCON"), ("BAG", False, None), ("BAG", True, "NCON")]
)
def test_a_lane_that_needs_a_container(container: str | None, closed: bool, refusal: str | None) -> None:
    found = there((10.0, container), needs_container=True)
    found.container_closed = closed
    assert found.refuses(NOW) == refusal
    free = there((10.0, container))
    free.container_closed = closed
    assert free.refuses(NOW) is None, "who needs none takes it anyway"


@pytest.mark.parametrize(
    ("by", "needs", "closed", "shut"),
    [
        (None, False, False, False),
        ("anna", False, False, True),
        (None, True, False, False),
        (None, False, True, False),
        (None, True, True, True),
    ],
)
def test_shut_by_people(by: str | None, needs: bool, closed: bool, shut: bool) -> None:
    found = lane(needs_container=needs)
    found.closed_by, found.container_closed = by, closed
    assert found.shut is shut


@pytest.mark.parametrize(
    ("inside", "on_way", "refusal"), [(0, 0, None), (1, 0, None), (0, 1, None), (1, 1, "FULL"), (3, 0, "FULL")]
)
def test_capacity_counts_what_is_inside_and_on_the_way(inside: int, on_way: int, refusal: str | None) -> None:
    found = there((10.0, "BAG"), capacity=2)
    found.inside, found.on_way = inside, on_way
    assert found.refuses(NOW) == refusal


def test_nobody_says_what_leaves_an_open_chute() -> None:
    found = lane(capacity=2)
    found.inside, found.on_way = 5, 1
    assert found.refuses(NOW) is None
    found.on_way = 2
    assert found.refuses(NOW) == "FULL"


# --- so many a minute -------------------------------------------------------------------------------------------------


def rated(*ages: float, rate: int = 3, on_way: int = 0) -> LaneState:
    found = lane(rate_per_min=rate)
    for age in ages:
        found.dropped(NOW - age)
    found.on_way = on_way
    return found


@pytest.mark.parametrize(
    ("ages", "on_way", "refusal", "eases"),
    [
        ((), 0, None, None),
        ((0, 0), 0, None, None),
        ((0, 0, 0), 0, "RATE", NOW + 60_000),
        ((0, 0, 59_999), 0, "RATE", NOW + 1),
        ((0, 0, 60_000), 0, None, None),
        ((59_999, 10_000, 30_000), 0, "RATE", NOW + 1),
        ((59_999, 10_000, 30_000), 1, "RATE", NOW + 30_000),
        ((0, 0), 1, "RATE", NOW + 60_000),
        ((5_000, 7_000), 1, "RATE", NOW + 53_000),
        ((), 2, None, None),
        ((), 3, "RATE", None),
        ((1_000,), 3, "RATE", None),
        ((1_000,), 2, "RATE", NOW + 59_000),
    ],
)
def test_so_many_a_minute(ages: tuple[float, ...], on_way: int, refusal: str | None, eases: float | None) -> None:
    found = rated(*ages, on_way=on_way)
    assert found.refuses(NOW) == refusal
    assert found.eases_at(NOW) == eases
    if eases is not None:
        assert found.refuses(eases - 0.5) == "RATE"
        assert found.refuses(eases) is None


def test_drops_count_by_their_own_time_and_not_by_that_of_their_messages() -> None:
    found = lane(rate_per_min=2)
    found.dropped(NOW - 70_000)
    found.dropped(NOW - 65_000)
    assert found.refuses(NOW) is None


@pytest.mark.parametrize("rate", [1, FALLEN_KEPT, FALLEN_KEPT + 40])
def test_any_rate_is_counted_to_its_end(rate: int) -> None:
    found = rated(*[0.0] * (rate - 1), rate=rate)
    assert found.refuses(NOW) is None
    found.dropped(NOW)
    assert found.refuses(NOW) == "RATE"


def test_a_full_lane_does_not_ease_with_time() -> None:
    found = rated(0.0, 0.0, 0.0)
    found.changed("FULL")
    assert found.eases_at(NOW) is None


# --- what the PLC says ------------------------------------------------------------------------------------------------


def test_a_lane_that_is_free_again_was_emptied() -> None:
    found = lane()
    found.dropped(NOW)
    assert [found.changed("HALF"), found.changed("HALF"), found.inside] == [True, False, 1]
    assert [found.changed("FULL"), found.inside] == [True, 1]
    assert [found.changed("FREE"), found.changed("FREE"), found.inside] == [True, False, 0]
    assert found.drops == 1


def test_drops_have_ordinals() -> None:
    found = lane()
    assert [found.dropped(NOW + n) for n in range(3)] == [1, 2, 3]
    assert list(found.fallen) == [Fallen("", n + 1, NOW + n, None) for n in range(3)]
    assert found.inside == 3


def test_what_fell_into_a_container_that_left_is_not_inside() -> None:
    found = there((10.0, "OLD"), (20.0, "NEW"))
    found.dropped(19.9)
    assert (found.inside, found.drops, found.fallen[-1].container) == (0, 1, "OLD")
    found.dropped(20.0)
    assert (found.inside, found.drops, found.fallen[-1].container) == (1, 2, "NEW")


def test_its_memory_of_drops_is_bounded() -> None:
    found = lane()
    for _ in range(3 * FALLEN_KEPT):
        found.dropped(NOW)
    assert [one.ordinal for one in found.fallen] == [n + 1 for n in range(2 * FALLEN_KEPT, 3 * FALLEN_KEPT)]


# --- what stood there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "container", "until"),
    [
        (-1e9, None, 10.0),
        (9.9, None, 10.0),
        (10.0, "A", 20.0),
        (19.9, "A", 20.0),
        (20.0, None, 30.0),
        (29.9, None, 30.0),
        (30.0, "B", None),
        (1e9, "B", None),
    ],
)
def test_what_stood_there(when: float, container: str | None, until: float | None) -> None:
    found = there((10.0, "A"), (20.0, None), (30.0, "B"))
    assert found.standing_at(when) == container
    assert found.until(when) == until
    assert found.container == "B"


def test_until_looks_past_the_same_said_again() -> None:
    found = there((10.0, "A"), (20.0, "A"), (30.0, None))
    assert found.until(10.0) == 30.0


def test_of_two_at_one_moment_the_one_said_last_holds() -> None:
    assert there((10.0, "A"), (10.0, "B")).standing_at(10.0) == "B"


CHANGES = st.lists(
    st.tuples(st.integers(0, 1000).map(float), st.sampled_from(["A", "B", "C", None])),
    unique_by=lambda change: change[0],
    max_size=STANDS_KEPT - 1,
)


@given(CHANGES, st.data())
def test_the_order_of_the_messages_does_not_matter(changes: list[tuple[float, str | None]], data: Any) -> None:
    in_order, arrived = there(*sorted(changes, key=lambda c: c[0])), there(*data.draw(st.permutations(changes)))
    assert arrived.stands == in_order.stands
    for when in (*[since for since, _ in changes], 500.5):
        stood = [container for since, container in sorted(changes, key=lambda c: c[0]) if since <= when]
        assert arrived.standing_at(when) == (stood[-1] if stood else None)


def test_its_memory_of_changes_is_bounded() -> None:
    found = lane()
    for number in range(STANDS_KEPT + 5):
        assert found.put(f"B{number}", 100.0 + number)
    assert len(found.stands) == STANDS_KEPT
    assert found.stands[0] == Stand(105.0, "B5")
    assert found.standing_at(104.9) is None, "before the oldest nobody knows"
    assert found.standing_at(105.0) == "B5"
    assert found.until(104.9) == 105.0
    assert not found.put("X", 104.9), "too long ago to matter"
    assert found.stands[0] == Stand(105.0, "B5")
    assert found.put("X", 105.0)
    assert found.stands[0] == Stand(105.0, "X")


def test_it_came_later_than_was_said() -> None:
    found = there((10.0, "A"), (20.0, "B"))
    found.came_later(25.0)
    assert [found.standing_at(when) for when in (10.0, 24.9, 25.0)] == ["A", "A", "B"]


@pytest.mark.parametrize(("told", "before"), [(21.0, True), (20.0, False), (19.0, False)])
def test_it_came_sooner_than_was_said(told: float, before: bool) -> None:
    """B, said to come at `told`, came at 20: what is known of the time since is then said by who knows."""
    found = there((10.0, "A"), (told, "B"))
    found.came_sooner(20.0)
    assert found.stands == [(ALWAYS, None), (10.0, "A"), *([] if before else [(told, "B")])]


def test_the_first_one_came_sooner() -> None:
    found = there((30.0, "A"))
    found.came_sooner(20.0)
    assert found.stands == [(ALWAYS, None)]


def test_what_stood_there_always_cannot_have_come_sooner() -> None:
    found = lane()
    found.stands = [Stand(30.0, "A")]
    found.came_sooner(20.0)
    assert found.stands == [(30.0, "A")]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ([(0.0, "A")], False),
        ([(0.0, "A"), (5.0, None), (6.0, "A")], True),
        ([(0.0, "A"), (5.0, None), (5.0 + PUT_BACK_MS, "A")], True),
        ([(0.0, "A"), (5.0, None), (5.1 + PUT_BACK_MS, "A")], False),
        ([(0.0, "A"), (5.0, None), (60_000.0, None), (60_001.0, "A")], True),
        ([(0.0, "A"), (5.0, None), (60_006.0, None), (60_007.0, "A")], False),
        ([(0.0, "A"), (5.0, None), (6.0, "B")], False),
        ([(0.0, "A"), (5.0, "B"), (6.0, "A")], False),
        ([(0.0, "A"), (5.0, "B"), (6.0, None), (7.0, "A")], False),
        ([(0.0, "A"), (99_999.0, "A")], True),
    ],
)
def test_put_back(changes: list[tuple[float, str | None]], same: bool) -> None:
    assert there(*changes).put_back() is same


# --- whose a drop is --------------------------------------------------------------------------------------------------


def test_a_late_change_finds_the_drops_that_it_concerns() -> None:
    found = there((10.0, "A"))
    for at in (15.0, 20.0, 25.0, 30.0):
        found.dropped(at)
    found.put(None, 29.9)
    found.put("B", 19.9)
    wrong = found.misplaced(19.9)
    assert [(one.ordinal, container) for one, container in wrong] == [(2, "B"), (3, "B"), (4, None)]
    assert [one.ordinal for one, _ in found.misplaced(20.0)] == [3, 4]
    for one, container in wrong:
        found.place(one, container)
    assert [one.container for one in found.fallen] == ["A", "B", "B", None]
    assert found.misplaced(ALWAYS) == []


def test_a_drop_that_is_older_than_the_memory_stays_where_it_is() -> None:
    found = there((10.0, "A"))
    found.dropped(11.0)
    for number in range(STANDS_KEPT + 1):
        found.put(f"B{number}", 100.0 + number)
    assert found.misplaced(100.0) == []
    assert found.fallen[0].container == "A"


@pytest.mark.parametrize(
    ("before", "after", "inside"), [("A", "B", 6), ("B", "A", 4), ("A", None, 5), (None, "A", 5), ("B", None, 4)]
)
def test_who_is_placed_elsewhere_is_counted_once(before: str | None, after: str | None, inside: int) -> None:
    found = there((10.0, "A"), (20.0, "B"))
    found.inside = 5
    one = Fallen("T1", 1, 15.0, before)
    found.place(one, after)
    assert (found.inside, one.container) == (inside, after)


def test_never_less_than_nothing_is_inside() -> None:
    found = there((10.0, "A"), (20.0, "B"))
    found.place(Fallen("T1", 1, 15.0, "B"), "A")
    assert found.inside == 0


@pytest.mark.parametrize(("container", "inside", "left"), [("B", 2, 1), ("A", 2, 2), ("B", 0, 0), ("B", 1, 0)])
def test_what_is_taken_out_is_no_drop_any_more(container: str, inside: int, left: int) -> None:
    found = there((10.0, "A"), (20.0, "B"))
    for at in (12.0, 22.0, 23.0):
        found.dropped(at)
    for one, travel in zip(found.fallen, ("T1", "T2", "T1"), strict=True):
        one.travel = travel
    found.inside = inside
    found.taken_out("T1", container)
    assert ([one.travel for one in found.fallen], found.inside) == (["T2"], left)


# --- kept -------------------------------------------------------------------------------------------------------------


def whole() -> LaneState:
    found = there((10.0, "A"), (20.0, None), (30.0, "B"))
    found.state, found.closed_by, found.locked, found.container_closed = "HALF", "anna", True, True
    found.dropped(12.0)
    found.dropped(33.0)
    found.on_way = 4
    return found


def again(found: LaneState, same_boot: bool) -> LaneState:
    back = LaneState(found.id, found.config)
    back.restore(json.loads(json.dumps(found.kept(), allow_nan=False)), same_boot=same_boot)
    return back


def test_all_of_it_comes_back() -> None:
    found = whole()
    back = again(found, same_boot=True)
    assert back.on_way == 0, "that follows from the travels"
    back.on_way = found.on_way
    assert back == found


def test_after_a_reboot_only_what_stands_there_counts() -> None:
    back = again(whole(), same_boot=False)
    assert back.stands == [(ALWAYS, "B")]
    assert list(back.fallen) == []
    assert (back.state, back.closed_by, back.locked, back.container_closed) == ("HALF", "anna", True, True)
    assert (back.inside, back.drops) == (1, 2)


def test_a_lane_without_containers_is_kept_in_few_words() -> None:
    found = lane()
    found.dropped(NOW)
    assert "fallen" not in found.kept()
    assert "stands" not in found.kept()
    assert again(found, same_boot=True).drops == 1


@pytest.mark.parametrize("config", [{"rate_per_min": 5}, {"needs_container": True}])
def test_what_is_counted_is_kept(config: dict[str, Any]) -> None:
    found = lane(**config)
    found.dropped(NOW)
    assert again(found, same_boot=True).fallen == found.fallen


def test_what_an_older_version_kept_is_read() -> None:
    found = lane()
    found.restore({"state": "FULL", "inside": 2, "drops": 7, "container": None}, same_boot=True)
    assert (found.state, found.inside, found.drops, found.container) == ("FULL", 2, 7, None)
    assert found.refuses(NOW) == "FULL"
