"""The configurations of docs/brokers.md, run as they stand there but for folders, ports and addresses; its traps."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from controller import broker
from controller.broker import Child, launch
from controller.cluster import STREAM
from controller.jetstream import JetStream, Refused

PAGE = (Path(__file__).parent.parent / "docs" / "brokers.md").read_text()
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PATIENCE_S = 20.0
PASSWORDS = {"admin": "ADMIN-PASSWORD", "centre": "CENTRE-PASSWORD", "sorter-a": "NODE-PASSWORD"}
FIVE, THREE = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


def block(start: str) -> str:
    """The one block of the page that starts so."""
    (found,) = (text for text in BLOCKS if text.startswith(start))
    return str(found)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s in vain"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with server.pem, which has signed itself (so it is ca.pem, too), and server.key."""
    folder = tmp_path_factory.mktemp("certificate")
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is missing: apt-get install openssl")
    names = ["-subj", "/CN=hub", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.pem")]
    kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split()
    subprocess.run([openssl, *kind, *names, *files], check=True, capture_output=True)
    shutil.copy(folder / "server.pem", folder / "ca.pem")
    return folder


class Guest:
    """A client with a user; what it hears, and what it is granted."""

    def __init__(self, port: int, user: str = "", ca: Path | None = None, version: MQTTProtocolVersion = THREE) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.granted: list[ReasonCode] = []
        self.codes: dict[int, ReasonCode] = {}
        self.refused: ReasonCode | None = None
        self.up = threading.Event()
        clean = None if version == FIVE else False
        self.client = Client(CallbackAPIVersion.VERSION2, f"{user or 'guest'}-1", clean_session=clean, protocol=version)
        if user:
            self.client.username_pw_set(user, PASSWORDS[user])
        if ca:
            self.client.tls_set(str(ca))
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda client, data, mid, codes, given: self.granted.extend(codes)
        self.client.on_publish = self._on_publish
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_connect(self, client: Client, data: object, flags: ConnectFlags, code: ReasonCode, given: object) -> None:
        if code.is_failure:
            self.refused = code
            client.disconnect()  # not again and again
        else:
            self.up.set()

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))

    def _on_publish(self, client: Client, data: object, mid: int, code: ReasonCode, given: object) -> None:
        self.codes[mid] = code

    def subscribe(self, *topics: str) -> list[bool]:
        """Whether each was granted."""
        assert self.up.wait(PATIENCE_S)
        self.granted.clear()
        self.client.subscribe([(topic, 1) for topic in topics])
        until(lambda: len(self.granted) == len(topics))
        return [not code.is_failure for code in self.granted]

    def publish(self, topic: str, payload: bytes = b"") -> ReasonCode:
        """The broker's answer."""
        assert self.up.wait(PATIENCE_S)
        mid = self.client.publish(topic, payload, 1).mid
        until(lambda: mid in self.codes)
        return self.codes[mid]

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        # Without the circle client and guest are freed in order, and paho closes its sockets.
        self.client.on_connect = self.client.on_message = self.client.on_publish = self.client.on_subscribe = None


@contextlib.contextmanager
def guests(*all_of_them: Guest) -> Iterator[None]:
    try:
        yield
    finally:
        for guest in all_of_them:
            guest.leave()


def placed(text: str, places: dict[str, object]) -> str:
    """`text` with what stands on the page replaced by what is here; all of it must stand there."""
    for stands, here in places.items():
        assert stands in text, f"the page has no {stands}"
        text = text.replace(stands, str(here))
    return text


def running(command: list[str], port: int, log: Path) -> Child:
    """Started, and taking connections."""
    child = launch(command, port, log)

    def listens() -> bool:
        assert child.running, broker.log_tail(log)
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False

    try:
        until(listens)
    except BaseException:
        child.kill()
        raise
    return child


def mosquitto(folder: Path, certificate: Path) -> Child:
    """The page's mosquitto.conf with its acl, and two users."""
    tool = shutil.which("mosquitto_passwd")
    if not tool:
        pytest.skip("Debian package mosquitto is missing: apt-get install mosquitto")
    port, users, acl = broker.free_port(), folder / "passwords", folder / "acl"
    acl.write_text(block("# acl"))
    users.touch(0o600)
    for user in ("centre", "sorter-a"):
        subprocess.run([tool, "-b", str(users), user, PASSWORDS[user]], check=True, capture_output=True)
    places = {
        "listener 8883": f"listener {port} 127.0.0.1",
        "/etc/mosquitto/certs": certificate,
        "/etc/mosquitto/passwords": users,
        "/etc/mosquitto/acl": acl,
        "/var/lib/mosquitto/": f"{folder}/",
    }
    config = folder / "mosquitto.conf"
    # Root's mosquitto would become another user, who may not read these folders.
    config.write_text(placed(block("# mosquitto.conf"), places) + "user root\n")
    return running([str(broker.mosquitto_binary()), "-c", str(config)], port, folder / "mosquitto.log")


