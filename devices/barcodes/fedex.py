"""FedEx: Express of 12 digits, Ground of 15, and the codes of 22 and 34 digits that hold such a number.

12 digits: the sum with weights 3, 1, 7 from the left, modulo 11, modulo 10. 15 digits: GS1 modulo 10. 22 digits with
`96` in front end with a Ground number. 34 digits, `100…` or `96…`, end with 14 digits, an Express number with two
zeros in front, whose check is that of Express.

Source: jkeen/tracking_number_data (MIT), couriers/fedex.json.
"""

from __future__ import annotations

from devices.barcodes._checks import mod10, mod11_10
from devices.barcodes.candidate import Candidate, Scheme, judged


def _express(code: str) -> Candidate:
    return judged("fedex", code[-1], mod11_10(code[:-1]), {"service": "express", "number": code}, code)


def _ground(code: str) -> Candidate:
    return judged("fedex", code[-1], mod10(code[:-1]), {"service": "ground", "number": code}, code)


def _ground_96(code: str) -> Candidate | None:
    if not code.startswith("96"):
        return None
    number = code[7:]
    return judged("fedex", code[-1], mod10(number[:-1]), {"service": "ground", "number": number}, code, number)


def _long(code: str) -> Candidate | None:
    if not code.startswith(("100", "96")):
        return None
    number = code[-14:]
    short = number.removeprefix("00")
    parts = {"service": "express" if code.startswith("100") else "ground", "number": short}
    return judged("fedex", code[-1], mod11_10(number[:-1]), parts, code, short)


SCHEMES = (
    Scheme("fedex", (12,), True, _express),
    Scheme("fedex", (15,), True, _ground),
    Scheme("fedex", (22,), True, _ground_96),
    Scheme("fedex", (34,), True, _long),
)
