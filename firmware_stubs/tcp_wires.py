"""Stubs on TCP: a listening port, and a machine that calls its controller."""

from __future__ import annotations

import asyncio

from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.wire import BUFFER, Job, Pauses, Side

_CONNECT_S = 10.0


class TcpWire:
    """A listening port with one client; the machine lets a second one in, and a third replaces the second."""

    def __init__(self, side: Side) -> None:
        self.where = ""
        self.dropped = 0
        self._side = side
        self._first: asyncio.Transport | None = None
        self._second: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._address = ("", 0)
        self._plugged = True
        self._stopped = False

    @classmethod
    async def listen(cls, host: str, port: int, side: Side) -> TcpWire:
        """Port 0 = one that is free, told in `where`. Raises OSError."""
        wire = cls(side)
        await wire.bind(host, port)
        return wire

    async def bind(self, host: str, port: int) -> None:
        """Begin to listen. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _End(self), host, port)
        self._address = host, port = self._server.sockets[0].getsockname()[:2]
        self.where = f"tcp://{host}:{port}"

    def jobs(self) -> list[Job]:
        """None."""
        return []

    def write(self, piece: Piece) -> None:
        """Whole messages; never blocks."""
        if not _write(self._first, as_bytes(piece)):
            self.dropped += 1

    def hang_up(self) -> None:
        """Close the connection of the one client."""
        if self._first:
            _finish(self._first)
            self.went(self._first)

    def close(self) -> None:
        """Unplug for ever; what was written still leaves."""
        self._plugged = False
        if self._server:
            self._server.close()
        for transport in (self._first, self._second):
            if transport:
                transport.close()

    def unplug(self) -> None:
        """The connections are closed, and new ones refused."""
        self._plugged = False
        if self._server:
            self._server.close()
            self._server = None
        for transport in (self._second, self._first):
            if transport:
                transport.abort()
                self.went(transport)

    async def plug(self) -> None:
        """Listen again at the same address. Raises OSError."""
        self._plugged = True
        if self._server is None:
            await self.bind(*self._address)
            if not self._plugged:  # meanwhile
                self.unplug()

    def flow(self, stopped: bool) -> None:
        """Nobody reads any more, so that sooner or later the other side cannot write either; or reads again."""
        self._stopped = stopped
        if self._first:
            _let(self._first, not stopped)

    def came(self, transport: asyncio.Transport) -> None:
        """A client connected."""
        if not self._plugged:
            transport.abort()
            return
        if self._stopped:
            _let(transport, False)
        if self._first is None:
            self._first = transport
            self._side.connected(True)
            return
        if self._second:
            self._second.abort()
        self._second = transport
        self._knock(transport, b"", new=True)

    def heard(self, transport: asyncio.Transport, data: bytes) -> None:
        """A client sent something."""
        if transport is self._first:
            self._side.heard(data)
        elif transport is self._second:
            self._knock(transport, data, new=False)

    def went(self, transport: asyncio.Transport) -> None:
        """A client is no longer there; one that waits gets its place."""
        if transport is self._second:
            self._second = None
        elif transport is self._first:
            self._first, self._second = self._second, None
            self._side.connected(False)
            if self._first:
                self._side.connected(True)

    def _knock(self, transport: asyncio.Transport, data: bytes, *, new: bool) -> None:
        knock = self._side.knock(data, new)
        if knock.data and not _write(transport, knock.data):
            self.dropped += 1
        if knock.admitted:
            if self._first:
                self._first.abort()
            self._first, self._second = transport, None


class CallingWire:
    """A machine that is the TCP client: it connects, and again when the connection is gone, for ever."""

    def __init__(self, host: str, port: int, side: Side) -> None:
        self.where = f"tcp://{host}:{port}"
        self.dropped = 0
        self._address = (host, port)
        self._side = side
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self._plugged = asyncio.Event()
        self._plugged.set()
        self._stopped = False

    def jobs(self) -> list[Job]:
        """The one that connects."""
        return [self._run()]

    def write(self, piece: Piece) -> None:
        """Whole messages; never blocks."""
        if not _write(self._transport, as_bytes(piece)):
            self.dropped += 1

    def hang_up(self) -> None:
        """Close the connection; the next one follows soon."""
        if self._transport:
            _finish(self._transport)
            self.went(self._transport)

    def close(self) -> None:
        """Unplug for ever; what was written still leaves."""
        self._plugged.clear()
        if self._transport:
            self._transport.close()

    def unplug(self) -> None:
        """The connection is closed, and no other one made."""
        self._plugged.clear()
        if transport := self._transport:
            transport.abort()
            self.went(transport)

    async def plug(self) -> None:
        """Call again."""
        self._plugged.set()

    def flow(self, stopped: bool) -> None:
        """Nobody reads any more, so that sooner or later the other side cannot write either; or reads again."""
        self._stopped = stopped
        if self._transport:
            _let(self._transport, not stopped)

    def came(self, transport: asyncio.Transport) -> None:
        """The controller took the call."""
        if not self._plugged.is_set():
            transport.abort()
            return
        if self._stopped:
            _let(transport, False)
        self._transport = transport
        self._gone.clear()
        self._side.connected(True)

    def heard(self, transport: asyncio.Transport, data: bytes) -> None:
        """The controller sent something."""
        if transport is self._transport:
            self._side.heard(data)

    def went(self, transport: asyncio.Transport) -> None:
        """The connection is gone."""
        if transport is self._transport:
            self._transport = None
            self._gone.set()
            self._side.connected(False)

    async def _run(self) -> None:
        loop, pauses = asyncio.get_running_loop(), Pauses(self.where)
        while True:
            await self._plugged.wait()
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await loop.create_connection(lambda: _End(self), *self._address)
            except OSError as error:  # TimeoutError, too
                pauses.failed(error.strerror or "no answer")
            else:
                pauses.connected()
                if self._transport:
                    await self._gone.wait()
            await asyncio.sleep(pauses.pause_s())


class _End(asyncio.Protocol):
    """One connection."""

    def __init__(self, wire: TcpWire | CallingWire) -> None:
        self._wire = wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wire.came(transport)

    def data_received(self, data: bytes) -> None:
        self._wire.heard(self._transport, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.went(self._transport)


def _write(transport: asyncio.Transport | None, data: bytes) -> bool:
    """Whether it was taken: somebody is there, and what waits for him is not too much."""
    if transport is None or transport.get_write_buffer_size() + len(data) > BUFFER:
        return False
    transport.write(data)
    return True


def _let(transport: asyncio.Transport, reads: bool) -> None:
    """Whether what comes is read; a connection that is on its end stays as it is."""
    if not transport.is_closing():
        (transport.resume_reading if reads else transport.pause_reading)()


def _finish(transport: asyncio.Transport) -> None:
    """Close it, and do not wait for one who does not read."""
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        transport.close()
