"""P7, P8: what fails stays where it fails, is told, and comes back by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller import crashes, poison
from controller.poison import NOTED, WITHIN_MS, Crash
from devices.types import Condition, Garbled, Hand, Message, NoRead, Passage, Read, Sized
from tests.floor_fixture import DOCK, PLC, TUNNEL
from tests.hub import MemoryJournal
from tests.test_node import Daemon, arrv, indu

METHODS = ("feed", "tick", "take", "opened", "closed", "confirm", "send", "next_at")


class Planted(RuntimeError):
    pass


def plant(hub: Daemon, device: str, method: str) -> None:
    """The driver of a device raises when this is called next."""

    def fails(*arguments: Any) -> Any:
        raise Planted(f"in {method}")

    fails.__name__ = method
    setattr(hub.node.drivers[device], method, fails)


def provoke(hub: Daemon, method: str) -> None:
    """Let all happen at which a PLC's driver is called."""
    if method in ("closed", "opened"):
        hub.node.link_down(PLC, hub.now, "unplugged")
    if method == "opened":
        hub.node.link_up(PLC, hub.now)
    if method in ("feed", "take", "confirm", "next_at"):
        hub.event("INDU", indu(7))
    if method == "send":
        hub.event("INDU", indu(7))
        hub.event("ARRV", arrv(7))
    if method == "confirm":
        hub.commit()
    if method == "tick":
        hub.now += 5000
        hub.node.tick(hub.now)
    hub.take()
    hub.node.next_at()


@pytest.mark.parametrize("method", METHODS)
def test_a_driver_that_raises_is_made_anew_and_the_others_work_on(method: str) -> None:
    hub = Daemon().up()
    before = hub.node.drivers[PLC]
    frames = before.counters.frames
    plant(hub, PLC, method)
    provoke(hub, method)
    (failure,) = hub.node.failures()
    assert (failure.port, failure.device) == (PLC, PLC)
    assert failure.why == f"its driver failed in {method}: Planted: in {method}"
    assert "Planted" in failure.stack
    assert "fails" in failure.stack
    assert hub.node.drivers[PLC] is not before
    counters = hub.node.drivers[PLC].counters
    assert counters.frames >= frames > 0
    assert counters.noted["driver failed"] == 1
    assert hub.node.next_at() == 0.0, "the floor is told at once"
    hub.node.tick(hub.now)
    assert not hub.node.floor.lines["S1"].in_session
    hub.node.link_down(PLC, hub.now, failure.why)
    hub.commit()
    raised = [event["data"]["alarm"] for event in hub.events("alarm/raised")]
    assert raised == [f"driver-{PLC}"]
    hub.node.link_up(DOCK, hub.now)
    hub.node.received(DOCK, b"\x02RB123456785GB\x03", hub.now)
    hub.commit()
    assert len(hub.events("parcel/read")) == 1, "the others work on"
    hub.node.link_up(PLC, hub.now)
    hub.begin()
    hub.synchronised()
    assert hub.node.floor.lines["S1"].synchronised, "it comes back by itself"
    assert hub.event("INDU", indu(8)), "and is answered"
    hub.now += 60_001
    hub.node.tick(hub.now)
    hub.commit()
    assert [event["data"]["alarm"] for event in hub.events("alarm/cleared")] == [f"driver-{PLC}"]
    assert not hub.node.standing


def test_what_a_driver_said_of_its_machine_does_not_outlive_it() -> None:
    hub = Daemon().up()
    ill = [Condition(False, "silent", b"", hub.now), Condition(False, "dark", b"", hub.now, part="light")]
    hub.node._items(TUNNEL, ill, hub.now)
    assert "device-tunnel-1" in hub.node.floor.alarms
    plant(hub, TUNNEL, "feed")
    hub.node.received(TUNNEL, b"x", hub.now)
    hub.node.tick(hub.now)
    assert "device-tunnel-1" not in hub.node.floor.alarms
    assert hub.node.floor.unwell[TUNNEL] == {}
    hub.node.link_down(TUNNEL, hub.now, "hung up")
    assert not hub.node.floor.readers[TUNNEL][1].up
    hub.commit()
    assert [event["data"]["alarm"] for event in hub.events("alarm/cleared")] == ["device-tunnel-1"]
    assert len(hub.events("device/recovered")) == 2


def test_it_hears_nothing_until_its_port_was_opened_again() -> None:
    hub = Daemon().up()
    plant(hub, TUNNEL, "feed")
    hub.read("A1")
    hub.read("A2")
    assert hub.node.drivers[TUNNEL].counters.frames == 0
    (failure,) = hub.node.failures()
    assert failure.last == b"\x02A1\x03".hex(" ")
    hub.node.link_down(TUNNEL, hub.now, failure.why)
    hub.node.link_up(TUNNEL, hub.now)
    hub.read("A3")
    assert hub.node.drivers[TUNNEL].counters.frames == 1


