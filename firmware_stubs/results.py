"""What scanner stubs share: results that leave some time behind the gate, a sign of life, and the ledger."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

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
    _parts: dict[int, bytes | None] = field(default_factory=dict)

    def unsaid(self) -> None:
        """Nothing of it is said."""
        self.said = [None] * max(1, len(self.codes))

    def all_said(self) -> None:
        """Every code is said, or the no-read."""
        self.said = list(self.codes) or [None]

    def part_said(self, number: int, *, said: bool) -> None:
        """Code `number` (0 for a no-read, too) is said, or never will be; the item's fate is known with its last."""
        self._parts[number] = self.codes[number] if said and self.codes else None
        if len(self._parts) == max(1, len(self.codes)):
            self.said = [self._parts[each] for each in range(len(self._parts))]


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
    """Base of a scanner stub that speaks bytes: write `feed`, `result` and, where it has them, `beat` and `booted`."""

    def __init__(self, now: float, *, delay_ms: float = 0.0, beat_s: float = 0.0, boot_ms: float = 0.0) -> None:
        """A result is said `delay_ms` behind its gate, the sign of life every `beat_s` (0 = never).

        For `boot_ms` after power-on it sees and says nothing; that it hears nothing either is for `feed` to see to.
        """
        self._out = bytearray()
        self._measures: Measures | None = None  # of the item whose gate comes next
        self._delay_ms = delay_ms
        self._beat_ms = beat_s * 1000
        self._ready_at = now + boot_ms if boot_ms else None
        self._beat_at: float | None = None
        self._hushed = False
        self._restart_beat(now + boot_ms)
        self._pending: deque[tuple[float, Shown]] = deque()
        self._ledger = Ledger()

    def result(self, shown: Shown, now: float) -> None:
        """Say it by `self._out`, or keep it; in the end set `shown.said`."""
        raise NotImplementedError

    def beat(self, now: float) -> None:
        """Say the sign of life by `self._out`."""

    def booted(self, now: float) -> None:
        """The time after power-on is over."""

    @property
    def booting(self) -> bool:
        """It has power, and does nothing yet."""
        return self._ready_at is not None

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """An item reached the transmit point."""
        self.tick(now)
        shown = Shown(tuple(codes), index, encoder, self._measures)
        self._measures = None
        self._ledger.add(shown)
        if self.booting:
            shown.unsaid()
            return
        self._pending.append((now + self._delay_ms, shown))
        self.tick(now)

    def tick(self, now: float) -> None:
        """Say what is due."""
        if self._ready_at is not None and self._ready_at <= now:
            at, self._ready_at = self._ready_at, None
            self.booted(at)
        while self._pending and self._pending[0][0] <= now:
            due, shown = self._pending.popleft()
            self.result(shown, due)
        if self._beat_at is not None and self._beat_at <= now:
            if not self._hushed:
                self.beat(now)
            self._beat_at += self._beat_ms * ((now - self._beat_at) // self._beat_ms + 1)

    def hush(self, on: bool) -> bool:
        """No more `beat`, or again."""
        self._hushed = on
        return bool(self._beat_ms)

    def next_at(self) -> float | None:
        """The earliest of the next result, the next sign of life and the end of the boot."""
        due = [at for at in (self._beat_at, self._ready_at) if at is not None]
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

    def _restart_beat(self, now: float) -> None:
        """The next sign of life is due a whole interval from now on."""
        self._beat_at = now + self._beat_ms if self._beat_ms else None


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
