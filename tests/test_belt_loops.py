"""Loops, carriers, several inductions a line, and parcels that go on on another line."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_stubs.rides import Parcel
from firmware_stubs.stub import GateCommand
from tests.floor_bench import S1, Bench, floor, line

LOOP = line("LP", 12_000, {"L1": 5000, "L2": 6000, "EX": 9000}, loop=True)
TRAYS = line("LP", 12_000, {"L1": 5000, "L2": 6000, "EX": 9000}, loop=True, carriers=20)  # pitch 600


def edges(bench: Bench, point: str) -> list[Any]:
    return [told for told in bench.told("edge", "LP") if told[0] == point]


def test_a_ride_goes_round_until_a_gate_takes_it() -> None:
    bench = Bench(LOOP, lambda point, track: "LP-L1" if track == 4 else "")  # induction, then the third lap
    bench.give("p", line="LP")
    bench.run(60_000)
    assert [told[2] for told in edges(bench, "LP-IND")] == [0.0]  # the induction's eye sees what comes on, once
    assert [told[2] for told in edges(bench, "LP-DEC")] == pytest.approx([800.0, 5600.0, 10_400.0])
    assert [t for (t,) in bench.of("read", "t")] == pytest.approx([480.0, 5280.0, 10_080.0])
    assert bench.of("lane", "parcel", "lane", "t") == [("p", "LP-L1", 11_900.0)]
    assert bench.world.on_belts == 0


def test_without_a_gate_it_rides_for_ever_and_nothing_grows() -> None:
    bench = Bench(LOOP)
    bench.give("p", line="LP")
    bench.run(1_000_000.0)
    assert bench.world.where("p") == ("belt", "LP")
    assert len(edges(bench, "LP-DEC")) == 209  # (1,000,000 - 800) / 4800, and the first


def test_a_gate_behind_the_seam_takes_the_parcel_of_the_lap_before() -> None:
    document = copy.deepcopy(LOOP)
    document["lane"]["LP-L1"]["position_mm"] = 500
    bench = Bench(document, lambda point, track: "LP-L1")
    bench.give("p", line="LP")
    bench.run(60_000)
    assert bench.of("lane", "parcel", "lane", "t") == [("p", "LP-L1", 12_500 / 2.5 + 300)]


def test_carriers_have_numbers_and_parcels_lie_on_their_fronts() -> None:
    document = copy.deepcopy(TRAYS)
    document["induction"]["LP"]["rate_per_s"] = 1000.0
    bench = Bench(document, lambda point, track: "LP-L1" if track == 4 else "")
    bench.give("a", "b", line="LP")
    bench.give("long", line="LP", length=700)
    bench.give("c", line="LP")
    bench.run(3000)
    on = [(told[2], told[3], told[4]) for told in edges(bench, "LP-IND")]
    assert on == [(0.0, 1, 1), (240.0, 2, 1), (480.0, 3, 2), (960.0, 5, 1)]  # long lies on 3 and 4
    assert bench.of("inducted", "parcel", "carriers") == [("a", [1]), ("b", [2]), ("long", [3, 4]), ("c", [5])]
    assert [(told[3], told[4]) for told in edges(bench, "LP-DEC")] == [(1, 1), (2, 1), (3, 2), (5, 1)]
    bench.run(7000)
    assert edges(bench, "LP-DEC")[4][2:4] == (5840.0, 2)  # a fell, so b is the first of the second lap


def test_induction_waits_until_a_free_carrier_comes_by() -> None:
    document = copy.deepcopy(TRAYS)
    document["induction"]["LP"]["rate_per_s"] = 1000.0
    bench = Bench(document)
    bench.give(*(f"p{number}" for number in range(21)), line="LP")
    bench.run(20 * 240.0 + 1)
    assert (bench.world.on_belts, bench.world.waiting) == (20, 1)
    bench.run(100_000.0)
    assert (bench.world.on_belts, bench.world.waiting) == (20, 1)
    bench.world.remove("LP", "p7", 100_000.0)
    bench.run(110_000.0)
    assert bench.of("inducted", "parcel", "carriers")[-1] == ("p20", [8])
    assert bench.world.counts() == {"inducted": 21, "in_lanes": 0, "on_belts": 20, "not_inducted": 0, "removed": 1}


def test_the_mean_interval_on_carriers_is_the_rate() -> None:
    document = copy.deepcopy(TRAYS)
    document["induction"]["LP"]["rate_per_s"] = 1.0
    bench = Bench(document, lambda point, track: "LP-L1")
    bench.give(*(f"p{number}" for number in range(1000)), line="LP")
    bench.run()
    assert bench.of("inducted", "t")[-1][0] / 999 == pytest.approx(1000, rel=0.1)


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(50, 1500), min_size=3, max_size=40),
    carriers=st.sampled_from([0, 20]),
    loop=st.booleans(),
    seed=st.integers(0, 99),
)
def test_what_comes_from_several_inductions_keeps_its_distance(
    lengths: list[int], carriers: int, loop: bool, seed: int
) -> None:
    tables = line("LP", 12_000, {"L1": 5000, "EX": 9000}, loop=loop, carriers=carriers)
    tables["point"]["LP-IN2"] = {"line": "LP", "position_mm": 1700, "induction": True}
    tables["induction"]["second"] = {"point": "LP-IN2", "rate_per_s": 3.0}
    bench = Bench(tables, lambda point, track: "LP-L1" if track % 3 == 0 else "", seed=seed)
    for number, length in enumerate(lengths):
        bench.give(f"p{number}", line="LP", length=length, induction="second" if number % 2 else "LP")
    for _ in range(60):
        bench.run(bench.now + 250.0)
        belt = bench.world._by_line["LP"].belt
        assert belt is not None
        rides = list(belt.rides)
        if len(rides) > 1:
            for ahead, behind in itertools.pairwise([*rides, rides[0]] if loop else rides):
                room = behind.origin - ahead.origin
                if loop:
                    room %= 12_000
                least = ahead.parcel.length_mm + (0 if carriers and loop else 100)
                assert room >= least - 0.02
        if carriers and loop:
            taken = [number for ride in rides for number in belt.senses.on_carriers(ride)]
            assert len(taken) == len(set(taken))
    assert len(bench.of("inducted")) + bench.world.waiting == len(lengths)


def test_an_induction_behind_the_reader_has_its_own_queue_and_its_own_inhibit() -> None:
    tables = copy.deepcopy(LOOP)
    tables["point"]["LP-IN2"] = {"line": "LP", "position_mm": 1500, "induction": True}
    tables["induction"]["second"] = {"point": "LP-IN2", "rate_per_s": 3.0}
    bench = Bench(tables)
    bench.plcs["LP"].inhibited = frozenset({"LP-IND"})
    bench.give("a", line="LP")
    bench.give("b", line="LP", induction="second")
    bench.run(3000)
    assert bench.world.where("a") == ("waiting", "LP")
    assert bench.of("inducted", "parcel", "point", "t") == [("b", "LP-IN2", 0.0)]
    assert edges(bench, "LP-DEC")[0][2] == 200.0
    bench.plcs["LP"].inhibited = frozenset()
    bench.run(10_000)
    assert bench.of("inhibit", "point", "inhibited") == [("LP-IND", True), ("LP-IND", False)]
    assert {parcel for (parcel,) in bench.of("inducted", "parcel")} == {"a", "b"}


@pytest.mark.parametrize("loop", [False, True])
def test_the_eye_of_an_induction_in_the_course_of_a_line_sees_who_comes_by(loop: bool) -> None:
    tables = line("LP", 12_000, {"EX": 9000}, loop=loop)
    tables["point"]["LP-IN2"] = {"line": "LP", "position_mm": 1500, "induction": True}
    tables["induction"]["second"] = {"point": "LP-IN2", "rate_per_s": 3.0}
    bench = Bench(tables)
    bench.give("a", line="LP")
    bench.run(100.0)
    bench.give("b", line="LP", induction="second")
    bench.run(2000.0)
    seen = [told[:3] for told in bench.told("edge", "LP") if told[0] == "LP-IN2"]
    assert seen == [("LP-IN2", 300, 100.0)] + [("LP-IN2", 300, 600.0)] * (not loop)


def test_reads_say_track_or_carrier_and_the_encoder() -> None:
    for index in ("track", "carrier"):
        tables = copy.deepcopy(TRAYS)
        tables["belt"] = {"LP": {"encoder_um": 1500}}
        tables["stub"]["tunnel-LP"] |= {"index_digits": 4, "encoder_digits": 7, "index": index, "suffix": "\r"}
        tables["induction"]["LP"]["rate_per_s"] = 1000.0
        bench = Bench(tables)
        bench.give("a", "b", line="LP")
        bench.run(480.0 + 240.0)
        heard = [data for stub, data in bench.world.output() if stub == "tunnel-LP"]
        assert heard == [b"00010000800C-a\r", b"00020001200C-b\r"]


def test_carrier_and_track_differ() -> None:
    tables = copy.deepcopy(TRAYS)
    tables["stub"]["tunnel-LP"] |= {"index_digits": 4, "index": "carrier", "suffix": "\r"}
    bench = Bench(tables)
    bench.run(1000.0)  # 2500 mm: the next front is that of carrier 6
    bench.give("a", line="LP")
    bench.run(3000.0)
    assert [data for _, data in bench.world.output()] == [b"0006C-a\r"]


TWO: dict[str, Any] = floor(S1, line("S2", 8000, {"L1": 5000, "EX": 7000}))
TWO["lane"]["S1-L1"]["leads_to"] = "S2"
TWO["point"]["S2-IN2"] = {"line": "S2", "position_mm": 300, "induction": True}
TWO["transfer"] = {"S1-L1": {"point": "S2-IN2", "after_ms": 2000}}


def to_l1(point: str, track: int) -> str:
    return "S1-L1" if point == "S1-DEC" else ""


def test_a_parcel_goes_on_on_the_other_line() -> None:
    bench = Bench(TWO, to_l1)
    bench.give("p")
    places = []
    for until in (1000.0, 2200.0, 2300.0, 4300.0, 8000.0):
        bench.run(until)
        places.append((*(bench.world.where("p") or ()), bench.world.on_belts))
    assert places == [
        ("belt", "S1", 1),
        ("falling", "S1-L1", 1),
        ("waiting", "S1-L1", 1),
        ("belt", "S2", 1),
        ("lane", "S2-EX", 0),
    ]
    assert bench.told("handed_over", "S2") == [("S2-IN2", 300, "S1", 1, 2, 0, 1, 4300.0)]
    assert [told[0] for told in bench.told("edge", "S2")] == ["S2-DEC"]
    (dropped, ended), (came,) = bench.of("lane"), bench.of("handed_over")
    assert (dropped["line"], dropped["lane"], dropped["leads_to"], dropped["t"]) == ("S1", "S1-L1", "S2-IN2", 2300.0)
    assert (came["line"], came["from_line"], came["lane"], came["from_track"], came["t"]) == (
        "S2",
        "S1",
        "S1-L1",
        2,
        4300.0,
    )
    assert (ended["line"], ended["lane"]) == ("S2", "S2-EX")
    assert bench.world.counts() == {"inducted": 1, "in_lanes": 1, "on_belts": 0, "not_inducted": 0}
    assert bench.world.content("S1-L1") == []


def test_who_comes_over_waits_for_room_and_for_the_inhibit() -> None:
    bench = Bench(TWO, to_l1)
    bench.give("p")
    bench.run(4299.0)
    bench.world.put("S2", parcel_of("g", 1000), 1200.0, 4299.0)  # over the point until 100 mm behind its end is free
    bench.run(4500.0)
    assert bench.told("handed_over", "S2")[0][-1] == pytest.approx(4299.0 + 200 / 2.5)
    late = Bench(TWO, to_l1)
    late.plcs["S2"].inhibited = frozenset({"S2-IN2"})
    late.give("p")
    late.run(9000.0)
    assert (late.world.where("p"), late.world.on_belts) == (("waiting", "S1-L1"), 1)
    late.plcs["S2"].inhibited = frozenset()
    late.world.eye_blind("S2-DEC", False)  # something happens there
    late.world.manual("S2", False, 9000.0)
    late.run(9500.0)
    assert late.told("handed_over", "S2")[0][-1] == 9000.0


def parcel_of(name: str, length: int) -> Parcel:
    return Parcel(name, "S2", (b"GHOST",), length, 900)


def test_an_item_that_the_first_plc_does_not_know_is_an_edge_to_the_second() -> None:
    bench = Bench(TWO, to_l1)
    bench.world.eye_blind("S1-IND", True)
    bench.give("p")
    bench.run(500.0)
    assert bench.of("inducted", "track") == [(None,)]
    bench.world.eye_blind("S1-DEC", True)
    cell = bench.world._by_line["S1"]
    assert cell.belt is not None
    bench.run(2000.0)
    cell.belt.diverts.fire(GateCommand("S1-L1", 0, 2000.0), 2000.0)
    cell.heed()
    bench.run(5000.0)
    assert bench.told("handed_over", "S2") == []
    assert bench.told("edge", "S2")[0][:3] == ("S2-IN2", 300, 4300.0)


def test_who_comes_over_onto_a_loop_lies_on_carriers() -> None:
    tables = floor(S1, TRAYS)
    tables["lane"]["S1-L1"]["leads_to"] = "LP"
    tables["transfer"] = {"S1-L1": {"point": "LP-IND", "after_ms": 2000}}
    bench = Bench(tables, to_l1)
    bench.give("p", length=700)
    bench.run(9000.0)
    # from 4300 ms on: the next front is at 18 pitches, that of carrier 19
    assert bench.told("handed_over", "LP") == [("LP-IND", 700, "S1", 1, 2, 19, 2, 4320.0)]
    assert bench.of("handed_over", "carriers") == [([19, 20],)]


def test_a_floor_that_is_woken_late_hands_over_at_the_same_times() -> None:
    def truth(step: float) -> list[Any]:
        bench = Bench(TWO, lambda point, track: to_l1(point, track) if track % 3 else "")
        bench.give(*(f"p{number}" for number in range(30)))
        bench.give(*(f"q{number}" for number in range(30)), line="S2")
        now = 0.0
        for _ in range(100_000):
            if not (bench.world.waiting or bench.world.on_belts):
                break
            now += step
            bench.world.advance(now)
        kept = [entry for entry in bench.ledger if entry["what"] in ("inducted", "handed_over", "lane")]
        return sorted((entry["what"], entry["t"], entry["parcel"]) for entry in kept)

    assert len(truth(1.0)) > 120
    assert truth(1.0) == truth(5000.0)
