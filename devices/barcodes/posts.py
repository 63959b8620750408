"""Posts, parcel services and shippers that have one kind of number each.

Hermes (14 digits) and Austrian Post (16 or 22): GS1 modulo 10. Japan Post (12): the others modulo 7. The rest has no
check, or none that is known. Cainiao: `LP` with nine digits and a country is S10, with 12 or 14 digits it is Cainiao's.
Royal Mail, and bpost beside its 24 digits, number their parcels by S10.

Sources: paketda.de (Hermes); public code that cites Austrian Post's BelabelungAvisodatenFibel 5.1, chapter 4.1.6;
public code (Japan Post); regular expressions of a public SDK (PostNL, bpost, Colissimo); parceldetect.com (Cainiao);
jkeen/tracking_number_data (MIT), couriers/amazon.json, landmark.json, yunexpress.json; Royal Mail COSS Spec 03.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from devices.barcodes._checks import mod7, mod10
from devices.barcodes.candidate import Candidate, Scheme, judged, unchecked


def _checked(scheme: str, check_digit: Callable[[str], str]) -> Callable[[str], Candidate]:
    def read(code: str) -> Candidate:
        parts = {"number": code[:-1], "check": code[-1]}
        return judged(scheme, code[-1], check_digit(code[:-1]), parts, code)

    return read


def _looks(scheme: str, pattern: str) -> Callable[[str], Candidate | None]:
    shape = re.compile(pattern)

    def read(code: str) -> Candidate | None:
        return unchecked(scheme, {"number": code}, code) if shape.fullmatch(code) else None

    return read


SCHEMES = (
    Scheme("hermes", (14,), True, _checked("hermes", mod10)),
    Scheme("austrian_post", (16, 22), True, _checked("austrian_post", mod10)),
    Scheme("japan_post", (12,), True, _checked("japan_post", mod7)),
    Scheme("postnl", (13, 14, 15), False, _looks("postnl", "3S[A-Z]{4}[0-9]{7,9}")),
    Scheme("bpost", (24,), True, _looks("bpost", "3232[0-9]{20}")),
    Scheme("colissimo", (13,), False, _looks("colissimo", "[0-9][A-Z][0-9]{11}")),
    Scheme("cainiao", (14, 16), False, _looks("cainiao", "LP(?:[0-9]{12}|[0-9]{14})")),
    Scheme("cainiao", range(14, 19), False, _looks("cainiao", "CNG?[0-9]{12,15}")),
    Scheme("amazon", (15,), False, _looks("amazon", "TBA[0-9]{12}")),
    Scheme("landmark", (13,), False, _looks("landmark", "LTN[0-9]{8}N1")),
    Scheme("yunexpress", (18,), False, _looks("yunexpress", "YT[0-9]{16}")),
)
