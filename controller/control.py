"""The local control socket: one JSON request a line, one JSON answer a line; `tail` streams.

`state_dir/control.sock`, mode 0660: who may write to it may ask. A request is `{"do": "status"}`; an answer is an
object with `ok`, and `error` where it is false. `tail` answers with every event from now on, one a line, until the
client goes; a client that does not read loses lines and is told how many (`{"missed": n}`), the daemon never waits.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from pydantic_core import to_json

from controller.journal_rows import Row

Answer: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Answer], Answer | asyncio.Future[Answer]]
MAX_LINE = 65_536
MAX_CLIENTS = 32
BACKLOG = 32
"""Clients that may wait to be accepted; asyncio tries as often at once, and complains as often where it cannot."""
MAX_UNREAD = 1_000_000
"""Bytes that may wait for a client of `tail`."""


class Client(asyncio.Protocol):
    """One connection to the control socket."""

    def __init__(self, server: Control) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.tailing = False
        self._missed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._server.clients) >= MAX_CLIENTS:
            self._say({"ok": False, "error": f"more than {MAX_CLIENTS} clients; close one"})
            transport.close()
        else:
            self._server.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._server.clients.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take request lines, answer each."""
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            answer = self._answer(line)
            if isinstance(answer, asyncio.Future):
                answer.add_done_callback(self._say_later)
            else:
                self._say(answer)
        if len(self._buffer) > MAX_LINE and self._transport is not None:
            self._say({"ok": False, "error": f"a request is one line of at most {MAX_LINE} bytes"})
            self._transport.close()

    def event(self, row: Row) -> None:
        """A committed event for a client that tails."""
        if self._transport is None or self._transport.get_write_buffer_size() > MAX_UNREAD:
            self._missed += 1
            return
        if self._missed:
            self._say({"missed": self._missed})
            self._missed = 0
        self._transport.write(row.body + b"\n")

    def _say_later(self, done: asyncio.Future[Answer]) -> None:
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or error is not None:
            self._say({"ok": False, "error": f"{type(error).__name__}: {error}" if error else "the daemon ends"})
        else:
            self._say({"ok": True, **done.result()})

    def _answer(self, line: bytes) -> Answer | asyncio.Future[Answer]:
        try:
            request = json.loads(line)
            verb = request["do"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"ok": False, "error": 'not a request; write {"do": "status"} and a line feed'}
        if verb == "tail":
            self.tailing = True
            return {"ok": True}
        handler = self._server.verbs.get(verb) if isinstance(verb, str) else None
        if handler is None:
            known = ", ".join(sorted((*self._server.verbs, "tail")))
            return {"ok": False, "error": f"unknown request {verb!r}; known are: {known}"}
        answer = handler(request)
        return answer if isinstance(answer, asyncio.Future) else {"ok": True, **answer}

    def _say(self, answer: Answer) -> None:
        if self._transport is not None:
            self._transport.write(to_json(answer) + b"\n")


class Control:
    """The socket and its clients. `verbs`: request name -> handler of the request object."""

    def __init__(self, path: Path, verbs: dict[str, Handler]) -> None:
        self.path = path
        self.verbs = verbs
        self.clients: set[Client] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. A socket that a dead daemon left is replaced (the state_dir's lock is ours by now)."""
        self.path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: Client(self), str(self.path), backlog=BACKLOG)
        finally:
            os.umask(before)

    def events(self, rows: list[Row]) -> None:
        """Committed events, for those who tail."""
        tailing = [client for client in self.clients if client.tailing]
        for client in tailing:
            for row in rows:
                client.event(row)

    def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)
