"""What a code says: published vectors of GS1 and S10, valid and invalid, and never a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from controller.commands import barcode
from devices.barcodes import Candidate, candidates, gs1, s10
from devices.barcodes.candidate import control_character

DIGITS = "0123456789"


def only(code: str | bytes, scheme: str | None = None) -> Candidate:
    (candidate,) = [one for one in candidates(code) if scheme in (None, one.scheme)]
    return candidate


def said(candidate: Candidate) -> tuple[str, bool, str | None, dict[str, str]]:
    return candidate.scheme, candidate.valid, candidate.why, candidate.parts


# --- S10 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("serial", "check"), [("47312482", "9"), ("00000000", "5"), ("00000008", "0"), ("12345678", "5")]
)
def test_s10_check_digit(serial: str, check: str) -> None:
    assert s10.check_digit(serial) == check


@pytest.mark.parametrize("code", ["RB123456785GB", "RB123456785US", "EE473124829DE", "CP000000005BE", "LX000000080XK"])
def test_valid_s10(code: str) -> None:
    assert (only(code).scheme, only(code).valid, only(code).why) == ("s10", True, None)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("RB123456786US", "check digit is 6, expected 5"),
        ("RB123456785XX", "XX is no country"),
        ("RB123456780XX", "check digit is 0, expected 5; XX is no country"),
        ("RB473124820GB", "check digit is 0, expected 9"),
    ],
)
def test_invalid_s10_says_why(code: str, why: str) -> None:
    assert (only(code).valid, only(code).why) == (False, why)


def test_the_parts_of_s10() -> None:
    assert only("RB123456785GB").parts == {
        **{"indicator": "RB", "service": "registered", "serial": "12345678", "check": "5", "country": "GB"},
    }


@pytest.mark.parametrize(
    ("indicator", "service"),
    [
        *(("CP", "parcel"), ("EE", "express (EMS)"), ("HA", "e-commerce parcel"), ("LX", "tracked letter")),
        *(("RR", "registered"), ("UA", "untracked letter"), ("VV", "insured"), ("QA", "business reply (IBRS)")),
        *(("AV", "domestic or bilateral"), ("AA", "not assigned"), ("GA", "domestic or bilateral")),
        *(("GB", "not assigned"), ("JA", "reserved"), ("ZZ", "domestic or bilateral")),
    ],
)
def test_service_indicators(indicator: str, service: str) -> None:
    assert only(f"{indicator}123456785GB").parts["service"] == service


def test_countries_are_iso_3166_and_what_posts_add() -> None:
    assert len(s10.COUNTRIES) == 249 + 3
    assert {"GB", "BE", "CN", "US", "XK"} <= s10.COUNTRIES
    assert not {"UK", "XX", "EU", "ZZ", "AA"} & s10.COUNTRIES


@pytest.mark.parametrize("code", ["RB 123 456 785 GB", "RB-12345678-5-GB", "]C0RB123456785GB", "]A0RB123456785GB"])
def test_separators_and_aim_identifiers_do_not_count(code: str) -> None:
    assert only(code) == only("RB123456785GB")


@pytest.mark.parametrize(
    "code",
    [
        *("rb123456785gb", "RB12345678SGB", "RB12345678OGB", "RB123456785GBX", "XRB123456785GB", "RB12345675GB"),
        *("RB１２３４５６７８５GB", "RB١٢٣٤٥٦٧٨٥GB", "RB12345678²GB", "RB123456785GB\n"),
    ],
)
def test_what_has_not_the_shape_of_s10(code: str) -> None:
    assert candidates(code) == []


def test_lp_is_s10_when_its_length_is() -> None:
    assert only("LP123456785CN").parts["service"] == "tracked letter"


@given(serial=st.text(DIGITS, min_size=8, max_size=8), place=st.integers(0, 7), digit=st.sampled_from(DIGITS))
def test_a_changed_digit_of_s10_is_seen_unless_the_check_digits_are_equal(serial: str, place: int, digit: str) -> None:
    changed = serial[:place] + digit + serial[place + 1 :]
    assert only(f"RB{serial}{s10.check_digit(serial)}GB").valid
    same = s10.check_digit(changed) == s10.check_digit(
        serial
    )  # 10 and 11 are folded: 18034063 and 38034063 both have 5
    assert only(f"RB{changed}{s10.check_digit(serial)}GB").valid == same


# --- GS1 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("373400306542500000", {"00": "373400306542500000"}),
        ("3734 0030 6542 5000 00", {"00": "373400306542500000"}),
        ("00340433836442636597", {"00": "340433836442636597"}),
        ("340433836442636597", {"00": "340433836442636597"}),
        ("6291041500213", {"01": "06291041500213"}),
        ("]E06291041500213", {"01": "06291041500213"}),
        ("]C100373400306542500000", {"00": "373400306542500000"}),
        ("\x1d00373400306542500000", {"00": "373400306542500000"}),
        ("]C10037340030654250000042012345", {"00": "373400306542500000", "420": "12345"}),
        ("0037340030654250000042012345", {"00": "373400306542500000", "420": "12345"}),
        ("]d20106291041500213211234\x1d10AB", {"01": "06291041500213", "21": "1234", "10": "AB"}),
        ("0106291041500213211234\x1d10AB", {"01": "06291041500213", "21": "1234", "10": "AB"}),
        ("]C1401ABC\x1d00373400306542500000", {"401": "ABC", "00": "373400306542500000"}),
        (
            "]C142012345\x1d92748931507708513018050063",
            {"420": "12345", "92": "748931507708513018050063"},
        ),
    ],
)
def test_valid_gs1(code: str, parts: dict[str, str]) -> None:
    assert said(only(code, "gs1")) == ("gs1", True, None, parts)


@pytest.mark.parametrize(
    ("code", "checked"),
    [
        *(("]C110AB", False), ("]C110AB\x1d00373400306542500000", True), ("]C14101234567890128", True)),
        *(("]C142012345", False), ("]C142184012345", False), ("6291041500213", True)),
    ],
)
def test_element_strings_are_checked_when_one_of_them_is(code: str, checked: bool) -> None:
    assert only(code).checked is checked


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("]C1421840123451\x1d90A", {"421": "840123451", "90": "A"}),
        ("]C1400ORDER1\x1d403R1", {"400": "ORDER1", "403": "R1"}),
        ("]C140212345678901234522", {"402": "12345678901234522"}),
        ("]C137123\x1d99X", {"37": "123", "99": "X"}),
        ("]C14300ACME\x1d4307US\x1d4308123", {"4300": "ACME", "4307": "US", "4308": "123"}),
        ("]C1422056", {"422": "056"}),
    ],
)
def test_the_application_identifiers_of_a_hub(code: str, parts: dict[str, str]) -> None:
    assert said(only(code, "gs1")) == ("gs1", True, None, parts)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("373400306542500005", "check digit is 5, expected 0"),
        ("00373400306542500005", "check digit is 5, expected 0"),
        ("6291041500214", "check digit is 4, expected 3"),
        ("]C100373400306542500005", "Expected 0, got 5"),
        ("]C110AB\x1d00373400306542500005", "Expected 0, got 5"),
        ("]C10106291041500214", "Expected 3, got 4"),
        ("]C117991399", "AI (17)"),
        ("]C140212345678901234523", "(402) check digit is 3, expected 2"),
        ("]C14101234567890129", "Expected 8, got 9"),
        ("]C1402123", "402"),
        ("]C110A\x1d10B", "(10) twice with different values"),
        ("\x1d", "1 to 800 ASCII characters"),
        ("]C110\u0661", "1 to 800 ASCII characters"),
        ("]C100\u066373400306542500000", "1 to 800 ASCII characters"),
        ("]C1" + "10A\x1d" * 49 + "90A", "more than 48 separators"),
        ("]C1" + "9" * 5000, "1 to 800 ASCII characters"),
    ],
)
def test_invalid_gs1_says_why(code: str, why: str) -> None:
    assert (only(code).scheme, only(code).valid) == ("gs1", False)
    assert why in (only(code).why or "")


@pytest.mark.parametrize(
    "code",
    [
        "]C11021072911172405310100693570007182",
        "]d201062910415002132112345678901234567890123456789",
        "]C14201028200009261290113185417468511",
        "4201028200009261290113185417468511",
    ],
)
def test_stripped_fnc1_makes_no_valid_message(code: str) -> None:
    assert not any(candidate.valid for candidate in candidates(code))


def test_stripped_fnc1_without_an_identifier_is_nothing() -> None:
    assert candidates("1021072911172405310100693570007182") == []


def test_stripped_fnc1_swallows_the_sscc() -> None:
    """Legal as it stands, so it is valid; but nobody may take an SSCC from it."""
    assert only("]C1401ABC00373400306542500000").parts == {"401": "ABC00373400306542500000"}


@pytest.mark.parametrize("aim", ["", "]C1"])
@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("4201002334249200190132607600833457", {"420": "100233424", "92": "00190132607600833457"}),
        ("420100239400111206206406260787", {"420": "10023", "94": "00111206206406260787"}),
    ],
)
def test_a_post_code_before_a_usps_number_is_split_by_its_check_digit(
    aim: str, code: str, parts: dict[str, str]
) -> None:
    assert said(only(aim + code, "gs1")) == ("gs1", True, None, parts)


@pytest.mark.parametrize(
    "code",
    [
        "\u0666\u0662\u0669\u0661\u0660\u0664\u0661\u0665",
        "\uff16" * 13,
        "629104150021\u00b2",
        "O291041500213",
        "629104150",
        "]C1",
        "",
    ],
)
def test_what_has_no_shape_of_gs1(code: str) -> None:
    assert candidates(code) == []


@given(body=st.text(DIGITS, min_size=17, max_size=17), place=st.integers(0, 17), add=st.integers(1, 9))
def test_every_changed_digit_of_an_sscc_is_seen(body: str, place: int, add: int) -> None:
    code = body + gs1.check_digit(body)
    changed = code[:place] + str((int(code[place]) + add) % 10) + code[place + 1 :]
    assert (only(code, "gs1").valid, only(changed, "gs1").valid) == (True, False)
    assert (only(f"]C100{code}", "gs1").valid, only(f"]C100{changed}", "gs1").valid) == (True, False)


@pytest.mark.parametrize(
    ("code", "checked"), [("6291041500213", True), ("6291041500214", False), ("0", False), ("", False)]
)
def test_is_checked(code: str, checked: bool) -> None:
    assert gs1.is_checked(code) == checked


# --- any code ---------------------------------------------------------------------------------------------------------


def test_bytes_and_text_say_the_same() -> None:
    assert candidates(b"]C100373400306542500000") == candidates("]C100373400306542500000")
    assert candidates("RB123456785GBÄ".encode("latin-1")) == []


GS1_TEXT = st.text(st.sampled_from("0123456789]CdQA\x1d- "), max_size=60)


@given(code=st.one_of(st.text(max_size=40), GS1_TEXT, GS1_TEXT.map(lambda text: "]C1" + text), st.binary(max_size=40)))
def test_no_code_raises(code: str | bytes) -> None:
    for candidate in candidates(code):
        assert candidate.valid == (candidate.why is None)


@pytest.mark.parametrize(
    ("text", "bad"), [("A\x1dB", False), ("A\tB", True), ("Ä", False), ("A\x9bB", True), ("\x1eA", True)]
)
def test_control_characters(text: str, bad: bool) -> None:
    assert control_character(text) == bad


# --- floord barcode ---------------------------------------------------------------------------------------------------


def printed(text: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(barcode.command, ["--", text])
    return done.exit_code, json.loads(done.output)


@pytest.mark.parametrize(
    ("text", "code", "schemes"),
    [
        ("RB123456785GB", 0, ["s10"]),
        ("RB123456785XX", 1, ["s10"]),
        ("HELLO", 1, []),
        (r"]d20106291041500213211234\x1d10AB", 0, ["gs1"]),
        ("]d20106291041500213211234<GS>10AB", 0, ["gs1"]),
        ("201298452277", 0, ["fedex", "identcode", "gls", "gs1", "japan_post"]),
    ],
)
def test_barcode_prints_one_object_and_exits_by_its_verdict(text: str, code: int, schemes: list[str]) -> None:
    exit_code, found = printed(text)
    assert (exit_code, [candidate["scheme"] for candidate in found["candidates"]]) == (code, schemes)
    for candidate in found["candidates"]:
        assert list(candidate) == ["scheme", "valid", "why", "parts", "checked", "ids"]


def test_barcode_tells_the_parts_and_the_symbology() -> None:
    assert printed(r"]C1401ABC\x1d00373400306542500005")[1] == {
        "symbology": "Code 128 (GS1-128)",
        "candidates": [
            {
                "scheme": "gs1",
                "valid": False,
                "why": "Invalid SSCC check digit for '373400306542500005': Expected 0, got 5.",
                "parts": {"401": "ABC", "00": "373400306542500005"},
                "checked": True,
                "ids": [],
            }
        ],
    }
    assert printed("RB123456785GB")[1]["symbology"] is None


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b]0;owned\x07",
        "]C190\x1b[31mred",
        "[)>\x1e07\x1d\x1b[2J\x1e\x04",
        "\x9b31m",
        "-h",
        "\x7f",
        "",
        "\u202e",
    ],
)
def test_hostile_text_reaches_no_terminal(text: str) -> None:
    done = CliRunner().invoke(barcode.command, ["--", text])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.output.removesuffix("\n").isascii()
    assert done.output.removesuffix("\n").isprintable()
    json.loads(done.output)
