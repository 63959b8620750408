"""`mda`: the record of a SICK Master Data Analyzer; what is 0 there is no value."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codes import CONTROL, PROGRAMMING
from devices.framing import BETWEEN, RESTART, SILENT, UNFINISHED
from devices.scales import mda
from devices.types import Condition, Garbled, Heartbeat, Item, Kept, NoRead, Quantity, Read, Sized, Trigger

RECORD = b"0145;1JVGL0012345;000081212;g;0;0321;0150;0087;mm;0000;4189050"
"""The examples of the manual's table, with a connected scale."""


def driver(**settings: Any) -> mda.Driver:
    made = mda.Driver(mda.Settings(**settings))
    made.opened(0.0, Kept())
    return made


def frame(body: bytes) -> bytes:
    return b"\x02" + body + b"\x03"


def heard(body: bytes, **settings: Any) -> list[Item]:
    return list(driver(**settings).feed(frame(body), 5.0))


def changed(**fields: bytes) -> bytes:
    names = "object code weight unit scale length width height size_unit status volume".split()
    values = dict(zip(names, RECORD.split(b";"), strict=True)) | fields
    return b";".join(values.values())


def sized(body: bytes, **settings: Any) -> dict[str, Quantity]:
    [record] = [item for item in heard(body, **settings) if isinstance(item, Sized)]
    return {quantity.what: quantity for quantity in record.quantities}


def test_a_record_is_a_read_and_then_its_sizes() -> None:
    read, sizes = heard(RECORD)
    assert read == Read("1JVGL0012345", RECORD, 5.0, index=145)
    assert sizes == Sized(
        (
            Quantity("weight", "000081212", "g", "ok", True),
            Quantity("length", "0321", "mm", "ok"),
            Quantity("width", "0150", "mm", "ok"),
            Quantity("height", "0087", "mm", "ok"),
            Quantity("volume", "4189050", "mm3", "ok"),
        ),
        RECORD,
        5.0,
        index=145,
    )


@pytest.mark.parametrize("code", [b"NoRead", b""])
def test_no_read_keeps_the_sizes(code: bytes) -> None:
    no_read, sizes = heard(changed(code=code))
    assert no_read == NoRead(changed(code=code), 5.0, index=145)
    assert isinstance(sizes, Sized)
    assert sizes.index == 145


def test_no_read_texts_are_compared_exactly() -> None:
    assert isinstance(heard(changed(code=b"NoRead "))[0], Read)
    assert isinstance(heard(changed(code=b"noread"))[0], Read)
    assert isinstance(heard(changed(code=b"???"), no_read=("???",))[0], NoRead)


@pytest.mark.parametrize(
    ("fields", "quality", "approved"),
    [
        ({"weight": b"000000000"}, "zeroed", False),
        ({"weight": b"000000000", "scale": b"1"}, "error", None),
        ({"scale": b"1"}, "error", None),
        ({}, "ok", True),
    ],
    ids=["zeroed: not legal for trade", "scale not connected", "not connected and a weight", "good"],
)
def test_a_zeroed_weight_is_never_a_value(fields: dict[str, bytes], quality: str, approved: bool | None) -> None:
    weight = sized(changed(**fields))["weight"]
    assert (weight.quality, weight.approved) == (quality, approved)
    assert sized(changed(**fields))["length"].quality == "ok", "the dimensions are another machine's"


def test_a_scale_that_is_not_verified_approves_nothing() -> None:
    assert sized(RECORD, legal_for_trade=False)["weight"] == Quantity("weight", "000081212", "g", "ok", False)


@pytest.mark.parametrize("name", ["length", "width", "height"])
def test_a_zero_dimension_is_never_a_value_and_the_volume_neither(name: str) -> None:
    found = sized(changed(**{name: b"0000"}))
    assert (found[name].quality, found["volume"].quality) == ("zeroed", "zeroed")
    assert found["weight"].quality == "ok"


def test_a_zero_volume_is_never_a_value() -> None:
    found = sized(changed(volume=b"0000000"))
    assert [found[name].quality for name in ("length", "volume")] == ["ok", "zeroed"]


@pytest.mark.parametrize(
    ("status", "quality"),
    [(b"0000", "ok"), (b"0001", "outside"), (b"0002", "error"), (b"0003", "error"), (b"8000", "error")],
)
def test_vms_status_0001_is_outside_the_field_and_other_bits_are_errors(status: bytes, quality: str) -> None:
    found = sized(changed(status=status))
    assert {found[name].quality for name in ("length", "width", "height", "volume")} == {quality}
    assert found["weight"].quality == "ok"


