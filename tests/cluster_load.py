"""python -m tests.cluster_load: how many events a second one broker takes from many nodes, and how soon it answers.

Each node is a real MQTT client as floord's is (controller/uplink.py) with its own client id and topic and at most 100
publishes unanswered. One more client is the centre: it hears everything with QoS 1 and acknowledges it. The rate is
raised by half until fewer than 95 % are acknowledged in time, or 1 in 100 waits longer than 1 s.

`p50` and `p99` are from the moment when an event was due, so what waits for a window is in them. `lost` were
acknowledged and never came to the centre. `own` is the share of one core that all clients together used: near 100 % it
is this process that can no more, and the broker could. Everything is on one machine, and shares its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from controller.broker import BrokerFailed, BrokerMissing, start_mosquitto, start_nats
from controller.cluster import start_cluster
from controller.uplink import Options, Uplink

WINDOW = 100
EVENT_BYTES = 500
SEQUENCE = slice(13, 33)
TURN_S = 0.002
CONNECT_S, DRAIN_S = 90.0, 20.0
FIRST_RATE, FASTER, STEPS = 500.0, 1.5, 16
FOLLOWED, LATE_MS = 0.95, 1000.0
PARCELS_PER_HOUR, EVENTS_PER_PARCEL = 30_000, 20
HUB = PARCELS_PER_HOUR * EVENTS_PER_PARCEL / 3600


def event(sequence: int) -> bytes:
    """500 bytes with a number in them."""
    return (b'{"sequence":"%020d","data":"' % sequence).ljust(EVENT_BYTES - 2, b"x") + b'"}'


@dataclass
class Client:
    """What node and centre have in common: an uplink, and whether it is there. Also the uplink's handler."""

    up: bool = False
    uplink: Uplink = field(init=False)

    def start(self, url: str, client_id: str, subscriptions: Sequence[tuple[str, int]] = ()) -> None:
        options = Options(url, client_id, subscriptions=list(subscriptions), keepalive_s=30)
        self.uplink = Uplink(asyncio.get_running_loop(), options, self, random.Random(client_id))
        self.uplink.start()

    def connected(self, session_present: bool) -> None:
        self.up = True

    def subscribed(self, refused: Sequence[tuple[str, str]]) -> None:
        assert not refused

    def disconnected(self, why: str, by_broker: bool = False) -> None:
        self.up = False

    def puback(self, key: int, code: int) -> None:
        raise AssertionError("published nothing")

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        raise AssertionError("subscribed nothing")


@dataclass
class Publisher(Client):
    """One node: what its window does not take waits; `acked` gets the time of each PUBACK."""

    topic: str = ""
    acked: dict[int, float] = field(default_factory=dict)
    waiting: deque[int] = field(default_factory=deque)
    flying: set[int] = field(default_factory=set)

    def offer(self, sequence: int) -> None:
        self.waiting.append(sequence)
        self._send()

    def puback(self, key: int, code: int) -> None:
        assert code < 0x80, f"refused with {code:#x}"
        self.acked[key] = time.monotonic()
        self.flying.discard(key)
        self._send()

    def disconnected(self, why: str, by_broker: bool = False) -> None:
        super().disconnected(why)
        self.waiting.extendleft(sorted(self.flying, reverse=True))
        self.flying.clear()

    def connected(self, session_present: bool) -> None:
        super().connected(session_present)
        self._send()

    def _send(self) -> None:
        while self.up and self.waiting and len(self.flying) < WINDOW:
            sequence = self.waiting.popleft()
            self.flying.add(sequence)
            assert self.uplink.publish(sequence, self.topic, event(sequence), 1, False)


@dataclass
class Centre(Client):
    """Hears everything."""

    heard: set[int] = field(default_factory=set)

    def message(self, topic: str, payload: bytes, retain: bool, token: int) -> None:
        if payload:
            self.heard.add(int(payload[SEQUENCE]))
        self.uplink.ack(token)


@dataclass(frozen=True)
class Step:
    """What one rate gave."""

    offered: float
    acknowledged: float
    p50_ms: float
    p99_ms: float
    unanswered: int
    lost: int
    own: float

    @property
    def followed(self) -> bool:
        """Whether the broker kept up."""
        return self.acknowledged >= FOLLOWED * self.offered and self.p99_ms <= LATE_MS and not self.unanswered

    def __str__(self) -> str:
        return (
            f"{self.offered:>9,.0f} {self.acknowledged:>14,.0f} {self.p50_ms:>8.1f} {self.p99_ms:>8.1f} "
            f"{self.unanswered:>10} {self.lost:>5} {self.own:>5.0%}"
        )


HEAD = f"{'offered/s':>9} {'acknowledged/s':>14} {'p50 ms':>8} {'p99 ms':>8} {'unanswered':>10} {'lost':>5} {'own':>5}"


