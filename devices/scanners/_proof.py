"""What proves that a code is whole where the marks of its frame do not: one length, or a check digit.

Where nothing marks the beginning of a code, the loss of its first bytes leaves a shorter, complete one.
"""

from __future__ import annotations

from devices.barcodes import gs1, s10
from devices.codes import WRONG_CHECK

HARD_LIMIT = 8192
"""Bytes of a frame: no scanner's frame is longer, and a `max_length` neither."""

LENGTH = "not one of the lengths that codes have here"


class CodeSettings:
    """What a `Settings` of a kind has among its fields.

    `min_length`, `fixed_lengths` count the characters of a code without AIM identifier. `check` is `s10`, `gs1` (SSCC
    or GTIN), `mod10` or empty.
    """

    min_length: int
    fixed_lengths: tuple[int, ...]
    check: str

    def flaw(self, code: str) -> str | None:
        """Why a code without its AIM identifier cannot be trusted, None = it can."""
        if len(code) < self.min_length:
            return f"shorter than {self.min_length} characters"
        if self.fixed_lengths and len(code) not in self.fixed_lengths:
            return LENGTH
        if self.check and not CHECKS[self.check](code):
            return f"{WRONG_CHECK} {self.check}"
        return None

    def proves(self) -> bool:
        """Whether a code that lost its first bytes is refused. Several lengths prove nothing: 13 may be a torn 16."""
        return len(set(self.fixed_lengths)) == 1 or bool(self.check)


def judge(settings: CodeSettings, max_length: int) -> None:
    """Raises ValueError for a check or a `max_length` that cannot be."""
    if settings.check and settings.check not in CHECKS:
        raise ValueError(f"check = {settings.check!r}: write one of {', '.join(CHECKS)}, or leave it out")
    if not 1 <= max_length <= HARD_LIMIT:
        raise ValueError(f"max_length = {max_length}: write a number from 1 to {HARD_LIMIT}")
    for length in settings.fixed_lengths:
        if not 1 <= length <= HARD_LIMIT:
            raise ValueError(f"fixed_lengths: no code has {length} characters; write numbers from 1 to {HARD_LIMIT}")


def without_proof(marks: str) -> ValueError:
    """Nothing proves a code; `marks` = what to write for marks that would."""
    return ValueError(
        "nothing proves that a code is whole: without its first bytes it would be a shorter one. "
        f'{marks}, or one length, fixed_lengths = [13], or check = "s10" (or "gs1", "mod10")'
    )


def _gs1_proof(code: str) -> bool:
    found = gs1.candidate(code)
    return found is not None and found.valid and ("00" in found.parts or "01" in found.parts)


def _s10_proof(code: str) -> bool:
    found = s10.candidate(code)
    return found is not None and found.valid


CHECKS = {"s10": _s10_proof, "gs1": _gs1_proof, "mod10": gs1.is_checked}
