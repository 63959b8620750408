"""Serial ports behind a device server that speaks RFC 2217, against pyserial's server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import serial
from serial.rfc2217 import PortManager

from devices.links import open_link
from devices.rfc2217_link import Rfc2217Link
from devices.types import Message
from tests.test_links import Witness, run

IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
COM_PORT = b"\x2c"
SET_BAUDRATE, SERVER_SET_BAUDRATE = 1, 101
SET_CONTROL = 5


class DeviceServer:
    """pyserial's RFC 2217 server before a port whose output is its input. It is silent on the masks of states.

    `silent`: commands it does not answer; `lies`: it answers another speed than asked for; `mute`: it says nothing.
    """

    def __init__(self, silent: tuple[int, ...] = (), lies: bool = False, mute: bool = False) -> None:
        self.port = serial.serial_for_url("loop://", timeout=0)
        self.tcp_port = 0
        self.connections = 0
        self._silent, self._lies, self._mute = silent, lies, mute
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        return f"rfc2217://127.0.0.1:{self.tcp_port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.tcp_port)
        self.tcp_port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Gone, with its connections."""
        assert self._server
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
        self._writers.clear()

    def say(self, data: bytes) -> None:
        """To the newest connection, as it stands."""
        self._writers[-1].write(data)

    def stop_reading(self) -> None:
        """The newest connection is taken no more from."""
        cast(asyncio.Transport, self._writers[-1].transport).pause_reading()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        server = self

        class Connection:
            def write(self, data: bytes) -> None:
                if server._mute or (data[:3] == IAC + SB + COM_PORT and data[3] - 100 in server._silent):
                    return
                if server._lies and data[:4] == IAC + SB + COM_PORT + bytes([SERVER_SET_BAUDRATE]):
                    data = data[:4] + (9600).to_bytes(4, "big") + data[8:]
                writer.write(data)

        port: Any = self.port
        connection: Any = Connection()
        manager: Any = PortManager(port, connection)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1024):  # the port holds 4096 bytes
                plain = b"".join(manager.filter(data))
                self.port.write(plain)
                if back := self.port.read(len(plain)):
                    writer.write(b"".join(manager.escape(back)))
        writer.close()


@contextlib.asynccontextmanager
async def served(**how: Any) -> AsyncIterator[DeviceServer]:
    server = DeviceServer(**how)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        server.port.close()


@contextlib.asynccontextmanager
async def linked(url: str, witness: Witness) -> AsyncIterator[Rfc2217Link]:
    link = open_link("l", url, witness, asyncio.get_running_loop(), random.Random(1))
    assert isinstance(link, Rfc2217Link)
    link.start()
    try:
        yield link
    finally:
        link.stop()


