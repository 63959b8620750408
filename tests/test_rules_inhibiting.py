"""When a line is asked to take nothing more, to take items again, and to stop."""

from __future__ import annotations

import pytest

from controller import inhibiting
from controller.effects import Emit, Keep, Send
from controller.inhibiting import INDUCTION
from controller.line import LineState
from controller.travel import Travel
from devices.types import Request
from tests.floor_fixture import Bench, ready
from tests.test_loops import LOOP

NOW = 200_000.0


def bench(most: int = 0) -> tuple[Bench, LineState]:
    made = ready(*((LOOP, f"margin_ms = 50 => margin_ms = 50\nload_max = {most}") if most else ()))
    made.floor.effects.clear()
    return made, made.floor.lines["S1"]


def block(made: Bench, *lanes: str) -> None:
    """These supervised lanes take nothing, the others do."""
    for name in ("BOND", "EX"):
        made.floor.lanes[f"S1-{name}"].locked = name in lanes


def done(made: Bench) -> list[str]:
    """What was asked of the PLC, told to the world, or kept, in order."""
    found = []
    for effect in made.floor.effects:
        match effect:
            case Send("S1", Request("LINE", command, _), None, (travel, wish)):
                assert travel == INDUCTION
                found.append(f"{command} {wish}")
            case Emit(_, name, "line/S1", _, data):
                assert data.model_dump(exclude_none=True) == {"line": "S1", "element": "LINE", "state": "INHB"}
                found.append(name)
            case Keep("line", "S1"):
                found.append("kept")
    made.floor.effects.clear()
    return found


def inhibit(made: Bench, line: LineState) -> list[str]:
    inhibiting.inhibit(made.floor, line, NOW)
    return done(made)


def answered(made: Bench, line: LineState, wish: int, refusal: str | None = None) -> list[str]:
    inhibiting.answered(made.floor, line, wish, refusal, NOW)
    return done(made)


def test_only_when_no_supervised_lane_is_left() -> None:
    made, line = bench()
    for blocked in ((), ("BOND",), ("EX",)):
        block(made, *blocked)
        assert (inhibit(made, line), line.inhibited) == ([], False)
    block(made, "BOND", "EX")
    assert (inhibit(made, line), line.inhibited) == (["kept", "line/inhibited", "INHB 1"], True)
    made.floor.supervised_of.clear()
    line.asking, line.told = False, True
    assert inhibit(made, line) == [], "a line without lanes has none"


def test_asked_once_and_asked_again_until_it_is_taken() -> None:
    made, line = bench()
    block(made, "BOND", "EX")
    inhibit(made, line)
    assert (line.asking, line.told) == (True, None)
    assert inhibit(made, line) == [], "it is being asked"
    assert answered(made, line, 1, "MODE") == ["kept"]
    assert (line.asking, line.told) == (False, None)
    assert inhibit(made, line) == ["INHB 1"]
    assert answered(made, line, 1) == ["kept"]
    assert (line.asking, line.told) == (False, True)
    assert inhibit(made, line) == []
    block(made)
    assert inhibit(made, line) == ["kept", "ENAB 0"]
    assert answered(made, line, 0) == ["kept"]
    assert (line.inhibited, line.told, line.asking) == (False, False, False)


def test_what_changed_meanwhile_is_asked_at_once() -> None:
    made, line = bench()
    block(made, "BOND", "EX")
    inhibit(made, line)
    block(made)
    assert inhibit(made, line) == ["kept"], "one question at a time"
    assert answered(made, line, 1) == ["kept", "ENAB 0"]


def test_without_a_session_nothing_is_asked() -> None:
    made, line = bench()
    line.in_session = False
    block(made, "BOND", "EX")
    assert inhibit(made, line) == ["kept", "line/inhibited"]
    line.in_session = True
    assert inhibit(made, line) == ["INHB 1"]


@pytest.mark.parametrize(
    ("most", "inhibited", "items", "wish"),
    [
        (20, False, 19, False),
        (20, False, 20, True),
        (20, True, 18, True),
        (20, True, 17, False),
        (0, False, 90, False),
        (0, True, 90, False),
        (0, True, 0, False),
    ],
)
def test_a_loop_that_carries_enough(most: int, inhibited: bool, items: int, wish: bool) -> None:
    made, line = bench(most)
    line.inhibited = inhibited
    for track in range(items):
        line.add(Travel(f"T{track}", "S1", 7, track, "V"))
    inhibit(made, line)
    assert line.inhibited is wish


def test_who_can_enter_no_lane_asks_to_stop_and_the_alarm_is_raised_once() -> None:
    made, line = bench()
    one = Travel("T1", "S1", 7, 1, "V")

    def stop() -> tuple[list[Send], list[Emit]]:
        made.floor.effects.clear()
        inhibiting.stop(made.floor, line, one, NOW)
        return (
            [effect for effect in made.floor.effects if isinstance(effect, Send)],
            [effect for effect in made.floor.effects if isinstance(effect, Emit)],
        )

    line.in_session = False
    assert (stop(), line.stopping) == (([], []), False)
    line.in_session = True
    made.floor.sequence = 123_456_789
    asked, (alarm,) = stop()
    assert asked == [Send("S1", Request("LINE", "STOP", "23456789"), NOW + 1000)]
    assert (alarm.name, alarm.subject, alarm.at) == ("alarm/raised", "alarm/no-lane-S1", NOW)
    assert alarm.data.model_dump()["what"] == "line S1 is asked to stop: no lane is free that T1 may enter"
    assert alarm.data.model_dump()["priority"] == "critical"
    one.parcel = "P1"
    asked, alarms = stop()
    assert ([send.command for send in asked], alarms) == ([Request("LINE", "STOP", "23456790")], [])
    line.stopping = False  # it ran again
    _, (alarm,) = stop()
    assert alarm.data.model_dump()["what"].endswith("that P1 may enter")


@pytest.mark.parametrize(
    ("state", "asks"),
    [("RUN", True), ("SLOW", True), ("FREE", True), ("STOP", False), ("ESTP", False), ("FALT", False)],
)
def test_who_stands_is_not_asked_to_stop(state: str, asks: bool) -> None:
    made, line = bench()
    line.state = state
    inhibiting.stop(made.floor, line, Travel("T1", "S1", 7, 1, "V"), NOW)
    assert any(isinstance(effect, Send) for effect in made.floor.effects) is asks
