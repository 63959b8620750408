"""Links over brokers: real ones, MQTT 5 and 3.1.1, and one of a few lines that says what no real one would."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from controller.broker import BrokerMissing, Child, start_mosquitto
from devices import mqtt_link
from devices.links import OnBroker, open_link
from devices.mqtt_link import MqttLink
from devices.types import Message
from tests.test_links import Witness
from tests.test_uplink import BROKERS, mosquitto_with, run, started

UP, STATUS = "plc/S1/up", "plc/S1/status"
ON = OnBroker("floord-test", [(UP, 1), (STATUS, 1)])
each_broker = pytest.mark.parametrize("name", BROKERS)


class Hearer(Witness):
    """A link's handler that keeps messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def received(self, link_name: str, data: bytes | Message, at: float) -> None:
        assert isinstance(data, Message)
        assert self.ups, "nothing is received before the link is up"
        self.messages.append(data)
        self.stamps.append(at)
        self._changed.set()


@contextlib.asynccontextmanager
async def linked(url: str, hearer: Hearer, on: OnBroker = ON) -> AsyncIterator[MqttLink]:
    link = open_link("l", url, hearer, asyncio.get_running_loop(), random.Random(1), on)
    assert isinstance(link, MqttLink)
    link.start()
    try:
        yield link
    finally:
        link.stop()


@contextlib.asynccontextmanager
async def pair(url: str) -> AsyncIterator[tuple[MqttLink, Hearer, MqttLink, Hearer]]:
    """A machine's link and its peer, which hears all of `plc/S1/` and `gone`; both are up."""
    hearer, other = Hearer(), Hearer()
    everything = OnBroker("peer", [("plc/S1/#", 1), ("gone", 1)])
    async with linked(url, other, everything) as peer:
        await other.until(lambda: len(other.ups) == 1)
        async with linked(url, hearer) as link:
            await hearer.until(lambda: len(hearer.ups) == 1)
            yield link, hearer, peer, other


@each_broker
def test_messages_go_both_ways(name: str, tmp_path: Path) -> None:
    every = bytes(range(256)) * 4

    async def scenario(url: str) -> None:
        async with pair(url) as (link, hearer, peer, other):
            link.write([Message("plc/S1/down", every), Message("plc/S1/down", b"")])
            await other.until(lambda: len(other.messages) == 2)
            assert other.messages == [Message("plc/S1/down", every), Message("plc/S1/down", b"")]
            link.write([Message("plc/S1/down", b"once", 0)])
            await other.until(lambda: len(other.messages) == 3)
            assert other.messages[2].qos == 0
            before = asyncio.get_running_loop().time() * 1000
            peer.write([Message(UP, str(n).encode()) for n in range(200)])
            await hearer.until(lambda: len(hearer.messages) == 200)
            assert [int(message.payload) for message in hearer.messages] == list(range(200))
            assert before <= hearer.stamps[0] <= hearer.stamps[-1] == link.health.last_byte
            assert (link.health.up, link.health.bytes_out, link.health.reopened) == (True, 1028, 0)
            assert hearer.downs == [], "that the broker may speak 3.1.1 only is no loss"

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker.url))


@each_broker
def test_what_is_retained_is_marked_on_subscription(name: str, tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        async with pair(url) as (_, hearer, peer, other):
            peer.write([Message(STATUS, b"online", 1, True)])
            await hearer.until(lambda: len(hearer.messages) == 1)
            live = hearer.messages[0]
            assert live.retain == (name == "mosquitto"), "MQTT 5 keeps the mark of what is published with it"
            await other.until(lambda: len(other.messages) == 1)
            again = Hearer()
            async with linked(url, again, OnBroker("later", [(UP, 1), (STATUS, 1)])):
                await again.until(lambda: len(again.messages) == 1)
                assert again.messages == [Message(STATUS, b"online", 1, True)]

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker.url))


@each_broker
def test_sessions_are_clean(name: str, tmp_path: Path) -> None:
    """What was said while we were away is not for us."""

    async def scenario(url: str) -> None:
        async with pair(url) as (link, hearer, peer, other):
            link.stop()
            peer.write([Message(UP, b"while it was away")])
            await other.until(lambda: len(other.messages) == 1)
            link.start()
            await hearer.until(lambda: len(hearer.ups) == 2)
            peer.write([Message(UP, b"since")])
            await hearer.until(lambda: len(hearer.messages) == 1)
            assert hearer.messages[0].payload == b"since"

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker.url))


