"""A parcel without advice is asked for while there is time; an answer that comes late is no decision."""

from __future__ import annotations

import pytest

from controller.advice import Advice
from controller.asking import AGAIN_MS, MOST, Asked, Asking
from controller.effects import Ask
from controller.floor import Advised
from controller.inputs import Parted, Replied
from tests.floor_fixture import Bench, advice, ready, ride

ASK = "stale_s = 60 => stale_s = 60\n[ask]\nwait_ms = 300"


# --- the rule itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deadline", "wait", "online", "until"),
    [
        (None, 300, True, 1300),
        (1300, 300, True, 1300),
        (1299, 300, True, 1299),
        (2000, 300, True, 1300),
        (1001, 300, True, 1001),
        (1000, 300, True, None),
        (900, 300, True, None),
        (None, 0, True, None),
        (None, 300, False, None),
    ],
)
def test_until_when_it_waits(deadline: float | None, wait: float, online: bool, until: float | None) -> None:
    one = Asking()
    assert one.wants("C1", 1000, deadline, wait, online) == until
    assert one.waits("C1", 1000) == until
    assert one.waits("C2", 1000) is None
    if until is not None:
        assert one.waits("C1", until - 1) == until
        assert one.waits("C1", until) is None


def test_the_same_code_is_asked_again_after_a_while() -> None:
    one = Asking()
    for now, until in ((1000, 1300), (1001, None), (999 + AGAIN_MS, None), (1000 + AGAIN_MS, 1300 + AGAIN_MS)):
        assert one.wants("C1", now, None, 300, True) == until
    assert one.wants("C2", 1001, None, 300, True) == 1301


def test_an_answer_in_time_and_too_late() -> None:
    one = Asking()
    for code in ("C1", "C2", "C3"):
        one.wants(code, 1000, None, 300, True)
    assert [one.answered("C1", 1300), one.answered("C1", 1300)] == [True, False], "the second one is unasked"
    assert [one.answered("C2", 1301), one.answered("NEVER", 1000)] == [False, False]
    assert [one.waits(code, 1100) for code in ("C1", "C2", "C3")] == [None, None, 1300]
    one.parted()
    assert (one.waits("C3", 1100), one.answered("C3", 1100)) == (None, False)
    assert one.wants("C1", 1400, None, 300, True) is None, "answered or not"


def test_of_too_many_the_oldest_is_forgotten() -> None:
    one = Asking({f"C{number}": Asked(0, None) for number in range(MOST)})
    assert one.wants("C0", AGAIN_MS, None, 300, True) is not None, "now it is the youngest"
    assert one.wants("NEW", AGAIN_MS, None, 300, True) is not None
    assert len(one._asked) == MOST
    assert ("C0" in one._asked, "C1" in one._asked, "C2" in one._asked) == (True, False, True)


# --- on the floor -----------------------------------------------------------------------------------------------------


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
