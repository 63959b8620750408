"""A stub behind a serial device server, with pyserial's own client at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from firmware_stubs.rfc2217_wire import Rfc2217Wire
from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.wire import Side

EVERY_BYTE = bytes(range(256)) + b"\xff\xff\xff\x00\x02\x03"
PATIENCE_S = 30


class Machine:
    def __init__(self) -> None:
        self.data = b""
        self.connections: list[bool] = []
        self.more = asyncio.Event()

    def __call__(self, piece: Piece) -> None:
        self.data += as_bytes(piece)
        self.more.set()

    async def until(self, data: bytes) -> None:
        while self.data != data:
            assert data.startswith(self.data), self.data
            self.more.clear()
            await self.more.wait()


def run(test: Callable[[Machine, Rfc2217Wire], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            machine = Machine()
            wire = await Rfc2217Wire.listen("127.0.0.1", 0, Side(machine, machine.connections.append))
            try:
                await test(machine, wire)
            finally:
                wire.close()
                await asyncio.sleep(0)

    asyncio.run(timed())


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # of pyserial
def test_a_pyserial_client_sets_the_port_and_every_byte_comes_through_both_ways() -> None:
    async def test(machine: Machine, wire: Rfc2217Wire) -> None:
        def opened() -> serial.SerialBase:
            return serial.serial_for_url(wire.where, baudrate=9600, parity="E", stopbits=2, timeout=PATIENCE_S)

        assert wire.where.startswith("rfc2217://127.0.0.1:")
        for number in (1, 2):
            port = await asyncio.to_thread(opened)
            assert (wire.port.baudrate, wire.port.parity, wire.port.stopbits) == (9600, "E", 2)
            await asyncio.to_thread(port.write, EVERY_BYTE)
            await machine.until(EVERY_BYTE * number)
            wire.write(EVERY_BYTE)
            assert await asyncio.to_thread(port.read, len(EVERY_BYTE)) == EVERY_BYTE
            await asyncio.to_thread(port.close)
        assert wire.dropped == 0
        assert machine.connections == []  # on its serial line the machine does not notice who is there

    run(test)


def test_a_new_client_replaces_the_old_and_what_nobody_hears_is_dropped() -> None:
    async def test(machine: Machine, wire: Rfc2217Wire) -> None:
        wire.write(b"nobody")
        assert wire.dropped == 1
        port = int(wire.where.rpartition(":")[2])
        first = await asyncio.open_connection("127.0.0.1", port)
        hello = await first[0].readexactly(12)
        second = await asyncio.open_connection("127.0.0.1", port)
        assert await second[0].readexactly(12) == hello
        assert await first[0].read() == b""
        second[1].write(b"told")
        await machine.until(b"told")
        for _, writer in (first, second):
            writer.close()

    run(test)


@pytest.mark.parametrize("nonsense", [b"\xff\xf0", b"\xff\xfa" + b"x" * 1000, b"\xff\xfa\x2c\x03\x63\xff\xf0"])
def test_a_client_that_speaks_nonsense_is_hung_up_on_and_the_next_one_served(
    nonsense: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test(machine: Machine, wire: Rfc2217Wire) -> None:
        port = int(wire.where.rpartition(":")[2])
        bad = await asyncio.open_connection("127.0.0.1", port)
        bad[1].write(nonsense)
        await bad[0].read()
        good = await asyncio.open_connection("127.0.0.1", port)
        good[1].write(b"good")
        await machine.until(b"good")
        for _, writer in (bad, good):
            writer.close()

    run(test)
    assert "does not speak RFC 2217" in capsys.readouterr().err


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\xff", b"\xff\xfa\x2c", b"\xff\xf0"]))))
def test_no_bytes_of_a_client_break_it(chunks: list[bytes]) -> None:
    heard: list[Piece] = []
    wire = Rfc2217Wire(Side(heard.append))
    for chunk in chunks:
        wire._connected(True)
        wire._heard(chunk)
    assert len(b"".join(map(as_bytes, heard))) <= len(b"".join(chunks))
