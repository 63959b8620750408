"""Every kind of fault strikes a floor in virtual time: what floord shows of it, that it ends by itself, and that all is
well again after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.well import problems
from firmware_stubs.faults.registry import FAULTS
from firmware_stubs.faults.scenario import Expect
from tests.faulted import Faulted

WARM_S, SETTLE_S, LATE_S = 5.0, 8.0, 3.0
"""before the fault; after its end until everything that it struck has left; then all must be well"""

WELL = {"parcel/inducted", "parcel/read", "parcel/routed", "parcel/sorted", "container/added"}


@dataclass(frozen=True)
class Case:
    """`events` while it stands or of what it struck; `after` from its end on; `alarm`: what stands meanwhile begins so;
    `counter`: of the machine, in `floord status --device`, begins so. `quiet`: nothing is inducted meanwhile."""

    fault: str
    target: str
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    after: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    plc: str = "telegram"
    alarm: str = ""
    counter: str = ""
    for_s: float = 8.0
    count: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False
    settle_s: float = SETTLE_S

    def __str__(self) -> str:
        return "-".join((self.fault, self.target, self.plc, *map(str, self.settings.values())))


def ended(event: str, **where: Any) -> tuple[str, Mapping[str, Any]]:
    return f"parcel/{event}", where


SCANNER, PLC = {"device": "tunnel-1"}, {"device": "plc-1"}
NO_SESSION = ("device/degraded", PLC)
SESSION = ("device/recovered", PLC)
LINE, LANE = {"line": "S1"}, {"lane": "S1-L1"}
LATE = ended("rejected", identity="SCANNER_LATE")
DEAF = (("device/degraded", SCANNER), ("alarm/raised", {"alarm": "device-tunnel-1"}))
HEARD = (("device/recovered", SCANNER), ("alarm/cleared", {"alarm": "device-tunnel-1"}))


def often(
    fault: str,
    target: str,
    alarm: str,
    *events: tuple[str, Mapping[str, Any]],
    count: int | None = None,
    settle_s: float = 24.0,
) -> Case:
    """So often that it is an alarm, which is over when enough have gone by well."""
    raised, over = ("alarm/raised", {"alarm": alarm}), ("alarm/cleared", {"alarm": alarm})
    return Case(fault, target, (*events, raised), (over,), alarm=alarm, for_s=14.0, count=count, settle_s=settle_s)


CASES = [
    # cables
    Case("loss", "tunnel-1", (LATE,)),
    Case("loss", "plc-1", (NO_SESSION,), (SESSION,)),
    Case("noise", "tunnel-1", (LATE,), counter="garbled"),
    Case("noise", "plc-1", counter="garbled: crc", settings={"share": 0.2}),
    Case("cut", "tunnel-1", (LATE,), counter="garbled: silence inside a frame"),
    Case("double", "plc-1", counter="noted: repeat request"),
    Case("double", "tunnel-1", counter="frames", settings={"share": 1.0}),
    Case("delay", "tunnel-1", (("parcel/read", {"outcome": "UNCLAIMED"}), LATE), settings={"share": 1.0}),
    Case("stall", "plc-1", (NO_SESSION,), (SESSION,), settings={"ms": 1500.0}),
    Case("xoff", "plc-1", (NO_SESSION,), (SESSION,)),
    Case("unplug", "tunnel-1", (("device/offline", SCANNER),), (("device/online", SCANNER),)),
    Case("unplug", "plc-1", (NO_SESSION, ("device/offline", PLC)), (SESSION, ("device/online", PLC))),
    Case("unplug", "plc-1", (NO_SESSION,), (SESSION,), plc="mqtt_json"),
    Case("baud", "tunnel-1", DEAF, HEARD, alarm="garbled-tunnel-1: nothing it says is understood", for_s=25.0),
    Case("baud", "plc-1", (NO_SESSION,), (SESSION,)),
    # machines
    Case("silent", "tunnel-1", DEAF, HEARD, alarm="device-tunnel-1: "),
    *(Case("silent", "plc-1", (NO_SESSION,), (SESSION,), plc=plc) for plc in ("telegram", "mqtt_json")),
    Case("no_heartbeat", "tunnel-1", DEAF, HEARD, alarm="device-tunnel-1: ", quiet=True),
    Case("frozen_life", "plc-1", (NO_SESSION, SESSION), plc="modbus", for_s=4.0, settle_s=3.0),
    Case("boot", "tunnel-1", (("device/offline", SCANNER), *DEAF), HEARD, alarm="device-tunnel-1: "),
    *(
        Case("plc_restart", "plc-1", (NO_SESSION,), (SESSION, ("line/started", LINE)), plc=plc)
        for plc in ("telegram", "mqtt_json")
    ),
    *(
        Case(
            "plc_restart",
            "plc-1",
            (NO_SESSION,),
            (SESSION, ended("lost", reason="the PLC lost its memory"), ended("inducted", via="GHST")),
            plc=plc,
            for_s=4.0,
            settings={"retentive": False},
        )
        for plc in ("telegram", "modbus")
    ),
    often(
        "no_read",
        "tunnel-1",
        "no-read-tunnel-1",
        ("parcel/read", {"outcome": "NO_READ"}),
        ended("rejected", reason="NORD"),
    ),
    Case("wrong_read", "tunnel-1", (("alarm/raised", {"alarm": "duplicate-*"}),), settings={"share": 0.3}),
    Case("double_read", "tunnel-1", counter="frames"),
    Case("slow_read", "tunnel-1", (("parcel/read", {"outcome": "UNCLAIMED"}), LATE)),
    often("eye_blind", "S1-DEC", "unseen-S1", ended("rejected", result="NA")),
    often("eye_blind", "S1-IND", "ghosts-S1", ended("inducted", via="GHST", point="S1-DEC")),
    *(
        Case(
            "eye_stuck",
            point,
            (("line/jammed", LINE), ("alarm/raised", {"alarm": f"element-S1-{point}", "priority": "high"})),
            (("line/started", LINE), ("alarm/cleared", {"alarm": f"element-S1-{point}"})),
            plc=plc,
            for_s=4.0,
            alarm=f"element-S1-{point}: line S1: {point} is jammed; look at its eye",
        )
        for point, plc in (("S1-DEC", "telegram"), ("S1-IND", "modbus"), ("S1-DEC", "mqtt_json"))
    ),
    often("eye_chatter", "S1-DEC", "ghosts-S1", ended("inducted", via="GHST"), ended("lost", identity="SCANNER_LATE")),
    often("eye_chatter", "S1-IND", "lost-S1", ended("lost", identity="SCANNER_LATE")),
    # belts
    often("gate_fails", "S1-L1", "gate-S1-L1", ended("sorted", result="MI"), settle_s=34.0),
    Case("wrong_gate", "S1", (ended("mis_sorted", result="MI"),), count=1),
    Case("jam", "S1", (("line/jammed", LINE),), (("line/started", LINE),)),
    Case("stop", "S1", (("line/stopped", LINE),), (("line/started", LINE),)),
    Case("estop", "S1", (("line/estop", LINE),), (("line/stopped", LINE), ("line/started", LINE))),
    Case("slow", "S1"),
    Case("slip", "S1", (ended("lost"),), settings={"mm": 1500.0}),
    Case("remove", "S1", (ended("lost"),), count=3),
    Case("add", "S1", (ended("inducted", via="GHST"),), count=2),
    Case("touch", "S1", (ended("rejected", identity="CONFLICT"),)),
    Case(
        "lane_full",
        "S1-L1",
        (("lane/full", LANE), ended("routed", lanes=["S1-L2", "S1-EX"], reason="FULL")),
        (("lane/free", LANE),),
    ),
    Case(
        "lane_lock",
        "S1-L1",
        (("lane/locked", LANE), ended("routed", lanes=["S1-L2", "S1-EX"], reason="LOCK")),
        (("lane/opened", LANE),),
    ),
    Case("container_gone", "S1-L2", (("container/removed", {}),), (("container/opened", {"container": "CAGE-1"}),)),
]


def test_there_is_a_case_for_every_kind() -> None:
    assert {case.fault for case in CASES} == set(FAULTS)


def misses(
    wanted: tuple[tuple[str, Mapping[str, Any]], ...], came: list[tuple[float, str, dict[str, Any]]]
) -> list[Any]:
    """What of that did not come."""
    expects = [Expect(event=event, where=where) for event, where in wanted]
    return [one for one in expects if not any(one.fits(*event) for event in came)]


def counted(floor: Faulted, device: str) -> dict[str, int]:
    """What `floord status --device` counts."""
    counters = floor.daemon.node.drivers[device].counters
    garbled = {f"garbled: {why}": number for why, number in counters.garbled.items()}
    return {"frames": counters.frames} | garbled | {f"noted: {why}": number for why, number in counters.noted.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_floord_shows_of_a_fault(case: Case) -> None:
    floor = Faulted(case.plc)
    floor.run(WARM_S)
    if case.quiet:
        floor.world.hold()
        floor.run(SETTLE_S)
    began, before = floor.now, counted(floor, case.target) if case.counter else {}
    id = floor.engine.strike(case.fault, case.target, now=began, for_s=case.for_s, count=case.count, **case.settings)
    floor.run(case.for_s - 0.01)
    alarms = [f"{name}: {what}" for name, what in floor.alarms.items()]
    assert not case.alarm or [one for one in alarms if one.startswith(case.alarm)], alarms
    speed = floor.daemon.ask({"do": "status"})["lines"]["S1"]["speed_mm_s"]
    if case.fault == "estop":
        assert problems(floor.daemon.ask({"do": "status"})) == ["line S1 stands: emergency stop"]
    assert speed == floor.state("line/S1")["speed_mm_s"] == (1000 if case.fault == "slow" else 2000)
    floor.run(0.02)
    assert floor.engine.standing(floor.now) == []
    if case.quiet:
        floor.world.release(floor.now)
    over = floor.now
    floor.run(case.settle_s)
    late = floor.now
    floor.run(LATE_S)

    assert misses(case.events, floor.events(began)) == []
    assert misses(case.after, floor.events(over - 20.0)) == []
    if case.counter:
        after = counted(floor, case.target)
        more = {name: number - before.get(name, 0) for name, number in after.items() if name.startswith(case.counter)}
        said = sum(entry["what"] == "read" and entry["t"] >= began for entry in floor.ledger)
        assert max(more.values()) > (said if case.counter == "frames" else 0)
    told = [entry["state"] for entry in floor.ledger if entry["what"] == "fault" and entry["id"] == id]
    assert told == ["begun", "ended"]
    assert {event for _, event, _ in floor.events(late)} <= WELL
    assert {data["result"] for _, event, data in floor.events(late) if event == "parcel/sorted"} == {"OK"}
    assert floor.alarms == {}


def test_without_a_fault_none_of_that_is_shown() -> None:
    floor = Faulted()
    floor.run(WARM_S + 2 * SETTLE_S + LATE_S)
    came = floor.events(0.0)
    shown = [case for case in CASES for one in case.events if not misses((one,), came)]
    assert [str(case) for case in shown] == []
    assert {event for _, event, _ in floor.events(floor.now - LATE_S * 1000)} == WELL