BUS = """
kind = "modbus"
link = "serial:///dev/none?baud=19200"
line = "{line}"
unit = {unit}
numbers = {{ {line}-IND = 10, {line}-DEC = 12, {line}-EX = 199{more} }}
"""
MORE = ", DRIVE-1 = 20, S1-T1 = 11, S1-L01 = 101, S1-L02 = 102, S1-L03 = 103, S1-L04 = 104, S1-BOND = 105"
SECOND = """
[line.S2]
kind = "line"
speed_mm_s = 1000
length_mm = 4000
default_lane = "S2-EX"
[point.S2-IND]
line = "S2"
position_mm = 0
induction = true
[point.S2-DEC]
line = "S2"
position_mm = 1000
decision = true
[lane.S2-EX]
line = "S2"
position_mm = 3000
roles = ["exception", "overflow"]
supervised = true
[plc.plc-2]
"""


def test_on_a_bus_all_drivers_of_the_port_are_made_anew() -> None:
    plc = 'kind = "telegram"\nlink = "tcp://127.0.0.1:2000"\nline = "S1"'
    first, second = BUS.format(line="S1", unit=1, more=MORE), SECOND + BUS.format(line="S2", unit=2, more="")
    hub = Daemon(f"{plc} => {first}", f"[scanner.dock-1] => {second}[scanner.dock-1]")
    (port,) = [port for port, names in hub.node.ports.items() if len(names) == 2]
    hub.node.link_up(port, hub.now)
    hub.now += 1000
    hub.node.tick(hub.now)
    assert hub.node.take(port), "the master asks"
    before = dict(hub.node.drivers)
    plant(hub, "plc-2", "feed")
    hub.node.received(port, b"\x01\x03\x00", hub.now)
    (failure,) = hub.node.failures()
    assert (failure.port, failure.device) == (port, "plc-2")
    changed = {name for name, driver in hub.node.drivers.items() if driver is not before[name]}
    assert changed == {PLC, "plc-2"}
    hub.node.link_down(port, hub.now, failure.why)
    hub.node.link_up(port, hub.now)
    hub.now += 1000
    hub.node.tick(hub.now)
    assert hub.node.take(port), "they are joined anew, and the master asks again"
    assert list(hub.node.standing) == ["driver-plc-2"]


def test_the_last_bytes_are_bounded() -> None:
    hub = Daemon().up()
    plant(hub, TUNNEL, "feed")
    hub.node.received(TUNNEL, b"x" * 100_000, hub.now)
    assert len(hub.node.failures()[0].last) < 1000
    plant(hub, PLC, "feed")
    hub.node.received(PLC, Message("plc/up", b"\xff\x00"), hub.now)
    assert hub.node.failures()[0].last == b"plc/up \xff\x00".hex(" ")


def test_a_command_that_nobody_will_answer_is_given_up() -> None:
    hub = Daemon().up()
    hub.event("INDU", indu(7))
    hub.event("ARRV", arrv(7))
    assert hub.node._refs, "a destination waits for its answer"
    plant(hub, PLC, "feed")
    hub.request("LIFE")
    hub.node.tick(hub.now)
    assert not hub.node._refs
    travel = next(travel for _, travel in hub.node.floor.travels())
    assert travel.id, "what was heard stays valid"


def test_a_driver_made_anew_calls_nothing_durable_that_is_not() -> None:
    """It is opened only when the disk has all that was heard; till then the PLC gets no answer."""
    hub = Daemon().up()
    hub.event("INDU", indu(7))
    batch = hub.on_its_way()
    plant(hub, PLC, "feed")
    hub.request("LIFE")
    why = hub.node.failures()[0].why
    hub.node.link_down(PLC, hub.now, why)
    hub.node.link_up(PLC, hub.now)
    assert hub.take() == [], "it would have told the PLC that event 1 is durable"
    hub.durable(batch)
    hub.begin()
    hub.synchronised()
    assert hub.node.channels[PLC] == (hub.epoch, hub.evt)
    answers = hub.event("INDU", indu(8))
    assert answers, "the next event is the next"
    assert not hub.node.drivers[PLC].counters.noted.get("jump")
    hub.commit()
    assert len(hub.events("parcel/inducted")) == 2


def test_an_alarm_of_the_daemon_stands_once_and_is_closed_by_a_restart() -> None:
    hub = Daemon()
    for what in ("a", "b", None, None):
        hub.node.alarm("fault-uplink", what, hub.now)
    hub.node.alarm("fault-control", "c", hub.now)
    hub.commit()
    alarms = [event for event in hub.events() if event["type"].startswith("hubfloor.alarm.")]
    told = [(event["type"].split(".")[2], event["data"]["alarm"], event["data"]["what"]) for event in alarms]
    assert told == [("raised", "fault-uplink", "a"), ("cleared", "fault-uplink", "a"), ("raised", "fault-control", "c")]
    again = Daemon(journal=hub.journal)
    again.commit()
    assert [event["data"]["alarm"] for event in again.events("alarm/cleared")][-1] == "fault-control"


