"""Faults of cables, each direction by itself or both; a cable can have several at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firmware_stubs.bad_line import Faults
from firmware_stubs.cables import Cables, Direction
from firmware_stubs.faults.kind import Ground, Kind, Strike
from firmware_stubs.results import one_of, within


@dataclass(frozen=True, slots=True)
class Share:
    """`share`: of the pieces that are sent, from 0 to 1; `direction`: `both`, or `from_stub`, or `from_host`."""

    share: float = 0.3
    direction: str = "both"

    def __post_init__(self) -> None:
        within("share", self.share, 0.0001, 1)
        one_of("direction", self.direction, "both", "from_stub", "from_host")


@dataclass(frozen=True, slots=True)
class Timed(Share):
    """`ms`: so long."""

    ms: float = 500.0

    def __post_init__(self) -> None:
        within("share", self.share, 0.0001, 1)
        within("ms", self.ms, 1, 60_000)
        one_of("direction", self.direction, "both", "from_stub", "from_host")


class Bad(Kind):
    """What is sent on a cable is struck, both directions or one; `faults` says how."""

    on, target, counts = "cable", "stub", True
    Settings: type = Share

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """From now on."""
        direction: Direction = getattr(strike.settings, "direction", "both")
        faults = self.faults(strike.settings)
        ground.cables.set(strike.target, direction, faults, now, by=strike.id, most=strike.left)
        strike.kept = ground.cables

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """What is on its way comes all the same."""
        ground.cables.clear(strike.target, now, by=strike.id)

    def left(self, strike: Strike) -> int | None:
        """What was not struck yet, of both directions."""
        cables: Cables = strike.kept
        return None if strike.left is None else strike.left - cables.struck(strike.target, by=strike.id)

    def faults(self, settings: Any) -> Faults:
        """What happens to a piece."""
        raise NotImplementedError


class Loss(Bad):
    """Pieces are lost."""

    name = "loss"
    what = "a share of what is sent on a cable does not arrive"
    shows = "a PLC: repeats, and device/degraded when too much is lost; a reader: parcels end as SCANNER_LATE"

    def faults(self, settings: Any) -> Faults:
        """Lost."""
        return Faults(lost=settings.share)


class Noise(Bad):
    """Bits flip."""

    name = "noise"
    what = "in a share of what is sent on a cable a bit flips, or bytes come in between; not on a broker"
    shows = "`garbled` in floord status --device, and what loss does; alarm garbled-… when nothing is understood"

    def faults(self, settings: Any) -> Faults:
        """A bit flips, or bytes come in between."""
        return Faults(flipped=settings.share / 2, inserted=settings.share / 2)


class Cut(Bad):
    """Half frames."""

    name = "cut"
    what = "of a share of what is sent on a cable only the first part arrives"
    shows = "`garbled` in floord status --device, and what loss does"

    def faults(self, settings: Any) -> Faults:
        """Cut."""
        return Faults(half=settings.share)


class Double(Bad):
    """Twice."""

    name = "double"
    what = "a share of what is sent on a cable arrives twice"
    shows = "`noted: repeat request` in floord status --device, nothing else: repeats have no effect"

    def faults(self, settings: Any) -> Faults:
        """Twice."""
        return Faults(doubled=settings.share)


class Delay(Bad):
    """Late."""

    name, Settings = "delay", Timed
    what = "a share of what is sent on a cable arrives so many ms late (on a broker up to that)"
    shows = "a reader: parcel/read UNCLAIMED, parcels end as SCANNER_LATE; a PLC: late decisions, device/degraded"

    def faults(self, settings: Any) -> Faults:
        """Late."""
        return Faults(delayed=settings.share, delay_ms=settings.ms)


class Stall(Bad):
    """A standstill."""

    name, Settings = "stall", Timed
    what = "a cable stands still now and then, and then delivers all at once"
    shows = "as delay; a PLC: device/degraded when the standstill is longer than its repeats"

    def faults(self, settings: Any) -> Faults:
        """It stands."""
        return Faults(stalled=settings.share, stall_ms=settings.ms)


@dataclass(frozen=True, slots=True)
class Rates:
    """The baud rate of the stub and the one of the host, which differ."""

    stub: int = 9600
    host: int = 115_200

    def __post_init__(self) -> None:
        within("stub", self.stub, 300, 10_000_000)
        within("host", self.host, 300, 10_000_000)
        if self.stub == self.host:
            raise ValueError(f"stub and host are both {self.host}: give two rates")


class Baud(Bad):
    """Wrong rate."""

    name, counts, Settings = "baud", False, Rates
    what = "the two ends of a cable have different baud rates; not on a broker"
    shows = (
        "`garbled` in floord status --device; a reader: alarm garbled-… with what to look at; a PLC: device/degraded"
    )

    def faults(self, settings: Any) -> Faults:
        """Rubbish."""
        return Faults(bauds=(settings.stub, settings.host))


class Xoff(Kind):
    """Nothing is let through."""

    name, on, for_s = "xoff", "cable", 20.0
    what = "a machine's side lets nothing more come (XOFF, a full window)"
    shows = "a PLC: device/degraded after 3 s, device/recovered; a reader that is told nothing: nothing"

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
    shows = "device/offline, device/online; a PLC: device/degraded, device/recovered; a reader: SCANNER_DOWN"

    def begin(self, ground: Ground, strike: Strike, now: float) -> None:
        """Out."""
        ground.medium.unplug(strike.target)

    def end(self, ground: Ground, strike: Strike, now: float) -> None:
        """In."""
        ground.medium.plug(strike.target)


KINDS: tuple[Kind, ...] = (Loss(), Noise(), Cut(), Double(), Delay(), Stall(), Baud(), Xoff(), Unplug())
