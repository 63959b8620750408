"""A parcel that lies in a lane, by itself: whether it has to be found, and whether it may leave."""

from __future__ import annotations

from typing import Any

import pytest

from controller.customs import Book
from controller.drops import Drop, held
from tests.floor_fixture import advice, record


def drop(**more: Any) -> Drop:
    return Drop("P1", "T1", "V1", "S1", "S1-L01", 1, 5.0, (), **more)


def book(status: str | None) -> Book:
    made = Book(60_000.0)
    if status is not None:
        made.take(record(status), 0.0)
    return made


def test_what_was_sorted_as_it_should_be_has_not_to_be_found() -> None:
    assert (drop().recalled, drop().unsure, drop().emptied, drop().container) == (False, False, False, None)


@pytest.mark.parametrize(("recalled", "unsure"), [(False, False), (True, False), (False, True), (True, True)])
def test_what_has_to_be_found(recalled: bool, unsure: bool) -> None:
    assert drop(recalled=recalled, unsure=unsure, emptied=True).stays is (recalled or unsure)


@pytest.mark.parametrize(
    ("status", "recalled", "unsure", "known", "why"),
    [
        ("release", False, False, True, None),
        ("hold", False, False, True, "hold"),
        (None, False, False, True, "hold"),
        ("seize", True, False, True, "seize"),
        ("release", True, False, True, "release"),  # it was recalled: nobody has found it yet
        ("release", False, True, True, "unknown"),
        ("release", False, False, False, "unknown"),
        ("seize", True, True, True, "unknown"),
    ],
)
def test_whether_it_may_leave(status: str | None, recalled: bool, unsure: bool, known: bool, why: str | None) -> None:
    other = advice("P2", customs="none", aliases=("P1",))  # a code of another parcel that is the same
    found = (other, advice()) if known else (other,)
    assert held(drop(recalled=recalled, unsure=unsure), book(status), lambda key: found if key == "P1" else ()) == why
