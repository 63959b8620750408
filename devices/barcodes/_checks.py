"""Check digits that several schemes share. All take ASCII digits (and capital letters where it says so)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from operator import mul

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Value -> character of ISO 7064 modulo 37,36."""

_VALUES = {ch: value for value, ch in enumerate(ALPHABET)}


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digit times weight, the weights from the left and over again."""
    return sum(map(mul, map(int, digits), cycle(weights)))


def mod10(body: str) -> str:
    """GS1: modulo 10 with weights 3, 1, 3, … from the right."""
    return str(-weighted(body[::-1], (3, 1)) % 10)


def mod11_10(body: str) -> str:
    """FedEx: the sum with weights 1, 3, 7, 1, … from the right, modulo 11, and of that the last digit."""
    return str(weighted(body[::-1], (1, 3, 7)) % 11 % 10)


def mod7(body: str) -> str:
    """The number modulo 7: 7, 8 and 9 are never right, and 0 for 7, 1 for 8, 2 for 9 is never seen."""
    return str(int(body) % 7)


def mod37_36(body: str) -> str:
    """ISO 7064 modulo 37,36 of digits and capital letters."""
    check = 36
    for ch in body:
        check = (check + _VALUES[ch]) % 36 or 36
        check = check * 2 % 37
    return ALPHABET[(1 - check) % 36]
