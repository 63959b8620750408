"""The wire: what machines and host said, with time, gap and meaning, filtered. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.view.hearing import DEVICE, Ear, printable
from controller.view.ink import Row, cropped, safe, width_of
from controller.view.notes import clock

KEPT = 5000
"""Pieces that are kept."""
SHOWN = 64
"""Bytes of a piece that are shown as hex."""
INDENT = " " * 14
SHOWS = ("both", "words", "hex")
ONE_ROW = 110
"""From so many columns on a piece takes one row, with the hex beside the meaning."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece: `t` = monotonic ms, `gap` = ms since the last piece on that wire, in either direction."""

    t: float
    gap: float | None
    stub: str
    side: str
    data: bytes
    topic: str | None
    words: str
    bad: bool

    @property
    def searched(self) -> str:
        """What a text filter looks into."""
        parts = (self.stub, self.topic or "", self.words, printable(self.data), self.data.hex(" "), self.data.hex())
        return "\n".join(parts).casefold()


@dataclass
class WireLog:
    """What was heard, and what of it is shown. While `paused` nothing new is shown; it is kept all the same."""

    ears: Mapping[str, Ear] = field(default_factory=dict)
    stub: str | None = None
    text: str = ""
    only_bad: bool = False
    paused: bool = False
    missed: int = 0
    shows: str = "both"
    """one of SHOWS"""
    _all: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    _frozen: list[Entry] = field(default_factory=list)
    _last: dict[str, float] = field(default_factory=dict)

    def add(self, wire: Mapping[str, Any]) -> None:
        """A piece as the interface tells it: {t, stub, from, hex} or {t, stub, from, topic, payload_hex}.

        Raises ValueError or KeyError for what is none.
        """
        t, stub, side, topic = float(wire["t"]), str(wire["stub"]), str(wire["from"]), wire.get("topic")
        data = bytes.fromhex(wire["hex"] if topic is None else wire["payload_hex"])
        ear = self.ears.get(stub)
        words, bad = printable(data), False
        if ear is not None:
            meaning = ear.hear(side, data, topic, t)
            words, bad = meaning.words, meaning.bad
        before = self._last.get(stub)
        self._last[stub] = t
        self._all.append(Entry(t, None if before is None else t - before, stub, side, data, topic, words, bad))

    def pause(self) -> None:
        """Hold the picture, or let it go on."""
        self.paused = not self.paused
        self._frozen = list(self._all) if self.paused else []

    def next_shows(self) -> None:
        """Words and hex, only words, only hex: what is alone has more room."""
        self.shows = SHOWS[(SHOWS.index(self.shows) + 1) % len(SHOWS)]

    def next_stub(self, names: list[str], step: int = 1) -> None:
        """Only the next machine; after the last one all."""
        choices: list[str | None] = [None, *names]
        at = choices.index(self.stub) if self.stub in choices else 0
        self.stub = choices[(at + step) % len(choices)]

    def clear_filters(self) -> None:
        """Show everything."""
        self.stub, self.text, self.only_bad = None, "", False

    def shown(self) -> list[Entry]:
        """What passes the filters, the oldest first."""
        text = self.text.casefold()
        return [
            one
            for one in (self._frozen if self.paused else self._all)
            if (self.stub is None or one.stub == self.stub)
            and (not self.only_bad or one.bad)
            and (not text or text in one.searched)
        ]

    def filters(self) -> str:
        """What is shown, in words."""
        parts = [f"only {self.stub}"] if self.stub else ["all machines"]
        parts += [f"with “{self.text}”"] if self.text else []
        parts += ["only errors and no-reads"] if self.only_bad else []
        parts += [f"only {self.shows}"] if self.shows != "both" else []
        parts += [f"{self.missed} missed: this terminal is too slow"] if self.missed else []
        return ("PAUSED  " if self.paused else "") + ", ".join(parts)


def draw(log: WireLog, utc_offset: float, width: int, height: int, back: int = 0) -> list[Row]:
    """The last pieces, the newest at the bottom; `back` = so many pieces before. `utc_offset` = UTC minus `t`."""
    tall = 1 if width >= ONE_ROW else 2
    count = max(1, height // tall)
    found = log.shown()
    end = max(min(len(found), count), len(found) - back)
    name = max((len(one) for one in log.ears), default=8)
    rows = [
        row for one in found[max(0, end - count) : end] for row in _rows(one, log, utc_offset, width, min(16, name))
    ]
    return rows or [[(" Nothing was said yet that passes the filter.", "dim")]]


def _rows(one: Entry, log: WireLog, utc_offset: float, width: int, name: int) -> list[Row]:
    """One piece in one row where there is room for both, else in two."""
    ink = "fault" if one.bad else "device" if one.side == DEVICE else "host"
    gap = "" if one.gap is None else f"+{one.gap:.0f}" if one.gap < 100_000 else f"+{one.gap / 1000:.0f}s"
    sign = ">" if one.side == DEVICE else "<"
    head: Row = [
        (f" {clock(one.t + utc_offset, 3)} {gap:>6} ", "dim"),
        (f"{one.stub[:name]:<{name}} {sign} ", ink),
    ]
    topic = f"{one.topic} " if one.topic is not None else ""
    words = ("! " if one.bad else "") + safe(topic + (one.words or "…"))
    said = (words, "fault" if one.bad else "plain")
    room = width - width_of(head)
    if log.shows != "both":
        text, ink = said if log.shows == "words" else (_hex(one.data), "dim")
        first, rest = text[:room], text[room:]
        second: list[Row] = [] if width >= ONE_ROW else [cropped([(INDENT, "plain"), (rest, ink)], width)]
        return [cropped([*head, (text if width >= ONE_ROW else first, ink)], width), *second]
    if width < ONE_ROW:
        return [cropped([*head, said], width), cropped([(INDENT, "plain"), (_hex(one.data), "dim")], width)]
    half = room * 3 // 5
    left = cropped([said], half - 1)
    return [cropped([*head, *left, (" " * (half - width_of(left)) + _hex(one.data), "dim")], width)]


def _hex(data: bytes) -> str:
    more = f" … {len(data)} bytes" if len(data) > SHOWN else ""
    return f"{data[:SHOWN].hex(' ')}{more}  {printable(data[:SHOWN])}"
