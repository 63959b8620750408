"""A parcel without advice is asked for while there is time; an answer that comes late is no decision."""

from __future__ import annotations

from controller.advice import Advice
from controller.effects import Ask
from controller.floor import Advised
from controller.inputs import Parted, Replied
from tests.floor_fixture import Bench, advice, ready, ride

ASK = "stale_s = 60 => stale_s = 60\n[ask]\nwait_ms = 300"


def asking() -> Bench:
    return ready(ASK)


def asked(bench: Bench) -> list[str]:
    return [ask.code for ask in bench.asked]


def answers(bench: Bench, code: str, known: Advice | None) -> None:
    if known is not None:
        bench.store[known.parcel] = known
        bench.step(Advised((known,)))
    bench.step(Replied(code, known is not None))


def test_it_is_asked_once_and_waited_for() -> None:
    bench = asking()
    ride(bench)
    assert (asked(bench), bench.dests()) == (["CP1"], [])
    assert isinstance(bench.asked[0], Ask)
    bench.after(299)
    assert bench.dests() == []
    bench.after(1)
    assert [reason for _, _, reason in bench.dests()] == ["UNKN"]


def test_an_answer_decides_at_once() -> None:
    bench = asking()
    ride(bench)
    answers(bench, "CP1", advice(customs="none"))
    assert bench.dests() == [(1, ("L01", "L02", "EX"), "PLAN")]
    assert bench.floor.unsolicited == 0


def test_an_answer_that_nothing_is_known_decides_at_once() -> None:
    bench = asking()
    ride(bench)
    answers(bench, "CP1", None)
    assert [reason for _, _, reason in bench.dests()] == ["UNKN"]


def test_a_late_answer_turns_the_decision_while_the_plc_can() -> None:
    bench = asking()
    ride(bench)
    bench.after(400)
    bench.answer()
    answers(bench, "CP1", advice(customs="none"))
    assert [reason for _, _, reason in bench.dests()] == ["UNKN", "PLAN"]
    assert bench.floor.unsolicited == 1


def test_without_the_time_nobody_is_asked() -> None:
    bench = asking()
    ride(bench, left=50)  # nothing but the margin is left
    assert asked(bench) == []


def test_the_wait_ends_before_the_deadline() -> None:
    bench = asking()
    ride(bench, left=200)
    bench.after(149)
    assert [reason for _, _, reason in bench.dests()] == ["UNKN"]


def test_when_the_broker_goes_the_wait_is_over() -> None:
    bench = asking()
    ride(bench)
    bench.step(Parted())
    assert [reason for _, _, reason in bench.dests()] == ["UNKN"]
    ride(bench, 2, "CP2")
    assert asked(bench) == ["CP1"]


def test_an_answer_that_nobody_asked_for_is_counted() -> None:
    bench = asking()
    answers(bench, "CP9", None)
    assert bench.floor.unsolicited == 1
