"""The demo's judge must be able to say no: each thing that may go wrong, alone."""

from __future__ import annotations

from typing import Any

import pytest

from controller.demo_ledger import IN_FLIGHT_MS, Lanes, Ledger, judge, passed
from controller.demo_parcels import DemoParcel

LANES = Lanes(frozenset(f"S1-L0{number}" for number in range(1, 7)), {"S1": "S1-EX"})
WRONG = ("missing", "double_terminal", "mis_sorted", "escaped")


def event(sequence: int, name: str, **data: Any) -> dict[str, Any]:
    return {
        "id": f"id-{sequence}",
        "source": "urn:hub:lgg:demo:jrnl0000",
        "type": f"hubfloor.{name.replace('/', '.')}.v1",
        "sequence": f"{sequence:020}",
        "data": data,
    }


def parcel(*said: tuple[float, str], customs: str = "required") -> DemoParcel:
    advice = {"customs": customs, "aliases": []}
    return DemoParcel("P1", "S1", ["C1"], 200, 500, advice, said=list(said))


class Run:
    """One parcel that goes to S1-L01 as its DEST says, released before; every test changes one thing."""

    def __init__(self) -> None:
        self.parcel = parcel((0.0, "release"))
        self.lane = "S1-L01"
        self.dests: list[dict[str, Any]] = [self.dest(1000.0, "S1-L01", "S1-L02")]
        self.events = [
            event(1, "parcel/inducted", line="S1", epoch=1, track=1, travel="T1"),
            event(2, "parcel/sorted", travel="T1"),
        ]
        self.journal = [("jrnl0000", 1), ("jrnl0000", 2)]

    @staticmethod
    def dest(t: float, *lanes: str, refusal: str | None = None) -> dict[str, Any]:
        track = {"line": "S1", "epoch": 1, "track": 1, "no_default": False, "if_none": "D"}
        return {"what": "dest", "t": t, "parcel": "P1", "lanes": list(lanes), "refusal": refusal, **track}

    def verdict(self) -> dict[str, Any]:
        ledger = Ledger()
        ledger.belt({"what": "inducted", "t": 100.0, "parcel": "P1", "line": "S1", "epoch": 1, "track": 1})
        ledger.belt({"what": "read", "t": 600.0, "parcel": "P1", "line": "S1"})
        ledger.belt({"what": "arrived", "t": 990.0, "parcel": "P1", "line": "S1", "epoch": 1, "track": 1})
        for dest in self.dests:
            ledger.belt(dest)
        ledger.belt({"what": "lane", "t": 5000.0, "parcel": "P1", "line": "S1", "lane": self.lane})
        for each in self.events:
            ledger.event(each)
        return judge(ledger, {"P1": self.parcel}, self.journal, LANES)

    def wrong(self) -> dict[str, int]:
        verdict = self.verdict()
        assert passed(verdict) == (not any(verdict[name] for name in WRONG))
        return {name: verdict[name] for name in WRONG if verdict[name]}


def test_a_good_run_passes() -> None:
    run = Run()
    verdict = run.verdict()
    assert run.wrong() == {}
    assert (verdict["parcels"], verdict["terminal"], verdict["duplicates"]) == (1, 1, 0)
    assert verdict["divert_ms_p50"] == 10.0


def test_a_parcel_without_a_terminal_event_is_missing() -> None:
    run = Run()
    run.events.pop()
    run.journal.pop()
    assert run.wrong() == {"missing": 1}


def test_a_row_that_nobody_heard_is_missing() -> None:
    run = Run()
    run.journal.append(("jrnl0000", 3))
    assert run.wrong() == {"missing": 1}


def test_a_second_terminal_event_counts_but_a_second_delivery_does_not() -> None:
    run = Run()
    run.events.append(run.events[-1])
    assert run.wrong() == {}
    assert run.verdict()["duplicates"] == 1
    run.events.append(event(3, "parcel/lost", travel="T1"))
    assert run.wrong() == {"double_terminal": 1}


@pytest.mark.parametrize(
    ("lane", "dests", "wrong"),
    [
        ("S1-L02", [Run.dest(1000.0, "S1-L01", "S1-L02")], 0),
        ("S1-EX", [Run.dest(1000.0, "S1-L01")], 0),
        ("S1-L03", [Run.dest(1000.0, "S1-L01", "S1-L02")], 1),
        ("S1-EX", [], 0),
        ("S1-BOND", [], 1),
        ("S1-L01", [Run.dest(1000.0, "S1-L01"), Run.dest(1500.0, "S1-L03")], 1),
        ("S1-L01", [Run.dest(1000.0, "S1-L01"), Run.dest(1500.0, "S1-L03", refusal="LATE")], 0),
        ("S1-L01", [Run.dest(1000.0, "S1-L01"), Run.dest(5001.0, "S1-L03")], 0),
    ],
)
def test_mis_sorted_is_a_lane_that_the_last_accepted_destination_does_not_allow(
    lane: str, dests: list[dict[str, Any]], wrong: int
) -> None:
    run = Run()
    run.parcel, run.lane, run.dests = parcel(customs="none"), lane, dests
    assert run.verdict()["mis_sorted"] == wrong


@pytest.mark.parametrize(
    ("said", "escaped"),
    [
        ([(0.0, "release")], 0),
        ([], 1),
        ([(0.0, "hold")], 1),
        ([(0.0, "release"), (500.0, "hold")], 1),
        ([(0.0, "pending"), (900.0, "release")], 0),
        ([(0.0, "pending"), (1001.0, "release")], 1),
        ([(0.0, "release"), (2000.0, "hold")], 1),
        ([(0.0, "release"), (1000.0 - IN_FLIGHT_MS / 2, "hold")], 1),
    ],
)
def test_escaped_is_an_unsupervised_lane_without_a_release_in_force(
    said: list[tuple[float, str]], escaped: int
) -> None:
    run = Run()
    run.parcel = parcel(*said)
    assert run.verdict()["escaped"] == escaped
    run.lane, run.dests = "S1-EX", []
    assert run.verdict()["escaped"] == 0, "a supervised lane is no escape"


def test_a_recall_answers_for_a_later_hold_only() -> None:
    run = Run()
    recall = event(3, "parcel/recall", travel="T1", parcel="P1")
    run.events.append(recall)
    run.parcel = parcel((0.0, "release"), (2000.0, "hold"))
    assert run.verdict()["escaped"] == 0
    run.parcel = parcel((0.0, "release"), (1000.0 - IN_FLIGHT_MS / 2, "hold"))
    assert run.verdict()["escaped"] == 0, "the word was on its way"
    run.parcel = parcel((0.0, "hold"))
    assert run.verdict()["escaped"] == 1, "no recall makes good what never had a release"


def test_without_advice_every_unsupervised_lane_is_an_escape() -> None:
    run = Run()
    run.parcel.advice = None
    assert run.wrong() == {"escaped": 1}
