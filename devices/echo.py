"""The echo of a two-wire bus (RS-485): what we send comes back as if the machine had said it, and is taken out.

Exactly the bytes that were sent are taken out, however they are split. Where another byte comes, two have spoken at
once: from there on everything is given on, for nobody knows any more whose it is, and that transmission counts as a
collision. So does one that does not come back in time; without that a machine whose answer begins like the question
would be robbed of it for ever.
"""

from __future__ import annotations

BITS_A_CHARACTER = 11
LATE_MS = 500.0
"""Longer than any adapter keeps bytes back (16 ms by its latency timer) or this process may stand still."""

MOST = 65_536
"""So many bytes may be on their way; an echo that never comes costs no more."""


class Echo:
    """What is still to come back. `at` is monotonic ms."""

    def __init__(self, baud: int) -> None:
        self.collisions = 0
        self._ms_a_byte = BITS_A_CHARACTER * 1000 / baud
        self._due = bytearray()
        self._sent_at = 0.0

    def reset(self) -> None:
        """The line is a new one: nothing is to come back."""
        self._due.clear()

    def sent(self, data: bytes | bytearray, at: float) -> None:
        """These bytes are on their way; they leave the port after what is still in it."""
        self._expire(at)
        if len(self._due) + len(data) > MOST:
            self._give_up()
        self._due += data[-MOST:]
        self._sent_at = max(self._sent_at, at) + len(data) * self._ms_a_byte

    def strip(self, data: bytes, at: float) -> bytes:
        """What of `data` is no echo."""
        self._expire(at)
        if not self._due:
            return data
        count = min(len(data), len(self._due))
        same = next((place for place in range(count) if data[place] != self._due[place]), count)
        if same < count:
            self._give_up()
        else:
            del self._due[:count]
        return data[same:]

    def _expire(self, at: float) -> None:
        if self._due and at > self._sent_at + LATE_MS:
            self._give_up()

    def _give_up(self) -> None:
        self.collisions += 1
        self._due.clear()
