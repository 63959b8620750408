"""Pieces of the wire as rows: time, gap, machine, direction, what it says, and the bytes. Pure.

17:00:00.303     +2 plc-1    < reply ARRV A …                 02 31 48 55 42 2e 50 4c 43 31  .1HUB.PLC1
                               command DEST …                 41 52 52 56 41 30 30 31 41 36  ARRVA001A6
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from controller.view.hearing import DEVICE, Meaning, printable
from controller.view.ink import Row, cropped, safe, width_of
from controller.view.notes import clock
from controller.view.wire_log import Entry, WireLog

WIDE = 110
"""From so many columns on the bytes stand beside the words, else below them."""
MOST_BYTES = 256
"""Of a piece that are shown."""
HEX_INDENT = 14


def draw(log: WireLog, utc_offset: float, width: int, height: int, back: int = 0) -> list[Row]:
    """The last pieces, the newest at the bottom; `back` = so many pieces before. `utc_offset` = UTC minus `t`."""
    found = log.shown()
    end = max(min(len(found), height // 2), len(found) - back)
    name = min(16, max((len(one) for one in log.ears), default=8))
    rows: list[Row] = []
    for one in islice(reversed(found[:end]), height):
        rows = _rows(one, log.shows, utc_offset, width, name) + rows
        if len(rows) >= height:
            break
    return rows[-height:] or [[(" Nothing was said yet that passes the filter.", "dim")]]


def _rows(one: Entry, shows: str, utc_offset: float, width: int, name: int) -> list[Row]:
    ink = "fault" if one.bad else "device" if one.side == DEVICE else "host"
    gap = "" if one.gap is None else f"+{one.gap:.0f}" if one.gap < 100_000 else f"+{one.gap / 1000:.0f}s"
    sign = ">" if one.side == DEVICE else "<"
    head: Row = [
        (f" {clock(one.t + utc_offset, 3)} {gap:>6} ", "dim"),
        (f"{one.stub[:name]:<{name}} {sign}", ink),
        (" ", "plain"),
    ]
    room = max(8, width - width_of(head))
    words = _words(one)
    below: list[Row] = []
    if shows == "hex":
        lines = [[(line, "dim")] for line in _hex(one.data, room)]
    elif shows == "words":
        lines = [part for line in words for part in _folded(line, room)]
    elif width >= WIDE:
        lines = _beside(words, one.data, room)
    else:
        lines = [cropped(line, room) for line in words]
        below = [cropped([(" " * HEX_INDENT + _bytes(one.data), "dim")], width)]
    indent: Row = [(" " * width_of(head), "plain")]
    return [[*(indent if at else head), *line] for at, line in enumerate(lines)] + below


def _words(one: Entry) -> list[Row]:
    """A row for each thing that it says."""
    topic = f"{one.topic} " if one.topic is not None else ""
    said = one.said or (Meaning("…"),)
    return [
        [(("! " if this.bad else "") + safe("" if at else topic) + safe(this.words), "fault" if this.bad else "plain")]
        for at, this in enumerate(said)
    ]


def _folded(line: Row, room: int) -> Iterable[Row]:
    ((text, ink),) = line
    return [[(text[at : at + room], ink)] for at in range(0, len(text), room)]


def _beside(words: list[Row], data: bytes, room: int) -> list[Row]:
    """Words, and beside them the bytes, as many as there are rows for."""
    left = room * 7 // 10
    hexed = _hex(data, room - left)
    hexed = [*hexed[: len(words)], *[""] * (len(words) - len(hexed))]
    rows = [cropped(line, left - 1) for line in words]
    return [[*row, (" " * (left - width_of(row)) + line, "dim")] for row, line in zip(rows, hexed, strict=True)]


def _hex(data: bytes, room: int) -> list[str]:
    """Rows of hex, and behind each the same bytes as text."""
    each = max(1, (room - 1) // 4)
    parts = [data[at : at + each] for at in range(0, min(len(data), MOST_BYTES), each)]
    return [f"{part.hex(' '):<{3 * each}}{printable(part)}" for part in parts] or [""]


def _bytes(data: bytes) -> str:
    return f"{data[:MOST_BYTES].hex(' ')}  {printable(data[:MOST_BYTES])}"
