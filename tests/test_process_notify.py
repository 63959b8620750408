"""What the service manager is told: ready, how it goes, signs of life only while there is life."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from controller.notify import Notify
from tests.floord import LIMIT_S, floord, until

WATCHDOG_S = 0.5
PLANTED = """
import time, controller.node as n
received = n.Node.received
def planted(self, port, data, at):
    if b'STALL' in data: time.sleep(2)
    received(self, port, data, at)
n.Node.received = planted
"""
HUNG = """
import threading, controller.wellbeing as w, controller.journal as j
w.HUNG_MS = 500.0
free, commit = threading.Event(), j.Journal.commit
def hung(self, batch):
    if any('tunnel-1' in row.subject for row in batch.events): free.wait(2.5)
    commit(self, batch)
j.Journal.commit = hung
"""


class Manager:
    """The service manager's socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.02)
        self.heard: list[tuple[float, str]] = []

    def texts(self) -> list[str]:
        """All that was said so far."""
        while True:
            try:
                self.heard.append((time.monotonic(), self._socket.recv(4096).decode()))
            except TimeoutError:
                return [text for _, text in self.heard]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    one = Manager(f"@hubfloor-{time.monotonic_ns()}")
    yield one
    one.close()


def test_ready_with_broker_and_machines_away_and_signs_of_life_while_it_lives(tmp_path: Path, manager: Manager) -> None:
    with floord(tmp_path) as one:
        one.start(PLANTED, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=str(round(WATCHDOG_S * 1e6)))
        until(lambda: "READY=1" in manager.texts(), "READY")
        until(lambda: manager.texts().count("WATCHDOG=1") > 4, "signs of life")
        status = "STATUS=2 of 3 links up; broker away; "
        until(lambda: any(text.startswith(status) and text.endswith("; no alarms") for text in manager.texts()), status)
        one.tunnel.say(b"\x02STALL\x03")
        until(lambda: one.status()["links"]["tunnel-1"]["frames"], "the end of the stand")
        until(lambda: manager.texts()[-1] == "WATCHDOG=1", "signs of life again")
        alive = [at for at, text in manager.heard if text == "WATCHDOG=1"]
        gaps = [after - before for before, after in pairwise(alive)]
        assert max(gaps) > 1.8, "it said that it lives while it stood"
        assert sorted(gaps)[len(gaps) // 2] < WATCHDOG_S / 2
        assert one.stop() == 0
        assert manager.texts()[-1] == "STOPPING=1" or "STOPPING=1" in manager.texts()
        assert manager.texts().index("READY=1") < manager.texts().index("STOPPING=1")


def test_a_hung_disk_is_told_and_does_not_end_it(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "n"))
    with floord(tmp_path) as one:
        one.start(HUNG, NOTIFY_SOCKET=manager.address)
        until(lambda: any("the disk has not answered for" in text for text in manager.texts()), "the hung disk")
        assert "journal-hung" in one.status()["alarms"]
        begun = time.monotonic()
        one.tunnel.say(b"\x02RB123456785GB\x03")
        until(lambda: one.status()["links"]["tunnel-1"]["frames"], "the floor works on")
        assert time.monotonic() - begun < LIMIT_S
        until(lambda: not one.status()["alarms"], "the end of the alarm")
        assert one.stop() == 0
    manager.close()


def test_nobody_to_tell_is_nothing(tmp_path: Path) -> None:
    away = Notify({"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"})
    for tell in (away.ready, away.alive, away.stopping, away.reloading):
        tell()
    away.status("x")
    assert away.watchdog_s == 0.0, "another process is watched"
    assert Notify({"WATCHDOG_USEC": "2000000"}).watchdog_s == 0.0
    assert Notify({}).every_s == 1.0


def test_what_is_told_is_one_line(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "n"))
    notify = Notify({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "10000000"})
    assert notify.every_s == 1.0
    for _ in range(2):
        notify.status("a\nREADY=1\x1b")
    notify.reloading()
    told = manager.texts()
    assert told[0] == "STATUS=a\\nREADY=1\\x1b"
    assert told[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert len(told) == 2
    manager.close()