@pytest.mark.parametrize(
    "fields",
    [
        *({"object": value} for value in (b"", b"145", b"00145", b"14a5", b"+145")),
        *({"weight": value} for value in (b"", b"81212", b"0000812120", b"00008121.", b"-00081212")),
        *({"unit": value} for value in (b"", b"kg", b"G", b"oz")),
        *({"scale": value} for value in (b"", b"2", b"00")),
        *({"length": value} for value in (b"321", b"00321", b"03 1")),
        *({"width": value} for value in (b"", b"150")),
        *({"height": value} for value in (b"87", b"0087 ")),
        *({"size_unit": value} for value in (b"cm", b"in", b"MM")),
        *({"status": value} for value in (b"0", b"00000", b"000G")),
        *({"volume": value} for value in (b"", b"418905", b"4189050a", b"4" * 13)),
    ],
    ids=str,
)
def test_a_field_of_a_wrong_width_or_unit_makes_the_whole_record_garbled(fields: dict[str, bytes]) -> None:
    made = driver()
    assert made.feed(frame(changed(**fields)), 5.0) == [Garbled(changed(**fields)[:64], mda.FIELDS, 5.0)]
    assert made.counters.garbled == {mda.FIELDS: 1}


@pytest.mark.parametrize(
    "body", [b"", b";;;;;;;;;;", RECORD[:-8], RECORD + b";", b"0145", "٠١٤٥".encode() + RECORD[4:]]
)
def test_fields_too_few_or_too_many(body: bytes) -> None:
    assert heard(body) == [Garbled(body[:64], mda.FIELDS, 5.0)]


def test_records_that_ran_together_are_none() -> None:
    """Where the line lost a piece with an end and a start, the sizes would be those of another object."""
    body = RECORD[:-6] + changed(object=b"0146")
    assert heard(body) == [Garbled(body[:64], mda.FIELDS, 5.0)]
    assert heard(changed(code=b"A;B")) == [Garbled(changed(code=b"A;B")[:64], mda.FIELDS, 5.0)]


@pytest.mark.parametrize(("code", "why"), [(b"A\x0dB", CONTROL), (b"999999", PROGRAMMING), (b"A\x00B", CONTROL)])
def test_a_code_nobody_may_act_on_makes_the_record_garbled(code: bytes, why: str) -> None:
    made = driver()
    assert made.feed(frame(changed(code=code)), 5.0) == [Garbled(changed(code=code)[:64], why, 5.0)]
    assert made.counters.garbled == {why: 1}


def test_an_aim_identifier_is_no_part_of_the_code() -> None:
    [read, _] = heard(changed(code=b"]C0RB123456785GB"))
    assert isinstance(read, Read)
    assert (read.text, read.symbology) == ("RB123456785GB", "]C0")


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_concatenated_records_keep_their_order() -> None:
    second = changed(object=b"0146", code=b"NoRead")
    items = driver().feed(frame(RECORD) + frame(second), 5.0)
    assert [type(item).__name__ for item in items] == ["Read", "Sized", "NoRead", "Sized"]
    assert [getattr(item, "index", None) for item in items] == [145, 145, 146, 146]


@given(cuts=st.lists(st.integers(1, 130), max_size=8))
def test_any_split_says_the_same(cuts: list[int]) -> None:
    wire = b"\x00\xff" + frame(RECORD) + b"\r\n" + frame(changed(code=b"NoRead"))
    items: list[Item] = []
    made, start = driver(), 0
    for cut in [*sorted(set(cuts)), len(wire)]:
        items += made.feed(wire[start:cut], 5.0)
        start = max(start, cut)
    assert items == list(driver().feed(wire, 5.0))


def test_partial_frame_is_discarded_after_silence() -> None:
    made = driver()
    assert made.feed(frame(RECORD)[:30], 1.0) == []
    assert made.next_at() == 501.0
    assert made.tick(501.0) == [Garbled(frame(RECORD)[:30], SILENT, 501.0)]
    assert len(made.feed(frame(RECORD), 502.0)) == 2


def test_the_end_of_the_channel_inside_a_frame() -> None:
    made = driver()
    made.feed(frame(RECORD)[:-1], 1.0)
    assert [item.why for item in made.closed(2.0) if isinstance(item, Garbled)] == [UNFINISHED]


