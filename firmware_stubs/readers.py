"""A reader at a belt or at a desk: what it is shown, and what goes wrong with the next parcels there.

`no_read` it sees no code · `wrong` it says the code of the next parcel · `double` it says everything twice · `late` and
`early` it says it so many ms after or before the transmit point. One that is `dead` is shown nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from firmware_stubs.rides import Ride
from firmware_stubs.spells import Spell, struck
from firmware_stubs.stub import Measures, ScannerStub

KINDS = ("no_read", "wrong", "double", "late", "early")


class Mishap(NamedTuple):
    """What happens to the next parcel at the reader."""

    kind: str
    ms: float


class Reader:
    """One scanner with its transmit point at `mm`."""

    def __init__(self, name: str, scanner: ScannerStub, mm: int, *, by_carrier: bool) -> None:
        """`by_carrier`: the index it is told is the carrier's number instead of the track's."""
        self.name = name
        self.scanner = scanner
        self.mm = mm
        self.by_carrier = by_carrier
        self.mishaps: deque[Mishap] = deque()
        self.spells: list[Spell] = []
        self.dead = False

    @property
    def measure(self) -> Callable[[Measures, float], None] | None:
        """What a SizingStub has; None = it measures nothing."""
        return getattr(self.scanner, "measure", None)

    @property
    def lead_ms(self) -> float:
        """So long before its transmit point the next parcel's codes are said."""
        return self.mishaps[0].ms if self.mishaps and self.mishaps[0].kind == "early" else 0.0

    def strike(self) -> Mishap | None:
        """The mishap of the parcel that is here now; an early one is for the next, before it is here."""
        if self.mishaps and not self.lead_ms:
            return self.mishaps.popleft()
        spell = struck(self.spells)
        return Mishap(spell.kind, spell.ms) if spell else None


def seen(ride: Ride, kind: str, behind: Callable[[Ride], Ride | None]) -> tuple[list[bytes], tuple[str, ...]]:
    """The codes that a reader sees on an item, and in the ledger's eyes whose parcel each result is for."""
    items = ride.chain()
    if kind == "no_read":
        items = []
    elif kind == "wrong":
        other = behind(items[-1])
        items = [other] if other else []
    found = [(code, item.parcel.parcel) for item in items for code in item.parcel.codes]
    if not found or kind == "wrong":
        return [code for code, _ in found], (ride.parcel.parcel,) * max(1, len(found))
    return [code for code, _ in found], tuple(name for _, name in found)
