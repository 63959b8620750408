"""Which codes may identify a parcel at a site, and under which texts its advice is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.advice import Advice
from controller.config import read
from controller.identity import Identity, Result, identify, texts, worth_asking
from controller.identity_rules import Rules, rules_of
from controller.identity_section import IdentitySection
from devices.barcodes import candidates
from tests.floor_fixture import DOCK, FLOOR, advice, ready, ride

SSCC, BAD_SSCC, S10, BAD_S10 = "340433836442636597", "340433836442636590", "RB123456785GB", "RB123456786GB"
GTIN, BOX = "6291041500213", "BOX-1"
DPD = "%008182709980000020033350276"

STORE = (
    advice("P1", aliases=(f"00{SSCC}", "OWN")),
    advice("P2", aliases=("176-12345675",)),
    advice("P3", aliases=("09980000020033F",)),
    advice("P4", aliases=(BAD_SSCC, GTIN)),
    advice("P5", aliases=("986578788855",)),
    advice("P6", aliases=("98657878885",)),
)


def look(key: str) -> tuple[Advice, ...]:
    return tuple(one for one in STORE if key == one.parcel or key in one.aliases)


def results(*codes: str) -> list[Result]:
    return [Result("t1", "READ", code, 0.0) for code in codes]


def rules(**section: object) -> Rules:
    return rules_of(IdentitySection.model_validate_json(json.dumps(section)))


def settled(*codes: str, **section: object) -> Identity:
    return identify(results(*codes), look, rules(**section), suspect=False, silent="SCANNER_LATE")


def passing(code: str) -> set[str]:
    return {one.scheme for one in candidates(code) if one.valid}


# --- the texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "parcel"),
    [
        (SSCC, "P1"),
        (f"00{SSCC}", "P1"),
        (f"00{SSCC}\x1d42012345", "P1"),
        (f"42012345\x1d00{SSCC}", "P1"),
        ("3404 3383 6442 6365 97", "P1"),
        ("17612345675", "P2"),
        (DPD, "P3"),
        ("008182709980000020033350276C", "P3"),
        ("09980000020033", "P3"),
        (BAD_SSCC, "P4"),
        (GTIN, "P4"),
        ("1001921334250001000300779017972697", None),
    ],
)
def test_advice_is_found_under_every_form_of_a_number(code: str, parcel: str | None) -> None:
    assert settled(code).parcel == parcel


def test_the_code_as_it_was_read_comes_first() -> None:
    """What the centre names exactly is not questioned by what it might be beside that."""
    asked: list[str] = []

    def noted(key: str) -> tuple[Advice, ...]:
        asked.append(key)
        return look(key)

    identify(results(f"00{SSCC}"), noted, Rules(), suspect=False, silent="SCANNER_LATE")
    assert asked == [f"00{SSCC}"]
    identify(results(SSCC), noted, Rules(), suspect=False, silent="SCANNER_LATE")
    assert asked[1:] == [SSCC, f"00{SSCC}"]


def test_a_number_with_a_wrong_check_has_no_other_form() -> None:
    assert rules().texts(f"00{BAD_SSCC}") == (f"00{BAD_SSCC}",)
    assert settled(f"00{BAD_SSCC}").outcome == "UNKNOWN_CODE"


def test_two_forms_that_are_two_parcels_are_a_conflict() -> None:
    twice = (*STORE, advice("P7", aliases=("09980000020033",)))

    def both(key: str) -> tuple[Advice, ...]:
        return tuple(one for one in twice if key in one.aliases)

    found = identify(results(DPD), both, Rules(), suspect=False, silent="SCANNER_LATE")
    assert (found.outcome, found.why) == ("CONFLICT", "codes of 2 parcels: P3, P7")


# --- the rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "code", "may"),
    [
        ({}, "ANYTHING", True),
        ({"schemes": ["s10"]}, S10, True),
        ({"schemes": ["s10"]}, BAD_S10, True),
        ({"schemes": ["s10"]}, SSCC, False),
        ({"schemes": ["s10"]}, "OWN", False),
        ({"schemes": ["s10", "other"]}, "OWN", True),
        ({"schemes": ["gs1:00"]}, SSCC, True),
        ({"schemes": ["gs1:00"]}, GTIN, False),
        ({"schemes": ["gs1"]}, GTIN, True),
        ({"schemes": ["gs1", "s10"], "never_schemes": ["gs1:01"]}, GTIN, False),
        ({"schemes": ["gs1", "s10"], "never_schemes": ["gs1:01"]}, SSCC, True),
        ({"never_schemes": ["gs1:01"]}, f"0106291041500213\x1d00{SSCC}", True),
        ({"never_schemes": ["gs1:01"]}, "010629104150021321A\x1d10B", False),
        ({"never_schemes": ["other"]}, "OWN", False),
        ({"never_schemes": ["other"]}, S10, True),
        ({"never_schemes": ["gs1:01"]}, "09133131530724", True),
        ({"never_schemes": ["gs1", "hermes", "dpd"]}, "09133131530724", False),
        ({"never_schemes": ["fedex"]}, "986578788855", False),
        ({"never_schemes": ["fedex"]}, "201298452277", True),
        ({"never": ["OWN"]}, "OWN", False),
        ({"never": ["OWN"]}, "OWN1", True),
        ({"never_prefixes": ["OW", "X-"]}, "OWN", False),
        ({"never_prefixes": ["OW", "X-"]}, "X-1", False),
        ({"never_prefixes": ["OW"]}, "NOW", True),
    ],
)
def test_which_codes_may_identify(section: dict[str, object], code: str, may: bool) -> None:
    assert bool(rules(**section).texts(code)) is may


UPC = next(f"{number:011d}0" for number in range(10**9) if {"gs1", "fedex"} <= passing(f"{number:011d}0"))
"""Twelve digits that may be a GTIN and a parcel's number."""


