"""The wires of the stubs: ptys and real serial ports here, the others in files of their own; each by its link.

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
from urllib.parse import parse_qsl, urlsplit

from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.tcp_wires import CallingWire, TcpWire
from firmware_stubs.wire import BUFFER, Heard, Job, PortError, Side, Wire, say


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


async def open_wire(link: str, side: Side, *, real: bool) -> Wire:
    """Opens a link, or begins to where the other side may come later. Raises PortError.

    `pty:///path`, `tcp-listen://host:port`, `tcp://host:port` (calls a controller that listens), `mqtt://host:port`,
    `rfc2217-listen://host:port`, and with `real` also `serial:///dev/…?baud=`.
    """
    url = urlsplit(link)
    if url.username is not None:
        raise PortError(f"{url.scheme}://…@{url.hostname}: give it without name and password: it is spoken to without")
    try:
        if url.scheme == "pty" and url.path.startswith("/") and not url.netloc:
            return open_pty(Path(url.path), side.heard)
        if url.scheme == "serial" and real:
            return FdWire(_open_serial(url.path, url.query), url.path, side.heard, lambda: None)
        if url.hostname and url.port is not None and not (url.path or url.query):
            wire = await _open_network(url.scheme, url.hostname, url.port, side)
            if wire:
                return wire
    except (OSError, ValueError, termios.error) as error:
        raise PortError(f"{link}: {error}") from error
    if url.scheme == "serial":
        raise PortError(f"{link}: a real port is simulated on only with --real")
    raise PortError(
        f"{link}: give pty:///absolute/path, or tcp-listen, tcp, rfc2217-listen or mqtt with ://host:port behind it"
    )


async def _open_network(scheme: str, host: str, port: int, side: Side) -> Wire | None:
    """None = no such scheme. Raises OSError."""
    if scheme == "tcp-listen":
        return await TcpWire.listen(host, port, side)
    if scheme == "tcp":
        return CallingWire(host, port, side)
    if scheme == "rfc2217-listen":
        from firmware_stubs.rfc2217_wire import Rfc2217Wire

        return await Rfc2217Wire.listen(host, port, side)
    if scheme == "mqtt":
        from firmware_stubs.mqtt_wire import MqttWire

        return MqttWire(host, port, side)
    return None


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
