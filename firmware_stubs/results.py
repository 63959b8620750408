"""What scanner stubs share: results that leave some time behind the gate, a sign of life, and the ledger."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_stubs.stub import Measures, Quiet


@dataclass(slots=True, eq=False)
class Shown:
    """An item as the gate showed it; `measures` where the machine has been told them.

    `said`: what the ledger is to hold of it, one entry a code, None for what is not said; None while it is not known.
    """

    codes: tuple[bytes, ...]
    index: int = 0
    encoder: int = 0
    measures: Measures | None = None
    said: list[bytes | None] | None = None

    def unsaid(self) -> None:
        """Nothing of it is said."""
        self.said = [None] * max(1, len(self.codes))

    def all_said(self) -> None:
        """Every code is said, or the no-read."""
        self.said = list(self.codes) or [None]


class Ledger:
    """What was said of items, in the order of their gates: an item waits for those ahead of it."""

    def __init__(self) -> None:
        self._shown: deque[Shown] = deque()

    def add(self, shown: Shown) -> None:
        """The next gate."""
        self._shown.append(shown)

    def said(self) -> list[bytes | None]:
        """What is known now, each once."""
        said: list[bytes | None] = []
        while self._shown and (texts := self._shown[0].said) is not None:
            said += texts
            self._shown.popleft()
        return said


class Results(Quiet):
    """Base of a scanner stub that speaks bytes: write `feed`, `result` and, where it has one, `beat`."""

    def __init__(self, now: float, *, delay_ms: float = 0.0, beat_s: float = 0.0) -> None:
        """A result is said `delay_ms` behind its gate, the sign of life every `beat_s` (0 = never)."""
        self._out = bytearray()
        self._measures: Measures | None = None  # of the item whose gate comes next
        self._delay_ms = delay_ms
        self._beat_ms = beat_s * 1000
        self._beat_at = now + self._beat_ms if beat_s else None
        self._pending: deque[tuple[float, Shown]] = deque()
        self._ledger = Ledger()

    def result(self, shown: Shown, now: float) -> None:
        """Say it by `self._out`, or keep it; in the end set `shown.said`."""
        raise NotImplementedError

    def beat(self) -> None:
        """Say the sign of life by `self._out`."""

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """An item reached the transmit point."""
        self.tick(now)
        shown = Shown(tuple(codes), index, encoder, self._measures)
        self._measures = None
        self._ledger.add(shown)
        self._pending.append((now + self._delay_ms, shown))
        self.tick(now)

    def tick(self, now: float) -> None:
        """Say what is due."""
        while self._pending and self._pending[0][0] <= now:
            due, shown = self._pending.popleft()
            self.result(shown, due)
        if self._beat_at is not None and self._beat_at <= now:
            self.beat()
            self._beat_at += self._beat_ms * ((now - self._beat_at) // self._beat_ms + 1)

    def next_at(self) -> float | None:
        """The earlier of the next result and the next sign of life."""
        due = [self._beat_at] if self._beat_at is not None else []
        if self._pending:
            due.append(self._pending[0][0])
        return min(due, default=None)

    def take(self) -> bytes:
        """Whole frames."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def said(self) -> list[bytes | None]:
        """For the ledger."""
        return self._ledger.said()


def latin(**texts: str) -> None:
    """Raises ValueError for a text of the settings that is not one byte a character, and names it."""
    for key, text in texts.items():
        if any(character > "\xff" for character in text):
            raise ValueError(f"{key} = {text!r}: give characters up to \\xff, each is one byte on the wire")


def one_of(key: str, value: object, *known: object) -> None:
    """Raises ValueError that names the setting and what it may be."""
    if value not in known:
        raise ValueError(f"{key} must be {' or '.join(repr(one) for one in known)}, not {value!r}")


def within(key: str, value: float, least: float, most: float) -> None:
    """Raises ValueError for a number out of its range (or none at all) and names it."""
    if not least <= value <= most:
        raise ValueError(f"{key} must be from {least:g} to {most:g}, not {value!r}")
