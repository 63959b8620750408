"""Cables that are pulled out, plugged in again and stopped, with the daemon's own links at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import random
import socket
import tomllib
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiomqtt
import pytest

from controller import broker
from devices.fd_link import FdLink
from devices.links import open_link, parse
from devices.serial_link import SerialPort
from firmware_stubs import floor_file
from firmware_stubs.bad_line import Faults
from firmware_stubs.cables import Cables
from firmware_stubs.medium import WireMedium
from firmware_stubs.mqtt_wire import MqttWire
from firmware_stubs.serve import Simulation
from firmware_stubs.stub import Message, Piece, as_bytes
from firmware_stubs.tcp_wires import CallingWire, TcpWire
from firmware_stubs.wire import Job, MediumError, Side, Wire
from firmware_stubs.wires import open_wire
from tests.test_links import PATIENCE_S, XOFF, XON, Witness, linked, run


class Machine:
    """One stub's wire with its medium, and what the machine heard; no world behind it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.connected: list[bool] = []
        self.jobs: set[asyncio.Task[None]] = set()
        self.wire: Wire
        self.medium: WireMedium
        self._more = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def on(cls, link: str, will: Message | None = None) -> AsyncIterator[Machine]:
        self = cls()
        self.wire = await open_wire(link, Side(self._hear, self._connection, will=will), real=False)
        cables = Cables(["gun"])
        self.medium = WireMedium({"gun": self.wire}, {"gun": []}, cables, self._run)
        for job in self.wire.jobs():
            self._run(job, "wire")
        try:
            yield self
        finally:
            for task in self.jobs:
                task.cancel()
            self.wire.close()
            await asyncio.wait([*self.jobs, asyncio.create_task(asyncio.sleep(0))])

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self._more.clear()
                await self._more.wait()

    def _run(self, job: Job, name: str) -> None:
        self.jobs.add(asyncio.create_task(job, name=name))

    def _hear(self, piece: Piece) -> None:
        self.heard += as_bytes(piece)
        self._more.set()

    def _connection(self, there: bool) -> None:
        self.connected.append(there)
        self._more.set()


async def attached(machine: Machine) -> None:
    """Only TCP knows, and the other side earlier."""
    if isinstance(machine.wire, TcpWire | CallingWire):
        await machine.until(lambda: machine.connected[-1:] == [True])


async def speak(machine: Machine, link: FdLink, witness: Witness, text: bytes) -> None:
    """Both ways."""
    await attached(machine)
    machine.heard.clear()
    witness.data.clear()
    machine.wire.write(text)
    link.write(text)
    await machine.until(lambda: machine.heard == text)
    await witness.until(lambda: witness.data == text)


def test_a_pty_is_plugged_in_again_under_another_name_and_the_link_reopens(tmp_path: Path) -> None:
    async def scenario() -> None:
        witness, path = Witness(), tmp_path / "port"
        async with Machine.on(f"pty://{path}") as machine, linked(f"serial://{path}", witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            await speak(machine, link, witness, b"before")
            first = os.readlink(path)
            machine.medium.unplug("gun")
            machine.medium.unplug("gun")
            assert not path.is_symlink()
            await witness.until(lambda: len(witness.downs) == 1)
            machine.wire.write(b"nobody hears this")
            machine.medium.plug("gun")
            await witness.until(lambda: len(witness.ups) == 2)
            assert os.readlink(path) != first
            await speak(machine, link, witness, b"after")
            assert machine.wire.dropped == 1

    run(scenario)


def test_a_place_that_is_taken_meanwhile_is_said_and_tried_until_it_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        path = tmp_path / "port"
        async with Machine.on(f"pty://{path}") as machine:
            machine.medium.unplug("gun")
            path.write_text("precious")
            machine.medium.plug("gun")
            for _ in range(3):
                await asyncio.sleep(0)
            path.unlink()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*machine.jobs)
            assert path.is_symlink()

    run(scenario)
    assert "is to be plugged in again: " in capsys.readouterr().err


@contextlib.asynccontextmanager
async def impatient(path: Path, witness: Witness) -> AsyncIterator[FdLink]:
    """A link that gives a stuck peer 100 ms."""
    loop = asyncio.get_running_loop()
    port = SerialPort(parse(f"serial://{path}?flow=xonxoff"), loop)
    link = FdLink("l", port, witness, loop, random.Random(1), stuck_ms=100.0)
    link.start()
    try:
        yield link
    finally:
        link.stop()


