"""The engine of faults: how one begins and ends, what is counted, who may see it, and what it refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from firmware_stubs.cables import Cables
from firmware_stubs.faults.engine import Engine
from firmware_stubs.faults.kind import FaultError
from firmware_stubs.faults.registry import FAULTS
from firmware_stubs.faults.scenario import Scenario, Step
from firmware_stubs.rides import Parcel
from tests.floor_bench import S1, Bench


class Medium:
    """What was done to the medium."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def unplug(self, stub: str) -> None:
        self.done.append(("unplug", stub))

    def plug(self, stub: str) -> None:
        self.done.append(("plug", stub))

    def flow(self, stub: str, stopped: bool) -> None:
        self.done.append(("flow", stub, stopped))


class Floor(Bench):
    """A bench with an engine: time goes on for both."""

    def __init__(self, seed: int = 1, heartbeat: str = "", **belt: Any) -> None:
        document = copy.deepcopy(S1)
        document["point"]["DESK"] = {}
        document["stub"]["gun"] = {"kind": "line", "link": "pty:///t/gun", "point": "DESK"}
        document["stub"]["tunnel-S1"] |= {"heartbeat": heartbeat} if heartbeat else {}
        super().__init__(document | ({"belt": {"S1": belt}} if belt else {}), seed=seed)
        self.medium = Medium()
        self.cables = Cables(self.world.stubs, seed=seed)
        self.engine = Engine(self.world, self.cables, self.medium, self.ledger.append, seed)

    def strike(self, fault: str, target: str, **more: Any) -> str:
        return self.engine.strike(fault, target, now=self.now, **more)

    def go(self, until: float) -> None:
        """To that moment, at which the engine is asked, too."""
        for _ in range(10_000):
            due = self.engine.next_at()
            if due is None or due > until:
                break
            self.run(due)
            self.engine.advance(due)
        self.run(until)
        self.engine.advance(until)

    def faults(self) -> list[tuple[str, str, float]]:
        return [(one["fault"], one["state"], one["t"]) for one in self.of("fault")]


def test_a_fault_ends_when_its_time_is_over_and_the_ledger_says_both() -> None:
    floor = Floor()
    id = floor.strike("lane_full", "S1-L1", for_s=2.5, by="key l")
    (standing,) = floor.engine.standing(1000.0)
    assert (standing.id, standing.left_ms, standing.left, standing.by) == (id, 1500.0, None, "key l")
    floor.go(10_000.0)
    assert floor.engine.standing(floor.now) == []
    assert floor.told("lane_state") == [("S1-L1", "FULL", 0.0), ("S1-L1", "FREE", 2500.0)]
    assert floor.of("fault") == [
        {
            "what": "fault",
            "t": at,
            "id": id,
            "fault": "lane_full",
            "target": "S1-L1",
            "state": state,
            "for_ms": 2500.0,
            "settings": {},
            "by": "key l",
            "seed": 1,
            "hidden": False,
        }
        for state, at in (("begun", 0.0), ("ended", 2500.0))
    ]


def test_a_fault_ends_when_it_has_struck_so_often() -> None:
    floor = Floor()
    floor.strike("no_read", "tunnel-S1", count=2)
    assert floor.engine.standing(0.0)[0].left_ms == 86_400_000.0
    floor.give("a", "b", "c")
    floor.go(4000.0)
    assert floor.of("read", "parcel", "text") == [("a", None), ("b", None), ("c", "C-c")]
    assert [(state, count) for state, count in floor.of("fault", "state", "count")] == [("begun", 2), ("ended", 0)]


def test_a_fault_is_ended_by_its_id_and_all_at_once() -> None:
    floor = Floor()
    one, two = floor.strike("stop", "S1"), floor.strike("unplug", "tunnel-S1")
    floor.go(500.0)
    floor.engine.end(one, 500.0)
    with pytest.raises(FaultError, match=f"no fault {one} stands; standing are {two}"):
        floor.engine.end(one, 500.0)
    floor.engine.end_all(600.0)
    assert [told[0] for told in floor.told("belt_speed")] == [2500, 0, 2500]
    assert floor.medium.done == [("unplug", "tunnel-S1"), ("plug", "tunnel-S1")]
    assert floor.engine.next_at() is None


