"""PUBLISH and PUBACK on a socket, cut anywhere: the client's short way against the bytes of the standard."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.mqtt_client import Client

FIVE, THREE = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@contextmanager
def connected(protocol: MQTTProtocolVersion) -> Iterator[tuple[Client, socket.socket, list[tuple[int, int]]]]:
    """A client that is past its CONNACK, the broker's end of its socket, and what was answered."""
    answers: list[tuple[int, int]] = []
    client = Client(
        lambda mid, code: answers.append((mid, code)), CallbackAPIVersion.VERSION2, "me", None, protocol=protocol
    )
    client.on_socket_register_write = lambda *_: None
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client._sock = ours
    try:
        yield client, theirs, answers
    finally:
        ours.close()
        theirs.close()


def packets(data: bytes) -> list[bytes]:
    """Whole packets, each with its first byte and without its length (§2.1)."""
    found, at = [], 0
    while at < len(data):
        length, shift, place = 0, 0, at + 1
        while True:
            byte = data[place]
            length |= (byte & 127) << shift
            shift, place = shift + 7, place + 1
            if byte < 128:
                break
        found.append(data[at : at + 1] + data[place : place + length])
        at = place + length
    return found


@pytest.mark.parametrize(("protocol", "properties"), [(FIVE, b"\0"), (THREE, b"")])
def test_publishes_of_one_turn_leave_as_packets_in_order(protocol: MQTTProtocolVersion, properties: bytes) -> None:
    with connected(protocol) as (client, broker, _):
        first = client.send("hub/v1/a", b"one", False)
        second = client.send("hub/v1/b", b"x" * 300, True)
        client.publish("hub/v1/state", b"now", qos=0)
        client.loop_write()
        said = packets(broker.recv(65536))
    assert first is not None
    assert second is not None
    assert said == [
        b"\x32\0\x08hub/v1/a" + first.to_bytes(2, "big") + properties + b"one",
        b"\x33\0\x08hub/v1/b" + second.to_bytes(2, "big") + properties + b"x" * 300,
        b"\x30\0\x0chub/v1/state" + properties + b"now",
    ]


@pytest.mark.parametrize("topic", ["", "hub/+/x", "hub/#"])
def test_a_topic_that_none_can_have_is_refused_and_the_next_one_goes(topic: str) -> None:
    with connected(FIVE) as (client, broker, _):
        with pytest.raises(ValueError, match="topic"):
            client.send(topic, b"", False)
        mid = client.send("hub/v1/a", b"", False)
        client.loop_write()
        assert mid is not None
        assert packets(broker.recv(100)) == [b"\x32\0\x08hub/v1/a" + mid.to_bytes(2, "big") + b"\0"]


FORMS = st.sampled_from(
    [(b"", 0), (b"\x00", 0), (b"\x10", 0x10), (b"\x87", 0x87), (b"\x00\x00", 0), (b"\x97\x00", 0x97), (b"\x42", 0x80)]
)
"""Behind the message id: reason code and properties -> the code that is told; 0x42 is none that a PUBACK can have."""


@given(st.lists(FORMS, min_size=1, max_size=12), st.lists(st.integers(1, 9), max_size=40))
def test_answers_are_heard_wherever_the_bytes_are_cut(forms: list[tuple[bytes, int]], cuts: list[int]) -> None:
    with connected(FIVE) as (client, broker, answers):
        mids = [client.send("t", b"", False) or 0 for _ in forms]
        data, wanted = b"", []
        for mid, (rest, code) in zip(mids, forms, strict=True):
            data += b"\x40" + bytes([2 + len(rest)]) + mid.to_bytes(2, "big") + rest
            data += b"\xd0\x00" if code else b""  # a PINGRESP between them is paho's
            wanted.append((mid, code))
        data += b"\x40\x02" + (mids[-1] + 7).to_bytes(2, "big")  # of nothing that waits
        while data:
            cut = cuts.pop() if cuts else len(data)
            broker.sendall(data[:cut])
            data = data[cut:]
            client.read()
    assert answers == wanted


def test_the_end_of_the_connection_is_told_once_what_came_before_it_was_heard() -> None:
    over: list[object] = []
    with connected(FIVE) as (client, broker, answers):
        client.on_disconnect = lambda *told: over.append(told)
        mid = client.send("t", b"", False)
        assert mid is not None
        broker.sendall(b"\x40\x02" + mid.to_bytes(2, "big"))
        broker.close()
        client.read()
        client.read()
        assert answers == [(mid, 0)]
        assert len(over) == 1
        assert client.send("t", b"", False) is None
