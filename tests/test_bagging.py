"""People who bag at a lane, and a scanner that hangs on the PLC: what the PLC tells of them."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest

from firmware_stubs import floor_file
from firmware_stubs.plcs._events import Event
from firmware_stubs.plcs.telegram import Plc
from firmware_stubs.rides import Parcel
from firmware_stubs.sections import FloorError
from firmware_stubs.world import World
from tests.floor_bench import line

LINE = line("S1", 10_000, {"L1": 5000, "EX": 9000})
CHANGE_S, ITEMS = 0.4, 5


class Bench:
    """A line whose PLC has no controller: all that comes falls into its default lane."""

    def __init__(self, seed: int = 1, **tables: Any) -> None:
        document = copy.deepcopy(LINE) | tables
        document["stub"]["plc-S1"]["buffer"] = 5000
        self.ledger: list[dict[str, Any]] = []
        self.world = World(floor_file.read(document), self.ledger.append, seed=seed, now=0.0, utc_offset_ms=0.0)
        self.plc = cast(Plc, self.world._by_line["S1"].plc)

    def run(self, parcels: int, codes: tuple[bytes, ...] = (b"C",)) -> None:
        for number in range(parcels):
            self.world.add(Parcel(f"p{number}", "S1", codes, 300, 900), 0.0)
        self.world.release(0.0)
        self.world.advance(600_000.0)

    def told(self, *kinds: str) -> list[Event]:
        return [event for event in self.plc.buffer.waiting if event.type in kinds]

    def of(self, what: str) -> list[dict[str, Any]]:
        return [entry for entry in self.ledger if entry["what"] == what]


def bagging(**keys: Any) -> dict[str, Any]:
    return {"bagging": {"S1-EX": {"items": ITEMS, "change_s": CHANGE_S, **keys}}}


def test_a_full_bag_is_closed_taken_off_and_another_one_hangs_there() -> None:
    bench = Bench(**bagging())
    bench.run(40)
    bags = bench.of("bag")
    hung = [(entry["container"], entry["t"]) for entry in bags if entry["container"]]
    off = [entry["t"] for entry in bags if not entry["container"]]
    full = [event.at for event in bench.told("BUTN")]
    assert hung[0][1] == 0.0
    assert len(full) == len(off) == len(hung) - 1 >= 3
    assert off == pytest.approx([at + CHANGE_S * 500 for at in full])
    assert [at for _, at in hung[1:]] == pytest.approx([at + CHANGE_S * 1000 for at in full])
    assert len({bag for bag, _ in hung}) == len(hung)
    first = [entry for entry in bench.of("lane") if entry["t"] <= full[0]]
    assert len(first) == ITEMS
    assert {entry["container"] for entry in first} == {hung[0][0]}
    assert [(event.values["presence"], event.values["code"]) for event in bench.told("CONT")] == [
        ("P" if entry["container"] else "G", ((entry["container"] or "").encode(),)) for entry in bags
    ]


def test_labels_are_forgotten_and_taken_from_the_bag_before() -> None:
    bench = Bench(**bagging(items=1, change_s=0.1, forgotten=0.2, wrong=0.1))
    bench.run(300)
    bags = [(entry["container"], entry["said"]) for entry in bench.of("bag") if entry["container"]]
    said = [code[0].decode() for event in bench.told("CONT") if event.values["presence"] == "P"
            for code in [cast(tuple[bytes, ...], event.values["code"])]]  # fmt: skip
    assert said == [told for _, told in bags]
    changed = bags[1:]
    assert len(changed) > 200
    assert 0.12 < sum(told == "" for _, told in changed) / len(changed) < 0.28
    wrong = [
        told for before, (bag, told) in zip(bags, changed, strict=False) if told not in ("", bag) and told == before[0]
    ]
    assert len(wrong) == sum(told not in ("", bag) for bag, told in changed)
    assert 0.04 < len(wrong) / len(changed) < 0.16


def test_one_seed_has_always_the_same_bags() -> None:
    ledgers = []
    for seed in (1, 1, 2):
        bench = Bench(seed, **bagging(forgotten=0.3))
        bench.run(40)
        ledgers.append([(entry["container"], entry["said"]) for entry in bench.of("bag")])
    assert ledgers[0] == ledgers[1] != ledgers[2]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"bagging": {"EX": {}}}, r"\[bagging.EX\]: no lane is called 'EX'"),
        (bagging(item=4), r"\[bagging.S1-EX\] item: unknown key; did you mean 'items'?"),
        (bagging(items=0), r"\[bagging.S1-EX\] needs items of at least 1 and change_s above 0"),
        (bagging(forgotten=0.7, wrong=0.4), r"\[bagging.S1-EX\] forgotten and wrong are shares"),
        ({"reader": {"C": {"point": "T9"}}}, r"\[reader.C\] point: no point is called 'T9'"),
    ],
)
def test_what_is_wrong_is_said(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(FloorError, match=words):
        Bench(**tables)


def reads_at(mm: int) -> dict[str, Any]:
    point = {"S1-T": {"line": "S1", "position_mm": mm}}
    return {"reader": {"wired": {"point": "S1-T"}}, "point": LINE["point"] | point}


def test_a_scanner_on_the_plc_ahead_of_the_decision_speaks_with_the_arrival() -> None:
    bench = Bench(**reads_at(1000))
    bench.run(3, (b"A", b"B"))
    assert [event.values["codes"] for event in bench.told("ARRV")] == [(b"A", b"B")] * 3
    assert not bench.told("CODE")
    wired = [(entry["parcel"], entry["text"]) for entry in bench.of("read") if entry["reader"] == "wired"]
    assert wired[:2] == [("p0", "A"), ("p0", "B")]


def test_what_it_did_not_read_and_what_comes_later_is_told_by_itself() -> None:
    unread, behind = Bench(**reads_at(1000)), Bench(**reads_at(3000))
    unread.run(2, ())
    behind.run(2)
    assert [event.values["codes"] for event in unread.told("ARRV")] == [()] * 2
    assert [(e.values["outcome"], e.values["codes"]) for e in unread.told("CODE")] == [("N", ())] * 2
    assert [event.values["codes"] for event in behind.told("ARRV")] == [()] * 2
    assert [(e.values["outcome"], e.values["codes"]) for e in behind.told("CODE")] == [("R", (b"C",))] * 2
    assert [entry["text"] for entry in unread.of("read") if entry["reader"] == "wired"] == [None] * 2