@pytest.mark.parametrize(
    ("fault", "target", "more", "words"),
    [
        ("eye_blnd", "S1-DEC", {}, "no fault is called 'eye_blnd'; did you mean 'eye_blind'?"),
        ("eye_blind", "S1-DEX", {}, "eye_blind: no point is called 'S1-DEX'; did you mean 'S1-DEC'?"),
        ("eye_blind", "S1-T1", {}, "point S1-T1 has no eye that the PLC looks at; those with one are S1-IND, S1-DEC"),
        ("jam", "S9", {}, "jam: no line is called 'S9'; known are S1"),
        ("boot", "plc-S1", {}, "boot: no reader is called 'plc-S1'; known are gun, tunnel-S1"),
        ("jam", "S1", {"for_s": 0}, "jam: for_s = 0: give seconds, more than 0 and at most 86400"),
        ("jam", "S1", {"for_s": 86_401}, "at most 86400"),
        ("jam", "S1", {"for_s": float("nan")}, "at most 86400"),
        ("jam", "S1", {"for_s": 10**400}, "at most 86400"),
        ("no_read", "tunnel-S1", {"count": 10**400}, "give a whole number from 1"),
        ("no_read", "tunnel-S1", {"share": 10**400}, "[no_read] share: give a smaller number"),
        ("add", "S1", {"mm": float("nan")}, "[add] mm: nan is no number; write one"),
        ("add", "S1", {"mm": -1}, "[add] mm must be from 0"),
        ("add", "S1", {"mm": 999_999}, "add: mm must be from 0 to"),
        ("jam", "S1", {"count": 2}, "jam: count = 2: it is not counted; give for_s instead"),
        ("no_read", "tunnel-S1", {"count": True}, "give a whole number from 1"),
        ("no_read", "tunnel-S1", {"share": 1.5}, "[no_read] share must be from 0.0001 to 1, not 1.5"),
        ("no_read", "tunnel-S1", {"shares": 1}, "[no_read] shares: unknown key; did you mean 'share'?"),
        ("slip", "S1", {"mm": "far"}, "[slip] mm: must be float, not 'far'"),
        ("baud", "tunnel-S1", {"stub": 9600, "host": 9600}, "stub and host are both 9600"),
        ("loss", "tunnel-S1", {"direction": "up"}, "direction must be 'both' or 'from_stub' or 'from_host'"),
        ("container_gone", "S1-L1", {}, "container_gone: no container stands at lane S1-L1"),
        ("no_heartbeat", "tunnel-S1", {}, "tunnel-S1 has no sign of life"),
    ],
)
def test_what_cannot_strike_is_refused_with_words_and_nothing_has_happened(
    fault: str, target: str, more: dict[str, Any], words: str
) -> None:
    floor = Floor()
    with pytest.raises(FaultError) as told:
        floor.strike(fault, target, **more)
    assert words in str(told.value)
    assert (floor.engine.standing(0.0), floor.of("fault"), floor.engine.next_at()) == ([], [], None)


@pytest.mark.parametrize(
    ("first", "second", "target"),
    [
        ("jam", "estop", "S1"),
        ("eye_blind", "eye_stuck", "S1-DEC"),
        ("silent", "boot", "tunnel-S1"),
        ("slow", "slow", "S1"),
    ],
)
def test_of_faults_that_would_undo_each_other_only_one_stands(first: str, second: str, target: str) -> None:
    floor = Floor()
    id = floor.strike(first, target)
    with pytest.raises(FaultError, match=rf"{target}: {first} stands there already \({id}\); end it first"):
        floor.strike(second, target)
    floor.engine.end(id, 0.0)
    floor.strike(second, target)


def test_what_hands_do_comes_at_once_and_then_at_drawn_moments_within_the_time() -> None:
    def removed(seed: int) -> list[tuple[str, float]]:
        floor = Floor(seed)
        floor.give(*(f"p{number:02}" for number in range(60)))
        floor.go(2000.0)
        floor.strike("remove", "S1", count=4, for_s=8)
        floor.go(11_000.0)
        assert floor.faults()[-1][:2] == ("remove", "ended")
        return floor.of("mishap", "parcel", "t")

    once = removed(1)
    assert len(once) == 4
    assert once[0][1] == 2000.0
    assert all(2000.0 + 2000 * number <= at <= 2000.0 + 2000 * (number + 1) for number, (_, at) in enumerate(once))
    assert once == removed(1)
    assert once != removed(2)


