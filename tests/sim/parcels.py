"""The parcels of a simulation and what the centre says of them, all from one seed.

Imports that need a release and exports that need none; releases that come late, holds that come on the way and after
the drop, on the parcel, its bag or its air waybill; no advice, late advice, changed advice; no code, two codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

POSTCODES = {"AT": 4, "BE": 4, "DE": 5, "ES": 5, "FR": 5, "IT": 5, "LU": 4, "NL": 6, "PL": 5, "PT": 7, "SE": 5}
COUNTRIES = (*POSTCODES, "DE", "DE", "DE", "FR", "FR", "NL")
WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
"""UPU S10: weights of the check digit."""

IMPORT, NO_ADVICE, NO_CODE, TWO_CODES = 0.7, 0.06, 0.06, 0.12
BAG_OF, WAYBILL_OF = 10, 50
"""parcels in a bag, bags in an air waybill"""


@dataclass(slots=True)
class Parcel:
    """One parcel as it really is, and what the centre is going to say."""

    name: str
    line: str
    codes: list[str]
    length_mm: int
    weight_g: int
    advice: dict[str, Any] | None = None
    first: str | None = None
    """customs status before induction"""
    later: list[tuple[float, str]] = field(default_factory=list)
    """(ms after the first word, status)"""

    def manifest(self) -> dict[str, Any]:
        """What the simulator is told."""
        return {
            "parcel": self.name,
            "line": self.line,
            "codes": self.codes,
            "length_mm": self.length_mm,
            "weight_g": self.weight_g,
        }

    @property
    def required(self) -> bool:
        """Whether it needs a release."""
        return self.advice is None or self.advice["customs"] == "required"

    @property
    def subjects(self) -> list[tuple[str, str]]:
        """What a customs record may speak of: itself and all it belongs to."""
        belongs = self.advice["belongs"] if self.advice is not None else {}
        return [("parcel", self.name), *belongs.items()]


class Parcels:
    """An endless stream."""

    def __init__(self, seed: int, utc_ms: float) -> None:
        self._rng = Random(f"{seed}/parcels")
        self._utc_ms = utc_ms
        self.count = 0
        """so many have come"""
        self._serial = self._rng.randrange(10_000_000, 40_000_000)

    def next(self, line: str) -> Parcel:
        """The next parcel of a line."""
        rng = self._rng
        self.count += 1
        self._serial += 1
        code = s10("RB", self._serial, rng.choice(("CN", "US", "GB", "JP")))
        parcel = Parcel(f"P{self.count:06}", line, [code], rng.randint(100, 350), rng.randint(50, 20_000))
        kind = rng.random()
        if kind < NO_ADVICE:
            return parcel
        kind -= NO_ADVICE
        parcel.advice = self._advice(parcel.name, code)
        if kind < NO_CODE:
            parcel.codes = []
        elif kind < NO_CODE + TWO_CODES:
            alias = f"LP{rng.randrange(10**13):014}"
            parcel.advice["aliases"].append(alias)
            parcel.codes.append(alias)
        if parcel.required:
            self._customs(parcel)
        return parcel

    def _advice(self, name: str, code: str) -> dict[str, Any]:
        rng, bag = self._rng, self.count // BAG_OF
        country = rng.choice(COUNTRIES)
        flow = "import" if rng.random() < IMPORT else "export"
        due = rfc3339(self._utc_ms + rng.uniform(1, 90) * 3_600_000)
        return {
            "promise_by": due,
            "parcel": name,
            "version": 1,
            "aliases": [code],
            "flow": flow,
            "country": country,
            "postcode": f"{rng.randrange(10**7):07}"[: POSTCODES[country]],
            "customs": "required" if flow == "import" else "none",
            "belongs": {"bag": f"BAG{bag:06}", "air_waybill": f"176-{bag // WAYBILL_OF:08}"},
        }

    def _customs(self, parcel: Parcel) -> None:
        rng = self._rng
        story = rng.random()
        if story < 0.72:
            parcel.first = "release"
        elif story < 0.79:
            parcel.first, parcel.later = "release", [(rng.uniform(2_000, 25_000), rng.choice(("hold", "inspect")))]
        elif story < 0.87:
            parcel.first, parcel.later = "pending", [(rng.uniform(1_000, 15_000), "release")]
        elif story < 0.91:
            begin = rng.uniform(2_000, 15_000)
            parcel.first, parcel.later = "release", [(begin, "hold"), (begin + rng.uniform(200, 9_000), "release")]
        elif story < 0.95:
            parcel.first = rng.choice(("hold", "seize", "do_not_load"))
        elif story < 0.98:
            parcel.later = [(rng.uniform(1_000, 12_000), "release")]


def rfc3339(utc_ms: float) -> str:
    """UTC as text, whole seconds."""
    return datetime.fromtimestamp(utc_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def s10(service: str, serial: int, country: str) -> str:
    """A UPU S10 item identifier with its check digit."""
    digits = f"{serial:08}"
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True)) % 11
    return f"{service}{digits}{ {10: 0, 11: 5}.get(rest, rest) }{country}"
