"""The parcels that go onto the belts: JSON lines in, `Parcel`s and complaints out.

One line is one parcel: {"parcel": "p-17", "line": "S1", "codes": ["RB123456785GB"], "length_mm": 300, "weight_g": 900}.
`codes` are latin-1 text and may be empty (nothing to read). Optional: length_mm (300), weight_g (1000), width_mm (200),
height_mm (150), and induction: the id of the line's induction that it waits at (the first one of the floor file).

With `point` in place of `line` the readers at that presence point are shown it, `after_ms` (1000) behind the one
before.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_stubs.desk import NEXT_MS
from firmware_stubs.rides import Parcel

_LONGEST_LINE = 65536
_KEYS = ("parcel", "line", "codes", "length_mm", "weight_g", "width_mm", "height_mm", "induction", "point", "after_ms")
_LONGEST_MS = 10**7


@dataclass(frozen=True, slots=True)
class Places:
    """Where a manifest can send parcels: `lines` with an induction, the line of each of `inductions`, and `points`:
    empty = readers are there to be shown it, else what is wrong there and what to write."""

    lines: Container[str]
    inductions: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, str] = field(default_factory=dict)


class Manifest:
    """Bytes of the manifest in any split; a bad line is skipped and told in `complaints`."""

    def __init__(self, places: Places) -> None:
        self.complaints: list[str] = []
        self.bad = 0
        self._places = places
        self._rest = b""
        self._number = 0
        self._skipping = False  # the rest of a line that was too long

    def feed(self, data: bytes) -> list[Parcel]:
        """The parcels of the lines that are now complete."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        parcels = [parcel for line in whole if (parcel := self._line(line))]
        if len(self._rest) > _LONGEST_LINE:
            if not self._skipping:
                self._complain(self._number + 1, f"longer than {_LONGEST_LINE} bytes")
            self._skipping, self._rest = True, b""
        return parcels

    def end(self) -> list[Parcel]:
        """The last line, if nothing ended it."""
        return self.feed(b"\n") if self._rest else []

    def _line(self, line: bytes) -> Parcel | None:
        self._number += 1
        if self._skipping or not line.strip():
            self._skipping = False
            return None
        try:
            return parse(json.loads(line), self._places)
        except (ValueError, RecursionError) as error:
            self._complain(self._number, str(error))
            return None

    def _complain(self, number: int, why: str) -> None:
        self.bad += 1
        self.complaints.append(f"manifest line {number}: {why}")


def parse(item: Any, places: Places) -> Parcel:
    """One parcel. Raises ValueError that says what is wrong."""
    if not isinstance(item, dict):
        raise ValueError('an object is needed, such as {"parcel": "p-17", "line": "S1", "codes": []}')
    if unknown := [key for key in item if key not in _KEYS]:
        raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}")
    parcel, codes = item.get("parcel"), item.get("codes")
    if not isinstance(parcel, str) or not parcel:
        raise ValueError("parcel must be a text that is not empty")
    line, induction, point = _place(item, places)
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise ValueError("codes must be a list of texts")
    try:
        texts = tuple(code.encode("latin-1") for code in codes)
    except UnicodeEncodeError as error:
        raise ValueError(f"codes must be latin-1 text, not {error.object!r}") from error
    return Parcel(
        parcel,
        line,
        texts,
        _number(item, "length_mm", 300, 10_000),
        _number(item, "weight_g", 1000, 10**7),
        _number(item, "width_mm", 200, 10_000),
        _number(item, "height_mm", 150, 10_000),
        induction,
        point,
        _number(item, "after_ms", NEXT_MS, _LONGEST_MS, least=0) if point else 0,
    )


def _place(item: dict[str, Any], places: Places) -> tuple[str, str, str]:
    """Line and induction, or point; the others are empty."""
    if "point" in item:
        point = item["point"]
        if wrong := [key for key in ("line", "induction") if key in item]:
            raise ValueError(f"point and {wrong[0]}: write point for a reader that no belt passes, else line")
        if not isinstance(point, str) or point not in places.points:
            usable = [name for name, trouble in places.points.items() if not trouble]
            raise ValueError(
                f"no point is called {point!r}; readers that no belt passes are at: {', '.join(usable) or 'none'}"
            )
        if trouble := places.points[point]:
            raise ValueError(f"point {point} {trouble}")
        return "", "", point
    line = item.get("line")
    if line is None:
        raise ValueError("no line or point: write line, whose belt it comes onto, or point, where readers are shown it")
    if not isinstance(line, str) or line not in places.lines:
        raise ValueError(f"line {line!r} has no induction in the floor file")
    if "after_ms" in item:
        raise ValueError("after_ms goes with point; onto a line parcels come by rate_per_s of its [induction]")
    induction = item.get("induction", "")
    if not isinstance(induction, str) or (induction and places.inductions.get(induction) != line):
        raise ValueError(f"induction {induction!r} is not one of line {line}")
    return line, induction, ""


def _number(item: dict[str, Any], key: str, default: int, most: int, least: int = 1) -> int:
    value = item.get(key, default)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{key} must be a whole number from {least} to {most}, not {value!r}")
    return value
