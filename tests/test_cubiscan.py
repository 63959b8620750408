"""`cubiscan`: records at fixed positions, marks in place of numbers, one measure command at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import commands
from devices.framing import BETWEEN, SILENT, UNFINISHED
from devices.scales import cubiscan
from devices.scales.cubiscan import NUMBER, RECORD
from devices.types import (
    Answered,
    DeviceError,
    Garbled,
    GivenUp,
    HandAnswer,
    Item,
    Kept,
    Quantity,
    Sized,
    Trigger,
)

BODY = b"MAH000LGG,L032.1,W015.0,H008.7,M,K012.34,D001.23,M,F5000,I"
NAK = b"\x02?N\x03\r\n"
MEASURE = bytes.fromhex("024D030D0A")


def driver(**settings: Any) -> cubiscan.Driver:
    made = cubiscan.Driver(cubiscan.Settings(**settings))
    made.opened(0.0, Kept())
    return made


def frame(body: bytes) -> bytes:
    return b"\x02" + body + b"\x03\r\n"


def heard(body: bytes) -> list[Item]:
    return list(driver().feed(frame(body), 5.0))


def put(place: int, text: bytes) -> bytes:
    """The record with `text` at the manual's position `place` (STX is 1)."""
    at = place - 2
    return BODY[:at] + text + BODY[at + len(text) :]


def quantities(body: bytes) -> dict[str, Quantity]:
    [record] = heard(body)
    assert isinstance(record, Sized), record
    return {quantity.what: quantity for quantity in record.quantities}


def test_positions_are_those_of_the_manual() -> None:
    wire = frame(BODY)
    places = {12: "L", 19: "W", 26: "H", 33: "M", 35: "K", 43: "D", 51: "M", 53: "F", 59: "I", 60: "\x03"}
    assert {place: chr(wire[place - 1]) for place in places} == places


def test_a_record() -> None:
    assert heard(BODY) == [
        Sized(
            (
                Quantity("length", "032.1", "cm", "ok"),
                Quantity("width", "015.0", "cm", "ok"),
                Quantity("height", "008.7", "cm", "ok"),
                Quantity("weight", "012.34", "kg", "ok"),
                Quantity("dim_weight", "001.23", "kg", "ok"),
                Quantity("dim_factor", "5000", "", "ok"),
            ),
            BODY,
            5.0,
        )
    ]


def test_units_are_english_or_metric_each_for_itself() -> None:
    found = quantities(put(33, b"E"))
    assert (found["length"].unit, found["height"].unit, found["weight"].unit) == ("in", "in", "kg")
    found = quantities(put(51, b"E"))
    assert (found["length"].unit, found["weight"].unit, found["dim_weight"].unit) == ("cm", "lb", "lb")


def test_it_never_says_legal_for_trade() -> None:
    assert {quantity.approved for quantity in quantities(BODY).values()} == {None}


@pytest.mark.parametrize(("mark", "quality"), [(b"_", "under"), (b"-", "unstable"), (b"~", "over")])
@pytest.mark.parametrize(("place", "width", "name"), [(13, 5, "length"), (27, 5, "height"), (36, 6, "weight")])
def test_marks_are_under_unstable_over(mark: bytes, quality: str, place: int, width: int, name: str) -> None:
    found = quantities(put(place, mark * width))
    assert found[name].value == mark.decode() * width
    assert found[name].quality == quality
    assert found["width"].quality == "ok"
    assert found["dim_weight"].quality == ("ok" if name == "weight" else quality), "it is made of the dimensions"


@pytest.mark.parametrize(
    ("place", "text", "name"),
    [(13, b"000.0", "length"), (20, b"  0.0", "width"), (36, b"000.00", "weight"), (54, b"0000", "dim_factor")],
)
def test_zero_is_never_a_value(place: int, text: bytes, name: str) -> None:
    assert quantities(put(place, text))[name].quality == "zeroed"


def test_numbers_and_marks_filled_up_with_spaces_stay_as_they_are() -> None:
    assert quantities(put(13, b" ~~~~"))["length"] == Quantity("length", " ~~~~", "cm", "over")
    assert quantities(put(13, b"  3.6"))["length"] == Quantity("length", "  3.6", "cm", "ok")


