"""A centre that costs little: it hears every event of one node, and counts each sequence. MQTT 3.1.1, QoS 1."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.faults import mqtt_wire

KEEPALIVE_S = 600
RECEIVED = 262_144
SEQUENCE = b'"sequence":"'


class Centre:
    """Connected and subscribed when it is made; a context manager."""

    def __init__(self, url: str, topic: str) -> None:
        where = urlsplit(url)
        self._socket = socket.create_connection((where.hostname, where.port), 10)
        self._packets = mqtt_wire.Packets()
        self.heard = set[int]()
        """sequences"""
        self.duplicates = 0
        self.topic = topic
        hello = b"\0\4MQTT\4\2" + KEEPALIVE_S.to_bytes(2, "big") + b"\0\6centre"
        self._socket.sendall(mqtt_wire.packet(mqtt_wire.CONNECT, hello))
        self._await(mqtt_wire.CONNACK)
        raw = topic.encode()
        wanted = b"\0\1" + len(raw).to_bytes(2, "big") + raw + b"\1"
        self._socket.sendall(mqtt_wire.packet(mqtt_wire.SUBSCRIBE, wanted, 2))
        self._await(mqtt_wire.SUBACK)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def read(self) -> None:
        """Take what has come, and acknowledge it. Raises ConnectionError where the broker has gone."""
        answers = []
        for kind, flags, body in self._received():
            if kind != mqtt_wire.PUBLISH:
                continue
            behind = 2 + int.from_bytes(body[:2], "big")
            if flags & 6:
                answers.append(b"\x40\2" + body[behind : behind + 2])
            at = body.index(SEQUENCE, behind) + len(SEQUENCE)
            sequence = int(body[at : at + 20])
            self.duplicates += sequence in self.heard
            self.heard.add(sequence)
        if answers:
            self._socket.sendall(b"".join(answers))

    def _received(self) -> list[tuple[int, int, bytes]]:
        data = self._socket.recv(RECEIVED)
        if not data:
            raise ConnectionError("the broker closed the connection")
        return self._packets.feed(data)

    def _await(self, wanted: int) -> None:
        while not any(kind == wanted for kind, _, _ in self._received()):
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
