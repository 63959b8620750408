"""The cables of a floor: faults that come and go while pieces are on their way, both ways, bytes and messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.bad_line import GOOD, Faults
from firmware_stubs.cables import CableError, Cables, Direction
from firmware_stubs.stub import Message, Piece
from firmware_stubs.wrong_baud import garble


def cables() -> Cables:
    return Cables(["gun", "plc"], on_broker=["plc"], seed=7)


def message(number: int) -> Message:
    return Message("hub/up", b"%04d" % number)


def said(line: Cables, until: float) -> list[tuple[float, Piece]]:
    """What comes to the host, fetched when `next_at` says."""
    out: list[tuple[float, Piece]] = []
    for _ in range(1000):
        at = line.next_at()
        if at is None or at > until:
            return out
        out += [(at, piece) for _, piece in line.to_host(at)]
    raise AssertionError("next_at() must make progress")


def test_a_cable_without_faults_is_passed_at_once_in_the_order_of_all_stubs() -> None:
    line = cables()
    line.from_stub("gun", b"one", 1.0)
    line.from_stub("plc", message(2), 1.0)
    line.from_stub("gun", b"three", 1.0)
    line.from_host("gun", b"ack", 1.0)
    assert line.to_host(1.0) == [("gun", b"one"), ("plc", message(2)), ("gun", b"three")]
    assert (line.to_host(1.0), line.to_stub(1.0), line.next_at()) == ([], [("gun", b"ack")], None)


@pytest.mark.parametrize(("direction", "host", "stub"), [("from_stub", 0, 1), ("from_host", 1, 0), ("both", 0, 0)])
def test_a_fault_stands_in_its_direction_and_only_on_its_cable(direction: Direction, host: int, stub: int) -> None:
    line = cables()
    line.set("gun", direction, Faults(lost=1.0), 0.0, by="f-1")
    for name, piece in (("gun", b"x"), ("plc", message(1))):
        line.from_stub(name, piece, 1.0)
        line.from_host(name, piece, 1.0)
    assert (len(line.to_host(1.0)), len(line.to_stub(1.0))) == (host + 1, stub + 1)
    assert line.struck("gun", by="f-1") == 2 - host - stub
    line.clear("gun", 2.0, by="f-1")
    line.from_stub("gun", b"y", 2.0)
    line.from_host("gun", b"z", 2.0)
    assert (line.to_host(2.0), line.to_stub(2.0)) == ([("gun", b"y")], [("gun", b"z")])


def test_a_line_that_stands_still_says_all_in_its_order_when_that_ends() -> None:
    line = cables()
    line.set("gun", "both", Faults(stopped=True), 0.0, by="stall")
    for number in range(3):
        line.from_stub("gun", b"%d" % number, 10.0 * number)
    assert (line.to_host(1e6), line.next_at()) == ([], None)
    line.clear("gun", 2e6, by="stall")
    line.from_stub("gun", b"3", 2e6)
    assert b"".join(piece for _, piece in line.to_host(2e6) if isinstance(piece, bytes)) == b"0123"
    line.from_stub("gun", b"4", 2e6)
    assert (line.to_host(2e6), line.next_at()) == ([("gun", b"4")], None)


def test_what_a_delay_holds_when_it_ends_comes_when_it_would_have_and_nothing_passes_it() -> None:
    line = cables()
    line.set("gun", "from_stub", Faults(delayed=1.0, delay_ms=300.0), 0.0)
    line.from_stub("gun", b"a", 0.0)
    line.from_stub("gun", b"b", 100.0)
    line.clear("gun", 150.0)
    line.from_stub("gun", b"c", 200.0)
    assert said(line, 1e6) == [(300.0, b"a"), (400.0, b"bc")]
    line.from_stub("gun", b"d", 500.0)
    assert line.to_host(500.0) == [("gun", b"d")]


def test_several_faults_stand_on_one_cable_and_end_one_by_one() -> None:
    line = cables()
    line.set("gun", "from_stub", Faults(delayed=1.0, delay_ms=100.0), 0.0, by="late")
    line.from_stub("gun", b"<1>", 0.0)
    line.set("gun", "from_stub", Faults(lost=1.0), 10.0, by="loss")
    line.from_stub("gun", b"<2>", 20.0)
    line.clear("gun", 30.0, by="loss")
    line.from_stub("gun", b"<3>", 40.0)
    assert said(line, 1e6) == [(100.0, b"<1>"), (140.0, b"<3>")]
    assert (line.struck("gun", by="late"), line.struck("gun", by="loss")) == (2, 0)


def test_a_fault_with_a_count_strikes_so_many_pieces_of_both_directions() -> None:
    line = cables()
    line.set("gun", "both", Faults(lost=1.0), 0.0, by="f-1", most=3)
    for number in range(3):
        line.from_stub("gun", b"%d" % number, 0.0)
        line.from_host("gun", b"%d" % number, 0.0)
    assert (line.to_host(0.0), line.to_stub(0.0)) == ([("gun", b"2")], [("gun", b"1"), ("gun", b"2")])
    assert line.struck("gun", by="f-1") == 3


def test_what_was_on_its_way_when_the_connection_went_is_lost() -> None:
    line = cables()
    line.set("gun", "both", Faults(stopped=True), 0.0)
    line.from_stub("gun", b"old", 0.0)
    line.cut_off("gun")
    line.from_stub("gun", b"new", 1.0)
    line.clear("gun", 2.0)
    assert line.to_host(2.0) == [("gun", b"new")]


@pytest.mark.parametrize(
    ("faults", "came"),
    [
        (Faults(lost=1.0), []),
        (Faults(doubled=1.0), [0, 0, 1, 1]),
        (Faults(stalled=1.0, stall_ms=50.0), [0, 1]),
        (Faults(reordered=1.0, delay_ms=1000.0), [1, 0]),
        (Faults(delayed=1.0, delay_ms=1.0), [0, 1]),
    ],
)
def test_messages_of_a_broker_are_lost_doubled_held_and_mixed(faults: Faults, came: list[int]) -> None:
    line = cables()
    line.set("plc", "from_stub", faults, 0.0)
    line.from_stub("plc", message(0), 0.0)
    line.from_stub("plc", message(1), 5.0)
    assert [piece for _, piece in line.to_host(500.0)] == [message(number) for number in came]


@pytest.mark.parametrize(
    ("stub", "faults", "words"),
    [
        ("plc", Faults(flipped=0.1), "plc is on a broker: there is no noise"),
        ("plc", Faults(inserted=0.1), "plc is on a broker: there is no noise"),
        ("plc", Faults(bauds=(9600, 19200)), "plc is on a broker: there is no baud rate; what can be there: loss"),
        ("gun", Faults(reordered=0.1), "gun is on a cable, which keeps the order"),
        ("gum", GOOD, "no stub is called 'gum'; known are gun, plc"),
    ],
)
def test_what_cannot_be_on_a_cable_is_refused_with_words(stub: str, faults: Faults, words: str) -> None:
    line = cables()
    with pytest.raises(CableError, match=words):
        line.set(stub, "both", faults, 0.0)
    with pytest.raises(CableError, match="direction must be one of from_stub, from_host, both, not 'out'"):
        line.set("gun", "out", GOOD, 0.0)  # type: ignore[arg-type]
    line.from_stub("plc", message(1), 0.0)
    assert line.to_host(0.0) == [("plc", message(1))]


FAULTS: list[dict[str, Any]] = [
    {"stopped": True},
    {"delayed": 0.5, "delay_ms": 70.0},
    {"stalled": 0.5, "stall_ms": 30.0},
    {"delayed": 0.4, "stalled": 0.4, "delay_ms": 5.0, "stall_ms": 9.0},
]
STEPS = st.lists(st.tuples(st.floats(0, 50), st.sampled_from(["say", "end", *range(len(FAULTS))])), max_size=40)


@given(STEPS, st.integers(0, 9))
def test_no_fault_that_comes_and_goes_loses_doubles_or_turns_round_what_it_only_holds(
    steps: list[tuple[float, str | int]], seed: int
) -> None:
    line, now, told, heard = Cables(["gun"], seed=seed), 0.0, b"", b""
    for number, (pause, step) in enumerate(steps):
        now += pause
        if step == "say":
            told += b"<%d>" % number
            line.from_stub("gun", b"<%d>" % number, now)
        elif step == "end":
            for by in range(len(FAULTS)):
                line.clear("gun", now, by=str(by))
        else:
            line.set("gun", "from_stub", Faults(**FAULTS[int(step)]), now, by=str(step))
        heard += b"".join(piece for _, piece in line.to_host(now) if isinstance(piece, bytes))
        assert told.startswith(heard)
    for by in range(len(FAULTS)):
        line.clear("gun", now, by=str(by))
    heard += b"".join(piece for _, piece in said(line, 1e9) if isinstance(piece, bytes))
    heard += b"".join(piece for _, piece in line.to_host(now) if isinstance(piece, bytes))
    assert heard == told
    assert line._ways["from_stub"]._stages == {}


# Wrong baud rates


def test_noise_inserts_bytes_or_flips_bits() -> None:
    line = cables()
    line.set("gun", "from_stub", Faults(inserted=0.5, flipped=0.5), 0.0)
    sizes = set()
    for _ in range(200):
        line.from_stub("gun", b"RB123456785GB", 0.0)
        ((_, piece),) = line.to_host(0.0)
        assert isinstance(piece, bytes)
        assert piece != b"RB123456785GB"
        sizes.add(len(piece))
    assert sizes == set(range(13, 22))


def lowest_first(bits: str) -> int:
    return int(bits[::-1], 2)


def test_what_is_heard_at_twice_and_at_half_the_rate_worked_out_by_hand() -> None:
    # U on the wire is 0 10101010 1: twice as fast 0 01100110 0, no stop bit, so that 0 begins the next: 11001100 1
    assert garble(b"U", 9600, 19200) == bytes([lowest_first("01100110"), lowest_first("11001100")])
    # a nul is nine times 0: at four times the rate a break, once, and then the wire rises
    assert garble(b"\0", 9600, 38400) == b"\0"
    # half as fast: the middle of the start bit is where the first data bit begins; 1 = it was a spike
    assert garble(b"\xff", 9600, 4800) == b""
    # 0 01010101 1 and then rest: the bits 3, 5, 7, 9 of these, counted from 0, and what follows
    assert garble(b"\xaa", 9600, 4800) == bytes([lowest_first("00011111")])


def test_a_rate_that_is_hardly_wrong_is_heard_right_as_of_every_uart() -> None:
    text = b"RB123456785GB\r\n"
    assert garble(text, 9600, 10_000) == garble(text, 9600, 9_250) == text
    assert garble(text, 9600, 10_200) != text


def test_a_slow_sender_is_heard_as_the_rubbish_that_technicians_know() -> None:
    text = b"RB123456785GB\r\n"
    assert set(garble(text, 9600, 115_200)) == {0x00}
    assert set(garble(text, 9600, 57_600)) == {0x00, 0xE0}
    assert {0x00, 0x80, 0xF8, 0xFE} <= set(garble(text, 9600, 38_400))
    assert len(garble(text, 115_200, 9600)) == 2


@given(
    st.binary(max_size=60), st.sampled_from([300, 9600, 19200, 57600, 115_200]), st.sampled_from([1200, 9600, 921_600])
)
def test_any_bytes_at_any_rates_are_heard_as_some_bytes_always_the_same(
    data: bytes, sender: int, receiver: int
) -> None:
    heard = garble(data, sender, receiver)
    assert heard == garble(data, sender, receiver)
    assert len(heard) <= len(data) * 5
    assert heard == data or sender != receiver


@pytest.mark.parametrize("rates", [(0, 9600), (9600, -1)])
def test_a_rate_that_is_none(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        garble(b"x", *rates)


def test_a_wrong_baud_rate_garbles_both_ways_each_from_its_side() -> None:
    line = cables()
    line.set("gun", "both", Faults(bauds=(9600, 19200)), 0.0)
    line.from_stub("gun", b"RB12", 0.0)
    line.from_host("gun", b"RB12", 0.0)
    assert line.to_host(0.0) == [("gun", garble(b"RB12", 9600, 19200))]
    assert line.to_stub(0.0) == [("gun", garble(b"RB12", 19200, 9600))]
