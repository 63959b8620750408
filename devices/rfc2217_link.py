"""A serial port behind a device server that speaks RFC 2217: its speed and parity are set over the network.

serialx does telnet and the negotiation; it connects in a coroutine, so this is the one link that makes a task.

What is asked of a device server is less than what the RFC lets one ask, because servers differ: sercd and ser2net 3
acknowledge everything, the server of pyserial is silent on the masks of modem and line states, some are silent on flow
control. Speed, size, parity and stop bits must be acknowledged as they were asked for; nothing else must.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import serialx
from serialx.platforms.serial_rfc2217 import RFC2217SerialTransport
from serialx.platforms.serial_rfc2217.types import (
    ControlCmdId,
    Rfc2217Command,
    SetBaudrateCmd,
    SetControlCmd,
    SetDatasizeCmd,
    SetLinestateMaskCmd,
    SetModemstateMaskCmd,
    SetParityCmd,
    SetStopsizeCmd,
)

from devices.echo import Echo
from devices.lasting import Lasting
from devices.links import LinkHandler, LinkUrl
from devices.tcp_link import keep_alive
from devices.types import Message

OPEN_S = 10.0
OUT_BYTES = 262_144
OPTION_BYTES, OPTIONS = 4096, 100  # of one answer, and of offers that nobody asked for


class Rfc2217Link(Lasting):
    """A link over `rfc2217://host:port`."""

    def __init__(
        self, name: str, url: LinkUrl, handler: LinkHandler, loop: asyncio.AbstractEventLoop, rng: Random
    ) -> None:
        super().__init__(name, handler, loop, rng)
        self._url = url
        self._echo = Echo(url.baud) if url.echo else None
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
        if self._echo:
            self._echo.sent(data, self._now())
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
                transport, _ = await serialx.create_serial_connection(  # closes what is half open when it fails
                    self._loop,
                    lambda: _Receiver(self),
                    f"rfc2217://{host}:{url.port}",
                    url.baud,
                    parity=serialx.Parity(url.parity),
                    stopbits=serialx.StopBits(url.stopbits),
                    byte_size=url.bytesize,
                    xonxoff=url.flow == "xonxoff",
                    rtscts=url.flow == "rtscts",
                    transport_cls=_Transport,
                )
            if transport.is_closing():
                raise ConnectionError("hung up: closed by the device server")
        except Exception as error:  # whatever the library raises: the link opens again
            self._opening = None
            silent = isinstance(error, TimeoutError) and not str(error)
            why = "no answer as of a device server with RFC 2217" if silent else str(error)
            self._is_down(f"{url.host}:{url.port}: {why or type(error).__name__}")
            return
        self._opening = None
        self._transport = transport
        if self._echo:
            self._echo.reset()
        self._is_up()

    def received(self, data: bytes) -> None:
        """Payload, telnet taken out. What comes before the settings are acknowledged was read at another speed."""
        if not self.health.up:
            return
        at = self._now()
        self.health.bytes_in += len(data)
        self.health.last_byte = at
        if self._echo:
            data = self._echo.strip(data, at)
            self.health.collisions = self._echo.collisions
        if data:
            self._handler.received(self._name, data, at)

    def lost(self, why: str, transport: asyncio.Transport | None) -> None:
        """The connection is gone."""
        if transport is not None and transport is self._transport:
            self._end()
            self._is_down(why)


class _Transport(RFC2217SerialTransport):
    """serialx's, which waits for every acknowledgement, believes any, and keeps whatever a server sends."""

    async def _send_and_wait(self, cmd: Rfc2217Command) -> Rfc2217Command:
        needless = isinstance(cmd, SetModemstateMaskCmd | SetLinestateMaskCmd)
        if needless or cmd == SetControlCmd(control=ControlCmdId.USE_NO_FLOW_CONTROL):
            self._send_command(cmd)
            return cmd
        done = await super()._send_and_wait(cmd)
        if isinstance(cmd, SetBaudrateCmd | SetDatasizeCmd | SetParityCmd | SetStopsizeCmd) and done != cmd:
            raise serialx.SerialException(f"the device server was asked for {cmd} and answers {done}")
        return done

    def _data_received(self, data: bytes) -> None:
        if self._tcp_transport is None or self._serial is None or self._closing:
            return
        engine = self._serial._engine
        try:
            super()._data_received(data)
        except (ValueError, IndexError):  # an answer that is none
            self._tcp_transport.abort()
            return
        if len(engine._parser._subneg_buffer) > OPTION_BYTES or len(engine._pending_telnet) > OPTIONS:
            self._tcp_transport.abort()

    async def _negotiate(self) -> None:
        if self._tcp_transport is not None:
            keep_alive(self._tcp_transport.get_extra_info("socket"))
        await super()._negotiate()


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
