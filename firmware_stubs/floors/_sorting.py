"""Where parcels go, and how many chutes each country gets: the sort plans of the ready floors.

Chutes are given to countries as seats are to parties (the highest quotient of share and seats is next), but no country
gets more of them than its post codes have first digits; what has another one goes to its last chute. A country that
got none goes to the chute behind all others, `REST`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firmware_stubs.floors._toml import section, value

COUNTRIES: Mapping[str, float] = {
    "DE": 24, "FR": 20, "IT": 9, "NL": 8, "BE": 8, "ES": 7, "PL": 7, "AT": 4, "CZ": 3, "SE": 3, "DK": 2, "PT": 2,
    "HU": 1, "FI": 1, "LU": 1,
}  # fmt: skip
"""country -> its share in percent of what comes into a hub such as Liège"""

_DIGITS = {country: "0123456789" for country in ("IT", "PL", "FI")}
_DIGITS |= {c: "123456789" for c in ("DE", "FR", "ES", "NL", "BE", "AT", "CZ", "SE", "DK", "PT", "HU")}
"""country -> the first digits of its post codes (a few begin with 0); one that is not here gets one chute or none"""


@dataclass(frozen=True, slots=True)
class Destination:
    """A sort code: a country, or the first digits of its post codes; without a country it is all else."""

    name: str
    country: str = ""
    digits: str = ""
    share: float = 0.0  # percent of what is sorted


def destinations(chutes: int, countries: Mapping[str, float] = COUNTRIES) -> list[Destination]:
    """As many destinations as chutes, the last one for all else."""
    seats = dict.fromkeys(countries, 0)
    for _ in range(chutes - 1):
        open_ = [country for country in countries if seats[country] < len(_DIGITS.get(country, "."))]
        seats[max(open_, key=lambda country: countries[country] / (seats[country] + 1))] += 1
    found = []
    for country, count in seats.items():
        digits = _DIGITS.get(country, "")
        for number in range(count):
            own = digits[number * len(digits) // count : (number + 1) * len(digits) // count] if count > 1 else ""
            share = countries[country] * (len(own) / len(digits) if own else 1)
            found.append(Destination(f"{country}-{own}" if own else country, country, own, share))
    rest = sum(share for country, share in countries.items() if not seats[country])
    return [*found, Destination("REST", share=rest)]


def plan(name: str, chutes: Mapping[str, Sequence[str]], sorted_: Sequence[Destination]) -> str:
    """A sort plan: one rule a country and digit, and each destination's lanes (those of `[special]` included)."""
    rules: list[dict[str, str]] = []
    for one in sorted_:
        country = {"country": one.country} if one.country else {}
        for digit in one.digits or [""]:
            rules.append({**country, **({"postcode": digit} if digit else {}), "destination": one.name})
        if one.digits and one is [other for other in sorted_ if other.country == one.country][-1]:
            rules.append({**country, "destination": one.name})
    text = f'# The sort plan: rules give a destination, the wave its lanes.\nplan = "{name}"\nversion = "1"\n'
    text += 'wave = "day"\n\nrule = [\n' + "".join(f"    {value(rule)},\n" for rule in rules) + "]\n"
    special = {"held": "BOND", "unknown": "EXCEPTION", "no_read": "EXCEPTION", "overflow": "EXCEPTION"}
    text += section("special", **{use: "OVERFLOW" if use == "overflow" and "OVERFLOW" in chutes else target
                                  for use, target in special.items()})  # fmt: skip
    wide = max(map(len, chutes), default=0)
    return text + "\n[waves.day]\n" + "".join(f"{to:<{wide}} = {value(lanes)}\n" for to, lanes in chutes.items())
