"""A line's PLC that speaks ASCII telegrams on a serial line or TCP, of a line or a loop.

Source: PLC interface v1 §2, §3. It says every message of the interface; TIME is only answered.
The belief about the belt is `_line.py`, the session `_channel.py`; this file puts them on one wire.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from firmware_stubs.plcs._channel import Channel
from firmware_stubs.plcs._events import EventBuffer
from firmware_stubs.plcs._full_line import FullLine
from firmware_stubs.plcs._geometry import Geometry
from firmware_stubs.plcs._messages import Rules
from firmware_stubs.plcs._telegram_codec import split_codes
from firmware_stubs.plcs._telegram_messages import TelegramCodec, TelegramReader
from firmware_stubs.stub import Knock, Piece, Quiet, as_bytes

__all__ = ["Geometry", "Plc", "Settings"]

_SLOW_BAUD = 38_400
_NAME = re.compile(r"[A-Z0-9_-]{1,4}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the PLC is called and what it starts with.

    `late_ms`: a command must be there this long before the item reaches the gate. `tolerance_mm`: an edge belongs to
    the item expected within ± this. `gap_ms`: silence that discards a partial telegram (200 on serial, 2000 on TCP).
    `evidence` of DIVC: `E` eye in the lane, `G` gate sensor. The `next_` counters say where it goes on.
    """

    plc: str
    controller: str
    baud: int = 115_200
    epoch: int = 1
    retentive: bool = True
    buffer: int = 2000
    late_ms: float = 50.0
    tolerance_mm: int = 150
    gap_ms: float = 200.0
    evidence: str = "E"
    next_sequence: int = 1
    next_evt: int = 1
    next_track: int = 1

    def __post_init__(self) -> None:
        for key in ("plc", "controller"):
            if not _NAME.fullmatch(getattr(self, key)):
                raise ValueError(f"{key} = {getattr(self, key)!r}: 1 to 4 characters of A-Z 0-9 _ - are needed")
        for key, low, high in (
            ("baud", 300, 10_000_000),
            ("epoch", 1, 0xFFFF),
            ("buffer", 64, 5000),
            ("late_ms", 0, 60_000),
            ("tolerance_mm", 1, 10_000),
            ("gap_ms", 1, 60_000),
            ("next_sequence", 1, 9999),
            ("next_evt", 1, 999_999),
            ("next_track", 1, 999_999),
        ):
            if not low <= getattr(self, key) <= high:
                raise ValueError(f"{key} = {getattr(self, key)}: give a number from {low} to {high}")
        if self.evidence not in ("E", "G"):
            raise ValueError(f"evidence = {self.evidence!r}: give E (eye in the lane) or G (gate sensor)")


class Plc(Quiet, FullLine):
    """The PLC of one line, with its cable: a `PlcStub`. The seed is not used; a PLC does nothing at random."""

    def __init__(self, settings: Settings, geometry: Geometry, seed: int, now: float) -> None:
        super().__init__(
            geometry,
            epoch=settings.epoch,
            buffer=EventBuffer(settings.buffer, settings.next_evt),
            next_track=settings.next_track,
            late_ms=settings.late_ms,
            tolerance_mm=settings.tolerance_mm,
            evidence=settings.evidence,
            now=now,
            split_codes=split_codes,
        )
        self._retentive = settings.retentive
        slow = settings.baud < _SLOW_BAUD
        self._reader, self._second = (TelegramReader(settings.plc, settings.gap_ms, self.counts) for _ in range(2))
        self._channel = Channel(
            self,
            TelegramCodec(settings.plc, settings.controller, settings.baud),
            Rules(repeat_ms=1000.0, trak_most=4) if slow else Rules(repeat_ms=300.0),
            next_sequence=settings.next_sequence,
            now=now,
        )

    def feed(self, data: Piece, now: float) -> None:
        """Bytes arrived from the controller, in any split."""
        self.tick(now)
        for heard in self._reader.feed(as_bytes(data), self.tracking.now):
            self._channel.hear(heard, self.tracking.now)

    def opened(self, now: float) -> None:
        """A TCP connection came; what was half heard on an older one is void."""
        self.tick(now)
        self._reader.reset()

    def closed(self, now: float) -> None:
        """The TCP connection is gone, and the session with it."""
        self.tick(now)
        self._reader.reset()
        self._channel.closed()

    def hang_up(self) -> bool:
        """When the PLC noticed the loss of its session, and after a power cycle."""
        return self._channel.hang_up()

    def knock(self, data: bytes, now: float, *, new: bool) -> Knock:
        """A second TCP connection: it replaces the first when its SYES is answered `A`; nothing else is read there."""
        self.tick(now)
        if new:
            self._second.reset()
        refused = []
        for number, heard in enumerate(heards := self._second.feed(data, self.tracking.now), 1):
            answers, admitted = self._channel.knock(heard, self.tracking.now)
            refused += answers
            if admitted:
                self._reader, self._second = self._second, self._reader
                for later in heards[number:]:
                    self._channel.hear(later, self.tracking.now)
                return Knock(b"".join(refused), admitted=True)
        return Knock(b"".join(refused))

    def tick(self, now: float) -> None:
        """Time has passed: gates, losses, the end of a session."""
        self.advance(now)
        self._channel.tick(self.tracking.now)

    def next_at(self) -> float | None:
        """When `tick` and `take` want to be called next; None = only after input."""
        due = [at for at in (self.next_crossing(), self._channel.next_at()) if at is not None]
        return min(due, default=None)

    def take(self) -> bytes:
        """What the PLC says at the time told last; each byte is given once."""
        return b"".join(self._channel.take(self.tracking.now))

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        """The PLC was off for a moment. Not retentive: a new epoch that knows nothing. None = as its settings say."""
        retentive = self._retentive if retentive is None else retentive
        self.advance(now)
        self._reader.reset()
        self._channel.power_cycle(self.tracking.now, retentive=retentive)
        if not retentive:
            self.new_epoch(self.tracking.now, counted=False)

    @property
    def in_session(self) -> bool:
        """Whether a controller is there."""
        return self._channel.in_session

    def sent_arrivals(self) -> list[tuple[int, int, float]]:
        """(epoch, track, time) of each ARRV that left for the first time since the last call."""
        arrivals = list(self._channel.arrivals)
        self._channel.arrivals.clear()
        return arrivals
