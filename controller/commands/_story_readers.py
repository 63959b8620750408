"""What readers, hands and scales said, in words. Takes the data of an event with every text already safe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

UNREAD = {
    "NO_READ": "no code found",
    "BAD_CHECK": "a code with a wrong check digit",
    "AMBIGUOUS": "nothing that belongs to one parcel",
}

SIDES = ("length", "width", "height")
DERIVED = ("volume", "dim_weight", "dim_factor")
"""Made of the others, so told only where there is nothing else."""

NO_VALUE = {"under": "below the range", "over": "above the range", "outside": "outside the range"}
"""Quality of what is no value; the others are words already."""

APPROVED: dict[bool | None, str] = {True: " approved", False: " not approved"}
"""Legal for trade; a machine that does not say gives None."""


def read(d: dict[str, Any]) -> str:
    """`parcel/read`: who read what where; of a hand also what it does there, and what it was told."""
    what = d["code"] if d.get("code") else UNREAD.get(d["outcome"], "no code")
    outcome = "" if d["outcome"] == "READ" else f" ({d['outcome']})"
    at = f" at {d['point']}" if d.get("point") else ""
    return f"{d['reader']}{at}: {what}{outcome}{_through(d)}{_by_hand(d)}"


def _through(d: dict[str, Any]) -> str:
    passage = d.get("passage")
    if not passage:
        return ""
    way = f"{passage['direction']} " if passage.get("direction") else ""
    return f", {way}through {passage['portal']}, tag read {passage['count']} times"


def _by_hand(d: dict[str, Any]) -> str:
    """`, load at ULD-5, station D4, op-7: OK, to BE`."""
    doing = " at ".join(d[key] for key in ("process", "target") if d.get(key))
    station = f"station {d['station']}" if d.get("station") else ""
    who = "".join(f", {part}" for part in (doing, station, d.get("actor")) if part)
    told = ", ".join(part for part in (str(d.get("verdict") or "").upper(), d.get("words")) if part)
    done = "; already done without an answer (stored)" if d.get("stored") else ""
    at = f" at {d['scanned']} by its clock" if done and d.get("scanned") else ""
    return f"{who}{': ' if told else ''}{told}{done}{at}"


def measured(d: dict[str, Any]) -> str:
    """`parcel/measured`: weight and size as the machine gave them; of what is no value, why."""
    said = {one["what"]: one for one in d.get("received", ())}
    told = _received(said) if said else _in_g_and_mm(d)
    record = [f"record {d['record_id']}"] if d.get("record_id") else []
    return f"at {d['point']}: {', '.join([*told, *record])}"


def _received(said: dict[str, dict[str, Any]]) -> list[str]:
    named = [what for what in said if what not in DERIVED] or list(said)
    told = [_quantity(said[what]) for what in named if what not in SIDES]
    sides = [said[side] for side in SIDES if side in said]
    return told + (_size(sides) if len(sides) == len(SIDES) else [_quantity(side) for side in sides])


def _size(sides: Sequence[dict[str, Any]]) -> list[str]:
    """Three sides as one where they have one unit, and one word for what they are."""
    first = sides[0]
    if any(side[key] != first[key] for side in sides for key in ("unit", "quality")):
        return [_quantity(side) for side in sides]
    if first["quality"] != "ok":
        return [_none("size", first["quality"])]
    approved = {side.get("approved") for side in sides}
    word = APPROVED.get(approved.pop(), "") if len(approved) == 1 else APPROVED[False]
    return [" x ".join(_digits(side) for side in sides) + f" {first['unit']}{word}"]


def _quantity(one: dict[str, Any]) -> str:
    what = str(one["what"]).replace("_", " ")
    if one["quality"] != "ok":
        return _none(what, one["quality"])
    name = "" if what == "weight" else f"{what} "
    return f"{name}{_digits(one)} {one['unit']}".rstrip() + APPROVED.get(one.get("approved"), "")


def _none(what: str, quality: str) -> str:
    return f"no {what} ({NO_VALUE.get(quality, quality)})"


def _digits(one: dict[str, Any]) -> str:
    """Without the zeros that fill a field up in front."""
    return re.sub(r"^0+(?=[0-9])", "", str(one["value"]).strip())


def _in_g_and_mm(d: dict[str, Any]) -> list[str]:
    """A PLC's: status A approved, U not approved, E error."""
    words = {"A": APPROVED[True], "U": APPROVED[False]}
    sides = [str(d[f"{side}_mm"]) for side in SIDES if d.get(f"{side}_mm") is not None]
    weight = "no weight" if d.get("weight_g") is None else f"{d['weight_g']} g{words.get(d['weight_status'], '')}"
    return [weight, f"{' x '.join(sides)} mm{words.get(d['size_status'], '')}" if sides else "no size"]
