"""Which settings of `datalogic` the bytes of an unknown scanner ask for: its heartbeat, its text for a missing code."""

from __future__ import annotations

import itertools
import re

NAK = b"\x15"
_BEAT = re.compile(rb"([A-Za-z][A-Za-z :=_-]{0,7})([0-9]{0,4})")


def guesses(data: bytes) -> tuple[dict[str, object], ...]:
    """One mapping. A heartbeat is guessed only between results, where all lines are one short word and a counter."""
    found: dict[str, object] = {"local_no_read": NAK.decode("latin-1")} if NAK in data else {}
    lines = [line for line in data.split(b"\r\n")[1:-1] if line and b"\x02" not in line]
    beats = [beat for line in lines if (beat := _BEAT.fullmatch(line))]
    words = {(beat[1], len(beat[2])) for beat in beats}
    if b"\x02" not in data or len(beats) < len(lines) or len(words) != 1:
        return (found,)
    ((word, digits),) = words
    counter = f"([0-9]{{{digits}}})" if digits else ""
    found["heartbeat"] = word.decode("ascii") + counter
    counted = [int(beat[2]) for beat in beats] if digits else []
    steps = {(after - before) % 10**digits for before, after in itertools.pairwise(counted)}
    if steps == {1}:
        found["heartbeat_modulus"] = 10**digits
    return (found,)