@each_broker
def test_the_will_is_said_when_the_connection_breaks(name: str, tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        async with pair(url) as (_, _, _, other):
            hearer = Hearer()
            will = Message("gone", b"offline", 1, False)
            async with linked(url, hearer, OnBroker("mortal", [(UP, 1)], will)) as link:
                await hearer.until(lambda: len(hearer.ups) == 1)
                link.hang_up("for a reason")
                await other.until(lambda: Message("gone", b"offline") in other.messages)
                await hearer.until(lambda: len(hearer.ups) == 2)
                assert hearer.downs == ["for a reason"]

    with started(name, tmp_path) as broker:
        run(lambda: scenario(broker.url))


@each_broker
def test_a_broker_that_is_gone_comes_back_by_itself(name: str, tmp_path: Path) -> None:
    async def scenario(broker: Child, again: contextlib.ExitStack) -> None:
        async with pair(broker.url) as (link, hearer, peer, other):
            broker.kill()
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert not link.health.up
            link.write([Message("plc/S1/down", b"lost")])
            again.enter_context(await asyncio.to_thread(BROKERS[name], tmp_path, broker.port))
            await hearer.until(lambda: len(hearer.ups) == 2)
            await other.until(lambda: len(other.ups) == 2)
            peer.write([Message(UP, b"anew")])
            await hearer.until(lambda: len(hearer.messages) == 1)
            assert (hearer.messages[0].payload, link.health.reopened, len(hearer.downs)) == (b"anew", 1, 1)
            assert not [message for message in other.messages if message.payload == b"lost"]

    with started(name, tmp_path) as broker, contextlib.ExitStack() as again:
        run(lambda: scenario(broker, again))


def test_nobody_there_is_said_once_and_tried_until_somebody_is(tmp_path: Path) -> None:
    async def scenario(port: int, again: contextlib.ExitStack) -> None:
        hearer = Hearer()
        async with linked(f"mqtt://127.0.0.1:{port}", hearer):
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert "Connection refused" in hearer.downs[0]
            again.enter_context(await asyncio.to_thread(start_mosquitto, tmp_path, port))
            await hearer.until(lambda: len(hearer.ups) == 1)
            assert len(hearer.downs) == 1

    with started("mosquitto", tmp_path) as broker, contextlib.ExitStack() as again:
        broker.stop()
        run(lambda: scenario(broker.port, again))


def test_a_broker_that_refuses_us_is_quoted(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        hearer = Hearer()
        async with linked(url, hearer, OnBroker("nobody", [(UP, 1)], username="nobody", password="x")):
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert "refused: Not authorized" in hearer.downs[0]
            assert hearer.ups == []

    (tmp_path / "passwords").touch()
    with mosquitto_with(tmp_path, f"password_file {tmp_path}/passwords") as broker:
        run(lambda: scenario(broker.url))


def test_stopped_it_says_nothing_more(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        async with pair(url) as (link, hearer, peer, other):
            link.stop()
            assert not link.health.up
            link.write([Message("plc/S1/down", b"nothing")])
            peer.write([Message(UP, b"nobody hears")])
            await other.until(lambda: len(other.messages) == 1)
            assert (hearer.downs, hearer.messages) == ([], [])
            assert other.messages[0].payload == b"nobody hears"
            with pytest.raises(TypeError, match="carries messages"):
                link.write(b"bytes")

    with started("mosquitto", tmp_path) as broker:
        run(lambda: scenario(broker.url))


# --- a broker of a few lines ------------------------------------------------------------------------------------------

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ = 1, 3, 4, 8, 12


class FewLines:
    """A broker of MQTT 5 that a test speaks for, packet by packet. It answers pings."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._serving: list[tuple[asyncio.StreamWriter, asyncio.Task[Any] | None]] = []

    async def __aenter__(self) -> FewLines:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: Any) -> None:
        assert self._server
        self._server.close()
        for writer, task in self._serving:
            writer.transport.abort()
            if task:
                await task

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._serving.append((writer, asyncio.current_task()))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind = (await reader.readexactly(1))[0] >> 4
                length = shift = 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    length, shift = length | (byte & 0x7F) << shift, shift + 7
                    if byte < 0x80:
                        break
                body = await reader.readexactly(length)
                if kind == PINGREQ:
                    writer.write(b"\xd0\x00")
                else:
                    self.packets.put_nowait((kind, body))
        writer.close()

    async def expect(self, kind: int) -> bytes:
        """The next packet, which is of that kind."""
        found, body = await asyncio.wait_for(self.packets.get(), 10)
        assert found == kind
        return body

    def say(self, packet: bytes) -> None:
        assert self._writer
        self._writer.write(packet)

    async def accept(self) -> bytes:
        """CONNECT is answered; returns it."""
        body = await self.expect(CONNECT)
        self.say(b"\x20\x03\x00\x00\x00")
        return body

    async def grant(self, *codes: int) -> None:
        """SUBSCRIBE is answered."""
        body = await self.expect(SUBSCRIBE)
        self.say(bytes([0x90, 3 + len(codes)]) + body[:2] + b"\x00" + bytes(codes))


def publish(topic: str, payload: bytes, mid: int) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic.encode() + mid.to_bytes(2, "big") + b"\x00" + payload
    return bytes([0x32, len(body)]) + body


def test_it_is_up_when_the_subscriptions_are_granted_and_not_before() -> None:
    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer) as link:
            asked = await broker.accept()
            clean_start = 0x02
            assert asked[:8] == b"\x00\x04MQTT\x05" + bytes([clean_start])
            subscribed = await broker.expect(SUBSCRIBE)
            broker.say(publish(UP, b"too early", 7))
            assert (await broker.expect(PUBACK))[:2] == b"\x00\x07", "it has been read"
            assert (hearer.ups, link.health.up, hearer.messages) == ([], False, [])
            broker.say(b"\x90\x05" + subscribed[:2] + b"\x00\x01\x01")
            await hearer.until(lambda: len(hearer.ups) == 1)
            broker.say(publish(UP, b"now", 8))
            await hearer.until(lambda: len(hearer.messages) == 1)
            assert hearer.messages == [Message(UP, b"now")]
            assert (await broker.expect(PUBACK))[:2] == b"\x00\x08"

    run(scenario)


def test_a_refused_subscription_is_no_link() -> None:
    """A machine that cannot be heard is down, however well the broker is reached."""

    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer):
            await broker.accept()
            await broker.grant(0x87, 0x01)
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert hearer.downs == [f"the broker refused the subscription to {UP}: may we read there?"]
            await broker.accept()
            await broker.grant(0x01, 0x01)
            await hearer.until(lambda: len(hearer.ups) == 1)

    run(scenario)


def test_a_broker_that_never_grants_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.mqtt_link.GRANT_S", 0.1)

    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer):
            await broker.accept()
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert hearer.downs == ["the broker does not answer to the subscriptions"]
            await broker.expect(SUBSCRIBE)
            await broker.accept()
            await broker.grant(0x01, 0x01)
            await hearer.until(lambda: len(hearer.ups) == 1)

    run(scenario)


def test_another_client_with_our_id_is_named() -> None:
    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer):
            await broker.accept()
            await broker.grant(0x01, 0x01)
            await hearer.until(lambda: len(hearer.ups) == 1)
            broker.say(b"\xe0\x02\x8e\x00")
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert "another client uses the client id 'floord-test' too" in hearer.downs[0]

    run(scenario)


def test_without_subscriptions_it_is_up_when_the_broker_accepts() -> None:
    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer, OnBroker("teller")):
            await broker.accept()
            await hearer.until(lambda: len(hearer.ups) == 1)

    run(scenario)


def test_a_broker_that_answers_to_nothing_more_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "ANSWER_S", -1.0)

    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer) as link:
            await broker.accept()
            await broker.grant(0x01, 0x01)
            await hearer.until(lambda: len(hearer.ups) == 1)
            for n in range(1001):
                link.write([Message("plc/S1/down", str(n).encode())])
            await hearer.until(lambda: len(hearer.downs) == 1)
            assert hearer.downs == ["the broker has not answered to 1000 messages"]
            assert link._protocol == MQTTProtocolVersion.MQTTv5

    run(scenario)


def test_a_flood_of_answers_does_not_break_the_connection() -> None:
    """A broker that has had no time to answer yet is not one that answers nothing: others wait on this connection."""

    async def scenario() -> None:
        hearer = Hearer()
        async with FewLines() as broker, linked(broker.url, hearer) as link:
            await broker.accept()
            await broker.grant(0x01, 0x01)
            await hearer.until(lambda: len(hearer.ups) == 1)
            link.write([Message("plc/S1/down", b"x")] * 1500)
            broker.say(publish(UP, b"x", 7))
            await hearer.until(lambda: bool(hearer.messages))
            assert hearer.downs == []
            assert link.health.up
            assert link.health.errors == {"dropped": 500}

    run(scenario)


def test_a_refused_message_is_said_in_the_health(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        hearer = Hearer()
        async with linked(url, hearer) as link:
            await hearer.until(lambda: len(hearer.ups) == 1)
            link.write([Message("plc/S1/down", b"x"), Message(UP, b"y")])
            await hearer.until(lambda: len(hearer.messages) == 1)
            assert "may we publish there?" in link.health.why

    (tmp_path / "acl").write_text(f"topic readwrite {UP}\ntopic read plc/S1/#\n")
    (tmp_path / "acl").chmod(0o600)
    with mosquitto_with(tmp_path, f"acl_file {tmp_path}/acl") as broker:
        run(lambda: scenario(broker.url))


def test_bytes_and_brokers_do_not_mix() -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises(ValueError, match="this kind of device is not on a broker"):
        open_link("l", "mqtt://127.0.0.1:1883", Hearer(), loop, random.Random(1))
    with pytest.raises(ValueError, match="this kind of device is on a broker"):
        open_link("l", "tcp://127.0.0.1:1883", Hearer(), loop, random.Random(1), ON)
    loop.close()


def test_mosquitto_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("controller.broker.shutil.which", lambda name, path=None: None)
    with pytest.raises(BrokerMissing, match="apt-get install mosquitto"):
        start_mosquitto(tmp_path)
