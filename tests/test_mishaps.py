"""What people and bad luck do to a simulated floor: what really happens, what the PLC sees, what the ledger tells."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_stubs import floor_file
from firmware_stubs.handling import NotThereError
from firmware_stubs.rides import Parcel
from firmware_stubs.sections import FloorError
from firmware_stubs.stub import Measures
from firmware_stubs.world import World
from tests.floor_bench import S1, Bench, floor, line


def to_l1(point: str, track: int) -> str:
    return "S1-L1" if point == "S1-DEC" else ""


def ghost(name: str = "g", length: int = 300) -> Parcel:
    return Parcel(name, "S1", (b"GHOST",), length, 900)


def decs(bench: Bench) -> list[float]:
    return [told[2] for told in bench.told("edge") if told[0] == "S1-DEC"]


def test_a_parcel_taken_off_silently_is_seen_by_nobody() -> None:
    bench = Bench(S1, to_l1)
    bench.give("a", "b")
    bench.run(400.0)
    bench.world.remove("S1", "a", 400.0)
    bench.run()
    assert (bench.world.where("a"), bench.lanes(), len(decs(bench))) == (("removed", "S1"), {"b": "S1-L1"}, 1)
    assert bench.told("removed") == []
    assert bench.of("mishap", "mishap", "parcel", "t") == [("remove", "a", 400.0)]
    assert bench.world.counts() == {"inducted": 2, "in_lanes": 1, "on_belts": 0, "not_inducted": 0, "removed": 1}


def test_a_parcel_taken_off_in_manual_mode_is_told() -> None:
    bench = Bench(S1, to_l1)
    bench.give("a")
    bench.run(400.0)
    bench.world.manual("S1", True, 400.0)
    bench.world.remove_told("S1", "a", 450.0)
    bench.world.manual("S1", False, 500.0)
    bench.run()
    assert bench.told("removed") == [(1, 450.0)]
    assert bench.told("line_state") == [("MANU", 400.0), ("RUN", 500.0)]
    assert bench.of("lane") == []


def test_a_ghost_is_seen_ahead_of_it_only_and_ends_in_a_lane() -> None:
    bench = Bench(S1)
    bench.world.put("S1", ghost(), 1500.0, 100.0)
    assert bench.world.where("g") == ("belt", "S1")
    bench.run()
    assert bench.told("edge") == [("S1-DEC", 300, 300.0, 0, 1)]
    assert (bench.of("read"), bench.of("inducted"), bench.lanes()) == ([], [], {"g": "S1-EX"})
    with pytest.raises(NotThereError, match="is not on line S1"):
        bench.world.put("S1", ghost("h"), 10_001.0, 100.0)


def test_a_ghost_cannot_lie_on_a_taken_carrier() -> None:
    bench = Bench(line("LP", 12_000, {"EX": 9000}, loop=True, carriers=20))
    bench.give("p", line="LP")
    bench.run(100.0)
    with pytest.raises(NotThereError, match="is taken"):
        bench.world.put("LP", ghost(), 100.0, 100.0)
    bench.world.put("LP", ghost(), 1000.0, 100.0)
    bench.run(1000.0)
    assert [told[2:] for told in bench.told("edge", "LP")][1] == (
        320.0,
        19,
        1,
    )  # the front of its carrier was at 1450 mm


def test_a_parcel_that_slips_is_late_and_seen_again_by_the_eyes_it_fell_behind() -> None:
    bench = Bench(S1, to_l1)
    bench.give("a")
    bench.run(900.0)  # 2250 mm
    bench.world.slip("S1", "a", 100.0, 900.0)
    bench.run(2200.0)
    assert bench.of("missed", "lane") == [("S1-L1",)]  # 100 mm are more than a gate reaches
    again = Bench(S1, to_l1)
    again.give("a")
    again.run(900.0)
    again.world.slip("S1", "a", 1250.0, 900.0)  # to 1000 mm, also before the reader
    again.run()
    assert decs(again) == [800.0, 1300.0]
    assert [t for (t,) in again.of("read", "t")] == [480.0, 980.0]
    assert again.lanes() == {"a": "S1-L1"}
    with pytest.raises(NotThereError, match="does not ride"):
        again.world.slip("S1", "a", 10.0, 90_000.0)


def test_a_parcel_slides_at_most_to_the_start_of_its_line() -> None:
    bench = Bench(S1)
    bench.give("a")
    bench.run(400.0)
    bench.world.slip("S1", "a", 5000.0, 400.0)
    bench.run()
    assert decs(bench) == [1200.0]
    assert len(bench.of("inducted")) == 1


def test_a_parcel_that_slips_over_the_seam_of_a_loop_keeps_its_laps() -> None:
    bench = Bench(line("LP", 12_000, {"EX": 9000}, loop=True))
    bench.give("a", line="LP")
    bench.run(5000.0)  # 500 mm in its second lap
    bench.world.slip("LP", "a", 1000.0, 5000.0)
    bench.run(7000.0)
    assert [told[2] for told in bench.told("edge", "LP")] == pytest.approx([0.0, 800.0, 6000.0])


def test_two_neighbours_change_places() -> None:
    bench = Bench(S1, lambda point, track: "S1-L2" if track == 3 else to_l1(point, track))
    bench.give("a", "b")
    bench.run(700.0)
    bench.world.swap("S1", "a", "b", 700.0)
    bench.run()
    assert bench.lanes() == {"b": "S1-L2", "a": "S1-L1"}
    with pytest.raises(NotThereError):
        bench.world.swap("S1", "a", "a", 700.0)


def test_parcels_that_touch_are_one_item_until_a_gate_parts_them() -> None:
    bench = Bench(S1, to_l1)
    bench.give("a", "b", "c", wait=True)
    bench.world.touch("S1", "b", 0.0)
    bench.world.release(0.0)
    bench.run(700.0)
    assert [told[1] for told in bench.told("edge") if told[0] == "S1-IND"] == [300, 600]
    first, second, third = bench.of("inducted")
    assert (second["parcel"], third["parcel"], third["touches"]) == ("b", "c", "b")
    assert (second["track"], third["track"]) == (second["track"], second["track"])
    assert "touches" not in first
    bench.run()
    assert [told[1] for told in bench.told("edge") if told[0] == "S1-DEC"] == [300, 600]
    assert bench.lanes() == {"a": "S1-L1", "b": "S1-L1", "c": "S1-EX"}
    assert bench.of("read", "parcel", "text") == [("a", "C-a"), ("b", "C-b"), ("c", "C-c")]
    (at_b,) = {entry["t"] for entry in bench.of("read") if entry["parcel"] in "bc"}
    assert at_b == pytest.approx(second["t"] + 480, abs=0.01)  # in one gate
    with pytest.raises(NotThereError, match="does not wait"):
        bench.world.touch("S1", "b", bench.now)


def test_two_that_touch_lie_on_the_carriers_of_both() -> None:
    bench = Bench(line("LP", 12_000, {"EX": 9000}, loop=True, carriers=20))
    bench.give("a", "b", line="LP", length=500, wait=True)
    bench.world.touch("LP", "a", 0.0)
    bench.world.release(0.0)
    bench.run(100.0)
    assert bench.told("edge", "LP") == [("LP-IND", 1000, 0.0, 1, 2)]
    bench.world.remove("LP", "a", 100.0)
    bench.run(3000.0)
    assert [told[:2] + told[3:] for told in bench.told("edge", "LP")][1:] == [("LP-DEC", 500, 1, 2)]


def test_nobody_touches_when_nobody_waits_behind() -> None:
    bench = Bench(S1)
    bench.give("a", wait=True)
    bench.world.touch("S1", "a", 0.0)
    bench.world.release(0.0)
    bench.run()
    assert [told[1] for told in bench.told("edge")] == [300, 300]


def test_stop_start_and_speed() -> None:
    bench = Bench(S1)
    bench.give("a")
    bench.run(400.0)
    bench.world.stop("S1", 400.0)
    bench.world.speed("S1", 1250, 450.0)
    bench.run(10_000.0)
    assert bench.world.next_at() is None
    bench.world.start("S1", 10_000.0)
    bench.world.speed("S1", 2500, 10_400.0)
    bench.run()
    assert decs(bench) == [10_600.0]  # 1000 mm, then 500 at half the speed, then 500
    assert bench.told("belt_speed") == [(2500, 0.0), (0, 400.0), (1250, 10_000.0), (2500, 10_400.0)]


def test_a_jam_is_cleared_by_starting_and_an_emergency_stop_by_its_release_first() -> None:
    bench = Bench(S1)
    bench.world.jam("S1", 100.0)
    bench.world.start("S1", 200.0)
    bench.world.estop("S1", 300.0)
    with pytest.raises(NotThereError, match="not released"):
        bench.world.start("S1", 400.0)
    bench.world.release_estop("S1", 500.0)
    bench.world.start("S1", 600.0)
    assert bench.told("line_state") == [("JAM", 100.0), ("RUN", 200.0), ("ESTP", 300.0), ("STOP", 500.0)]
    assert [told[0] for told in bench.told("belt_speed")] == [2500, 0, 2500, 0, 2500]


def test_nobody_starts_a_belt_by_itself_that_a_hand_stopped() -> None:
    document = copy.deepcopy(S1)
    document["belt"] = {"S1": {"restart_s": 2}}
    bench = Bench(document)
    bench.plcs["S1"].stop_wanted = True
    bench.give("a")
    bench.run(1000.0)
    bench.plcs["S1"].stop_wanted = False
    bench.world.estop("S1", 1000.0)
    bench.run(60_000.0)
    assert [told[0] for told in bench.told("belt_speed")] == [2500, 0]


def test_a_gate_that_fails_lets_so_many_go_by() -> None:
    bench = Bench(S1, to_l1)
    bench.give("a", "b", "c")
    bench.world.gate_fails("S1-L1", 2)
    bench.run()
    assert bench.lanes() == {"a": "S1-EX", "b": "S1-EX", "c": "S1-L1"}
    assert bench.of("struck", "mishap", "place", "parcel") == [
        ("gate_fails", "S1-L1", "a"),
        ("gate_fails", "S1-L1", "b"),
    ]


@pytest.mark.parametrize(("lane", "fell_into", "at"), [("S1-L1", "S1-L2", 2700.0), ("S1-EX", "S1-EX", 4000.0)])
def test_a_wrong_gate_is_the_next_one_and_behind_the_last_the_end(lane: str, fell_into: str, at: float) -> None:
    bench = Bench(S1, lambda point, track: lane if point == "S1-DEC" else "")
    bench.give("a", "b")
    bench.world.wrong_gate("S1", 1)
    bench.run()
    assert bench.lanes() == {"a": fell_into, "b": lane}
    assert bench.of("lane", "t")[1 if lane == "S1-L1" else 0] == (pytest.approx(at),)


def test_a_wrong_gate_on_a_loop_is_the_first_one_of_the_next_lap() -> None:
    bench = Bench(line("LP", 12_000, {"L1": 5000, "EX": 9000}, loop=True), lambda point, track: "LP-EX")
    bench.give("a", line="LP")
    bench.world.wrong_gate("LP")
    bench.run(60_000)
    assert bench.of("lane", "parcel", "lane", "t") == [("a", "LP-L1", pytest.approx(17_000 / 2.5 + 300))]


def test_lanes_are_full_and_locked_as_somebody_says() -> None:
    document = copy.deepcopy(S1)
    document["chute"] = {"S1-L1": {"capacity": 2, "empty_every_ms": 100_000}}
    bench = Bench(document, to_l1)
    bench.world.lane_full("S1-L2", True, 10.0)
    bench.world.lane_full("S1-L2", False, 20.0)
    bench.world.lane_lock("S1-L1", True, 30.0)
    bench.give("a", "b")
    bench.run(9000.0)
    bench.world.lane_lock("S1-L1", False, 9000.0)
    bench.world.button("S1-L1", "LOCK", 9100.0)
    bench.world.button("S1-L1", "CLOS", 9200.0)
    bench.world.button("S1-L1", "FREE", 9300.0)
    assert bench.told("lane_state") == [
        ("S1-L2", "FULL", 10.0),
        ("S1-L2", "FREE", 20.0),
        ("S1-L1", "LOCK", 30.0),
        ("S1-L1", "FULL", 9000.0),  # what it had been under the lock
        ("S1-L1", "FULL", 9300.0),
    ]
    assert [told[1] for told in bench.told("button")] == ["LOCK", "CLOS", "FREE"]
    assert bench.of("locked", "lane") == [("S1-L1",)]
    with pytest.raises(NotThereError, match="no button is called 'SHUT'; known are CLOS, FREE, LOCK"):
        bench.world.button("S1-L1", "SHUT", 9400.0)


def test_a_parcel_belongs_to_the_container_that_stands_there_when_it_lands() -> None:
    bench = Bench(S1, to_l1)
    bench.world.container("S1-L1", "RC-1", 0.0)
    bench.give("a", "b", "c")
    bench.run(2250.0)  # a is falling
    assert bench.world.where("a") == ("falling", "S1-L1")
    bench.world.container("S1-L1", None, 2250.0)
    bench.run(2310.0)
    bench.world.container("S1-L1", "RC-2", 2310.0)
    bench.run()
    assert bench.world.content("S1-L1") == [("a", None), ("b", "RC-2"), ("c", "RC-2")]
    assert [container for (container,) in bench.of("lane", "container")] == [None, "RC-2", "RC-2"]
    assert bench.told("container") == [("S1-L1", b"RC-1", 0.0), ("S1-L1", b"", 2250.0), ("S1-L1", b"RC-2", 2310.0)]


def test_a_blind_eye_sees_nothing_and_a_bouncing_one_sees_twice() -> None:
    bench = Bench(S1)
    bench.world.eye_blind("S1-DEC", True)
    bench.world.eye_bounce("S1-IND", 1)
    bench.give("a", "b")
    bench.run(1700.0)
    seconds = [told[2] for told in bench.told("edge")]
    assert ([told[0] for told in bench.told("edge")], seconds[1]) == (["S1-IND"] * 3, 20.0)
    assert {mishap for (mishap,) in bench.of("struck", "mishap")} == {"eye_blind", "eye_bounce"}
    bench.world.eye_blind("S1-DEC", False)
    bench.give("c")
    bench.run()
    assert len(decs(bench)) == 1
    with pytest.raises(NotThereError, match="no point with an eye is called 'X'"):
        bench.world.eye_blind("X", True)


@pytest.mark.parametrize(
    ("kind", "texts", "begins"),
    [
        ("no_read", [("a", None), ("b", "C-b")], 480.0),
        ("wrong", [("a", "C-b"), ("b", "C-b")], 480.0),
        ("double", [("a", "C-a"), ("a", "C-a"), ("b", "C-b")], 480.0),
        ("late", [("a", "C-a"), ("b", "C-b")], 530.0),
        ("early", [("a", "C-a"), ("b", "C-b")], 430.0),
    ],
)
def test_what_a_reader_gets_wrong_once(kind: str, texts: list[Any], begins: float) -> None:
    bench = Bench(S1)
    bench.give("a", "b")
    bench.run(300.0)  # a is on its way to the reader
    bench.world.reader_mishap("tunnel-S1", kind, ms=50.0)
    bench.run()
    assert bench.of("read", "parcel", "text") == texts
    assert bench.of("read")[0]["t"] == pytest.approx(begins, abs=0.01)
    b = dict(bench.of("inducted", "parcel", "t"))["b"]
    assert bench.of("read")[-1]["t"] == pytest.approx(b + 480, abs=0.01)
    assert bench.of("struck", "mishap", "place", "parcel") == [(kind, "tunnel-S1", "a")]


def test_mishaps_of_a_reader_come_one_after_the_other() -> None:
    bench = Bench(S1)
    bench.give("a", "b", "c")
    for kind in ("no_read", "early", "wrong"):
        bench.world.reader_mishap("tunnel-S1", kind)
    bench.run()
    assert bench.of("read", "parcel", "text") == [("a", None), ("b", "C-b"), ("c", None)]
    assert bench.of("struck", "mishap", "parcel") == [("no_read", "a"), ("early", "b"), ("wrong", "c")]
    b = dict(bench.of("inducted", "parcel", "t"))["b"]
    assert bench.of("read")[1]["t"] == pytest.approx(b + 380, abs=0.01)


def test_the_power_of_the_plc_and_unknown_names() -> None:
    bench = Bench(S1)
    bench.world.plc_power("S1", False, 5.0)
    assert bench.told("power_cycle") == [(False, 5.0)]
    with pytest.raises(NotThereError, match="no line with a PLC is called 'S9'; known are S1"):
        bench.world.stop("S9", 5.0)
    with pytest.raises(NotThereError, match="no lane is called 'X'"):
        bench.world.lane_full("X", True, 5.0)
    with pytest.raises(NotThereError, match="known are double, early, late, no_read, wrong"):
        bench.world.reader_mishap("tunnel-S1", "blue")


def test_a_scale_tells_what_the_parcel_really_weighs() -> None:
    document = copy.deepcopy(S1)
    document["scale"] = {"W": {"point": "S1-T1"}, "X": {"point": "S1-DEC", "weight_status": "E", "size_status": "U"}}
    bench = Bench(document)
    bench.give("a")
    bench.run()
    assert bench.told("measured") == [
        ("S1-T1", 1, Measures(900, "A", "00000001", 300, 200, 150, "A"), 480.0),
        ("S1-DEC", 2, Measures(0, "E", "00000002", 300, 200, 150, "U"), 800.0),
    ]


FLOOR = floor(
    line("S1", 10_000, {"L1": 5000, "L2": 6000, "EX": 9000}),
    line("LP", 12_000, {"L1": 5000, "L2": 6000, "EX": 9000}, loop=True, carriers=20),
    line("LQ", 12_000, {"L1": 5000, "EX": 9000}, loop=True),
)
FLOOR["lane"]["S1-L2"]["leads_to"] = "LP"
FLOOR["point"]["LP-IN2"] = {"line": "LP", "position_mm": 1500, "induction": True}
FLOOR["transfer"] = {"S1-L2": {"point": "LP-IN2", "after_ms": 1500}}
LANES = {"S1": ["S1-L1", "S1-L2", "S1-EX"], "LP": ["LP-L1", "LP-L2", "LP-EX"], "LQ": ["LQ-L1", "LQ-EX"]}


@settings(max_examples=40, deadline=None)
@given(
    deeds=st.lists(
        st.tuples(
            st.sampled_from(
                "remove remove_told put slip swap touch stop jam estop speed gate_fails wrong_gate lane_full "
                "container eye_blind eye_bounce reader plc_power".split()
            ),
            st.sampled_from(sorted(LANES)),
            st.integers(0, 29),
            st.integers(0, 3000),
        ),
        max_size=30,
    ),
    seed=st.integers(0, 99),
)
def test_whatever_happens_every_parcel_is_in_exactly_one_place(
    deeds: list[tuple[str, str, int, int]], seed: int
) -> None:
    def route(point: str, track: int) -> str:
        lanes = LANES[point[:2]]
        return lanes[track % len(lanes)]

    bench = Bench(FLOOR, route, seed)
    names = [f"{name}-{number}" for name in LANES for number in range(10)]
    for name in names:
        bench.give(name, line=name[:2], length=200 + 37 * len(bench.ledger) % 700)
    for order, (what, where, number, wait) in enumerate(deeds):
        bench.run(bench.now + wait)
        parcel = names[number]
        try:
            names += _do(bench.world, what, where, parcel, names[number - 1], f"g{order}", bench.now)
        except NotThereError:
            pass
        _consistent(bench.world, names)
    for name in LANES:
        bench.world.release_estop(name, bench.now)
        bench.world.start(name, bench.now)
        bench.world.eye_blind(f"{name}-DEC", False)
    bench.run(bench.now + 300_000)
    _consistent(bench.world, names)
    assert (bench.world.on_belts, bench.world.waiting) == (0, 0)


def _do(world: World, what: str, where: str, parcel: str, other: str, new: str, now: float) -> list[str]:
    """Returns the names of new parcels."""
    if what in ("remove", "remove_told", "touch"):
        getattr(world, what)(where, parcel, now)
    elif what == "put":
        world.put(where, ghost(new), float(len(parcel) * 900), now)
        return [new]
    elif what == "slip":
        world.slip(where, parcel, 50.0 + 11 * len(new), now)
    elif what == "swap":
        world.swap(where, parcel, other, now)
    elif what in ("stop", "jam", "estop"):
        getattr(world, what)(where, now)
    elif what == "speed":
        world.speed(where, 1000 + 10 * len(world.counts()), now)
    elif what == "gate_fails":
        world.gate_fails(f"{where}-L1", 2)
    elif what == "wrong_gate":
        world.wrong_gate(where, 2)
    elif what == "lane_full":
        world.lane_full(f"{where}-EX", True, now)
    elif what == "container":
        world.container(f"{where}-L1", new, now)
    elif what == "eye_blind":
        world.eye_blind(f"{where}-DEC", True)
    elif what == "eye_bounce":
        world.eye_bounce(f"{where}-IND", 2)
    elif what == "reader":
        world.reader_mishap(f"tunnel-{where}", ("no_read", "wrong", "double", "late", "early")[len(parcel) % 5], 2)
    else:
        world.plc_power(where, True, now)
    return []


def _consistent(world: World, names: list[str]) -> None:
    places = {name: world.where(name) for name in names}
    states = Counter(place.state if place else "nowhere" for place in places.values())
    counts = world.counts()
    lanes = [lane for lanes in LANES.values() for lane in lanes]
    content = [parcel for lane in lanes for parcel, _ in world.content(lane)]
    assert len(content) == len(set(content)) == counts["in_lanes"] == states["lane"]
    assert counts["on_belts"] + counts["not_inducted"] == states["belt"] + states["falling"] + states["waiting"]
    assert counts.get("removed", 0) == states["removed"]
    assert sum(counts.values()) - counts["inducted"] == len(names)
    for parcel in content:
        place = places[parcel]
        assert place is not None
        assert (place.state, parcel in [one for one, _ in world.content(place.place)]) == ("lane", True)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("line.LP.carriers", -1, "[line.LP] carriers"),
        ("induction.LP.point", "S1-IND", "[induction.LP] point: S1-IND is on line S1"),
        ("induction.more", {"point": "S1-INN", "rate_per_s": 1.0}, "did you mean 'S1-IND'?"),
        ("transfer.S1-L2.point", "S1-IND", "[transfer.S1-L2] point: S1-IND is on the same line"),
        ("transfer.S1-L2.point", "LP-T1", "[point.LP-T1] needs induction = true"),
        ("transfer.S1-L2.after_ms", 0, "[transfer.S1-L2] after_ms: must be at least 1"),
        ("transfer.S1-L2.after", 0, "[transfer.S1-L2] after: unknown key; did you mean 'after_ms'?"),
        ("transfer.S1-L9", {}, "no lane is called 'S1-L9'"),
        ("lane.S1-L2.leads_to", "LQ", '[lane.S1-L2] leads_to: write "LP"'),
        ("chute", {"S1-L2": {"capacity": 1, "empty_every_ms": 1}}, "exclude each other"),
        ("scale", {"W": {"point": "S1-T1", "weight_status": "B"}}, "[scale.W] weight_status"),
        ("scale", {"W": {"point": "DESK"}}, "[point.DESK] is on no line"),
        ("belt", {"S1": {"encoder_um": 0}}, "[belt.S1] encoder_um"),
        ("stub.tunnel-S1.index", "tray", "[stub.tunnel-S1] index must be"),
        ("stub.tunnel-S1.index_digits", 19, "[stub.tunnel-S1] index_digits must be"),
    ],
)
def test_what_is_wrong_with_the_floor_is_said(path: str, value: Any, complaint: str) -> None:
    document = copy.deepcopy(FLOOR)
    document["point"]["DESK"] = {}
    *above, key = path.split(".")
    section = document
    for name in above:
        section = section[name]
    section[key] = value
    with pytest.raises(FloorError) as told:
        floor_file.read(document)
    assert complaint in str(told.value)
