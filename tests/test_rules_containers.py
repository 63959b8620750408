"""A container by itself: what it is, what is in it, when it is forgotten, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from controller.config import Lane
from controller.containers import CONTAINER, GONE_KEPT, MEMBERS_KEPT, Container, container_id, restore, surplus
from controller.drops import DROPS_KEPT, Drop
from controller.lanes import LaneState


def box(name: str = "B1", **more: Any) -> Container:
    return Container(name, "L01", **more)


@pytest.mark.parametrize(
    ("closed", "gone", "state"),
    [(False, False, "open"), (True, False, "closed"), (False, True, "gone"), (True, True, "gone")],
)
def test_its_state_in_one_word(closed: bool, gone: bool, state: str) -> None:
    assert box(closed=closed, gone=gone).state == state


@pytest.mark.parametrize(
    ("known", "told", "nothing_new"),
    [(0, 0, False), (0, 1, False), (2, 1, True), (2, 2, True), (2, 3, False), (1, 1, True)],
)
def test_what_a_record_says_anew(known: int, told: int, nothing_new: bool) -> None:
    assert box(version=known).knows(told) is nothing_new


@pytest.mark.parametrize(
    ("closed", "at", "when", "before"),
    [
        (True, 10.0, 10.1, True),
        (True, 10.0, 10.0, False),
        (True, 10.0, 9.0, False),
        (True, None, 9.0, True),
        (False, None, 9.0, False),
    ],
)
def test_whether_it_was_closed_when_something_fell(closed: bool, at: float | None, when: float, before: bool) -> None:
    assert box(closed=closed, closed_at=at).closed_before(when) is before


def test_what_is_in_it() -> None:
    one = box()
    one.add("T1", 4, findable=True)
    one.add("T2", 5, findable=False)
    assert (one.count, one.members) == (2, {"T1": 4})
    one.take_out("T1")
    assert (one.count, one.members) == (1, {})
    one.take_out("T2")
    assert (one.count, one.members) == (0, {})
    one.take_out("T3")
    assert one.count == 0


def test_the_oldest_member_of_too_many_is_forgotten() -> None:
    one = box(members={f"T{number}": number for number in range(MEMBERS_KEPT - 1)}, count=MEMBERS_KEPT - 1)
    one.add("NEXT", 1, findable=True)
    assert (len(one.members), "T0" in one.members) == (MEMBERS_KEPT, True)
    one.add("MORE", 2, findable=True)
    assert (len(one.members), "T0" in one.members, one.count) == (MEMBERS_KEPT, False, MEMBERS_KEPT + 1)


def test_used_again_it_holds_only_what_was_recalled_and_not_found() -> None:
    one = box(count=5, closed=True, closed_at=3.0, late=2, seen=True, over="B0", version=7, members={"T1": 1, "T2": 2})
    one.anew(["T2", "T9"])
    assert one == box(count=1, version=7, members={"T2": 2})


@pytest.mark.parametrize("text", ["B1", "A.b_c-9", "x" * 64])
def test_what_can_be_an_id_is_one(text: str) -> None:
    assert container_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "ä", "B1\n", "\udc80"])
def test_what_cannot_becomes_a_digest(text: str) -> None:
    found = container_id(text)
    assert (found[:2], len(found)) == ("x-", 26)
    assert container_id(found) == found
    assert container_id(text + "?") != found


def many(*boxes: Container) -> dict[str, Container]:
    return {one.id: one for one in boxes}


def test_those_that_left_first_are_forgotten() -> None:
    left = [box(f"B{number}", gone=True) for number in range(GONE_KEPT)]
    assert surplus(many(box("HERE"), *left)) == []
    assert surplus(many(box("HERE"), *left, box("LAST", gone=True), box("TOO"))) == ["B0"]
    assert surplus(many(*left, box("X", gone=True), box("Y", gone=True))) == ["B0", "B1"]


def test_their_members_are_bounded_too() -> None:
    half = {f"T{number}": number for number in range(DROPS_KEPT // 2)}
    full = [box("B1", gone=True, members=half), box("HERE", members=half), box("B2", gone=True, members=half)]
    assert surplus(many(*full)) == []
    assert surplus(many(*full, box("B3", gone=True, members={"T": 1}))) == ["B1"]


def drop(travel: str, container: str | None, **more: Any) -> Drop:
    return Drop("P", travel, "V", "S1", "L01", 3, None, (), container, **more)


@pytest.mark.parametrize("same_boot", [True, False])
def test_they_come_back_with_their_members(same_boot: bool) -> None:
    lanes = {name: LaneState(name, Lane(line="S1", position_mm=1)) for name in ("L01", "L02")}
    lanes["L01"].put("B1", 5.0)
    lanes["L02"].put("B2", 5.0)
    before = [box("B1", closed=True, closed_at=9.0, count=2, members={"OLD": 1}), box("B2"), box("B3", gone=True)]
    drops = [drop("T1", "B1"), drop("T2", "B1", emptied=True), drop("T3", None), drop("T4", "B3"), drop("T5", "LOST")]
    found = restore([CONTAINER.dump_json(one) for one in before], drops, lanes, same_boot=same_boot)
    assert found == many(
        box("B1", closed=True, closed_at=9.0 if same_boot else None, count=2, members={"T1": 3}),
        box("B2", gone=True),  # it stands elsewhere than where it was
        box("B3", gone=True, members={"T4": 3}),
    )


def test_what_an_older_journal_does_not_say() -> None:
    assert CONTAINER.validate_python({"id": "B1", "lane": "L01"}) == box()
    assert (box().count, box().late, box().version, box().closed, box().gone, box().seen) == (
        0,
        0,
        0,
        False,
        False,
        False,
    )
    assert (drop("T1", None).recalled, drop("T1", None).emptied) == (False, False)