def test_hands_wait_for_a_parcel_but_not_for_ever() -> None:
    floor = Floor()
    floor.strike("remove", "S1", for_s=5)
    floor.go(3000.0)
    floor.give("a")
    floor.go(4000.0)
    assert floor.faults() == [("remove", "begun", 0.0), ("remove", "ended", pytest.approx(3000.0, abs=101))]
    floor.strike("remove", "S1", for_s=5)
    floor.go(30_000.0)
    assert floor.faults()[-1] == ("remove", "ended", 9000.0)
    assert floor.of("fault")[-1]["count"] == 1


def test_a_parcel_that_is_named_is_the_one() -> None:
    floor = Floor()
    floor.give("a", "b", "c")
    floor.go(1500.0)
    floor.strike("remove", "S1", parcel="b")
    assert floor.world.where("b") == ("removed", "S1")


def test_a_hidden_fault_is_shown_to_nobody() -> None:
    floor = Floor()
    floor.strike("slow", "S1", for_s=1)
    floor.strike("eye_blind", "S1-DEC", for_s=2, hidden=True)
    floor.give("a")
    floor.go(1500.0)
    assert floor.engine.standing(1500.0) == []
    assert [one.fault for one in floor.engine.standing(1500.0, hidden=True)] == ["eye_blind"]
    shown = {entry["what"] for entry in floor.ledger if floor.engine.shows(entry)}
    assert {"mishap", "struck", "fault"} <= {entry["what"] for entry in floor.ledger}
    assert not {"mishap", "struck"} & shown
    assert {entry["fault"] for entry in floor.ledger if entry["what"] == "fault" and floor.engine.shows(entry)} == {
        "slow"
    }
    floor.go(3000.0)
    assert {"mishap", "struck"} <= {entry["what"] for entry in floor.ledger if floor.engine.shows(entry)}


def test_what_a_hidden_fault_keeps_others_from_does_not_betray_it() -> None:
    floor = Floor()
    floor.strike("eye_blind", "S1-DEC", hidden=True)
    with pytest.raises(FaultError, match=r"^S1-DEC: eye_stuck cannot strike there now$"):
        floor.strike("eye_stuck", "S1-DEC")


@pytest.mark.parametrize(
    ("fault", "texts"),
    [
        ("no_read", [("a", None), ("b", "C-b"), ("c", "C-c")]),
        ("wrong_read", [("a", "C-b"), ("b", "C-b"), ("c", "C-c")]),
        ("double_read", [("a", "C-a"), ("a", "C-a"), ("b", "C-b"), ("c", "C-c")]),
    ],
)
def test_a_reader_at_a_desk_errs_as_one_at_a_belt(fault: str, texts: list[tuple[str, str | None]]) -> None:
    floor = Floor()
    floor.strike(fault, "gun", count=1)
    for name in "abc":
        floor.world.add(Parcel(name, "", (f"C-{name}".encode(),), 300, 900, point="DESK", after_ms=500.0), 0.0)
    floor.world.release(0.0)
    floor.go(2500.0)
    assert floor.of("read", "parcel", "text") == texts
    assert floor.of("struck", "place", "parcel") == [("gun", "a")]
    assert floor.engine.standing(floor.now) == []
    floor.strike("silent", "gun", for_s=1)
    floor.world.add(Parcel("d", "", (b"C-d",), 300, 900, point="DESK"), floor.now)
    floor.go(5000.0)
    assert (floor.of("read", "parcel", "text"), floor.world.unsaid) == (texts, 0)
    with pytest.raises(FaultError, match="slow_read: no reader is called 'gun'"):
        floor.strike("slow_read", "gun")


def test_faults_of_cables_are_set_counted_and_cleared() -> None:
    floor = Floor()
    floor.strike("loss", "tunnel-S1", share=1.0, count=2, direction="from_stub")
    floor.strike("double", "tunnel-S1", share=1.0, for_s=2)
    for at in (100.0, 200.0, 300.0):
        floor.cables.from_stub("tunnel-S1", b"x", at)
    floor.engine.advance(300.0)
    assert floor.cables.to_host(300.0) == [("tunnel-S1", b"xx")] * 1
    assert [state for _, state, _ in floor.faults()] == ["begun", "begun", "ended"]
    floor.go(2500.0)
    floor.cables.from_stub("tunnel-S1", b"y", 2500.0)
    assert floor.cables.to_host(2500.0) == [("tunnel-S1", b"y")]


