"""What scanner stubs at a belt have in common: the transmit point, the silence after power-on, heartbeat and ledger."""

from __future__ import annotations

from collections import deque

from firmware_stubs.stub import Quiet


class Gated(Quiet):
    """A scanner whose results come `delay_ms` behind the transmit point, and that is deaf and blind for `boot_ms`.

    A subclass writes `_show` and, where it says something then, `_beat` and `_booted`; it calls `tick` when it is made.
    What it says it puts into `_out`, what it said to items into `_said`.
    """

    def __init__(self, now: float, *, delay_ms: float, heartbeat_s: float = 0.0, boot_ms: float = 0.0) -> None:
        """`heartbeat_s` 0 = no heartbeat; the first one is due so long after the boot."""
        self._delay_ms = delay_ms
        self._period = heartbeat_s * 1000
        self._out = bytearray()
        self._said: list[bytes | None] = []
        self._pending: deque[tuple[float, list[bytes], int]] = deque()
        self._ready_at: float | None = now + boot_ms
        self._beat_at: float | None = None

    def gate(self, codes: list[bytes], now: float, index: int = 0, encoder: int = 0) -> None:
        """An item reached the transmit point: it is said `delay_ms` later; during the boot nobody sees it."""
        self.tick(now)
        if self._ready_at is None:
            self._pending.append((now + self._delay_ms, list(codes), index))
            self.tick(now)
        else:
            self._said += unseen(codes)

    def tick(self, now: float) -> None:
        """Say what is due."""
        if self._ready_at is not None and self._ready_at <= now:
            at, self._ready_at = self._ready_at, None
            self._restart_beat(at)
            self._booted(at)
        while self._pending and self._pending[0][0] <= now:
            at, codes, index = self._pending.popleft()
            self._show(codes, at, index)
        if self._beat_at is not None and self._beat_at <= now:
            self._beat(now)
            self._beat_at += self._period * ((now - self._beat_at) // self._period + 1)

    def next_at(self) -> float | None:
        """The earliest of what is due."""
        due = [at for at in (self._ready_at, self._beat_at) if at is not None]
        if self._pending:
            due.append(self._pending[0][0])
        return min(due, default=None)

    def take(self) -> bytes:
        """Whole messages."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def said(self) -> list[bytes | None]:
        """For the ledger."""
        said = list(self._said)
        self._said.clear()
        return said

    @property
    def _awake(self) -> bool:
        return self._ready_at is None

    def _restart_beat(self, now: float) -> None:
        """The next heartbeat is due a whole interval from now on."""
        self._beat_at = now + self._period if self._period else None

    def _show(self, codes: list[bytes], now: float, index: int) -> None:
        raise NotImplementedError

    def _beat(self, now: float) -> None:
        raise NotImplementedError

    def _booted(self, now: float) -> None:
        """Nothing is said."""


def unseen(codes: list[bytes]) -> list[bytes | None]:
    """What the ledger is told of an item that the scanner did not look at."""
    return [None] * max(1, len(codes))


def judge(
    settings: object, *, texts: tuple[str, ...], positive: tuple[str, ...] = (), natural: tuple[str, ...]
) -> None:
    """Raise ValueError with what to write for a text that is not latin-1, a time that is not above 0 or is negative."""
    for key in texts:
        text = getattr(settings, key)
        if any(character > "\xff" for character in text):
            raise ValueError(f"{key} = {text!r}: only characters up to \\u00ff, each is one byte on the wire")
    for key in positive:
        if not getattr(settings, key) > 0:
            raise ValueError(f"{key} must be above 0, not {getattr(settings, key)}")
    for key in natural:
        if not getattr(settings, key) >= 0:
            raise ValueError(f"{key} must not be negative: {getattr(settings, key)}")
