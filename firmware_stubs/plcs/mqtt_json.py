"""A line's PLC that speaks JSON over MQTT, of a line or a loop.

Source: PLC interface v1 §2, §5. It publishes on `{base}/up`, hears `{base}/down`, and keeps `{base}/status` at `online`
while it is there. A session ends with its connection to the broker; it never hangs up because of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from firmware_stubs.plcs._events import Numbers
from firmware_stubs.plcs._geometry import Geometry
from firmware_stubs.plcs._json_codec import LAST, JsonCodec, heard
from firmware_stubs.plcs._json_ear import JsonEar
from firmware_stubs.plcs._messages import Rules
from firmware_stubs.plcs._settings import MemorySettings, Range
from firmware_stubs.plcs._spoken import SpokenPlc
from firmware_stubs.stub import Message, Piece, as_message

__all__ = ["ON_BROKER", "Geometry", "Plc", "Settings", "ear"]

ear = JsonEar

ON_BROKER = True  # its link is a broker

_NUMBERS = Numbers(LAST, wraps=False)
_RULES = Rules(repeat_ms=2500.0, sequences=_NUMBERS, has_sessions=True)


@dataclass(frozen=True, kw_only=True)
class Settings(MemorySettings):
    """Where on the broker the PLC is: `base`, a topic without wildcards; and what all PLCs have."""

    base: str

    ranges: ClassVar[Mapping[str, Range]] = {"next_sequence": (1, LAST), "next_evt": (1, LAST)}

    def __post_init__(self) -> None:
        if not self.base or len(self.base) > 1000 or any(one in self.base for one in "+#\0") or self.base[0] == "$":
            raise ValueError(f"base = {self.base!r}: give a topic without + and # that does not begin with $")
        super().__post_init__()


class Plc(SpokenPlc[bytes]):
    """The PLC of one line, with its topics: a `PlcStub`. The seed is not used; a PLC does nothing at random."""

    def __init__(self, settings: Settings, geometry: Geometry, seed: int, now: float) -> None:
        super().__init__(settings, geometry, JsonCodec(), _RULES, now, evts=_NUMBERS)
        self._base = settings.base
        self._greets = self._was_off = False

    def subscriptions(self) -> list[tuple[str, int]]:
        """`down`."""
        return [(f"{self._base}/down", 1)]

    def will(self) -> Message | None:
        """`offline`."""
        return self._status("offline")

    def opened(self, now: float) -> None:
        """The broker granted the subscription: only now it is `online`."""
        self.tick(now)
        self._greets = True

    def closed(self, now: float) -> None:
        """The broker is gone, and the session with it."""
        super().closed(now)
        self._greets = self._was_off = False

    def hang_up(self) -> bool:
        """Only after a power cycle."""
        self._channel.hang_up()
        wanted, self._was_off = self._was_off, False
        return wanted

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        """The PLC was off for a moment, and so was its connection to the broker."""
        super().power_cycle(now, retentive)
        self._greets, self._was_off = False, True

    def feed(self, data: Piece, now: float) -> None:
        """A message from the broker."""
        message = as_message(data)
        self.tick(now)
        if message.topic != f"{self._base}/down":
            self.counts["wrong_receiver"] += 1
        elif message.retain:
            self.counts["retained"] += 1
        elif (said := heard(message.payload)) is None:
            self.counts["garbled"] += 1
        else:
            self._channel.hear(said, self.tracking.now)

    def take(self) -> list[Message]:
        """What the PLC says at the time told last; each message is given once."""
        out = [self._status("online")] if self._greets else []
        self._greets = False
        return out + [Message(f"{self._base}/up", payload) for payload in self._channel.take(self.tracking.now)]

    def _status(self, status: str) -> Message:
        return Message(f"{self._base}/status", status.encode("ascii"), retain=True)
