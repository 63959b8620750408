"""GLS: parcel numbers of 12 digits, the Track-ID of 8 characters, and the code of 123 characters that holds one.

12 digits: the sum with weights 3, 1 from the left, plus 1, modulo 10. A Track-ID has no check: every 8 capital letters
and digits look like one.

Source: public code that cites GLS Uni-Box TechDoku 2D, chapter 3.2.1.
"""

from __future__ import annotations

import re

from devices.barcodes._checks import weighted
from devices.barcodes.candidate import Candidate, Scheme, judged, unchecked

_TRACK_ID = re.compile(r"(?![0-9]+\Z)[0-9A-Z]{8}")
TWO_DIMENSIONAL = 123
"""Characters of the code that holds the Track-ID from its character 34 on."""


def check_digit(body: str) -> str:
    """The check digit of a parcel number's 11 digits."""
    return str(-(weighted(body, (3, 1)) + 1) % 10)


def _number(code: str) -> Candidate:
    parts = {"number": code[:-1], "check": code[-1]}
    return judged("gls", code[-1], check_digit(code[:-1]), parts, code, code[:-1])


def _track_id(code: str) -> Candidate | None:
    return unchecked("gls", {"track_id": code}, code) if _TRACK_ID.fullmatch(code) else None


def whole(text: str) -> Candidate | None:
    """The code of 123 characters, spaces and hyphens included: they count."""
    return _track_id(text[33:41]) if len(text) == TWO_DIMENSIONAL else None


SCHEMES = (Scheme("gls", (12,), True, _number), Scheme("gls", (8,), False, _track_id))
