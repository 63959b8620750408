"""Stubs on a real broker: status and will, messages both ways, a broker that is away; and a whole simulated floor."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from controller import broker
from firmware_stubs import floor_file
from firmware_stubs.mqtt_wire import WAITING_MOST, MqttWire
from firmware_stubs.plcs.mqtt_json import Plc, Settings
from firmware_stubs.sections import FloorError
from firmware_stubs.serve import Simulation
from firmware_stubs.stub import Knock, Message, Piece, as_message
from firmware_stubs.wire import Side
from tests.plc_bench import LINE

START = {"nats": broker.start_nats, "mosquitto": broker.start_mosquitto}
PATIENCE_S = 60

FLOOR = """
[line.S1]
speed_mm_s = 5000
length_mm = 1000
default_lane = "EX"
[point.IND]
line = "S1"
position_mm = 0
induction = true
[point.DEC]
line = "S1"
position_mm = 200
decision = true
[lane.EX]
line = "S1"
position_mm = 1000
[induction.S1]
point = "IND"
rate_per_s = 5.0
[stub.s1]
kind = "mqtt_json"
link = "mqtt://127.0.0.1:{port}"
line = "S1"
base = "hub/s1"
"""


@pytest.fixture(params=[*START])
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[broker.Child]:
    try:
        started = START[request.param](tmp_path)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    with started:
        yield started


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(timed())


class Machine:
    """A PLC at the end of the wire; its time stands still."""

    def __init__(self, port: int) -> None:
        self.plc = Plc(Settings(base="hub/s1"), LINE, seed=1, now=0.0)
        side = Side(
            self.heard,
            self.connected,
            lambda data, new: Knock(),
            tuple(self.plc.subscriptions()),
            self.plc.will(),
        )
        self.wire = MqttWire("127.0.0.1", port, side)
        self.events: list[bool] = []
        self.more = asyncio.Event()
        self.kept: list[Message] = []  # that the broker had kept

    def heard(self, piece: Piece) -> None:
        message = as_message(piece)
        if message.retain:
            self.kept.append(message)
        self.plc.feed(message, 0.0)
        self.turn()

    def connected(self, there: bool) -> None:
        self.events.append(there)
        self.more.set()
        (self.plc.opened if there else self.plc.closed)(0.0)
        self.turn()

    async def until(self, events: list[bool]) -> None:
        while self.events != events:
            self.more.clear()
            await self.more.wait()

    def turn(self) -> None:
        for message in self.plc.take():
            self.wire.write(message)
        if self.plc.hang_up():
            self.wire.hang_up()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(job) for job in self.wire.jobs()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            self.wire.close()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.result()


async def told(hub: aiomqtt.Client) -> tuple[str, Any, bool]:
    message = await anext(aiter(hub.messages))
    payload = message.payload.decode()
    return str(message.topic), json.loads(payload) if payload.startswith("{") else payload, message.retain


def syes(seq: int = 1, session: int = 1000) -> str:
    return json.dumps(
        {"v": 1, "session": session, "type": "SYES", "flag": "R", "epoch": 3, "seq": seq}
        | {"term": 7, "durable_epoch": 0, "durable_evt": 0}
    )


def test_a_plc_on_a_broker(child: broker.Child) -> None:
    async def test() -> None:
        machine = Machine(child.port)
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.publish("hub/s1/down", syes(), qos=1, retain=True)
            await hub.subscribe([("hub/s1/up", 1), ("hub/s1/status", 1)])
            async with machine.running():
                assert await told(hub) == ("hub/s1/status", "online", False)
                await hub.publish("hub/s1/down", syes(), qos=1)
                said = [await told(hub) for _ in range(2)]
                assert [(topic, one["type"], one["flag"]) for topic, one, _ in said] == [
                    ("hub/s1/up", "SYES", "A"),
                    ("hub/s1/up", "SYBE", "R"),
                ]
                assert [one.topic for one in machine.kept] == ["hub/s1/down"]
                assert machine.plc.counts["retained"] == 1
                machine.plc.power_cycle(0.0)
                machine.turn()
                assert [(await told(hub))[1] for _ in range(2)] == ["offline", "online"]
            assert (await told(hub))[1] == "offline"  # unplugged at the end
            assert machine.events == [True, False, True, False]
        async with aiomqtt.Client("127.0.0.1", child.port) as late:
            await late.subscribe("hub/s1/status", 1)
            assert await told(late) == ("hub/s1/status", "offline", True)

    run(test)


def test_every_payload_comes_through_as_it_is_and_in_order(child: broker.Child) -> None:
    async def test() -> None:
        heard: list[Message] = []
        enough = asyncio.Event()

        def hear(piece: Piece) -> None:
            heard.append(as_message(piece))
            if len(heard) == 100:
                enough.set()

        there = asyncio.Event()
        side = Side(hear, lambda up: there.set() if up else None, subscriptions=(("echo/#", 1),))
        wire = MqttWire("127.0.0.1", child.port, side)
        tasks = [asyncio.create_task(job) for job in wire.jobs()]
        await there.wait()
        sent = [Message("echo/a", bytes([number]) * number) for number in range(100)]
        for message in sent:
            wire.write(message)
        await enough.wait()
        assert heard == sent
        for number in range(WAITING_MOST + 20):
            wire.write(Message("nobody", b"%d" % number))
        assert wire.dropped >= 19
        for task in tasks:
            task.cancel()
        wire.close()
        await asyncio.wait(tasks)

    run(test)


@pytest.mark.parametrize("name", [*START])
def test_a_broker_that_is_away_is_said_once_and_tried_for_ever(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def start() -> broker.Child:
        try:
            return START[name](tmp_path, port)
        except broker.BrokerMissing as missing:
            pytest.skip(str(missing))

    heard: list[str] = []

    async def said(wanted: str) -> None:
        while (text := "".join(heard)) != wanted:
            assert wanted.startswith(text)
            await asyncio.sleep(0.01)
            heard.append(capsys.readouterr().err)

    async def test() -> None:
        machine = Machine(port)
        async with machine.running():
            refused = f"floorsim: mqtt://127.0.0.1:{port}: Connection refused; tried again until it works\n"
            lost = refused.replace("Connection refused", "the connection is lost")
            await said(refused)
            machine.wire.write(Message("hub/s1/up", b"lost"))
            assert machine.wire.dropped == 1
            with start():
                await machine.until([True])
            await machine.until([True, False])
            await said(refused + lost + refused)
            with start():
                await machine.until([True, False, True])
        await said(refused + lost + refused)

    run(test)


def test_a_whole_floor_with_its_plc_on_the_broker(child: broker.Child) -> None:
    async def test() -> None:
        floor = floor_file.read(tomllib.loads(FLOOR.format(port=child.port)))
        ledger, (source, manifest) = io.StringIO(), os.pipe()
        os.write(manifest, b'{"parcel": "p1", "line": "S1", "codes": []}\n')
        os.close(manifest)
        simulation = Simulation(floor, ledger, seed=None, utc_ms=0.0)
        task = asyncio.create_task(simulation.run(source, wait=True, real=False))
        kinds = []
        async with aiomqtt.Client("127.0.0.1", child.port) as hub:
            await hub.subscribe([("hub/s1/up", 1), ("hub/s1/status", 1)])
            while "DIVC" not in kinds:
                topic, one, _ = await told(hub)
                if topic == "hub/s1/status":
                    await hub.publish("hub/s1/down", syes(), qos=1)
                    continue
                kinds.append(one["type"])
                if one["flag"] == "R":
                    answer = {key: one[key] for key in ("v", "session", "type", "epoch", "seq")}
                    await hub.publish("hub/s1/down", json.dumps(answer | {"flag": "A", "durable_evt": 0}), qos=1)
            assert await task == 0
        os.close(source)
        assert [one for one in kinds if one != "LIFE"] == ["SYES", "SYBE", "SPED", "SYEN", "INDU", "ARRV", "DIVC"]
        end = json.loads(ledger.getvalue().splitlines()[-1])
        assert (end["what"], end["in_lanes"], end["dropped"]) == ("end", 1, {})

    run(test)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("mqtt://127.0.0.1:1", "pty:///p"), r"\[stub.s1\] link: give mqtt://host:port, for it speaks MQTT"),
        (('kind = "mqtt_json"', 'kind = "telegram"'), r"\[stub.s1\] link: give a cable, for it does not speak MQTT"),
        (('base = "hub/s1"', ""), r"\[stub.s1\] base is missing"),
    ],
)
def test_a_link_that_does_not_fit_is_named(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(FloorError, match=complaint):
        floor_file.read(tomllib.loads(FLOOR.format(port=1).replace(*change)))


def test_two_plcs_share_a_broker_and_no_base() -> None:
    second = FLOOR.format(port=1).replace("S1", "S2").replace("s1", "s2")
    for name in ("IND", "DEC", "EX"):
        second = second.replace(f'"{name}"', f'"{name}2"').replace(f".{name}]", f".{name}2]")
    both = FLOOR.format(port=1) + second
    assert len(floor_file.read(tomllib.loads(both)).stubs) == 2
    with pytest.raises(FloorError, match="with base 'hub/s1' is already the link of"):
        floor_file.read(tomllib.loads(both.replace("hub/s2", "hub/s1")))
