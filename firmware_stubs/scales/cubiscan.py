"""A Quantronix CubiScan 125 or 325: weighs and measures what lies on it when a host says M.

command   STX M ETX CR LF       all else gets the NAK   STX ? N ETX CR LF
answer    STX M A C|H city(6) ,L(5) ,W(5) ,H(5) ,E|M ,K(6) ,D(6) ,E|M ,F(4) ,D|I ETX CR LF

`C`, `H`: the CubiScan or the host began it. Centimetres and kilograms (M) or inches and pounds (E); D is the weight
that the volume stands for by the factor F. A value is all `_` below its range, all `~` above it, all `-` while the item
does not lie still. It reads no codes.

Sources: CubiScan 125 and 325 service manuals (Measure, Gate measure, NAK), CubiScan 125 manual (footnote of Measure).
Guess: that a gate measure, which is sent by itself as `m`, has the fields of Measure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from firmware_stubs.results import Results, Shown, one_of, within
from firmware_stubs.stub import Measures, Piece, as_bytes

_LONGEST = 64  # of one command
_STX, _ETX = 2, 3
_NAK = b"\x02?N\x03\r\n"
_EMPTY = Measures(0, "A", "", 0, 0, 0, "A")


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of the stub's section. An item lies there from its gate until the next one's."""

    location: str = "000000"
    dimensions: str = "M"  # or "E": inches
    weights: str = "M"  # or "E": pounds
    factor: int = 5000  # cubic centimetres (inches) of a kilogram (pound)
    shipping: str = "D"  # or "I": international
    gate_measure: bool = False  # True = it measures at the gate, unasked
    settle_ms: float = 0.0  # so long an item does not lie still
    unstable: float = 0.0  # share of measurements in which it does not
    least_g: int = 20
    most_g: int = 70_000
    least_mm: int = 2
    most_mm: int = 1200
    zeros: bool = True  # False = spaces stand for leading zeros

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9A-Z]{6}", self.location):
            raise ValueError(f"location must be 6 digits or capital letters, not {self.location!r}")
        one_of("dimensions", self.dimensions, "M", "E")
        one_of("weights", self.weights, "M", "E")
        one_of("shipping", self.shipping, "D", "I")
        within("factor", self.factor, 1, 9999)
        within("settle_ms", self.settle_ms, 0, 1e6)
        within("unstable", self.unstable, 0, 1)
        within("most_g", self.most_g, 1, 453_000)
        within("least_g", self.least_g, 0, self.most_g)
        within("most_mm", self.most_mm, 1, 9999)
        within("least_mm", self.least_mm, 0, self.most_mm)


class Scanner(Results):
    """One of them; see `SizingStub`."""

    def __init__(self, settings: Settings, seed: int, now: float) -> None:
        super().__init__(now)
        self._settings = settings
        self._chance = Random(seed)
        self._in = bytearray()
        self._there = _EMPTY
        self._came_at = now - settings.settle_ms

    def measure(self, measures: Measures, now: float) -> None:
        """What the item of the next gate weighs, and how large it is."""
        self._measures = measures

    def result(self, shown: Shown, now: float) -> None:
        """It lies there now; its codes are not seen."""
        shown.unsaid()
        self._there, self._came_at = shown.measures or _EMPTY, now
        if self._settings.gate_measure:
            self._out += self._measured(b"m", b"C", still=True)

    def feed(self, data: Piece, now: float) -> None:
        """Commands, in any split; what is not framed is ignored."""
        self.tick(now)
        for byte in as_bytes(data):
            if byte == _STX:
                self._in[:] = b"\x02"
            elif self._in and byte == _ETX:
                self._out += self._answer(bytes(self._in[1:]), now)
                self._in.clear()
            elif self._in:
                self._in.append(byte)
                if len(self._in) > _LONGEST:
                    self._in.clear()

    def _answer(self, command: bytes, now: float) -> bytes:
        if command != b"M":
            return _NAK
        moves = self._settings.unstable > 0 and self._chance.random() < self._settings.unstable
        return self._measured(b"M", b"H", still=not moves and now - self._came_at >= self._settings.settle_ms)

    def _measured(self, command: bytes, origin: bytes, *, still: bool) -> bytes:
        settings, there = self._settings, self._there
        sizes = [self._size(mm, still=still) for mm in (there.length_mm, there.width_mm, there.height_mm)]
        weight = self._weight(still=still)
        volume = there.length_mm * there.width_mm * there.height_mm / (1000 if settings.dimensions == "M" else 25.4**3)
        shape = _first_bad(sizes)
        dim_weight = shape * 6 if shape else self._number(volume / settings.factor, 6, 2)
        text = (
            f"{settings.location},L{sizes[0]},W{sizes[1]},H{sizes[2]},{settings.dimensions},K{weight},D{dim_weight},"
            f"{settings.weights},F{settings.factor:04},{settings.shipping}"
        )
        return b"\x02" + command + b"A" + origin + text.encode("ascii") + b"\x03\r\n"

    def _size(self, mm: int, *, still: bool) -> str:
        settings = self._settings
        if bad := _bad(mm, settings.least_mm, settings.most_mm, still=still and self._there.size_status != "E"):
            return bad * 5
        return self._number(mm / (10 if settings.dimensions == "M" else 25.4), 5, 1)

    def _weight(self, *, still: bool) -> str:
        settings, grams = self._settings, self._there.grams
        if bad := _bad(grams, settings.least_g, settings.most_g, still=still and self._there.weight_status != "E"):
            return bad * 6
        return self._number(grams / (1000 if settings.weights == "M" else 453.59237), 6, 2)

    def _number(self, value: float, digits: int, behind: int) -> str:
        """A value in its field; what does not fit is above the range."""
        text = f"{value:{digits}.{behind}f}"
        if len(text) > digits:
            return "~" * digits
        return text.replace(" ", "0") if self._settings.zeros else text


def _bad(value: int, least: int, most: int, *, still: bool) -> str:
    """What stands for a value that is none; empty = it is one."""
    if not still:
        return "-"
    return "_" if value < least else "~" if value > most else ""


def _first_bad(values: list[str]) -> str:
    return next((value[0] for value in values if value[0] in "_-~"), "")