class Load:
    """So many nodes and a centre, connected. Start and stop it on the loop."""

    def __init__(self, nodes: int) -> None:
        self._acked: dict[int, float] = {}
        self._nodes = [
            Publisher(topic=f"hub/v1/load/n{at}/event/parcel/sorted", acked=self._acked) for at in range(nodes)
        ]
        self._centre = Centre()
        self._last = 0

    async def start(self, urls: list[str]) -> None:
        """The centre first. TimeoutError when not all are connected in time."""
        self._centre.start(urls[0], "centre-load", [("hub/v1/load/#", 1)])
        await _until(lambda: self._centre.up, CONNECT_S)
        # Only what is published after the subscription is heard: an event of its own shows that it is there.
        for at, node in enumerate(self._nodes):
            node.start(urls[at % len(urls)], f"floord-load-n{at}")
        await _until(lambda: all(node.up for node in self._nodes), CONNECT_S)
        deadline = time.monotonic() + CONNECT_S
        while not self._centre.heard and time.monotonic() < deadline:
            self._last += 1
            self._nodes[0].offer(self._last)
            await asyncio.sleep(0.1)

    async def step(self, rate: float, seconds: float) -> Step:
        """Offer `rate` events a second for `seconds`, then wait until all are answered and heard; bounded."""
        first, count, begun, used = self._last + 1, max(1, int(rate * seconds)), time.monotonic(), time.process_time()
        self._last += count
        given = 0
        while given < count:
            due = min(count, int((time.monotonic() - begun) * rate))
            for sequence in range(first + given, first + due):
                self._nodes[sequence % len(self._nodes)].offer(sequence)
            given = due
            await asyncio.sleep(TURN_S)
        ended, used = time.monotonic(), time.process_time() - used
        mine = range(first, self._last + 1)
        done = sum(self._acked.get(sequence, ended + 1) <= ended for sequence in mine)
        await _until(lambda: all(not node.waiting and not node.flying for node in self._nodes), DRAIN_S, must=False)
        acked = [sequence for sequence in mine if sequence in self._acked]
        await _until(lambda: self._centre.heard.issuperset(acked), DRAIN_S, must=False)
        ms = [1000 * (self._acked[sequence] - begun - (sequence - first + 1) / rate) for sequence in acked]
        cuts = quantiles(ms if len(ms) > 1 else [DRAIN_S * 1000] * 2, n=100)
        lost = len(acked) - len(self._centre.heard.intersection(acked))
        return Step(rate, done / (ended - begun), cuts[49], cuts[98], count - len(acked), lost, used / (ended - begun))

    async def stop(self) -> None:
        """Say goodbye, all at once."""
        await asyncio.gather(*(client.uplink.stop() for client in (*self._nodes, self._centre)))


async def _until(done: Callable[[], bool], patience_s: float, *, must: bool = True) -> None:
    deadline = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > deadline:
            if must:
                raise TimeoutError(f"not in {patience_s:.0f} s")
            return
        await asyncio.sleep(10 * TURN_S)


def urls_of(broker: str, folder: Path, sync: str, stack: ExitStack) -> list[str]:
    """The broker, started. Raises BrokerMissing, BrokerFailed."""
    if broker == "cluster":
        return stack.enter_context(start_cluster(folder, sync)).urls
    return [stack.enter_context({"nats": start_nats, "mosquitto": start_mosquitto}[broker](folder)).url]


async def ramp(urls: list[str], nodes: int, seconds: float) -> float:
    """Print a row for each rate; the highest that the broker followed, 0 = none."""
    load, limit, rate = Load(nodes), 0.0, FIRST_RATE
    await load.start(urls)
    print(HEAD, flush=True)
    for _ in range(STEPS):
        step = await load.step(rate, seconds)
        print(step, flush=True)
        if not step.followed:
            break
        limit, rate = step.acknowledged, rate * FASTER
    await load.stop()
    return limit


def main() -> int:
    """0 when a limit was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster_load", description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=300, help="clients that publish (300)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each rate (10)")
    parser.add_argument("--broker", choices=("cluster", "nats", "mosquitto"), default="cluster")
    parser.add_argument("--sync", default="2m", help='of the cluster: "2m" or "always"')
    wanted = parser.parse_args()
    if wanted.nodes < 1 or wanted.seconds <= 0:
        parser.error("--nodes and --seconds: give more than 0")
    logging.getLogger("controller.uplink").setLevel(logging.ERROR)  # 300 times that there is no MQTT 5
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubfloor-load-")))
        try:
            urls = urls_of(wanted.broker, folder, wanted.sync, stack)
        except (BrokerMissing, BrokerFailed, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
        cores = os.cpu_count()
        print(f"{wanted.broker}: {wanted.nodes} nodes, a centre, broker and clients on the same {cores} cores")
        limit = asyncio.run(ramp(urls, wanted.nodes, wanted.seconds))
    print(f"limit: {limit:,.0f} events/s acknowledged and heard, in this set-up")
    print(
        f"a hub of {PARCELS_PER_HOUR:,} parcels/h at {EVENTS_PER_PARCEL} events: {PARCELS_PER_HOUR:,} x "
        f"{EVENTS_PER_PARCEL} / 3600 s = {HUB:.0f} events/s; {limit:,.0f} / {HUB:.0f} = {limit / HUB:.1f} such hubs"
    )
    return 0 if limit else 1


if __name__ == "__main__":
    sys.exit(main())
