"""UPS: `1Z`, the shipper's account (6), the service (2), the parcel (7), a check digit.

Check: over the 15 characters after `1Z`, letters as (code - 63) modulo 10, every second one doubled, modulo 10.
Source: jkeen/tracking_number_data (MIT), couriers/ups.json.
"""

from __future__ import annotations

import re

from devices.barcodes._checks import weighted
from devices.barcodes.candidate import Candidate, Scheme, judged

_SHAPE = re.compile(r"1Z([0-9A-Z]{6})([0-9A-Z]{2})([0-9A-Z]{7})([0-9])")


def check_digit(body: str) -> str:
    """The check digit of the 15 characters after `1Z`, ASCII digits and capital letters."""
    digits = "".join(ch if "0" <= ch <= "9" else str((ord(ch) - 63) % 10) for ch in body)
    return str(-weighted(digits, (1, 2)) % 10)


def _read(code: str) -> Candidate | None:
    shape = _SHAPE.fullmatch(code)
    if shape is None:
        return None
    shipper, service, parcel, check = shape.groups()
    parts = {"shipper": shipper, "service": service, "parcel": parcel, "check": check}
    return judged("ups", check, check_digit(shipper + service + parcel), parts, code)


SCHEMES = (Scheme("ups", (18,), False, _read),)
