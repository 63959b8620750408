"""When the journal's disk is short of room: alarms before, and nothing is inducted until there is room again."""

from __future__ import annotations

import pytest

from controller.room import FULL, HELD, MB, SLOW, SPACE, WAITING, Disk, Room, scarce
from controller.sections import Journal
from tests.test_node import Daemon

PLENTY = 10_000 * MB
SETTINGS = Journal(warn_mb=1000, stop_mb=100)


def judged(room: Room, free: int | None, held: str | None = None, waiting: int = 0) -> tuple[bool, list[str]]:
    room.judge(Disk(free, held), waiting)
    return room.inhibit, sorted(room.alarms)


def test_first_an_alarm_then_nothing_is_inducted() -> None:
    room = Room(SETTINGS)
    assert judged(room, 1000 * MB) == (False, [])
    assert judged(room, 1000 * MB - 1) == (False, [SPACE])
    assert judged(room, 100 * MB) == (False, [SPACE])
    assert judged(room, 100 * MB - 1) == (True, [FULL, SPACE])
    assert "99 MB free, less than stop_mb (100 MB); nothing is inducted" in room.alarms[FULL]


def test_a_little_room_more_changes_nothing_yet() -> None:
    room = Room(SETTINGS)
    judged(room, 0)
    assert judged(room, 110 * MB - 1) == (True, [FULL, SPACE])
    assert judged(room, 110 * MB) == (False, [SPACE])
    assert judged(room, 1100 * MB - 1) == (False, [SPACE])
    assert judged(room, 1100 * MB) == (False, [])


def test_a_disk_that_takes_nothing() -> None:
    room = Room(SETTINGS)
    assert judged(room, PLENTY, "database or disk is full") == (True, [HELD])
    assert "disk is full" in room.alarms[HELD]
    assert judged(room, None) == (False, []), "nobody knows how much is free, and it takes again"


def test_who_wants_to_go_on_goes_on_as_long_as_memory_is_bounded() -> None:
    room = Room(SETTINGS.model_copy(update={"when_full": "continue"}))
    assert judged(room, 0, "full", WAITING - 1) == (False, [FULL, HELD, SPACE])
    assert judged(room, 0, "full", WAITING) == (True, [FULL, HELD, SLOW, SPACE])
    assert judged(room, PLENTY, None, WAITING - 1) == (True, [SLOW])
    assert judged(room, PLENTY, None, WAITING // 2) == (False, [])


def test_what_a_start_finds_is_said() -> None:
    assert scarce(100 * MB, SETTINGS) == scarce(None, SETTINGS) == ""
    assert scarce(20 * MB, SETTINGS) == (
        "state_dir has 20 MB free, and stop_mb is 100: nothing will be inducted; make room on its disk"
    )
    assert "it counts as full" in scarce(0, SETTINGS.model_copy(update={"when_full": "continue"}))


@pytest.mark.parametrize("held", [None, "attempt to write a readonly database"])
def test_the_node_inhibits_its_lines_and_says_why(held: str | None) -> None:
    hub = Daemon().up()
    hub.node.disk(Disk(0, held), hub.now)
    hub.node.disk(Disk(0, held), hub.now)
    inhibited = [hub.node.floor.lines["S1"].inhibited]
    hub.node.disk(Disk(PLENTY), hub.now)
    inhibited.append(hub.node.floor.lines["S1"].inhibited)
    assert inhibited == [True, False]
    hub.commit()
    said = [event for event in hub.events() if event["subject"].startswith("alarm/disk-")]
    names = [SPACE, FULL] + ([HELD] if held else [])
    assert [(event["type"].split(".")[2], event["subject"]) for event in said] == [
        (what, f"alarm/{name}") for what in ("raised", "cleared") for name in names
    ]
    assert all(event["data"]["what"] for event in said)
