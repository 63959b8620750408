"""People who bag: under a lane hangs a bag, and somebody changes it when it is full. No I/O; time is an argument.

When `items` have fallen in, the button is pressed (BUTN CLOS); half of `change_s` later the bag is off (CONT G), and
`change_s` after the button the next one hangs there (CONT P), its label scanned by the lane. People make mistakes, each
a share of the bags: a label is `forgotten` (the lane sees a bag, and no code), or `wrong`: that of the bag
before, which lies beside.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bagging:
    """The keys of `[bagging.LANE]`. Raises ValueError."""

    items: int = 40
    change_s: float = 12.0
    forgotten: float = 0.0
    wrong: float = 0.0

    def __post_init__(self) -> None:
        if self.items < 1 or self.change_s <= 0:
            raise ValueError("needs items of at least 1 and change_s above 0")
        if min(self.forgotten, self.wrong) < 0 or self.forgotten + self.wrong > 1:
            raise ValueError("forgotten and wrong are shares of the bags: not negative, together at most 1")


class BagLane(Protocol):
    """What a bagger does at a lane."""

    def button(self, name: str, button: str, at: float) -> None:
        """Press a button there."""

    def container(self, name: str, code: str | None, at: float, said: str | None = None) -> None:
        """Hang a bag with this label there, None = take it off; `said`: the label that was scanned, if another."""


class Bagger:
    """Who bags at one lane."""

    def __init__(
        self,
        lane: str,
        settings: Bagging,
        seed: int | str,
        there: BagLane,
        after: Callable[[float, Callable[[float], None]], None],
    ) -> None:
        self._lane = lane
        self._settings = settings
        self._there = there
        self._after = after
        self._random = random.Random(seed)
        self._number = self._random.randrange(10_000, 90_000)
        self._items = 0
        self._changing = False

    def begin(self, at: float) -> None:
        """The first bag hangs there, with its own label."""
        self._there.container(self._lane, self._label(), at)

    def dropped(self, at: float) -> None:
        """Something fell in."""
        self._items += 1
        if self._items >= self._settings.items and not self._changing:
            self._changing = True
            self._there.button(self._lane, "CLOS", at)
            self._after(at + self._settings.change_s * 500, self._take_off)
            self._after(at + self._settings.change_s * 1000, self._hang)

    def _take_off(self, at: float) -> None:
        self._there.container(self._lane, None, at)

    def _hang(self, at: float) -> None:
        before = self._label()
        self._number += 1
        drawn = self._random.random()
        said = "" if drawn < self._settings.forgotten else None
        if said is None and drawn < self._settings.forgotten + self._settings.wrong:
            said = before
        self._items, self._changing = 0, False
        self._there.container(self._lane, self._label(), at, said)

    def _label(self) -> str:
        return f"BAG-{self._lane}-{self._number}"
