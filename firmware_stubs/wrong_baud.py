"""What a UART makes of bytes that were sent at another rate than it is set to: always the same rubbish for the same
bytes.

The model is a wire and an ideal receiver, both 8N1. The wire holds each bit of the sender for the sender's bit time:
a start bit 0, eight data bits from the lowest, a stop bit 1; between two pieces it rests at 1. The receiver waits for
the wire to fall, and looks in the middle of each of its own bits: at the start bit (still 0, else it was a spike), at
eight data bits, at the stop bit. Where the stop bit is 0 the byte is delivered all the same, as Linux does without
INPCK (termios(3)), and the receiver resynchronises as a 16550 does (PC16550D data sheet, line status register, FE and
BI): it takes the 0 for the next start bit; after a break (all bits 0: one byte 00) it waits for the wire to rise.

So a slower sender is heard as more bytes, many of them 00, 80, E0, F8 or FE, and a faster one as fewer. Rates that
differ by less than about 5 % are heard right. Real receivers look 8 or 16 times a bit for the edge and so see it up to
1/8 of a bit late: where two edges meet they may hear another bit than this one. Parity is not in the model.
"""

from __future__ import annotations

_BITS = 10  # of a character: start, 8 data bits, stop


def garble(data: bytes, sender: int, receiver: int) -> bytes:
    """What a receiver at one rate hears of data sent at another, in one go; rates in bit/s, equal ones change nothing.

    Raises ValueError for a rate that is none.
    """
    if sender <= 0 or receiver <= 0:
        raise ValueError(f"a baud rate is above 0, not {min(sender, receiver)}")
    wire = _Wire(data, sender, receiver)
    heard = bytearray()
    edge: int | None = wire.falls(0)
    while edge is not None:
        if wire.level(edge + wire.half):
            edge = wire.falls(edge + wire.half)
            continue
        bits = [wire.level(edge + wire.half + number * wire.bit) for number in range(1, _BITS)]
        heard.append(sum(bit << number for number, bit in enumerate(bits[:-1])))
        stop = edge + wire.half + (_BITS - 1) * wire.bit
        if bits[-1]:
            edge = wire.falls(stop)
        elif any(bits):
            edge = stop - wire.half
        else:
            edge = wire.falls(wire.rises(stop))
    return bytes(heard)


class _Wire:
    """The level of the wire over time. Times are whole: both rates' half bits are a whole number of ticks."""

    def __init__(self, data: bytes, sender: int, receiver: int) -> None:
        self._ticks = 2 * receiver  # of one bit of the sender
        self.half, self.bit = sender, 2 * sender  # of the receiver
        self._bits = [bit for byte in data for bit in (0, *(byte >> number & 1 for number in range(8)), 1)]

    def level(self, at: int) -> int:
        """Behind the last bit the wire rests."""
        number = at // self._ticks
        return self._bits[number] if number < len(self._bits) else 1

    def falls(self, at: int) -> int | None:
        """When the wire is next 0 for one who sees it at 1, or at rest, now; None = never again."""
        return self._next(0, at)

    def rises(self, at: int) -> int:
        """When the wire is next 1."""
        found = self._next(1, at)
        return len(self._bits) * self._ticks if found is None else found

    def _next(self, level: int, at: int) -> int | None:
        for number in range(at // self._ticks, len(self._bits)):
            if self._bits[number] == level:
                return max(at, number * self._ticks)
        return None
