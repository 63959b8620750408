"""What carriers' codes say: published vectors of every scheme, valid and invalid, and all that a code may be."""

from __future__ import annotations

import re
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.barcodes import NAMES, Candidate, candidates, words
from devices.barcodes._checks import mod7, mod11_10, mod37_36
from devices.barcodes.aim import SYMBOLOGIES, follows_eci
from devices.barcodes.dhl import post_check_digit
from devices.barcodes.gls import check_digit as gls_check_digit

DOCS = Path(__file__).parents[1] / "docs" / "barcodes.md"

GLS_NUMBER = "12345678901"
GLS_2D = "A" * 33 + "XHAX4HDA" + "B" * 82
RECEPTACLE = "DEFRAAGBLONBAUN60123001100055"

CHECKED = {
    "ups": ("1Z5R89390357567127", "1Z879E930346834440", "1Z410E7W0392751591", "1Z8V92A70367203024"),
    "usps": (
        *("9400111206206406260787", "4201002334249200190132607600833457", "92748931507708513018050063"),
        *("03071790000523483741", "71969010756003077385", "7112 3456 7891 2345 6787", "9505 5110 6960 5048 6006 24"),
        *("420 22153 9101026837331000039521", "4201028200009261290113185417468510", "9405803699300124287899"),
        *("42022153\x1d9101026837331000039521", "]C142022153\x1d9101026837331000039521", "\x1d9400111206206406260787"),
    ),
    "fedex": (
        *("986578788855", "477179081230", "799531274483", "974367662710", "041441760228964", "5682 8361 0012 734"),
        *("1001921334250001000300779017972697", "9611020987654312345672", "9622001900000000000000776632517510"),
        "9632001560123456789900794808390594",
    ),
    "dhl_express": ("3318810025", "73891051146", "8487135506", "1099255990"),
    "identcode": ("563102430313", "201298452277"),
    "leitcode": ("21348075016401",),
    "hermes": ("09133131530724",),
    "dpd": (
        *("008182709980000020033350276C", "008182709980000020045327276N", "09980000020033F", "01015026003653C"),
        "00 81827 0998 0000 0200 33 350 276 C",
    ),
    "gls": (GLS_NUMBER + gls_check_digit(GLS_NUMBER),),
    "austrian_post": ("9400111206206406260787", "1000000000000007"),
    "japan_post": ("123456789013",),
    "awb": ("176-12345675", "020-81140743", "02081140743"),
    "iso6346": ("CSQU3054383", "CSQU 305438 3"),
    "gs1": ("340433836442636597", "00340433836442636597", "6291041500213"),
    "s10": ("RB123456785GB", "LP123456785CN", "CP000000005BE"),
}
"""Scheme -> codes whose check is right."""

INVALID = {
    "ups": ("1Z1111111111111111",),
    "usps": (
        *("9434611206206407667131", "4201028200009261290113185417468511", "03071790000523483742"),
        *("9200000000000000000000", "420000009200000000000000000000", "]C142022153\x1d9101026837331000039522"),
    ),
    "fedex": ("996578788855", "5682 8361 0012 732", "1001901781990001000300617767839438", "9600000000000000000001"),
    "dhl_express": ("3318810010", "3318810034"),
    "identcode": ("563102430314",),
    "leitcode": ("21348075016402",),
    "hermes": ("09133131530725",),
    "dpd": ("008182709980000020033350276A", "008182709980000020045000000N", "09980000020033G"),
    "gls": (GLS_NUMBER + str((int(gls_check_digit(GLS_NUMBER)) + 1) % 10),),
    "austrian_post": ("9434611206206407667131",),
    "japan_post": ("563102430319",),
    "awb": ("176-12345676", "176-12345678"),
    "iso6346": ("CSQU3054384",),
    "s9": (RECEPTACLE.replace("DE", "XX"), RECEPTACLE.replace("BAUN", "BXUN"), RECEPTACLE.replace("00110", "00190")),
    "iso15434": (
        "[)>\x1e06\x1dSA",
        "[)>\x1e\x1e\x04",
        "[)>\x1e6\x1dSA\x1e\x04",
        "[)>\x1e05\x1d" + "\x1d" * 64 + "\x1e\x04",
    ),
}

