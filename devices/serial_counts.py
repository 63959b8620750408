"""What a serial port counts by itself: framing, overrun, parity and buffer errors, and breaks."""

from __future__ import annotations

import array
import fcntl
import termios

COUNTED = {"frame": 6, "overrun": 7, "parity": 8, "break": 9, "buffer": 10}
"""What a port counts, and where it stands in struct serial_icounter_struct (20 ints, linux/serial.h)."""


def line_counts(fd: int) -> dict[str, int]:
    """The port's own counts; empty where it has none: a pseudo-terminal, many USB adapters."""
    counts = array.array("i", bytes(80))
    try:
        fcntl.ioctl(fd, termios.TIOCGICOUNT, counts)
    except OSError:
        return {}
    return {name: counts[place] for name, place in COUNTED.items()}


class LineErrors:
    """What a port counts, over all of its openings: the port goes on where it was, or begins at 0 when replugged."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._base: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def opened(self, counts: dict[str, int]) -> None:
        """It is open, and stands at `counts`."""
        self._before = self.since_first(self._last)
        self._base = self._last = counts

    def since_first(self, counts: dict[str, int]) -> dict[str, int]:
        """What came since the first opening, now that it stands at `counts`; empty = it cannot be asked."""
        self._last = counts or self._last
        grown = {name: count - self._base.get(name, 0) for name, count in self._last.items()}
        return {name: grown.get(name, 0) + self._before.get(name, 0) for name in {**self._before, **grown}}
