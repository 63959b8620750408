"""Labels: UTC as text, and event ids."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random


def rfc3339(utc_ms: float) -> str:
    """UTC as text with milliseconds."""
    when = datetime.fromtimestamp(int(utc_ms) / 1000, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid7(utc_ms: float, rng: Random) -> str:
    """A UUID version 7 (RFC 9562): 48 bits of UTC ms, then random bits."""
    value = (int(utc_ms) & (1 << 48) - 1) << 80 | rng.getrandbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
