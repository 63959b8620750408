"""The pump: bytes over a file descriptor on the event loop, whatever stands behind it.

A `Port` opens, closes and cleans; all else is the same for a serial line and a TCP connection: reading and writing
never block, what the other side does not take is bounded in bytes and time, an end of file or an error means hang-up,
and after a hang-up the port is opened again. Half-sent output is dropped with the connection it was meant for.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

from devices.lasting import Lasting
from devices.links import LONGEST_S, LinkHandler
from devices.types import Message

Loop: TypeAlias = asyncio.AbstractEventLoop

READ_BYTES = 2048
"""At a time: some hundred reads of a scanner that floods, so that the other links have their turn."""
OUT_BYTES = 262_144  # at most so much waits for the other side
ASK_MS = 1000.0
"""What a port counts is asked at most so often."""

STUCK_MS = 2000.0  # longer than any answer takes at 9600 baud; a peer that takes nothing for so long is stuck


class Port:
    """What differs between links; the last six only where bytes are more than bytes. Nothing here blocks."""

    stuck: str
    """What it means when the other side takes nothing, in plain words."""

    damaged = 0
    """Bytes known to be wrong, so far."""

    collisions = 0
    """Transmissions whose echo came back otherwise or not at all, so far."""

    look_s = LONGEST_S
    """How often to look at `place` while the port is away."""

    def begin(self, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Begin to open; later, and once, `opened` with a non-blocking descriptor, or `failed` with the reason."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Give up opening; neither callback is called any more."""
        raise NotImplementedError

    def end(self, fd: int) -> None:
        """Close what was opened, without waiting for output; another `begin` may follow at once."""
        raise NotImplementedError

    def place(self) -> object:
        """What would be opened now; when that changes while the port is away, it is opened at once."""
        return None

    def sent(self, data: bytes | bytearray, at: float) -> None:
        """These bytes were taken by the kernel."""

    def clean(self, data: bytes, at: float) -> bytes:
        """The payload of bytes read."""
        return data

    def errors(self, fd: int) -> dict[str, int]:
        """What the port counts by itself."""
        return {}


class FdLink(Lasting):
    """A link over a port."""

    def __init__(
        self, name: str, port: Port, handler: LinkHandler, loop: Loop, rng: Random, stuck_ms: float = STUCK_MS
    ) -> None:
        super().__init__(name, handler, loop, rng)
        self._port = port
        self.look_s = port.look_s
        self._asked = -ASK_MS
        self._stuck_s = stuck_ms / 1000
        self._fd: int | None = None
        self._out = bytearray()
        self._moved = 0.0  # when output last moved, loop time
        self._stuck: asyncio.TimerHandle | None = None

    def hang_up(self, why: str) -> None:
        """Break the connection; `down` follows, and it is opened again."""
        if self._fd is not None:
            self._loop.call_soon(self._lost, why, self._fd)

    def write(self, data: bytes | Sequence[Message]) -> None:
        """Send as much as goes, keep the rest; dropped while the link is down."""
        if not isinstance(data, bytes):
            raise TypeError(f"{self._name}: its link carries bytes, its driver speaks MQTT")
        if self._fd is None or not data:
            return
        if self._out:
            if len(self._out) + len(data) > OUT_BYTES:
                self._loop.call_soon(self._lost, self._port.stuck, self._fd)
            else:
                self._out += data
            return
        self._out += data
        self._moved = self._loop.time()
        self._send(self._fd)
        if self._out and self._stuck is None:
            self._loop.add_writer(self._fd, self._send, self._fd)
            self._stuck = self._loop.call_later(self._stuck_s, self._check_stuck, self._fd)

    def _place(self) -> object:
        return self._port.place()

    def _begin(self) -> None:
        self._port.begin(self._opened, self._is_down)

    def _end(self) -> None:
        self._drop()
        self._port.cancel()

    def _opened(self, fd: int) -> None:
        self._fd = fd
        self._loop.add_reader(fd, self._readable, fd)
        self._is_up()

    def _readable(self, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            return self._lost(error.strerror or str(error), fd)
        if not data:
            return self._lost("hung up: unplugged, or closed by the other side", fd)
        at = self._loop.time() * 1000
        self.health.bytes_in += len(data)
        self.health.last_byte = at
        payload = self._port.clean(data, at)
        self.health.damaged, self.health.collisions = self._port.damaged, self._port.collisions
        if at >= self._asked + ASK_MS:
            self._asked, self.health.errors = at, self._port.errors(fd)
        if payload:
            self._handler.received(self._name, payload, at)

    def _send(self, fd: int) -> None:
        try:
            sent = os.write(fd, self._out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._loop.remove_writer(fd)
            self._loop.call_soon(self._lost, error.strerror or str(error), fd)
            return
        if sent:
            self._moved = self._loop.time()
            self._port.sent(self._out[:sent], self._moved * 1000)
        del self._out[:sent]
        self.health.bytes_out += sent
        if not self._out and self._stuck:
            self._loop.remove_writer(fd)
            self._stuck.cancel()
            self._stuck = None

    def _check_stuck(self, fd: int) -> None:
        left = self._moved + self._stuck_s - self._loop.time()
        if left > 0:
            self._stuck = self._loop.call_later(left, self._check_stuck, fd)
        else:
            self._lost(self._port.stuck, fd)

    def _lost(self, why: str, fd: int) -> None:
        if fd != self._fd:
            return  # already lost for another reason
        self._drop()
        self._is_down(why)

    def _drop(self) -> None:
        if self._fd is None:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None
        self._out.clear()
        self._port.end(self._fd)
        self._fd = None
