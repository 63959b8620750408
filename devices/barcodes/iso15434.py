"""ISO 15434 messages, `[)>` RS, in 2D codes of labels: envelopes of a format each, and what stands in them.

`[)>` RS, envelopes that end with RS, EOT. An envelope begins with its format: `01` transport (GS, two digits of
version, then fields by their place, as on the MaxiCode of UPS), `05` GS1 element strings, `06` data identifiers of ANSI
MH10.8.2 (`1J` licence plate, `S` serial, …); others are kept whole. Fields end with GS.

What is contained is read as codes of its own: element strings, licence plates and serials, the tracking number. That of
a UPS MaxiCode is `1Z` and the last eight characters of the number on the label: the rest of it stands elsewhere in the
message in another form, so it is not put together here.

Sources: ISO/IEC 15434 and ANSI MH10.8.2 as printer manuals show them (Zebra ZPL ^BD, Honeywell E-Class command
reference, Avery Dennison Monarch 9485).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from devices.barcodes.candidate import Candidate, unchecked

HEADER, GS, RS, END = "[)>\x1e", "\x1d", "\x1e", "\x1e\x04"

TRANSPORT = (
    "version postcode country service tracking carrier shipper pickup_day shipment package weight_lb validated street "
    "city state"
).split()
"""Fields of format 01, by their place; the version is the two digits in front of the post code."""

MOST_FIELDS = 64
_IDENTIFIER = re.compile(r"([0-9]{0,3}[A-Z])(.+)")
_OF_A_CODE = re.compile(r"[1-6]?J|[0-9]{0,2}S")
"""Data identifiers whose value is a code of its own: licence plates, serial numbers."""


def whole(text: str) -> tuple[Candidate, list[str]] | None:
    """The message and the codes in it, with AIM identifier where their kind is certain; None if it is no message.

    `parts`: `format` (several with a space between), then for format 01 the names of `TRANSPORT`, for the others
    `format:identifier` -> value, with `format` -> content where fields have no identifiers.
    """
    if not text.startswith(HEADER):
        return None
    body = text[len(HEADER) :]
    if not body.endswith(END):
        return Candidate("iso15434", False, "does not end with RS EOT", checked=False), []
    envelopes = body[: -len(END)].split(RS)
    if sum(envelope.count(GS) + 1 for envelope in envelopes) > MOST_FIELDS:
        return Candidate("iso15434", False, f"more than {MOST_FIELDS} fields", checked=False), []
    wrong = next((envelope for envelope in envelopes if not re.fullmatch(r"[0-9]{2}(?:\x1d[^\x1e]*)?", envelope)), None)
    if wrong is not None:
        return Candidate("iso15434", False, f"{wrong[:3]!r} is no format of two digits and GS", checked=False), []
    parts = {"format": " ".join(envelope[:2] for envelope in envelopes)}
    codes: list[str] = []
    for envelope in envelopes:
        for name, value, code in _fields(envelope[:2], envelope[3:]):
            parts.setdefault(name, value)
            codes += [code] if code else []
    return unchecked("iso15434", parts), codes


def _fields(kind: str, content: str) -> Iterator[tuple[str, str, str]]:
    """(name of the part, value, the code that it is or nothing) of an envelope's content."""
    if kind == "01":
        fields = content.split(GS)
        values = [fields[0][:2], fields[0][2:], *fields[1:]]
        for name, value in zip(TRANSPORT, values, strict=False):
            if value:
                yield name, value, value if name == "tracking" else ""
    elif kind == "05":
        yield kind, content, f"]C1{content}"
    elif kind == "06":
        for field in content.split(GS):
            shape = _IDENTIFIER.fullmatch(field)
            if shape is None:
                yield kind, field, ""
            else:
                yield f"{kind}:{shape[1]}", shape[2], _code(shape[1], shape[2])
    else:
        yield kind, content, ""


def _code(identifier: str, value: str) -> str:
    if not _OF_A_CODE.fullmatch(identifier):
        return ""
    return identifier + value if identifier.endswith("J") else value
