"""What is seen of a running floor, and what can be done to it, without HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firmware_stubs.api.asked import RefusedError
from firmware_stubs.api.watch import Listener, Watch
from firmware_stubs.plcs._item import Destination
from firmware_stubs.stub import Message
from tests.api_rig import Rig


def parcels(rig: Rig, line: str = "S1") -> list[list[Any]]:
    found: list[list[Any]] = rig.operator.state()["lines"][line]["parcels"]
    return found


def send(rig: Rig, line: str, dest: Destination) -> None:
    """What a DEST on the wire does."""
    cell = rig.world.cells[line]
    plc: Any = cell.plc
    assert plc.judge(dest, rig.clock.now()) is None
    cell.heed()


def test_the_floor_is_shown_as_it_was_read() -> None:
    floor = Rig().operator.floor()
    assert (floor["title"], floor["files"]) == ("small", ["/floors/small.toml"])
    line, loop = floor["lines"]["S1"], floor["lines"]["S2"]
    assert {key: line[key] for key in ("kind", "length_mm", "speed_mm_s", "carriers", "default_lane")} == {
        "kind": "line",
        "length_mm": 10_000,
        "speed_mm_s": 1000,
        "carriers": 0,
        "default_lane": "EX",
    }
    assert line["points"]["DEC"] == {"mm": 1000, "induction": False, "decision": True}
    assert line["lanes"] == {
        "L01": {"mm": 3000, "capacity": 2, "supervised": False, "leads_to": None},
        "L02": {"mm": 4000, "capacity": None, "supervised": False, "leads_to": "S2"},
        "EX": {"mm": 10_000, "capacity": None, "supervised": True, "leads_to": None},
    }
    assert line["inductions"] == {"S1": {"point": "IND", "rate_per_s": 1.0, "gap_mm": 100.0}}
    assert (loop["kind"], loop["carriers"], floor["points"]) == ("loop", 40, {"DOCK": {"line": None}})
    assert floor["stubs"]["tunnel"] == {
        "kind": "line",
        "family": "scanner",
        "link": "pty:///t",
        "where": "/run/tunnel",
        "place": "DEC",
    }


def test_parcels_are_where_they_are_and_have_the_lane_that_the_plc_obeys() -> None:
    rig = Rig()
    rig.give("p1", "p2")
    rig.go(1500)
    (mm, length, name, lane, codes) = parcels(rig)[0]
    assert (length, name, lane, codes) == (300, "p1", None, 2)
    assert 0 < mm <= 1500
    rig.go(100)
    assert parcels(rig)[0][0] == mm + 100
    send(rig, "S1", Destination("DEC", 1, 1, "P", False, "D", ("L01",)))
    assert parcels(rig)[0][3] == "L01"
    rig.go(4000)
    state = rig.operator.state()
    assert state["lanes"]["L01"] == {"state": "FREE", "taken": 1, "drops": 1, "container": None}
    assert "p1" not in [parcel[2] for parcel in parcels(rig)]
    assert state["counts"]["in_lanes"] == 1


def test_a_parcel_on_a_loop_is_within_its_lap() -> None:
    rig = Rig()
    rig.give("p1", length_mm=200)
    rig.go(1500)
    send(rig, "S1", Destination("DEC", 1, 1, "P", False, "D", ("L02",)))
    rig.go(8000)
    assert [parcel[2] for parcel in parcels(rig, "S2")] == ["p1"]
    for _ in range(30):
        rig.go(1000)
        assert all(0 <= parcel[0] < 20_000 for parcel in parcels(rig, "S2"))


@pytest.mark.parametrize(
    ("fault", "state", "speed"), [("jam", "jam", 0), ("estop", "estop", 0), ("stop", "stop", 0), ("slow", "run", 500)]
)
def test_a_line_says_how_it_is(fault: str, state: str, speed: int) -> None:
    rig = Rig()
    rig.operator.strike(fault, "S1", 60, None, {})
    line = rig.operator.state()["lines"]["S1"]
    assert (line["state"], line["speed_mm_s"]) == (state, speed)
    assert rig.operator.state()["lines"]["S2"]["state"] == "run"
    rig.go(61_000)
    assert rig.operator.state()["lines"]["S1"]["state"] == "run"


def test_a_line_in_manual_mode_says_so() -> None:
    rig = Rig()
    rig.world.manual("S1", True, rig.clock.now())
    assert rig.operator.state()["lines"]["S1"]["state"] == "manual"
    rig.world.manual("S1", False, rig.clock.now())
    assert rig.operator.state()["lines"]["S1"]["state"] == "run"


def test_lights() -> None:
    rig = Rig()
    rig.watch.talks["hand"].connected = False
    rig.watch.wire("tunnel", b"abc", by_device=True, now=rig.clock.now(), at=rig.machine_ms)
    rig.watch.wire("tunnel", b"de", by_device=False, now=rig.clock.now(), at=rig.machine_ms)
    rig.go(4000)
    stubs = rig.operator.state()["stubs"]
    assert {name: (stub["light"], stub["in_session"]) for name, stub in stubs.items()} == {
        "tunnel": ("ok", None),
        "hand": ("off", None),
        "s1": ("quiet", False),
        "s2": ("quiet", False),
    }
    assert stubs["tunnel"] == {
        "light": "ok",
        "why": "spoke 4 s ago",
        "in_session": None,
        "said": 3,
        "heard": 2,
        "age_ms": 4000,
    }
    rig.go(7000)
    assert rig.operator.state()["stubs"]["tunnel"]["light"] == "quiet"
    id = rig.operator.strike("silent", "tunnel", 5, None, {})
    stub = rig.operator.state()["stubs"]["tunnel"]
    assert (stub["light"], stub["why"]) == ("fault", "silent stands on it")
    rig.operator.end_faults(id)
    assert rig.operator.state()["stubs"]["tunnel"]["light"] == "quiet"


def test_a_hidden_fault_is_not_shown_nor_ended() -> None:
    rig = Rig()
    hidden = rig.engine.strike("silent", "tunnel", now=rig.clock.now(), hidden=True)
    shown = rig.operator.strike("silent", "s1", None, None, {})
    assert [one["id"] for one in rig.operator.faults()["standing"]] == [shown]
    assert [one["id"] for one in rig.operator.state()["faults"]] == [shown]
    assert rig.operator.state()["stubs"]["tunnel"]["light"] == "quiet"
    with pytest.raises(RefusedError, match=f"no fault '{hidden}' stands"):
        rig.operator.end_faults(hidden)
    assert rig.operator.end_faults() == [shown]
    assert [one.id for one in rig.engine.standing(rig.clock.now(), hidden=True)] == [hidden]


@pytest.mark.parametrize(
    ("fault", "target", "settings", "said"),
    [
        ("eye_blnd", "DEC", {}, "did you mean 'eye_blind'?"),
        ("silent", "tunel", {}, "did you mean 'tunnel'?"),
        ("slow", "S1", {"now": 3}, "now: unknown key"),
        ("slow", "S1", {"by": "me"}, "by: unknown key"),
        ("no_heartbeat", "tunnel", {"name": "x"}, "name: unknown key"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(fault: str, target: str, settings: dict[str, Any], said: str) -> None:
    rig = Rig()
    with pytest.raises(RefusedError) as refused:
        rig.operator.strike(fault, target, None, None, settings)
    assert said in str(refused.value)
    assert (refused.value.status, rig.operator.faults()["standing"]) == (400, [])


def test_time_stands_and_steps() -> None:
    rig = Rig()
    rig.give("p1")
    rig.go(1000)
    mm = parcels(rig)[0][0]
    assert rig.operator.time("pause", None) == 0
    rig.go(5000)
    state = rig.operator.state()
    assert (state["paused"], state["stood_ms"], state["t"], parcels(rig)[0][0]) == (True, 5000, 2000, mm)
    assert state["utc_ms"] == 7500
    assert rig.operator.time("step", 250) == 250
    rig.go(1000)
    assert (rig.operator.state()["t"], parcels(rig)[0][0]) == (2250, mm + 250)
    rig.operator.time("resume", None)
    rig.go(10)
    assert (rig.operator.state()["paused"], parcels(rig)[0][0]) == (False, mm + 260)


@pytest.mark.parametrize(
    ("do", "ms", "said"),
    [("halt", None, '"pause"'), ("pause", 5, "leave it out"), ("step", 0, "above 0"), ("step", 6e4 + 1, "at most")],
)
def test_wrong_times_are_refused(do: str, ms: float | None, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        Rig().operator.time(do, ms)


def test_of_wrong_parcels_none_is_taken() -> None:
    rig = Rig()
    good = b'{"parcel": "p1", "line": "S1", "codes": []}'
    with pytest.raises(RefusedError, match=r"line 3: line 'S9' has no induction.*no parcel of this request is taken"):
        rig.operator.parcels(good + b'\n\n{"parcel": "p2", "line": "S9", "codes": []}')
    with pytest.raises(RefusedError, match="line 2: "):
        rig.operator.parcels(good + b"\n" + b"[" * 50_000)
    assert rig.world.waiting == 0
    assert rig.operator.parcels(good) == 1
    assert rig.world.waiting + rig.world.on_belts == 1


def test_no_more_parcels_wait_than_there_is_room_for() -> None:
    rig = Rig()
    rig.world.hold()
    row = b'{"parcel": "p", "line": "S1", "codes": []}\n'
    rig.operator.parcels(row * 10_000)
    with pytest.raises(RefusedError, match="10000 parcels wait already") as refused:
        rig.operator.parcels(row)
    assert refused.value.status == 409


def test_nothing_comes_after_stop() -> None:
    rig = Rig()
    rig.operator.stop()
    with pytest.raises(RefusedError, match="stopping"):
        rig.give("p1")
    assert rig.stops == 1


def test_a_state_is_made_ten_times_a_second_at_most_and_after_what_was_done() -> None:
    rig = Rig()
    first = rig.operator.state_json()
    rig.machine_ms += 99
    assert rig.operator.state_json() is first
    rig.machine_ms += 1
    second = rig.operator.state_json()
    assert json.loads(second)["t"] - json.loads(first)["t"] == 100
    rig.operator.time("pause", None)
    assert json.loads(rig.operator.state_json())["paused"]


def test_the_pace_is_of_the_last_minute() -> None:
    watch = Watch([], 0.0)
    for second in range(60):
        watch.ended(second * 1000.0)
    assert [watch.per_hour(9000.0), watch.per_hour(59_000.0)] == [0, round(60 * 3600 / 59)]
    assert watch.per_hour(89_500.0) == 30 * 60


def test_a_listener_hears_what_it_asked_for_and_is_told_what_it_missed() -> None:
    woken: list[int] = []
    watch = Watch(["a", "b"], 0.0)
    wires = Listener(lambda: woken.append(1), wire=True, ledger=False, stubs=["a"])
    ledger = Listener(lambda: None, wire=False, ledger=True)
    watch.listeners |= {wires, ledger}
    watch.wire("a", b"\x02\xff", by_device=True, now=5.0, at=7.5)
    watch.wire("b", b"\x02", by_device=True, now=5.0, at=7.5)
    watch.wire("a", Message("t/x", b"{}", retain=True), by_device=False, now=6.0, at=8.5)
    watch.ledger({"what": "end"})
    assert [json.loads(line) for line in wires.take().splitlines()] == [
        {"wire": {"t": 7.5, "stub": "a", "from": "device", "hex": "02ff"}},
        {"wire": {"t": 8.5, "stub": "a", "from": "host", "topic": "t/x", "payload_hex": "7b7d", "retain": True}},
    ]
    assert ledger.take() == b'{"ledger": {"what": "end"}}\n'
    assert (len(woken), wires.take()) == (2, b"")
    for _ in range(30):
        watch.wire("a", bytes(50_000), by_device=True, now=9.0, at=9.0)
    lines = wires.take().splitlines()
    assert json.loads(lines[-1]) == {"missed": 30 - (len(lines) - 1)}
    assert sum(map(len, lines)) < 1_100_000
    watch.wire("a", b"z", by_device=True, now=9.0, at=9.0)
    assert len(wires.take().splitlines()) == 1


def test_during_a_drill_nothing_more_is_broken_and_so_nothing_is_betrayed(tmp_path: Path) -> None:
    rig, drill = Rig(), tmp_path / "drill.toml"
    drill.write_text(DRILL)
    rig.operator.drill("start", {"drill": str(drill)})
    rig.go(1000.0)
    for fault, target in (("jam", "S1"), ("jam", "S2")):  # S1 is jammed already
        with pytest.raises(RefusedError, match="a drill runs") as refused:
            rig.operator.strike(fault, target, None, None, {})
        assert refused.value.status == 409
    rig.operator.drill("give_up", {})
    rig.operator.strike("jam", "S1", None, None, {})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("jamm", "no fault is called 'jamm'; did you mean 'jam'? floorsim fault --list explains them"),
        ("sabotage", "; floorsim fault --list explains them"),
    ],
)
def test_who_names_a_fault_that_is_none_is_told_where_they_stand(fault: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Rig().operator.drill("answer", {"fault": fault, "target": "S1"})
    assert str(refused.value).endswith(said)


def test_numbers_that_no_machine_has_are_refused_with_words() -> None:
    with pytest.raises(RefusedError, match="ms must be above 0 and at most 60000"):
        Rig().operator.time("step", 10**400)


DRILL = """
title = "x"
floor = "x"
minutes = 1
[[step]]
at_s = 0
fault = "jam"
target = "S1"
hidden = true
[drill]
task = "Find it."
par_s = 60
answers = [{ fault = "jam", target = "S1" }]
"""
