"""UPU S10: identifiers of postal items, two letters, eight digits, a check digit, a country.

Source: UPU standard S10-12. Check: 11 - (sum of digit times weight modulo 11); 10 becomes 0, 11 becomes 5 (so this
check misses some single-digit errors). A number may be used again after 12 months.
"""

from __future__ import annotations

import re

from devices.barcodes._checks import weighted
from devices.barcodes.candidate import Candidate, Scheme, split_aim, without_separators

_SHAPE = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)

SERVICES = {
    "B": "domestic or bilateral",
    "C": "parcel",
    "D": "domestic or bilateral",
    "E": "express (EMS)",
    "H": "e-commerce parcel",
    "J": "reserved",
    "K": "reserved",
    "L": "tracked letter",
    "M": "M bag",
    "N": "domestic or bilateral",
    "Q": "business reply (IBRS)",
    "R": "registered",
    "U": "untracked letter",
    "V": "insured",
    "Z": "domestic or bilateral",
}
"""First letter of the service indicator -> what it means."""

_BILATERAL = {"AV", "AW", "AX", "AY", "AZ", "GA", "GD"}

COUNTRIES = frozenset(
    (
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
        "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
        "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
        "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
        "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
        "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
        "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
        "AC TA XK"
    ).split()
)
"""ISO 3166-1 alpha-2, and what posts use beside it: Ascension, Tristan da Cunha, Kosovo."""


def check_digit(serial: str) -> str:
    """The check digit of eight ASCII digits."""
    digit = 11 - weighted(serial, _WEIGHTS) % 11
    return {10: "0", 11: "5"}.get(digit, str(digit))


def candidate(text: str) -> Candidate | None:
    """The code as S10, None if it has not its shape. Spaces, hyphens and an AIM identifier do not count."""
    return _read(without_separators(split_aim(text)[1]))


def _read(code: str) -> Candidate | None:
    shape = _SHAPE.fullmatch(code)
    if shape is None:
        return None
    indicator, serial, check, country = shape.groups()
    wrong = []
    if check != (want := check_digit(serial)):
        wrong.append(f"check digit is {check}, expected {want}")
    if country not in COUNTRIES:
        wrong.append(f"{country} is no country")
    service = "domestic or bilateral" if indicator in _BILATERAL else SERVICES.get(indicator[0], "not assigned")
    parts = {"indicator": indicator, "service": service, "serial": serial, "check": check, "country": country}
    return Candidate("s10", not wrong, "; ".join(wrong) or None, parts, ids=() if wrong else (code,))


SCHEMES = (Scheme("s10", (13,), False, _read),)
