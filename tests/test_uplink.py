"""The uplink against real brokers: the killed come back, the refused is seen, the unacknowledged returns."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from controller import broker
from controller.broker import BrokerMissing, Child, start_mosquitto, start_nats
from controller.journal_rows import Row
from controller.outbox import DEATHS, Outbox
from controller.uplink import Options, Uplink
from devices.types import Message

PATIENCE_S = 45.0


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await scenario()

    asyncio.run(bounded())


def start_impatient_nats(folder: Path, port: int | None = None) -> Child:
    """nats-server that sends again what was not acknowledged after 1 s; else it lets a new connection wait for 30 s."""

    def command(port: int) -> list[str]:
        config = {
            "server_name": "hubfloor",
            "host": "127.0.0.1",
            "port": -1,
            "jetstream": {"store_dir": str(folder / "nats")},
            "mqtt": {"host": "127.0.0.1", "port": port, "ack_wait": "1s"},
        }
        (folder / "nats.conf").write_text(json.dumps(config))
        return [str(broker.nats_binary()), "--config", str(folder / "nats.conf")]

    return broker._start(command, port, folder / "nats.log")


BROKERS = {"nats": start_impatient_nats, "mosquitto": start_mosquitto}


@contextlib.contextmanager
def started(name: str, folder: Path) -> Iterator[Child]:
    try:
        child = BROKERS[name](folder)
    except BrokerMissing as missing:
        pytest.skip(str(missing))
    with child:
        yield child


@contextlib.contextmanager
def mosquitto_with(folder: Path, *lines: str) -> Iterator[Child]:
    """mosquitto with further lines in its configuration."""
    try:
        binary = str(broker.mosquitto_binary())
    except BrokerMissing as missing:
        pytest.skip(str(missing))

    def command(port: int) -> list[str]:
        config = folder / "mosquitto.conf"
        lines_of_all = (f"listener {port} 127.0.0.1", "allow_anonymous true", "user root")
        config.write_text("\n".join([*lines_of_all, *lines, ""]))
        return [binary, "-c", str(config)]

    with broker._start(command, None, folder / "log") as child:
        yield child


class Changes:
    """A state that can be waited on, from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._loop.call_soon_threadsafe(self._changed.set)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class User(Changes):
    """An uplink's handler that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[bool] = []
        self.downs: list[str] = []
        self.by_broker: list[bool] = []
        self.refused: list[list[tuple[str, str]]] = []
        self.answers: dict[int, int] = {}
        self.messages: list[tuple[str, bytes, bool, int]] = []

    def connected(self, session_present: bool) -> None:
        self.sessions.append(session_present)
        self.changed()

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        self.refused.append(list(refused))
        self.changed()

    def disconnected(self, why: str, by_broker: bool) -> None:
        self.downs.append(why)
        self.by_broker.append(by_broker)
        self.changed()

    def puback(self, key: int, code: int) -> None:
        self.answers[key] = code
        self.changed()

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        self.messages.append((topic, payload, retain, token))
        self.changed()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _, _ in self.messages]


@contextlib.asynccontextmanager
async def linked(options: Options, user: User) -> AsyncIterator[Uplink]:
    uplink = Uplink(asyncio.get_running_loop(), options, user, random.Random(1))
    uplink.start()
    try:
        yield uplink
    finally:
        await uplink.stop()


class Publisher(User):
    """An outbox on an uplink, as the daemon has it; `gate` holds rows back."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self.outbox = outbox
        self.uplink: Uplink | None = None
        self.gate = True
        self.delivered: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None

    def connected(self, session_present: bool) -> None:
        self.outbox.connected()
        super().connected(session_present)
        self.pump()

    def disconnected(self, why: str, by_broker: bool) -> None:
        self.outbox.disconnected(by_broker)
        super().disconnected(why, by_broker)

    def puback(self, key: int, code: int) -> None:
        self.outbox.puback(key, code)
        super().puback(key, code)
        self.delivered.update(self.outbox.settled()[0])
        self.pump()

    def pump(self) -> None:
        if not self.gate or not self.uplink:
            return
        for row in self.outbox.take(self._loop.time() * 1000):
            assert self.uplink.publish(row.seq, row.topic, row.body, 1, False)
        due = self.outbox.next_at()
        if self._timer:
            self._timer.cancel()
        if due is not None:
            self._timer = self._loop.call_at(due / 1000, self.pump)


