"""Asks a running `floorsim run` something: one request, one answer, for the commands."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from firmware_stubs.api.sockets import NAME, connect

_ANSWER_S = 70.0  # the longest step, and some more


class NobodyError(Exception):
    """No running floor is found there; the text says where it was looked for, and what to do."""


class NoError(Exception):
    """The running floor refuses; the text says why, and what to write instead."""


class Client:
    """One running floor."""

    def __init__(self, floor: str) -> None:
        """`floor`: its floor file, the folder of it, its socket, or the http:// address that it serves."""
        self._url = urlsplit(floor) if floor.startswith("http://") else None
        self._where = floor if self._url else str(_socket(Path(floor)))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, an object; `body` bytes or an object. Raises NobodyError, NoError."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            connection.request(method, path, data)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NobodyError(
                f"{self._where}: no floorsim answers there ({error}); start one with `floorsim run FLOOR.toml`, or say"
                " which with --floor"
            ) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise NoError(answer["error"])
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._url:
            return http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=_ANSWER_S)
        return _OnSocket(Path(self._where))


class _OnSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("floorsim", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock: socket.socket = connect(self._path)
        self.sock.settimeout(_ANSWER_S)


def _socket(floor: Path) -> Path:
    if floor.is_socket():
        return floor
    return (floor if floor.is_dir() else floor.parent) / NAME
