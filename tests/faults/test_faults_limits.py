"""What the machine gives is used up: descriptors, memory. The rest goes on, or the next start finds all of it (P14)."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.faults.brokers import mosquitto
from tests.faults.consumer import Consumer
from tests.faults.figures import NOTHING, RECOVERY_S
from tests.faults.hub import NODE, SITE, Hub
from tests.faults.threads import until

SPARE = 4
CLIENTS = 80
MB = 1_000_000


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def limit(pid: int, what: int, most: int) -> None:
    """Of a running process. The hard limit stays: only root may raise that again, and not everywhere."""
    hard = resource.prlimit(pid, what)[1]
    resource.prlimit(pid, what, (hard if most == resource.RLIM_INFINITY else most, hard))


def answers(hub: Hub) -> bool:
    try:
        return bool(hub.status()["ok"])
    except OSError:
        return False


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    """Clients of the control socket take every one, and the broker is gone meanwhile."""
    child = mosquitto(tmp_path / "broker")
    try:
        with Hub(tmp_path / "hub", child.url) as hub, Consumer(child.url, SITE, NODE) as consumer:
            hub.start()
            hub.online()
            hub.fed(200)
            hub.heard_by(consumer.book)
            assert hub.process is not None
            pid = hub.process.pid
            most = descriptors(pid) + SPARE
            limit(pid, resource.RLIMIT_NOFILE, most)
            with contextlib.ExitStack() as clients:
                for _ in range(CLIENTS):
                    client = clients.enter_context(socket.socket(socket.AF_UNIX))
                    client.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        client.connect(str(tmp_path / "hub" / "state" / "control.sock"))
                until(lambda: descriptors(pid) >= most - 1, "every descriptor is taken")
                child.kill()
                hub.fed(500)
                child = mosquitto(tmp_path / "broker", port=child.port)
            until(lambda: answers(hub), "it answers again")
            hub.online()
            hub.heard_by(consumer.book, RECOVERY_S)
            assert hub.process.poll() is None
            assert hub.compare(consumer.book) == NOTHING
            assert hub.end()[0] == 0
    finally:
        child.stop()


@pytest.mark.parametrize("spare_mb", [6, 30])
def test_no_memory_is_left(spare_mb: int, tmp_path: Path) -> None:
    """Whatever fails then, what was told durable is there at the next start, and nothing is missing."""
    with (
        mosquitto(tmp_path / "broker") as child,
        Hub(tmp_path / "hub", child.url) as hub,
        Consumer(child.url, SITE, NODE) as consumer,
    ):
        hub.start()
        hub.online()
        hub.fed(200)
        assert hub.process is not None
        pid = hub.process.pid
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + spare_mb * MB
        limit(pid, resource.RLIMIT_AS, most)
        flood(child.port)
        hub.feeder.feed(2000)
        until(lambda: hub.process is None or hub.process.poll() is not None or hub.feeder.done, "it ends or goes on")
        if hub.process.poll() is None:
            limit(pid, resource.RLIMIT_AS, resource.RLIM_INFINITY)
        else:
            hub.process = None  # however it ended: native code aborts where it gets no memory
            hub.start()
        hub.online()
        until(lambda: hub.feeder.done, "all is read")
        hub.fed(200)
        hub.still()
        hub.heard_by(consumer.book, RECOVERY_S)
        assert hub.compare(consumer.book, killed=True) == NOTHING


def flood(port: int) -> None:
    """40 messages of 900 kB of advice that is none."""
    client = Client(CallbackAPIVersion.VERSION2, "flood")
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish(f"hub/v1/{SITE}/advice", b"[" + b"7," * 450_000 + b"7]", qos=1) for _ in range(40)]
    for one in sent:
        one.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
