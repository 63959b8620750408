"""Just enough of the telegrams to watch the wire: an own reading of PLC interface v1 §3, of neither side's code."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import NamedTuple


class Seen(NamedTuple):
    """One telegram on the wire."""

    type: str
    flag: str
    epoch: int
    sequence: int
    body: str


def frames(data: bytes) -> Iterator[Seen]:
    """Every whole telegram of a piece of wire whose checksum is right."""
    for piece in data.split(b"\x02")[1:]:
        end = piece.find(b"\x03")
        if end < 29 or b"%04X" % binascii.crc_hqx(piece[: end - 4], 0xFFFF) != piece[end - 4 : end]:
            continue
        text = piece[: end - 4].decode("ascii")
        yield Seen(text[9:13], text[13], int(text[14:18], 16), int(text[18:22]), text[25:])


class Dest(NamedTuple):
    """DEST: point, track, decision, reason, flags, if_none, lanes."""

    point: str
    track: int
    decision: int
    reason: str
    lanes: tuple[str, ...]


def dest(body: str) -> Dest:
    """The body of a DEST."""
    lanes = tuple(body[29 + 12 * n : 41 + 12 * n].rstrip(".") for n in range(int(body[28])))
    return Dest(body[:12].rstrip("."), int(body[12:18]), int(body[18:22]), body[22:26].rstrip("."), lanes)


def arrival(body: str) -> tuple[int, str, int, int, int]:
    """The body of an ARRV: evt, point, track, age, left."""
    return int(body[:6]), body[6:18].rstrip("."), int(body[18:24]), int(body[24:29]), int(body[29:34])


def on_belt(body: str) -> Iterator[tuple[int, int]]:
    """The body of a TRAK: track and age of each item."""
    for begin in range(2, 2 + 42 * int(body[:2]), 42):
        yield int(body[begin : begin + 6]), int(body[begin + 37 : begin + 42])


def neighbours(seen: Seen) -> tuple[int, tuple[int, int]]:
    """Of LOST (evt, track, last point, before, behind) or GHST (evt, point, track, before, behind)."""
    return int(seen.body[:6]), (int(seen.body[24:30]), int(seen.body[30:36]))
