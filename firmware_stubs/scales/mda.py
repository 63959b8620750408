"""A SICK Master Data Analyzer: of every item one record with its code, weight and size. It does not listen.

STX object(4) ; code ; weight(9) ; g ; scale error ; length(4) ; width(4) ; height(4) ; mm ; status(4) ; volume(7) ETX

A weight that is not legal for trade is zeros, and so is one that no scale gave (scale error 1). Sizes that were not
measured are zeros; status 0001: it lay outside the reading field. Of several codes it says the first.

Source: SICK Master Data Analyzer operating instructions 8020065, table 31.
Guesses: that the volume is zeros with its sizes, that outside the field nothing is measured, and that a volume above
9999999 mm3 has more digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from firmware_stubs.results import Results, Shown, latin, one_of, within
from firmware_stubs.stub import Measures, Piece

_LAST = 9999  # object number, and every size


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section. `object` is its own count from 1, or the item's `track` number."""

    no_read: str = "NoRead"
    object: str = "count"
    legal_for_trade: bool = True  # False = no weight is
    scale_connected: bool = True
    outside: float = 0.0  # share of items that lie outside the reading field
    delay_ms: float = 0.0  # from the transmit point to the first byte

    def __post_init__(self) -> None:
        one_of("object", self.object, "count", "track")
        within("outside", self.outside, 0, 1)
        within("delay_ms", self.delay_ms, 0, 1e6)
        latin(no_read=self.no_read)
        if not self.no_read or ";" in self.no_read:
            raise ValueError(f"no_read must be a text without ;, not {self.no_read!r}")


class Scanner(Results):
    """One of them; see `SizingStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now, delay_ms=settings.delay_ms)
        self._settings = settings
        self._chance = Random(seed)
        self._count = 0

    def feed(self, data: Piece, now: float) -> None:
        """It does not listen."""

    def measure(self, measures: Measures, now: float) -> None:
        """What the item of the next gate weighs, and how large it is."""
        self._measures = measures

    def result(self, shown: Shown, now: float) -> None:
        """Its record; an item that was never measured has zeros."""
        settings, measures = self._settings, shown.measures
        self._count = self._count % _LAST + 1
        number = shown.index % (_LAST + 1) if settings.object == "track" else self._count
        code = shown.codes[0] if shown.codes else settings.no_read.encode("latin-1")
        approved = settings.legal_for_trade and settings.scale_connected
        grams = measures.grams if measures and measures.weight_status == "A" and approved else 0
        outside = settings.outside > 0 and self._chance.random() < settings.outside
        sizes = (0, 0, 0)
        if measures and measures.size_status != "E" and not outside:
            sizes = measures.length_mm, measures.width_mm, measures.height_mm
        if not all(0 < size <= _LAST for size in sizes):
            sizes = (0, 0, 0)
        length, width, height = sizes
        fields = (
            b"%04d" % number,
            code,
            b"%09d" % (grams if 0 <= grams < 10**9 else 0),
            b"g",
            b"%d" % (not settings.scale_connected),
            *(b"%04d" % size for size in sizes),
            b"mm",
            b"%04X" % outside,
            b"%07d" % (length * width * height),
        )
        self._out += b"\x02" + b";".join(fields) + b"\x03"
        shown.said = [shown.codes[0], *[None] * (len(shown.codes) - 1)] if shown.codes else [None]
