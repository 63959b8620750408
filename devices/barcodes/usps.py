"""USPS: the Intelligent Mail package barcode (IMpb) and the older number of 20 digits.

IMpb: 22 or 26 digits that begin with 91 to 95, the last is the check digit of the others (GS1 modulo 10). In front may
stand `420` and the ZIP code of 5 or 9 digits, with FNC1 behind it or, where the scanner strips it, without; then the
number's own check digit tells where it begins. When both splits pass, both numbers are `ids`.
20 digits are an IMpb without its `91`, or an older number with its own check: two of ten check digits pass. (20 digits
that begin with 00 are an SSCC, and no service has that code.)

Source: jkeen/tracking_number_data (MIT), couriers/usps.json.
"""

from __future__ import annotations

import re

from devices.barcodes._checks import mod10
from devices.barcodes.candidate import Candidate, Scheme, judged

NUMBER = re.compile(r"9[1-5](?:[0-9]{20}|[0-9]{24})")
_ZIPS = tuple(re.compile(rf"420([0-9]{{{digits}}})\x1d?({NUMBER.pattern})") for digits in (5, 9))
_OLD = re.compile(r"(?!00)([0-9]{2})([0-9]{9})([0-9]{8})([0-9])")


def splits(code: str) -> list[tuple[str, str]]:
    """Every (ZIP code, number) that `420…` may be; the checks are not made."""
    return [(shape[1], shape[2]) for zip_code in _ZIPS if (shape := zip_code.fullmatch(code))]


def is_checked(number: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    return mod10(number[:-1]) == number[-1]


def _impb(code: str) -> Candidate | None:
    if NUMBER.fullmatch(code):
        return judged("usps", code[-1], mod10(code[:-1]), _parts(code), code)
    found = splits(code)
    good = [(zip_code, number) for zip_code, number in found if is_checked(number)]
    if good:
        zip_code, number = good[0]
        parts = {"zip": zip_code} | _parts(number)
        return Candidate("usps", True, None, parts, ids=tuple(number for _, number in good))
    return Candidate("usps", False, "no split behind (420) has a number with the right check digit") if found else None


def _parts(number: str) -> dict[str, str]:
    return {"identifier": number[:2], "number": number[2:-1], "check": number[-1]}


def _old(code: str) -> Candidate | None:
    shape = _OLD.fullmatch(code)
    if shape is None:
        return None
    service, mailer, parcel, check = shape.groups()
    parts = {"service": service, "mailer": mailer, "parcel": parcel, "check": check}
    if check == mod10(f"91{code[:-1]}"):
        return Candidate("usps", True, None, {"identifier": "91"} | parts, ids=(code, f"91{code}"))
    return judged("usps", check, mod10(code[:-1]), parts, code)


SCHEMES = (
    Scheme("usps", (22, 26, 30, 34, 38), True, _impb, elements=True),
    Scheme("usps", (31, 35, 39), False, _impb),  # with GS behind the ZIP code
    Scheme("usps", (20,), True, _old),
)