# --- what ends us, again and again ------------------------------------------------------------------------------------


def suspected(hub: Daemon, journal: MemoryJournal | None = None) -> Daemon:
    """The next start, after the input at work has ended it twice."""
    assert hub.node.poison.at_work is not None
    about, what = hub.node.poison.at_work
    ends = [Crash(1000 * number, about, poison.mark(about, what), "Planted") for number in (1, 2)]
    again = Daemon(journal=journal or hub.journal)
    again.node.poison.marks = poison.suspects(ends, 60_000)
    return again


def test_what_a_reader_says_again_after_others_have_spoken_is_known_again() -> None:
    hand = Hand("load", "D4", "op-7", "s1")
    said: list[Read | NoRead | Garbled | Sized | Passage] = [
        Read("CP1", b"CP1", 1.0, token=(7, 99), hand=hand),
        NoRead(b"NR", 1.0, token=(7, 99)),
        Garbled(b"?", "wrong checksum", 1.0, token=(7, 99)),
        Sized((), b"x", 1.0, token=(7, 99)),
        Passage("CP1", "30AB", "DOOR", "in", 10.0, 20.0, 3, b"x", 1.0, token=(7, 99)),
    ]
    for item in said:
        later = replace(item, at=2.0, token=(8, 99))
        if isinstance(later, Passage):
            later = replace(later, first=11.0, last=19.5)
        assert poison.mark("dock", item) == poison.mark("dock", later)
        assert poison.mark("dock", item) != poison.mark("dock", replace(item, raw=b"another"))
    asked, again = (Read("CP1", b"CP1", 1.0, hand=replace(hand, ref=ref)) for ref in ("s1", "s2"))
    assert poison.mark("dock", asked) != poison.mark("dock", again)


def test_an_event_that_ended_us_twice_is_dropped_and_the_plc_told_durable() -> None:
    hub = Daemon().up()
    hub.event("INDU", indu(7, age=100))
    again = suspected(hub)
    again.epoch, again.evt = hub.epoch, 0
    again.up()
    again.now += 777
    again.event("INDU", indu(7, age=877))
    assert not again.node.floor.travels()
    ((about, text),) = again.node.poison.dropped
    assert about == PLC
    assert "Inducted" in text
    assert "track=7" in text
    again.commit()
    (alarm,) = [event["data"] for event in again.events("alarm/raised")]
    assert (alarm["alarm"], alarm["priority"]) == ("poison", "critical")
    assert again.node.channels[PLC] == (again.epoch, 1), "it is durable, and not sent again"
    again.event("INDU", indu(8))
    assert [travel.track for _, travel in again.node.floor.travels()] == [8], "the next one is taken"


def test_a_message_that_ended_us_twice_is_dropped_and_acknowledged_after_the_commit() -> None:
    hub = Daemon().up()
    hub.say("advice", b"{poison")
    again = suspected(hub).up()
    before = again.node.acks()
    token = again.say("advice", b"{poison")
    assert again.node.poison.dropped == [("hub/v1/lgg/advice", b"{poison".hex(" "))]
    assert again.node.acks() == [], "not before the alarm is recorded"
    again.commit()
    assert again.node.acks() == [token]
    assert token not in before
    assert again.node.errors == {}, "it was not looked at"


def test_what_is_suspect() -> None:
    def ends(*moments: int, mark: str = "m") -> list[Crash]:
        return [Crash(moment, PLC, mark, "") for moment in moments]

    assert poison.suspects(ends(1, 2), 2) == {"m"}
    assert poison.suspects(ends(1), 2) == frozenset()
    assert poison.suspects(ends(1, 2, mark=""), 2) == frozenset(), "no input was at work"
    assert poison.suspects(ends(1, WITHIN_MS), WITHIN_MS + 2) == frozenset()
    assert poison.suspects([*ends(1), *ends(2, mark="n")], 3) == frozenset()


def test_the_notes_of_crashes_are_few_and_damage_is_left_out(tmp_path: Any) -> None:
    path = tmp_path / "crashes"
    assert crashes.read(path) == []
    for number in range(NOTED + 5):
        crashes.note(path, Crash(number, "a\n", "m", "w"))
    assert [crash.utc_ms for crash in crashes.read(path)] == list(range(5, NOTED + 5))
    with path.open("ab") as file:
        file.write(b'{"utc_ms": 1}\n[]\n\xff' + b"[" * 100_000 + b"\n")
    assert len(crashes.read(path)) < NOTED
