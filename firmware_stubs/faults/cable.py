"""Faults of cables, each direction by itself or both; a cable can have several at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firmware_stubs.bad_line import Faults
from firmware_stubs.faults.kind import Ground, Kind, Strike
from firmware_stubs.results import one_of, within

DIRECTIONS = ("from_stub", "from_host")


@dataclass(frozen=True, slots=True)
class Share:
    """`share`: of the pieces that are sent, from 0 to 1; `direction`: `both`, or `from_stub`, or `from_host`."""

    share: float = 0.3
    direction: str = "both"

    def __post_init__(self) -> None:
        within("share", self.share, 0.0001, 1)
        one_of("direction", self.direction, "both", *DIRECTIONS)


@dataclass(frozen=True, slots=True)
class Timed(Share):
    """`ms`: so long."""

    ms: float = 500.0

    def __post_init__(self) -> None:
        within("share", self.share, 0.0001, 1)
        within("ms", self.ms, 1, 60_000)
        one_of("direction", self.direction, "both", *DIRECTIONS)


class Bad(Kind):
    """`chance`: what it is called among the faults of a bad line, `time`: the setting that is how long it takes."""

    on, target, Settings = "cable", "stub", Share
    chance, time = "", ""

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """It gets worse."""
        settings = strike.settings
        faults = {self.chance: settings.share} | ({self.time: settings.ms} if self.time else {})
        self._set(ground, strike, faults)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """It gets better."""
        self._set(ground, strike, None)

    def _set(self, ground: Ground, strike: Strike, faults: dict[str, float] | None) -> None:
        wanted = strike.settings.direction
        changed: dict[tuple[str, str], tuple[dict[str, dict[str, float]], Faults]] = {}
        for direction in DIRECTIONS if wanted == "both" else (wanted,):
            key = strike.target, direction
            all_ = {**ground.bad.get(key, {}), strike.id: faults or {}}
            if faults is None:
                del all_[strike.id]
            changed[key] = all_, _together(list(all_.values()))
        for key, (all_, sum_) in changed.items():
            ground.bad[key] = all_
            if all_:
                ground.cables.set(*key, sum_)
            else:
                ground.cables.clear(*key)


def _together(several: list[dict[str, float]]) -> Faults:
    """The chances of all of them. Raises ValueError where that is more than 1."""
    sums: dict[str, Any] = {}
    for faults in several:
        sums |= faults
    return Faults(**sums)


class Loss(Bad):
    """Pieces are lost."""

    name, chance = "loss", "lost"
    what = "a share of what is sent on a cable does not arrive"
    shows = "repeats on the wire; of a reader parcels without result: SCANNER_LATE, exception lane"


class Noise(Bad):
    """Bits flip."""

    name, chance = "noise", "flipped"
    what = "in a share of what is sent on a cable one bit flips"
    shows = "garbled messages in floord status --device, alarm garbled-… when nothing is understood"


class Cut(Bad):
    """Half frames."""

    name, chance = "cut", "half"
    what = "of a share of what is sent on a cable only the first part arrives"
    shows = "garbled messages in floord status --device"


class Double(Bad):
    """Twice."""

    name, chance = "double", "doubled"
    what = "a share of what is sent on a cable arrives twice"
    shows = "nothing: repeats are known, a read is told once more"


class Delay(Bad):
    """Late."""

    name, chance, time, Settings = "delay", "delayed", "delay_ms", Timed
    what = "a share of what is sent on a cable arrives up to so many ms late"
    shows = "decisions after their deadline, reads that find nobody"


class Stall(Bad):
    """A standstill."""

    name, chance, time, Settings = "stall", "stalled", "stall_ms", Timed
    what = "a cable stands still now and then, and then delivers all at once"
    shows = "decisions after their deadline, reads that find nobody"


class Xoff(Kind):
    """Nothing is let through."""

    name, on, for_s = "xoff", "cable", 20.0
    what = "a machine's side lets nothing more come (XOFF, a full window)"
    shows = "a PLC: device/degraded after 3 s; what floord has to write waits and is bounded"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Stopped."""
        ground.medium.flow(strike.target, True)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """Flows."""
        ground.medium.flow(strike.target, False)


class Unplug(Kind):
    """Pulled."""

    name, on, for_s, group = "unplug", "cable", 20.0, "plug"
    what = "a cable is pulled, and at the end plugged in again, where a port has names under another one"
    shows = "device/offline, device/online"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Out."""
        ground.medium.unplug(strike.target)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """In."""
        ground.medium.plug(strike.target)


KINDS: tuple[Kind, ...] = (Loss(), Noise(), Cut(), Double(), Delay(), Stall(), Xoff(), Unplug())
