"""A line's PLC that speaks messages on a channel: what all such stubs share, whatever their encoding."""

from __future__ import annotations

from typing import Generic

from firmware_stubs.plcs._channel import Channel
from firmware_stubs.plcs._events import EVTS, EventBuffer, Numbers
from firmware_stubs.plcs._full_line import FullLine
from firmware_stubs.plcs._geometry import Geometry
from firmware_stubs.plcs._messages import Codec, P, Rules
from firmware_stubs.plcs._reports import SplitCodes
from firmware_stubs.plcs._settings import MemorySettings
from firmware_stubs.stub import Quiet


class SpokenPlc(Quiet, FullLine, Generic[P]):
    """A `PlcStub` but for its bytes: `feed` and `take` are of the encoding."""

    def __init__(
        self,
        settings: MemorySettings,
        geometry: Geometry,
        codec: Codec[P],
        rules: Rules,
        now: float,
        *,
        split_codes: SplitCodes = lambda codes, _: (codes, ()),
        evts: Numbers = EVTS,
    ) -> None:
        super().__init__(
            geometry,
            epoch=settings.epoch,
            buffer=EventBuffer(settings.buffer, settings.next_evt, evts),
            next_track=settings.next_track,
            late_ms=settings.late_ms,
            tolerance_mm=settings.tolerance_mm,
            evidence=settings.evidence,
            jam_ms=settings.jam_ms,
            now=now,
            split_codes=split_codes,
        )
        self._retentive = settings.retentive
        self._channel = Channel(self, codec, rules, next_sequence=settings.next_sequence, now=now)

    def tick(self, now: float) -> None:
        """Time has passed: gates, losses, the end of a session."""
        self.advance(now)
        self._channel.tick(self.tracking.now)

    def next_at(self) -> float | None:
        """When `tick` and `take` want to be called next; None = only after input."""
        due = [at for at in (self.next_crossing(), self._channel.next_at()) if at is not None]
        return min(due, default=None)

    def hush(self, on: bool) -> bool:
        """It says no LIFE; answers and events go on."""
        self._channel.hushed = on
        return True

    def closed(self, now: float) -> None:
        """The connection is gone, and the session with it."""
        self.tick(now)
        self._channel.closed()

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        """The PLC was off for a moment. Not retentive: a new epoch that knows nothing. None = as its settings say."""
        retentive = self._retentive if retentive is None else retentive
        self.advance(now)
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
