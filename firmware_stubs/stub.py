"""The one shape of a firmware stub: a machine as data.

Time and seed are arguments, so that the same stub runs in a test at any speed and for a technician at real speed.
All times are monotonic milliseconds. A stub does no I/O; `serve.py` puts it on a wire.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


class Stub(Protocol):
    """One machine, seen from its cable."""

    def feed(self, data: bytes, now: float) -> None:
        """Bytes arrived from the controller, in any split."""

    def tick(self, now: float) -> None:
        """Time has passed: do what is due."""

    def next_at(self) -> float | None:
        """When `tick` wants to be called next; None = only after input."""

    def take(self) -> bytes:
        """What the machine says now; empty when nothing. Each byte is given once."""


class ScannerStub(Stub, Protocol):
    """A fixed scanner: the belt tells it what passes."""

    def gate(self, codes: list[bytes], now: float) -> None:
        """An item's front edge reached the transmit point: say its codes, or the no-read text when there are none."""

    def said(self) -> list[bytes | None]:
        """What was said to gates and is now in `take` or beyond, in the order of the gates, since the last call: one
        entry a code, None for a no-read (said or silent). For the simulator's ledger only, never for the wire."""


class PlcStub(Stub, Protocol):
    """A line's PLC: it sees eye edges and commands gates; it never sees a barcode or the truth of the belt."""

    @property
    def epoch(self) -> int:
        """The life of its memory, which its track numbers belong to."""

    @property
    def inhibited(self) -> Collection[str]:
        """The induction points that must not put anything on the belt now."""

    @property
    def stop_wanted(self) -> bool:
        """True = the drive is to stop: the belt answers with `belt_speed(0)`, and only a local hand starts it again."""

    @property
    def in_session(self) -> bool:
        """True = synchronised with a controller."""

    def edge(self, point: str, length: int, now: float) -> int:
        """An item's front edge passed the eye of a point (`length` mm as measured there). Returns its track number."""

    def gates(self, now: float) -> list[GateCommand]:
        """Gates that the PLC fires since the last call, each once, for the item that it believes to be there."""

    def lane_eye(self, lane: str, now: float) -> None:
        """An item passed the eye behind a lane's gate (the end of the line is the default lane's eye)."""

    def lane_state(self, lane: str, state: str, now: float) -> None:
        """A lane became `FULL`, `HALF` or `FREE` (chute eye), or `LOCK` (button)."""

    def belt_speed(self, mm_s: int, now: float) -> None:
        """The belt runs with this speed from now on; 0 = stopped."""

    def taken(self) -> list[Taken]:
        """DESTs judged since the last call, in order: for the simulator's ledger only, never for the wire."""

    def sent_arrivals(self) -> list[tuple[int, int, float]]:
        """(epoch, track, when) of each ARRV that left for the first time since the last call: for the ledger only."""


@dataclass(frozen=True, slots=True)
class GateCommand:
    """Fire the gate of `lane` for the item whose front edge is expected there at `at`."""

    lane: str
    track: int
    at: float


@dataclass(frozen=True, slots=True)
class Taken:
    """A DEST that the PLC judged: `refusal` None = it is the destination the PLC obeys from now on."""

    epoch: int
    track: int
    decision: int
    reason: str
    lanes: tuple[str, ...]
    if_none: str
    no_default: bool
    refusal: str | None
    at: float
