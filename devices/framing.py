"""Bytes -> frames: bounded, resynchronising, in linear time, the same for every split of the same bytes.

Theory. A framer keeps the bytes it cannot decide yet at the front of one buffer. `_step` decides about the front: it
yields a Frame, skips bytes that belong to no frame, or says that it needs more. What is skipped is not lost in
silence: a run of bytes skipped for one reason becomes one Bad, given before the next Frame, after silence, at the end,
or each RUN bytes. Nothing a framer does depends on where the bytes were cut, only `at` does.

Bounds: the buffer holds one unfinished frame (`max_length`, its marks, its trailer) between two calls, a Bad RAW bytes.
Half a frame is never a frame: silence of `gap_ms` and the end of the channel turn it into a Bad.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from devices.value import value

RAW = 64
"""A Bad keeps at most so many of its first bytes."""
RUN = 4096
"""A run of skipped bytes is reported at least each so many bytes, or a line at the wrong speed would stay unseen."""

BETWEEN = "bytes between frames"
RESTART = "a new start inside a frame"
SILENT = "silence inside a frame"
UNFINISHED = "the end of the channel inside a frame"


@value
class Frame:
    """One whole frame: `data` without its delimiters; `at` = arrival of the chunk that brought its last byte.

    Where the framer has a trailer, its bytes are the last ones of `data`.
    """

    data: bytes
    at: float


@value
class Bad:
    """Bytes that are no frame: `raw` = the first RAW of them, delimiters included; `why` = one of a few fixed texts."""

    raw: bytes
    why: str
    at: float


Piece: TypeAlias = Frame | Bad


class Framer:
    """What every framer does; a subclass writes `_step`. `gap_ms` None = silence never ends a frame."""

    def __init__(self, gap_ms: float | None) -> None:
        if gap_ms is not None and gap_ms <= 0:
            raise ValueError(f"gap_ms = {gap_ms}: write a time over 0")
        self._gap_ms = gap_ms
        self._buffer = bytearray()
        self._inside = False  # the buffer begins with an unfinished frame
        self._at = 0.0
        self._head = bytearray()
        self._skipped = 0
        self._skipped_why = BETWEEN

    def feed(self, data: bytes, at: float) -> list[Piece]:
        """Take bytes that arrived at `at` (ms), in any split; return what they complete, in the order of the wire."""
        out: list[Piece] = []
        if self._gap_ms is not None and at - self._at >= self._gap_ms:
            out += self.silence(at)
        if data:
            self._at = at
            self._buffer += data
            while self._step(out):
                pass
        return out

    def silence(self, now: float) -> list[Bad]:
        """Discard a partial frame if nothing came for `gap_ms`; call it at `deadline()`."""
        due = self.deadline()
        return [] if due is None or now < due else self._discard(SILENT, now)

    def deadline(self) -> float | None:
        """When `silence` will have something to discard (ms), None if nothing is pending."""
        pending = self._gap_ms is not None and (self._buffer or self._skipped)
        return self._at + self._gap_ms if pending and self._gap_ms is not None else None

    def close(self, now: float) -> list[Bad]:
        """The channel has ended: what is pending is Bad. The framer is as new."""
        return self._discard(UNFINISHED, now)

    def _step(self, out: list[Piece]) -> bool:
        """Decide about the front of the buffer; False = more bytes are needed."""
        raise NotImplementedError

    def _start_over(self) -> None:
        """The buffer has been emptied; a subclass with more state resets it here."""
        self._inside = False

    def _discard(self, why: str, now: float) -> list[Bad]:
        out: list[Piece] = []
        self._at = now
        if self._inside and self._buffer:
            self._drop(len(self._buffer), why, out)
        self._skip(len(self._buffer), self._skipped_why, out)
        self._report(out)
        self._start_over()
        return [bad for bad in out if isinstance(bad, Bad)]

    def _skip(self, count: int, why: str, out: list[Piece]) -> None:
        """Move `count` bytes from the front of the buffer into the run of skipped bytes."""
        if count and why != self._skipped_why:
            self._report(out)
            self._skipped_why = why
        while count:
            part = min(count, RUN - self._skipped)
            self._head += self._buffer[: min(part, RAW - len(self._head))]
            del self._buffer[:part]
            self._skipped += part
            count -= part
            if self._skipped == RUN:
                self._report(out)

    def _report(self, out: list[Piece]) -> None:
        """End the run of skipped bytes: one Bad."""
        if self._skipped:
            out.append(Bad(bytes(self._head), self._skipped_why, self._at))
            self._head.clear()
            self._skipped = 0

    def _drop(self, count: int, why: str, out: list[Piece]) -> None:
        """Skip `count` bytes as a Bad of their own."""
        self._report(out)
        self._skip(count, why, out)
        self._report(out)


class Delimited(Framer):
    """Frames between a `start` (None: a frame begins where the last one ended) and an `end`.

    `end` None = a line end, spelled CR, LF or CRLF. `max_length` counts the bytes between the delimiters. A start that
    is one byte, or begins with a control character, restarts a frame when it comes again inside: the older part is Bad.
    After a frame that is too long everything is skipped to the next start, or without a start to the next end.

    `trailer` = so many bytes after the end belong to the frame, whatever they are (a check byte may look like a mark).
    Where one was lost on the wire the next byte takes its place: the driver's check must refuse that frame.
    """

    def __init__(
        self, start: bytes | None, end: bytes | None, max_length: int, gap_ms: float | None, trailer: int = 0
    ) -> None:
        super().__init__(gap_ms)
        ends = [b"\r", b"\n"] if end is None else [end]
        self._start = start or b""
        if not all(ends) or max_length < 1:
            raise ValueError("a frame needs an end and a max_length of 1 or more")
        if self._start and any(self._start in mark or mark in self._start for mark in ends):
            raise ValueError(
                f"start {self._start!r} and end {end!r} must not contain one another; write two marks that do not"
            )
        if trailer < 0 or (trailer and end is None):  # after CR, LF could be the end's or the trailer's
            raise ValueError(f"trailer = {trailer}: 0 or more, and above 0 only after an `end` that is not None")
        restarts = bool(self._start) and (len(self._start) == 1 or self._start < b" ")
        any_end, any_start = b"|".join(map(re.escape, ends)), re.escape(self._start)
        self._marks = re.compile(b"%b|(?:%b)+" % (any_end, any_start) if restarts else any_end)
        self._resync = re.compile(any_start or any_end)
        self._undecided = max(map(len, [*ends, self._start if restarts else b""])) - 1
        self._max_length = max_length
        self._trailer = trailer
        self._newline = end is None
        self._too_long = f"longer than {max_length} bytes"
        self._start_over()

    def feed(self, data: bytes, at: float) -> list[Piece]:
        """See Framer. One whole frame and nothing else, the usual case, is taken as it is."""
        if self._start and not (self._buffer or self._skipped or self._trailer or self._swallow_lf):
            found = self._marks.search(data, len(self._start)) if data.startswith(self._start) else None
            whole = found is not None and found.end() == len(data) and not found.group().startswith(self._start)
            if found is not None and whole and found.start() - len(self._start) <= self._max_length:
                self._at = at
                self._begin(0, found.group())
                self._inside = False
                return [self._judged(Frame(data[len(self._start) : found.start()], at))]
        return super().feed(data, at)

    def _judged(self, piece: Piece) -> Piece:
        """What a subclass makes of a frame."""
        return piece

    def _start_over(self) -> None:
        self._inside = not self._start
        self._seen = 0  # no mark begins before this place of the buffer
        self._outside_why = BETWEEN
        self._swallow_lf = False

    def _step(self, out: list[Piece]) -> bool:
        if self._swallow_lf and self._buffer:
            self._swallow_lf = False
            if self._buffer[0] == 0x0A:
                del self._buffer[:1]
        return self._within(out) if self._inside else self._outside(out)

    def _outside(self, out: list[Piece]) -> bool:
        found = self._resync.search(self._buffer)
        if found is None:
            keep = len(self._start) - 1 if self._start else self._undecided
            self._skip(max(0, len(self._buffer) - keep), self._outside_why, out)
            return False
        mark, through = found.group(), found.end() + self._trailer  # before the buffer moves under the match
        if not self._start and len(self._buffer) < through:
            self._skip(found.start(), self._outside_why, out)
            return False
        self._skip(found.start() if self._start else through, self._outside_why, out)
        self._report(out)
        self._begin(len(self._start), mark)
        return True

    def _within(self, out: list[Piece]) -> bool:
        found = self._marks.search(self._buffer, self._seen)
        reach = found.start() if found else len(self._buffer) - self._undecided
        if reach - len(self._start) > self._max_length:
            self._skip(len(self._start), self._too_long, out)
            self._inside, self._outside_why = False, self._too_long
            return True
        if found is None:
            self._seen = max(self._seen, reach)
            return False
        mark = found.group()
        if self._start and mark.startswith(self._start):
            self._restart(found.start(), found.end() - len(self._start), out)
            return True
        through = found.end() + self._trailer
        if len(self._buffer) < through:
            self._seen = found.start()
            return False
        self._report(out)
        body, trailer = self._buffer[len(self._start) : found.start()], self._buffer[found.end() : through]
        out.append(Frame(bytes(body + trailer), self._at))
        del self._buffer[:through]
        self._begin(0, mark)
        self._inside = not self._start
        return True

    def _restart(self, first: int, last: int, out: list[Piece]) -> None:
        """Drop a frame that a new start cut off; starts with nothing between them become one Bad."""
        self._skip(first, RESTART, out)
        if first > len(self._start):
            self._report(out)
        self._skip(last - first, RESTART, out)
        self._seen = len(self._start)

    def _begin(self, seen: int, mark: bytes) -> None:
        """The front of the buffer is (or will be) a new frame; `mark` is what was found before it."""
        self._inside, self._seen, self._outside_why = True, seen, BETWEEN
        self._swallow_lf = self._newline and mark == b"\r"
