"""A rehearsal as lockstep couples with it, in one process: the two sides have a message of their own each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.commands.rehearse import meaning
from controller.config import Config
from controller.plan import Plan
from controller.plans import load_floor
from controller.rehearsal import Rehearsal
from devices.types import Message
from firmware_stubs import floor_file
from firmware_stubs.lockstep import Listener, Lockstep
from firmware_stubs.stub import Message as Said
from firmware_stubs.world import World

NOW, UTC_MS = 1_000_000.0, 1_790_000_000_000.0


class Rehearsed(Rehearsal):
    """A `Daemon` of firmware_stubs/lockstep.py."""

    def __init__(
        self, config: Config, plans: Mapping[str, Plan], *, now: float = NOW, utc_ms: float | None = None, seed: int = 0
    ) -> None:
        super().__init__(config, plans, now=now, utc_ms=UTC_MS - NOW + now if utc_ms is None else utc_ms, seed=seed)

    def received(self, port: str, piece: Any, now: float) -> None:
        if isinstance(piece, Said):
            piece = Message(piece.topic, piece.payload, piece.qos, piece.retain)
        super().received(port, piece, now)

    def said(self) -> list[tuple[str, Any]]:
        return [
            (port, Said(piece.topic, piece.payload, piece.qos, piece.retain) if isinstance(piece, Message) else piece)
            for port, piece in super().said()
        ]

    def heard(self) -> list[Any]:
        return [meaning(device, item) for device, item in super().heard()]


class Published(Listener):
    """What daemons published, with its time."""

    def __init__(self) -> None:
        self.all: list[tuple[float, str, bytes, bool]] = []

    def published(self, now: float, topic: str, payload: bytes, retain: bool) -> None:
        self.all.append((now, topic, payload, retain))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for _, topic, payload, _ in self.all if "/event/" in topic]

    def names(self) -> Counter[str]:
        """How many events there are, by `family/name`."""
        return Counter(topic.split("/event/")[1] for _, topic, _, _ in self.all if "/event/" in topic)


class Coupled:
    """The floor of a file: its world, one rehearsal that runs it, the ledger, and what was published."""

    def __init__(
        self, floor: Path, *, seed: int = 0, listener: Listener | None = None, parcels: int | None = None
    ) -> None:
        """`parcels`: so many of the floor's mixes."""
        self.ledger: list[dict[str, Any]] = []
        self.daemon = Rehearsed(*load_floor(floor), seed=seed)
        read = floor_file.load(floor)
        self.world = World(read, self.ledger.append, seed=seed, now=NOW, utc_offset_ms=UTC_MS - NOW, parcels=parcels)
        self.lockstep = Lockstep(self.world, read.wires(), [self.daemon], now=NOW, listener=listener)

    def run(self, seconds: float) -> None:
        """So long from now on."""
        self.lockstep.run(self.lockstep.now + seconds * 1000)
