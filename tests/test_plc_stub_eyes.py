"""A PLC whose eye sees something for too long: when it is a jam, what it says, and when that is over."""

from __future__ import annotations

import math

import pytest

from firmware_stubs.plcs._jams import Jams
from firmware_stubs.plcs.telegram import Geometry, Plc, Settings

JAM_MS = 3000.0


def plc(jam_ms: float = JAM_MS) -> Plc:
    geometry = Geometry(
        points={"IND": 0, "DEC": 2000},
        inductions=("IND",),
        decisions=("DEC",),
        lanes={"L1": 5000, "EX": 9000},
        default_lane="EX",
        speed_mm_s=2000,
        length_mm=10_000,
    )
    return Plc(Settings(plc="PL01", controller="HUB", jam_ms=jam_ms), geometry, 1, 0.0)


def states(one: Plc, now: float) -> tuple[str, str, bool]:
    one.tick(now)
    return one.elements.state("DEC"), one.elements.state("LINE"), one.stop_wanted


def test_an_eye_that_is_covered_for_too_long_stops_the_line_until_a_hand_starts_it() -> None:
    one = plc()
    one.eye("DEC", True, 1000.0)
    assert one.next_at() == 4000.0
    assert states(one, 3999.0) == ("RUN", "RUN", False)
    assert states(one, 4000.0) == ("JAM", "JAM", True)
    one.belt_speed(0, 4000.0)
    one.eye("DEC", False, 9000.0)
    assert states(one, 9000.0) == ("RUN", "JAM", True)
    one.belt_speed(2000, 9500.0)
    assert states(one, 60_000.0) == ("RUN", "RUN", False)
    told = [(event.values["element"], event.values["state"]) for event in one.buffer.waiting if event.type == "STAT"]
    assert told == [("DEC", "JAM"), ("LINE", "JAM"), ("DEC", "RUN"), ("LINE", "RUN")]


def test_a_belt_that_is_started_under_a_covered_eye_jams_again() -> None:
    one = plc()
    one.eye("DEC", True, 0.0)
    one.tick(3000.0)
    one.belt_speed(0, 3000.0)
    one.belt_speed(2000, 10_000.0)
    assert states(one, 12_999.0) == ("JAM", "RUN", False)
    assert states(one, 13_000.0) == ("JAM", "JAM", True)


def test_who_stands_before_an_eye_blocks_nothing_and_the_clock_begins_with_the_belt() -> None:
    one = plc()
    one.eye("DEC", True, 0.0)
    one.belt_speed(0, 2000.0)
    assert states(one, 60_000.0) == ("RUN", "STOP", False)
    one.belt_speed(2000, 60_000.0)
    assert states(one, 62_999.0) == ("RUN", "RUN", False)
    assert states(one, 63_000.0) == ("JAM", "JAM", True)


def test_an_eye_that_is_free_in_time_is_none() -> None:
    one = plc(500.0)
    one.eye("DEC", True, 0.0)
    one.eye("DEC", False, 499.0)
    assert states(one, 60_000.0) == ("RUN", "RUN", False)
    with pytest.raises(ValueError, match="point 'X' is not on this line"):
        one.eye("X", True, 60_000.0)
    with pytest.raises(ValueError, match="jam_ms"):
        plc(0.0)


def test_each_eye_has_a_clock_of_its_own() -> None:
    jams = Jams(JAM_MS)
    assert jams.next_at() == math.inf
    jams.cover("A", 0.0)
    jams.cover("B", 1000.0)
    jams.cover("A", 2000.0)  # it is already
    assert (jams.next_at(), jams.overdue(2999.0)) == (3000.0, [])
    assert jams.overdue(4000.0) == ["A", "B"]
    assert jams.overdue(60_000.0) == []
