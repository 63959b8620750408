"""A PLC made of mosquitto_pub and mosquitto_sub, with nothing of ours in it, holds a whole session with the driver.

Its messages are texts as somebody with a shell would write them; what it needs of ours it takes out with patterns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.broker import Child
from devices.links import OnBroker, open_link
from devices.plcs.mqtt_json import Driver, Settings
from devices.types import (
    Answered,
    Arrived,
    Destination,
    Discharged,
    Item,
    Kept,
    Message,
    SessionBegun,
    SessionLost,
    Speed,
    Synchronised,
    Tracks,
)
from tests.telegram_line import has, only
from tests.test_links import Witness
from tests.test_uplink import run, started

BASE = "plc/S1"
PATIENCE_S = 20.0


class ForeignPlc:
    """`mosquitto_sub` hears `down` and leaves its will; `mosquitto_pub -l` says one line after the other on `up`."""

    def __init__(self, port: int) -> None:
        self._at = ("-h", "127.0.0.1", "-p", str(port))
        self._programs: list[asyncio.subprocess.Process] = []
        self.sub: asyncio.subprocess.Process
        self.pub: asyncio.subprocess.Process

    async def _start(self, *words: str, **pipes: Any) -> asyncio.subprocess.Process:
        program = await asyncio.create_subprocess_exec(words[0], *self._at, *words[1:], **pipes)
        self._programs.append(program)
        return program

    async def start(self) -> None:
        """`online` follows when the subscription is granted: that is when a message retained for it comes."""
        pipe = asyncio.subprocess.PIPE
        will = ("--will-topic", f"{BASE}/status", "--will-payload", "offline", "--will-retain", "--will-qos", "1")
        await self._once("-r", "-t", "granted", "-m", "granted")
        topics = ("-t", f"{BASE}/down", "-t", "granted")
        self.sub = await self._start("mosquitto_sub", "-q", "1", *topics, *will, stdout=pipe)
        self.pub = await self._start("mosquitto_pub", "-q", "1", "-t", f"{BASE}/up", "-l", stdin=pipe)
        await self._line(r"^granted$")
        await self.status("online")

    async def status(self, what: str) -> None:
        await self._once("-r", "-t", f"{BASE}/status", "-m", what)

    async def _once(self, *words: str) -> None:
        program = await self._start("mosquitto_pub", "-q", "1", *words)
        assert await asyncio.wait_for(program.wait(), PATIENCE_S) == 0

    async def _line(self, pattern: str) -> str:
        assert self.sub.stdout
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.sub.stdout.readline()).decode():
                if re.search(pattern, line):
                    return line
        raise AssertionError("mosquitto_sub has ended")

    async def hear(self, kind: str, flag: str) -> str:
        """The next message of that kind."""
        return await self._line(rf'^{{"v":1,.*"type":"{kind}","flag":"{flag}"')

    async def say(self, text: str) -> None:
        assert self.pub.stdin
        self.pub.stdin.write(text.encode() + b"\n")
        await self.pub.stdin.drain()

    async def accept(self, heard: str) -> None:
        """An `A` to a request, made of the request's own beginning."""
        head = re.match(r'(\{"v":1,"session":\d+,"type":"\w+","flag":")R(","epoch":\d+,"seq":\d+)', heard)
        assert head, heard
        await self.say(f"{head[1]}A{head[2]}}}")

    async def stop(self) -> None:
        for program in self._programs:
            if program.returncode is None:
                program.kill()
            await program.wait()


