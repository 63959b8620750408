"""Check digits of the labels, each from its carrier's published rule.

A body is digits, or what the function says; its check is returned as the one character that stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

_ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_S10 = (8, 6, 4, 2, 3, 5, 9, 7)
_LETTERS_6346 = {letter: value for letter, value in zip(_ALNUM[10:], (n for n in range(10, 39) if n % 11), strict=True)}


def _weighted(body: Iterable[str], weights: Iterable[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(body, weights, strict=False))


def gs1(body: str) -> str:
    """Mod 10, weights 3 1 3 … from the right: SSCC, GTIN, USPS IMpb, FedEx Ground, Hermes, Austrian Post.
    Source: GS1 General Specifications 7.9."""
    return str(-_weighted(reversed(body), cycle((3, 1))) % 10)


def s10(serial: str) -> str:
    """Of 8 digits. Source: UPU S10-12."""
    rest = 11 - _weighted(serial, _S10) % 11
    return {10: "0", 11: "5"}.get(rest, str(rest))


def ups(body: str) -> str:
    """Of the 15 characters behind 1Z: every second one counts twice, letters by their place in the alphabet."""
    values = [int(one) if one.isdigit() else (ord(one) - 63) % 10 for one in body]
    return str(-sum(value * weight for value, weight in zip(values, cycle((1, 2)), strict=False)) % 10)


def fedex(body: str) -> str:
    """Of the digits in front of it, weights 1 3 7 from the right, modulo 11, then modulo 10 (12 and 34 digits)."""
    return str(_weighted(reversed(body), cycle((1, 3, 7))) % 11 % 10)


def mod7(body: str) -> str:
    """The number modulo 7: DHL Express, Japan Post, air waybills (of the serial alone)."""
    return str(int(body) % 7)


def post(body: str) -> str:
    """Deutsche Post's Identcode and Leitcode: weights 4 and 9 from the left, modulo 10."""
    return str(-_weighted(body, cycle((4, 9))) % 10)


def gls(body: str) -> str:
    """Of 11 digits: weights 3 1 from the left, and 1 more. Source: GLS Uni-Box TechDoku 3.2.1."""
    return str(-(_weighted(body, cycle((3, 1))) + 1) % 10)


def mod37_36(body: str) -> str:
    """ISO 7064 mod 37,36 over digits and letters: DPD."""
    product = 36
    for one in body:
        total = (product + _ALNUM.index(one)) % 36 or 36
        product = total * 2 % 37
    return _ALNUM[(37 - product) % 36]


def iso6346(body: str) -> str:
    """Of owner, category and 6 digits of a freight container: values by powers of two, modulo 11, then modulo 10."""
    values = (int(one) if one.isdigit() else _LETTERS_6346[one] for one in body)
    return str(sum(value << place for place, value in enumerate(values)) % 11 % 10)
