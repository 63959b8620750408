"""A serial port behind a device server that speaks RFC 2217: its speed and parity are set over the network.

serialx does telnet and the negotiation; it connects in a coroutine, so this is the one link that makes a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import serialx

from devices.lasting import Lasting
from devices.links import LinkHandler, LinkUrl
from devices.types import Message

OPEN_S = 10.0
OUT_BYTES = 262_144


class Rfc2217Link(Lasting):
    """A link over `rfc2217://host:port`."""

    def __init__(
        self, name: str, url: LinkUrl, handler: LinkHandler, loop: asyncio.AbstractEventLoop, rng: Random
    ) -> None:
        super().__init__(name, handler, loop, rng)
        self._url = url
        self._opening: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def write(self, data: bytes | Sequence[Message]) -> None:
        """Send; dropped while the link is down. A device server that takes nothing any more is hung up on."""
        if not isinstance(data, bytes):
            raise TypeError(f"{self._name}: its link carries bytes, its driver speaks MQTT")
        if self._transport is None or not data:
            return
        if self._transport.get_write_buffer_size() + len(data) > OUT_BYTES:
            self.hang_up("blocked: the device server takes nothing")
            return
        self._transport.write(data)
        self.health.bytes_out += len(data)

    def hang_up(self, why: str) -> None:
        """Break the connection; `down` follows, and it is opened again."""
        if self._transport is not None:
            self._loop.call_soon(self.lost, why, self._transport)

    def _begin(self) -> None:
        self._opening = self._loop.create_task(self._connect())

    def _end(self) -> None:
        if self._opening:
            self._opening.cancel()
            self._opening = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def _connect(self) -> None:
        url = self._url
        host = f"[{url.host}]" if ":" in url.host else url.host
        try:
            async with asyncio.timeout(OPEN_S):
                transport, _ = await serialx.create_serial_connection(
                    self._loop,
                    lambda: _Receiver(self),
                    f"rfc2217://{host}:{url.port}",
                    url.baud,
                    parity=serialx.Parity(url.parity),
                    stopbits=serialx.StopBits(url.stopbits),
                    byte_size=url.bytesize,
                    xonxoff=url.flow == "xonxoff",
                    rtscts=url.flow == "rtscts",
                )
        except Exception as error:  # whatever the library raises: the link opens again
            self._opening = None
            why = "no answer" if isinstance(error, TimeoutError) and not str(error) else str(error)
            self._is_down(f"{url.host}:{url.port}: {why or type(error).__name__}")
            return
        self._opening = None
        self._transport = transport
        self._is_up()

    def received(self, data: bytes) -> None:
        """Payload, telnet taken out."""
        at = self._now()
        self.health.bytes_in += len(data)
        self.health.last_byte = at
        self._handler.received(self._name, data, at)

    def lost(self, why: str, transport: asyncio.Transport | None) -> None:
        """The connection is gone."""
        if transport is not None and transport is self._transport:
            self._end()
            self._is_down(why)


class _Receiver(asyncio.Protocol):
    def __init__(self, link: Rfc2217Link) -> None:
        self._link = link
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data:
            self._link.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.lost(str(exc) if exc else "hung up: closed by the device server", self._transport)
