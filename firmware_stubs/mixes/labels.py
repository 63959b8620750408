"""Labels of every carrier that a hub sees, with check digits that are right.

A label is made of a serial, so that no two of a stream are alike, and of what is drawn beside it. Of carriers that give
out numbers of their own no number here is one that is in use for certain: customers, shippers and serials are random.
Sources: GS1 General Specifications; UPU S10, S9; jkeen/tracking_number_data; DPD and GLS label guides; IATA; ISO 6346.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from firmware_stubs.mixes import checks

SERIALS = 10**8
"""A serial is below this."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALNUM = "0123456789" + _LETTERS
_ORIGINS = ("CN", "CN", "CN", "US", "GB", "JP", "HK", "SG", "TR", "IN", "KR")
_AIRLINES = ("020", "074", "125", "157", "172", "176", "235", "999")
_OFFICES = ("CNSHAA", "CNCANA", "HKHKGA", "USJFKA", "GBLONB", "DEFRAA", "BELGGA", "FRCDGA")  # of mail exchange


@dataclass(frozen=True, slots=True)
class Label:
    """How one scheme is made from a draw and a serial; `aim` = what a scanner may say in front of it.

    `names` = it names the parcel: advice has it. A GTIN and a Leitcode do not, they stand on many parcels.
    """

    make: Callable[[Random, int], str]
    aim: str = "]C0"
    names: bool = True


def _digits(rng: Random, count: int) -> str:
    return f"{rng.randrange(10**count):0{count}}"


def _letters(rng: Random, count: int) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(count))


def _s10(rng: Random, serial: int) -> str:
    number = f"{serial:08}"
    service = rng.choice("RCLEHV") + rng.choice(_LETTERS)
    return service + number + checks.s10(number) + rng.choice(_ORIGINS)


def _sscc(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(10)}{_digits(rng, 7)}0{serial:08}"
    return "00" + body + checks.gs1(body)


def _gtin(rng: Random, serial: int) -> str:
    body = rng.choice(("40", "54", "69", "87")) + _digits(rng, 10)
    return body + checks.gs1(body)


