"""When a scanner that waits for ACK or NAK is told which, and which of its frames is the one before, sent again.

Theory. After a frame the scanner waits for ACK (it goes on) or NAK (it sends the frame again) until its time-out; then
it forgets the frame, or where its retries are set sends it again. Nothing on the wire marks a repetition. So the same
bytes are taken for one while their ACK has not left, and for `timeout_ms` and LAG_MS after it left, because it may have
been lost: a repetition begins when the time-out is over, and its last byte comes later still.
The price: the same label read twice within that time is one read, and two parcels with the same code too.

ACK leaves when the frame is durable, so a frame that came while an older one waits takes its place: the scanner has
given the older one up, and its ACK would be taken for the new one's. A damaged frame is refused with NAK at once. The
same bytes again after a NAK were not damaged on the way; after MOST_NAKS in a row nothing is said until a good frame
comes: at a wrong speed, NAK and noise would answer one another for ever.

The frame's token is (its number, CRC-32 of its bytes), and the last durable one is known after a restart.
"""

from __future__ import annotations

from zlib import crc32

from devices.scanners._honeywell import ACK, NAK
from devices.types import Kept, Token

MOST_NAKS = 3
LAG_MS = 300.0
"""A frame of 200 characters at 9600 baud, and an adapter that holds bytes back."""


class AckNak:
    """The answers on one channel."""

    def __init__(self, timeout_ms: float) -> None:
        self._window_ms = timeout_ms + LAG_MS
        self._number = self._crc = 0  # of the last frame that was taken
        self._durable = 0
        self._owed = False  # its ACK has not left
        self._until = 0.0  # until then the same bytes are the same frame
        self._refused: int | None = None  # CRC of the last damaged frame
        self._refused_until = 0.0
        self._naks = 0
        self._out = b""

    def opened(self, now: float, kept: Kept) -> None:
        """The channel is open: no answer is owed, but the scanner may send again what it got none for."""
        if kept.epoch > self._number:
            self._number, self._crc, self._durable = kept.epoch, kept.evt, kept.epoch
        self._owed, self._out, self._refused, self._naks = False, b"", None, 0
        self._until = now + self._window_ms if self._number else 0.0

    def taken(self, frame: bytes, at: float) -> Token | None:
        """A frame came that is no damaged one: its token, None = it is the one before again."""
        crc = crc32(frame)
        self._refused, self._naks = None, 0
        repeated = self._number > 0 and crc == self._crc and (self._owed or at < self._until)
        if not repeated:
            self._number, self._crc = self._number + 1, crc
        self._owed = True
        self._settle(at)
        return None if repeated else (self._number, crc)

    def damaged(self, frame: bytes, at: float) -> bool:
        """A frame came that cannot be right: refuse it. False = it came so again, so it is no damage."""
        crc = crc32(frame)
        if crc == self._refused and at < self._refused_until:
            return False
        self._refused, self._refused_until = crc, at + self._window_ms
        self._naks += 1
        if self._naks <= MOST_NAKS:
            if self._owed or at < self._until:
                self._until = at + self._window_ms  # it may be the frame before, which now comes again
            self._owed = False
            self._out += NAK
        return True

    def confirm(self, token: Token, now: float) -> None:
        """Everything up to `token` is durable."""
        self._durable = max(self._durable, token[0])
        self._settle(now)

    def take(self) -> bytes:
        """What the scanner is told now."""
        out, self._out = self._out, b""
        return out

    def _settle(self, now: float) -> None:
        if self._owed and self._number <= self._durable:
            self._owed, self._until = False, now + self._window_ms
            self._out += ACK
