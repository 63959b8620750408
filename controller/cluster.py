"""Three nats-servers on loopback as one JetStream cluster: for `make cluster`, for tests, and to try out what breaks.

Their MQTT side acknowledges a QoS 1 publish when two of three have stored it. What is stored is kept, whether somebody
subscribed or not: the stream of messages is made here before the first client comes, with limits of age and size.
Left to itself the server makes it with `interest` retention, where a message that nobody subscribed is acknowledged and
dropped. The other streams of the MQTT side (sessions, retained messages, QoS 2) are right as the server makes them at
the first CONNECT: three replicas, by `stream_replicas`.

The first leader takes up to 9 s: the servers' own patience before an election, which cannot be set.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from controller.broker import LOOPBACK, BrokerFailed, Child, answers, launch, log_tail, nats_binary
from controller.jetstream import EXISTS_OTHERWISE, JetStream, Refused

NODES = 3
READY_S = 45.0
POLL_S = 0.05
SYNC = re.compile(r"always|[1-9]\d*(ms|s|m|h)")

MESSAGES = "$MQTT_msgs"
MADE_BY_THE_SERVER = ("$MQTT_sess", "$MQTT_rmsgs", "$MQTT_out", "$MQTT_qos2in")
# The journal of a node keeps what was delivered as long. What is older, or beyond the size, goes first.
KEEP_DAYS, KEEP_BYTES = 7, 1024**3
STREAM: dict[str, Any] = {
    "name": MESSAGES,
    "subjects": ["$MQTT.msgs.>"],
    "storage": "file",
    "retention": "limits",
    "discard": "old",
    "max_age": KEEP_DAYS * 86_400 * 1_000_000_000,  # ns
    "max_bytes": KEEP_BYTES,
    "num_replicas": NODES,
}
"""The stream as JetStream's API takes it, and as `nats stream add --config` does."""