@dataclass(frozen=True)
class Nats:
    """A nats-server of the page: MQTT at the child's port, NATS's own clients at `clients`."""

    child: Child
    clients: int

    def ask(self, verb: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        with JetStream(self.clients, user="admin", password=PASSWORDS["admin"]) as api:
            return api.ask(verb, body)

    def make_stream(self, replicas: int) -> None:
        """As the page's JSON says; tried again until there is a leader."""
        deadline = time.monotonic() + 2 * PATIENCE_S
        while True:
            try:
                self.ask("STREAM.CREATE.$MQTT_msgs", {**json.loads(block("{")), "num_replicas": replicas})
                return
            except (OSError, Refused):
                assert time.monotonic() < deadline, broker.log_tail(self.child.log)


def nats(folder: Path, certificate: Path, text: str, places: dict[str, object], port: int) -> Nats:
    """A nats-server with that configuration and the page's users."""
    try:
        binary = broker.nats_binary()
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    clients = broker.free_port()
    here = {"127.0.0.1:4222": f"127.0.0.1:{clients}", "/var/lib/nats": folder / "store", "/etc/nats": certificate}
    folder.mkdir(exist_ok=True)
    (folder / "users.conf").write_text(block("# users.conf"))
    (folder / "nats.conf").write_text(placed(text, {**here, **places}))
    return Nats(running([str(binary), "-c", str(folder / "nats.conf")], port, folder / "log"), clients)


def one_nats(folder: Path, certificate: Path) -> Nats:
    port = broker.free_port()
    return nats(folder, certificate, block("# nats-server.conf"), {"0.0.0.0:8883": f"127.0.0.1:{port}"}, port)


NODE_READS = ("advice", "customs/head", "sorter-a/command/hold", "sorter-a/ack", "sorter-a/state/node")


def say_and_hear(centre: Guest, node: Guest) -> None:
    """A node says what it may, and hears what it may; what it may not reaches nobody."""
    assert centre.subscribe("hub/v1/lgg/#") == [True]
    assert (
        node.subscribe(
            "hub/v1/lgg/+",
            "hub/v1/lgg/customs/head",
            *(f"hub/v1/lgg/sorter-a/{own}" for own in ("command/+", "ack", "state/node")),
        )
        == [True] * 5
    )
    for topic in ("sorter-b/command/hold", *NODE_READS):
        centre.publish(f"hub/v1/lgg/{topic}", b"centre")
    heard = {(f"hub/v1/lgg/{topic}", b"centre") for topic in NODE_READS}
    until(lambda: heard <= set(node.got))
    assert set(node.got) == heard
    centre.got.clear()
    for topic in ("sorter-a/event/x", "sorter-b/event/x", "ask"):
        assert not node.publish(f"hub/v1/lgg/{topic}", b"node").is_failure  # MQTT 3.1.1 has no word for it
    until(lambda: ("hub/v1/lgg/ask", b"node") in centre.got)
    assert {topic for topic, payload in centre.got if payload == b"node"} == {
        "hub/v1/lgg/sorter-a/event/x",
        "hub/v1/lgg/ask",
    }


def test_mosquitto_as_shown_lets_a_node_say_and_hear_its_own(tmp_path: Path, certificate: Path) -> None:
    ca = certificate / "ca.pem"
    with mosquitto(tmp_path, certificate) as child:
        centre, node = Guest(child.port, "centre", ca), Guest(child.port, "sorter-a", ca)
        with guests(centre, node):
            # Granted, and silent: `say_and_hear` publishes there and awaits what is published after it.
            assert node.subscribe("hub/v1/lgg/sorter-b/command/+") == [True]
            say_and_hear(centre, node)
        with guests(five := Guest(child.port, "sorter-a", ca, FIVE)):
            assert five.publish("hub/v1/lgg/sorter-b/event/x").value == 0x87  # not authorized
        with guests(nobody := Guest(child.port, "", ca)):
            until(lambda: nobody.refused is not None)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_mosquitto_forgets_what_it_acknowledged_since_it_wrote_its_file(
    tmp_path: Path, certificate: Path, end: str
) -> None:
    """Killed, it has lost what waited for a session, and the session with it; stopped in order it has both."""
    ca = certificate / "ca.pem"
    with mosquitto(tmp_path, certificate) as child:
        with guests(centre := Guest(child.port, "centre", ca)):
            assert centre.subscribe("hub/v1/lgg/#") == [True]
        with guests(node := Guest(child.port, "sorter-a", ca)):
            assert not node.publish("hub/v1/lgg/sorter-a/event/x", b"acknowledged").is_failure
        getattr(child, end)()
    with mosquitto(tmp_path, certificate) as child, guests(centre := Guest(child.port, "centre", ca)):
        assert centre.subscribe("hub/v1/lgg/marker") == [True]
        centre.publish("hub/v1/lgg/marker")
        until(lambda: ("hub/v1/lgg/marker", b"") in centre.got)
        assert ((("hub/v1/lgg/sorter-a/event/x", b"acknowledged")) in centre.got) == (end == "stop")


def test_nats_as_shown_lets_a_node_say_and_hear_its_own(tmp_path: Path, certificate: Path) -> None:
    ca = certificate / "ca.pem"
    server = one_nats(tmp_path, certificate)
    with server.child as child:
        server.make_stream(replicas=1)
        centre, node = Guest(child.port, "centre", ca), Guest(child.port, "sorter-a", ca)
        with guests(centre, node):
            say_and_hear(centre, node)
            assert node.subscribe("hub/v1/lgg/sorter-b/command/+") == [False]
        with guests(nobody := Guest(child.port, "", ca)):
            until(lambda: nobody.refused is not None)
        assert server.ask("STREAM.INFO.$MQTT_msgs")["config"]["retention"] == "limits"


def test_three_nats_as_shown_are_one_broker(tmp_path: Path, certificate: Path, full: bool) -> None:
    if not full:
        pytest.skip("waits for an election; --full")
    ca, ports = certificate / "ca.pem", [broker.free_port() for _ in range(6)]
    with contextlib.ExitStack() as stack:
        servers = []
        for at in range(3):
            text = block("# n1.conf").replace("server_name: n1", f"server_name: n{at + 1}")
            text = text.replace("listen: 10.0.0.11:6222", f"listen: 127.0.0.1:{ports[3 + at]}")
            routes = {f"10.0.0.{11 + peer}:6222": f"127.0.0.1:{ports[3 + peer]}" for peer in range(3)}
            places: dict[str, object] = {"10.0.0.11:8883": f"127.0.0.1:{ports[at]}", **routes}
            servers.append(nats(tmp_path / f"n{at + 1}", certificate, text, places, ports[at]))
            stack.enter_context(servers[-1].child)
        servers[0].make_stream(replicas=3)
        until(lambda: all(peer["current"] for peer in servers[0].ask("STREAM.INFO.$MQTT_msgs")["cluster"]["replicas"]))
        centre, node = Guest(ports[0], "centre", ca), Guest(ports[1], "sorter-a", ca)
        with guests(centre, node):
            say_and_hear(centre, node)


def test_the_json_is_the_stream_of_make_cluster() -> None:
    assert json.loads(block("{")) == STREAM


def test_the_floor_file_names_the_three_boxes() -> None:
    urls = tomllib.loads(block("[broker]"))["broker"]["url"]
    mqtt = re.findall(r"10\.0\.0\.1\d(?=:6222\")", block("# n1.conf"))
    assert urls == [f"mqtts://{host}" for host in mqtt]


def test_the_traps_of_nats(tmp_path: Path) -> None:
    try:
        child = broker.start_nats(tmp_path)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    with child, guests(guest := Guest(child.port), five := Guest(child.port, version=FIVE)):
        assert guest.subscribe("$share/some/hub/#") == [True]
        assert guest.subscribe("marker") == [True]
        guest.publish("hub/x", b"for one of some")
        guest.publish("marker")
        until(lambda: bool(guest.got))
        assert guest.got == [("marker", b"")]

        until(lambda: five.refused is not None)
        assert "protocol version" in str(five.refused)

        gone = threading.Event()
        guest.client.on_disconnect = lambda *_: gone.set()
        guest.client.publish("with space/x", b"", 1)
        assert gone.wait(PATIENCE_S)


def test_every_command_of_ours_on_the_page_is_there() -> None:
    root = Path(__file__).parent.parent
    named = set(re.findall(r"python -m (tests\.\w+)", PAGE)) | set(re.findall(r"(tests/[\w/]+\.py)", PAGE))
    assert {"tests.cluster_load", "tests/faults/test_cluster_killed.py"} <= named
    for name in named:
        assert (root / (name if name.endswith(".py") else name.replace(".", "/") + ".py")).exists(), name
    assert re.search(r"^cluster:", (root / "Makefile").read_text(), re.MULTILINE)
