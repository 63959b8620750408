"""Scanners at presence points for the bench, on pseudo-terminals: each read of theirs is one event.

`Flood` reads as fast as it is told to. `Durable` speaks SSI, whose decoder is answered when the event is on the disk.
"""

from __future__ import annotations

import os
import select
import time
import tty
from array import array
from collections import deque
from random import Random

from devices.scanners import _ssi

LINE = 'prefix = "\\u0002"\nsuffix = "\\u0003"\n'
CHUNK = 8
"""Reads in one write."""
CODE_128, ACK = b"\x03", _ssi.encode(_ssi.ACK)
PATIENCE_S = 30.0


class Terminals:
    """`count` pseudo-terminals: `far` is the scanner's end."""

    def __init__(self, count: int) -> None:
        pairs = [os.openpty() for _ in range(count)]
        for master, slave in pairs:
            tty.setraw(slave)
            os.set_blocking(master, False)
        self.far, self._near = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def sections(self, kind: str, name: str, more: str = "") -> str:
        """Their part of a floor file."""
        return "".join(
            f'[point.{name}{number}]\nkind = "presence"\n[scanner.{name}-{number}]\nkind = "{kind}"\n'
            f'link = "serial://{os.ttyname(near)}?baud=115200"\npoint = "{name}{number}"\n{more}'
            for number, near in enumerate(self._near, 1)
        )

    def close(self) -> None:
        """Give them back."""
        for fd in (*self.far, *self._near):
            os.close(fd)


class Flood(Terminals):
    """Codes are numbered through all scanners."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.said = 0
        """reads that the kernel has taken in full"""
        self._left = [b""] * count

    def floor(self) -> str:
        """Its part of a floor file."""
        return self.sections("line", "F", LINE)

    def say(self, count: int) -> None:
        """Begin up to so many more reads, as the kernel takes them."""
        for number, fd in enumerate(self.far):
            if not self._left[number] and count > 0:
                chunk = min(CHUNK, count)
                count -= chunk
                self._left[number] = b"".join(b"\x02feed-%09d\x03" % (self.said + more) for more in range(chunk))
                self.said += chunk
            if self._left[number]:
                try:
                    self._left[number] = self._left[number][os.write(fd, self._left[number]) :]
                except BlockingIOError:
                    pass


class Durable(Terminals):
    """Decoders that wait for CMD_ACK after each code."""

    def floor(self) -> str:
        """Their part of a floor file."""
        return self.sections("zebra_ssi", "Q")

    def run(self, rate: float, count: int, rng: Random) -> array[float]:
        """So many reads at so many a second, a Poisson process: µs from each to its CMD_ACK. Raises TimeoutError."""
        took, free, open_ = array("d"), deque(self.far), dict[int, int]()
        due, said = time.monotonic(), 0
        until = due + count / rate + PATIENCE_S
        while len(took) < count:
            now = time.monotonic()
            if now > until:
                raise TimeoutError(f"{len(open_)} reads were not answered")
            if said < count and due <= now and free:
                fd, said = free.popleft(), said + 1
                due += rng.expovariate(rate)
                open_[fd] = time.monotonic_ns()
                os.write(fd, _ssi.encode(_ssi.DECODE_DATA, CODE_128 + b"ssi-%09d" % time.monotonic_ns(), _ssi.DECODER))
                continue
            wait = due - now if said < count and free else 0.1
            for fd in select.select(list(open_), [], [], max(0.0, wait))[0]:
                data, at = os.read(fd, 4096), time.monotonic_ns()
                if ACK in data:
                    took.append((at - open_.pop(fd)) / 1000)
                    free.append(fd)
        return took
