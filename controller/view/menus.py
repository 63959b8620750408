"""The menus of faults as data: what can be struck where and for how long, and what stands. Keys in, rows out. Pure.

A menu takes the keys `up down left right enter backspace` and printable characters, which narrow the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.view.causes import ends
from controller.view.facts import Kind, Moment, Plant
from controller.view.ink import Row, cropped, wrapped
from controller.wording import counted

SHORTCUTS = {
    "e": ("eye_stuck", "photo-eye stuck"),
    "j": ("jam", "jam"),
    "n": ("no_read", "no reads"),
    "u": ("unplug", "cable out"),
    "l": ("lane_full", "lane full"),
    "s": ("estop", "emergency stop"),
}
"""A key -> the fault that it asks a target for, and its words."""

TIMES_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 86_400)
COUNTS = (1, 2, 3, 5, 10, 20, 50, 100)
ALL = "all of them"


def targets(kind: Kind, plant: Plant) -> list[tuple[str, str]]:
    """(target, what it is) of everything that a kind of fault can strike."""
    plcs = [(name, f"{stub.kind} of {stub.place}") for name, stub in plant.stubs.items() if stub.family == "plc"]
    readers = [(name, f"{stub.kind} at {stub.place}") for name, stub in plant.stubs.items() if stub.family != "plc"]
    points = [
        (name, f"{spot.mm / 1000:.1f} m")
        for line in plant.lines.values()
        for name, spot in line.points.items()
        if spot.has_eye
    ]
    lanes = [(name, f"{spot.mm / 1000:.1f} m") for line in plant.lines.values() for name, spot in line.lanes.items()]
    every = {
        "stub": plcs + readers,
        "plc": plcs,
        "reader": readers,
        "line": [(name, line.kind) for name, line in plant.lines.items()],
        "point": points,
        "lane": lanes,
    }
    return every.get(kind.target, plcs + readers)


@dataclass
class List:
    """A list with a cursor, narrowed by what was typed."""

    items: Sequence[tuple[str, str]]
    typed: str = ""
    at: int = 0

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What matches."""
        typed = self.typed.casefold()
        return [item for item in self.items if typed in " ".join(item).casefold()]

    @property
    def chosen(self) -> str | None:
        """The name under the cursor."""
        found = self.shown
        return found[self.at % len(found)][0] if found else None

    def key(self, key: str) -> None:
        """Move, or narrow."""
        if key in ("up", "down"):
            self.at = (self.at + (1 if key == "down" else -1)) % max(1, len(self.shown))
        elif key == "backspace":
            self.typed, self.at = self.typed[:-1], 0
        elif len(key) == 1 and key.isprintable():
            self.typed, self.at = self.typed + key, 0

    def rows(self, width: int, height: int, active: bool) -> list[Row]:
        """Around the cursor, each with `>` before the chosen one."""
        found = self.shown
        at = self.at % max(1, len(found))
        first = max(0, min(at - height // 2, len(found) - height))
        name = max((len(one) for one, _ in found), default=0)
        rows: list[Row] = []
        for number, (one, what) in enumerate(found[first : first + height], first):
            sign = "> " if number == at else "  "
            row: Row = [(f"{sign}{one:<{min(name, 20)}}  {what}", "pick" if number == at and active else "plain")]
            row = cropped(row, width)
            rows.append([*row, (" " * (width - sum(len(part) for part, _ in row)), "plain")])
        return rows or [[(f"nothing has “{self.typed}” in it"[:width], "dim")]]


@dataclass
class StrikeMenu:
    """A fault to be chosen, its target and how long it lasts. Enter strikes, once a target is under the cursor."""

    kinds: Sequence[Kind]
    plant: Plant
    fault: str | None = None
    """chosen beforehand: only the target is asked for"""
    lasts: float | None = None
    _kinds: List = field(init=False)
    _targets: List = field(init=False)
    _on_targets: bool = False

    def __post_init__(self) -> None:
        order = {"belt": 0, "device": 1, "cable": 2, "floor": 3}
        ranked = sorted(self.kinds, key=lambda kind: order.get(kind.on, 9))
        self._kinds = List([(kind.name, kind.on) for kind in ranked if self.fault in (None, kind.name)])
        self._on_targets = self.fault is not None
        self._changed()

    @property
    def kind(self) -> Kind | None:
        """The fault under the cursor."""
        return next((kind for kind in self.kinds if kind.name == self._kinds.chosen), None)

    def key(self, key: str) -> dict[str, Any] | None:
        """What to strike with, as the interface takes it; None = nothing yet."""
        if key in ("+", "-"):
            self._step(1 if key == "+" else -1)
        elif key == "left" and self.fault is None:
            self._on_targets = False
        elif key == "right" or (key == "enter" and not self._on_targets):
            self._on_targets = True
        elif key == "enter":
            return self._strike()
        elif self._on_targets:
            self._targets.key(key)
        else:
            self._kinds.key(key)
            self._changed()
        return None

    def rows(self, width: int, height: int) -> list[Row]:
        """The menu: faults and targets beside each other, and below what the chosen one does."""
        kind = self.kind
        told = self._told(kind, width) if kind else []
        room = max(3, height - len(told) - 2)
        half = 0 if self.fault else min(30, width // 2 - 1)
        title = f"{'Fault':<{half}}   Target" if half else f"{self.fault}: where?"
        typed = (self._targets if self._on_targets else self._kinds).typed
        rows: list[Row] = [[(title, "title"), (f"   typed: {typed}" if typed else "", "warn")]]
        targets = self._targets.rows(width - half - (3 if half else 0), room, self._on_targets)
        kinds = self._kinds.rows(half, room, not self._on_targets) if half else []
        for number in range(max(len(kinds), len(targets))):
            left = kinds[number] if number < len(kinds) else [(" " * half, "plain")]
            right = targets[number] if number < len(targets) else []
            rows.append([*left, ("   ", "plain"), *right] if half else right)
        return [*rows, [], *told]

    def _told(self, kind: Kind, width: int) -> list[Row]:
        settings = ", ".join(f"{name} {value}" for name, value in kind.settings.items() if value is not None)
        told = [*wrapped(kind.what, width, "plain", "what   ", 2), *wrapped(kind.shows, width, "plain", "floord ", 2)]
        told += wrapped(settings, width, "dim", "with   ", 1) if settings else []
        target = self._targets.chosen or "no target"
        words = f"{kind.name} {target}, {self._lasts(kind)}; + and - change that. Enter strikes, Esc leaves"
        return [*told, *wrapped(words, width, "title", "       ", 2)]

    def _lasts(self, kind: Kind) -> str:
        if self.lasts is None:
            return "ends by itself"
        if kind.count is not None:
            return f"strikes {counted(int(self.lasts), 'time')}, then ends by itself"
        return f"ends by itself after {self.lasts:g} s"

    def _step(self, step: int) -> None:
        kind = self.kind
        if kind is None or self.lasts is None:
            return
        steps = COUNTS if kind.count is not None else TIMES_S
        above = [one for one in steps if one > self.lasts]
        below = [one for one in steps if one < self.lasts]
        self.lasts = (above[0] if above else steps[-1]) if step > 0 else (below[-1] if below else steps[0])

    def _changed(self) -> None:
        """Another fault: its targets, and how long it lasts by itself."""
        kind = self.kind
        self._targets = List(targets(kind, self.plant) if kind else [])
        self.lasts = (kind.for_s if kind.count is None else float(kind.count)) if kind else None

    def _strike(self) -> dict[str, Any] | None:
        kind, target = self.kind, self._targets.chosen
        if kind is None or target is None:
            return None
        asked: dict[str, Any] = {"fault": kind.name, "target": target}
        if self.lasts is not None:
            asked |= {"count": int(self.lasts)} if kind.count is not None else {"for_s": self.lasts}
        return asked


@dataclass
class EndMenu:
    """Faults that stand, one of which shall end."""

    moment: Moment
    _list: List = field(init=False)

    def __post_init__(self) -> None:
        standing = [(one.id, f"{one.fault} {one.target}, {ends(one)}") for one in self.moment.faults]
        self._list = List([*standing, *([(ALL, "")] if len(standing) > 1 else [])])

    def key(self, key: str) -> str | None:
        """The id of the fault to end, or ALL; None = nothing yet."""
        if key == "enter":
            return self._list.chosen
        self._list.key(key)
        return None

    def rows(self, width: int, height: int) -> list[Row]:
        """The menu."""
        if not self.moment.faults:
            return [[("No fault stands. f strikes one. Esc leaves", "title")]]
        title: Row = [("Which fault ends now?  Enter ends it, Esc leaves", "title")]
        return [cropped(title, width), *self._list.rows(width, max(1, height - 1), True)]
