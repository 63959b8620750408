"""The wires of the stubs: ptys, listening TCP ports, real serial ports.

A pty is made raw before its path is published: in its first state it would take ETX for Ctrl-C and echo what it hears.
One descriptor of the slave's side stays open here, so that the other side may close and open it again.
What nobody reads waits in a bounded buffer; then the oldest whole messages are lost, as in a UART.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

BUFFER = 65536  # bytes that wait for a reader

Heard = Callable[[bytes], None]


class PortError(Exception):
    """A link cannot be opened; the text says which, and what to do."""


class Wire(Protocol):
    """One stub's cable."""

    where: str  # what the other side opens
    dropped: int  # messages that nobody took in time

    def write(self, data: bytes) -> None:
        """Whole messages; never blocks."""

    def close(self) -> None:
        """Unplug."""


class FdWire:
    """A terminal: a pty's master, or a real port."""

    def __init__(self, fd: int, where: str, heard: Heard, on_close: Callable[[], None]) -> None:
        self.where = where
        self.dropped = 0
        self._fd = fd
        self._heard = heard
        self._on_close = on_close
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._begun = False  # part of the first message is already out
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)

    def write(self, data: bytes) -> None:
        """Whole messages; never blocks."""
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
        """Unplug."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._on_close()

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
        say(f"{self.where}: {why}; this machine is off its wire until the next start")
        self._queue.clear()
        self._size = 0
        self.close()


class TcpWire(asyncio.Protocol):
    """A listening port with one client at a time; a new one replaces the old."""

    def __init__(self, where: str, heard: Heard) -> None:
        self.where = where
        self.dropped = 0
        self._heard = heard
        self._client: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Client(self), host, port)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.where = f"tcp://{host}:{port}"

    def write(self, data: bytes) -> None:
        """Whole messages; never blocks."""
        if self._client is None or self._client.get_write_buffer_size() + len(data) > BUFFER:
            self.dropped += 1
        else:
            self._client.write(data)

    def close(self) -> None:
        """Unplug."""
        if self._server:
            self._server.close()
        if self._client:
            self._client.close()

    def came(self, transport: asyncio.Transport) -> None:
        """A client connected."""
        if self._client:
            self._client.abort()
        self._client = transport

    def heard(self, transport: asyncio.Transport, data: bytes) -> None:
        """A client sent something."""
        if transport is self._client:
            self._heard(data)

    def went(self, transport: asyncio.Transport) -> None:
        """A client is no longer there."""
        if transport is self._client:
            self._client = None


class _Client(asyncio.Protocol):
    def __init__(self, wire: TcpWire) -> None:
        self._wire = wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wire.came(transport)

    def data_received(self, data: bytes) -> None:
        self._wire.heard(self._transport, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.went(self._transport)


async def open_wire(link: str, heard: Heard, *, real: bool) -> Wire:
    """`pty:///path`, `tcp-listen://host:port`, and with `real` also `serial:///dev/…?baud=`. Raises PortError."""
    url = urlsplit(link)
    try:
        if url.scheme == "pty" and url.path.startswith("/") and not url.netloc:
            return open_pty(Path(url.path), heard)
        if url.scheme == "tcp-listen" and url.hostname and url.port is not None:
            wire = TcpWire(link, heard)
            await wire.listen(url.hostname, url.port)
            return wire
        if url.scheme == "serial" and real:
            return FdWire(_open_serial(url.path, url.query), url.path, heard, lambda: None)
    except (OSError, ValueError, termios.error) as error:
        raise PortError(f"{link}: {error}") from error
    if url.scheme == "serial":
        raise PortError(f"{link}: a real port is simulated on only with --real")
    raise PortError(f"{link}: give pty:///absolute/path or tcp-listen://host:port")


def open_pty(path: Path, heard: Heard) -> FdWire:
    """A raw pty whose slave is published as the symlink `path`. Raises OSError, PortError."""
    master, slave = os.openpty()
    name = os.ttyname(slave)

    def unpublish() -> None:
        if path.is_symlink() and os.readlink(path) == name:
            path.unlink()
        os.close(slave)

    try:
        tty.setraw(slave, termios.TCSANOW)
        _publish(name, path)
        return FdWire(master, str(path), heard, unpublish)
    except BaseException:
        os.close(master)
        unpublish()
        raise


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


def _open_serial(path: str, query: str) -> int:
    options = dict(parse_qsl(query, strict_parsing=bool(query)))
    speed = getattr(termios, f"B{options.pop('baud', '115200')}", None)
    if speed is None or options:
        raise ValueError("only ?baud= is known here, with a speed the system has")
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(fd, termios.TCSANOW)
        settings = termios.tcgetattr(fd)
        settings[2] |= termios.CLOCAL | termios.CREAD
        settings[4] = settings[5] = speed
        termios.tcsetattr(fd, termios.TCSANOW, settings)
    except BaseException:
        os.close(fd)
        raise
    return fd


def say(text: str) -> None:
    """To the technician."""
    print(f"floorsim: {text}", file=sys.stderr, flush=True)