UNCHECKED = {
    "licence_plate": (
        *("JJD0099999999", "JVGL0999999990", "1JVGL0012345", "JJD014600002837563501", "JD014600002837563501"),
        "6JUN043325711AB12",
    ),
    "dpd": ("%008182709980000020033350276", "008182709980000020033350276", "09980000020033"),
    "gls": ("XHAX4HDA", GLS_2D),
    "bag_tag": ("0220123456",),
    "uld": ("AKE12345LH", "AKE0001XH", "P1P12345ABC"),
    "s9": (RECEPTACLE,),
    "cainiao": ("LP00123456789012", "LP001234567890", "CN0012345678901", "CNG001234567890"),
    "postnl": ("3SABCD1234567", "3SABCD123456789"),
    "bpost": ("323200000012345678901234",),
    "colissimo": ("6A12345678901",),
    "amazon": ("TBA502887274000",),
    "landmark": ("LTN74207623N1",),
    "yunexpress": ("YT2229521272164446",),
    "iso15434": ("[)>\x1e06\x1dSA\x1e\x04", "[)>\x1e07free\x1e\x04".replace("07", "07\x1d")),
}

NONE = (
    *("2Z5R89390357567127", "1A5R89390357567127", "1Z5R8939035756712", "1z5r89390357567127", "TBA50288727400A"),
    *("LSN74209518N1", "YT123456789012345", "XJD0099999998x", "3SABCD123456", "LP0012345678901", "AKE123LHX", "HELLO"),
    *(
        "1Z5R8939035756712７",
        "٣٣١٨٨١٠٠٢٥",
        "３３１８８１００２５",
        "XHAX4HD²",
        "CSQU305438٣",
        "1Z5R89390357567127\n",
        "33188IOO25",
    ),
)


def of(scheme: str, code: str) -> Candidate:
    (found,) = [candidate for candidate in candidates(code) if candidate.scheme == scheme]
    return found


def vectors(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(scheme, code) for scheme, codes in table.items() for code in codes]


@pytest.mark.parametrize(("scheme", "code"), vectors(CHECKED))
def test_valid_and_checked(scheme: str, code: str) -> None:
    found = of(scheme, code)
    assert (found.valid, found.checked, found.why) == (True, True, None)
    assert found.parts


@pytest.mark.parametrize(("scheme", "code"), vectors(INVALID))
def test_invalid(scheme: str, code: str) -> None:
    found = of(scheme, code)
    assert (found.valid, found.ids) == (False, ())
    assert found.why


@pytest.mark.parametrize(("scheme", "code"), vectors(UNCHECKED))
def test_valid_where_nothing_can_be_checked(scheme: str, code: str) -> None:
    found = of(scheme, code)
    assert (found.valid, found.checked, found.why) == (True, False, None)


@pytest.mark.parametrize("code", NONE)
def test_the_shape_of_nothing(code: str) -> None:
    assert candidates(code) == []


def test_every_scheme_has_a_vector() -> None:
    assert set(NAMES) == set(CHECKED) | set(UNCHECKED)


@pytest.mark.parametrize(
    ("code", "schemes"),
    [
        ("201298452277", "fedex identcode gls gs1 japan_post"),
        ("3318810010", "bag_tag dhl_express"),
        ("09133131530724", "gs1 hermes dpd leitcode"),
        ("9400111206206406260787", "usps austrian_post"),
        ("73891051146", "dhl_express awb"),
        ("LP123456785CN", "s10"),
        ("]E0201298452277", "gs1"),
        ("]C100340433836442636597", "gs1"),
        ("]C1RB123456785GB", "s10 gs1"),
        ("JABU1234567", "iso6346"),
        ("JABU123456789", "licence_plate"),
    ],
)
def test_all_that_a_code_may_be_the_sure_ones_first(code: str, schemes: str) -> None:
    found = candidates(code)
    assert " ".join(candidate.scheme for candidate in found) == schemes
    assert found == sorted(found, key=lambda one: (not one.valid, one.valid and not one.checked))


@pytest.mark.parametrize(
    ("scheme", "code", "ids"),
    [
        ("gs1", "340433836442636597", "340433836442636597 00340433836442636597"),
        ("gs1", "]C100340433836442636597\x1d42012345", "340433836442636597 00340433836442636597"),
        ("gs1", "6291041500213", ""),
        ("gs1", "]C1010629104150021321A", ""),
        ("s10", "RB 123 456 785 GB", "RB123456785GB"),
        ("usps", "4201002334249200190132607600833457", "9200190132607600833457"),
        ("usps", "71969010756003077385", "71969010756003077385 9171969010756003077385"),
        ("fedex", "1001921334250001000300779017972697", "1001921334250001000300779017972697 779017972697"),
        (
            "dpd",
            "%008182709980000020033350276",
            "09980000020033 09980000020033F 008182709980000020033350276 008182709980000020033350276C",
        ),
        ("dpd", "09980000020033F", "09980000020033 09980000020033F"),
        ("gls", GLS_2D, "XHAX4HDA"),
        ("awb", "176-12345675", "17612345675 176-12345675"),
        ("licence_plate", "JJD0099999999", "JJD0099999999 JD0099999999"),
        ("licence_plate", "JD014600002837563501", "JD014600002837563501 JJD014600002837563501"),
        ("leitcode", "21348075016401", ""),
    ],
)
def test_other_texts_of_the_same_thing(scheme: str, code: str, ids: str) -> None:
    assert of(scheme, code).ids == tuple(ids.split())


