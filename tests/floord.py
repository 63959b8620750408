"""floord as a real process on the small floor of floor_fixture.py: its machines are sockets of the test.

`plant` is Python text that runs in the process before the daemon does: a fault of our own code, put there on purpose.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from controller.commands._where import Unavailable, ask
from tests.floor_fixture import write

ROOT = Path(__file__).parents[1]
LIMIT_S = 40.0
MAIN = "from controller.__main__ import main; main(['run', {floor!r}], prog_name='floord')"


def until(done: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """Wait for something that another process does, and return it."""
    pause, deadline = threading.Event(), time.monotonic() + limit_s
    while not (found := done()):
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        pause.wait(0.02)
    return found


class Machine:
    """The listening side of a link: accepts floord's connection, again and again."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(LIMIT_S)
        self.port = self._server.getsockname()[1]
        self._connection: socket.socket | None = None

    def accept(self) -> None:
        """Wait until floord connects (anew)."""
        self.drop()
        self._connection, _ = self._server.accept()
        self._connection.settimeout(LIMIT_S)

    def say(self, data: bytes) -> None:
        if self._connection is None:
            self.accept()
        assert self._connection is not None
        self._connection.sendall(data)

    def gone(self) -> bool:
        """Wait until floord closes the connection."""
        assert self._connection is not None
        with contextlib.suppress(ConnectionError):
            while self._connection.recv(65536):
                pass
        return True

    def drop(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()

    def close(self) -> None:
        self.drop()
        self._server.close()


class Floord:
    """One process at a time on one state_dir."""

    def __init__(self, folder: Path, *changes: str) -> None:
        self.folder = folder
        self.tunnel, self.plc = Machine(), Machine()
        ports = {"tcp://127.0.0.1:2112": self.tunnel, "tcp://127.0.0.1:2000": self.plc}
        links = [f"{old} => tcp://127.0.0.1:{machine.port}" for old, machine in ports.items()]
        self.floor = write(folder, *links, *changes)
        self.state = folder / "state"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, plant: str = "", stderr: int | IO[bytes] | None = None, **environment: str) -> Floord:
        command = [sys.executable, "-c", f"{plant}\n{MAIN.format(floor=str(self.floor))}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stderr=log if stderr is None else stderr, cwd=ROOT, env={**os.environ, **environment}
            )
        return self

    def ready(self) -> Floord:
        """Wait until it answers."""
        until(lambda: self.status() or self._ended(), "the control socket")
        return self

    def status(self) -> dict[str, Any]:
        """What it says of itself; empty where it does not."""
        try:
            return next(ask(self.state, {"do": "status"}), {})
        except (Unavailable, ConnectionError):
            return {}

    def text(self) -> str:
        """Its log so far."""
        return self.log.read_text(errors="replace")

    def said(self, text: str, times: int = 1) -> str:
        """Wait for a text in its log."""
        until(lambda: self.text().count(text) >= times or self._ended(), f"{text!r} in the log")
        assert self.text().count(text) >= times, self.text()
        return self.text()

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ends(self, limit_s: float = LIMIT_S) -> int:
        """Wait for its exit code."""
        assert self.process is not None
        return self.process.wait(limit_s)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.ends()

    def _ended(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.text()}"
        return False

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.tunnel.close()
        self.plc.close()


@contextlib.contextmanager
def floord(folder: Path, *changes: str) -> Iterator[Floord]:
    """A floor for processes; what runs at the end is killed."""
    one = Floord(folder, *changes)
    try:
        yield one
    finally:
        one.close()
