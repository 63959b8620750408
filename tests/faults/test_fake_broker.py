"""The fake broker is a broker to somebody else's client: else the tests behind it prove nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.faults import mqtt_wire
from tests.faults.fake_broker import FakeBroker, Rules


@pytest.fixture(autouse=True)
def no_cycles() -> Iterator[None]:
    """A client closes its sockets as soon as nobody has it, so nothing may go round through its callbacks."""
    yield
    for peer in Peer.all:
        client = peer.client
        client.on_connect = client.on_publish = client.on_subscribe = client.on_message = client.on_disconnect = None
    Peer.all.clear()


class Peer:
    """A paho client, its loop driven by hand."""

    all: ClassVar[list[Peer]] = []

    def __init__(self, port: int, version: MQTTProtocolVersion, name: str = "peer") -> None:
        self.all.append(self)
        self.flags: Any = None
        self.codes: list[int] = []
        self.granted: list[int] = []
        self.got: list[tuple[bytes, bool, bool]] = []
        self.over: list[int] = []
        five = version == MQTTProtocolVersion.MQTTv5
        kept = None if five else False
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=version, clean_session=kept)
        self.client.on_connect = lambda _c, _u, flags, *_: setattr(self, "flags", flags)
        self.client.on_publish = lambda _c, _u, _mid, code, _p: self.codes.append(code.value)
        self.client.on_subscribe = lambda _c, _u, _mid, codes, _p: self.granted.extend(code.value for code in codes)
        self.client.on_message = lambda _c, _u, m: self.got.append((bytes(m.payload), m.retain, m.dup))
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: self.over.append(code.value)
        self.client.connect("127.0.0.1", port, clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY)
        self.until(lambda: self.flags is not None)

    def until(self, condition: Any) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            self.client.loop(0.02)


VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_foreign_client_is_served(version: str) -> None:
    rules = Rules(code=lambda message: 0x87 if message.topic == "b" else 0)
    with FakeBroker(rules=rules) as broker:
        peer = Peer(broker.port, VERSIONS[version])
        assert not peer.flags.session_present
        peer.client.subscribe([("in/+", 1), ("x/#", 1)])
        peer.until(lambda: peer.granted == [1, 1])
        for topic in ("a", "b", "c"):
            peer.client.publish(topic, b"x" * 300, qos=1)
        peer.until(lambda: len(peer.codes) == 3)
        assert peer.codes == ([0, 0x87, 0] if version == "5" else [0, 0, 0])
        assert [entry.code for entry in broker.ledger] == [0, 0x87, 0]
        broker.send("in/1", b"old", retain=True)
        broker.send("elsewhere", b"no")
        peer.until(lambda: len(peer.got) == 1 and broker.acked == 1)
        assert peer.got == [(b"old", True, False)]
        peer.client.disconnect()
        peer.until(lambda: bool(peer.over) and not broker.standing)
        broker.send("in/2", b"waits")
        again = Peer(broker.port, VERSIONS[version])
        assert again.flags.session_present
        again.until(lambda: again.got == [(b"waits", False, False)])
        broker.rules = Rules(forget=True, grants=False)
        twin = Peer(broker.port, VERSIONS[version])
        assert not twin.flags.session_present
        again.until(lambda: bool(again.over))
        assert again.over == [0x8E] if version == "5" else again.over
        twin.client.subscribe("in/+", 1)
        twin.until(lambda: bool(twin.granted))
        assert twin.granted == [0x87 if version == "5" else 0x80]
        assert broker.protocol_errors == []


def test_what_was_not_acknowledged_is_sent_again_and_marked() -> None:
    with FakeBroker() as broker:
        peer = Peer(broker.port, MQTTProtocolVersion.MQTTv5)
        peer.client.manual_ack_set(True)
        peer.client.subscribe("in", 1)
        peer.until(lambda: bool(peer.granted))
        broker.send("in", b"one")
        peer.until(lambda: bool(peer.got))
        broker.drop()
        peer.until(lambda: bool(peer.over))
        again = Peer(broker.port, MQTTProtocolVersion.MQTTv5)
        again.until(lambda: again.got == [(b"one", False, True)])


def test_answers_are_lost_doubled_held_and_turned_round() -> None:
    with FakeBroker(rules=Rules(silent=True)) as broker:
        peer = Peer(broker.port, MQTTProtocolVersion.MQTTv5)
        order: list[int] = []
        peer.client.on_publish = lambda _c, _u, mid, *_: order.append(mid)
        mids = [peer.client.publish("a", b"", qos=1).mid for _ in range(4)]
        peer.until(lambda: len(broker.ledger) == 4)
        assert order == []
        broker.rules = Rules(batch=4)
        broker.answer_all()
        peer.until(lambda: len(order) == 4)
        assert order == mids[::-1]
        broker.rules = Rules(times=0)
        peer.client.publish("a", b"", qos=1)
        peer.until(lambda: len(broker.ledger) == 5)
        assert [entry.code for entry in broker.ledger] == [0, 0, 0, 0, None]


def test_lengths_are_those_of_the_standard() -> None:
    for size in (0, 127, 128, 16_383, 16_384):
        data = mqtt_wire.packet(mqtt_wire.PUBLISH, b"x" * size)
        packets = mqtt_wire.Packets()
        assert packets.feed(data[:-1]) == []
        assert packets.feed(data[-1:] if size else b"\0") == [(mqtt_wire.PUBLISH, 0, b"x" * size)]
    with pytest.raises(mqtt_wire.Malformed):
        mqtt_wire.Packets().feed(b"\x30\xff\xff\xff\xff\x01")
