"""Real brokers for the fault suite: mosquitto with any lines in its configuration, started again on its own port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller import broker
from controller.broker import BrokerMissing, Child

PERSISTENT = ("persistence true", "persistence_location {folder}/")
"""mosquitto's own defaults otherwise: the store is written every 30 minutes and at a SIGTERM, not at a SIGKILL."""

ROOM = ("max_queued_messages 2000000", "max_inflight_messages 100")
"""With mosquitto's own 20 in flight, 0.2 s of delay leave 100 events/s. And not 0 = any number: mosquitto 2.0.11 then
ends the connection after each publish that its access list denies."""


def mosquitto(folder: Path, *lines: str, port: int | None = None) -> Child:
    """mosquitto that queues without limit; skips the test where there is none."""
    try:
        binary = str(broker.mosquitto_binary())
    except BrokerMissing as missing:
        pytest.skip(str(missing))
    folder.mkdir(exist_ok=True)

    def command(port: int) -> list[str]:
        first = (f"listener {port} 127.0.0.1", "allow_anonymous true", "user root", *ROOM)
        settings = [line.format(folder=folder) for line in (*first, *lines)]
        (folder / "mosquitto.conf").write_text("\n".join([*settings, ""]))
        return [binary, "-c", str(folder / "mosquitto.conf")]

    return broker._start(command, port, folder / "mosquitto.log")


def nats(folder: Path, port: int | None = None) -> Child:
    """nats-server with its store in `folder`; skips the test where there is none."""
    try:
        return broker.start_nats(folder, port)
    except BrokerMissing as missing:
        pytest.skip(str(missing))


@contextmanager
def kept_free(port: int) -> Iterator[None]:
    """While nobody listens on a port: that no connection of this machine gets it as its own, which would keep it."""
    with socket.socket() as holder:
        holder.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # so a broker, which sets it too, may bind beside it
        holder.bind(("127.0.0.1", port))
        yield
