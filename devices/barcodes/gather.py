"""All candidates of a code."""

from __future__ import annotations

from devices.barcodes import gs1, s10
from devices.barcodes.candidate import Candidate, as_text

SCHEMES = (s10.candidate, gs1.candidate)


def candidates(code: str | bytes) -> list[Candidate]:
    """Everything the code may be, valid or not; empty when it has the shape of nothing known.

    Takes an AIM identifier in front, GS (1D) for FNC1. Digits and letters are ASCII only. Never raises.
    """
    text = as_text(code) if isinstance(code, bytes) else code
    return [candidate for scheme in SCHEMES if (candidate := scheme(text)) is not None]