def test_a_symbology_rules_out_what_it_cannot_carry() -> None:
    no_boxes = rules(never_schemes=["gs1:01"])
    assert UPC in no_boxes.texts(UPC)
    assert no_boxes.texts(UPC, "]E0") == ()
    assert no_boxes.texts(f"]E0{UPC}") == ()


def test_the_symbology_of_any_reader_counts() -> None:
    no_boxes = rules(never_schemes=["gs1:01"])
    silent, other = Result("t1", "READ", UPC, 0.0), Result("t2", "READ", UPC, 0.0, symbology="]E0")
    for found in ([silent, other], [other, silent]):
        assert list(texts(found, no_boxes)) == []
        assert worth_asking(found, no_boxes) == []
    assert worth_asking([silent], no_boxes) == [UPC]


@pytest.mark.parametrize(("code", "symbology"), [(S10, "QR"), (f"]C0{S10}", "]C0"), (f"]C0{S10}", ""), (S10, "]C0")])
def test_a_symbology_is_no_part_of_the_code(code: str, symbology: str) -> None:
    assert rules(schemes=["s10"]).texts(code, symbology) == tuple(dict.fromkeys((code, S10)))


@pytest.mark.parametrize(
    ("codes", "section", "outcome", "parcel"),
    [
        ((GTIN,), {"never_schemes": ["gs1:01"]}, "NO_READ", None),
        ((GTIN, BOX), {"schemes": ["s10"]}, "NO_READ", None),
        ((GTIN, S10), {}, "READ", "P4"),
        ((GTIN, S10), {"never_schemes": ["gs1:01"]}, "UNKNOWN_CODE", None),
        ((GTIN, SSCC), {}, "CONFLICT", None),
        ((GTIN, SSCC), {"never_schemes": ["gs1:01"]}, "READ", "P1"),
        (("OWN", BOX), {"never": [BOX]}, "READ", "P1"),
        ((BOX, "X"), {"never_prefixes": ["BOX-"]}, "UNKNOWN_CODE", None),
        ((BOX, "X"), {}, "MULTI", None),
        ((BAD_S10,), {}, "UNKNOWN_CODE", None),
        ((BAD_S10,), {"bad_check": True}, "BAD_CHECK", None),
        ((BAD_S10, "RB123456787GB"), {"bad_check": True}, "BAD_CHECK", None),
        ((BAD_S10, S10), {"bad_check": True}, "UNKNOWN_CODE", None),
        ((BAD_S10, S10, "X"), {"bad_check": True}, "MULTI", None),
        ((BAD_S10, S10), {}, "MULTI", None),
        ((BOX,), {"bad_check": True}, "UNKNOWN_CODE", None),
        ((BAD_SSCC,), {"bad_check": True}, "READ", "P4"),
        ((BAD_S10, SSCC), {"bad_check": True}, "READ", "P1"),
        ((BAD_S10,), {"bad_check": True, "never_schemes": ["s10"]}, "NO_READ", None),
    ],
)
def test_outcomes(codes: tuple[str, ...], section: dict[str, object], outcome: str, parcel: str | None) -> None:
    for order in (codes, codes[::-1]):
        found = settled(*order, **section)
        assert (found.outcome, found.parcel) == (outcome, parcel)
        assert found.why


def test_without_rules_every_code_counts() -> None:
    for code in (GTIN, BAD_S10, BOX, "", "]C1", DPD):
        assert Rules().texts(code)[0] == code
        assert not Rules().is_bad(code)


def test_the_reasons_in_words() -> None:
    assert settled(GTIN, never=[GTIN]).why == "1 code, none that may identify a parcel here"
    assert settled(BAD_S10, bad_check=True).why == "a code was read whose check digit is wrong"
    assert settled(GTIN, SSCC, never=[GTIN]).why == "1 code of P1"
    assert settled("X", "Y", BAD_S10, bad_check=True).why == "2 codes, none of them advised"


