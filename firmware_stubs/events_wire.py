"""A listener on the centre's broker: what floord publishes there, and what the centre says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from firmware_stubs.coupling import Listener
from firmware_stubs.mqtt_wire import MqttWire
from firmware_stubs.stub import Piece, as_message
from firmware_stubs.wire import PortError, Side

ALL = "hub/v1/#"
OF_NODES = ("event", "state", "reply")
"""what stands behind hub/v1/{site}/{node}/ where a node publishes"""


def of_a_node(topic: str) -> bool:
    """Whether a node publishes there; else the centre, or whoever gives commands. Source: docs/centre.md."""
    levels = topic.split("/")
    return (len(levels) > 4 and levels[4] in OF_NODES) or levels[3:] == ["ask"]


class EventsWire(MqttWire):
    """The listener's connection. `there` is set once it hears."""

    def __init__(self, url: str, tap: Listener, now: Callable[[], float]) -> None:
        """`url`: `mqtt://host:port`; it connects for ever. Raises PortError."""
        parts = urlsplit(url)
        if parts.scheme != "mqtt" or not parts.hostname or parts.username is not None:
            raise PortError(f"{url}: give mqtt://host:port of the centre's broker, without name and password")
        self.there = asyncio.Event()

        def heard(piece: Piece) -> None:
            message = as_message(piece)
            if message.retain:  # said before this run
                return
            tell = tap.published if of_a_node(message.topic) else tap.centre
            tell(now(), message.topic, message.payload, False)

        def connected(there: bool) -> None:
            self.there.set()

        super().__init__(parts.hostname, parts.port or 1883, Side(heard, connected, subscriptions=((ALL, 1),)))
