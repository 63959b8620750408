"""A central consumer as a hub's centre would write it: it knows what it has heard, what it lacks, and says so.

A persistent session hears the events of one node. Each is taken once by its id; for each journal id the sequence up to
which nothing is missing is published on `ack`, again and again, so that the node repairs a gap.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from tests.faults.threads import until

Event = dict[str, Any]


@dataclass
class Stream:
    """What was heard of one journal id."""

    high: int = 0
    """everything up to here, itself included, was heard"""
    highest: int = 0
    beyond: set[int] = field(default_factory=set)
    """heard, with a gap before it"""

    def heard(self, seq: int) -> None:
        """One more."""
        self.highest = max(self.highest, seq)
        self.beyond.add(seq)
        while self.high + 1 in self.beyond:
            self.high += 1
            self.beyond.remove(self.high)

    def gaps(self) -> list[tuple[int, int]]:
        """Ranges that are missing, first and last."""
        found, after = [], self.high
        for seq in sorted(self.beyond):
            if seq > after + 1:
                found.append((after + 1, seq - 1))
            after = seq
        return found


class Book:
    """The centre's ledger. Pure; a sequence that has two ids, and a parcel that is told backwards, are written down."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.ids: set[bytes] = set()
        self.duplicates = 0
        self.late: list[int] = []
        """sequences that came behind a later one of their stream"""
        self.disorder: list[tuple[str, int, int]] = []
        """(parcel, sequence, later sequence of it that was heard before)"""
        self.clashes: list[tuple[str, int]] = []
        """sequences heard with two different ids"""
        self._last: dict[str, int] = {}

    def heard(self, event: Event) -> bool:
        """Take an event; False: it was known."""
        name = bytes.fromhex(event["id"].replace("-", ""))
        if name in self.ids:
            self.duplicates += 1
            return False
        self.ids.add(name)
        journal, seq = event["source"].rsplit(":", 1)[1], int(event["sequence"])
        stream = self.streams.setdefault(journal, Stream())
        if seq <= stream.high or seq in stream.beyond:
            self.clashes.append((journal, seq))
            return True
        if seq < stream.highest:
            self.late.append(seq)
        stream.heard(seq)
        data = event["data"]
        of = data.get("travel") or data.get("parcel") or data.get("reader") or event["subject"]
        if (before := self._last.get(of, 0)) > seq:
            self.disorder.append((of, seq, before))
        self._last[of] = max(seq, before)
        return True

    @property
    def count(self) -> int:
        """Different events."""
        return len(self.ids)

    def high(self, journal: str) -> int:
        """Up to here nothing of this journal is missing."""
        return self.streams[journal].high if journal in self.streams else 0

    def has_all(self, journal: str, last: int) -> bool:
        """Whether everything up to `last` was heard."""
        return self.high(journal) >= last

    def missing(self, journal: str, last: int) -> int:
        """How many up to `last` were not heard."""
        stream = self.streams.get(journal, Stream())
        return last - stream.high - sum(seq <= last for seq in stream.beyond)


class Consumer:
    """One MQTT client on a thread of its own. A context manager.

    `ack_s`: how often the high-water mark is published; None = never.
    """

    def __init__(self, url: str, site: str, node: str, name: str = "central", ack_s: float | None = 1.0) -> None:
        self.book = Book()
        self.times = array("d")
        """monotonic s of each event that was new"""
        self.states: list[Event] = []
        """what state/node said, in order"""
        self.replies: list[Event] = []
        self.alarms: list[Event] = []
        """data of events alarm/raised"""
        self.refused: list[Event] = []
        """data of events command/refused"""
        self.watch: Callable[[Event], None] = lambda event: None
        """called with each event that is new, on the consumer's thread"""
        self.sessions: list[bool] = []
        """for each connection: whether the broker knew the session"""
        self.subscribed = 0
        self.errors: list[str] = []
        self._base = f"hub/v1/{site}/{node}"
        self._name, self._ack_s = name, ack_s
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 1883
        self._away = self._over = False
        self._connected = False
        self._client = Client(CallbackAPIVersion.VERSION2, f"{name}-{site}-{node}", clean_session=False)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Be away; the broker keeps the session."""
        self._away = True
        until(lambda: not self._connected, "the consumer is away")

    def back(self) -> None:
        """Come back."""
        before = self.subscribed
        self._away = False
        until(lambda: self.subscribed > before, "the consumer is back")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Say something below the node's base, QoS 1."""
        self._client.publish(f"{self._base}/{topic}", payload, 1, retain)

    def close(self) -> None:
        """Go, and leave the session behind."""
        self._over = True
        self._thread.join(10)
        # Without a cycle the client closes its sockets as soon as nobody has it; a failed test's traceback has us.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
        del self._client

    def __enter__(self) -> Consumer:
        until(lambda: self.subscribed > 0, "the consumer has subscribed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        pause, due = threading.Event(), 0.0
        while not self._over:
            if self._away or not self._connected:
                if self._connected:
                    self._goodbye()
                elif not self._away:
                    with contextlib.suppress(OSError):
                        self._client.connect(self._host, self._port, 10)
                        self._connected = True
                if not self._connected:
                    pause.wait(0.05)
                continue
            if self._client.loop(0.05) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._connected = False
            elif self._ack_s is not None and self.subscribed and time.monotonic() >= due:
                due = time.monotonic() + self._ack_s
                self._acknowledge()
        if self._connected:
            self._goodbye()

    def _goodbye(self) -> None:
        self._client.disconnect()
        self._client.loop(0.1)
        self._connected = False

    def _acknowledge(self) -> None:
        for journal, stream in self.book.streams.items():
            body = {"consumer": self._name, "journal": journal, "sequence": stream.high}
            self.publish("ack", json.dumps(body).encode())

    def _on_connect(self, client: Client, _data: object, flags: Any, *_: object) -> None:
        self.sessions.append(flags.session_present)
        client.subscribe([(f"{self._base}/event/#", 1), (f"{self._base}/state/node", 1), (f"{self._base}/reply/#", 1)])

    def _on_subscribe(self, *_: object) -> None:
        self.subscribed += 1

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            self._take(message.topic, json.loads(message.payload))
        except Exception as error:  # paho would swallow it; a test looks here
            self.errors.append(f"{message.topic}: {error!r}")

    def _take(self, topic: str, body: Any) -> None:
        if topic.endswith("/state/node"):
            self.states.append(body)
        elif "/reply/" in topic:
            self.replies.append(body)
        elif self.book.heard(body):
            self.times.append(time.monotonic())
            if topic.endswith("/alarm/raised"):
                self.alarms.append(body["data"])
            elif topic.endswith("/command/refused"):
                self.refused.append(body["data"])
            self.watch(body)


def stall(times: array[float], since: float = 0.0) -> float:
    """The longest silence in seconds between events, from the first one after `since` (monotonic s) on."""
    after = [at for at in times if at >= since]
    return max((later - earlier for earlier, later in pairwise(after)), default=0.0)