def _ups(rng: Random, serial: int) -> str:
    shipper = "".join(rng.choice(_ALNUM) for _ in range(5)) + str(serial // 10**7)
    body = shipper + rng.choice(("03", "04", "68", "90", "DK", "YW")) + f"{serial % 10**7:07}"
    return "1Z" + body + checks.ups(body)


def _usps(rng: Random, serial: int) -> str:
    body = rng.choice(("9200", "9274", "9400", "9405", "9505")) + _digits(rng, 9) + f"{serial:08}"
    return body + checks.gs1(body)


def _usps_zip(rng: Random, serial: int) -> str:
    return f"420{rng.randrange(501, 99951):05}" + _usps(rng, serial)


def _fedex(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(100, 1000)}{serial:08}"
    return body + checks.fedex(body)


def _fedex_ground(rng: Random, serial: int) -> str:
    body = f"{_digits(rng, 6)}{serial:08}"
    return body + checks.gs1(body)


def _fedex_96(rng: Random, serial: int) -> str:
    return "96" + rng.choice(("11020", "11019", "11804")) + _fedex_ground(rng, serial)


def _fedex_34(rng: Random, serial: int) -> str:
    body = f"00{rng.randrange(100, 1000)}{serial:08}"
    return "1001" + _digits(rng, 16) + body + checks.fedex(body)


def _dhl_express(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(1, 10)}{serial:08}"
    return body + checks.mod7(body)


def _licence_plate(rng: Random, serial: int) -> str:
    return rng.choice(("JD01", "JD00", "JJD01", "JVGL")) + f"{_digits(rng, 8)}{serial:08}"


def _identcode(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(10, 100)}{rng.randrange(10)}{serial:08}"
    return body + checks.post(body)


def _leitcode(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(1067, 99999):05}{_digits(rng, 6)}{rng.choice(('01', '02', '10'))}"
    return body + checks.post(body)


def _hermes(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(10000, 100000)}{serial:08}"
    return body + checks.gs1(body)


def _dpd(rng: Random, serial: int) -> str:
    """As in the bars: a tag in front, and no check, which stands in the human text only."""
    country = rng.choice(("276", "250", "528", "056", "616", "203"))
    return f"%00{_digits(rng, 5)}{_digits(rng, 6)}{serial:08}{rng.choice(('327', '136', '350', '101'))}{country}"


def _dpd_check(rng: Random, serial: int) -> str:
    label = _dpd(rng, serial)[1:]
    return label + checks.mod37_36(label)


def _gls(rng: Random, serial: int) -> str:
    body = f"{_digits(rng, 3)}{serial:08}"
    return body + checks.gls(body)


def _gls_track(rng: Random, serial: int) -> str:
    text = "".join(_ALNUM[serial // 36**place % 36] for place in range(6))
    return _letters(rng, 2) + text


def _austrian_post(rng: Random, serial: int) -> str:
    body = f"10{_digits(rng, 5)}{serial:08}"
    return body + checks.gs1(body)


def _japan_post(rng: Random, serial: int) -> str:
    body = f"{rng.randrange(100, 1000)}{serial:08}"
    return body + checks.mod7(body)


def _awb(rng: Random, serial: int) -> str:
    number = f"{serial % 10**7:07}"
    return rng.choice(_AIRLINES) + number + checks.mod7(number)


def _iso6346(rng: Random, serial: int) -> str:
    body = f"{_letters(rng, 3)}U{serial % 10**6:06}"
    return body + checks.iso6346(body)


def _s9(rng: Random, serial: int) -> str:
    """A bag of mail: from office, to office, category, class, year, dispatch, receptacle, flags, weight in 100 g."""
    origin, destination = rng.sample(_OFFICES, 2)
    kind = rng.choice("AB") + rng.choice(("UN", "CN", "EN"))
    number, flags = f"{serial % 10**7:07}", f"{rng.randrange(2)}{rng.randrange(2)}"
    return f"{origin}{destination}{kind}{rng.randrange(10)}{number}{flags}{rng.randrange(5, 301):04}"


LABELS: dict[str, Label] = {
    "s10": Label(_s10),
    "sscc": Label(_sscc, "]C1"),
    "gtin": Label(_gtin, "]E0", names=False),
    "ups": Label(_ups),
    "usps": Label(_usps, "]C1"),
    "usps_zip": Label(_usps_zip, "]C1"),
    "fedex": Label(_fedex),
    "fedex_ground": Label(_fedex_ground),
    "fedex_96": Label(_fedex_96),
    "fedex_34": Label(_fedex_34),
    "dhl_express": Label(_dhl_express),
    "licence_plate": Label(_licence_plate),
    "identcode": Label(_identcode, "]I0"),
    "leitcode": Label(_leitcode, "]I0", names=False),
    "hermes": Label(_hermes, "]I0"),
    "dpd": Label(_dpd),
    "dpd_check": Label(_dpd_check),
    "gls": Label(_gls, "]I0"),
    "gls_track": Label(_gls_track),
    "austrian_post": Label(_austrian_post),
    "japan_post": Label(_japan_post, "]F0"),
    "postnl": Label(lambda rng, serial: f"3S{_letters(rng, 4)}0{serial:08}"),
    "bpost": Label(lambda rng, serial: f"3232{_digits(rng, 12)}{serial:08}"),
    "colissimo": Label(lambda rng, serial: f"{rng.choice('689')}{rng.choice('ACLMQ')}{_digits(rng, 3)}{serial:08}"),
    "cainiao": Label(lambda rng, serial: f"LP00{_digits(rng, 4)}{serial:08}"),
    "amazon": Label(lambda rng, serial: f"TBA{_digits(rng, 4)}{serial:08}"),
    "landmark": Label(lambda rng, serial: f"LTN{serial:08}N1"),
    "yunexpress": Label(lambda rng, serial: f"YT{_digits(rng, 8)}{serial:08}"),
    "awb": Label(_awb),
    "bag_tag": Label(lambda rng, serial: f"{_digits(rng, 2)}{serial:08}", "]I0"),
    "uld": Label(lambda rng, serial: rng.choice(("AKE", "PMC", "AAP")) + f"{serial % 10**5:05}" + _letters(rng, 2)),
    "iso6346": Label(_iso6346),
    "s9": Label(_s9),
}
"""Scheme -> how its labels are made. Two of the same scheme in other forms have names of their own."""
