"""Frames of `[prefix]body[suffix]` and what stands in them; shared by the scanners that speak so.

A suffix of CR, LF or CRLF fits all three. A prefix that codes may contain (printable) proves a frame only when it
stands nowhere else: a frame with another one inside was cut short, or a code holds it, and nobody knows which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from devices.codes import RAW
from devices.framing import RESTART, Bad, Delimited, Frame
from devices.types import Counters, Garbled, Item

LINE_ENDS = (b"\r", b"\n", b"\r\n")
TORN = "the prefix inside a frame"


class Lines:
    """The frames of one channel. `body(frame)` gives the items of a whole frame; frames and garbled are counted here.

    `exact`: only the very suffix ends a frame, even where it is a line end. `mute()`: what is no frame is now reported
    by another one who hears the same wire.
    """

    def __init__(
        self,
        marks: tuple[bytes, bytes],
        max_length: int,
        gap_ms: float,
        counters: Counters,
        body: Callable[[Frame], Sequence[Item]],
        exact: bool = False,
        mute: Callable[[], bool] = lambda: False,
    ) -> None:
        self._prefix, suffix = marks
        self._printable_prefix = self._prefix >= b" "
        line_end = suffix in LINE_ENDS and not exact and not set(self._prefix) & set(b"\r\n")
        self._ends = None if line_end else suffix
        self._max_length, self._gap_ms = max_length, gap_ms
        self._frames = self._new()
        self._counters = counters
        self._body = body
        self._mute = mute
        self._cut = False

    def opened(self) -> None:
        """Nothing of the last channel counts."""
        self._frames = self._new()
        self._cut = False

    def feed(self, data: bytes, at: float) -> list[Item]:
        """Items of the frames that `data` completes."""
        return self._items(self._frames.feed(data, at))

    def silence(self, now: float) -> list[Item]:
        """A partial frame is garbled after silence."""
        return self._items(self._frames.silence(now))

    def deadline(self) -> float | None:
        """When silence has lasted long enough."""
        return self._frames.deadline()

    def close(self, now: float) -> list[Item]:
        """A partial frame is garbled."""
        return self._items(self._frames.close(now))

    def _new(self) -> Delimited:
        return Delimited(self._prefix or None, self._ends, self._max_length, self._gap_ms)

    def _items(self, pieces: Sequence[Frame | Bad]) -> list[Item]:
        items: list[Item] = []
        for piece in pieces:
            if isinstance(piece, Bad):
                items += [] if self._mute() else [Garbled(piece.raw, piece.why, piece.at)]
                self._cut = self._printable_prefix and piece.why == RESTART
            else:
                items += self._frame(piece)
                self._cut = False
        for item in items:
            if isinstance(item, Garbled):
                self._counters.bad(item.why)
        return items

    def _frame(self, frame: Frame) -> Sequence[Item]:
        if not frame.data and not self._prefix:
            return ()  # an empty line
        torn = self._cut or (self._printable_prefix and self._prefix in frame.data)
        items = [Garbled(frame.data[:RAW], TORN, frame.at)] if torn else self._body(frame)
        self._counters.frames += bool(items)
        return items