def test_after_xoff_a_pty_takes_nothing_even_of_who_opens_it_anew_and_after_xon_traffic_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        witness, path = Witness(), tmp_path / "port"
        async with Machine.on(f"pty://{path}") as machine, impatient(path, witness) as link:
            await witness.until(lambda: len(witness.ups) == 1)
            machine.medium.flow("gun", True)
            for number in (1, 2):
                link.write(b"x" * 100)
                await witness.until(lambda: len(witness.downs) == number)  # noqa: B023
                assert "blocked by flow control" in witness.downs[-1]
                await witness.until(lambda: len(witness.ups) == number + 1)  # noqa: B023
            assert machine.heard == b""
            machine.wire.write(b"it still talks")
            await witness.until(lambda: witness.data == b"it still talks")
            machine.medium.flow("gun", False)
            await speak(machine, link, witness, b"and listens again")

    run(scenario)


def test_a_real_port_sends_xoff_and_xon_and_says_nothing_while_it_is_unplugged() -> None:
    async def scenario() -> None:
        far, near = os.openpty()
        tty.setraw(near)
        machine = Machine()
        machine.wire = await open_wire(f"serial://{os.ttyname(near)}?baud=9600", Side(machine._hear), real=True)
        machine.wire.flow(True)
        assert os.read(far, 10) == XOFF
        machine.wire.flow(False)
        assert os.read(far, 10) == XON
        machine.wire.unplug()
        machine.wire.write(b"nobody hears this")
        await machine.wire.plug()
        machine.wire.write(b"back")
        assert os.read(far, 100) == b"back"
        os.write(far, b"heard")
        await machine.until(lambda: machine.heard == b"heard")
        machine.wire.close()
        for fd in (far, near):
            os.close(fd)

    run(scenario)


def test_xoff_outlives_a_pty_that_is_pulled_out_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "port"
        async with Machine.on(f"pty://{path}") as machine:
            machine.medium.flow("gun", True)
            machine.medium.unplug("gun")
            machine.medium.plug("gun")
            await asyncio.gather(*machine.jobs)
            port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            with pytest.raises(BlockingIOError):
                os.write(port, b"x")
            machine.medium.flow("gun", False)
            os.write(port, b"x")
            await machine.until(lambda: machine.heard == b"x")
            os.close(port)

    run(scenario)


@pytest.mark.parametrize("scheme", ["tcp", "rfc2217"])
def test_a_network_port_refuses_while_it_is_unplugged_and_the_link_reopens(scheme: str) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with Machine.on(f"{scheme}-listen://127.0.0.1:0") as machine:
            link = open_link("l", machine.wire.where, witness, asyncio.get_running_loop(), random.Random(1))
            assert isinstance(link, FdLink) or scheme == "rfc2217"
            link.start()
            await witness.until(lambda: len(witness.ups) == 1)
            await speak(machine, link, witness, b"before")  # type: ignore[arg-type]
            host, port = machine.wire.where.rpartition("/")[2].split(":")
            machine.medium.unplug("gun")
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(host, int(port))
            await witness.until(lambda: len(witness.downs) == 1)
            machine.medium.plug("gun")
            await witness.until(lambda: len(witness.ups) == 2)
            await speak(machine, link, witness, b"after")  # type: ignore[arg-type]
            link.stop()

    run(scenario)


def test_a_machine_that_calls_does_not_while_it_is_unplugged() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            where = f"127.0.0.1:{probe.getsockname()[1]}"
        witness = Witness()
        async with linked(f"tcp-listen://{where}", witness) as link, Machine.on(f"tcp://{where}") as machine:
            await witness.until(lambda: link.health.up)
            await speak(machine, link, witness, b"before")
            machine.medium.unplug("gun")
            await witness.until(lambda: not link.health.up)
            machine.medium.plug("gun")
            await witness.until(lambda: link.health.up)
            await speak(machine, link, witness, b"after")

    run(scenario)


@pytest.mark.parametrize("scheme", ["tcp", "rfc2217"])
def test_a_network_port_that_takes_nothing_takes_all_in_its_order_when_it_takes_again(scheme: str) -> None:
    async def scenario() -> None:
        witness = Witness()
        async with Machine.on(f"{scheme}-listen://127.0.0.1:0") as machine:
            link = open_link("l", machine.wire.where, witness, asyncio.get_running_loop(), random.Random(1))
            link.start()
            await witness.until(lambda: len(witness.ups) == 1)
            await attached(machine)
            machine.medium.flow("gun", True)
            said = bytes(range(256)) * 100
            for at in range(0, len(said), 256):
                link.write(said[at : at + 256])
            machine.wire.write(b"it still talks")
            await witness.until(lambda: witness.data == b"it still talks")
            assert machine.heard == b""
            machine.medium.flow("gun", False)
            await machine.until(lambda: len(machine.heard) == len(said))
            assert machine.heard == said
            link.stop()

    run(scenario)


