"""The demo's centre: one MQTT client that publishes advice and customs and, as the witness, hears every event.

Its session is persistent and subscribes before floord starts, so what it has not heard was not delivered. paho runs on
a thread of its own here; what it hears is handed to the loop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

Event = dict[str, Any]


class Centre:
    """`heard` is called on the loop with each event of `nodes` delivered."""

    def __init__(self, url: str, site: str, nodes: Iterable[str], heard: Callable[[Event], None]) -> None:
        self.site = site
        self._nodes = tuple(nodes)
        self._awaited = set(self._nodes)
        """nodes that are not online with a fresh customs feed yet"""
        self._url = urlsplit(url)
        self._heard = heard
        self._feed = 0
        self._loop = asyncio.get_running_loop()
        self._subscribed = asyncio.Event()
        self._last: MQTTMessageInfo | None = None
        self._retained: set[str] = set()
        self._client_id = f"demo-witness-{site}"
        self._client = Client(CallbackAPIVersion.VERSION2, self._client_id, clean_session=False)
        self._client.max_inflight_messages_set(0)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @property
    def ready(self) -> bool:
        """Every node is online and its customs feed is fresh."""
        return not self._awaited

    async def start(self, timeout_s: float) -> None:
        """Connect and subscribe."""
        host, port = self._url.hostname or "", self._url.port or 1883
        await self._loop.run_in_executor(None, self._client.connect, host, port, 10)
        self._client.loop_start()
        await asyncio.wait_for(self._subscribed.wait(), timeout_s)

    def stop(self) -> None:
        """Go, and leave nothing behind at a broker that is not ours: no retained state, no session."""
        for topic in self._retained:
            self._last = self._client.publish(topic, b"", qos=1, retain=True)
        if self._last is not None and self._client.is_connected():
            self._last.wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()
        for client_id in (self._client_id, *(f"floord-{self.site}-{node}" for node in self._nodes)):
            farewell = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True)
            try:
                farewell.connect(self._url.hostname or "", self._url.port or 1883, 10)
                farewell.loop(1)
                farewell.disconnect()
            except OSError:
                return  # the broker is gone, and the sessions with it

    def clear(self, topics: Iterable[str]) -> None:
        """At the end nothing retained shall be left on these topics, either."""
        self._retained.update(topics)

    def advise(self, advice: Event) -> None:
        """Publish advice of one parcel."""
        self._publish("advice", advice)

    def customs(self, parcel: str, sequence: int, status: str) -> None:
        """Publish a customs status."""
        self._feed += 1
        record = {
            "scheme": "H7",
            "authority": "BE",
            "subject_kind": "parcel",
            "subject_id": parcel,
            "sequence": sequence,
            "status": status,
            "raw": f"H7-{status}",
            "feed": self._feed,
        }
        self._publish("customs", record)

    def head(self, utc_ms: float) -> None:
        """Publish the head beat of the customs feed."""
        self._publish("customs/head", {"sequence": self._feed, "time_ms": round(utc_ms)})

    async def flushed(self) -> None:
        """Wait until the broker has acknowledged what was published last."""
        if self._last is not None:
            await self._loop.run_in_executor(None, self._last.wait_for_publish, 30.0)

    def _publish(self, name: str, body: Event) -> None:
        self._last = self._client.publish(f"hub/v1/{self.site}/{name}", json.dumps(body), qos=1)

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe(f"hub/v1/{self.site}/+/#", 1)

    def _on_subscribe(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._subscribed.set)

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        if "/event/" in message.topic:
            self._loop.call_soon_threadsafe(self._heard, json.loads(message.payload))
            return
        if "/state/" in message.topic and message.payload:
            self._retained.add(message.topic)
        if message.topic.endswith("/state/node") and message.payload:
            state = json.loads(message.payload)
            if state.get("state") == "online" and state.get("customs_fresh"):
                self._loop.call_soon_threadsafe(self._awaited.discard, message.topic.split("/")[3])
