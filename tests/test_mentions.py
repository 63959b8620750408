"""Open travels are found by what a message of the centre names."""

from __future__ import annotations

from controller.identity import Result
from controller.identity_rules import Rules
from controller.line import LineState
from controller.matching import Odometer
from controller.mentions import Mentions, Name
from controller.travel import Travel
from tests.floor_fixture import advice, ready, ride, small_floor


def travel(number: int, *codes: str) -> Travel:
    made = Travel(f"T{number}", "S1", 7, number, f"V{number}")
    made.results = [Result("tunnel-1", "READ", code, 0.0) for code in codes]
    return made


def found(mentions: Mentions, *names: Name, restored: tuple[Travel, ...] = ()) -> list[str]:
    line = LineState("S1", small_floor()[0].line["S1"], Odometer(1000))
    return sorted(mentions.of(names, lambda: [(line, one) for one in restored]))


def test_by_code_other_form_parcel_and_what_it_belongs_to() -> None:
    mentions, one, other = Mentions(Rules()), travel(1, "340123450000000017"), travel(2, "CP2")
    one.parcel = "P1"
    mentions.note(one, advice(belongs={"consignment": "C9"}))
    mentions.note(other, None)
    names: tuple[Name, ...] = ("340123450000000017", "00340123450000000017", "P1", ("consignment", "C9"))
    for name in names:
        assert found(mentions, name) == ["T1"], name
    assert found(mentions, "CP2", "P1") == ["T1", "T2"]
    assert found(mentions, "P2", ("consignment", "C8")) == []


def test_what_is_learnt_later_and_nothing_of_what_has_ended() -> None:
    mentions, one = Mentions(Rules()), travel(1)
    mentions.note(one, None)
    assert found(mentions, "CP1", "P1") == []
    one.results, one.parcel = travel(1, "CP1").results, "P1"
    mentions.note(one, advice())
    mentions.note(one, advice(belongs={"bag": "B1"}))
    assert [found(mentions, name) for name in ("CP1", "P1", ("bag", "B1"))] == [["T1"]] * 3
    mentions.forget(one)
    assert found(mentions, "CP1", "P1", ("bag", "B1")) == []


def test_restored_ones_may_be_anybody_until_they_are_settled() -> None:
    mentions, one, two = Mentions(Rules()), travel(1, "CP1"), travel(2, "CP2")
    assert found(mentions, "CP9", restored=(one, two)) == ["T1", "T2"]
    mentions.note(one, None)
    mentions.forget(two)
    assert found(mentions, "CP9") == []
    assert found(mentions, "CP1") == ["T1"]


def test_advice_is_heard_by_the_one_that_it_is_about() -> None:
    bench = ready()
    for track in (1, 2, 3):
        ride(bench, track, f"CP{track}")
    bench.advise(advice("P2", customs="none"), advice("P3", customs="none"))
    assert [travel.parcel for travel in bench.floor.lines["S1"].travels.values()] == [None, "P2", "P3"]
    assert [sent[2] for sent in bench.dests()][-2:] == ["PLAN", "PLAN"]