def test_a_reader_that_lost_its_power_has_forgotten_what_it_had_to_say_and_boots() -> None:
    document = copy.deepcopy(S1)
    document["stub"]["tunnel-S1"] |= {"delay_ms": 500.0}
    floor = Floor()
    Bench.__init__(floor, document)
    floor.engine = Engine(floor.world, floor.cables, floor.medium, floor.ledger.append, 1)
    floor.give("a")
    floor.go(600.0)  # it was read at 480, and is said at 980
    floor.strike("boot", "tunnel-S1", for_s=2)
    assert floor.world.hang_ups() == ["tunnel-S1"]
    floor.go(2400.0)
    floor.give("b")
    floor.go(4500.0)
    assert floor.of("read", "parcel", "text") == [("a", None), ("b", "C-b")]


def test_a_machine_that_hangs_says_and_hears_nothing_and_is_back_as_if_nothing_had_been() -> None:
    floor = Floor(heartbeat="HB")
    floor.go(100.0)
    floor.world.output()
    floor.strike("silent", "tunnel-S1", for_s=25)
    floor.give("a")
    floor.go(24_000.0)
    assert floor.world.output() == []
    assert floor.of("read") == []
    floor.go(31_000.0)
    assert floor.world.output() == [("tunnel-S1", b"HB\r\n")]


def test_only_the_sign_of_life_is_missing() -> None:
    floor = Floor(heartbeat="HB")
    floor.strike("no_heartbeat", "tunnel-S1", for_s=35)
    floor.give("a")
    floor.go(34_000.0)
    assert floor.world.output() == [("tunnel-S1", b"C-a\r\n")]
    floor.go(41_000.0)
    assert floor.world.output() == [("tunnel-S1", b"HB\r\n")]


def test_a_belt_that_stands_for_two_reasons_is_started_when_both_are_over() -> None:
    floor = Floor()
    floor.strike("plc_restart", "plc-S1", for_s=2, retentive=False)
    floor.go(1000.0)
    floor.strike("stop", "S1", for_s=5)
    floor.go(3000.0)
    assert floor.world.stands("S1")
    floor.go(6500.0)
    assert not floor.world.stands("S1")
    assert floor.told("power_cycle") == [(False, 2000.0)]
    floor.strike("stop", "S1", for_s=2)
    floor.strike("plc_restart", "plc-S1", for_s=4)
    floor.go(9000.0)
    assert floor.world.stands("S1")  # no PLC, no drive
    floor.go(11_000.0)
    assert not floor.world.stands("S1")


def test_what_programs_are_told_of_a_kind() -> None:
    assert FAULTS["slip"].described() == {
        "name": "slip",
        "on": "belt",
        "target": "line",
        "settings": {"parcel": "", "mm": 400.0},
        "for_s": 60.0,
        "count": 1,
        "what": "a parcel slides back on a belt",
        "shows": FAULTS["slip"].shows,
    }
    assert "count" not in FAULTS["jam"].described()


def test_the_sign_of_life_is_missing_behind_a_boot_too() -> None:
    floor = Floor(heartbeat="HB")
    floor.strike("no_heartbeat", "tunnel-S1", for_s=60)
    floor.strike("boot", "tunnel-S1", for_s=2)
    floor.go(59_000.0)
    assert floor.world.output() == []
    floor.go(75_000.0)
    assert floor.world.output() == [("tunnel-S1", b"HB\r\n")]


def test_what_was_planned_does_not_begin_behind_the_end_of_all() -> None:
    floor = Floor()
    steps = tuple(
        Step(at_s=at, fault="jam", target="S1", for_s=1, hidden=hidden) for at, hidden in ((1, True), (3, False))
    )
    story = Scenario(title="x", floor="", minutes=1, steps=steps)
    floor.engine.schedule(story, 0.0)
    floor.engine.end_hidden(0.0)
    floor.go(5000.0)
    assert floor.faults() == [("jam", "begun", 3000.0), ("jam", "ended", 4000.0)]
    floor.engine.schedule(story, 5000.0)
    floor.engine.end_all(5500.0)
    assert floor.engine.next_at() is None
