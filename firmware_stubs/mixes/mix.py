"""`[mix.ID]`: what comes, as weights and shares. Weights need not add up to anything; shares are from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from firmware_stubs.mixes.kinds import KINDS
from firmware_stubs.mixes.labels import LABELS
from firmware_stubs.mixes.places import EUROPE, FORMS
from firmware_stubs.sections import FloorError, known

_USUAL = {"polybag": 55.0, "box": 35.0, "heavy": 8.0, "nonconveyable": 2.0}
_FIRST = {
    "s10": 34, "sscc": 16, "ups": 9, "fedex": 6, "fedex_ground": 1, "fedex_96": 1, "fedex_34": 1, "dhl_express": 5,
    "licence_plate": 5, "usps": 2, "usps_zip": 3, "cainiao": 4, "yunexpress": 2, "amazon": 3, "landmark": 1, "dpd": 3,
    "gls": 2, "japan_post": 1, "bpost": 1,
}  # fmt: skip
_FURTHER = {
    "cainiao": 25, "sscc": 15, "dpd": 8, "gls": 5, "gls_track": 3, "identcode": 6, "leitcode": 3, "hermes": 4,
    "postnl": 8, "bpost": 8, "colissimo": 6, "austrian_post": 3, "amazon": 3, "gtin": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mix:
    """The keys of the table. Raises ValueError for a number that cannot be, FloorError for a name that is none.

    Of imports, customs holds `held`, releases `late_release` only `late_after_s` after they came onto the belt, and
    holds `recalled` so long after they came although it had released them; it releases all others at once. `unknown` =
    share of all that the centre knows nothing of.
    """

    polybag: float = 0.0
    box: float = 0.0
    heavy: float = 0.0
    nonconveyable: float = 0.0
    bag: float = 0.0
    cage: float = 0.0
    codes: tuple[float, ...] = (2, 60, 28, 10)  # weights of 0, 1, 2, 3 codes on a parcel
    labels: dict[str, float] = field(default_factory=lambda: dict(_FIRST))
    further: dict[str, float] = field(default_factory=lambda: dict(_FURTHER))  # of the second code and the third
    aim: bool = False  # whether the AIM identifier of its symbology stands in front of a code
    imports: float = 0.85
    held: float = 0.02
    late_release: float = 0.1
    recalled: float = 0.01
    unknown: float = 0.02
    late_after_s: tuple[float, ...] = (0.5, 6.0)
    recalled_after_s: tuple[float, ...] = (1.0, 60.0)
    countries: dict[str, float] = field(default_factory=lambda: dict(EUROPE))
    products: dict[str, float] = field(default_factory=lambda: {"standard": 80, "express": 20})

    def __post_init__(self) -> None:
        """Check all of it."""
        _weights("kinds", self.kinds.values())
        _weights("codes", self.codes)
        if len(self.codes) > 4:
            raise ValueError("codes must be the weights of 0, 1, 2 and 3 codes on a parcel, no more")
        for key, words in (("labels", LABELS), ("further", LABELS), ("countries", FORMS), ("products", None)):
            _weights(key, getattr(self, key).values())
            _names(key, getattr(self, key), words)
        for key in ("imports", "held", "late_release", "recalled", "unknown"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"{key} must be from 0 to 1, not {getattr(self, key):g}")
        if self.held + self.late_release + self.recalled > 1:
            raise ValueError("held, late_release and recalled are shares of the imports: together at most 1")
        for key in ("late_after_s", "recalled_after_s"):
            span = getattr(self, key)
            if len(span) != 2 or not 0 <= span[0] <= span[1] < math.inf:
                raise ValueError(f"{key} must be the least and the most, such as [1, 60]")

    @property
    def kinds(self) -> dict[str, float]:
        """Weights by kind of parcel; the usual ones where none is written."""
        written = {kind: getattr(self, kind) for kind in KINDS}
        return written if any(written.values()) else _USUAL


def _weights(key: str, weights: Iterable[float]) -> None:
    weights = list(weights)
    if not all(0 <= weight < math.inf for weight in weights) or not sum(weights) > 0:
        raise ValueError(f"{key}: give weights that are not negative, at least one of them above 0")


def _names(key: str, names: Iterable[str], words: Mapping[str, object] | None) -> None:
    for name in names:
        if words is not None and name not in words:
            try:
                known(name, words, key, {"labels": "label", "further": "label", "countries": "country"}[key])
            except FloorError as error:
                raise ValueError(str(error)) from error
        elif words is None and not 1 <= len(name) <= 32:
            raise ValueError(f"{key}: {name!r} is too long; give a name of 1 to 32 characters")