class Controller(Witness):
    """The driver on its link, as the daemon has it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.driver = Driver(Settings(BASE))
        on = OnBroker("floord-test-S1", self.driver.subscriptions())
        self.link = open_link("S1", url, self, self.loop, random.Random(1), on)
        self.items: list[Item] = []
        self._timer: asyncio.TimerHandle | None = None

    def up(self, link_name: str, at: float) -> None:
        self.driver.opened(at, Kept(boot=3, utc_ms=time.time() * 1000))
        self._after([])
        super().up(link_name, at)

    def down(self, link_name: str, why: str, at: float) -> None:
        self._after(self.driver.closed(at))
        super().down(link_name, why, at)

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        self._after(self.driver.feed(data, at))

    def send(self, command: Any) -> int:
        number = self.driver.send(command, self.loop.time() * 1000, None)
        self._after([])
        return number

    def confirm(self, token: tuple[int, int]) -> None:
        self.driver.confirm(token, self.loop.time() * 1000)
        self._after([])

    def _tick(self) -> None:
        self._after(self.driver.tick(self.loop.time() * 1000))

    def _after(self, items: Any) -> None:
        self.items += items
        if said := self.driver.take():
            self.link.write(said)
        if self._timer:
            self._timer.cancel()
        due = self.driver.next_at()
        self._timer = None if due is None else self.loop.call_at(due / 1000, self._tick)
        self._changed.set()

    async def item(self, kind: type[Item]) -> None:
        await self.until(lambda: has(self.items, kind))

    def stop(self) -> None:
        self.link.stop()
        if self._timer:
            self._timer.cancel()


@contextlib.asynccontextmanager
async def both(broker: Child) -> AsyncIterator[tuple[Controller, ForeignPlc]]:
    plc, controller = ForeignPlc(broker.port), Controller(broker.url)
    try:
        yield controller, plc
    finally:
        controller.stop()
        await plc.stop()


pytestmark = pytest.mark.skipif(
    not (shutil.which("mosquitto_pub") and shutil.which("mosquitto_sub")),
    reason="Debian package mosquitto-clients is missing: apt-get install mosquitto-clients",
)


def session_of(heard: str) -> str:
    found = re.search(r'"session":(\d+)', heard)
    assert found
    return found[1]


async def synchronise(plc: ForeignPlc, heard: str) -> str:
    """What follows a SYES; returns how each of the PLC's messages begins, up to its type."""
    await plc.accept(heard)
    head = f'{{"v":1,"session":{session_of(heard)},"flag":"R","epoch":26,'
    await plc.say(head + '"type":"SYBE","seq":100}')
    await plc.hear("SYBE", "A")
    await plc.say(head + '"type":"SPED","seq":101,"element":"LINE","mm_s":2500,"encoder":0,"age_ms":0}')
    await plc.hear("SPED", "A")
    item = '{"track":41,"point":"IND-1","lane":null,"decision":0,"certainty":"S","lap":0,"age_ms":900}'
    await plc.say(head + f'"type":"TRAK","seq":102,"items":[{item}]}}')
    await plc.hear("TRAK", "A")
    await plc.say(head + '"type":"SYEN","seq":103}')
    await plc.hear("SYEN", "A")
    return head


@pytest.mark.parametrize("name", ["mosquitto", "nats"])
def test_a_whole_session(name: str, tmp_path: Path) -> None:
    """Over MQTT 5 and, where the broker has only that, 3.1.1. The controller is there first."""

    async def scenario(broker: Child) -> None:
        async with both(broker) as (controller, plc):
            controller.link.start()
            await controller.until(lambda: len(controller.ups) == 1)
            await plc.start()
            head = await synchronise(plc, await plc.hear("SYES", "R"))
            await controller.item(Synchronised)
            assert only(controller.items, SessionBegun).epoch == 26
            assert only(controller.items, Speed).mm_s == 2500
            assert only(controller.items, Tracks).items[0].track == 41

            await plc.say(
                head + '"type":"ARRV","seq":104,"evt":1,"point":"IND-1","track":42,"age_ms":5,"left_ms":9000,'
                '"length_mm":300,"gap_mm":0,"carrier":null,"lap":0,"certainty":"S","codes":["RB123456785GB"]}'
            )
            assert '"durable_evt":0' in await plc.hear("ARRV", "A")
            await controller.item(Arrived)
            number = controller.send(Destination("IND-1", 42, 1, "PLAN", ("L07", "L08")))
            dest = await plc.hear("DEST", "R")
            assert '"track":42,"decision":1,"reason":"PLAN","flags":[],"if_none":"D","lanes":["L07","L08"]' in dest
            await plc.accept(dest)
            await controller.item(Answered)
            assert only(controller.items, Answered).id == number

            controller.confirm((26, 1))
            await plc.say(
                head + '"type":"DIVC","seq":105,"evt":2,"track":42,"decision":1,"wanted":"L07","actual":"L07",'
                '"result":"OK","evidence":"C","lap":0,"age_ms":3}'
            )
            assert '"durable_evt":1' in await plc.hear("DIVC", "A")
            await controller.item(Discharged)
            life = await plc.hear("LIFE", "R")
            assert json.loads(life)["durable_evt"] == 1
            await plc.accept(life)
            await plc.say(head + '"type":"LIFE","seq":106}')
            await plc.hear("LIFE", "A")
            assert not has(controller.items, SessionLost)
            assert controller.driver.counters.garbled == {}

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker))


@pytest.mark.parametrize("name", ["mosquitto", "nats"])
def test_a_plc_that_dies_ends_the_session_and_its_return_begins_one(name: str, tmp_path: Path) -> None:
    """The PLC is there first, so its status is a retained one; then its will, then its status while we listen."""

    async def scenario(broker: Child) -> None:
        async with both(broker) as (controller, plc):
            await plc.start()
            controller.link.start()
            await synchronise(plc, await newest_syes(plc, controller))
            await controller.item(Synchronised)
            plc.sub.kill()
            await controller.item(SessionLost)
            assert only(controller.items, SessionLost).why == "the PLC is offline, says its broker"
            controller.items.clear()
            await plc.stop()
            await plc.start()
            await synchronise(plc, await newest_syes(plc, controller))
            await controller.item(Synchronised)

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker))


async def newest_syes(plc: ForeignPlc, controller: Controller) -> str:
    """An `online` makes the controller ask anew; the session it asks for last is the one that counts."""
    heard = await plc.hear("SYES", "R")
    while int(session_of(heard)) < controller.driver._session:
        heard = await plc.hear("SYES", "R")
    return heard
