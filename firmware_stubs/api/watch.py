"""What is noticed of a running floor for those who watch: who said how much, the wires' traffic, the ledger, the pace.

No I/O and no clock. A reader that does not read loses lines and is told how many; nobody waits for it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from firmware_stubs.stub import Message, Piece

UNREAD_MOST = 1_000_000
"""Bytes that wait for one reader."""
PACE_MS = 60_000.0
_FIRST_MS = 10_000.0


@dataclass(slots=True)
class Talk:
    """What went over one stub's wire: bytes, of messages on a broker their payloads; `spoke`: when it said the last."""

    said: int = 0
    heard: int = 0
    spoke: float | None = None
    connected: bool | None = None  # None = a cable, which has no connections


class Listener:
    """Lines that one reader of the stream has still to read."""

    def __init__(self, wake: Callable[[], None], *, wire: bool, ledger: bool, stubs: Collection[str] = ()) -> None:
        """`stubs`: only their wires; none = all."""
        self.wire = wire
        self.ledger = ledger
        self._wake = wake
        self._stubs = frozenset(stubs)
        self._lines: deque[bytes] = deque()
        self._size = self._missed = 0

    def wants(self, stub: str) -> bool:
        """Whether the traffic of a stub's wire is for it."""
        return self.wire and (not self._stubs or stub in self._stubs)

    def put(self, line: bytes) -> None:
        """One more line, if there is room; after one that is missed none until the reader took all."""
        if self._missed or self._size + len(line) > UNREAD_MOST:
            self._missed += 1
        else:
            self._lines.append(line)
            self._size += len(line)
        self._wake()

    def take(self) -> bytes:
        """All that waits; at its end how many lines are missing behind it."""
        lines, missed = b"".join(self._lines), self._missed
        self._lines.clear()
        self._size = self._missed = 0
        return lines + line_of({"missed": missed}) if missed else lines


class Watch:
    """One running floor. Times of wires and ledger are CLOCK_MONOTONIC in ms, the pace's are the world's."""

    def __init__(self, stubs: Iterable[str], now: float) -> None:
        self.talks = {name: Talk() for name in stubs}
        self.listeners: set[Listener] = set()
        self._began = now
        self._ended: deque[float] = deque()  # when parcels came where they stay, in the last minute

    def wire(self, stub: str, piece: Piece, *, by_device: bool, now: float, at: float) -> None:
        """A piece went over a stub's wire; `now` in the world's time, `at` in the machine's."""
        talk, size = self.talks[stub], len(piece.payload if isinstance(piece, Message) else piece)
        if by_device:
            talk.said += size
            talk.spoke = now
        else:
            talk.heard += size
        if listeners := [one for one in self.listeners if one.wants(stub)]:
            line = line_of({"wire": wire_entry(stub, piece, by_device=by_device, at=at)})
            for listener in listeners:
                listener.put(line)

    def ledger(self, entry: dict[str, Any]) -> None:
        """An entry was written."""
        if listeners := [one for one in self.listeners if one.ledger]:
            line = line_of({"ledger": entry})
            for listener in listeners:
                listener.put(line)

    def ended(self, now: float) -> None:
        """A parcel came to where it stays."""
        self._ended.append(now)
        while self._ended[0] < now - PACE_MS:
            self._ended.popleft()

    def per_hour(self, now: float) -> int:
        """Parcels an hour at the pace of the last minute, or of the time since the start; none in the first 10 s."""
        during = min(PACE_MS, now - self._began)
        if during < _FIRST_MS:
            return 0
        return round(sum(at >= now - during for at in self._ended) * 3_600_000 / during)


def wire_entry(stub: str, piece: Piece, *, by_device: bool, at: float) -> dict[str, Any]:
    """A piece as the stream shows it."""
    entry: dict[str, Any] = {"t": round(at, 3), "stub": stub, "from": "device" if by_device else "host"}
    if isinstance(piece, Message):
        return entry | {"topic": piece.topic, "payload_hex": piece.payload.hex(), "retain": piece.retain}
    return entry | {"hex": piece.hex()}


def line_of(item: dict[str, Any]) -> bytes:
    """One JSON line."""
    return json.dumps(item).encode() + b"\n"
