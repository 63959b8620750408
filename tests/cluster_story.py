"""What a cluster is proved with: a publisher with the daemon's outbox and uplink, a centre with a persistent session.

Both roam: who loses its node goes to the next one. The story says what was acknowledged, what arrived, what lies in the
stream, and how long nothing moved.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from controller.cluster import MESSAGES, Cluster, Node
from controller.jetstream import JetStream, Refused
from controller.journal_rows import Row
from controller.outbox import Outbox
from controller.uplink import Options, Uplink

TOPIC = "hub/v1/lgg/sorter-a/event/parcel/sorted"
NAME = "floord-lgg-sorter-a"
PARCELS = 20
PATIENCE_S = 60.0
TURN_S = 0.01


def row(seq: int) -> Row:
    """Event `seq`; its parcel has every 20th event, of about 500 bytes."""
    body = json.dumps({"sequence": seq, "parcel": seq % PARCELS, "data": "x" * 450}).encode()
    return Row(seq, f"id-{seq}", "t", "s", None, None, None, "z", TOPIC, body)


def seq_of(body: bytes) -> int:
    return int(json.loads(body)["sequence"])


def out_of_order(seqs: list[int]) -> list[int]:
    """Sequences that came for the first time after a later one of their parcel."""
    latest: dict[int, int] = {}
    seen: set[int] = set()
    late = []
    for seq in seqs:
        if seq not in seen and latest.get(seq % PARCELS, 0) > seq:
            late.append(seq)
        seen.add(seq)
        latest[seq % PARCELS] = max(seq, latest.get(seq % PARCELS, 0))
    return late


class Centre:
    """A consumer with one persistent session, on whichever of the nodes takes it; in a thread of its own."""

    def __init__(self, nodes: list[Node]) -> None:
        self.seqs: list[int] = []
        self.at: list[float] = []
        self.ready = threading.Event()
        self._nodes, self._over = nodes, threading.Event()
        self._thread = threading.Thread(target=self._roam, name="centre")
        self._thread.start()

    def _roam(self) -> None:
        for node in itertools.cycle(self._nodes):
            if self._over.is_set():
                return
            client = Client(
                CallbackAPIVersion.VERSION2,
                "centre",
                clean_session=False,
                protocol=MQTTProtocolVersion.MQTTv311,
                reconnect_on_failure=False,
            )
            client.on_connect = self._on_connect
            client.on_subscribe = lambda *_: self.ready.set()
            client.on_message = self._on_message
            try:
                client.connect("127.0.0.1", node.port, keepalive=5)
                while client.loop(0.1) == 0:
                    if self._over.is_set():
                        client.disconnect()
            except OSError:
                time.sleep(TURN_S)  # nobody listens there: not a hot loop until somebody does

    def _on_connect(self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode, __: object) -> None:
        if not code.is_failure and not (flags.session_present and self.ready.is_set()):
            client.subscribe("hub/v1/#", 1)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        self.seqs.append(seq_of(bytes(message.payload)))
        self.at.append(time.monotonic())

    def hear(self, rows: int) -> None:
        """Wait until so many different events have come."""
        deadline = time.monotonic() + PATIENCE_S
        while len(set(self.seqs)) < rows:
            assert time.monotonic() < deadline, f"{rows - len(set(self.seqs))} of {rows} events never came"
            time.sleep(TURN_S)

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)


@dataclass
class Publisher:
    """The outbox on an uplink as the daemon has it, fed with `rate` rows a second; also the uplink's handler."""

    urls: list[str]
    rate: float
    outbox: Outbox = field(default_factory=Outbox)
    acked_at: dict[int, float] = field(default_factory=dict)
    begun: float = 0.0
    sent: int = 0
    offered: int = 0
    downs: list[str] = field(default_factory=list)

    def due(self, seq: int) -> float:
        """When row `seq` was given to the outbox, or should have been."""
        return self.begun + seq / self.rate

    def connected(self, session_present: bool) -> None:
        self.outbox.connected()

    def disconnected(self, why: str, by_broker: bool = False) -> None:
        self.downs.append(why)
        self.outbox.disconnected()

    def puback(self, key: int, code: int) -> None:
        assert code < 0x80, f"row {key} refused with {code:#x}"
        if self.outbox.puback(key, code) == "delivered":
            self.acked_at[key] = time.monotonic()

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        assert not refused

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        raise AssertionError("nothing was subscribed")

    async def run(self, rows: int, on_turn: Callable[[], None]) -> None:
        """Until every one of `rows` rows is acknowledged; `on_turn` is called again and again."""
        loop, self.begun = asyncio.get_running_loop(), time.monotonic()
        self.outbox.wants()
        self.outbox.backlog([])
        first, *others = self.urls
        uplink = Uplink(loop, Options(first, NAME, others=tuple(others)), self, random.Random(1))
        uplink.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while len(self.acked_at) < rows:
                    due = min(rows, int((time.monotonic() - self.begun) * self.rate))
                    self.outbox.offer([row(seq) for seq in range(self.offered + 1, due + 1)])
                    self.offered = max(due, self.offered)
                    for taken in self.outbox.take(loop.time() * 1000):
                        assert uplink.publish(taken.seq, taken.topic, taken.body, 1, False)
                        self.sent += 1
                    on_turn()
                    await asyncio.sleep(TURN_S / 5)
        finally:
            await uplink.stop()


