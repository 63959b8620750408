"""A line's PLC that speaks ASCII telegrams on a serial line or TCP, of a line or a loop.

Source: PLC interface v1 §2, §3. It says every message of the interface; TIME is only answered.
The belief about the belt is `_line.py`, the session `_channel.py`; this file puts them on one wire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from firmware_stubs.plcs._geometry import Geometry
from firmware_stubs.plcs._messages import Rules
from firmware_stubs.plcs._settings import MemorySettings, Range
from firmware_stubs.plcs._spoken import SpokenPlc
from firmware_stubs.plcs._telegram_codec import split_codes
from firmware_stubs.plcs._telegram_ear import TelegramEar, codes_in, resealed
from firmware_stubs.plcs._telegram_messages import TelegramCodec, TelegramReader
from firmware_stubs.stub import Knock, Piece, as_bytes

__all__ = ["Geometry", "Plc", "Settings", "codes_in", "ear", "resealed"]

ear = TelegramEar

SMALL_RING = 64
_SLOW_BAUD = 38_400
_NAME = re.compile(r"[A-Z0-9_-]{1,4}")
CABLE_GAP_MS, CONNECTION_GAP_MS = 200.0, 2000.0


@dataclass(frozen=True, kw_only=True)
class Settings(MemorySettings):
    """How the PLC is called, and what all PLCs have.

    `gap_ms`: silence that discards a partial telegram; None = 200 on a cable, 2000 on a TCP connection. `profile`:
    `full`, or `small` for a PLC with little memory: a retentive ring of 64 events, no codes, lap 0, TIME and CMND only
    answered, no LAMP.
    """

    plc: str
    controller: str
    baud: int = 115_200
    gap_ms: float | None = None
    profile: str = "full"

    ranges: ClassVar[Mapping[str, Range]] = {"baud": (300, 10_000_000), "gap_ms": (1, 60_000)}

    def __post_init__(self) -> None:
        for key in ("plc", "controller"):
            if not _NAME.fullmatch(getattr(self, key)):
                raise ValueError(f"{key} = {getattr(self, key)!r}: 1 to 4 characters of A-Z 0-9 _ - are needed")
        if self.profile not in ("full", "small"):
            raise ValueError(f"profile = {self.profile!r}: give full or small")
        super().__post_init__()
        if self.profile == "small":
            if not self.retentive:
                raise ValueError("retentive = false: the ring of the small profile is retentive")
            object.__setattr__(self, "buffer", SMALL_RING)


def _no_codes(codes: tuple[bytes, ...], kind: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    return (), ()


class Plc(SpokenPlc[bytes]):
    """The PLC of one line, with its cable: a `PlcStub`. The seed is not used; a PLC does nothing at random."""

    def __init__(self, settings: Settings, geometry: Geometry, seed: int, now: float) -> None:
        small = self._small = settings.profile == "small"
        slow = settings.baud < _SLOW_BAUD
        super().__init__(
            settings,
            geometry,
            TelegramCodec(settings.plc, settings.controller, settings.baud, small=small),
            Rules(repeat_ms=1000.0, trak_most=4) if slow else Rules(repeat_ms=300.0),
            now,
            split_codes=_no_codes if small else split_codes,
        )
        self._plc, self._gap_ms = settings.plc, settings.gap_ms
        self._reader, self._second = (self._new_reader(CABLE_GAP_MS) for _ in range(2))

    def _new_reader(self, gap_ms: float) -> TelegramReader:
        gap_ms = gap_ms if self._gap_ms is None else self._gap_ms
        return TelegramReader(self._plc, gap_ms, self.counts, small=self._small)

    def feed(self, data: Piece, now: float) -> None:
        """Bytes arrived from the controller, in any split."""
        self.tick(now)
        for heard in self._reader.feed(as_bytes(data), self.tracking.now):
            self._channel.hear(heard, self.tracking.now)

    def command(self, element: str, command: str, now: float) -> str | None:
        """CMND: in the small profile it is answered, and that is all."""
        return None if self._small else super().command(element, command, now)

    def opened(self, now: float) -> None:
        """A TCP connection came; what was half heard on an older one is void."""
        self.tick(now)
        self._reader, self._second = (self._new_reader(CONNECTION_GAP_MS) for _ in range(2))

    def closed(self, now: float) -> None:
        """The TCP connection is gone, and the session with it."""
        super().closed(now)
        self._reader.reset()

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

    def take(self) -> bytes:
        """What the PLC says at the time told last; each byte is given once."""
        return b"".join(self._channel.take(self.tracking.now))

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        """The PLC was off for a moment; nothing that was half heard is known."""
        super().power_cycle(now, retentive)
        self._reader.reset()
        self._second.reset()
