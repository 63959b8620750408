"""What the floor calls points, lanes and elements, and what the PLC calls them.

A floor file may keep the names of the drawings while the PLC's program has others. The names are exchanged between the
encoding and the rules of the channel; a name that is in no table is the same on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAMED = ("point", "last_point", "lane", "wanted", "actual", "element")


class Names:
    """Both directions of a table `floor's name -> PLC's name`."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._down = dict(table)
        self._up = {theirs: ours for ours, theirs in table.items()}

    def up(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fields of the PLC in the floor's names."""
        return _exchanged(fields, self._up) if self._up else fields

    def down(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fields for the PLC in its names."""
        return _exchanged(fields, self._down) if self._down else fields


def check(table: Mapping[str, str], pattern: str, words: str) -> None:
    """Raises ValueError unless each of the PLC's names fits `pattern` (`words`: what to write) and stands once."""
    whose: dict[str, str] = {}
    for ours, theirs in table.items():
        if not re.fullmatch(pattern, theirs, re.ASCII):
            raise ValueError(f"names: {ours} = {theirs!r}: write {words}")
        if theirs in whose:
            raise ValueError(f"names: {whose[theirs]} and {ours} are both {theirs!r}; give each a name of its own")
        whose[theirs] = ours
    if "LINE" in table or "LINE" in whose:
        raise ValueError("names: LINE is the line itself on both sides and has no other name")


def _exchanged(fields: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    new = dict(fields)
    for key in NAMED:
        if key in new:
            new[key] = table.get(new[key], new[key])
    if "lanes" in new:
        new["lanes"] = tuple(table.get(lane, lane) for lane in new["lanes"])
    if "items" in new:
        new["items"] = tuple(_exchanged(item, table) for item in new["items"])
    return new
