"""`line`, and for every scanner: what its transcript says is what its driver says, in any split."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.commands._texts import settings as settings_of
from controller.described import described
from devices.codes import CONTROL, PROGRAMMING
from devices.driver import load
from devices.framing import BETWEEN
from devices.scanners import line
from devices.scanners._lines import TORN
from devices.scanners._proof import LENGTH
from devices.types import Garbled, Item, Kept, NoRead, Read, Trigger
from tests import transcripts
from tests.transcripts import Recorded

STX_ETX = line.Settings(prefix="\x02", suffix="\x03", heartbeat="HB")
S10 = "RB123456785GB"
TRANSCRIPTS = {"line": "line", "line_index": "line", "sick_cola": "sick_cola"}
"""Transcript -> kind."""
RECORDED = [(kind, message) for name, kind in TRANSCRIPTS.items() for message in transcripts.read(name)]


def said(items: Sequence[Item]) -> list[tuple[str, str]]:
    """(item, text or reason): what a reader of the log sees."""
    lines = [described(item) for item in items]
    return [(at["item"], at["text"] if at["text"] is not None else at["why"] or "") for at in lines]


def heard(driver: Any, *chunks: bytes) -> list[tuple[str, str]]:
    """Everything until the end of the channel."""
    return said([*(item for chunk in chunks for item in driver.feed(chunk, 1.0)), *driver.closed(1.0)])


@pytest.mark.parametrize(("kind", "message"), RECORDED, ids=[str(message) for _, message in RECORDED])
def test_a_transcript_says_what_its_items_are(kind: str, message: Recorded) -> None:
    module = load(kind)
    ear = getattr(module, "Sniffer", module.Driver)(settings_of(module.Settings, message.settings))
    items = ear.feed(message.raw, 1.0)
    named = []
    for item in map(described, items):
        words = {"error": "code", "garbled": "", "no_read": "", "heartbeat": ""}.get(item["item"], "text")
        named.append(" ".join(filter(None, [item["item"], item.get("verb"), words and item[words]])))
    wanted = message.meaning.partition(":")[0].encode().decode("unicode_escape")
    assert ", ".join(named) == wanted


# --- line -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        line.Settings(),
        line.Settings(prefix="\x02", suffix=";"),
        line.Settings(min_length=13, max_length=13),
        line.Settings(fixed_lengths=(12, 13)),
    ],
)
def test_line_wants_a_proof_and_says_what_to_write(settings: line.Settings) -> None:
    with pytest.raises(ValueError, match=r"Write prefix = .* or one length, fixed_lengths = \[13\], or check = "):
        line.Driver(settings)


@pytest.mark.parametrize(
    "settings",
    [
        line.Settings(prefix="\x02", suffix="\x03"),
        line.Settings(prefix="$", suffix="\r"),
        line.Settings(fixed_lengths=(13,)),
        line.Settings(check="s10"),
        line.Settings(check="mod10", fixed_lengths=(12, 13)),
    ],
)
def test_line_takes_each_proof(settings: line.Settings) -> None:
    assert line.Driver(settings).feed(b"", 1.0) == []


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        (line.Settings(prefix="\x02", suffix=""), "suffix is empty"),
        (line.Settings(check="luhn"), "'luhn': write one of s10, gs1, mod10"),
        (line.Settings(check="s10", max_length=9999), "max_length = 9999"),
        (line.Settings(check="s10", heartbeat="\u20ac"), "heartbeat = "),
        (line.Settings(check="s10", gap_ms=0), "gap_ms = 0"),
        (line.Settings(prefix="\x02", suffix="\x02\r"), "must not contain one another"),
        (line.Settings(check="s10", index_digits=-1), "index_digits = -1: write 0 to 18"),
        (line.Settings(check="s10", encoder_digits=19), "encoder_digits = 19: write 0 to 18"),
        (line.Settings(check="s10", max_length=8, index_digits=6, encoder_digits=2), "max_length = 8"),
    ],
)
def test_line_refuses_what_cannot_work(settings: line.Settings, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        line.Driver(settings)


@pytest.mark.parametrize("check", ["s10", "mod10", "gs1"])
@given(data=st.data())
def test_a_torn_code_is_never_read_as_it_is(check: str, data: st.DataObject) -> None:
    code = {"s10": b"RB123456785GB", "mod10": b"373400306542500000", "gs1": b"373400306542500000"}[check]
    lost = data.draw(st.integers(1, len(code) - 1))
    driver = line.Driver(line.Settings(check=check, fixed_lengths=(len(code),)))
    assert heard(driver, code[lost:] + b"\r\n" + code + b"\r\n")[1:] == [("read", code.decode())]


def test_each_proof_fails_in_its_own_words() -> None:
    driver = line.Driver(line.Settings(min_length=8, fixed_lengths=(13, 5), check="s10"))
    assert heard(driver, b"RB12345\r12345678\rRB123456786GB\rRB123456785GB\r") == [
        ("garbled", "shorter than 8 characters"),
        ("garbled", LENGTH),
        ("garbled", "fails the check s10"),
        ("read", S10),
    ]
    assert driver.counters.frames == 4
    assert driver.counters.garbled == {"shorter than 8 characters": 1, LENGTH: 1, "fails the check s10": 1}


@pytest.mark.parametrize("body", [b"A\x00B", b"A\x7fB", b"\x16M\rA", b"\x1b[CA", b"A\x85B", b"A\xc2\x85B"])
def test_a_control_character_makes_a_code_garbled(body: bytes) -> None:
    assert heard(line.Driver(STX_ETX), b"\x02" + body + b"\x03") == [("garbled", CONTROL)]


@pytest.mark.parametrize("body", [b"999999", b"||>SET SYMBOL.C128 OFF", b"]C0||>TRIGGER ON"])
def test_a_code_that_would_program_a_scanner_is_garbled(body: bytes) -> None:
    assert line.Driver(STX_ETX).feed(b"\x02" + body + b"\x03", 7.0) == [Garbled(body, PROGRAMMING, 7.0)]


@pytest.mark.parametrize(
    ("body", "text", "encoding"),
    [
        (b"]d2010629104150021321A\x1d10B", "010629104150021321A\x1d10B", ""),
        (b"[)>\x1e06\x1dA\x1e\x04", "[)>\x1e06\x1dA\x1e\x04", ""),
        ("Köln".encode(), "Köln", "utf-8"),
        ("Köln".encode("latin-1"), "Köln", "latin-1?"),
        (b"A%B{}\\n", "A%B{}\\n", ""),
    ],
)
def test_what_a_code_may_hold(body: bytes, text: str, encoding: str) -> None:
    assert line.Driver(STX_ETX).feed(b"\x02" + body + b"\x03", 7.0) == [
        Read(text, body, 7.0, symbology="]d2" if body.startswith(b"]d2") else "", encoding=encoding)
    ]


def test_the_texts_are_compared_exactly() -> None:
    driver = line.Driver(STX_ETX)
    assert heard(driver, b"\x02NoRead\x03\x02noread\x03\x02HB\x03\x02HBX\x03\x02 HB\x03\x02\x03") == [
        *(("no_read", ""), ("read", "noread"), ("heartbeat", ""), ("read", "HBX"), ("read", " HB"), ("no_read", "")),
    ]


def test_an_empty_line_without_prefix_is_nothing() -> None:
    assert heard(line.Driver(line.Settings(check="s10")), b"\r\n\r\n\n\r" + S10.encode() + b"\n") == [("read", S10)]


def test_several_codes_in_a_frame() -> None:
    driver = line.Driver(line.Settings(check="s10", separator=";"))
    frame = b"RB123456785GB;NoRead;RB123456786GB;;RB123456785US"
    assert said(driver.feed(frame + b"\r", 1.0)) == [
        *(("read", S10), ("garbled", "fails the check s10"), ("read", "RB123456785US")),
    ]
    assert said(driver.feed(b"NoRead;NoRead\r", 1.0)) == [("no_read", "")]


NUMBERED = line.Settings(prefix="\x02", suffix="\x03", heartbeat="HB", separator=";", index_digits=4, encoder_digits=3)


def test_index_and_encoder_are_those_of_every_code_and_of_a_no_read() -> None:
    body, none = b"0017999AB;CD", b"0000000NoRead"
    driver = line.Driver(NUMBERED)
    assert driver.feed(b"\x02" + body + b"\x03\x02" + none + b"\x03", 7.0) == [
        Read("AB", body, 7.0, index=17, encoder=999),
        Read("CD", body, 7.0, index=17, encoder=999),
        NoRead(none, 7.0, index=0, encoder=0),
    ]


@pytest.mark.parametrize(
    ("digits", "text", "index", "encoder"),
    [((4, 0), "X", 17, None), ((0, 4), "X", None, 17), ((0, 0), "0017X", None, None)],
)
def test_either_may_stand_alone(digits: tuple[int, int], text: str, index: int | None, encoder: int | None) -> None:
    settings = line.Settings(prefix="\x02", suffix="\x03", index_digits=digits[0], encoder_digits=digits[1])
    driver = line.Driver(settings)
    assert driver.feed(b"\x020017X\x03", 7.0) == [Read(text, b"0017X", 7.0, index=index, encoder=encoder)]


@pytest.mark.parametrize("body", [b"", b"001799", b"001799AB", b"0017 99AB", b"-017999AB", b"00\xb27999AB", b"NoRead"])
def test_missing_digits_are_garbled_and_counted_by_one_reason(body: bytes) -> None:
    driver = line.Driver(NUMBERED)
    why = "no 7 digits of index and encoder in front"
    assert driver.feed(b"\x02" + body + b"\x03", 7.0) == [Garbled(body, why, 7.0)]
    assert driver.counters.garbled == {why: 1}


def test_what_is_garbled_behind_the_digits_says_why() -> None:
    driver = line.Driver(line.Settings(check="s10", index_digits=2))
    assert heard(driver, b"17RB123456786GB\r17RB123456785GB\r") == [("garbled", "fails the check s10"), ("read", S10)]


def test_a_heartbeat_needs_no_digits() -> None:
    assert heard(line.Driver(NUMBERED), b"\x02HB\x03\x020000000HB\x03") == [("heartbeat", ""), ("heartbeat", "")]


@pytest.mark.parametrize(("prefix", "wire"), [("$", b"$RB1$RB2\r"), ("$$", b"$$RB1$$RB2\r"), ("$", b"$A$B$C\r")])
def test_a_printable_prefix_inside_a_frame_gives_no_code(prefix: str, wire: bytes) -> None:
    driver = line.Driver(line.Settings(prefix=prefix, suffix="\r\n"))
    items = heard(driver, wire, f"{prefix}OK\r\n".encode())
    assert items[-1] == ("read", "OK")
    assert items[-2] == ("garbled", TORN)
    assert {item for item, _ in items[:-1]} == {"garbled"}


def test_a_line_end_may_be_a_prefix() -> None:
    driver = line.Driver(line.Settings(prefix="\n", suffix="\r"))
    assert heard(driver, b"\nABC\r\nDEF\r") == [("read", "ABC"), ("read", "DEF")]


def test_a_new_channel_knows_nothing_of_the_last() -> None:
    driver = line.Driver(STX_ETX)
    driver.feed(b"\x02AB", 1.0)
    driver.opened(2.0, Kept())
    assert heard(driver, b"CD\x03") == [("garbled", BETWEEN)]


def test_line_takes_no_command() -> None:
    with pytest.raises(TypeError, match="Trigger"):
        line.Driver(STX_ETX).send(Trigger(True), 1.0, None)


def test_banner_and_noise_before_a_frame() -> None:
    assert heard(line.Driver(STX_ETX), b"\r\nCLV620 V6.10\r\n", b"\x00\xfe", b"\x02RB1\x03") == [
        *(("garbled", BETWEEN), ("read", "RB1")),
    ]


# --- any split --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["line", "sick_cola"])
@given(data=st.data())
def test_any_split_of_any_messages_gives_the_same_items(kind: str, data: st.DataObject) -> None:
    texts = data.draw(st.sampled_from(sorted({message.settings for known, message in RECORDED if known == kind})))
    messages = [message.raw for known, message in RECORDED if known == kind and message.settings == texts]
    noise = st.sampled_from([b"\x02", b"\x03", b"\r", b"\n", b"\x00\xff", b"X", b"\x02\x02\x02\x02"])
    wire = b"".join(data.draw(st.lists(st.one_of(st.sampled_from(messages), noise), max_size=12)))
    cuts = [0, *sorted(data.draw(st.sets(st.integers(0, max(len(wire), 1))))), len(wire)]
    module = load(kind)

    def items(chunks: list[bytes]) -> list[Item]:
        driver = module.Driver(settings_of(module.Settings, texts))
        return [*(item for chunk in chunks for item in driver.feed(chunk, 1.0)), *driver.closed(1.0)]

    whole = items([wire])
    assert items([wire[a:b] for a, b in pairwise(cuts)]) == whole
    assert items([wire[at : at + 1] for at in range(len(wire))]) == whole


@given(codes=st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20), max_size=9))
def test_every_code_between_stx_and_etx_is_read(codes: list[str]) -> None:
    driver = line.Driver(line.Settings(prefix="\x02", suffix="\x03", no_read=()))
    items = driver.feed(b"".join(b"\x02" + code.encode() + b"\x03" for code in codes), 1.0)
    assert [item.raw.decode() for item in items if isinstance(item, Read)] == codes
    assert not any(isinstance(item, Garbled) for item in items)
