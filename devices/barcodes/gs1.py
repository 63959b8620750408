"""GS1: SSCC, GTIN and element strings (GS1 General Specifications).

Element strings are parsed by biip, imported when the first code of that shape comes. FNC1 in front is visible only as
the AIM identifier, a later one as GS (1D). biip keeps an SSCC or GTIN with a wrong check digit in its message and puts
the error beside it: here such a message is invalid.

A scanner that strips FNC1 makes messages that cannot be parsed, and some that parse wrongly: after an identifier of
variable length everything up to the end belongs to it (`401ABC00…` is one consignment number and no SSCC). The one
such form that is common, a US post code before a USPS number, is taken apart by the number's own check digit.
"""

from __future__ import annotations

import re
from typing import Any

from devices.barcodes.candidate import Candidate, split_aim, without_separators

ELEMENT_STRINGS = ("]C1", "]d2", "]Q3", "]e0", "]e1", "]e2", "]J1")
"""The AIM identifiers that say: element strings."""

MAX_LENGTH = 4296
"""No symbology holds more text."""

GS = "\x1d"
_DIGITS = re.compile(r"[0-9]+")
_MESSAGE = re.compile(r"00[0-9]{18}.+|01[0-9]{14}.+|[0-9]{2}[^\x1d]+\x1d.*")
_POSTAL = re.compile(r"420([0-9]{5}|[0-9]{9})(9[1-5](?:[0-9]{20}|[0-9]{24}))")


def check_digit(body: str) -> str:
    """The modulo 10 check digit of ASCII digits: weights 3, 1, 3, … from the right."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def is_checked(code: str) -> bool:
    """ASCII digits whose last is the modulo 10 check digit of the others."""
    return len(code) > 1 and _DIGITS.fullmatch(code) is not None and check_digit(code[:-1]) == code[-1]


def candidate(text: str) -> Candidate | None:
    """The code as GS1, None if it has no shape of GS1."""
    aim, body = split_aim(text)
    if aim in ELEMENT_STRINGS or body.startswith(GS):  # some scanners send the FNC1 in front as GS
        return _message(body.lstrip(GS))
    bare = without_separators(body)
    if _DIGITS.fullmatch(bare):
        if len(bare) == 18:
            return _number("00", bare)
        if len(bare) == 20 and bare.startswith("00"):
            return _number("00", bare[2:])
        if len(bare) in (8, 12, 13, 14):
            return _number("01", bare.zfill(14))
    if _MESSAGE.fullmatch(body) or _POSTAL.fullmatch(body):
        return _message(body)
    return None


def _number(identifier: str, number: str) -> Candidate:
    want = check_digit(number[:-1])
    why = None if want == number[-1] else f"check digit is {number[-1]}, expected {want}"
    return Candidate("gs1", why is None, why, {identifier: number})


def _message(body: str) -> Candidate:
    if not body or not body.isascii() or len(body) > MAX_LENGTH:
        return Candidate("gs1", False, f"element strings are 1 to {MAX_LENGTH} ASCII characters")
    if GS not in body and _POSTAL.fullmatch(body):
        return _split_postal(body)
    import biip  # by need: it takes 30 ms and most codes are none of GS1

    parsed = biip.parse(f"]C1{body}")
    message = parsed.gs1_message
    if message is None or not message.element_strings:
        return Candidate("gs1", False, _one_line(parsed.gs1_message_error or "no element strings"))
    return _elements(message.element_strings)


def _elements(elements: Any) -> Candidate:
    parts: dict[str, str] = {}
    wrong: list[str] = []
    for element in elements:
        identifier = element.ai.ai
        if parts.setdefault(identifier, element.value) != element.value:
            wrong.append(f"({identifier}) twice with different values")
        wrong += [_one_line(error) for error in (element.sscc_error, element.gtin_error, element.gln_error) if error]
    return Candidate("gs1", not wrong, "; ".join(wrong) or None, parts)


def _split_postal(body: str) -> Candidate:
    """`420` + ZIP or ZIP+4 + USPS number without FNC1: the split whose number has its check digit right."""
    for zip_length in (5, 9):
        zip_code, number = body[3 : 3 + zip_length], body[3 + zip_length :]
        if re.fullmatch(r"9[1-5](?:[0-9]{20}|[0-9]{24})", number) and is_checked(number):
            return Candidate("gs1", True, None, {"420": zip_code, number[:2]: number[2:]})
    return Candidate("gs1", False, "no FNC1 after (420), and no split has a USPS number with the right check digit")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:160]