def test_the_source_is_that_of_a_code_that_counts() -> None:
    found = [Result("t1", "READ", GTIN, 0.0), Result("h1", "READ", SSCC, 0.0, source="handheld")]
    never = rules(never=[GTIN])
    assert identify(found, look, never, suspect=False, silent="NO_READ").source == "handheld"
    assert identify(found[:1], look, never, suspect=False, silent="NO_READ").source == "tunnel"
    assert identify(found[:1], look, never, suspect=True, silent="NO_READ").outcome == "AMBIGUOUS"


def test_a_reader_that_gave_a_box_code_and_a_no_read_saw_two_items_all_the_same() -> None:
    found = [*results(SSCC, GTIN), Result("t1", "NO_READ", None, 0.0)]
    assert identify(found, look, rules(never=[GTIN]), suspect=False, silent="NO_READ").outcome == "AMBIGUOUS"


def test_what_is_worth_asking_and_what_is_looked_up() -> None:
    found = results(GTIN, S10, BAD_S10, "X")
    assert worth_asking(found, rules()) == [GTIN, S10, BAD_S10, "X"]
    assert worth_asking(found, rules(never_schemes=["gs1:01"], bad_check=True)) == [S10, "X"]
    assert set(texts(results(SSCC, GTIN), rules(never=[GTIN]))) == {SSCC, f"00{SSCC}"}


CODES = st.sampled_from((GTIN, SSCC, f"00{SSCC}", S10, BAD_S10, DPD, BOX, "OWN", "176-12345675", "986578788855"))
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "schemes": st.lists(st.sampled_from(("gs1", "gs1:00", "s10", "other")), unique=True),
        "never_schemes": st.lists(st.sampled_from(("gs1:01", "dpd", "awb", "fedex")), unique=True),
        "bad_check": st.booleans(),
    },
)


@given(codes=st.lists(CODES, max_size=4), section=SECTIONS)
def test_nobody_is_identified_by_what_may_not(codes: list[str], section: dict[str, object]) -> None:
    found = settled(*codes, **section)
    named = {one.parcel for code in codes for text in rules(**section).texts(code) for one in look(text)}
    assert (found.parcel is None) or named == {found.parcel} or found.parcel in named
    assert settled(*reversed(codes), **section).outcome == found.outcome


# --- the floor file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key", "what", "write"),
    [
        ('schemes = ["s11"]', "identity.schemes", '"s11" is no scheme', "did you mean 's10'?"),
        ('schemes = ["gs1:0"]', "identity.schemes", '"gs1:0" is no scheme', "gs1"),
        ('never_schemes = ["zzzzz"]', "identity.never_schemes", '"zzzzz" is no scheme', "schemes are: "),
        (
            'schemes = ["s10"]\nnever_schemes = ["s10"]',
            "identity.never_schemes",
            "stands in schemes, too",
            "take it out",
        ),
        ('never_prefixes = [""]', "identity.never_prefixes", "", ""),
        ("bad_check = 1", "identity.bad_check", "", ""),
        ('regex = "a"', "identity.regex", "unknown key", ""),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, line: str, key: str, what: str, write: str) -> None:
    path = tmp_path / "floor.toml"
    path.write_text(FLOOR.replace("[customs]", f"[identity]\n{line}\n[customs]", 1))
    (problem,) = [one for one in read(path).sheet.problems if one.key.startswith("identity")]
    assert problem.key == key
    assert what in problem.what
    assert write in problem.instead


# --- on the floor -----------------------------------------------------------------------------------------------------

IDENTITY = "[customs] => [identity]\n{}\n[customs]"


def test_a_box_code_alone_goes_where_parcels_without_a_read_go() -> None:
    bench = ready(IDENTITY.format('never_schemes = ["gs1:01"]'), parcels=(advice(aliases=(GTIN,), customs="none"),))
    ride(bench, code=GTIN)
    assert (bench.last("parcel/routed").identity, bench.last("parcel/routed").reason) == ("NO_READ", "NORD")
    assert bench.last("parcel/read").code == GTIN, "it is kept as a read"


def test_late_advice_under_another_form_decides_again() -> None:
    bench = ready()
    ride(bench, code=SSCC)
    assert bench.dests() == [(1, ("EX",), "UNKN")]
    bench.answer()
    bench.after(200).advise(advice(aliases=(f"00{SSCC}",), customs="none"))
    assert bench.dests()[-1][2] == "PLAN"


def test_a_misread_is_not_asked_for() -> None:
    ask = "stale_s = 60 => stale_s = 60\n[ask]\nwait_ms = 300"
    bench = ready(ask, IDENTITY.format("bad_check = true"))
    ride(bench, code=BAD_S10)
    assert bench.asked == []
    assert bench.last("parcel/routed").reason == "BADC"


@pytest.mark.parametrize(("rule", "parcel"), [("", "P1"), ('never_schemes = ["gs1:01"]', None)])
def test_the_rules_hold_at_a_presence_point(rule: str, parcel: str | None) -> None:
    bench = ready(IDENTITY.format(rule), parcels=(advice(aliases=(GTIN,), customs="none"),))
    bench.read(GTIN, reader=DOCK)
    assert (bench.last("parcel/read").parcel, bench.last("parcel/read").code) == (parcel, GTIN)
