"""Labels: UTC as text, and event ids."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from random import Random

RANDOM = ~(0xF << 76 | 0x3 << 62)
VERSION_7 = 0x7 << 76 | 0x2 << 62
"""Of a UUID's lower 80 bits: those that are random, and what stands in the others."""


def rfc3339(utc_ms: float) -> str:
    """UTC as text with milliseconds."""
    seconds, ms = divmod(int(utc_ms), 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(16)
def _second(utc_s: int) -> str:
    """Without its end. Most labels are of the same second as the last one."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat().removesuffix("+00:00")


def uuid7(utc_ms: float, rng: Random) -> str:
    """A UUID version 7 (RFC 9562): 48 bits of UTC ms, then random bits."""
    value = (int(utc_ms) & (1 << 48) - 1) << 80 | rng.getrandbits(80) & RANDOM | VERSION_7
    text = value.to_bytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
