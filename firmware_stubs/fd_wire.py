"""The wires that are terminals: ptys and real serial ports.

A pty is made raw before its path is published: in its first state it would take ETX for Ctrl-C and echo what it hears.
One descriptor of the slave's side stays open here, so that the other side may close and open it again.
What nobody reads waits in a bounded buffer; then the oldest whole messages are lost, as in a UART.
"""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.wire import BUFFER, Heard, Job, PortError, say


class End(Protocol):
    """Our end of a terminal, which may be made again and again."""

    where: str

    def open(self) -> int:
        """A new descriptor, non-blocking or not. Raises OSError, PortError."""

    def close(self, fd: int) -> None:
        """Pull it out."""

    def flow(self, fd: int, stopped: bool) -> None:
        """Stop what the other side says, or let it go on."""


class FdWire:
    """A terminal: a pty's master, or a real port."""

    def __init__(self, end: End, heard: Heard, gone: Callable[[str], None] | None = None) -> None:
        """`gone` is told why, when the terminal hangs up by itself. Raises OSError, PortError."""
        self.where = end.where
        self.dropped = 0
        self._end = end
        self._heard = heard
        self._told_gone = gone
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._begun = False  # part of the first message is already out
        self._stopped = False
        self._fd = -1
        self._loop = asyncio.get_running_loop()
        self._open()

    def jobs(self) -> list[Job]:
        """None."""
        return []

    def hang_up(self) -> None:
        """A cable has no connection to close."""

    def write(self, piece: Piece) -> None:
        """Whole messages; never blocks."""
        data = as_bytes(piece)
        if self._fd < 0:
            self.dropped += 1
            return
        self._queue.append(data)
        self._size += len(data)
        self._flush()
        while self._size > BUFFER and len(self._queue) > 1:
            self._size -= len(self._queue[self._begun])
            del self._queue[self._begun]
            self.dropped += 1

    def close(self) -> None:
        """Unplug for ever."""
        self.unplug()

    def unplug(self) -> None:
        """Pull the cable: what waits is lost, and so is what is said until it is plugged in again."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            fd, self._fd = self._fd, -1
            self._end.close(fd)
        self.dropped += len(self._queue)
        self._queue.clear()
        self._size, self._begun = 0, False

    async def plug(self) -> None:
        """Plug it in again, a pty under another name. Raises OSError, PortError."""
        if self._fd < 0:
            self._open()

    def flow(self, stopped: bool) -> None:
        """As if the machine had said XOFF (or XON), and again to everyone who comes."""
        self._stopped = stopped
        if self._fd >= 0:
            self._end.flow(self._fd, stopped)

    def _open(self) -> None:
        self._fd = self._end.open()
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._readable)
        if self._stopped:
            self._end.flow(self._fd, True)

    def _flush(self) -> None:
        while self._queue:
            try:
                done = os.write(self._fd, self._queue[0])
            except BlockingIOError:
                self._loop.add_writer(self._fd, self._flush)
                return
            except OSError as error:
                self._gone(str(error))
                return
            self._size -= done
            self._begun = done < len(self._queue[0])
            if self._begun:
                self._queue[0] = self._queue[0][done:]
            else:
                self._queue.popleft()
        self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, BUFFER)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(str(error))
            return
        if data:
            self._heard(data)
        else:
            self._gone("hung up")

    def _gone(self, why: str) -> None:
        self.unplug()
        if self._told_gone is not None:
            self._told_gone(why)
        else:
            say(f"{self.where}: {why}; this machine is off its wire until it is plugged in again")


class Pty:
    """A raw pty whose slave is published as the symlink `path`; made anew it has another name than before."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._name = ""
        self._slave = -1

    def open(self) -> int:
        """The master."""
        master, self._slave = _other_pair(self._name)
        self._name = os.ttyname(self._slave)
        try:
            tty.setraw(self._slave, termios.TCSANOW)
            _publish(self._name, self._path)
        except BaseException:
            self.close(master)
            raise
        return master

    def close(self, fd: int) -> None:
        """Whoever has the slave open sees a hang-up; the symlink is gone."""
        os.close(fd)
        if self._path.is_symlink() and os.readlink(self._path) == self._name:
            self._path.unlink()
        os.close(self._slave)

    def flow(self, fd: int, stopped: bool) -> None:
        """The slave's output is stopped: no byte of an XOFF is seen, and to open it again does not help."""
        termios.tcflow(self._slave, termios.TCOOFF if stopped else termios.TCOON)


class Serial:
    """A real port. To unplug it is to be silent and deaf: the other side sees nothing of it."""

    def __init__(self, path: str, query: str) -> None:
        """Raises ValueError for options that are not known."""
        self.where = path
        options = dict(parse_qsl(query, strict_parsing=bool(query)))
        self._speed = getattr(termios, f"B{options.pop('baud', '115200')}", None)
        if self._speed is None or options:
            raise ValueError("only ?baud= is known here, with a speed the system has")

    def open(self) -> int:
        """Raw, with its speed."""
        fd = os.open(self.where, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(fd, termios.TCSANOW)
            settings = termios.tcgetattr(fd)
            settings[2] |= termios.CLOCAL | termios.CREAD
            settings[4] = settings[5] = self._speed
            termios.tcsetattr(fd, termios.TCSANOW, settings)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def close(self, fd: int) -> None:
        """What it was told to send may still leave."""
        os.close(fd)

    def flow(self, fd: int, stopped: bool) -> None:
        """The character XOFF is sent, or XON."""
        termios.tcflow(fd, termios.TCIOFF if stopped else termios.TCION)


def _other_pair(name: str) -> tuple[int, int]:
    """A new pty that is not called so: the kernel gives the lowest number that is free."""
    master, slave = os.openpty()
    if os.ttyname(slave) != name:
        return master, slave
    try:
        return os.openpty()
    finally:
        os.close(master)
        os.close(slave)


def _publish(name: str, path: Path) -> None:
    if path.is_symlink():
        if not os.readlink(path).startswith("/dev/pts/"):
            raise PortError(f"{path}: is a link to {os.readlink(path)}, not to a pty; remove it or give another path")
    elif path.exists():
        raise PortError(f"{path}: exists and is no link to a pty; remove it or give another path")
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(name)
    new.replace(path)
