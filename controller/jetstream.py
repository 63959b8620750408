"""Questions to JetStream: one request, one answer, over the text protocol of NATS.

Making a stream, asking who leads it and reading it is all that the cluster and its tests want. The protocol for that
is four lines (https://docs.nats.io/reference/reference-protocols/nats-protocol), and the official client is built for
asyncio, while brokers are started and stopped without a loop. So this is less than the official client's use would be.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from types import TracebackType
from typing import Any

LOOPBACK = "127.0.0.1"
LINE_BYTES = 65_536  # far beyond INFO, the longest line of the server
EXISTS_OTHERWISE = 10058  # JetStream: a stream of this name exists with another configuration


class Refused(RuntimeError):
    """JetStream's answer is an error; `code` is its own number (`err_code`)."""

    def __init__(self, subject: str, code: int, why: str) -> None:
        super().__init__(f"{subject}: {why} ({code})")
        self.code = code


class JetStream:
    """A connection to one server's port for NATS clients. As a context manager it is closed at the end.

    Raises OSError when the server cannot be reached, takes longer than `timeout_s` for an answer (no leader yet), or
    hangs up; the connection is of no use after that.
    """

    def __init__(self, port: int, timeout_s: float = 1.0, user: str = "", password: str = "") -> None:
        self._timeout_s = timeout_s
        self._socket = socket.create_connection((LOOPBACK, port), timeout=timeout_s)
        self._lines = self._socket.makefile("rb")
        self._inbox = f"_INBOX.{secrets.token_hex(11)}"
        self._asked = 0
        hello = {"verbose": False, "pedantic": False, "lang": "python", "version": "1", "user": user, "pass": password}
        self._socket.sendall(f"CONNECT {json.dumps(hello)}\r\nSUB {self._inbox}.* 1\r\n".encode())

    def ask(self, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to `$JS.API.{verb}`; `body` is sent as JSON. Raises Refused for an error in the answer."""
        self._asked += 1
        subject, inbox = f"$JS.API.{verb}", f"{self._inbox}.{self._asked}"
        payload = json.dumps(body).encode() if body else b""
        self._socket.sendall(f"PUB {subject} {inbox} {len(payload)}\r\n".encode() + payload + b"\r\n")
        answer: dict[str, Any] = json.loads(self._message())
        if error := answer.get("error"):
            raise Refused(subject, error.get("err_code", 0), error.get("description", ""))
        return answer

    def _message(self) -> bytes:
        """The payload of the next MSG; what else the server says is answered or passed over."""
        deadline = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline:
            line = self._lines.readline(LINE_BYTES)
            if line.startswith(b"MSG "):  # MSG subject sid size, then payload and CRLF
                size = int(line.split()[-1])
                payload = self._lines.read(size)
                if len(payload) < size:
                    raise ConnectionError("NATS: the connection broke")
                self._lines.readline(LINE_BYTES)
                return payload
            if line.startswith(b"PING"):
                self._socket.sendall(b"PONG\r\n")
            elif line.startswith(b"-ERR") or not line:
                raise ConnectionError(f"NATS: {line.decode(errors='replace').strip() or 'the connection broke'}")
        raise TimeoutError("JetStream gives no answer")

    def __enter__(self) -> JetStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()
