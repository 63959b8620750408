"""Rows of text with ink: what every part of the view draws, and tests read. Pure.

A row is a list of (text, ink). Ink is the meaning of a text (`fault`, `held`, …), never a colour: palette.py has those.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TypeAlias

Row: TypeAlias = list[tuple[str, str]]

INKS = tuple(
    "plain dim title ok quiet warn fault off sort held exception undecided over belt full device host pick".split()
)
"""Every meaning that a text can have."""


def text(row: Row) -> str:
    """The row without ink, and without spaces at its end."""
    return "".join(part for part, _ in row).rstrip()


def width_of(row: Row) -> int:
    """Its characters."""
    return sum(len(part) for part, _ in row)


def cropped(row: Row, width: int) -> Row:
    """At most `width` characters; `…` stands for what is left out."""
    if width_of(row) <= width:
        return row
    out: Row = []
    left = max(0, width - 1)
    for part, ink in row:
        out.append((part[:left], ink))
        left -= len(part[:left])
    return [*out, ("…"[:width], "dim")]


def spread(left: Row, right: Row, width: int, ink: str = "plain") -> Row:
    """One row with texts at both ends; the right one gives way."""
    room = width - width_of(left) - 1
    right = right if width_of(right) <= room else []
    return cropped([*left, (" " * max(0, width - width_of(left) - width_of(right)), ink), *right], width)


def safe(text: object) -> str:
    """Text of a machine or a person, fit for a terminal: what is not printable is shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


class Canvas:
    """One row of fixed width, on which texts are put at columns."""

    def __init__(self, width: int, fill: str = " ", ink: str = "plain") -> None:
        self.width = max(0, width)
        self._cells = [(fill, ink)] * self.width
        self._taken = [False] * self.width

    def put(self, column: int, text: str, ink: str = "plain") -> None:
        """Write over whatever is there; what lies outside is cut off."""
        for at, character in enumerate(text, column):
            if 0 <= at < self.width:
                self._cells[at] = (character, ink)
                self._taken[at] = True

    def fits(self, column: int, text: str) -> bool:
        """Whether the text lies inside and touches no other."""
        return 0 <= column <= self.width - len(text) and not any(
            self._taken[max(0, column - 1) : column + len(text) + 1]
        )

    def place(self, column: int, text: str, ink: str = "plain", give: int = 0) -> bool:
        """Centre the text over the column, moved inside, and by at most `give` columns to where there is room; False =
        there is none, and nothing is written."""
        middle = max(0, min(max(0, column - (len(text) - 1) // 2), self.width - len(text)))
        for start in sorted(range(middle - give, middle + give + 1), key=lambda start: abs(start - middle)):
            if self.fits(start, text):
                self.put(start, text, ink)
                return True
        return False

    def row(self) -> Row:
        """What stands there, neighbours of one ink joined."""
        out: Row = []
        for character, ink in self._cells:
            if out and out[-1][1] == ink:
                out[-1] = (out[-1][0] + character, ink)
            else:
                out.append((character, ink))
        return out


def wrapped(words: str, width: int, ink: str, first: str = "", most: int = 3) -> list[Row]:
    """A long text in at most `most` rows; `first` stands before it, and spaces below that."""
    room = max(10, width - len(first))
    lines = textwrap.wrap(safe(words), room, max_lines=most, placeholder=" …", break_on_hyphens=False) or [""]
    return [[(" " * len(first) if number else first, ink), (line, ink)] for number, line in enumerate(lines)]


def padded(rows: Iterable[Row], height: int) -> list[Row]:
    """Exactly `height` rows."""
    found = list(rows)[:height]
    return found + [[] for _ in range(height - len(found))]
