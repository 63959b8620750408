"""What comes onto the ready floors: the `[mix]` tables, and the centre that knows of it."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_stubs.floors._sorting import COUNTRIES
from firmware_stubs.floors._toml import Place, section

IMPORTS: Mapping[str, object] = {
    "polybag": 55, "box": 35, "heavy": 8, "nonconveyable": 2,
    "codes": [2, 60, 28, 10],
    "imports": 0.85, "held": 0.02, "late_release": 0.1, "recalled": 0.01, "unknown": 0.02,
}  # fmt: skip
"""An ordinary day: of 100 parcels 2 have no code that can be read, 60 one, 28 two, 10 three."""


def mix(name: str, countries: Mapping[str, float] = COUNTRIES, **changed: object) -> str:
    """A mix as `IMPORTS`, but for what is changed."""
    return section(f"mix.{name}", **{**IMPORTS, **changed}, countries=countries)


def centre(place: Place) -> str:
    """The hub's IT on the broker, which advises what comes."""
    return section("stub.centre", kind="centre", link=place.mqtt()[1], site=place.site)
