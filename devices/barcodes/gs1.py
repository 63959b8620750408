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

from devices.barcodes import usps
from devices.barcodes._checks import mod10 as check_digit
from devices.barcodes.candidate import Candidate, judged, split_aim, without_separators

__all__ = ["ELEMENT_STRINGS", "MAX_LENGTH", "candidate", "check_digit", "is_checked", "read"]

ELEMENT_STRINGS = ("]C1", "]d2", "]d5", "]Q3", "]Q4", "]e0", "]e1", "]e2", "]z1", "]z4", "]J1", "]J4")
"""The AIM identifiers that say FNC1 in the first position: element strings."""

MAX_LENGTH, MOST_GS = 800, 48
"""Of a message that is parsed. A whole ship-to address (43xx) fits in; what is longer would only cost time."""

GS = "\x1d"
_DIGITS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"00([0-9]{18})|01([0-9]{14})")
_MESSAGE = re.compile(r"00[0-9]{18}.+|01[0-9]{14}.+|[0-9]{2}[^\x1d]+\x1d.*")


def is_checked(code: str) -> bool:
    """ASCII digits whose last is the modulo 10 check digit of the others."""
    return len(code) > 1 and _DIGITS.fullmatch(code) is not None and check_digit(code[:-1]) == code[-1]


def candidate(text: str) -> Candidate | None:
    """The code, with or without its AIM identifier, as GS1; None if it has no shape of GS1."""
    aim, body = split_aim(text)
    return read(aim, body, without_separators(body))


def read(aim: str, body: str, bare: str) -> Candidate | None:
    """The same; `bare` = `body` without separators."""
    if aim in ELEMENT_STRINGS or body.startswith(GS):  # some scanners send the FNC1 in front as GS
        return _message(body.lstrip(GS))
    if len(bare) in (8, 12, 13, 14, 18, 20) and _DIGITS.fullmatch(bare):
        return _bare(bare)
    if _MESSAGE.fullmatch(body):
        return _wrong_number(body) or _message(body)
    return _postal(bare)


def _bare(bare: str) -> Candidate | None:
    if len(bare) < 18:
        return _number("01", bare.zfill(14))
    if len(bare) == 18:
        return _number("00", bare)
    return _number("00", bare[2:]) if bare.startswith("00") else None


def _number(identifier: str, number: str) -> Candidate:
    return judged("gs1", number[-1], check_digit(number[:-1]), {identifier: number}, *_ids({identifier: number}))


def _wrong_number(body: str) -> Candidate | None:
    """A number that is wrong in front of a message of which nobody says that it is one: biip need not look at it."""
    shape = _NUMBER.match(body)
    found = _number(body[:2], shape[1] or shape[2]) if shape else None
    return found if found is not None and not found.valid else None


def _ids(parts: dict[str, str]) -> tuple[str, ...]:
    """An SSCC is known by its 18 digits, with and without the identifier; nothing else of GS1 names one parcel."""
    return (parts["00"], f"00{parts['00']}") if "00" in parts else ()


def _message(body: str) -> Candidate:
    if not body or not body.isascii() or len(body) > MAX_LENGTH:
        return Candidate("gs1", False, f"element strings are 1 to {MAX_LENGTH} ASCII characters")
    if body.count(GS) > MOST_GS:
        return Candidate("gs1", False, f"more than {MOST_GS} separators")
    postal = _postal(body)
    if postal is not None:
        return postal
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
        if identifier == "402" and not is_checked(element.value):  # biip checks only the three above
            wrong.append(f"(402) check digit is {element.value[-1]}, expected {check_digit(element.value[:-1])}")
    if wrong:
        return Candidate("gs1", False, "; ".join(wrong), parts)
    checked = "402" in parts or any(element.sscc or element.gtin or element.gln for element in elements)
    return Candidate("gs1", True, None, parts, checked=checked, ids=_ids(parts))


def _postal(body: str) -> Candidate | None:
    """`420` + ZIP or ZIP+4 + USPS number without FNC1: the split whose number has its check digit right."""
    splits = usps.splits(body) if body.startswith("420") and GS not in body else []
    for zip_code, number in splits:
        if usps.is_checked(number):
            return Candidate("gs1", True, None, {"420": zip_code, number[:2]: number[2:]})
    if not splits:
        return None
    return Candidate("gs1", False, "no FNC1 after (420), and no split has a USPS number with the right check digit")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:160]
