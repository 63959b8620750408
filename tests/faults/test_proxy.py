"""The proxy does what it says: else the tests behind it prove nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import DOWN, LOOPBACK, UP, Proxy
from tests.faults.threads import until


class Echo:
    """Answers with what it hears."""

    def __init__(self) -> None:
        self._server = socket.create_server((LOOPBACK, 0))
        self.port = self._server.getsockname()[1]
        self.heard = 0
        self.ended = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._echo, args=(client,), daemon=True).start()

    def _echo(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.heard += len(data)
                client.sendall(data)
        self.ended += 1

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


def called(proxy: Proxy) -> socket.socket:
    client = socket.create_connection((LOOPBACK, proxy.port), timeout=5)
    client.sendall(b"a")
    assert client.recv(9) == b"a"
    return client


def drained(client: socket.socket) -> None:
    while client.recv(9):
        pass


def silent(client: socket.socket, seconds: float) -> bool:
    client.settimeout(seconds)
    try:
        client.recv(65536)
    except TimeoutError:
        return True
    finally:
        client.settimeout(5)
    return False


def test_a_black_hole_says_nothing_and_gives_everything_back(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, called(proxy) as client:
        proxy.blackhole()
        client.sendall(b"bb")
        assert silent(client, 0.2)
        with socket.socket() as other:
            other.settimeout(0.2)
            with pytest.raises(TimeoutError):  # not refused: nobody answers
                other.connect((LOOPBACK, proxy.port))
        proxy.normal()
        assert client.recv(9) == b"bb"
        called(proxy).close()
        proxy.blackhole(DOWN, connects=False)
        before = echo.heard
        client.sendall(b"ccc")
        until(lambda: echo.heard == before + 3, "the way up is open")
        assert silent(client, 0.2)
        proxy.normal()
        assert client.recv(9) == b"ccc"


def test_delay_and_trickle(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, called(proxy) as client:
        proxy.delay(50)
        began = time.monotonic()
        client.sendall(b"b")
        client.recv(9)
        assert time.monotonic() - began >= 0.1
        proxy.normal()
        proxy.trickle(1000)
        began, rest = time.monotonic(), 300
        client.sendall(b"x" * rest)
        while rest:
            rest -= len(client.recv(rest))
        assert time.monotonic() - began >= 0.3


def test_reset_cut_half_close_and_refusal(echo: Echo) -> None:
    with Proxy(echo.port) as proxy:
        with called(proxy) as client:
            proxy.reset()
            with pytest.raises(ConnectionResetError):
                client.recv(9)
        with called(proxy) as client:
            before = echo.heard
            proxy.cut_after(3, UP)
            client.sendall(b"12345")
            with pytest.raises(ConnectionResetError):
                drained(client)
            until(lambda: echo.ended == 2, "the server is cut off, too")
            assert echo.heard - before <= 3
        with called(proxy) as client:
            proxy.half_close()
            before = echo.heard
            assert client.recv(9) == b""
            client.sendall(b"still")
            until(lambda: echo.heard == before + 5, "the other way is open")
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            called(proxy)
        proxy.normal()
        called(proxy).close()
        until(lambda: proxy.open == 0, "every connection is over")