@dataclass(frozen=True)
class Story:
    """What became of it. `late_s`: so long after the kill an event still waited more than 0.5 s for its PUBACK."""

    victim: str
    rows: int
    stream: list[int]
    heard: list[int]
    sent: int
    downs: list[str]
    stall_s: float
    late_s: float
    silence_s: float

    def __str__(self) -> str:
        heard = set(self.heard)
        return (
            f"killed {self.victim}: {self.rows} acknowledged, {self.rows - len(heard)} not heard, "
            f"{self.rows - len(set(self.stream))} not in the stream, {self.sent - self.rows} sent again, "
            f"{len(self.heard) - len(heard)} heard twice, {len(out_of_order(self.heard))} heard after a later one; "
            f"longest time without PUBACK {self.stall_s:.1f} s, "
            f"without a message at the centre {self.silence_s:.1f} s, as before after {self.late_s:.1f} s"
        )


def roles(cluster: Cluster, victim: str) -> tuple[Node, list[Node], list[Node]]:
    """Whom to kill, and the order in which publisher and centre go to the nodes.

    `leader`: of the stream, publisher and centre are elsewhere. `both`: the leader is the publisher's node. `publisher`
    and `centre`: the node of that one, which does not lead.
    """
    leader = cluster.leader()
    assert leader is not None
    second, third = (node for node in cluster.nodes if node is not leader)
    if victim == "both":
        return leader, [leader, second, third], [third, second, leader]
    killed = {"leader": leader, "publisher": second, "centre": third}[victim]
    return killed, [second, third, leader], [third, leader, second]


async def tell(cluster: Cluster, victim: str, rows: int, rate: float) -> Story:
    """Publish `rows` rows, kill one node (`roles`) after a third of them, wait for everything, start it again."""
    cluster.settle()
    killed, publishers, centres = roles(cluster, victim)
    first = int(cluster.ask(f"STREAM.INFO.{MESSAGES}")["state"]["last_seq"]) + 1
    publisher, centre = Publisher([node.url for node in publishers], rate), Centre(centres)
    killed_at = 0.0

    def watch() -> None:
        nonlocal killed_at
        if not killed_at and len(publisher.acked_at) >= rows // 3:
            killed.kill()
            killed_at = time.monotonic()

    try:
        assert await asyncio.to_thread(centre.ready.wait, PATIENCE_S), "the centre's subscription was not granted"
        await publisher.run(rows, watch)
        await asyncio.to_thread(centre.hear, rows)
    finally:
        centre.stop()
        killed.restart()
    acked_at = sorted(publisher.acked_at.values())
    return Story(
        victim,
        rows,
        stored(cluster, first),
        centre.seqs,
        publisher.sent,
        publisher.downs,
        longest_pause(acked_at, killed_at),
        max((acked for seq, acked in publisher.acked_at.items() if acked > publisher.due(seq) + 0.5), default=killed_at)
        - killed_at,
        longest_pause(centre.at, killed_at),
    )


def longest_pause(times: list[float], begun: float) -> float:
    """The longest time between two of `times`, of which the later one is after `begun`."""
    return max((later - earlier for earlier, later in itertools.pairwise(times) if later > begun), default=0.0)


def stored(cluster: Cluster, first: int) -> list[int]:
    """The sequences of the events in the stream, in its order, from the stream's number `first` on."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        node = next(node for node in cluster.nodes if node.child.running)
        try:
            with JetStream(node.clients, timeout_s=5.0) as api:
                last = int(api.ask(f"STREAM.INFO.{MESSAGES}")["state"]["last_seq"])
                asked = [api.ask(f"STREAM.MSG.GET.{MESSAGES}", {"seq": number}) for number in range(first, last + 1)]
            return [seq_of(base64.b64decode(answer["message"]["data"])) for answer in asked]
        except (OSError, Refused):  # a node that has just come back answers soon
            assert time.monotonic() < deadline, "the stream cannot be read"