def test_settings_arrive_before_the_link_is_up() -> None:
    async def scenario() -> None:
        witness = Witness()
        query = "?baud=57600&parity=E&bytesize=7&stopbits=2&flow=rtscts"
        async with served() as server, linked(server.url + query, witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            port = server.port
            assert (port.baudrate, port.parity, port.bytesize, port.stopbits) == (57600, "E", 7, 2)
            assert (port.rtscts, port.xonxoff) == (True, False)
            assert link.health.up

    run(scenario)


@pytest.mark.parametrize("stopbits", ["1", "1.5", "2"])
def test_every_number_of_stop_bits(stopbits: str) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served() as server, linked(f"{server.url}?stopbits={stopbits}", witness):
            await witness.until(lambda: len(witness.ups) == 1)
            assert server.port.stopbits == float(stopbits)

    run(scenario)


def test_every_byte_both_ways_and_in_any_portions() -> None:
    async def scenario() -> None:
        witness = Witness()
        every = bytes(range(256)) + b"\xff\xff\xff\xf0\xff\xfa\x00\r\n\r\x00"
        async with served() as server, linked(server.url, witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            link.write(every)
            await witness.until(lambda: len(witness.data) >= len(every))
            assert witness.data == every
            for byte in every:
                link.write(bytes([byte]))
            await witness.until(lambda: len(witness.data) >= 2 * len(every))
            assert witness.data == every * 2
            assert (link.health.bytes_in, link.health.bytes_out) == (2 * len(every), 2 * len(every))
            assert link.health.last_byte == witness.stamps[-1]

    run(scenario)


@pytest.mark.parametrize("silent", [(), (SET_CONTROL,)], ids=["on the masks", "on flow control too"])
def test_a_server_that_is_silent_on_what_nobody_needs_is_opened(silent: tuple[int, ...]) -> None:
    async def scenario() -> None:
        witness = Witness()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with served(silent=silent) as server, linked(server.url, witness):
            await witness.until(lambda: len(witness.ups) == 1)
            assert loop.time() - begun < 3.0, "it did not wait for what never comes"
            assert witness.downs == []

    run(scenario)


def test_a_server_that_sets_another_speed_is_refused() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served(lies=True) as server, linked(server.url + "?baud=57600", witness):
            await witness.until(lambda: len(witness.downs) == 1)
            assert "57600" in witness.downs[0]
            assert "9600" in witness.downs[0]
            assert witness.ups == []

    run(scenario)


def test_a_silent_server_is_given_up_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.rfc2217_link.OPEN_S", 0.2)

    async def scenario() -> None:
        witness = Witness()
        async with served(mute=True) as server, linked(server.url, witness) as link:
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs[0].endswith("no answer as of a device server with RFC 2217")
            server._mute = False
            await witness.until(lambda: len(witness.ups) == 1)
            assert server.connections >= 2
            assert (len(witness.downs), link.health.up) == (1, True)

    run(scenario)


def test_a_server_that_is_gone_comes_back_by_itself() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served() as server, linked(server.url, witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            await server.stop()
            await witness.until(lambda: len(witness.downs) == 1)
            link.write(b"lost")
            await server.start()
            await witness.until(lambda: len(witness.ups) == 2)
            link.write(b"anew")
            await witness.until(lambda: witness.data == b"anew")
            assert link.health.reopened == 1

    run(scenario)


def test_nobody_there_is_said_once() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served() as server:
            await server.stop()
            async with linked(server.url, witness):
                await witness.until(lambda: len(witness.downs) == 1)
                assert str(server.tcp_port) in witness.downs[0]
                await server.start()
                await witness.until(lambda: len(witness.ups) == 1)
                assert len(witness.downs) == 1

    run(scenario)


def test_hang_up_and_stop() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served() as server, linked(server.url, witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            link.hang_up("for a reason")
            await witness.until(lambda: len(witness.ups) == 2)
            assert witness.downs == ["for a reason"]
            link.stop()
            link.write(b"nothing")
            await server.stop()
            assert (link.health.up, len(witness.downs)) == (False, 1)
            with pytest.raises(TypeError, match="carries bytes"):
                link.write([Message("a", b"")])
            await server.start()

    run(scenario)


def test_stopped_while_it_opens_it_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served(mute=True) as server:
            async with linked(server.url, witness) as link:
                async with asyncio.timeout(10):
                    while not link._opening:
                        await asyncio.wait_for(asyncio.to_thread(lambda: None), 10)
                opening = link._opening
            with contextlib.suppress(asyncio.CancelledError):
                await opening
            assert opening.cancelled()
            assert (witness.ups, witness.downs) == ([], [])

    run(scenario)


HOSTILE = {
    "an answer that never ends": IAC + SB + COM_PORT + b"x" * 100_000,
    "offers without end": IAC + b"\xfb\x63" + (IAC + b"\xfd\x01") * 10_000,
    "a parity there is not": IAC + SB + COM_PORT + b"\x67\x63" + IAC + SE,
    "an empty answer": IAC + SB + COM_PORT + b"\x66" + IAC + SE,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_server_says_ends_the_connection(name: str) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served() as server, linked(server.url, witness):
            await witness.until(lambda: len(witness.ups) == 1)
            server.say(HOSTILE[name])
            await witness.until(lambda: len(witness.downs) == 1)
            await witness.until(lambda: len(witness.ups) == 2)

    run(scenario)


def test_a_server_that_takes_nothing_is_hung_up_on() -> None:
    async def scenario() -> None:
        witness = Witness()
        async with served() as server, linked(server.url, witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            server.stop_reading()
            for _ in range(200):  # in one turn of the loop, so nothing leaves but what the kernel takes
                link.write(b"x" * 100_000)
            await witness.until(lambda: len(witness.downs) == 1)
            assert witness.downs == ["blocked: the device server takes nothing"]

    run(scenario)
