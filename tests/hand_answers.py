"""How long a hand waits: `python -m tests.hand_answers`, or `make hand-answers`.

A real floord with handhelds only, a real broker, so many terminals that scan in turn. Each scan is on disk before it is
answered. Printed: how many were answered, and the times from publish to answer; promised are 300 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from controller import broker
from controller.commands._where import Unavailable, ask

ROOT = Path(__file__).parents[1]
LIMIT_S = 60.0
PROMISED_MS = 300.0

FLOOR = """\
site = "lgg"
node = "dock"
mode = "simulated"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "{url}"
[customs]
feed = false
[point.DOCK]
kind = "presence"
[scanner.hands]
kind = "mqtt_scan"
link = "{url}"
point = "DOCK"
"""

PLAN = """\
plan = "dock"
version = "1"
wave = "day"
[[rule]]
destination = "EAST"
[special]
held = "HOSPITAL"
unknown = "HOSPITAL"
no_read = "HOSPITAL"
overflow = "HOSPITAL"
[waves.day]
"""


@dataclass
class Hands:
    """Terminals on one connection, and what they were answered."""

    client: Client
    sent: dict[tuple[str, str], float] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    """(device, scan) -> ms from publish to answer, verdict"""
    news: threading.Event = field(default_factory=threading.Event)

    def heard(self, client: Client, _: object, message: MQTTMessage) -> None:
        """An answer."""
        body = json.loads(message.payload)
        key = message.topic.split("/")[1], body["scan"]
        self.answers[key] = (time.monotonic() - self.sent[key]) * 1000, body["verdict"]
        self.news.set()

    def scan(self, device: str, ref: str, code: str, process: str) -> None:
        """One scan."""
        self.sent[device, ref] = time.monotonic()
        body = json.dumps({"scan": ref, "code": code, "process": process})
        self.client.publish(f"handheld/{device}/scan", body, qos=1)

    def wait(self, count: int) -> None:
        """Until so many are answered."""
        deadline = time.monotonic() + LIMIT_S
        while len(self.answers) < count and time.monotonic() < deadline:
            self.news.wait(0.1)
            self.news.clear()


@contextlib.contextmanager
def hub(folder: Path) -> Iterator[Hands]:
    """A broker, floord, and hands that it hears. Ends both."""
    with broker.start_nats(folder / "broker") as child:
        (folder / "floor.toml").write_text(FLOOR.format(url=child.url))
        (folder / "plan.toml").write_text(PLAN)
        command = [sys.executable, "-m", "controller", "run", str(folder / "floor.toml")]
        with (folder / "floord.log").open("wb") as log, subprocess.Popen(command, stderr=log, cwd=ROOT) as daemon:
            try:
                yield _hands(child.url, folder)
            finally:
                daemon.terminate()
                daemon.wait(LIMIT_S)


def _hands(url: str, folder: Path) -> Hands:
    client = Client(CallbackAPIVersion.VERSION2)
    hands = Hands(client)
    host, _, port = url.removeprefix("mqtt://").partition(":")
    client.on_message = hands.heard
    client.connect(host, int(port))
    client.subscribe("handheld/+/answer", 1)
    client.loop_start()
    pause, deadline = threading.Event(), time.monotonic() + LIMIT_S
    while not _ready(folder):
        if time.monotonic() > deadline:
            raise TimeoutError((folder / "floord.log").read_text())
        pause.wait(0.05)
    advice = {"parcel": "P1", "aliases": ["RB123456785GB"], "country": "DE", "customs": "none"}
    client.publish("hub/v1/lgg/advice", json.dumps(advice), qos=1).wait_for_publish(LIMIT_S)
    return hands


def _ready(folder: Path) -> bool:
    try:
        status = next(ask(folder / "state", {"do": "status"}), None)
    except (Unavailable, ConnectionError):
        return False
    return bool(status and status["broker"]["online"] and status["links"]["hands"]["up"])


def main() -> int:
    """0: every scan was answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.hand_answers", description=__doc__)
    parser.add_argument("--scans", type=int, default=2000)
    parser.add_argument("--terminals", type=int, default=40)
    parser.add_argument("--rate", type=float, default=100.0, help="scans a second, of all together")
    wanted = parser.parse_args()
    with TemporaryDirectory() as folder, hub(Path(folder)) as hands:
        began = time.monotonic()
        for number in range(wanted.scans):
            pause = began + number / wanted.rate - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            hands.scan(f"HT-{number % wanted.terminals:03}", str(number), "RB123456785GB", "load")
        hands.wait(wanted.scans)
    times = sorted(took for took, _ in hands.answers.values())
    if len(times) < wanted.scans:
        print(f"{wanted.scans - len(times)} of {wanted.scans} scans were not answered")
        return 1
    share = {name: times[min(len(times) - 1, int(len(times) * part))] for name, part in (("p50", 0.5), ("p99", 0.99))}
    late = sum(took > PROMISED_MS for took in times)
    print(
        f"{len(times)} scans of {wanted.terminals} terminals at {wanted.rate:g}/s, all answered: "
        f"p50 {share['p50']:.1f} ms, p99 {share['p99']:.1f} ms, longest {times[-1]:.1f} ms, "
        f"over {PROMISED_MS:.0f} ms: {late}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
