"""Messages that the host acknowledges: one is on the wire, those behind it wait in their order."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from firmware_stubs.results import Shown

_Message = tuple[list[bytes], Shown | None, int]


class Acknowledged:
    """What a scanner sends and repeats, written to `out`, which its owner gives and empties.

    A message is one packet or several, each acknowledged by itself. One that gets no answer for `timeout_ms` (None: no
    answer is wanted) is sent `resends` more times and then given up: the scanner beeps. Of a queue with `most` waiting
    messages the newest is lost. `counts`: resent, beeps (given up in silence), refused, lost.
    """

    def __init__(
        self, out: bytearray, timeout_ms: float | None, resends: int, most: int, again: Callable[[bytes], bytes] = bytes
    ) -> None:
        """`again` makes of a packet the one that is sent as its repetition."""
        self.counts: Counter[str] = Counter()
        self.due: float | None = None
        self.held = False
        self._out = out
        self._timeout_ms = timeout_ms
        self._resends = resends
        self._most = most
        self._again = again
        self._queue: deque[_Message] = deque()
        self._packets: deque[bytes] = deque()  # of the message on the wire
        self._sent = 0  # how often its first packet counts as sent

    @property
    def waiting(self) -> int:
        """Messages that are not acknowledged yet, and not given up."""
        return bool(self._packets) + len(self._queue)

    @property
    def packet(self) -> bytes:
        """The packet that waits for its answer; empty = none."""
        return self._packets[0] if self._packets else b""

    def put(self, packets: list[bytes], now: float, shown: Shown | None = None, number: int = 0) -> None:
        """Send `packets` when their turn comes: code `number` of `shown`, or something of the scanner's own."""
        if len(self._queue) < self._most:
            self._queue.append((packets, shown, number))
            self._advance(now)
        else:
            self.counts["lost"] += 1
            _tell(shown, number, said=False)

    def acknowledged(self, now: float) -> None:
        """The host has the packet."""
        if self._packets:
            self._packets.popleft()
            self._next(now)

    def repeat(self, now: float, *, counted: bool) -> None:
        """The host wants the packet again; `counted` = as one of `resends`; behind the last it is given up."""
        if not self._packets or self.held:
            return
        if counted and self._sent > self._resends:
            self.counts["beeps"] += 1
            self._packets.clear()
            self._next(now)
        else:
            self._send(now, self._sent + counted)

    def refused(self, now: float) -> None:
        """The host does not want the message."""
        if self._packets:
            self.counts["refused"] += 1
            self._packets.clear()
            self._next(now)

    def hold(self, held: bool, now: float) -> None:
        """The host wants to hear nothing, not even a repetition, or something again."""
        self.held = held
        self.due = now + self._timeout_ms if self._packets and not held and self._timeout_ms is not None else None
        self._advance(now)

    def flush(self) -> None:
        """Forget what waits behind the message on the wire."""
        for _, shown, number in self._queue:
            _tell(shown, number, said=False)
        self._queue.clear()

    def tick(self, now: float) -> None:
        """Repeat or give up what got no answer."""
        while self.due is not None and self.due <= now:
            self.repeat(self.due, counted=True)

    def _advance(self, now: float) -> None:
        """Begin what may begin."""
        while self._queue and not self._packets and not self.held:
            packets, shown, number = self._queue.popleft()
            _tell(shown, number, said=True)
            if self._timeout_ms is None:
                self._out += b"".join(packets)
            else:
                self._packets.extend(packets)
                self._send(now)

    def _next(self, now: float) -> None:
        self.due = None
        if self._packets:
            self._send(now)
        else:
            self._advance(now)

    def _send(self, now: float, sent: int = 0) -> None:
        """`sent` = how often the packet counts as sent already; 0 = this is the first time."""
        packet = self._packets[0]
        self._out += self._again(packet) if sent else packet
        self._sent = sent or 1
        self.counts["resent"] += bool(sent)
        self.due = now + (self._timeout_ms or 0.0)


def _tell(shown: Shown | None, number: int, *, said: bool) -> None:
    if shown:
        shown.part_said(number, said=said)
