"""Readers on a broker, played through their drivers: each line of a transcript means what it says, and nothing more.

The transcripts were written from the manuals by others than the drivers. What stands in them of floord it must say by
itself, byte for byte as JSON, in that order, and at that line.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from controller.commands._texts import settings as settings_of
from controller.described import name_of
from devices.driver import load
from devices.types import Condition, Garbled, HandAnswer, Heartbeat, Item, Kept, Message, NoRead, Passage, Read
from tests import transcripts
from tests.transcripts import Said

KINDS = ("mqtt_scan", "zebra_fx")
STEP_MS = 50.0


def spoken(item: Item) -> str:
    """An item as transcripts write it."""
    match item:
        case Read():
            hand = {} if item.hand is None else dataclasses.asdict(item.hand)
            stored = hand.pop("stored", False)
            words = {"reader": item.reader, "symbology": item.symbology, **hand, "stored": "true" if stored else ""}
            return " ".join(["read", item.text, *(f"{key}={value}" for key, value in words.items() if value)])
        case Passage():
            words = {
                "epc": item.epc,
                "direction": item.direction or "none",
                "count": item.count,
                "rssi": "none" if item.rssi is None else f"{item.rssi:g}",
                "antennas": ",".join(map(str, item.antennas)) or "none",
            }
            return " ".join(["passage", item.text, *(f"{key}={value}" for key, value in words.items())])
        case Condition():
            whose = f" reader={item.part}" if item.part else ""
            return f"condition ok={'true' if item.ok else 'false'}{whose}"
        case NoRead() | Garbled() | Heartbeat():
            return name_of(item)
    return repr(item)


class Player:
    """A driver, and everything that it says and is told."""

    def __init__(self, kind: str, settings: tuple[str, ...]) -> None:
        module = load(kind)
        self.driver: Any = module.Driver(settings_of(module.Settings, settings))
        self.now = 1000.0
        self.said: list[tuple[str, Any]] = []
        self.driver.opened(self.now, Kept())
        self.fetch()

    def fetch(self) -> None:
        self.said += [(message.topic, json.loads(message.payload)) for message in self.driver.take()]

    def hear(self, line: Said) -> list[Item]:
        """What a message of the machine gives; at a `then`, what comes when its silence is over."""
        self.now += STEP_MS
        items = list(self.driver.feed(Message(line.topic, line.payload, retain=line.retained), self.now))
        self.fetch()
        if not line.meaning.startswith("then "):
            return items
        assert items == [], line
        for _ in range(10):
            due = self.driver.next_at()
            if due is None:
                break
            self.now = max(self.now, due)
            items += self.driver.tick(self.now)
        return items

    def answer(self, line: Said) -> None:
        """What the hub tells a hand there, if that is the hub's word."""
        self.now += STEP_MS
        words = line.meaning
        if not words.startswith("HandAnswer "):
            return
        fields = dict(part.split("=", 1) for part in words.split(" words=", 1)[0].split()[1:])
        told: Any = {**fields, "words": words.split(" words=", 1)[1] if " words=" in words else ""}
        self.driver.send(HandAnswer(**told), self.now, self.now + 2000)
        self.fetch()


def expected(meaning: str) -> list[str]:
    """The items that a meaning names."""
    bare = meaning.removeprefix("then ")
    if bare == "-":
        return []
    return [part.split(":")[0] if part.startswith("garbled") else part for part in bare.split(", ")]


@pytest.mark.parametrize("kind", KINDS)
def test_the_driver_and_the_transcript_agree(kind: str) -> None:
    lines = transcripts.conversation(kind)
    player = Player(kind, lines[0].settings)
    for line in lines:
        player.now += line.wait_ms
        if line.direction == "C":
            player.answer(line)
            assert player.said, f"{line}: floord says nothing"
            topic, payload = player.said.pop(0)
            assert (topic, payload) == (line.topic, json.loads(line.payload)), line
        else:
            assert player.said == [], f"before {line}"
            heard = [spoken(item) for item in player.hear(line)]
            assert heard == expected(line.meaning) or expected(line.meaning)[:1] == ["garbled"] == heard, line
    assert player.said == []


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_wants_to_hear(kind: str) -> None:
    lines = transcripts.conversation(kind)
    player = Player(kind, lines[0].settings)
    filters = [topic for topic, _ in player.driver.subscriptions()]
    for line in lines:
        if line.direction == "P":
            assert any(fits(one, line.topic) for one in filters), line.topic


def fits(wanted: str, topic: str) -> bool:
    """Whether a topic filter takes a topic (MQTT 5, 4.7)."""
    here, there = wanted.split("/"), topic.split("/")
    if here[-1] == "#":
        here, there = here[:-1], there[: len(here) - 1]
    return len(here) == len(there) and all(one in ("+", other) for one, other in zip(here, there, strict=True))
