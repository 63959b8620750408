"""What `floord barcode` shows to a person, and that only a terminal gets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.commands._barcode import COLUMNS, SCHEMES, shown, why_nothing
from devices.barcodes import NAMES, candidates
from tests.test_hostile_codes import every_typed_code

ROOT = Path(__file__).parents[1]


def table(code: str, width: int = 80) -> list[str]:
    return shown(code, candidates(code), width)


def test_every_scheme_has_words_that_fit_their_column() -> None:
    assert list(SCHEMES) == list(NAMES)
    assert max(map(len, SCHEMES.values())) < COLUMNS[0]


def test_each_scheme_is_a_row_with_its_parts_or_why_it_is_not_valid() -> None:
    assert table("201298452277") == [
        "scheme                    valid     what it says",
        "FedEx                     yes       service express, number 201298452277",
        "Deutsche Post Identcode   yes       centre 20, customer 129, number 845227,",
        "                                    check 7",
        "GLS                       yes       number 20129845227, check 7",
        "GS1 number or message     no        check digit is 7, expected 8; (01)",
        "                                    00201298452277",
        "Japan Post                no        check digit is 7, expected 2; number",
        "                                    20129845227, check 7",
    ]


def test_what_has_no_check_digit_only_looks_so() -> None:
    assert table("AKE12345LH") == [
        "scheme                    valid     what it says",
        "IATA unit load device     looks so  type AKE, serial 12345, owner LH",
        "looks so: this scheme has no check digit, so nothing proves it",
    ]


def test_the_symbology_stands_above() -> None:
    assert table("]C0RB123456785GB")[:2] == ["read as: Code 128", "scheme                    valid     what it says"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("rb123456785gb", "small letters are no capitals; as RB123456785GB it would be UPU S10 (post)"),
        ("]C0rb123456785gb", "small letters are no capitals; as RB123456785GB it would be UPU S10 (post)"),
        ("hello", "5 characters (small letters): no scheme has this shape; docs/barcodes.md lists them"),
        ("H-7", "3 characters (digits and capitals and other characters): no scheme has this shape"),
        ("X", "1 character (capitals): no scheme has this shape"),
        (
            "]E0RB123456785GB",
            "what reads as EAN/UPC (EAN-13, UPC-A or UPC-E) (]E0) cannot be UPU S10 (post), "
            "which it looks like without ]E0",
        ),
        ("RB12345\x006785GB", "it holds a control character, which no code may"),
        ("", "it is empty"),
        (" ", "it is empty"),
    ],
)
def test_what_is_nothing_known_says_why(code: str, why: str) -> None:
    assert candidates(code) == []
    assert why_nothing(code).startswith(why)
    assert " ".join(" ".join(table(code)).split()).count(f"nothing known: {why}") == 1


@every_typed_code
def test_a_code_never_speaks_to_the_terminal(code: str) -> None:
    for text in (code, f"]C1{code}", f"[)>\x1e06\x1d{code}\x1e\x04"):
        rows = table(text)
        assert rows
        assert all(row.isprintable() and len(row) <= 80 for row in rows)


@given(st.text(max_size=40) | st.from_regex(r"\A[0-9A-Za-z]{1,30}\Z"), st.integers(40, 120))
def test_any_text_fits_any_terminal(code: str, width: int) -> None:
    rows = table(code, width)
    assert rows
    assert all(row.isprintable() and len(row) <= width for row in rows)


@pytest.mark.parametrize(("options", "begins"), [([], b"scheme"), (["--json"], b'{"symbology": null, "candidates": [')])
def test_only_a_terminal_gets_the_table(options: list[str], begins: bytes) -> None:
    ours, theirs = os.openpty()
    asked = [sys.executable, "-m", "controller", "barcode", "RB123456785GB", *options]
    piped = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert json.loads(piped.stdout)["candidates"][0]["scheme"] == "s10"
    try:
        subprocess.run(asked, cwd=ROOT, stdout=theirs, check=True, timeout=60)
        assert os.read(ours, 4096).startswith(begins)
    finally:
        os.close(theirs)
        os.close(ours)