def test_a_device_server_says_that_it_is_stopped_as_rfc_2217_does() -> None:
    async def scenario() -> None:
        async with Machine.on("rfc2217-listen://127.0.0.1:0") as machine:
            host, port = machine.wire.where.rpartition("/")[2].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            hello = await reader.readexactly(12)
            machine.medium.flow("gun", True)
            assert await reader.readexactly(6) == bytes.fromhex("FF FA 2C 6C FF F0")  # 108: FLOWCONTROL-SUSPEND
            late, other = await asyncio.open_connection(host, int(port))
            assert await late.readexactly(18) == hello + bytes.fromhex("FF FA 2C 6C FF F0")
            machine.medium.flow("gun", False)
            assert await late.readexactly(6) == bytes.fromhex("FF FA 2C 6D FF F0")
            for each in (writer, other):
                each.close()

    run(scenario)


def test_a_machine_on_a_broker_is_gone_with_its_will_and_comes_again(tmp_path: Path) -> None:
    async def scenario(port: int) -> None:
        gone = Message("gun/status", b"offline", retain=True)
        async with (
            aiomqtt.Client("127.0.0.1", port) as hub,
            Machine.on(f"mqtt://127.0.0.1:{port}", gone) as machine,
        ):
            await hub.subscribe("gun/#", 1)
            await machine.until(lambda: machine.connected == [True])
            machine.medium.unplug("gun")
            message = await anext(aiter(hub.messages))
            assert (str(message.topic), message.payload) == ("gun/status", b"offline")
            await machine.until(lambda: machine.connected == [True, False])
            machine.wire.write(Message("gun/up", b"nobody hears this"))
            machine.medium.plug("gun")
            await machine.until(lambda: machine.connected == [True, False, True])
            machine.wire.write(Message("gun/up", b"back"))
            assert (await anext(aiter(hub.messages))).payload == b"back"
            with pytest.raises(MediumError, match="a broker has no XOFF"):
                machine.medium.flow("gun", True)
            assert isinstance(machine.wire, MqttWire)

    with broker.start_nats(tmp_path) as child:
        run(lambda: scenario(child.port))


FLOOR = """
[point.DOCK]
[stub.one]
kind = "line"
link = "pty://{folder}/one"
point = "DOCK"
[stub.two]
kind = "line"
link = "pty://{folder}/two"
point = "DOCK"
"""


def test_faults_of_a_running_floor_hold_only_their_cable_and_only_as_long_as_they_stand(tmp_path: Path) -> None:
    async def scenario() -> None:
        floor = floor_file.read(tomllib.loads(FLOOR.format(folder=tmp_path)))
        source, manifest = os.pipe()
        simulation = Simulation(floor, io.StringIO(), seed=1, utc_ms=0.0)
        loop = asyncio.get_running_loop()
        simulation.cables.set("one", "from_stub", Faults(delayed=1.0, delay_ms=150.0), loop.time() * 1000, most=1)
        task = asyncio.create_task(simulation.run(source, wait=False, real=False))
        one, two = Witness(), Witness()
        async with linked(f"serial://{tmp_path}/one", one), linked(f"serial://{tmp_path}/two", two):
            for witness in (one, two):
                await witness.until(lambda: len(witness.ups) == 1)  # noqa: B023
            for code in ("A", "B"):
                os.write(
                    manifest, json.dumps({"parcel": code, "point": "DOCK", "codes": [code], "after_ms": 1}).encode()
                )
                os.write(manifest, b"\n")
            await two.until(lambda: two.data == b"A\r\nB\r\n")
            await one.until(lambda: one.data == b"A\r\nB\r\n")
            assert 100 < one.stamps[0] - two.stamps[0] < 1000
            os.close(manifest)
            assert await task == 0
        os.close(source)

    run(scenario)


def test_one_machine_of_a_bus_is_pulled_off_it_alone() -> None:
    class Silent:
        def unplug(self) -> None:
            raise AssertionError("the bus stays")

    cables = Cables(["a", "b"])
    wire: Wire = Silent()  # type: ignore[assignment]
    medium = WireMedium({"a": wire, "b": wire}, {"a": ["b"], "b": ["a"]}, cables, lambda job, name: job.close())
    medium.unplug("a")
    assert (medium.carries("a"), medium.carries("b")) == (False, True)
    with pytest.raises(MediumError, match="b shares its cable with a: a bus has no XOFF"):
        medium.flow("b", True)
    medium.plug("a")
    assert medium.carries("a")
