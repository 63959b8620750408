"""Wire recordings for tests: a floor with its centre recorded in virtual time, and checked in one process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller import demo_floor
from controller.demo_parcels import Parcels
from controller.plans import load_floor
from firmware_stubs import floor_file
from firmware_stubs.checking import Check, Result
from firmware_stubs.manifest import Places, parse
from firmware_stubs.openings import span
from firmware_stubs.stub import Message
from firmware_stubs.wire_recording import Entry, Recorder, Recording, Wired, new_header, read
from tests.rehearsed import NOW, UTC_MS, Coupled, Rehearsed

SITE = "lgg"
HEAD_MS = 1000.0


def recorded(folder: Path, plc: str = "telegram", parcels: int = 12, seconds: float = 20.0, seed: int = 7) -> Recording:
    """A line of the demo, its parcels announced before they come."""
    floor = demo_floor.write(folder, 1, 2.0, "mqtt://127.0.0.1:1", seed, SITE, plc, [4001])
    stubs = floor_file.load(floor).stubs
    links = {stub.name: Wired(stub.module.__name__.rsplit(".", 1)[1], stub.link) for stub in stubs}
    lines: list[str] = []
    coupled = Coupled(floor, seed=seed, listener=Recorder(lines.append, new_header(UTC_MS, links), NOW))
    feed = 0
    stream = Parcels(["S1"], seed)
    for parcel in [stream.next() for _ in range(parcels)]:
        if parcel.advice is not None:
            say(coupled, "advice", parcel.advice)
        if parcel.first is not None:
            feed += 1
            say(coupled, "customs", record(parcel.parcel, parcel.first, feed))
        coupled.world.add(parse(parcel.manifest(), Places({"S1"})), NOW)
    coupled.world.release(NOW)
    for _ in range(round(seconds * 1000 / HEAD_MS)):
        say(coupled, "customs/head", {"sequence": feed, "time_ms": round(UTC_MS + coupled.lockstep.now - NOW)})
        coupled.run(HEAD_MS / 1000)
    return read(lines)


def say(coupled: Coupled, name: str, body: Any) -> None:
    coupled.lockstep.say(f"hub/v1/{SITE}/{name}", json.dumps(body).encode())


def record(parcel: str, status: str, feed: int) -> dict[str, Any]:
    subject = {"scheme": "H7", "authority": "BE", "subject_kind": "parcel", "subject_id": parcel}
    return {**subject, "sequence": 1, "status": status, "feed": feed}


def check(recording: Recording, floor: Path, seed: int = 1) -> Result:
    """By a daemon in this process, whose ids are others."""
    within = span(recording)
    daemon = Rehearsed(*load_floor(floor), now=within.begin, utc_ms=recording.header.utc_ms + within.begin, seed=seed)
    return Check(recording, [daemon], within).run()


def changed(recording: Recording, entry: Entry, change: Callable[[bytes], bytes]) -> Recording:
    """The same with one piece changed."""
    piece = entry.piece
    if isinstance(piece, Message):
        other = replace(entry, piece=replace(piece, payload=change(piece.payload)))
    else:
        other = replace(entry, piece=change(piece))
    return replace(recording, entries=[other if one is entry else one for one in recording.entries])


def flipped(data: bytes, bit: int) -> bytes:
    """One bit of it is another."""
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
