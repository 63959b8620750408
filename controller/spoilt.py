"""What a machine says that is no message: the last of it for a technician, and whether it is nothing else any more.

A cable that carries noise now and then is counted by its driver. A machine of which nothing at all can be understood is
an alarm: the speed or the parity of its port is wrong, another machine hangs there, or somebody changed its settings.
"""

from __future__ import annotations

from collections import deque

from devices.types import Answered, Condition, Garbled, GivenUp, Item

KEPT = 8
"""Bad messages that are shown, the latest."""

OUR_OWN = (Condition, GivenUp, Answered)
"""What a driver says by itself, not the machine."""

ROW = 20
WITHIN_MS = 600_000.0
"""So many in a row within that time, and nothing between them that was understood."""


class Spoilt:
    """Of one machine."""

    def __init__(self) -> None:
        self.last: deque[Garbled] = deque(maxlen=KEPT)
        self._row: deque[float] = deque(maxlen=ROW)
        self.alarm: str | None = None
        """what there is to be said, None = nothing"""

    def heard(self, item: Item) -> bool:
        """Take an item; whether `alarm` is another one now."""
        before = self.alarm
        if isinstance(item, OUR_OWN):
            return False
        if not isinstance(item, Garbled):
            self._row.clear()
            self.alarm = None
            return before is not None
        self.last.append(item)
        self._row.append(item.at)
        if before is None and len(self._row) == ROW and item.at - self._row[0] <= WITHIN_MS:
            self.alarm = (
                f"nothing it says is understood, {ROW} messages in a row; the last: {item.why}, "
                f"{item.raw[:24].hex(' ')}; {_hint(item.raw)}"
            )
        return self.alarm != before


def _hint(raw: bytes) -> str:
    """What to look at, by the bytes."""
    odd = sum(byte in (0x00, 0x80, 0xF0, 0xF8, 0xFC, 0xFE, 0xFF, 0xE0, 0xC0) for byte in raw)
    if 2 * odd > len(raw):
        return "these bytes are typical of a wrong baud rate"
    stripped = bytes(byte & 0x7F for byte in raw)
    if any(byte > 0x7F for byte in raw) and all(0x20 <= byte <= 0x7E or byte in b"\x02\x03\r\n" for byte in stripped):
        return "with 7 data bits they would be text: look at bytesize and parity"
    return "look at its kind, its settings, baud rate and parity"
