"""Measurements as received, and beside them in g and mm where they are values.

What the machine said is never changed: its digits, its unit, its status. A converted number is only for the rules that
need one; a value that is zeroed, unstable, out of range or an error has none.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from controller.events import Measured, Received
from devices.types import Quantity, Sized

IN_G = {"g": "1", "kg": "1000", "lb": "453.59237", "oz": "28.349523125"}
"""Avoirdupois, exact by the international yard and pound agreement of 1959."""

_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")

IN_MM = {"mm": "1", "cm": "10", "m": "1000", "in": "25.4"}


def of(sized: Sized, point: str) -> Measured:
    """The event's data, without who it is about."""
    by_what = {quantity.what: quantity for quantity in sized.quantities}
    lengths = [by_what.get(what) for what in ("length", "width", "height")]
    in_mm = [_in(quantity, IN_MM) for quantity in lengths]
    whole = all(value is not None for value in in_mm)
    weight = by_what.get("weight")
    grams = _in(weight, IN_G)
    length, width, height = in_mm if whole else (None, None, None)
    return Measured(
        point=point,
        weight_g=grams,
        weight_status=_status([weight] if grams is not None else []),
        record_id=sized.record or None,
        length_mm=length,
        width_mm=width,
        height_mm=height,
        size_status=_status(lengths if whole else []),
        received=tuple(
            Received(
                what=quantity.what,
                value=quantity.value,
                unit=quantity.unit,
                quality=quantity.quality,
                approved=quantity.approved,
            )
            for quantity in sized.quantities
        ),
    )


def _in(quantity: Quantity | None, units: dict[str, str]) -> int | None:
    """A value in whole g or mm, None where it is none or its unit is not known."""
    if quantity is None or quantity.quality != "ok" or quantity.unit not in units:
        return None
    digits = quantity.value.strip()
    if not _NUMBER.fullmatch(digits):
        return None
    return int((Decimal(digits) * Decimal(units[quantity.unit])).to_integral_value(ROUND_HALF_EVEN))


def _status(quantities: list[Quantity | None]) -> str:
    """`A` all of them approved, `U` not, `E` there is none."""
    if not quantities:
        return "E"
    return "A" if all(quantity is not None and quantity.approved for quantity in quantities) else "U"