class Witness(Changes):
    """Another client with a persistent session; paho in a thread of its own."""

    def __init__(self, port: int, topic: str) -> None:
        super().__init__()
        self.seen: list[bytes] = []
        self.subscribed = 0
        self._client = Client(
            CallbackAPIVersion.VERSION2, "witness", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_subscribe(self, *_: object) -> None:
        self.subscribed += 1
        self.changed()

    def _on_message(self, client: Client, data: object, message: object) -> None:
        self.seen.append(message.payload)  # type: ignore[attr-defined]
        self.changed()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def row(seq: int, topic: str = "floor/event", body: bytes | None = None) -> Row:
    return Row(seq, f"id-{seq}", "t", "s", None, None, None, "z", topic, body or b"%d" % seq)


def committed(outbox: Outbox, rows: list[Row]) -> Outbox:
    outbox.wants()
    outbox.backlog([])
    outbox.offer(rows)
    return outbox


@pytest.mark.parametrize("name", BROKERS)
def test_nothing_is_missing_after_the_broker_was_killed(name: str, tmp_path: Path) -> None:
    """nats keeps what it acknowledged: the witness sees every row. mosquitto, in memory, forgets with its death.

    There a row is seen, or was acknowledged by the broker that was killed: that one lost it, not we.
    """
    everything = set(range(1, 2_001))

    async def scenario() -> None:
        publisher = Publisher(committed(Outbox(window=50, burst=1), [row(seq) for seq in sorted(everything)]))
        with started(name, tmp_path) as first:
            witness = Witness(first.port, "floor/#")
            await witness.until(lambda: witness.subscribed == 1)
            async with linked(Options(first.url, "floord"), publisher) as publisher.uplink:
                await witness.until(lambda: len(witness.seen) >= 600)
                first.kill()
                await publisher.until(lambda: bool(publisher.downs and "connection" in publisher.downs[-1].lower()))
                forgotten = publisher.delivered.copy() if name == "mosquitto" else set()
                assert len(forgotten) < len(everything)
                publisher.gate = False  # a broker without memory drops what nobody has subscribed
                with BROKERS[name](tmp_path, first.port):
                    await witness.until(lambda: witness.subscribed == 2)
                    publisher.gate = True
                    publisher.pump()
                    await publisher.until(lambda: publisher.delivered == everything)
                    await witness.until(lambda: everything - forgotten <= set(map(int, witness.seen)))
                    assert set(map(int, witness.seen)) <= everything
                    assert (publisher.outbox.queued, publisher.outbox.quarantined) == (0, 0)
                    witness.stop()

    run(scenario)


@pytest.mark.parametrize("name", BROKERS)
def test_what_was_not_acknowledged_comes_again(name: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        with started(name, tmp_path) as child:
            options = Options(child.url, "floord", subscriptions=[("in/#", 1)])
            sender, first, second, third = User(), User(), User(), User()
            async with linked(Options(child.url, "centre"), sender) as centre:
                await sender.until(lambda: len(sender.sessions) == 1)
                async with linked(options, first) as uplink:
                    await first.until(lambda: first.sessions == [False])
                    uplink.publish(1, "in/self", b"", 1, False)  # answered after the subscription
                    await first.until(lambda: first.payloads == [b""])
                    centre.publish(1, "in/advice", b"A", 1, False)
                    centre.publish(2, "in/advice", b"B", 1, False)
                    await first.until(lambda: first.payloads == [b"", b"A", b"B"])
                    uplink.ack(first.messages[0][3])
                    uplink.ack(first.messages[2][3])
                async with linked(options, second) as uplink:
                    await second.until(lambda: second.payloads == [b"A"])
                    assert second.sessions == [True]
                    uplink.ack(first.messages[1][3] + 65536 * 7)  # of a connection that is gone
                    uplink.ack(second.messages[0][3])
                centre.publish(3, "in/advice", b"C", 1, False)
                async with linked(options, third):
                    await third.until(lambda: b"C" in third.payloads)
                    # An acknowledgement right before the goodbye may be lost (seen with mosquitto 2.0.11): A again.
                    assert set(third.payloads) <= {b"A", b"C"}

    run(scenario)


def test_a_refused_topic_is_quarantined_and_blocks_nobody(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic write floor/#\n")
    rows = [row(seq, "other/event" if seq in (1, 7) else "floor/event") for seq in range(1, 21)]

    async def scenario() -> None:
        publisher = Publisher(committed(Outbox(window=2), rows))
        with mosquitto_with(tmp_path, f"acl_file {tmp_path / 'acl'}") as child:
            async with linked(Options(child.url, "floord"), publisher) as publisher.uplink:
                await publisher.until(lambda: len(publisher.answers) == 20)
                assert {seq for seq, code in publisher.answers.items() if code == 0x87} == {1, 7}
                assert publisher.delivered == set(range(1, 21)) - {1, 7}
                assert publisher.outbox.quarantined == 2

    run(scenario)


def test_the_longest_packet_of_the_broker_is_kept(tmp_path: Path) -> None:
    rows = [row(seq, body=b"x" * (3000 if seq == 50 else 10)) for seq in range(1, 201)]

    async def scenario() -> None:
        publisher = Publisher(committed(Outbox(window=100), rows))
        with mosquitto_with(tmp_path, "max_packet_size 2000") as child:
            async with linked(Options(child.url, "floord"), publisher) as publisher.uplink:
                await publisher.until(lambda: len(publisher.answers) == 200)
                assert {seq for seq, code in publisher.answers.items() if code >= 0x80} == {50}
                assert publisher.answers[50] == 0x95
                assert publisher.downs == []

    run(scenario)


def test_the_receive_maximum_of_the_broker_is_kept() -> None:
    unanswered: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(bytes.fromhex("2006000003210002"))  # CONNACK: success, receive maximum 2
        while data := await reader.read(65536):
            mids = re.findall(rb"\x32\x07\x00\x01t(..)\x00!", data, re.DOTALL)  # PUBLISH, QoS 1, topic t, payload !
            unanswered.append(len(mids))
            writer.write(b"".join(b"\x40\x02" + mid for mid in mids))
        writer.close()

    async def scenario() -> None:
        user = User()
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with linked(Options(url, "floord"), user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                assert all(uplink.publish(key, "t", b"!", 1, False) for key in range(1, 31))
                await user.until(lambda: len(user.answers) == 30)
        assert max(unanswered) <= 2
        assert list(user.answers) == list(range(1, 31))

    run(scenario)


def test_a_topic_that_is_none_is_refused_here(tmp_path: Path) -> None:
    rows = [row(1, "floor/+"), row(2)]

    async def scenario() -> None:
        publisher = Publisher(committed(Outbox(), rows))
        with started("mosquitto", tmp_path) as child:
            async with linked(Options(child.url, "floord"), publisher) as publisher.uplink:
                await publisher.until(lambda: publisher.answers == {1: 0x90, 2: 0x10})
                assert publisher.downs == []

    run(scenario)


def test_too_many_unanswered_are_refused_to_the_caller(tmp_path: Path) -> None:
    async def scenario() -> None:
        user = User()
        with started("mosquitto", tmp_path) as child:
            uplink = Uplink(asyncio.get_running_loop(), Options(child.url, "floord"), user)
            assert not uplink.publish(1, "t", b"", 1, False)  # not connected
            uplink.start()
            await user.until(lambda: len(user.sessions) == 1)
            taken = [key for key in range(1, 1500) if uplink.publish(key, "t", b"", 1, False)]
            assert taken == list(range(1, 1001))
            await user.until(lambda: sorted(user.answers) == taken)
            assert uplink.publish(2000, "t", b"", 1, False)
            await uplink.stop()
            assert not uplink.publish(1, "t", b"", 1, False)

    run(scenario)


def test_what_nobody_waits_for_leaves_room_for_events() -> None:
    """States and replies that a slow broker has not answered: an event that is not taken would be forgotten."""

    async def scenario() -> None:
        user, broker = User(), Answering()
        async with answering(broker) as url, linked(Options(url, "floord"), user) as uplink:
            await user.until(lambda: len(user.sessions) == 1)
            taken = [uplink.publish(0, "t", b"", 1, False) for _ in range(1500)]
            assert 500 <= sum(taken) < 1000
            assert all(uplink.publish(key, "t", b"", 1, False) for key in range(1, 101))
            assert all(uplink.publish(-key, "t", b"", 1, False) for key in range(1, 21))

    run(scenario)


def test_mqtt_3_1_1_after_the_refusal_of_the_version_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        user = User()
        with started("nats", tmp_path) as child:
            async with linked(Options(child.url, "floord"), user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                assert user.downs == ["the broker refused: Unsupported protocol version"]
                assert uplink.publish(1, "a/b", b"x", 1, False)
                await user.until(lambda: user.answers == {1: 0})
                child.kill()
                await user.until(lambda: len(user.downs) >= 2)
                with start_nats(tmp_path, child.port):
                    await user.until(lambda: len(user.sessions) == 2)
        assert len([text for text in caplog.messages if "MQTT 3.1.1 only" in text]) == 1

    with caplog.at_level(logging.WARNING):
        run(scenario)


def test_mosquitto_is_spoken_to_in_mqtt_5(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        user = User()
        with started("mosquitto", tmp_path) as child:
            async with linked(Options(child.url, "floord"), user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                uplink.publish(1, "nobody/listens", b"x", 1, False)
                await user.until(lambda: user.answers == {1: 0x10})  # 3.1.1 has no such answer

    run(scenario)
    assert caplog.messages == []


def test_a_retained_message_is_marked_also_when_it_comes_while_we_are_connected(tmp_path: Path) -> None:
    async def scenario() -> None:
        with started("mosquitto", tmp_path) as child:
            sender, user = User(), User()
            options = Options(child.url, "floord", subscriptions=[("in/#", 1)])
            async with linked(Options(child.url, "centre"), sender) as centre, linked(options, user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                uplink.publish(1, "in/self", b"", 1, False)  # answered after the subscription
                await user.until(lambda: len(user.messages) == 1)
                await sender.until(lambda: len(sender.sessions) == 1)
                centre.publish(1, "in/command", b"A", 1, True)
                centre.publish(2, "in/command", b"B", 1, False)
                await user.until(lambda: len(user.messages) == 3)
                assert [(payload, retain) for _, payload, retain, _ in user.messages[1:]] == [
                    (b"A", True),
                    (b"B", False),
                ]

    run(scenario)


def test_a_second_client_with_our_id_is_named(tmp_path: Path) -> None:
    """This mosquitto (2.0.11) closes without a word; so the hint comes when it has happened again and again."""

    async def scenario() -> None:
        user, twin = User(), User()
        with started("mosquitto", tmp_path) as child:
            options = Options(child.url, "floord")
            async with linked(options, user), linked(options, twin):
                await user.until(lambda: len(user.downs) >= 3)
                assert "another client" not in user.downs[0]
                assert "does another client use the id 'floord'?" in user.downs[-1]

    run(scenario)


def test_a_broker_that_says_who_took_the_session_is_quoted() -> None:
    async def take_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00")  # CONNACK success, DISCONNECT session taken over
        writer.close()

    async def scenario() -> None:
        user = User()
        async with await asyncio.start_server(take_over, "127.0.0.1", 0) as server:
            url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with linked(Options(url, "floord"), user):
                await user.until(lambda: bool(user.downs))
                assert user.downs[0] == "another client uses the client id 'floord' too; give each its own"

    run(scenario)


def test_the_will_is_said_for_a_death_and_not_for_a_goodbye(tmp_path: Path) -> None:
    async def scenario() -> None:
        watcher, user = User(), User()
        with started("mosquitto", tmp_path) as child:
            options = Options(child.url, "floord", will=Message("state/node", b"dead", 1, True))
            async with linked(Options(child.url, "watcher", subscriptions=[("state/#", 1)]), watcher) as watching:
                await watcher.until(lambda: len(watcher.sessions) == 1)
                async with linked(options, user):
                    await user.until(lambda: len(user.sessions) == 1)
                watching.publish(1, "state/mark", b"mark", 1, False)
                await watcher.until(lambda: watcher.payloads == [b"mark"])
                dying = Uplink(asyncio.get_running_loop(), options, user)
                dying.start()
                await user.until(lambda: len(user.sessions) == 2)
                assert dying._connection
                dying._connection.abandon()
                await watcher.until(lambda: watcher.payloads == [b"mark", b"dead"])

    run(scenario)


def test_it_waits_for_a_broker_that_is_not_there_yet(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def scenario() -> None:
        user = User()
        async with linked(Options(f"mqtt://127.0.0.1:{port}", "floord"), user):
            await user.until(lambda: len(user.downs) >= 2)
            assert user.downs[0] == f"127.0.0.1:{port}: Connection refused"
            try:
                child = start_mosquitto(tmp_path, port)
            except BrokerMissing as missing:
                pytest.skip(str(missing))
            with child:
                await user.until(lambda: len(user.sessions) == 1)

    run(scenario)


def test_a_broker_that_accepts_and_says_nothing_is_given_up() -> None:
    async def scenario() -> None:
        user = User()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
            async with linked(Options(url, "floord", keepalive_s=1), user):
                await user.until(lambda: bool(user.downs))
                assert user.downs[0] == "the broker gives no sign of life"
                assert user.sessions == []

    run(scenario)


def test_a_handler_that_raises_loses_nothing_else(tmp_path: Path) -> None:
    class Clumsy(User):
        def puback(self, key: int, code: int) -> None:
            super().puback(key, code)
            raise ValueError(key)

    async def scenario() -> None:
        user = Clumsy()
        errors: list[BaseException] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: errors.append(told["exception"]))
        with started("mosquitto", tmp_path) as child:
            async with linked(Options(child.url, "floord"), user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                for key in range(1, 51):
                    uplink.publish(key, "t", b"", 1, False)
                await user.until(lambda: len(user.answers) == 50)
                await user.until(lambda: len(errors) == 50)

    run(scenario)


def url_of(server: asyncio.Server) -> str:
    return f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def nobody_there() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"mqtt://127.0.0.1:{probe.getsockname()[1]}"


async def short_spoken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that accepts, and closes at once."""
    await reader.read(1000)
    writer.write(b"\x20\x03\x00\x00\x00")
    writer.close()


def test_of_several_brokers_the_next_one_is_tried_and_one_that_works_is_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        user, away = User(), nobody_there()
        async with await asyncio.start_server(short_spoken, "127.0.0.1", 0) as server:
            with started("mosquitto", tmp_path) as child:
                options = Options(away, "floord", others=(url_of(server), child.url))
                async with linked(options, user) as uplink:
                    await user.until(lambda: len(user.sessions) == 2)
                    assert uplink.broker == child.url
                    assert user.downs == [
                        f"{away[7:]}: Connection refused",
                        f"{url_of(server)[7:]}: the connection to the broker broke",
                    ]
                    assert user.by_broker == [False, True]
                    uplink._up_at = 0.0  # it held for long
                    child.kill()
                    await user.until(lambda: len(user.downs) == 3)
                    assert user.downs[2] == f"{child.url[7:]}: the connection to the broker broke"
                    await user.until(lambda: len(user.downs) == 4)
                    assert user.downs[3] == f"{child.url[7:]}: Connection refused", "it was the first one to be tried"
                    with start_mosquitto(tmp_path, child.port):
                        await user.until(
                            lambda: uplink.broker == child.url and len(user.sessions) > len(user.downs) - 3
                        )

    run(scenario)


def test_each_of_several_brokers_is_spoken_to_in_its_own_version(tmp_path: Path) -> None:
    async def scenario() -> None:
        user = User()
        with started("nats", tmp_path) as old, started("mosquitto", tmp_path) as new:
            async with linked(Options(old.url, "floord", others=(new.url,)), user) as uplink:
                await user.until(lambda: len(user.sessions) == 1)
                assert uplink.broker == old.url
                old.kill()
                await user.until(lambda: len(user.sessions) == 2)
                assert uplink.broker == new.url
                uplink.publish(1, "nobody/listens", b"x", 1, False)
                await user.until(lambda: user.answers == {1: 0x10})  # 3.1.1 has no such answer

    run(scenario)


class Answering:
    """A broker of MQTT 5 that accepts, and answers pings and publishes as long as it is told to."""

    def __init__(self, pings: bool = True, publishes: bool = False) -> None:
        self.pings, self.publishes = pings, publishes
        self.seen = 0  # publishes
        self.subscriptions: list[bytes] = []  # SUBACKs to be given, without message id
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = await reader.readexactly(2)  # every packet here is short
                body = await reader.readexactly(length)
                match kind >> 4:
                    case 1:
                        writer.write(b"\x20\x03\x00\x00\x00")
                    case 3:
                        self.seen += 1
                        if self.publishes:
                            at = 2 + int.from_bytes(body[:2], "big")
                            writer.write(b"\x40\x02" + body[at : at + 2])
                    case 8:
                        codes = self.subscriptions.pop(0)
                        writer.write(bytes([0x90, 3 + len(codes)]) + body[:2] + b"\x00" + codes)
                    case 12 if self.pings:
                        writer.write(b"\xd0\x00")
                    case 14:
                        break
        writer.close()


@contextlib.asynccontextmanager
async def answering(broker: Answering) -> AsyncIterator[str]:
    """Its url."""
    async with await asyncio.start_server(broker.serve, "127.0.0.1", 0) as server:
        yield url_of(server)
        for writer in broker.writers:
            writer.transport.abort()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.links.FIRST_S", 0.01)
    monkeypatch.setattr("devices.links.LONGEST_S", 0.01)
    monkeypatch.setattr("controller.uplink.ANSWER_S", 0.1)


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_answers_pings_only_is_left_and_no_row_is_to_blame() -> None:
    async def scenario() -> None:
        publisher, broker = Publisher(committed(Outbox(window=1), [row(1), row(2)])), Answering()
        async with answering(broker) as url, linked(Options(url, "floord"), publisher) as publisher.uplink:
            await publisher.until(lambda: len(publisher.downs) >= 2 * DEATHS + 1)
            assert publisher.downs[0] == "the broker acknowledges nothing: 1 message without an answer"
            assert set(publisher.by_broker) == {False}
            assert publisher.outbox.quarantined == 0
            broker.publishes = True
            await publisher.until(lambda: publisher.delivered == {1, 2})

    run(scenario)


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_acknowledges_slowly_is_kept() -> None:
    async def scenario() -> None:
        user, broker = User(), Answering(publishes=True)
        async with answering(broker) as url, linked(Options(url, "floord"), user) as uplink:
            await user.until(lambda: len(user.sessions) == 1)
            broker.publishes = False
            for key in range(1, 7):
                uplink.publish(key, "t", b"", 1, False)
            for key in range(1, 6):  # 0.3 s in all, and always something in flight
                asyncio.get_running_loop().call_later(0.06, broker.writers[0].write, b"\x40\x02" + mid(key))
                await user.until(lambda key=key: key in user.answers)  # type: ignore[misc]
            assert user.downs == []

    run(scenario)


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_later_ones_have_overtaken_is_lost() -> None:
    """A broker answers in the order in which it was told (MQTT 5 §4.6)."""

    async def scenario() -> None:
        user, broker = User(), Answering(publishes=False)
        async with answering(broker) as url, linked(Options(url, "floord"), user) as uplink:
            await user.until(lambda: len(user.sessions) == 1)
            for key in range(1, 40):
                uplink.publish(key, "t", b"", 1, False)
            for key in range(2, 40):
                if user.downs:
                    break
                asyncio.get_running_loop().call_later(0.02, broker.writers[0].write, b"\x40\x02" + mid(key))
                await user.until(lambda key=key: key in user.answers or bool(user.downs))  # type: ignore[misc]
            assert user.downs == ["the broker did not acknowledge a message, and acknowledged later ones"]
            assert 1 not in user.answers

    run(scenario)


def mid(number: int) -> bytes:
    return number.to_bytes(2, "big")


@pytest.mark.usefixtures("impatient")
def test_a_row_on_which_the_broker_closes_is_found_out() -> None:
    """FIN and RST alike; the wire as it is, not only the outbox."""

    async def scenario() -> None:
        publisher = Publisher(committed(Outbox(window=5), [row(1), row(2, body=b"poison"), row(3)]))
        deaths = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal deaths
            await reader.read(1000)
            writer.write(b"\x20\x03\x00\x00\x00")
            while data := await reader.read(65536):
                if b"poison" in data:
                    deaths += 1
                    if deaths % 2:
                        writer.transport.abort()
                    break
                for at in re.findall(rb"\x32.\x00\x0bfloor/event(..)", data, re.DOTALL):
                    writer.write(b"\x40\x02" + at)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, linked(Options(url_of(server), "floord"), publisher) as publisher.uplink:
            await publisher.until(lambda: publisher.delivered == {1, 3})
            assert set(publisher.by_broker) == {True}
            assert publisher.outbox.quarantined == 1

    run(scenario)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("code", [0x89, 0x8B, 0x8E, 0x9C, 0x9D, 0x9F, 0xA0])
def test_a_broker_that_ends_it_for_a_reason_of_its_own_blames_no_row(code: int) -> None:
    """Busy, shutting down, taken over, elsewhere: a row that it had not answered keeps its place in the order."""

    async def scenario() -> None:
        publisher = Publisher(committed(Outbox(window=1), [row(1), row(2)]))
        well = False

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            writer.write(b"\x20\x03\x00\x00\x00")
            while data := await reader.read(65536):
                if not well:
                    writer.write(bytes([0xE0, 2, code, 0]))
                    break
                for at in re.findall(rb"\x32.\x00\x0bfloor/event(..)", data, re.DOTALL):
                    writer.write(b"\x40\x02" + at)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, linked(Options(url_of(server), "floord"), publisher) as publisher.uplink:
            await publisher.until(lambda: len(publisher.downs) > 2 * DEATHS)
            assert publisher.outbox.quarantined == 0
            well = True
            await publisher.until(lambda: publisher.delivered == {1, 2})
            assert set(publisher.by_broker) == {False}

    run(scenario)


def test_a_broker_that_says_nothing_any_more_has_not_closed() -> None:
    async def scenario() -> None:
        user, broker = User(), Answering(pings=False)
        async with answering(broker) as url, linked(Options(url, "floord", keepalive_s=1), user):
            await user.until(lambda: len(user.downs) == 1)
            assert (user.downs, user.by_broker) == (["the broker gives no sign of life"], [False])

    run(scenario)


def test_refused_subscriptions_are_told_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.uplink.SUBSCRIBE_S", 0.05)

    async def scenario() -> None:
        user, broker = User(), Answering()
        broker.subscriptions = [b"\x01\x87\x97", b"\x87\x01", b"\x01"]
        wanted = [("a", 1), ("b", 1), ("c", 1)]
        async with answering(broker) as url, linked(Options(url, "floord", subscriptions=wanted), user):
            await user.until(lambda: len(user.refused) == 3)
            both = [("b", "Not authorized"), ("c", "Quota exceeded")]
            assert user.refused == [both, both[:1], []]
            assert user.downs == []

    run(scenario)


def test_nats_grants_only_some_subscriptions_where_it_is_told_to_keep_too_much(tmp_path: Path) -> None:
    """Of all subscriptions of a client it holds 65,535 messages at most, what is beyond is refused."""

    def command(port: int) -> list[str]:
        mqtt = {"host": "127.0.0.1", "port": port, "max_ack_pending": 20_000}
        config = {"server_name": "hubfloor", "host": "127.0.0.1", "port": -1, "mqtt": mqtt}
        (tmp_path / "nats.conf").write_text(json.dumps(config | {"jetstream": {"store_dir": str(tmp_path / "nats")}}))
        return [str(broker.nats_binary()), "--config", str(tmp_path / "nats.conf")]

    async def scenario() -> None:
        user, topics = User(), [(f"in/{number}", 1) for number in range(6)]
        with broker._start(command, None, tmp_path / "nats.log") as child:
            async with linked(Options(child.url, "floord", subscriptions=topics), user):
                await user.until(lambda: len(user.refused) == 1)
                assert [topic for topic, _ in user.refused[0]] == ["in/3", "in/4", "in/5"]

    try:
        broker.nats_binary()
    except BrokerMissing as missing:
        pytest.skip(str(missing))
    run(scenario)


def test_options() -> None:
    options = Options("mqtt://broker", "c", username="u", password="secret-word")
    assert (options.host, options.port, options.tls) == ("broker", 1883, False)
    assert "secret-word" not in repr(options)
    options = Options("mqtts://[::1]:1234", "c")
    assert (options.host, options.port, options.tls) == ("::1", 1234, True)
    assert Options("mqtts://broker", "c").port == 8883
    for bad in ("broker", "http://broker", "mqtt://", "mqtt://user:pw@broker", "mqtt://broker/path"):
        with pytest.raises(ValueError, match="write mqtt://host:port"):
            Options(bad, "c")
    with pytest.raises(ValueError, match="Port"):
        Options("mqtt://broker:99999", "c")
