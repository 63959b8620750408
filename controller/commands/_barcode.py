"""What `floord barcode` shows at a terminal: a table of what a code may be, or why it may be nothing."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from controller.commands._story import safe
from controller.wording import counted
from devices.barcodes import Candidate, candidates, words
from devices.barcodes.candidate import control_character, split_aim

SCHEMES = {
    "gs1": "GS1 number or message",
    "s10": "UPU S10 (post)",
    "ups": "UPS",
    "usps": "USPS",
    "fedex": "FedEx",
    "licence_plate": "licence plate (DHL)",
    "dhl_express": "DHL Express",
    "identcode": "Deutsche Post Identcode",
    "leitcode": "Deutsche Post Leitcode",
    "dpd": "DPD",
    "gls": "GLS",
    "hermes": "Hermes",
    "austrian_post": "Austrian Post",
    "japan_post": "Japan Post",
    "postnl": "PostNL",
    "bpost": "bpost",
    "colissimo": "Colissimo",
    "cainiao": "Cainiao",
    "amazon": "Amazon",
    "landmark": "Landmark Global",
    "yunexpress": "YunExpress",
    "awb": "air waybill",
    "bag_tag": "IATA bag tag",
    "uld": "IATA unit load device",
    "iso6346": "ISO 6346 container",
    "s9": "UPU S9 receptacle",
    "iso15434": "ISO 15434 message",
}
"""Name of a scheme -> the same for people, at most 24 characters."""

UNCHECKED = "looks so: this scheme has no check digit, so nothing proves it"
COLUMNS = (26, 10)


def shown(code: str, found: Sequence[Candidate], width: int) -> list[str]:
    """The candidates of a code in rows of at most `width` characters, fit for a terminal whatever the code holds."""
    aim, _ = split_aim(code)
    rows = [f"read as: {words(aim)}"] if aim else []
    if not found:
        return _wrapped([*rows, f"nothing known: {why_nothing(code)}"], width, 4)
    first, second = COLUMNS
    table = [f"{'scheme':<{first}}{'valid':<{second}}what it says"]
    table += [f"{SCHEMES[one.scheme]:<{first}}{_verdict(one):<{second}}{_said(one)}" for one in found]
    legend = [UNCHECKED] if any(one.valid and not one.checked for one in found) else []
    return [*_wrapped(rows, width, 4), *_wrapped(table, width, first + second), *_wrapped(legend, width, 4)]


def why_nothing(code: str) -> str:
    """Why a code has no candidate, and what to try."""
    aim, text = split_aim(code)
    if not text.strip():
        return "it is empty"
    if control_character(text):
        return "it holds a control character, which no code may"
    capitals = "".join(one.upper() if "a" <= one <= "z" else one for one in text)
    if capitals != text and (found := candidates(aim + capitals)):
        return f"small letters are no capitals; as {capitals} it would be {_names(found)}"
    if aim and (found := candidates(text)):
        return f"what reads as {words(aim)} ({aim}) cannot be {_names(found)}, which it looks like without {aim}"
    return f"{_shape(text)}: no scheme has this shape; docs/barcodes.md lists them"


def _names(found: Sequence[Candidate]) -> str:
    return " or ".join(dict.fromkeys(SCHEMES[one.scheme] for one in found))


def _shape(text: str) -> str:
    """What it is made of."""
    rest = text
    met = []
    for kind, members in (("digits", "0-9"), ("capitals", "A-Z"), ("small letters", "a-z")):
        less = re.sub(f"[{members}]", "", rest)
        met += [kind] if less != rest else []
        rest = less
    kinds = " and ".join([*met, *(["other characters"] if rest else [])])
    return f"{counted(len(text), 'character')} ({kinds})"


def _verdict(one: Candidate) -> str:
    return "no" if not one.valid else "yes" if one.checked else "looks so"


def _said(one: Candidate) -> str:
    parts = ", ".join(f"({key}) {value}" if key[:1].isdigit() else f"{key} {value}" for key, value in one.parts.items())
    return "; ".join(part for part in ((one.why or "").rstrip("."), parts) if part)


def _wrapped(rows: Sequence[str], width: int, indent: int) -> list[str]:
    deep = " " * min(indent, width // 2)
    return [
        part for row in rows for part in textwrap.wrap(safe(row), width, subsequent_indent=deep, break_on_hyphens=False)
    ]