class Node:
    """One server of the cluster: its ports and its store stay the same over kill and restart."""

    def __init__(self, name: str, folder: Path, ports: tuple[int, int, int], config: dict[str, Any]) -> None:
        self.name, self.config, self.log = name, folder / f"{name}.conf", folder / f"{name}.log"
        self.clients, self.port, self.route = ports
        self.config.write_text(json.dumps(config, indent=1))
        self.child: Child = self._launch()

    def _launch(self) -> Child:
        return launch([str(nats_binary()), "--config", str(self.config)], self.port, self.log)

    @property
    def url(self) -> str:
        """Its MQTT side, as in `[broker] url`."""
        return self.child.url

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL), and wait until it is gone."""
        self.child.kill()

    def restart(self) -> None:
        """Start it again where it was; `Cluster.settle` waits until it has caught up. Nothing while it runs."""
        if not self.child.running:
            self.child = self._launch()


class Cluster:
    """Three running nodes. As a context manager they are stopped at the end."""

    def __init__(self, nodes: list[Node], lock: IO[str]) -> None:
        self.nodes, self._lock = nodes, lock

    @property
    def urls(self) -> list[str]:
        """The MQTT side of each node, for `[broker] url`."""
        return [node.url for node in self.nodes]

    def ask(self, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """JetStream's answer from whichever running node gives one. Raises OSError, Refused."""
        found: OSError = ConnectionError("no node runs")
        for node in self.nodes:
            if node.child.running:
                try:
                    with JetStream(node.clients) as api:
                        return api.ask(verb, body)
                except OSError as error:
                    found = error
        raise found

    def leader(self) -> Node | None:
        """Who leads the stream of messages; None while nobody does."""
        try:
            name = self.ask(f"STREAM.INFO.{MESSAGES}")["cluster"].get("leader")
        except (OSError, Refused):
            return None
        return next((node for node in self.nodes if node.name == name), None)

    def stored(self) -> int:
        """Messages in the stream of messages. Raises OSError, Refused."""
        return int(self.ask(f"STREAM.INFO.{MESSAGES}")["state"]["messages"])

    def settle(self, patience_s: float = READY_S) -> None:
        """Wait until each node takes MQTT clients and each stream has its replicas, all current.

        Raises BrokerFailed after that time, and at once when a node does not run.
        """
        self._until(lambda: all(answers(node.port) for node in self.nodes), "take MQTT clients", patience_s)
        self._until(self._replicated, "have every stream on all nodes", patience_s)

    def _replicated(self) -> bool:
        found = {stream["config"]["name"]: stream["cluster"] for stream in self.ask("STREAM.LIST")["streams"] or ()}
        groups = [found.get(name, {}) for name in (MESSAGES, *MADE_BY_THE_SERVER)]
        return all(
            group.get("leader") and sum(bool(peer["current"]) for peer in group.get("replicas") or ()) == NODES - 1
            for group in groups
        )

    def make_stream(self) -> None:
        """The stream of messages as it should be; one that exists otherwise is changed. Raises BrokerFailed."""

        def made() -> bool:
            try:
                self.ask(f"STREAM.CREATE.{MESSAGES}", STREAM)
            except Refused as refused:
                if refused.code != EXISTS_OTHERWISE:
                    raise
                self.ask(f"STREAM.UPDATE.{MESSAGES}", STREAM)
            return True

        self._until(made, f"make the stream {MESSAGES}", READY_S)

    def _until(self, done: Callable[[], bool], what: str, patience_s: float) -> None:
        """Until `done`; an error in between only counts as not yet: JetStream has no leader, or no quorum."""
        deadline, last = time.monotonic() + patience_s, "nothing was answered"
        while time.monotonic() < deadline:
            try:
                if done():
                    return
                last = "not yet"
            except (OSError, Refused) as error:
                last = str(error)
            for node in self.nodes:
                if not node.child.running:
                    raise BrokerFailed(f"{node.name} does not run; the end of {node.log}:\n{log_tail(node.log)}")
            time.sleep(POLL_S)
        raise BrokerFailed(
            f"the cluster did not {what} in {patience_s:.0f} s: {last}; logs in {self.nodes[0].log.parent}"
        )

    def stop(self) -> None:
        """End all nodes in order. May be called twice."""
        for node in self.nodes:
            node.child.stop()
        self._lock.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_cluster(folder: Path, sync: str = "2m") -> Cluster:
    """A cluster with its stores, logs and configurations in `folder`, ready: it takes MQTT clients on each node.

    On a folder that was used before it has its sessions and messages again; its ports are other ones. `sync`: how long
    what was acknowledged may stay in the page cache of all three, a duration like "2m", or "always" for never. A kill
    loses nothing either way, a power cut of all three may. Raises ValueError, BrokerMissing, BrokerFailed.
    """
    if not SYNC.fullmatch(sync):
        raise ValueError(f'sync {sync!r}: write "always" or a duration like "2m" or "500ms"')
    nats_binary()  # BrokerMissing before anything is made
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster([], _lock(folder))
    try:
        ports = _free_ports(3 * NODES)
        trios = [(ports[at], ports[at + 1], ports[at + 2]) for at in range(0, len(ports), 3)]
        for number, trio in enumerate(trios, 1):
            name = f"n{number}"
            config = _config(name, folder / name, trio, [route for _, _, route in trios], sync)
            cluster.nodes.append(Node(name, folder, trio, config))
        cluster.make_stream()
        cluster.settle()
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _config(name: str, store: Path, ports: tuple[int, int, int], routes: list[int], sync: str) -> dict[str, Any]:
    clients, mqtt, route = ports
    return {
        "server_name": name,  # sessions and replicas belong to a named server
        "host": LOOPBACK,
        "port": clients,
        "jetstream": {"store_dir": str(store), "sync_interval": sync},
        "mqtt": {
            "host": LOOPBACK,
            "port": mqtt,
            "stream_replicas": NODES,
            # As for a single server: room for a client of ten subscriptions, and soon sent again (broker.start_nats).
            "max_ack_pending": 6000,
            "ack_wait": "1s",
        },
        "cluster": {
            "name": "hub",
            "host": LOOPBACK,
            "port": route,
            "no_advertise": True,
            "routes": [f"nats://{LOOPBACK}:{port}" for port in routes],
        },
    }


def _free_ports(count: int) -> list[int]:
    """Ports that nobody used a moment ago, each another one."""
    with contextlib.ExitStack() as probes:
        found = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in found:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in found]


def _lock(folder: Path) -> IO[str]:
    """Two clusters on one store would destroy it. The kernel lets go of the lock when this process ends."""
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BrokerFailed(f"a cluster runs in {folder} already; stop it, or name another folder") from None
    return file
