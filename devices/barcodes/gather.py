"""All candidates of a code."""

from __future__ import annotations

import re

from devices.barcodes import dhl, dpd, fedex, gls, gs1, iso15434, posts, s10, transport, ups, usps
from devices.barcodes.candidate import Candidate, Scheme, split_aim, without_separators
from devices.barcodes.text import text_of

SCHEMES: tuple[Scheme, ...] = (
    *(*s10.SCHEMES, *ups.SCHEMES, *usps.SCHEMES, *fedex.SCHEMES, *dhl.SCHEMES),
    *(*dpd.SCHEMES, *gls.SCHEMES, *posts.SCHEMES, *transport.SCHEMES),
)
"""Every scheme that is told by the length of a code; GS1 and ISO 15434 messages are beside them."""

NAMES = tuple(dict.fromkeys(("gs1", *(scheme.name for scheme in SCHEMES), "iso15434")))
"""What `Candidate.scheme` can be."""

MOST_INSIDE = 8
"""Codes that are read out of a message; of more the first."""

_DIGITS = re.compile(r"[0-9]+")


def _by_length() -> dict[tuple[int, bool], tuple[Scheme, ...]]:
    table: dict[tuple[int, bool], tuple[Scheme, ...]] = {}
    for scheme in SCHEMES:
        for length in scheme.lengths:
            table[length, scheme.number] = (*table.get((length, scheme.number), ()), scheme)
    return table


_BY_LENGTH = _by_length()
_LONGEST = max(length for length, _ in _BY_LENGTH)


def candidates(code: str | bytes) -> list[Candidate]:
    """Everything the code may be, valid or not; empty when it has the shape of nothing known.

    Those with a check that passes come first, then those without one, then the invalid. Takes an AIM identifier in
    front, which rules out what its symbology cannot carry, and GS (1D) for FNC1. Digits and letters are ASCII only.
    A message's own candidate is followed by those of the codes in it. Never raises.
    """
    aim, text = split_aim(_decoded(code) if isinstance(code, bytes) else code)
    found = _of_message(text) if text.startswith(iso15434.HEADER) else _of_code(aim, text)
    return sorted(found, key=_rank)


def _decoded(code: bytes) -> str:
    """The code's bytes as text, with the AIM identifier in front that decides how they are read."""
    aim, _ = split_aim(code[:4].decode("latin-1"))
    return aim + text_of(code[len(aim) :], aim)[0]


def _rank(candidate: Candidate) -> int:
    return 2 if not candidate.valid else 0 if candidate.checked else 1


def _of_code(aim: str, text: str) -> list[Candidate]:
    bare = without_separators(text)
    found = [gs1.read(aim, text, bare), gls.whole(text)]
    bare = bare.lstrip(gs1.GS)
    length = len(bare)
    if length <= _LONGEST and not aim.startswith("]E"):  # EAN and UPC carry a GTIN and nothing else
        number = _DIGITS.fullmatch(bare) is not None
        elements = number and aim in gs1.ELEMENT_STRINGS
        known = _BY_LENGTH.get((length, number), ())
        found += [scheme.read(bare) for scheme in known if scheme.elements or not elements]
    return [candidate for candidate in found if candidate is not None]


def _of_message(text: str) -> list[Candidate]:
    message = iso15434.whole(text)
    if message is None:
        return []
    own, codes = message
    inside = [candidate for code in codes[:MOST_INSIDE] for candidate in _of_code(*split_aim(code))]
    return [own, *inside]
