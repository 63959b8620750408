"""The text of a code's bytes: what it declares, and else no guess but the usual one, which says so."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.barcodes import candidates
from devices.barcodes.text import ECI, text_of
from devices.codes import CONTROL, read_of
from devices.types import Garbled, Read


@pytest.mark.parametrize(
    ("raw", "aim", "text", "encoding"),
    [
        (b"RB123456785GB", "", "RB123456785GB", ""),
        (b"", "", "", ""),
        ("Köln".encode(), "", "Köln", "utf-8"),
        ("Köln".encode(), "]Q1", "Köln", "utf-8"),
        ("Köln".encode("latin-1"), "]Q1", "Köln", "latin-1?"),
        (b"\x82\xa0", "]Q1", "\x82\xa0", "latin-1?"),
        (b"\\000026" + "Köln".encode(), "]Q2", "Köln", "eci-26"),
        (b"\\000026" + "Köln".encode(), "]Q1", "\\000026Köln", "utf-8"),
        (b"\\000026" + "Köln".encode(), "", "\\000026Köln", "utf-8"),
        (b"\\000026" + "Köln".encode(), "]Q5", "\\000026Köln", "utf-8"),
        (b"\\000003" + "Köln".encode("latin-1"), "]d4", "Köln", "eci-3"),
        (b"\\000009" + "Ω".encode("iso8859-7"), "]z3", "Ω", "eci-9"),
        (b"\\000007" + "Ж".encode("iso8859-5"), "]L1", "Ж", "eci-7"),
        (b"\\000022" + "Ж".encode("cp1251"), "]L1", "Ж", "eci-22"),
        (b"\\000020\x82\xa0", "]Q2", "あ", "eci-20"),
        (b"\\000020\x83\\\\", "]Q2", "ソ", "eci-20"),
        (b"\\000026A\\000003\xf6", "]Q2", "Aö", "eci-26 eci-3"),
        (b"\\000026ASCII", "]Q2", "ASCII", ""),
        (rb"A\\B", "]Q2", "A\\B", ""),
        (rb"A\\B", "]Q1", "A\\\\B", ""),
        (rb"A\\000026", "]Q2", r"A\000026", ""),
        (rb"A\B", "]Q2", r"A\B", ""),
        (rb"\00002", "]Q2", r"\00002", ""),
        (b"\\000026\xff", "]Q2", "\xff", "latin-1?"),
        (b"\\000899\xff", "]Q2", "\xff", "latin-1?"),
        (b"\\999999A", "]Q2", "A", ""),
    ],
)
def test_text_and_encoding(raw: bytes, aim: str, text: str, encoding: str) -> None:
    assert text_of(raw, aim) == (text, encoding)


def test_every_declared_encoding_is_one_that_python_has() -> None:
    for name in ECI.values():
        assert codecs.lookup(name)
    assert (ECI[4], ECI[18], ECI[7]) == ("iso8859-2", "iso8859-16", "iso8859-5")


@given(raw=st.binary(max_size=60), aim=st.sampled_from(("", "]Q1", "]Q2", "]d4", "]L1", "]C0")))
def test_no_bytes_fail_and_ascii_is_told_by_no_encoding(raw: bytes, aim: str) -> None:
    text, encoding = text_of(raw, aim)
    assert (encoding == "") == text.isascii()


@given(text=st.text(max_size=30), eci=st.sampled_from(sorted(ECI)))
def test_what_is_declared_comes_back(text: str, eci: int) -> None:
    try:
        raw = text.encode(ECI[eci])
    except UnicodeEncodeError:
        return
    if raw.decode(ECI[eci]) != text:  # a few characters of the Japanese tables do not come back
        return
    assert text_of(f"\\{eci:06d}".encode() + raw.replace(b"\\", b"\\\\"), "]Q2")[0] == text


def test_candidates_take_the_bytes_as_they_were_declared() -> None:
    (found,) = candidates(b"]d4\\000026RB123456785GB")
    assert (found.scheme, found.valid) == ("s10", True)


@pytest.mark.parametrize("code", [b"A\x00B", b"A\x7fB", b"]Q2\\000003A\x80", b"]Q2\\000025\x00\x00", b"\x00", b"\x7f"])
def test_nul_del_and_other_controls_are_refused_whatever_the_encoding(code: bytes) -> None:
    found = read_of(code, code, 0.0)
    assert isinstance(found, Garbled)
    assert found.why == CONTROL


def test_a_read_names_its_encoding() -> None:
    found = read_of(b"]Q2\\000026" + "Köln".encode(), b"", 0.0)
    assert isinstance(found, Read)
    assert (found.text, found.encoding, found.symbology) == ("Köln", "eci-26", "]Q2")
