"""Countries that parcels go to, and post codes that have the form of the country.

Source: the forms of the UPU's addressing guides, here without the country's letters in front. `9` a digit, `A` a
letter, `#` a digit from 1 to 9, all else as it stands. A code has the form; that a street belongs to it is not said.
"""

from __future__ import annotations

from random import Random

FORMS = {
    "AT": "#999", "BE": "#999", "BG": "#999", "HR": "#9999", "CY": "#999", "CZ": "#99 99", "DK": "#999", "EE": "#9999",
    "FI": "99999", "FR": "#9999", "DE": "#9999", "GR": "#99 99", "HU": "#999", "IE": "A99 A9A9", "IT": "99999",
    "LV": "#999", "LT": "99999", "LU": "#999", "MT": "AAA 9999", "NL": "#999 AA", "PL": "99-999", "PT": "#999-999",
    "RO": "999999", "SK": "#99 99", "SI": "#999", "ES": "#9999", "SE": "#99 99",
    "AU": "#999", "BR": "#9999-999", "CA": "A9A 9A9", "CH": "#999", "CN": "#99999", "GB": "AA9 9AA", "HK": "",
    "IL": "#999999", "IN": "#99999", "IS": "#99", "JP": "#99-9999", "KR": "#9999", "MX": "#9999", "NO": "#999",
    "RS": "#9999", "SG": "#99999", "TR": "#9999", "UA": "#9999", "US": "#9999", "ZA": "#999",
}  # fmt: skip
"""Country -> the form of its post codes, empty = it has none."""

EUROPE = {
    "DE": 20, "FR": 16, "IT": 10, "ES": 9, "NL": 8, "BE": 8, "PL": 6, "SE": 3, "AT": 3, "PT": 2, "CZ": 2, "DK": 2,
    "RO": 2, "GR": 1.5, "HU": 1.5, "IE": 1.5, "FI": 1, "SK": 1, "BG": 0.8, "HR": 0.7, "LT": 0.5, "SI": 0.4, "LV": 0.3,
    "EE": 0.3, "LU": 0.3, "CY": 0.1, "MT": 0.1,
}  # fmt: skip
"""Where imports go when the mix does not say: an assumption, by people, and by what is near Liège."""

_SAFE = "ABCDEFGHJKLMNPRSTUVWXY"  # letters that posts use in codes


def postcode(country: str, rng: Random) -> str:
    """One of this country, which is in `FORMS`."""
    return "".join(_drawn(one, rng) for one in FORMS[country])


def _drawn(one: str, rng: Random) -> str:
    if one == "9":
        return str(rng.randrange(10))
    if one == "#":
        return str(rng.randrange(1, 10))
    return rng.choice(_SAFE) if one == "A" else one
