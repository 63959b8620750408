"""The physics of a belt: where parcels are, when their edges pass, where they end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs import floor_file
from firmware_stubs.belt import Belt, Parcel, Told
from firmware_stubs.floor_file import ChuteSettings, Induction, Line, Point
from firmware_stubs.readers import Reader as Place
from firmware_stubs.stub import GateCommand, Measures, Piece, Quiet, Taken
from firmware_stubs.world import World

LINE = Line(
    name="S1",
    speed_mm_s=2500,
    length_mm=10_000,
    default_lane="EX",
    seed=7,
    restart_s=0.0,
    points={
        "IND": Point("S1", 0, induction=True, decision=False),
        "T1": Point("S1", 1200, induction=False, decision=False),
        "DEC": Point("S1", 2000, induction=False, decision=True),
    },
    lanes={"L1": 5000, "L2": 6000, "EX": 9000},
    chutes={},
    inductions={"S1": Induction("IND", gap_mm=100.0, rate_per_s=5.0)},
)


@dataclass
class Plc(Quiet):
    """A PLC that follows a list: the n-th item goes into the n-th lane; empty = into none."""

    routes: list[str] = field(default_factory=list)
    inhibited: frozenset[str] = frozenset()
    stop_wanted: bool = False
    epoch: int = 1
    in_session: bool = True
    seen: list[tuple[str, float]] = field(default_factory=list)
    _fired: list[GateCommand] = field(default_factory=list)
    _tracks: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def edge(self, point: str, length: int, now: float, carrier: int = 0, carriers: int = 1) -> int:
        self.seen.append((point, now))
        if point != "IND":
            return 0
        track = next(self._tracks)
        lane = self.routes[track - 1] if track <= len(self.routes) else ""
        if lane:
            self._fired.append(GateCommand(lane, track, now + LINE.lanes[lane] * 1000 / LINE.speed_mm_s))
        return track

    def handed_over(
        self,
        point: str,
        length: int,
        from_line: str,
        epoch: int,
        track: int,
        now: float,
        carrier: int = 0,
        carriers: int = 1,
    ) -> int:
        return self.edge(point, length, now)

    def measured(self, point: str, track: int, measures: Measures, now: float) -> None: ...

    def read(self, point: str, track: int, codes: Sequence[bytes], now: float) -> None: ...

    def button(self, lane: str, button: str, now: float) -> None: ...

    def container(self, lane: str, code: bytes, now: float, *, unlabelled: bool = False) -> None: ...

    def eye(self, point: str, covered: bool, now: float) -> None: ...

    def line_state(self, state: str, now: float) -> None: ...

    def removed(self, track: int, now: float) -> None: ...

    def power_cycle(self, now: float, retentive: bool | None = None) -> None: ...

    def gates(self, now: float) -> list[GateCommand]:
        fired = [command for command in self._fired if command.at <= now]
        self._fired = [command for command in self._fired if command.at > now]
        return fired

    def lane_eye(self, lane: str, now: float) -> None:
        self.seen.append((f"eye {lane}", now))

    def lane_state(self, lane: str, state: str, now: float) -> None:
        self.seen.append((f"{state} {lane}", now))

    def belt_speed(self, mm_s: int, now: float) -> None:
        self.seen.append((f"{mm_s} mm/s", now))

    def destined(self, track: int) -> str | None:
        return None

    def taken(self) -> list[Taken]:
        return []

    def sent_arrivals(self) -> list[tuple[int, int, float]]:
        return []

    def feed(self, data: Piece, now: float) -> None: ...

    def tick(self, now: float) -> None: ...

    def next_at(self) -> float | None:
        return min((command.at for command in self._fired), default=None)

    def take(self) -> bytes:
        return b""


class Reader(Quiet):
    """A scanner that notes what it is shown."""

    def __init__(self) -> None:
        self.gates: list[tuple[list[bytes], float]] = []

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        self.gates.append((codes, now))

    def said(self) -> list[bytes | None]:
        return []

    def feed(self, data: Piece, now: float) -> None: ...

    def tick(self, now: float) -> None: ...

    def next_at(self) -> float | None:
        return None

    def take(self) -> bytes:
        return b""


class Bench:
    """A belt with its machines, run like the simulator runs it."""

    def __init__(self, line: Line = LINE, routes: Iterable[str] = (), seed: int = 1) -> None:
        self.plc = Plc(list(routes))
        self.reader = Reader()
        self.told: list[Told] = []
        place = Place("tunnel", self.reader, 1200, by_carrier=False)
        self.belt = Belt(line, self.plc, [place], self.told.append, seed, 0.0)

    def put(self, count: int, length: int = 300, now: float = 0.0) -> None:
        for number in range(count):
            self.belt.add(Parcel(f"p{number}", "S1", (b"C%d" % number,), length, 900), now)
        self.belt.release(now)

    def run(self, until: float) -> None:
        for _ in range(100_000):
            gate = self.plc.next_at()
            at = min(self.belt.next_at(), math.inf if gate is None else gate)
            if at > until:
                return
            if self.belt.next_at() == at:
                self.belt.step()
            for command in self.plc.gates(at):
                self.belt.diverts.fire(command, at)
        pytest.fail("the belt never comes to rest")

    def lanes(self) -> list[tuple[str, str, float]]:
        return [(t.ride.parcel.parcel, t.place, t.at) for t in self.told if t.what == "lane" and t.ride]

    def inducted(self) -> list[float]:
        return [t.at for t in self.told if t.what == "inducted"]


def test_edges_come_at_their_exact_times_however_late_the_belt_is_woken() -> None:
    bench = Bench()
    bench.put(1)
    bench.run(1e9)
    assert bench.plc.seen[1:] == [("IND", 0.0), ("DEC", 800.0), ("eye EX", 4000.0)]
    assert bench.reader.gates == [([b"C0"], 480.0)]
    assert bench.lanes() == [("p0", "EX", 4000.0)]
    assert bench.belt.empty


def test_position_is_the_integral_of_the_speed() -> None:
    bench = Bench()
    bench.put(1)
    bench.run(400.0)  # 1000 mm
    ride = next(iter(bench.belt.rides))
    bench.belt.set_speed(1250, 400.0)
    assert bench.belt.front(ride, 500.0) == 1125.0
    bench.run(500.0)
    bench.belt.set_speed(0, 500.0)
    assert bench.belt.next_at() == math.inf
    assert bench.belt.front(ride, 90_000.0) == 1125.0
    bench.belt.set_speed(2500, 90_000.0)
    bench.run(1e9)
    assert bench.reader.gates == [([b"C0"], 90_030.0)]  # 75 mm left
    assert ("DEC", 90_350.0) in bench.plc.seen


def test_gate_takes_the_parcel_and_the_lane_eye_sees_it_300_ms_later() -> None:
    bench = Bench(routes=["L2"])
    bench.put(1)
    bench.run(1e9)
    assert bench.lanes() == [("p0", "L2", 2700.0)]  # 6000 mm at 2500 mm/s, then the fall
    assert ("eye L2", 2700.0) in bench.plc.seen
    assert not [told for told in bench.told if told.what == "missed"]


@pytest.mark.parametrize(
    ("off_ms", "lane", "at"),
    [
        (0.0, "L1", 2300.0),
        (24.0, "L1", 2300.0),  # 60 mm behind the gate's middle: the fall began when the edge was there
        (-24.0, "L1", 2300.0),
        (24.4, "EX", 4000.0),
        (-24.4, "EX", 4000.0),
    ],
)
def test_a_gate_reaches_60_mm_to_either_side(off_ms: float, lane: str, at: float) -> None:
    bench = Bench()
    bench.put(1)
    bench.run(2000.0 + off_ms)
    bench.belt.diverts.fire(GateCommand("L1", 1, 2000.0 + off_ms), 2000.0 + off_ms)
    bench.run(1e9)
    assert [told[:2] for told in bench.lanes()] == [("p0", lane)]
    assert bench.lanes()[0][2] == pytest.approx(at)
    assert [told.what for told in bench.told].count("missed") == (lane == "EX")


def test_a_gate_fired_for_one_parcel_takes_the_one_that_is_there() -> None:
    bench = Bench()
    bench.put(2)
    bench.run(1500.0)
    crossing = bench.inducted()[1] + 2000.0
    bench.run(crossing)
    bench.belt.diverts.fire(GateCommand("L1", 1, crossing), crossing)
    bench.run(1e9)
    assert sorted((name, lane) for name, lane, _ in bench.lanes()) == [("p0", "EX"), ("p1", "L1")]


def test_a_gate_of_a_lane_that_is_not_here_takes_nothing() -> None:
    bench = Bench()
    bench.put(1)
    bench.belt.diverts.fire(GateCommand("NOWHERE", 1, 0.0), 0.0)
    bench.run(1e9)
    assert [(name, lane) for name, lane, _ in bench.lanes()] == [("p0", "EX")]


def test_a_chute_is_full_at_its_last_place_and_free_at_half() -> None:
    line = replace(LINE, chutes={"L1": ChuteSettings(capacity=4, empty_every_ms=3000.0)})
    bench = Bench(line, routes=["L1"] * 6)
    bench.put(6)
    bench.run(1e9)
    arrivals = [at for _, _, at in bench.lanes()]
    assert max(arrivals) < arrivals[0] + 3000  # all six before the first is taken out
    assert [told.overfilled for told in bench.told if told.what == "lane"] == [False] * 4 + [True] * 2
    changes = [(what, at) for what, at in bench.plc.seen if what in ("FULL L1", "FREE L1")]
    assert changes == [("FULL L1", arrivals[3]), ("FREE L1", arrivals[0] + 4 * 3000)]  # 6 - 4 = half of 4


@given(
    lengths=st.lists(st.integers(50, 1500), min_size=2, max_size=30),
    rate=st.floats(0.2, 50),
    speeds=st.lists(st.tuples(st.floats(0, 20_000), st.sampled_from([0, 300, 1250, 2500, 4000])), max_size=4),
    seed=st.integers(0, 1000),
)
def test_parcels_never_come_closer_than_the_gap(
    lengths: list[int], rate: float, speeds: list[tuple[float, int]], seed: int
) -> None:
    bench = Bench(replace(LINE, inductions={"S1": Induction("IND", 100.0, rate)}), seed=seed)
    for number, length in enumerate(lengths):
        bench.belt.add(Parcel(str(number), "S1", (), length, 900), 0.0)
    bench.belt.release(0.0)
    for at, mm_s in [*sorted(speeds), (20_000.0, 2500)]:
        bench.run(at)
        bench.belt.set_speed(mm_s, at)
    bench.run(1e12)
    rides = [told.ride for told in bench.told if told.what == "inducted" and told.ride]
    assert len(rides) == len(lengths)
    for ahead, behind in itertools.pairwise(rides):
        assert behind.origin - ahead.origin >= ahead.parcel.length_mm + 100 - 1e-6


@pytest.mark.parametrize(("rate", "expected_ms"), [(2.0, 500.0), (50.0, 160.0)])
def test_the_mean_interval_is_the_rate_or_what_the_belt_has_room_for(rate: float, expected_ms: float) -> None:
    bench = Bench(replace(LINE, inductions={"S1": Induction("IND", 100.0, rate)}))
    bench.put(2000)
    bench.run(1e9)
    mean = bench.inducted()[-1] / 1999
    assert mean == pytest.approx(expected_ms, rel=0.05)


def test_nothing_is_inducted_before_release_while_held_or_inhibited() -> None:
    bench = Bench()
    bench.belt.add(Parcel("a", "S1", (), 300, 900), 0.0)
    bench.run(10_000.0)
    assert bench.inducted() == []
    bench.plc.inhibited = frozenset({"IND"})
    bench.belt.release(10_000.0)
    assert bench.belt.next_at() == math.inf
    bench.plc.inhibited = frozenset({"ANOTHER"})
    bench.belt.resume(12_000.0)
    bench.belt.hold()
    assert bench.belt.next_at() == math.inf
    bench.belt.release(13_000.0)
    bench.run(1e9)
    assert bench.inducted() == [13_000.0]


def test_a_parcel_that_comes_late_to_the_queue_is_not_inducted_in_the_past() -> None:
    bench = Bench()
    bench.put(1)
    bench.run(60_000.0)
    bench.belt.add(Parcel("late", "S1", (), 300, 900), 60_000.0)
    bench.run(1e9)
    assert bench.inducted() == [0.0, 60_000.0]


def test_a_stopped_belt_is_started_again_by_a_local_hand_only() -> None:
    bench = Bench(replace(LINE, restart_s=5.0))
    bench.put(1)
    bench.run(1000.0)
    bench.belt.stop(1000.0)
    bench.belt.stop(1000.0)  # stopping twice is stopping once
    bench.run(1e9)
    assert bench.lanes() == [("p0", "EX", 9000.0)]
    assert [(what, at) for what, at in bench.plc.seen if what.endswith("mm/s")] == [
        ("2500 mm/s", 0.0),
        ("0 mm/s", 1000.0),
        ("2500 mm/s", 6000.0),
    ]
    nobody = Bench()
    nobody.put(1)
    nobody.run(1000.0)
    nobody.belt.stop(1000.0)
    nobody.run(1e12)
    assert len(nobody.belt.rides) == 1


@given(routes=st.lists(st.sampled_from(["L1", "L2", "EX", ""]), max_size=40), seed=st.integers(0, 99))
def test_every_inducted_parcel_ends_in_exactly_one_lane(routes: list[str], seed: int) -> None:
    bench = Bench(routes=routes, seed=seed)
    bench.put(len(routes))
    bench.run(1e9)
    assert sorted(name for name, _, _ in bench.lanes()) == sorted(f"p{n}" for n in range(len(routes)))
    for name, lane, _ in bench.lanes():
        assert lane == (routes[int(name[1:])] or "EX")
    assert bench.belt.empty


DOCUMENT = {
    "line": {"S1": {"kind": "line", "speed_mm_s": 2500, "length_mm": 10_000, "default_lane": "EX"}},
    "point": {
        "IND": {"line": "S1", "position_mm": 0, "induction": True},
        "T1": {"line": "S1", "position_mm": 1200},
        "DEC": {"line": "S1", "position_mm": 2000, "decision": True},
    },
    "lane": {"L1": {"line": "S1", "position_mm": 5000}, "EX": {"line": "S1", "position_mm": 9000}},
    "induction": {"S1": {"point": "IND", "rate_per_s": 5.0}},
    "stub": {
        "tunnel": {"kind": "line", "link": "pty:///a", "point": "T1", "delay_ms": 15},
        "s1": {"kind": "telegram", "link": "pty:///b", "line": "S1", "plc": "PLC1", "controller": "HUB"},
    },
}


def ledger(step_ms: float, seed: int | None = None) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    world = World(floor_file.read(DOCUMENT), entries.append, seed=seed, now=0.0, utc_offset_ms=1e12)
    for number in range(20):
        codes = (b"A", b"B")[: number % 3]
        world.add(Parcel(f"p{number}", "S1", codes, 300, 900), 0.0)
    world.release(0.0)
    now = 0.0
    for _ in range(100_000):
        world.advance(now)
        world.output()
        if not world.waiting and not world.on_belts:
            break
        now += step_ms
    assert world.counts() == {"inducted": 20, "in_lanes": 20, "on_belts": 0, "not_inducted": 0}
    return entries


def test_ledger_tells_each_parcel_from_induction_to_lane() -> None:
    entries = ledger(1.0)
    inducted = {entry["parcel"]: entry for entry in entries if entry["what"] == "inducted"}
    lanes = {entry["parcel"]: entry for entry in entries if entry["what"] == "lane"}
    assert len(inducted) == len(lanes) == 20
    assert {entry["lane"] for entry in lanes.values()} == {"EX"}
    assert inducted["p2"]["codes"] == ["A", "B"]
    assert inducted["p2"]["utc_ms"] == round(float(str(inducted["p2"]["t"])) + 1e12)
    assert [entry["track"] for entry in inducted.values()] == list(range(1, 21))
    for name, entry in lanes.items():
        assert entry["t"] == pytest.approx(float(str(inducted[name]["t"])) + 3900, abs=0.01)  # its gate, and the fall
    reads = [(entry["parcel"], entry["text"]) for entry in entries if entry["what"] == "read"]
    assert reads[:4] == [("p0", None), ("p1", "A"), ("p2", "A"), ("p2", "B")]
    for entry in entries:
        if entry["what"] == "read":
            begun = float(str(inducted[entry["parcel"]]["t"])) + 480 + 15
            assert begun <= float(str(entry["t"])) <= begun + 1.01  # the bytes leave when the world is woken


def test_a_world_that_is_woken_late_has_the_same_truth() -> None:
    def truth(step_ms: float) -> list[tuple[object, ...]]:
        kept = [entry for entry in ledger(step_ms) if entry["what"] in ("inducted", "lane")]
        return sorted((str(entry["what"]), entry["t"], entry["parcel"]) for entry in kept)

    assert truth(1.0) == truth(777.0)


def test_the_seed_decides() -> None:
    assert ledger(10.0, seed=1) == ledger(10.0, seed=1)
    assert ledger(10.0, seed=1) != ledger(10.0, seed=2)
