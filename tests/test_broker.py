"""The brokers of demo and tests: ready when told so, keeping what a session waits for, gone when they should be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from controller import broker, inbound

START = {"nats": broker.start_nats, "mosquitto": broker.start_mosquitto}
WAIT_S = 10.0


def started(kind: str, folder: Path, port: int | None = None) -> broker.Child:
    try:
        return START[kind](folder, port)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=START)
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[broker.Child]:
    with started(request.param, tmp_path) as child:
        yield child


class Peer:
    """A paho client whose network loop runs only while something is waited for."""

    def __init__(self, port: int, name: str, *, clean: bool = True, will: str | None = None) -> None:
        # What paho calls knows these lists and not the peer: without a circle the last to use it closes its sockets.
        self.got = got = list[paho.MQTTMessage]()
        self._connected = connected = list[paho.ConnectFlags]()
        self._granted = granted = list[ReasonCode]()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean, protocol=paho.MQTTv311
        )
        self.client.on_connect = lambda client, data, flags, *_: connected.append(flags)
        self.client.on_subscribe = lambda client, data, mid, codes, *_: granted.extend(codes)
        self.client.on_message = lambda client, data, message: got.append(message)
        if will is not None:
            self.client.will_set(will, b"gone", qos=1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.until(lambda: self.connected is not None)

    @property
    def connected(self) -> paho.ConnectFlags | None:
        """What the broker said last when it accepted."""
        return self._connected[-1] if self._connected else None

    def until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not done():
            assert time.monotonic() < deadline, f"waited {WAIT_S} s in vain; got {len(self.got)} messages"
            self.client.loop(0.05)

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)
        self.until(lambda: bool(self._granted))

    def publish(self, topic: str, payloads: list[bytes], *, retain: bool = False) -> None:
        sent = [self.client.publish(topic, payload, qos=1, retain=retain) for payload in payloads]
        self.until(lambda: all(info.is_published() for info in sent))

    def leave(self) -> None:
        self.client.disconnect()
        self.until(lambda: not self.client.is_connected())

    def vanish(self) -> None:
        """The cable is pulled: no DISCONNECT."""
        wire = self.client.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)
        self.client.loop(0.05)


def test_a_session_gets_what_was_published_while_it_was_away(child: broker.Child) -> None:
    consumer = Peer(child.port, "consumer", clean=False)
    consumer.subscribe("hub/v1/#")
    consumer.leave()

    wanted = [b"%d" % number for number in range(50)]
    node = Peer(child.port, "node")
    node.publish("hub/v1/lgg/sorter-a/event/parcel/sorted", wanted)
    node.leave()

    consumer = Peer(child.port, "consumer", clean=False)
    assert consumer.connected is not None
    assert consumer.connected.session_present
    consumer.until(lambda: len(consumer.got) >= len(wanted))
    assert [message.payload for message in consumer.got] == wanted
    consumer.leave()


def test_a_retained_message_waits_for_who_comes_later(child: broker.Child) -> None:
    node = Peer(child.port, "node")
    node.publish("hub/v1/lgg/sorter-a/state/node", [b"starting", b"online"], retain=True)
    node.leave()

    late = Peer(child.port, "late")
    late.subscribe("hub/v1/#")
    late.until(lambda: bool(late.got))
    assert [(message.payload, message.retain) for message in late.got] == [(b"online", True)]
    late.leave()


def test_the_will_speaks_for_who_vanished(child: broker.Child) -> None:
    watcher = Peer(child.port, "watcher")
    watcher.subscribe("hub/v1/#")
    Peer(child.port, "node", will="hub/v1/lgg/sorter-a/state/node").vanish()
    watcher.until(lambda: bool(watcher.got))
    assert watcher.got[0].payload == b"gone"
    watcher.leave()


@pytest.mark.parametrize("kind", START)
def test_the_same_port_again_after_a_kill(kind: str, tmp_path: Path) -> None:
    with started(kind, tmp_path) as first:
        assert first.url == f"mqtt://127.0.0.1:{first.port}"
        first.kill()
        assert not first.running
        with started(kind, tmp_path, first.port) as second:
            assert second.running
            assert (second.port, second.pid != first.pid) == (first.port, True)
        assert not second.running


def test_nats_keeps_over_a_kill_what_it_acknowledged(tmp_path: Path) -> None:
    with started("nats", tmp_path) as first:
        consumer = Peer(first.port, "consumer", clean=False)
        consumer.subscribe("hub/v1/#")
        consumer.leave()
        Peer(first.port, "node").publish("hub/v1/lgg/x", [b"1", b"2", b"3"])
        first.kill()
    with started("nats", tmp_path, first.port) as second:
        consumer = Peer(second.port, "consumer", clean=False)
        consumer.until(lambda: len(consumer.got) >= 3)
        assert [message.payload for message in consumer.got] == [b"1", b"2", b"3"]
        consumer.leave()


@pytest.mark.parametrize("kind", START)
def test_a_taken_port_is_said_with_the_log(kind: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(broker.BrokerFailed, match=f"port {port} did not become ready(?s:.*)in use"):
            started(kind, tmp_path, port)


@pytest.mark.parametrize("kind", START)
def test_a_broker_dies_with_its_parent(kind: str, tmp_path: Path) -> None:
    started(kind, tmp_path / "probe").stop()  # skips here when it is missing
    script = (
        "import sys; from pathlib import Path; from controller import broker;"
        f"child = broker.start_{kind}(Path(sys.argv[1])); print(child.port, child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        port, pid = map(int, parent.stdout.readline().split())
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as client:
            parent.send_signal(signal.SIGKILL)
            gone = hang_up(client)
            if not gone:
                os.kill(pid, signal.SIGKILL)
            assert gone


def hang_up(client: socket.socket) -> bool:
    """Read until the other side is gone; False after the socket's timeout."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_a_missing_mosquitto_names_its_package(tmp_path: Path) -> None:
    with pytest.raises(broker.BrokerMissing, match="Debian package mosquitto is missing"):
        broker.mosquitto_binary(path=str(tmp_path))


def test_every_subscription_of_a_node_is_granted(child: broker.Child) -> None:
    """What a broker grants of acknowledgements it shares among a client's subscriptions: all of ours must have some."""
    peer = Peer(child.port, "node", clean=False)
    granted: list[ReasonCode] = []
    peer.client.on_subscribe = lambda client, data, mid, codes, properties: granted.extend(codes)
    topics = [f"hub/v1/lgg/{name}" for name in inbound.TOPICS] + ["hub/v1/lgg/demo/command/+"]
    peer.client.subscribe([(topic, 1) for topic in topics])
    peer.until(lambda: len(granted) == len(topics))
    assert not [topic for topic, code in zip(topics, granted, strict=True) if code.is_failure]
