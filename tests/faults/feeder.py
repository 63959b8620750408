"""Scanners that read as fast as anyone listens: each a TCP server that a `line` scanner of the node connects to.

A code says which scanner read it and how many it had read before, so what reached the journal can be held against what
was said. A frame counts as said when the kernel has taken it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

LOOPBACK = "127.0.0.1"
CHUNK = 20  # frames a write


class Feeder:
    """`count` scanners, named `feed-1` … at points `D1` …; a context manager."""

    def __init__(self, count: int) -> None:
        self._servers = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
        for server in self._servers:
            server.settimeout(0.2)
        self.said = {f"feed-{number}": 0 for number in range(1, count + 1)}
        """scanner -> reads said"""
        self._target = dict.fromkeys(self.said, 0)
        self._rate: float | None = None
        self._over = threading.Event()
        self._more = threading.Condition()
        self._threads = [
            threading.Thread(target=self._serve, args=(name, server), name=name, daemon=True)
            for name, server in zip(self.said, self._servers, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def total(self) -> int:
        """Reads said by all of them."""
        return sum(self.said.values())

    @property
    def done(self) -> bool:
        """Whether all that was asked for was said."""
        return self.said == self._target

    def sections(self) -> str:
        """Their part of a floor file."""
        return "".join(
            f'\n[point.D{number}]\nkind = "presence"\n\n[scanner.{name}]\nkind = "line"\n'
            f'link = "tcp://{LOOPBACK}:{server.getsockname()[1]}"\npoint = "D{number}"\n'
            'prefix = "\\u0002"\nsuffix = "\\u0003"\n'
            for number, (name, server) in enumerate(zip(self.said, self._servers, strict=True), 1)
        )

    def feed(self, count: int, rate: float | None = None) -> None:
        """Read so many more, shared among all; `rate` a second in all, None = as fast as they are taken."""
        with self._more:
            self._rate = None if rate is None else rate / len(self.said)
            for number in range(count):
                self._target[f"feed-{number % len(self.said) + 1}"] += 1
            self._more.notify_all()

    def stop(self) -> None:
        """Read no more of what was asked for."""
        with self._more:
            self._target = dict(self.said)

    def close(self) -> None:
        """End them."""
        self._over.set()
        with self._more:
            self._more.notify_all()
        for thread in self._threads:
            thread.join(5)
        for server in self._servers:
            server.close()

    def __enter__(self) -> Feeder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, name: str, server: socket.socket) -> None:
        while not self._over.is_set():
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            with client, contextlib.suppress(OSError):
                client.settimeout(0.2)
                self._speak(name, client)

    def _speak(self, name: str, client: socket.socket) -> None:
        """Until the connection ends: raises OSError then."""
        began, before = time.monotonic(), self.said[name]
        while not self._over.is_set():
            with self._more:
                if not self._more.wait_for(lambda: self._target[name] > self.said[name] or self._over.is_set(), 0.2):
                    began, before = time.monotonic(), self.said[name]
                    if _ended(client):
                        return
                    continue
            first, last = self.said[name] + 1, min(self.said[name] + CHUNK, self._target[name])
            if self._rate is not None:
                ahead = (first - before) / self._rate - (time.monotonic() - began)
                last = first
                if ahead > 0:
                    self._over.wait(ahead)
            left = b"".join(b"\x02%s-%08d\x03" % (name.encode(), number) for number in range(first, last + 1))
            while left and not self._over.is_set():
                with contextlib.suppress(TimeoutError):
                    left = left[client.send(left) :]
            self.said[name] = last


def _ended(client: socket.socket) -> bool:
    """Whether the node has closed the connection."""
    client.setblocking(False)
    try:
        return not client.recv(1)
    except BlockingIOError:
        return False
    finally:
        client.settimeout(0.2)
