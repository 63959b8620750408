"""What carries parcels, and papers about it: air waybills, bags, air and sea containers, mail receptacles.

Air waybill: airline (3), serial (7), check digit = serial modulo 7. Bag tag: 10 digits, no check. ULD: type (3), serial
(4 or 5), owner (2 or 3), no check. Freight container (ISO 6346): owner (3), `U`, `J` or `Z`, serial (6), check digit:
letters from 10 on without the multiples of 11, weights 1, 2, 4, …, modulo 11, 10 as 0. Receptacle (UPU S9): 29
characters, no check digit; countries, category and flags must be possible.

Sources: abf.gov.au and jetcurrent.com (air waybills), vrr-aviation.com (ULD), ISO 6346, UPU standard S9.
"""

from __future__ import annotations

import re

from devices.barcodes._checks import mod7
from devices.barcodes.candidate import Candidate, Scheme, judged, unchecked
from devices.barcodes.s10 import COUNTRIES

_ULD = re.compile(r"([A-Z][0-9A-Z]{2})([0-9]{4,5})([A-Z][0-9A-Z]{1,2}|[0-9][A-Z])")
_FREIGHT = re.compile(r"([A-Z]{3})([UJZ])([0-9]{6})([0-9])")
_RECEPTACLE = re.compile(
    r"([A-Z]{2}[0-9A-Z]{4})([A-Z]{2}[0-9A-Z]{4})([A-Z])([A-Z]{2})([0-9])([0-9]{4})([0-9]{3})([0-9])([0-9])([0-9]{4})"
)
_RECEPTACLE_PARTS = "origin destination category subclass year dispatch receptacle last registered weight".split()
_LETTERS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (value for value in range(10, 39) if value % 11), strict=True))


def freight_check_digit(body: str) -> str:
    """The check digit of ISO 6346: four capital letters and six digits."""
    total = sum((_LETTERS[ch] if ch in _LETTERS else int(ch)) << place for place, ch in enumerate(body))
    return str(total % 11 % 10)


def _air_waybill(code: str) -> Candidate:
    airline, serial, check = code[:3], code[3:10], code[10]
    parts = {"airline": airline, "serial": serial, "check": check}
    return judged("awb", check, mod7(serial), parts, code, f"{airline}-{code[3:]}")


def _bag_tag(code: str) -> Candidate:
    return unchecked("bag_tag", {"kind": code[0], "airline": code[1:4], "serial": code[4:]}, code)


def _uld(code: str) -> Candidate | None:
    shape = _ULD.fullmatch(code)
    return (
        unchecked("uld", dict(zip(("type", "serial", "owner"), shape.groups(), strict=True)), code) if shape else None
    )


def _freight(code: str) -> Candidate | None:
    shape = _FREIGHT.fullmatch(code)
    if shape is None:
        return None
    parts = dict(zip(("owner", "category", "serial", "check"), shape.groups(), strict=True))
    return judged("iso6346", code[-1], freight_check_digit(code[:-1]), parts, code)


def _receptacle(code: str) -> Candidate | None:
    shape = _RECEPTACLE.fullmatch(code)
    if shape is None:
        return None
    parts = dict(zip(_RECEPTACLE_PARTS, shape.groups(), strict=True))
    wrong = [f"{parts[end][:2]} is no country" for end in ("origin", "destination") if parts[end][:2] not in COUNTRIES]
    if parts["category"] not in "ABCD":
        wrong.append(f"category {parts['category']} is not A, B, C or D")
    wrong += [f"flag {flag!r} is {parts[flag]}, not 0 or 1" for flag in ("last", "registered") if parts[flag] > "1"]
    if wrong:
        return Candidate("s9", False, "; ".join(wrong), parts, checked=False)
    return unchecked("s9", parts, code)


SCHEMES = (
    Scheme("awb", (11,), True, _air_waybill),
    Scheme("bag_tag", (10,), True, _bag_tag),
    Scheme("uld", (9, 10, 11), False, _uld),
    Scheme("iso6346", (11,), False, _freight),
    Scheme("s9", (29,), False, _receptacle),
)
