"""Travels: whose end is told once, whatever the PLC forgets to say; and what is said of one that nobody could read."""

from __future__ import annotations

from devices import types as said
from tests.floor_fixture import Bench, advice, ready, ride


def rel() -> Bench:
    """A parcel that has its release."""
    bench = ready(parcels=(advice(),))
    bench.customs("release")
    bench.head()
    return bench


def test_a_number_that_is_given_again_is_another_item() -> None:
    """The DIVC of the first was dropped (OVFL). The second is not it, and has not its release."""
    bench = rel()
    ride(bench)
    bench.answer()
    first = bench.travel().id
    bench.after(20_000).indu(1)
    assert bench.travel().id != first
    assert [(name, data.travel) for name, data in bench.terminals()] == [("parcel/lost", first)]
    bench.after(2000).arrv(1)
    assert bench.dests()[-1] == (1, ("EX",), "SCAN")


def test_an_induction_that_is_told_late_is_of_the_same_item() -> None:
    bench = rel()
    bench.after(2000).arrv(1)
    first = bench.travel().id
    bench.indu(1, age=2000)
    assert bench.travel().id == first
    assert bench.terminals() == []


def test_on_a_line_a_missed_gate_leaves_the_decision_in_force() -> None:
    """A PLC that says RCIR on a line goes on to its next gates: a hold still turns the parcel there."""
    bench = rel()
    ride(bench, left=9000)
    bench.answer()
    bench.after(3500)
    bench.plc(said.Recirculated(1, 1, "S1-L01", "MI", 0, bench.now, bench.now))
    bench.customs("hold", 2)
    assert bench.dests()[-1] == (2, ("BOND", "EX"), "HOLD")


def test_a_read_that_could_be_of_two_is_what_both_are_called_for() -> None:
    bench = ready()
    bench.indu(1)
    bench.after(100).indu(2)
    bench.after(1150).read("X")
    bench.after(750).arrv(1)
    bench.after(100).arrv(2)
    assert [bench.travel(track).identity for track in (1, 2)] == ["AMBIGUOUS", "AMBIGUOUS"]
    assert {reason for _, _, reason in bench.dests()} == {"AMBI"}


def test_a_read_is_not_ambiguous_for_ever() -> None:
    """A better position of the second gives it to that one."""
    bench = ready()
    bench.indu(1)
    bench.after(100).indu(2)
    bench.after(1145).read("X")
    assert bench.travel(1).results == bench.travel(2).results == []
    bench.plc(said.Passed("S1-IND", 2, bench.now - 1200, bench.now))
    assert [(read.code, read.outcome, read.travel) for read in bench.named("parcel/read")] == [
        ("X", "READ", bench.travel(2).id)
    ]


def test_a_torn_label_beside_a_good_one_makes_no_second_item() -> None:
    bench = rel()
    bench.indu(1)
    bench.after(1200).read("CP1")
    bench.item(said.Garbled(b"RR1", "check digit is 4, expected 5", bench.now))
    bench.after(800).arrv(1)
    assert bench.travel().identity == "READ"


def test_a_fault_of_the_plcs_scanner_is_no_late_one() -> None:
    bench = ready()
    bench.indu(1)
    bench.after(2000).arrv(1)
    bench.plc(said.Codes("S1-DEC", 1, "F", (), bench.now))
    assert bench.travel().identity == "SCANNER_DOWN"
    assert bench.last("parcel/read").outcome == "SCANNER_DOWN"
