"""DHL: Express numbers, Identcode and Leitcode of the German post, and licence plates (ISO 15459) by which DHL names
pieces. (The 20 digits of DHL Paket are an SSCC with `00` in front: gs1.)

Express: 10 or 11 digits, the last is the number of the others modulo 7. Identcode (12) and Leitcode (14): modulo 10
with weights 4, 9 from the left; a Leitcode says where to, many parcels carry the same one. A licence plate is the data
identifier `J` or `1J` to `6J`, who issued the number (`JD` and `VGL`: DHL) and the number; the identifier may be left
out. It has no check digit.

Sources: jkeen/tracking_number_data (MIT), couriers/dhl.json; the BWIPP wiki (Deutsche Post Identcode, Leitcode);
paketda.de (check digits of carriers); SICK Master Data Analyzer manual (`1JVGL…`).
"""

from __future__ import annotations

import re

from devices.barcodes._checks import mod7, weighted
from devices.barcodes.candidate import Candidate, Scheme, judged, unchecked

_PLATE = re.compile(r"(J)([A-Z]{2,3})([0-9]{9,33})|([1-6]J)([A-Z]{1,3})([0-9A-Z]{5,34})|()(JD)([0-9]{9,33})")


def post_check_digit(body: str) -> str:
    """The check digit of Identcode and Leitcode."""
    return str(-weighted(body, (4, 9)) % 10)


def _express(code: str) -> Candidate:
    return judged("dhl_express", code[-1], mod7(code[:-1]), {"number": code[:-1], "check": code[-1]}, code)


def _identcode(code: str) -> Candidate:
    parts = {"centre": code[:2], "customer": code[2:5], "number": code[5:-1], "check": code[-1]}
    return judged("identcode", code[-1], post_check_digit(code[:-1]), parts, code)


def _leitcode(code: str) -> Candidate:
    parts = {"postcode": code[:5], "street": code[5:8], "house": code[8:11], "product": code[11:13], "check": code[-1]}
    return judged("leitcode", code[-1], post_check_digit(code[:-1]), parts)


def _plate(code: str) -> Candidate | None:
    shape = _PLATE.fullmatch(code)
    if shape is None:
        return None
    identifier, issuer, number = (part for part in shape.groups() if part is not None)
    parts = {"identifier": identifier, "issuer": issuer, "number": number}
    return unchecked("licence_plate", parts, code, *((issuer + number,) if identifier else (f"J{code}",)))


SCHEMES = (
    Scheme("licence_plate", range(8, 40), False, _plate),
    Scheme("dhl_express", (10, 11), True, _express),
    Scheme("identcode", (12,), True, _identcode),
    Scheme("leitcode", (14,), True, _leitcode),
)