def test_both_splits_of_a_usps_number_give_an_id() -> None:
    """The four digits in front add nothing to the sum: the number passes with and without them."""
    assert of("usps", "4201002391029400111206206406260787").ids == (
        *("91029400111206206406260787", "9400111206206406260787"),
    )


@pytest.mark.parametrize(
    ("check", "body", "expected"),
    [
        *((mod7, "331881002", "5"), (mod11_10, "98657878885", "5"), (mod37_36, "09980000020033", "F")),
        *((post_check_digit, "56310243031", "3"), (mod37_36, "A12425GABC1234002", "M")),
    ],
)
def test_check_digits(check: object, body: str, expected: str) -> None:
    assert check(body) == expected  # type: ignore[operator]


@given(serial=st.integers(0, 9_999_999), place=st.integers(3, 9), digit=st.sampled_from(string.digits))
def test_a_changed_digit_of_an_air_waybill_is_seen_but_for_seven(serial: int, place: int, digit: str) -> None:
    code = f"020{serial:07d}{serial % 7}"
    changed = code[:place] + digit + code[place + 1 :]
    assert of("awb", code).valid
    assert of("awb", changed).valid == ((int(digit) - int(code[place])) % 7 == 0)


# --- messages ---------------------------------------------------------------------------------------------------------

FIELDS = ("96841706672", "840", "001", "1Z12345675", "UPSN", "12345E", "089", "", "1/1", "10.1", "Y", "", "", "UT")
MAXICODE = "[)>\x1e01\x1d" + "\x1d".join(FIELDS) + "\x1e\x04"


def test_the_fields_of_a_transport_message() -> None:
    assert of("iso15434", MAXICODE).parts == {
        **{"format": "01", "version": "96", "postcode": "841706672", "country": "840", "service": "001"},
        **{"tracking": "1Z12345675", "carrier": "UPSN", "shipper": "12345E", "pickup_day": "089", "package": "1/1"},
        **{"weight_lb": "10.1", "validated": "Y", "state": "UT"},
    }


def test_the_tracking_number_of_a_transport_message_is_a_code() -> None:
    found = candidates(MAXICODE.replace("1Z12345675", "1Z5R89390357567127"))
    assert [(one.scheme, one.valid) for one in found] == [("ups", True), ("iso15434", True)]


def test_what_stands_in_a_message_is_read_as_codes() -> None:
    found = candidates("[)>\x1e06\x1d1JVGL0012345\x1dQ5\x1dSRB123456785GB\x1e05\x1d00373400306542500000\x1e\x04")
    assert [one.scheme for one in found] == ["s10", "gs1", "iso15434", "licence_plate"]
    assert found[2].parts == {
        **{"format": "06 05", "06:1J": "VGL0012345", "06:Q": "5", "06:S": "RB123456785GB"},
        "05": "00373400306542500000",
    }
    assert {text for one in found for text in one.ids} >= {"RB123456785GB", "1JVGL0012345", "373400306542500000"}


def test_a_quantity_is_no_code() -> None:
    assert [one.scheme for one in candidates("[)>\x1e06\x1dQ3318810025\x1e\x04")] == ["iso15434"]


# --- symbologies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aim", "said"),
    [
        *(("", ""), ("]C0", "Code 128"), ("]C1", "Code 128 (GS1-128)"), ("]Q3", "QR Code (GS1)"), ("]G0", "Code 93")),
        *(("]d2", "Data Matrix (GS1)"), ("]I1", "Interleaved 2 of 5 (check verified)"), ("]z3", "Aztec (ECI)")),
        *(("]E4", "EAN/UPC (EAN-8)"), ("]Q9", "QR Code (modifier 9)"), ("]q0", "unknown symbology")),
        *(("]U1", "MaxiCode (mode 2 or 3)"), ("]L2", "PDF417 (backslashes not doubled)")),
    ],
)
def test_an_aim_identifier_in_words(aim: str, said: str) -> None:
    assert words(aim) == said


