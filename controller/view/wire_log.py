"""The wire: what machines and host said, with time, gap and meaning, and which of it is shown. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.view.hearing import LONGEST, Ear, Meaning, printable

KEPT = 5000
"""Pieces that are kept, of each so many bytes as are decoded."""
SHOWS = ("both", "words", "hex")
"""What of a piece is shown; what is alone has more room."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece: `t` = monotonic ms, `gap` = ms since the last piece on that wire, in either direction."""

    t: float
    gap: float | None
    stub: str
    side: str
    data: bytes
    topic: str | None
    said: tuple[Meaning, ...]
    searched: str = field(repr=False)

    @property
    def bad(self) -> bool:
        """Whether anything in it is."""
        return any(one.bad for one in self.said)


def _searched(stub: str, topic: str | None, said: Iterable[Meaning], data: bytes) -> str:
    """What a text filter looks into: names, words, text, and hex with and without spaces."""
    words = "\n".join(one.words for one in said)
    return "\n".join((stub, topic or "", words, printable(data), data.hex(" "), data.hex())).casefold()


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
        said = [Meaning(printable(data))] if ear is None else ear.hear(side, data, topic, t)
        before = self._last.get(stub)
        self._last[stub] = t
        gap, searched = None if before is None else t - before, _searched(stub, topic, said, data[:LONGEST])
        self._all.append(Entry(t, gap, stub, side, data[:LONGEST], topic, tuple(said), searched))

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
        """What passes the filters, the oldest first. A text that begins with `-` leaves out what has the rest in it."""
        without, text = self.text.startswith("-"), self.text.removeprefix("-").casefold()
        return [
            one
            for one in (self._frozen if self.paused else self._all)
            if (self.stub is None or one.stub == self.stub)
            and (not self.only_bad or one.bad)
            and (not text or (text in one.searched) != without)
        ]

    def filters(self) -> str:
        """What is shown, in words."""
        parts = [f"only {self.stub}"] if self.stub else ["all machines"]
        if self.text:
            parts.append(f"without “{self.text[1:]}”" if self.text.startswith("-") else f"with “{self.text}”")
        parts += ["only errors and no-reads"] if self.only_bad else []
        parts += [f"only {self.shows}"] if self.shows != "both" else []
        parts += [f"{self.missed} missed: this terminal is too slow"] if self.missed else []
        return ("PAUSED  " if self.paused else "") + ", ".join(parts)
