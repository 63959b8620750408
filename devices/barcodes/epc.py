"""EPC: what the 96 bits of a tag say, as the code that a label of the same thing carries.

SGTIN-96, SSCC-96, GRAI-96 and GIAI-96 begin with a header (8 bits), a filter (3) and a partition (3), which says how
the next bits are shared between company prefix and reference. Bits whose number has more digits than its place allows
are no EPC of that scheme.

Source: GS1 EPC Tag Data Standard, coding tables of these schemes; GS1's translation files for them (ref.gs1.org, TDT).
"""

from __future__ import annotations

import re

from devices.barcodes.gs1 import check_digit

PREFIX = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))
"""Partition -> (bits, digits) of the company prefix."""

SGTIN, SSCC, GRAI, GIAI = 0x30, 0x31, 0x33, 0x34
WHOLE = {SGTIN: (44, 13), SSCC: (58, 17), GRAI: (44, 12), GIAI: (82, 0)}
"""Header -> (bits, digits) of prefix and reference together; a GIAI's reference has as many digits as it needs."""

BITS, HEAD = 96, 14
_HEX = re.compile(r"[0-9A-Fa-f]{24}")


def code_of(epc: str) -> str | None:
    """The code that the EPC `epc` (hex) stands for, None where it is of no such scheme.

    An SSCC as 20 digits with its 00, a GTIN as 14 digits (its serial number is left out), a GRAI and a GIAI as the
    element strings 8003 and 8004.
    """
    bits = int(epc, 16) if _HEX.fullmatch(epc) else 0
    header, partition = bits >> 88, bits >> 82 & 0b111
    if header not in WHOLE or partition >= len(PREFIX):
        return None
    (prefix_bits, prefix_digits), (whole_bits, whole_digits) = PREFIX[partition], WHOLE[header]
    rest_bits, reference_bits = BITS - HEAD - whole_bits, whole_bits - prefix_bits
    number = _low(bits >> rest_bits, reference_bits)
    prefix = _digits(_low(bits >> rest_bits + reference_bits, prefix_bits), prefix_digits)
    reference = str(number) if header == GIAI else _digits(number, whole_digits - prefix_digits)
    return None if prefix is None or reference is None else _code(header, prefix, reference, _low(bits, rest_bits))


def _code(header: int, prefix: str, reference: str, rest: int) -> str | None:
    """`rest`: the serial number of a GTIN or GRAI; after an SSCC only zeros may come."""
    if header == GIAI:
        return f"8004{prefix}{reference}"
    if header == GRAI:
        return f"80030{_checked(prefix + reference)}{rest}"
    number = _checked(reference[0] + prefix + reference[1:])  # its first digit stands in front of the prefix
    if header == SGTIN:
        return number
    return None if rest else f"00{number}"


def _checked(body: str) -> str:
    return body + check_digit(body)


def _low(bits: int, count: int) -> int:
    return bits & ((1 << count) - 1)


def _digits(number: int, digits: int) -> str | None:
    """With leading zeros; None: it has more digits than there are places."""
    text = str(number).zfill(digits) if digits or number else ""
    return text if len(text) == digits else None
