"""The Modbus PLC stub under a foreign client: pymodbus reads and writes it, on a loopback socket and as RTU frames.

Registers are those of PLC interface v1 §4; comments name its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from firmware_stubs.plcs.modbus import Plc
from tests.modbus_hub import NUMBERS, new


class Served:
    """A stub on a loopback socket; its time is what the test says, so that no test waits."""

    def __init__(self, plc: Plc) -> None:
        self.plc = plc
        self.now = 0.0

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.plc.feed(data, self.now)
            writer.write(self.plc.take())
            await writer.drain()
        writer.close()


class Peer:
    """A controller that pymodbus carries."""

    def __init__(self, client: AsyncModbusTcpClient) -> None:
        self._client = client
        self.taken = 0

    async def read(self, address: int, count: int = 1) -> list[int]:
        answer = await self._client.read_holding_registers(address, count=count, device_id=1)
        assert not answer.isError(), answer
        return list(answer.registers)

    async def write(self, address: int, *words: int) -> None:
        answer = await self._client.write_registers(address, list(words), device_id=1)
        assert not answer.isError(), answer
        assert (answer.address, answer.count) == (address, len(words))

    async def command(self, *words: int) -> int:
        (head,) = await self.read(1027)
        await self.write(1040 + 16 * (head % 16), *words, *[0] * (16 - len(words)))
        await self.write(1027, (head + 1) % 65_536)
        assert await self.read(4) == [(head + 1) % 65_536]  # §4 "4 command tail"
        return (await self.read(528 + head % 16))[0]

    async def syes(self, life: int, durable: int) -> int:
        (epoch,), (head,) = await self.read(1), await self.read(1027)
        self.taken = durable
        await self.write(1024, 5, life, durable, head, epoch, 0, 1, durable)
        return await self.command(1)

    async def events(self) -> list[list[int]]:
        """Take and make durable what is there."""
        (head,), found = await self.read(3), []
        while self.taken != head:
            found.append(await self.read(16 + 16 * (self.taken % 32), 16))
            self.taken = (self.taken + 1) % 65_536
        (epoch,) = await self.read(1)
        await self.write(1026, self.taken)
        await self.write(1028, epoch)
        await self.write(1031, self.taken)
        return found


def over_tcp(plc: Plc, scenario: Callable[[Served, Peer, AsyncModbusTcpClient], Awaitable[None]]) -> None:
    async def run() -> None:
        served = Served(plc)
        server = await asyncio.start_server(served.client, "127.0.0.1", 0)
        client = AsyncModbusTcpClient("127.0.0.1", port=server.sockets[0].getsockname()[1], timeout=10, retries=0)
        try:
            assert await client.connect()
            await scenario(served, Peer(client), client)
        finally:
            client.close()
            server.close()
            await server.wait_closed()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_every_block_is_read_and_what_does_not_exist_is_refused() -> None:
    async def scenario(served: Served, peer: Peer, client: AsyncModbusTcpClient) -> None:
        served.now = 1234.0
        assert await peer.read(0, 9) == [1, 0x1A, 3, 0, 0, 1234, 1000, 0, 0]  # §4 the left column, 0 to 8
        for start, end in ((0, 544), (1024, 1296)):
            for address in range(start, end, 125):
                count = min(125, end - address)
                assert len(await peer.read(address, count)) == count
        for address in (544, 1023, 1296):
            answer = await client.read_holding_registers(address, count=1, device_id=1)
            assert answer.isError()
            assert answer.exception_code == 2
        assert (await client.write_registers(0, [1], device_id=1)).exception_code == 2
        assert (await client.read_input_registers(0, count=1, device_id=1)).exception_code == 1
        assert (await client.read_coils(0, count=1, device_id=1)).exception_code == 1
        assert not (await client.write_register(1100, 77, device_id=1)).isError()
        assert await peer.read(1100) == [77]

    over_tcp(new(epoch=0x1A), scenario)


def test_a_session_an_event_made_durable_and_a_destination_judged() -> None:
    async def scenario(served: Served, peer: Peer, client: AsyncModbusTcpClient) -> None:
        plc = served.plc
        assert await peer.syes(1, 0) == 1
        assert await peer.read(7) == [1]  # §4 "7 bit 0 in session"
        assert [words[0] for words in await peer.events()] == [2, 3]  # §4 "Types"
        track = plc.edge("DEC", 380, 100.0)
        ghost, arrival = await peer.events()
        assert (ghost[0], arrival[0]) == (9, 5)
        value = client.convert_from_registers(arrival[1:3], client.DATATYPE.UINT32, word_order="big")
        assert value == track  # §4 "high word first"
        assert len(plc.buffer) == 0  # §4 "keeps in its buffer what is not durable (1026)"
        dest = [6, 0, track, NUMBERS["DEC"], NUMBERS["L01"], NUMBERS["EX"], 0, 0, 0, 0, 0, 1, 0, ord("D")]
        assert await peer.command(*dest) == 1
        dest[2] = 77
        assert await peer.command(*dest) == 16 + 2  # §4 "Refusals: … 2 UNKT"
        assert [(taken.lanes, taken.refusal) for taken in plc.taken()] == [
            (("L01", "EX"), None),
            (("L01", "EX"), "UNKT"),
        ]
        served.now = 3100.0
        plc.tick(3100.0)
        assert not plc.in_session  # §4 "Life standing still for 3 s"
        assert await peer.read(7) == [0]

    over_tcp(new(), scenario)


def test_counters_wrap_and_both_power_cycles() -> None:
    async def scenario(served: Served, peer: Peer, client: AsyncModbusTcpClient) -> None:
        plc = served.plc
        assert await peer.syes(1, 65_534) == 1
        assert [words[0] for words in await peer.events()] == [2, 3]
        assert await peer.read(3) == [0]  # §4 "3 event head … mod 65536"
        assert await peer.read(4) == [0]  # §4 "4 command tail … mod 65536"
        plc.lane_state("L01", "FULL", 10.0)
        assert [words[0] for words in await peer.events()] == [10]
        assert await peer.read(3) == [1]
        plc.power_cycle(20.0, retentive=True)
        served.now = 20.0
        assert [*await peer.read(1), *await peer.read(3), *await peer.read(7)] == [1, 1, 0]
        assert await peer.syes(2, 1) == 1
        assert [words[0] for words in await peer.events()] == [2, 10, 3]
        plc.power_cycle(30.0, retentive=False)
        served.now = 30.0
        assert [*await peer.read(1), *await peer.read(3), *await peer.read(1024, 8)] == [2, 0, *[0] * 8]
        assert await peer.syes(3, 0) == 1
        assert [words[0] for words in await peer.events()] == [2, 10, 3]

    over_tcp(new(head=65_534, commands=65_535), scenario)


def ask(plc: Plc, request: ModbusPDU, now: float) -> ModbusPDU:
    """Over RTU, with the frames and PDUs of pymodbus."""
    plc.feed(FramerRTU(DecodePDU(True)).buildFrame(request), now)
    plc.tick(now + 10)
    answer = plc.take()
    used, pdu = FramerRTU(DecodePDU(False)).handleFrame(answer, request.dev_id, 0)
    assert used == len(answer)
    assert pdu is not None
    return pdu


@pytest.mark.parametrize("baud", [9600, 115_200])
def test_rtu_frames_of_pymodbus(baud: int) -> None:
    plc = new(transport="rtu", unit=17, baud=baud)
    answer = ask(plc, WriteMultipleRegistersRequest(address=1024, registers=[5, 1, 0, 0, 1, 0, 1, 0], dev_id=17), 0.0)
    assert (answer.address, answer.count) == (1024, 8)
    ask(plc, WriteMultipleRegistersRequest(address=1040, registers=[1, *[0] * 15], dev_id=17), 100.0)
    ask(plc, WriteSingleRegisterRequest(address=1027, registers=[1], dev_id=17), 200.0)
    assert plc.in_session
    answer = ask(plc, ReadHoldingRegistersRequest(address=0, count=125, dev_id=17), 300.0)
    assert answer.registers[:9] == [1, 1, 1, 2, 1, 300, 1000, 1, 0]
    assert [answer.registers[16], answer.registers[32]] == [2, 3]
    assert ask(plc, ReadInputRegistersRequest(address=0, count=1, dev_id=17), 400.0).exception_code == 1
    plc.feed(FramerRTU(DecodePDU(True)).buildFrame(ReadHoldingRegistersRequest(address=0, count=1, dev_id=16)), 500.0)
    assert plc.take() == b""
