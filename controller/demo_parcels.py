"""The parcels of the demo and what customs says of them, all from one seed.

Imports that need a release and exports that need none, with post codes over all member states of the EU; releases that
come late, holds that come on the way, some after the gate; parcels without advice, without a readable code, with two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from controller.demo_floor import LENGTHS_MM

POSTCODES = {
    "AT": 4, "BE": 4, "BG": 4, "HR": 5, "CY": 4, "CZ": 5, "DK": 4, "EE": 5, "FI": 5, "FR": 5, "DE": 5, "GR": 5, "HU": 4,
    "IE": 7, "IT": 5, "LV": 4, "LT": 5, "LU": 4, "MT": 7, "NL": 6, "PL": 5, "PT": 7, "RO": 6, "SK": 5, "SI": 4, "ES": 5,
    "SE": 5,
}  # fmt: skip
"""Member states of the EU -> characters of a post code there."""

WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
"""UPU S10: weights of the check digit."""


@dataclass(slots=True)
class DemoParcel:
    """One parcel: what lies on the belt, and what the centre knows and says of it."""

    parcel: str
    line: str
    codes: list[str]
    length_mm: int
    weight_g: int
    advice: dict[str, Any] | None
    first: str | None = None
    """customs status before induction, None: nothing is said"""
    later: tuple[float, str] | None = None
    """(ms after induction, status) of a change on the way"""
    said: list[tuple[float, str]] = field(default_factory=list)
    """(monotonic ms, status) of what was published"""

    def manifest(self) -> dict[str, Any]:
        """What the simulator is told."""
        return {
            "parcel": self.parcel,
            "line": self.line,
            "codes": self.codes,
            "length_mm": self.length_mm,
            "weight_g": self.weight_g,
        }


class Parcels:
    """An endless, seeded stream of parcels over some lines."""

    def __init__(self, lines: list[str], seed: int) -> None:
        self._rng = Random(seed)
        self._lines = lines
        self._number = 0
        self._serial = self._rng.randrange(10_000_000, 90_000_000)

    def next(self) -> DemoParcel:
        """The next parcel, lines in turn."""
        rng = self._rng
        self._number += 1
        self._serial += 1
        code = s10("RB", self._serial, rng.choice(("CN", "US", "GB", "JP")))
        parcel = DemoParcel(
            f"P{self._number:06}",
            self._lines[self._number % len(self._lines)],
            [code],
            rng.randint(*LENGTHS_MM),
            rng.randint(50, 20_000),
            None,
        )
        kind = rng.random()
        if kind < 0.08:
            return parcel
        parcel.advice = self._advice(parcel, code)
        if kind < 0.14:
            parcel.codes = []
        elif kind < 0.26:
            alias = f"LP{rng.randrange(10**13):014}"
            parcel.advice["aliases"].append(alias)
            parcel.codes.append(alias)
        if parcel.advice["customs"] == "required":
            self._customs(parcel)
        return parcel

    def _advice(self, parcel: DemoParcel, code: str) -> dict[str, Any]:
        rng = self._rng
        country = rng.choice((*POSTCODES, "DE", "DE", "DE", "FR", "FR", "NL"))
        flow = rng.choices(("import", "export"), (70, 30))[0]
        return {
            "parcel": parcel.parcel,
            "version": 1,
            "aliases": [code],
            "flow": flow,
            "country": country,
            "postcode": "".join(str(rng.randrange(10)) for _ in range(POSTCODES[country])),
            "customs": "required" if flow == "import" else "none",
            "belongs": {"air_waybill": f"176-{self._number // 200:08}"},
        }

    def _customs(self, parcel: DemoParcel) -> None:
        rng = self._rng
        story = rng.random()
        if story < 0.70:
            parcel.first = "release"
        elif story < 0.78:
            parcel.first, parcel.later = "release", (rng.uniform(200, 12_000), "hold")
        elif story < 0.88:
            parcel.first, parcel.later = "pending", (rng.uniform(200, 6_000), "release")
        elif story < 0.94:
            parcel.first = "hold"
        elif story < 0.97:
            parcel.later = (rng.uniform(200, 3_000), "release")


def s10(service: str, serial: int, country: str) -> str:
    """A UPU S10 item identifier with its check digit."""
    digits = f"{serial:08}"
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True)) % 11
    return f"{service}{digits}{ {10: 0, 11: 5}.get(rest, rest) }{country}"
