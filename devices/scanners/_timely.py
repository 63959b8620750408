"""Whether a code came when it was read, at a scanner that says nothing new while it waits for an acknowledgement.

What such a scanner says again was read when it said it first, which nobody may have heard. And what it reads while it
waits, it keeps: that comes right behind the acknowledgement. Neither tells when its item was there.
"""

from __future__ import annotations

PROMPT_MS = 30.0
"""Who acknowledges so soon delays nothing by more than a belt's window."""

QUEUED_MS = 150.0
"""What was kept comes so soon: a short code at 9600 baud, and what the scanner needs."""


class Timely:
    """The codes of one channel."""

    def __init__(self) -> None:
        self._came = 0.0
        self._late = self._held = False
        self._acknowledged: float | None = None

    def heard(self, at: float, *, repeated: bool) -> bool:
        """A new code came; whether nobody knows when it was read."""
        kept = self._held and self._acknowledged is not None and at - self._acknowledged <= QUEUED_MS
        self._came, self._late, self._acknowledged = at, repeated or kept, None
        return self._late

    def acknowledged(self, now: float) -> None:
        """The last code is acknowledged now."""
        self._held = self._late or now - self._came > PROMPT_MS
        self._acknowledged = now
