"""The interface over HTTP: routes to an `Operator`, the stream, and what keeps strangers and crowds out.

aiohttp is imported here only. Bodies, clients and streams are bounded; no client makes the wires wait: what is sent is
made at most ten times a second, and who does not read loses lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from firmware_stubs.api import asked
from firmware_stubs.api.asked import RefusedError
from firmware_stubs.api.openapi import document
from firmware_stubs.api.operator import Operator, Run
from firmware_stubs.api.sockets import UnixSocket
from firmware_stubs.api.watch import Listener, line_of
from firmware_stubs.wire import say

BODY_MOST = 65_536  # bytes of a request
CLIENTS_MOST = 64
STREAMS_MOST = 16
STREAM_SLOW_S = 30.0  # a reader that takes nothing for so long is sent away
_LOOK_S = 1.0  # how often a stream looks whether its reader is still there
_JSON_LINES = "application/x-ndjson"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """The interface of one run. Used once."""

    def __init__(self, files: Sequence[Path], unix: UnixSocket | None, http: socket.socket | None) -> None:
        """`files`: the floor files, for their names; the sockets listen already."""
        self._files = files
        self._unix = unix
        self._http = http
        self._wakes: set[asyncio.Event] = set()  # of the streams
        self._closing = False
        self._servers: list[asyncio.Server] = []
        self._hosts: set[str] = set()  # that a request by TCP may name
        app = web.Application(middlewares=[self._guarded], client_max_size=BODY_MOST)
        app.add_routes(
            [
                web.get("/openapi.json", self._openapi),
                web.get("/v1/floor", self._floor),
                web.get("/v1/state", self._state),
                web.get("/v1/stream", self._stream),
                web.get("/v1/faults", self._faults),
                web.post("/v1/faults", self._strike),
                web.delete("/v1/faults", self._end_faults),
                web.delete("/v1/faults/{id}", self._end_faults),
                web.post("/v1/time", self._time),
                web.post("/v1/parcels", self._parcels),
                web.post("/v1/stop", self._stop),
                web.get("/v1/drill", partial(self._drill, "status")),
                web.post("/v1/drill", partial(self._drill, "start")),
                web.post("/v1/drill/answer", partial(self._drill, "answer")),
                web.post("/v1/drill/hint", partial(self._drill, "hint")),
                web.post("/v1/drill/give-up", partial(self._drill, "give_up")),
            ]
        )
        self.app = app
        self._runner = web.AppRunner(
            app, handle_signals=False, access_log=None, keepalive_timeout=15.0, shutdown_timeout=1.0
        )

    async def start(self, run: Run) -> None:
        """From now on."""
        self._operator = Operator(run, self._files)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        if self._unix:
            self._servers.append(await loop.create_unix_server(self._client, sock=self._unix.socket))
        if self._http:
            host, port = self._http.getsockname()[:2]
            self._hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]", host)}
            self._servers.append(await loop.create_server(self._client, sock=self._http))
            say(f"the interface is at http://{f'[{host}]' if ':' in host else host}:{port}/v1/floor")

    async def close(self) -> None:
        """The run is over; streams are told their last lines."""
        self._closing = True
        for server in self._servers:
            server.close()
        if self._unix:
            self._unix.close()
        for wake in self._wakes:
            wake.set()
        await self._runner.cleanup()

    def _client(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None  # it is set up
        return server() if len(server.connections) < CLIENTS_MOST else _Crowded()

    # -- what is answered

    async def _openapi(self, request: web.Request) -> web.Response:
        return _json(document())

    async def _floor(self, request: web.Request) -> web.Response:
        return _json(self._operator.floor())

    async def _state(self, request: web.Request) -> web.Response:
        return web.Response(body=self._operator.state_json() + b"\n", content_type="application/json")

    async def _faults(self, request: web.Request) -> web.Response:
        return _json(self._operator.faults())

    async def _strike(self, request: web.Request) -> web.Response:
        body = asked.fields(await request.read(), asked.FAULT)
        wishes = body.get("for_s"), body.get("count"), body.get("settings", {})
        return _json({"id": self._operator.strike(body["fault"], body["target"], *wishes)}, status=201)

    async def _end_faults(self, request: web.Request) -> web.Response:
        return _json({"ended": self._operator.end_faults(request.match_info.get("id"))})

    async def _time(self, request: web.Request) -> web.Response:
        body = asked.fields(await request.read(), asked.TIME)
        if ms := self._operator.time(body["do"], body.get("ms")):
            await asyncio.sleep(ms / 1000)
            self._operator.stepped()
        return await self._state(request)

    async def _parcels(self, request: web.Request) -> web.Response:
        return _json({"taken": self._operator.parcels(await request.read())}, status=201)

    async def _drill(self, do: str, request: web.Request) -> web.Response:
        wish = asked.fields(await request.read() or b"{}", asked.DRILL[do])
        return _json(self._operator.drill(do, wish))

    async def _stop(self, request: web.Request) -> web.Response:
        self._operator.stop()
        return _json({"stopping": True}, status=202)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        wanted = asked.stream(request.query, self._operator.stubs)
        if len(self._wakes) >= STREAMS_MOST:
            raise RefusedError(f"{STREAMS_MOST} streams are read already; close one", 503)
        wake = asyncio.Event()
        listener = Listener(wake.set, wire=wanted.wire, ledger=wanted.ledger, stubs=wanted.stubs)
        response = web.StreamResponse(headers={"Content-Type": _JSON_LINES, "Cache-Control": "no-store"})
        self._wakes.add(wake)
        self._operator.watch.listeners.add(listener)
        try:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._write(request, response, listener, wake, wanted.state_s)
                await response.write_eof()
        finally:
            self._operator.watch.listeners.discard(listener)
            self._wakes.discard(wake)
        return response

    async def _write(
        self,
        request: web.Request,
        response: web.StreamResponse,
        listener: Listener,
        wake: asyncio.Event,
        every_s: float | None,
    ) -> None:
        """Until the run is over or the reader gone. Raises ConnectionError, and TimeoutError when it does not read."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            lines = listener.take()
            if every_s is not None and loop.time() >= due:
                lines += b'{"state": ' + self._operator.state_json() + b"}\n"
                due = max(due + every_s, loop.time())
            if lines:
                async with asyncio.timeout(STREAM_SLOW_S):
                    await response.write(lines)
            if self._closing or request.transport is None:
                return
            wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if every_s is None else min(_LOOK_S, due - loop.time())):
                    await wake.wait()

    # -- who is answered

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        try:
            self._known(request)
            return await handler(request)
        except RefusedError as error:
            return _error(str(error), error.status)
        except web.HTTPRequestEntityTooLarge:
            return _error(f"a request has at most {BODY_MOST} bytes; send it in parts", 413)
        except web.RequestPayloadError as error:
            return _error(f"the body cannot be read ({error}); send it as it is, without encoding", 400)
        except web.HTTPMethodNotAllowed as error:
            return _error(
                f"{request.path} does not know {request.method}; it knows {', '.join(sorted(error.allowed_methods))}",
                405,
            )
        except web.HTTPNotFound:
            paths = sorted({resource.canonical for resource in self.app.router.resources()})
            return _error(f"there is no {request.path}; there are {', '.join(paths)}", 404)

    def _known(self, request: web.Request) -> None:
        """By TCP only who names this machine, and no page of another place: a browser may be made to call us."""
        where = request.transport.get_extra_info("socket") if request.transport else None
        if where is not None and where.family == socket.AF_UNIX:
            return
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if host not in self._hosts:
            raise RefusedError(f"Host {host!r} is not this interface; call it as http://{min(self._hosts)}", 403)
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            raise RefusedError(f"a page of {origin} may not operate this floor", 403)


class _Crowded(asyncio.Protocol):
    """One client too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        body = line_of({"error": f"{CLIENTS_MOST} clients are connected already; close one"})
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        transport.close()


def _json(answer: Any, status: int = 200) -> web.Response:
    """With a newline at its end, for those who read it at a terminal."""
    return web.Response(body=line_of(answer), status=status, content_type="application/json")


def _error(text: str, status: int) -> web.Response:
    return _json({"error": text}, status=status)
