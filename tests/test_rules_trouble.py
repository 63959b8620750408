"""What floord says of elements that are not well, and of what goes wrong too often at one place."""

from __future__ import annotations

import pytest

from controller.events import Alarm
from controller.frequent import LAST, TOO_OFTEN, WELL
from devices import types as said
from tests.floor_fixture import EPOCH, Bench, advice, ready, ride


def alarms(bench: Bench) -> list[tuple[str, str]]:
    return [
        (event.name.removeprefix("alarm/"), event.data.alarm) for event in bench.events if isinstance(event.data, Alarm)
    ]


@pytest.mark.parametrize(("state", "words"), [("JAM", "is jammed"), ("FALT", "has a fault")])
@pytest.mark.parametrize(("element", "hint"), [("S1-DEC", "; look at its eye"), ("DRIVE-1", "")])
def test_an_element_that_is_not_well_is_an_alarm_until_it_is(state: str, words: str, element: str, hint: str) -> None:
    bench = ready()
    for _ in range(2):  # a PLC says it again in a synchronisation
        bench.stat(element, state)
    name = f"element-S1-{element}"
    assert alarms(bench) == [("raised", name)]
    assert bench.floor.standing[name].startswith(f'line S1: {element} {words}, code "0"{hint}')
    bench.stat(element, "RUN")
    assert alarms(bench)[1:] == [("cleared", name)]
    assert bench.floor.standing == {}


@pytest.mark.parametrize(
    ("element", "state"), [("DRIVE-1", "MAIN"), ("S1-IND", "STOP"), ("DRIVE-7", "JAM"), ("DOCK", "JAM")]
)
def test_what_is_no_trouble_or_not_of_this_line_is_none(element: str, state: str) -> None:
    bench = ready()
    bench.stat(element, state)
    assert alarms(bench) == []


def test_a_plc_that_began_anew_says_anew_what_is_not_well() -> None:
    bench = ready()
    bench.stat("S1-DEC", "JAM")
    bench.session(epoch=EPOCH + 1, new=True)
    assert alarms(bench) == [("raised", "element-S1-S1-DEC"), ("cleared", "element-S1-S1-DEC")]


def passes(bench: Bench, track: int, *, seen: bool) -> None:
    """An item goes by, seen at the decision point or not."""
    if seen:
        ride(bench, track)
    else:
        bench.indu(track)
        bench.after(2000)
    bench.after(12_000)
    bench.divc(track, "S1-EX", decision=0, result="NA", wanted=None)


def test_items_that_no_eye_saw_are_an_alarm_until_the_eye_sees_again() -> None:
    bench = ready(parcels=(advice(),))
    for track in range(1, TOO_OFTEN + 1):
        assert alarms(bench) == []
        passes(bench, track, seen=False)
    assert alarms(bench) == [("raised", "unseen-S1")]
    assert f"{TOO_OFTEN} of the last {TOO_OFTEN}" in bench.floor.standing["unseen-S1"]
    for track in range(100, 100 + LAST - WELL):
        assert "unseen-S1" in bench.floor.standing
        passes(bench, track, seen=True)
    assert [one for one in alarms(bench) if one[1] == "unseen-S1"] == [
        ("raised", "unseen-S1"),
        ("cleared", "unseen-S1"),
    ]


def test_some_no_reads_are_no_alarm_and_half_of_all_are() -> None:
    bench = ready()
    for number in range(4 * LAST):
        bench.after(2000)
        bench.read(None if number % 4 == 0 else f"C{number}")
    assert alarms(bench) == []
    for number in range(LAST):
        bench.after(2000)
        bench.read(None if number % 2 == 0 else f"D{number}")
    assert alarms(bench) == [("raised", "no-read-tunnel-1")]


def test_what_a_plc_finds_again_that_had_forgotten_all_is_no_trouble() -> None:
    bench = ready()
    for track in range(1, TOO_OFTEN):
        bench.after(500)
        bench.indu(track)
    bench.session(epoch=EPOCH + 1, new=True)
    for track in range(1, 2 * TOO_OFTEN - 1):
        assert alarms(bench) == []
        bench.after(500)
        bench.plc(said.Ghost("S1-DEC", track, 0, 0, None, bench.now, bench.now))
    assert alarms(bench) == []
    bench.plc(said.Ghost("S1-DEC", 99, 0, 0, None, bench.now, bench.now))
    assert alarms(bench) == [("raised", "ghosts-S1")]


def test_lost_items_and_ghosts_are_counted_for_themselves() -> None:
    bench = ready()
    for track in range(1, TOO_OFTEN + 1):
        bench.after(1000)
        bench.plc(said.Ghost("S1-DEC", track, 0, 0, None, bench.now, bench.now))
    assert alarms(bench) == [("raised", "ghosts-S1")]
    for track in range(1, TOO_OFTEN + 1):
        bench.plc(said.TrackLost(track, "S1-DEC", 0, 0, bench.now, bench.now))
    assert alarms(bench)[1:] == [("raised", "lost-S1")]
    for track in range(50, 50 + LAST):
        bench.indu(track)
    assert ("cleared", "ghosts-S1") in alarms(bench)
    assert "lost-S1" in bench.floor.standing