@pytest.mark.parametrize("text", [b"__-__", b"03.2.", b"-32.1", b"03A.1", b"     ", b"_3_.1", "٣٢.".encode(), b"00321"])
def test_neither_a_number_nor_a_mark(text: bytes) -> None:
    assert heard(put(13, text)) == [Garbled(put(13, text)[:64], NUMBER, 5.0)]


@pytest.mark.parametrize(
    "body",
    [
        *(BODY[:-1], BODY + b"X", BODY[1:], b"", b"M", b"MA", BODY.replace(b",W", b"W,"), BODY.replace(b",", b";")),
        *(put(33, b"X"), put(51, b"m"), put(59, b"X"), put(4, b"X"), put(54, b"50.0"), put(5, b"00,000")),
    ],
)
def test_other_positions_make_the_whole_record_garbled(body: bytes) -> None:
    assert heard(body) == [Garbled(body[:64], RECORD, 5.0)]


# --- the measure command ----------------------------------------------------------------------------------------------


def test_measure_is_answered_by_the_record() -> None:
    made = driver()
    number = made.send(Trigger(True), 10.0, None)
    assert (made.take(), made.take()) == (MEASURE, b"")
    record, answer = made.feed(frame(BODY), 900.0)
    assert isinstance(record, Sized)
    assert answer == Answered(number, None, 900.0)
    assert made.next_at() is None


@pytest.mark.parametrize("code", ["?N", "MN"])
def test_measure_is_answered_by_the_nak_record(code: str) -> None:
    made = driver()
    number = made.send(Trigger(True), 10.0, None)
    made.take()
    error, answer = made.feed(frame(code.encode()), 20.0)
    assert isinstance(error, DeviceError)
    assert error.code == code
    assert answer == Answered(number, code, 20.0)


def test_answers_without_an_open_command_are_content() -> None:
    made = driver()
    made.send(Trigger(True), 10.0, None)
    assert [type(item) for item in made.feed(frame(BODY) + NAK, 20.0)] == [Sized, DeviceError], "it is not written yet"
    made.take()
    made.feed(frame(BODY), 30.0)
    assert [type(item) for item in made.feed(frame(BODY) + NAK, 40.0)] == [Sized, DeviceError]


def test_a_garbled_record_answers_nothing() -> None:
    made = driver()
    number = made.send(Trigger(True), 0.0, None)
    made.take()
    assert [type(item) for item in made.feed(frame(BODY[:-1]), 20.0)] == [Garbled]
    assert made.tick(5000.0) == [GivenUp(number, commands.SILENT, 5000.0)]


def test_late_frame_is_content_and_never_the_next_commands_answer() -> None:
    made = driver()
    first = made.send(Trigger(True), 0.0, None)
    made.take()
    assert made.next_at() == 5000.0
    assert made.tick(5000.0) == [GivenUp(first, commands.SILENT, 5000.0)]
    second = made.send(Trigger(True), 5001.0, None)
    assert made.take() == b"", "the late record may still come"
    assert [type(item) for item in made.feed(frame(BODY), 6000.0)] == [Sized]
    assert made.next_at() == 10_000.0
    assert made.tick(10_000.0) == []
    assert made.take() == MEASURE
    assert made.feed(frame(BODY), 10_500.0)[1:] == [Answered(second, None, 10_500.0)]


def test_a_newer_command_takes_the_place_of_the_one_that_waits() -> None:
    made = driver()
    first, second, third = (made.send(Trigger(True), float(at), None) for at in range(3))
    assert made.next_at() == 0.0
    assert made.tick(3.0) == [GivenUp(second, commands.OVERTAKEN, 3.0)]
    assert made.take() == MEASURE
    assert made.take() == b""
    assert made.feed(frame(BODY), 5.0)[1:] == [Answered(first, None, 5.0)]
    assert made.take() == MEASURE
    assert made.feed(frame(BODY), 6.0)[1:] == [Answered(third, None, 6.0)]


