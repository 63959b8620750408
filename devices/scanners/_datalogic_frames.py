"""Frames of Datalogic scanners: results between a header and a terminator, and lines between the results.

A heartbeat has a header and a terminator of its own, so it comes as a line that ends like a result and does not begin
like one. Such a line is only ever a sign of life, never a code.
"""

from __future__ import annotations

import re

from devices.framing import Delimited, Frame, Piece
from devices.value import value

LONGEST_LINE = 128
"""Bytes of a line between results, without its end; a header, a counter, a diagnostic field and a terminator fit."""

HOST_MODE = "an answer of host mode that nobody asked for"

_HOST_ANSWER = re.compile(rb"\x1b(?:H|S|K|W1)")


@value
class Line(Frame):
    """A line between results, without its end, that the scanner's heartbeat looks like."""


class DatalogicFrames(Delimited):
    """`header` … `terminator`, and lines that end with the terminator and match `beat`, None = there are none."""

    def __init__(
        self, header: bytes, terminator: bytes, max_length: int, gap_ms: float, beat: re.Pattern[bytes] | None
    ) -> None:
        super().__init__(header, terminator, max_length, gap_ms)
        self._terminator = terminator
        self._beat = beat

    def _start_over(self) -> None:
        super()._start_over()
        self._midline = False  # the beginning of the line has been skipped

    def _outside(self, out: list[Piece]) -> bool:
        end = self._buffer.find(self._terminator)
        reach = len(self._buffer) if end < 0 else end + len(self._start) - 1
        if self._resync.search(self._buffer, 0, reach):
            self._midline = False
            return super()._outside(out)
        if end >= 0:
            self._line(end, out)
            return True
        if len(self._buffer) > LONGEST_LINE + len(self._terminator):
            keep = max(len(self._start), len(self._terminator)) - 1  # half a mark
            self._skip(len(self._buffer) - keep, self._outside_why, out)
            self._midline = True
        return False

    def _line(self, end: int, out: list[Piece]) -> None:
        whole, line = end + len(self._terminator), bytes(self._buffer[:end])
        long, self._midline = self._midline or end > LONGEST_LINE, False
        if line and not long and self._beat and self._beat.fullmatch(line):
            self._report(out)
            out.append(Line(line, self._at))
            del self._buffer[:whole]
        elif not long and _HOST_ANSWER.fullmatch(line):
            self._drop(whole, HOST_MODE, out)
        else:
            self._skip(whole, self._outside_why, out)
