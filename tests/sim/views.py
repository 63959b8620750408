"""What the simulation hears on the wires of PLCs: each encoding read from the manual, by neither side's code.

A view is fed what passes in both directions, piece by piece, and says what of it matters to a watcher.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias

from devices.types import Message
from tests.sim import telegram

Piece: TypeAlias = bytes | Message


class Arrived(NamedTuple):
    """ARRV."""

    track: int
    age: float
    left: float


class OnBelt(NamedTuple):
    """An item of TRAK."""

    track: int
    age: float


class Neighbours(NamedTuple):
    """Who is before and behind what was lost or unknown; `event` is the number of the event."""

    epoch: int
    event: int
    tracks: tuple[int, int]


class Durable(NamedTuple):
    """The PLC is told that its events up to this one are on disk; `ring` = how far numbers run."""

    event: int
    ring: int


class Dest(NamedTuple):
    """A destination leaves."""

    track: int
    decision: int


Said: TypeAlias = Arrived | OnBelt | Neighbours | Durable | Dest


class View(Protocol):
    """One channel."""

    def up(self, piece: Piece) -> Iterator[Said]:
        """What reaches the node."""

    def down(self, piece: Piece) -> Iterator[Said]:
        """What leaves for the PLC."""


class Telegrams:
    """PLC interface v1 §3."""

    def up(self, piece: Piece) -> Iterator[Said]:
        """What the PLC asks."""
        assert isinstance(piece, bytes)
        for seen in telegram.frames(piece) if any(kind in piece for kind in WORTH_A_LOOK) else ():
            if seen.flag != "R":
                continue
            if seen.type == "ARRV":
                yield Arrived(*telegram.arrival(seen.body)[2:])
            elif seen.type == "TRAK":
                yield from (OnBelt(*one) for one in telegram.on_belt(seen.body))
            elif seen.type in ("LOST", "GHST"):
                yield Neighbours(seen.epoch, *telegram.neighbours(seen))

    def down(self, piece: Piece) -> Iterator[Said]:
        """What the node asks and answers."""
        assert isinstance(piece, bytes)
        for seen in telegram.frames(piece):
            if seen.flag == "A" or (seen.type == "LIFE" and seen.flag == "R"):
                yield Durable(int(seen.body[:6]) if seen.body else 0, 999_999)
            elif seen.type == "DEST":
                dest = telegram.dest(seen.body)
                yield Dest(dest.track, dest.decision)


WORTH_A_LOOK = (b"ARRVR", b"TRAKR", b"LOSTR", b"GHSTR")


class Objects:
    """PLC interface v1 §5."""

    def up(self, piece: Piece) -> Iterator[Said]:
        """What the PLC asks."""
        said = _object(piece)
        if said.get("flag") != "R":
            return
        kind = said.get("type")
        if kind == "ARRV":
            yield Arrived(said["track"], said["age_ms"], said["left_ms"])
        elif kind == "TRAK":
            yield from (OnBelt(one["track"], one["age_ms"]) for one in said["items"])
        elif kind in ("LOST", "GHST"):
            yield Neighbours(said["epoch"], said["evt"], (said["before"], said["behind"]))

    def down(self, piece: Piece) -> Iterator[Said]:
        """What the node asks and answers."""
        said = _object(piece)
        if "durable_evt" in said and said["type"] != "SYES":
            yield Durable(said["durable_evt"], 2**31)
        elif said.get("flag") == "R" and said["type"] == "DEST":
            yield Dest(said["track"], said["decision"])


def _object(piece: Piece) -> dict[str, Any]:
    assert isinstance(piece, Message)
    try:
        said = json.loads(piece.payload)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class Registers:
    """PLC interface v1 §4. A read is understood by the request before it; one transaction is a piece."""

    def __init__(self, unit: int, *, rtu: bool) -> None:
        self._unit = unit
        self._rtu = rtu
        self._asked = (0, 0)
        self._clock = 0
        self._epoch = 0
        self._types: dict[int, int] = {}
        """number of a record mod 65536 -> its type"""
        self._head = 0
        self._commands: dict[int, tuple[int, ...]] = {}
        """place in the command ring -> record"""
        self._command_head: int | None = None

    def up(self, piece: Piece) -> Iterator[Said]:
        """Answers to reads."""
        body = self._pdu(piece)
        if body[:1] != b"\x03" or len(body) != 2 + 2 * self._asked[1]:
            return
        at, words = self._asked[0], _words(body[2:])
        if at == 0 and len(words) >= 6:
            self._epoch, self._head, self._clock = words[1], words[3], words[5]
        for place in range(32):
            begin = 16 + 16 * place - at
            if begin >= 0 and begin + 16 <= len(words):
                yield from self._record(place, words[begin : begin + 16])

    def _record(self, place: int, record: tuple[int, ...]) -> Iterator[Said]:
        number = (self._head - (self._head - 1 - place) % 32) % 65536
        kind, old = record[0] % 128, record[0] >= 128
        self._types[number] = kind
        track = record[1] << 16 | record[2]
        age = 99_999 if old else (self._clock - record[7]) % 65536
        if kind == 5:
            yield Arrived(track, age, record[10])
        elif kind == 4:
            yield OnBelt(track, age)
        elif kind in (8, 9):
            tracks = record[8] << 16 | record[9], record[10] << 16 | record[11]
            yield Neighbours(self._epoch, number, tracks)

    def down(self, piece: Piece) -> Iterator[Said]:
        """Reads, and writes of the ring, its head and what is durable."""
        body = self._pdu(piece)
        if body[:1] == b"\x03":
            self._asked = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        if body[:1] != b"\x10":
            return
        at, words = int.from_bytes(body[1:3], "big"), _words(body[6:])
        for place in range(16):
            begin = 1040 + 16 * place - at
            if begin >= 0 and begin + 16 <= len(words):
                self._commands[place] = words[begin : begin + 16]
        if at <= 1026 and at + len(words) > 1028:
            yield self._durable(words[1026 - at])
        if at <= 1027 < at + len(words):
            yield from self._commanded(words[1027 - at])

    def _durable(self, number: int) -> Durable:
        """Nothing of a session message needs the disk."""
        for _ in range(4096):
            if self._types.get(number) not in (2, 3, 4):
                break
            number = (number - 1) % 65536
        return Durable(number, 65536)

    def _commanded(self, head: int) -> Iterator[Dest]:
        before, self._command_head = self._command_head, head
        new = (head - before) % 65536 if before is not None else 0
        for number in range(new if new <= 16 else 0):  # it goes back where the PLC never got what was written last
            record = self._commands.get((head - number - 1) % 16, (0,) * 16)
            if record[0] == 6:
                yield Dest(record[1] << 16 | record[2], record[11])

    def _pdu(self, piece: Piece) -> bytes:
        assert isinstance(piece, bytes)
        if self._rtu:
            mine = len(piece) > 4 and piece[0] == self._unit
            return piece[1:-2] if mine and _crc16(piece[:-2]) == piece[-2:] else b""
        return piece[7:] if len(piece) > 7 and int.from_bytes(piece[4:6], "big") == len(piece) - 6 else b""


def _words(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2))


def _crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def view(kind: str, transport: str, unit: int) -> View:
    """The view of a PLC of that kind on such a link; `unit`: which one of a Modbus line it is."""
    if kind == "modbus":
        return Registers(unit, rtu=transport == "serial")
    return Objects() if kind == "mqtt_json" else Telegrams()