def test_a_command_is_not_sent_after_it_expired() -> None:
    made = driver()
    number = made.send(Trigger(True), 0.0, 100.0)
    assert made.next_at() == 100.0
    assert made.tick(100.0) == [GivenUp(number, commands.EXPIRED, 100.0)]
    assert made.take() == b""


def test_a_command_that_nobody_takes_does_not_wait_for_ever() -> None:
    made = driver(answer_ms=1000.0)
    number = made.send(Trigger(True), 0.0, None)
    due = made.next_at()
    assert due == 1000.0
    assert made.tick(due) == [GivenUp(number, commands.UNWRITTEN, due)]
    assert made.next_at() is None


def test_the_end_of_the_channel_gives_up_everything() -> None:
    made = driver()
    first, second = made.send(Trigger(True), 0.0, None), 0
    made.take()
    second = made.send(Trigger(True), 1.0, None)
    assert made.closed(2.0) == [GivenUp(first, commands.GONE, 2.0), GivenUp(second, commands.GONE, 2.0)]
    made.opened(3.0, Kept())
    assert (made.take(), made.next_at()) == (b"", None)


def test_the_answer_of_the_last_channel_is_not_taken_for_the_next_commands() -> None:
    made = driver()
    made.send(Trigger(True), 0.0, None)
    made.take()
    made.closed(2.0)
    made.opened(3.0, Kept())
    number = made.send(Trigger(True), 4.0, None)
    assert made.take() == b""
    assert [type(item) for item in made.feed(frame(BODY), 5.0)] == [Sized]
    assert made.next_at() == 5002.0
    made.tick(5002.0)
    assert made.take() == MEASURE
    assert made.feed(frame(BODY), 5003.0)[1:] == [Answered(number, None, 5003.0)]


def test_only_a_trigger_that_is_on() -> None:
    with pytest.raises(TypeError, match="nothing that on=False could end"):
        driver().send(Trigger(False), 0.0, None)
    with pytest.raises(TypeError, match="only Trigger"):
        driver().send(HandAnswer("a", "b", "ok", "", "short"), 0.0, None)


# --- the wire ---------------------------------------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(1, 140), max_size=8))
def test_any_split_says_the_same(cuts: list[int]) -> None:
    wire = b"\xff" + frame(BODY) + NAK + frame(put(13, b"_____"))
    items: list[Item] = []
    made, start = driver(), 0
    for cut in [*sorted(set(cuts)), len(wire)]:
        items += made.feed(wire[start:cut], 5.0)
        start = max(start, cut)
    assert items == list(driver().feed(wire, 5.0))


def test_partial_frame_silence_and_the_end_of_the_channel() -> None:
    made = driver()
    made.feed(frame(BODY)[:-3], 1.0)
    assert made.next_at() == 501.0
    assert [item.why for item in made.tick(501.0) if isinstance(item, Garbled)] == [SILENT]
    made.feed(frame(BODY)[:-2], 600.0)
    assert [item.why for item in made.closed(601.0) if isinstance(item, Garbled)] == [UNFINISHED]


def test_noise_and_oversize_leave_the_next_record_whole() -> None:
    made = driver()
    items = made.feed(b"\x00\xff\x7e" + b"\x02" + b"9" * 100_000 + frame(BODY), 5.0)
    assert isinstance(items[-1], Sized)
    assert set(made.counters.garbled) == {BETWEEN, "longer than 128 bytes"}
    assert all(len(item.raw) <= 64 for item in items[:-1] if isinstance(item, Garbled))


@given(body=st.binary(max_size=70), place=st.integers(0, len(BODY)), cut=st.integers(0, 8))
def test_no_bytes_raise_and_what_is_ok_is_a_number(body: bytes, place: int, cut: int) -> None:
    for item in driver().feed(frame(BODY[:place] + body + BODY[place + cut :]), 5.0):
        for quantity in item.quantities if isinstance(item, Sized) else ():
            assert quantity.quality != "ok" or float(quantity.value) > 0


@pytest.mark.parametrize("settings", [{"max_length": 10}, {"max_length": 2**20}, {"answer_ms": 0}, {"gap_ms": 0}])
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        driver(**settings)
