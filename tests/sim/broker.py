"""The broker between the node and the centre: QoS 1 both ways, a session that survives, and the ways it fails.

What the centre publishes is kept until the node has acknowledged it, and comes again after each connection. What the
node publishes reaches the witness, and is acknowledged, unless the connection broke meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.sim.centre import BROKER_MS

if TYPE_CHECKING:
    from tests.sim.hub import Hub

RECONNECT_MS = 2000.0


def _in_time(topic: str) -> float:
    return BROKER_MS


def _once(topic: str) -> bool:
    return False


class Broker:
    """One broker, with knobs for the faults."""

    def __init__(self, hub: Hub) -> None:
        self.there = True
        self.lose_pubacks = False
        self.ms: Callable[[str], float] = _in_time
        """how long a message of a topic takes to the node"""
        self.doubled: Callable[[str], bool] = _once
        """whether a message of a topic comes twice"""
        self._hub = hub
        self._connection = 0
        self._token = 0
        self._by_token: dict[int, int] = {}

    def in_time(self) -> None:
        """Messages are neither late nor doubled any more."""
        self.ms, self.doubled = _in_time, _once

    def goes(self) -> None:
        """It is gone; whoever is connected notices at once."""
        self.there = False
        self.parted()
        node = self._hub.node
        if node is not None and node.online:
            node.disconnected(self._hub.clock.now)
            self._hub.pump()

    def comes(self) -> None:
        """It is back; the daemon finds it a little later."""
        self.there = True
        self._hub.clock.after(self._hub.rng.uniform(10.0, RECONNECT_MS), self.connect, self._hub.life)

    def hiccup(self) -> None:
        """The connection breaks and is made again."""
        self.goes()
        self.comes()

    def parted(self) -> None:
        """There is no connection any more."""
        self._connection += 1
        self._by_token.clear()

    def connect(self, life: int) -> None:
        """The daemon of that life connects; everything that it has not acknowledged comes again, in order."""
        hub = self._hub
        if hub.node is None or life != hub.life or not self.there or hub.node.online:
            return
        hub.node.connected(hub.clock.now)
        hub.centre.unsent.clear()
        for number in hub.centre.inbox:
            self._deliver(number)
        hub.pump()

    def flush(self) -> None:
        """Hand on what the centre has published since."""
        if self._hub.node is not None and self._hub.node.online:
            for number in self._hub.centre.unsent:
                self._deliver(number)
            self._hub.centre.unsent.clear()

    def take(self, rows: list[tuple[int, bytes]]) -> None:
        """The node publishes rows of its journal."""
        self._hub.clock.after(BROKER_MS, self._published, (rows, self._connection))

    def acked(self, token: int) -> None:
        """The node acknowledges a message."""
        number = self._by_token.pop(token, None)
        if number is not None:
            self._hub.centre.inbox.pop(number, None)

    def _deliver(self, number: int) -> None:
        message = self._hub.centre.inbox.get(number)
        if message is not None:
            for _ in range(1 + self.doubled(message.topic)):
                self._hub.clock.after(self.ms(message.topic), self._message, (number, self._connection))

    def _message(self, what: tuple[int, int]) -> None:
        number, connection = what
        hub, message = self._hub, self._hub.centre.inbox.get(number)
        if hub.node is None or connection != self._connection or message is None:
            return
        self._token += 1
        self._by_token[self._token] = number
        hub.node.message(message.topic, message.payload, self._token, hub.clock.now)
        if "/command/" not in message.topic or hub.knows_the_time:
            hub.watch.truth.told(message)
        hub.pump()

    def _published(self, what: tuple[list[tuple[int, bytes]], int]) -> None:
        rows, connection = what
        if connection != self._connection and self._hub.rng.random() < 0.5:
            return  # they were still in the socket when the connection broke
        for _, body in rows:
            self._hub.watch.witness.event(body)
            for listener in self._hub.listeners:
                listener(body)
        if not self.lose_pubacks:
            self._hub.clock.after(BROKER_MS, self._pubacks, ([key for key, _ in rows], connection))

    def _pubacks(self, what: tuple[list[int], int]) -> None:
        keys, connection = what
        node = self._hub.node
        if node is not None and connection == self._connection:
            for key in keys:
                node.puback(key, 0, self._hub.clock.now)
            self._hub.pump()