def test_a_record_that_lost_its_tail_is_no_record() -> None:
    made = driver()
    items = made.feed(frame(RECORD)[:-9] + frame(RECORD), 5.0)
    assert [type(item).__name__ for item in items] == ["Garbled", "Read", "Sized"]
    assert isinstance(items[0], Garbled)
    assert items[0].why == RESTART


def test_noise_and_a_reboot_banner_between_records_are_skipped_and_counted() -> None:
    made = driver()
    items = made.feed(b"\r\nMDA V2.1\r\n\x00\xff\x7e" + frame(RECORD), 5.0)
    assert [type(item).__name__ for item in items] == ["Garbled", "Read", "Sized"]
    assert made.counters.garbled == {BETWEEN: 1}


def test_oversize_is_capped_and_the_next_record_is_whole() -> None:
    made = driver()
    items = [item for _ in range(256) for item in made.feed(b"\x02" + b"9" * 4096, 5.0)]
    items += made.feed(frame(RECORD), 5.0)
    assert [type(item).__name__ for item in items[-2:]] == ["Read", "Sized"]
    assert all(isinstance(item, Garbled) and len(item.raw) <= 64 for item in items[:-2])


@given(body=st.binary(max_size=120), place=st.integers(0, len(RECORD)), cut=st.integers(0, 12))
def test_no_bytes_raise_and_no_damage_becomes_a_size_with_other_widths(body: bytes, place: int, cut: int) -> None:
    damaged = RECORD[:place] + body + RECORD[place + cut :]
    for item in driver().feed(frame(damaged), 5.0):
        if isinstance(item, Sized):
            assert re.fullmatch(rb"[0-9]{4};[^;]*;[0-9]{9};g;[01];(?:[0-9]{4};){3}mm;.{4};[0-9]+", item.raw, re.DOTALL)


# --- heartbeat --------------------------------------------------------------------------------------------------------


def test_a_heartbeat_is_no_parcel_and_is_exact() -> None:
    assert heard(b"HB", heartbeat="HB") == [Heartbeat(b"HB", 5.0)]
    assert heard(b"HB") == [Garbled(b"HB", mda.FIELDS, 5.0)]
    assert heard(b"HB ", heartbeat="HB") == [Garbled(b"HB ", mda.FIELDS, 5.0)]


def test_interleaved_heartbeat_and_one_inside_a_frame() -> None:
    glued = frame(RECORD) + frame(b"HB") + frame(changed(object=b"0146"))
    items = driver(heartbeat="HB").feed(glued, 5.0)
    assert [type(item).__name__ for item in items] == ["Read", "Sized", "Heartbeat", "Read", "Sized"]
    torn = driver(heartbeat="HB")
    items = torn.feed(b"\x02" + RECORD[:20] + frame(b"HB") + RECORD[20:] + b"\x03" + frame(RECORD), 5.0)
    assert [type(item).__name__ for item in items] == ["Garbled", "Heartbeat", "Garbled", "Read", "Sized"]


def test_seven_bit_parity_leftovers_are_no_digits() -> None:
    body = bytes(byte | 0x80 if chr(byte).isdigit() else byte for byte in RECORD)
    assert heard(body) == [Garbled(body[:64], mda.FIELDS, 5.0)]


def test_a_missing_heartbeat_is_said_once_and_any_record_ends_it() -> None:
    made = driver(heartbeat="HB", heartbeat_s=10)
    assert made.next_at() == 10_000.0
    [missing] = made.tick(10_000.0)
    assert isinstance(missing, Condition)
    assert not missing.ok
    assert made.tick(20_000.0) == []
    back, *rest = made.feed(frame(RECORD), 21_000.0)
    assert isinstance(back, Condition)
    assert back.ok
    assert len(rest) == 2
    made.closed(22_000.0)
    assert made.next_at() is None


def test_it_listens_to_nothing() -> None:
    made = driver()
    assert made.take() == b""
    with pytest.raises(TypeError, match="takes no Trigger"):
        made.send(Trigger(True), 0.0, None)


@pytest.mark.parametrize(
    "settings", [{"max_length": 10}, {"max_length": 2**20}, {"heartbeat_s": -1}, {"no_read": ("€",)}, {"gap_ms": 0}]
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        driver(**settings)
