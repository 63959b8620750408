"""DPD: the code of a label is where to (7), the parcel number (14), the service (3) and the country (3).

In the bars one more character stands in front, the identification tag, and no check; under them there is no tag, and a
check character behind. The parcel number has its own. Both are ISO 7064 modulo 37,36.

Sources: jkeen/tracking_number_data (MIT), couriers/dpd.json; activePDF Toolkit manual (DPD Code: the tag, the check
in the text only).
"""

from __future__ import annotations

import re

from devices.barcodes._checks import mod37_36
from devices.barcodes.candidate import Candidate, Scheme, judged, unchecked

_LABEL = re.compile(r"([!-/:-@\[-`a-~])?([0-9A-Z]{7})([0-9]{14})([0-9]{3})([0-9]{3})([0-9A-Z])?")
_PARCEL = re.compile(r"([0-9]{14})([0-9A-Z])")


def _label(code: str) -> Candidate | None:
    shape = _LABEL.fullmatch(code)
    if shape is None:
        return None
    tag, postcode, parcel, service, country, check = shape.groups()
    body = postcode + parcel + service + country
    parts = {"postcode": postcode, "parcel": parcel, "service": service, "country": country}
    parts |= {name: value for name, value in (("tag", tag), ("check", check)) if value}
    expected = mod37_36(body)
    ids = (parcel, parcel + mod37_36(parcel), body, body + expected)
    if check is None:
        return unchecked("dpd", parts, *ids)
    return judged("dpd", check, expected, parts, *ids, kind="character")


def _parcel(code: str) -> Candidate | None:
    shape = _PARCEL.fullmatch(code)
    if shape is None:
        return None
    parcel, check = shape.groups()
    return judged("dpd", check, mod37_36(parcel), {"parcel": parcel, "check": check}, parcel, code, kind="character")


def _bare(code: str) -> Candidate:
    return unchecked("dpd", {"parcel": code}, code, code + mod37_36(code))


SCHEMES = (
    Scheme("dpd", (27, 28, 29), False, _label),
    Scheme("dpd", (27, 28), True, _label),
    Scheme("dpd", (15,), False, _parcel),
    Scheme("dpd", (15,), True, _parcel),
    Scheme("dpd", (14,), True, _bare),
)
