"""TCP connections to device servers and to machines with a network side.

A device server whose power is cut says nothing: keepalive notices it after about 10 s, TCP_USER_TIMEOUT as soon where
something was sent (tcp(7)).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
from collections.abc import Callable
from random import Random
from typing import Any

from devices.fd_link import FdLink, Loop, Port
from devices.links import LinkHandler, LinkUrl

CONNECT_S = 5.0
KEEPIDLE_S, KEEPINTVL_S, KEEPCNT = 5, 2, 3
USER_TIMEOUT_MS = 10_000
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
REST_S = 1.0


def tcp_link(name: str, url: LinkUrl, handler: LinkHandler, loop: Loop, rng: Random) -> FdLink:
    """A link over a TCP connection to `url`, or from whoever connects to it."""
    port = ListeningPort(url, loop) if url.scheme == "tcp-listen" else TcpPort(url, loop)
    return FdLink(name, port, handler, loop, rng)


class TcpPort(Port):
    """A client's connection; each attempt takes the next of the name's addresses."""

    stuck = "blocked: the other side takes nothing"

    def __init__(self, url: LinkUrl, loop: Loop) -> None:
        self._host, self._port, self._loop = url.host, url.port, loop
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._attempt = 0

    def begin(self, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Resolve the name beside the loop, then connect."""
        self._attempt = attempt = self._attempt + 1

        def resolved(future: asyncio.Future[list[Any]]) -> None:
            if future.cancelled():
                return
            unknown = future.exception()
            if attempt != self._attempt:
                return
            try:
                if unknown:
                    raise unknown
                addresses = future.result()
                self._connect(addresses[attempt % len(addresses)], opened, failed)
            except (OSError, UnicodeError) as error:  # UnicodeError: a name that can be nobody's
                self._close()
                failed(f"{self._host}:{self._port}: {_plain(error)}")

        ask = functools.partial(socket.getaddrinfo, self._host, self._port, type=socket.SOCK_STREAM)
        self._loop.run_in_executor(None, ask).add_done_callback(resolved)

    def _connect(self, address: tuple[Any, ...], opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        family, kind, proto, _, place = address
        self._socket = connecting = socket.socket(family, kind, proto)
        connecting.setblocking(False)

        def over(number: int) -> None:
            if connecting is not self._socket:
                return  # given up
            self._forget_attempt()
            if not number and connecting.getsockname() == connecting.getpeername():
                number = errno.ECONNREFUSED  # on loopback a port nobody serves can be connected to itself
            if number:
                self._close()
                failed(f"{self._host}:{self._port}: {os.strerror(number)}")
            else:
                keep_alive(connecting)
                opened(connecting.fileno())

        number = connecting.connect_ex(place)
        if number != errno.EINPROGRESS:
            self._loop.call_soon(over, number)
            return
        self._timer = self._loop.call_later(CONNECT_S, over, errno.ETIMEDOUT)
        asked = (socket.SOL_SOCKET, socket.SO_ERROR)
        self._loop.add_writer(connecting.fileno(), lambda: over(connecting.getsockopt(*asked)))

    def _forget_attempt(self) -> None:
        if self._timer and self._socket:
            self._timer.cancel()
            self._timer = None
            self._loop.remove_writer(self._socket.fileno())

    def cancel(self) -> None:
        """Give up connecting."""
        self._attempt += 1
        self._forget_attempt()
        self._close()

    def end(self, fd: int) -> None:
        """Close the connection; the kernel may still send what it has."""
        self._close()

    def _close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None


class ListeningPort(Port):
    """Where a machine connects to us: one connection at a time, and a new one replaces the old, for a machine that
    connects again has most likely lost it without a word."""

    stuck = TcpPort.stuck

    def __init__(self, url: LinkUrl, loop: Loop) -> None:
        self._host, self._port, self._loop = url.host, url.port, loop
        self._listening: socket.socket | None = None
        self._current: socket.socket | None = None
        self._next: socket.socket | None = None
        self._opened: Callable[[int], None] | None = None
        self._resting: asyncio.TimerHandle | None = None

    def begin(self, opened: Callable[[int], None], failed: Callable[[str], None]) -> None:
        """Listen, and wait for the machine."""
        self._opened = opened
        try:
            self._listen()
        except (OSError, UnicodeError) as error:
            self._resting = self._loop.call_later(0, failed, f"{self._host}:{self._port}: {_plain(error)}")
            return
        self._loop.call_soon(self._hand_over)

    def _listen(self) -> None:
        if self._listening is not None:
            return
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind((self._host, self._port))
            listening.listen(4)
        except BaseException:
            listening.close()
            raise
        self._listening = listening
        self._look(listening)

    def _look(self, listening: socket.socket) -> None:
        self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            came, _ = listening.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:  # the connection still waits, so the descriptor stays readable: look later
                self._loop.remove_reader(listening.fileno())
                self._resting = self._loop.call_later(REST_S, self._look, listening)
            return  # else it is gone already
        came.setblocking(False)
        if self._next:
            self._next.close()
        self._next = came
        if self._current:
            with contextlib.suppress(OSError):
                self._current.shutdown(socket.SHUT_RDWR)  # the pump sees the end of file, and begins again
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._next and self._opened and not self._current:
            self._current, self._next, opened, self._opened = self._next, None, self._opened, None
            keep_alive(self._current)
            opened(self._current.fileno())

    def cancel(self) -> None:
        """Listen no more."""
        self._opened = None
        if self._resting:
            self._resting.cancel()
            self._resting = None
        if self._listening:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None
        if self._next:
            self._next.close()
            self._next = None

    def end(self, fd: int) -> None:
        """Close the connection; the kernel may still send what it has."""
        if self._current:
            self._current.close()
            self._current = None


def _plain(error: OSError | UnicodeError) -> str:
    return getattr(error, "strerror", None) or str(error)


def keep_alive(connection: socket.socket) -> None:
    """Notice a peer that is gone without a word, and send at once."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPIDLE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPINTVL_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPCNT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