def test_which_identifiers_follow_the_eci_protocol() -> None:
    known = {f"]{letter}{modifier}" for letter, (_, modifiers) in SYMBOLOGIES.items() for modifier in modifiers}
    assert {aim for aim in known if follows_eci(aim)} == set(
        "]L1 ]Q2 ]Q4 ]Q6 ]d4 ]d5 ]d6 ]z3 ]z4 ]z5 ]z9 ]zA ]zB ]U2 ]U3 ]h1 ]J3 ]J4 ]J5 ]e3".split()
    )


# --- any code ---------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    (
        *("1Z", "JD", "JJD", "1J", "420", "94", "92", "96", "100", "00", "01", "3S", "LP", "CN", "CNG", "TBA", "LTN"),
        *("N1", "YT", "AKE", "CSQU", "[)>\x1e", "\x1d", "\x1e", "\x04", "]C1", "]d2", "]E0", "%", "-", "²", "١"),
    )
)
TEXTS = st.lists(st.one_of(PIECES, st.text("0123456789ABCDEFZ", max_size=20)), max_size=6).map("".join)


@given(code=TEXTS)
def test_no_code_raises_and_every_candidate_is_of_one_shape(code: str) -> None:
    found = candidates(code)
    assert found == candidates(code.encode())
    for one in found:
        assert one.scheme in NAMES
        assert one.valid == (one.why is None)
        assert one.valid or not one.ids
        assert all(text and text.isascii() for text in one.ids)


@given(code=st.text(string.digits + string.ascii_uppercase, min_size=8, max_size=35))
def test_an_id_names_the_same_thing_as_the_code(code: str) -> None:
    """Who looks an id up finds the same ids again: forms of a number agree, whichever stands on the parcel."""
    for one in candidates(code):
        for text in one.ids:
            again = [other for other in candidates(text) if other.scheme == one.scheme and other.valid]
            assert not again or set(again[0].ids) & set(one.ids)


SPOILT = (
    *("1" * 4296, "-" * 4296, "A" * 4296, "\x1d" * 4296, "]C1" + "\x1d" * 4293, "]C1" + "10A\x1d" * 1073, "é" * 4296),
    *(
        "]C190" + "A" * 4000,
        "]C1" + "01" * 2140,
        "]C1" + "10A\x1d" * 48 + "11010101" * 70,
        "420" * 1432,
        "[)>\x1e" * 1074,
    ),
    *("[)>\x1e06\x1d" + "1JUN123456789\x1d" * 60 + "\x1e\x04", "[)>\x1e05\x1d" + "10A\x1d" * 1000 + "\x1e\x04"),
    *("[)>\x1e" + "05\x1d10A\x1e" * 60 + "\x04", "J" * 39, "1J" * 2148, "3S" * 2148),
)


def best_us(code: str, times: int) -> float:
    """Processor time of the quickest of several runs: what the code costs, whatever else the machine does."""
    best = float("inf")
    for _ in range(times):
        start = time.thread_time()
        candidates(code)
        best = min(best, time.thread_time() - start)
    return best * 1e6


def test_no_code_is_slow(full: bool) -> None:
    bound = 2_000 if full else 20_000  # a machine that does much else is no reason to fail an ordinary run
    for code in SPOILT:
        assert best_us(code, 20) < bound, repr(code[:40])


def test_a_code_of_a_parcel_is_cheap(full: bool) -> None:
    bound = 20 if full else 500
    for code in ("340433836442636597", "RB123456785GB", "1Z5R89390357567127", "9400111206206406260787", "3318810025"):
        assert best_us(code, 200) < bound, code


def test_the_parser_of_gs1_is_loaded_only_when_a_message_comes() -> None:
    told = """
import sys
from devices.barcodes import candidates
for code in ("RB123456785GB", "340433836442636597", "6291041500213", "4201002334249200190132607600833457", "HELLO"):
    candidates(code)
before = "biip" in sys.modules
candidates("]C110AB")
print(before, "biip" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=DOCS.parents[1])
    assert done.stdout.split() == ["False", "True"]


# --- the document -----------------------------------------------------------------------------------------------------


def test_the_document_has_every_scheme() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)`", DOCS.read_text().partition("## Schemes")[2], re.MULTILINE)
    assert set(rows) == set(NAMES)


def test_the_documents_example_is_true() -> None:
    told = re.findall(r'^\["(\w+)",(true|false),(?:null|"(.*)")\]$', DOCS.read_text(), re.MULTILINE)
    found = [(one.scheme, str(one.valid).lower(), one.why or "") for one in candidates("201298452277")]
    assert found == told
