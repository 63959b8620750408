"""What `?` shows: every key, and every sign. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from controller.view.glyphs import LEGEND, LIGHTS
from controller.view.ink import Row
from controller.view.menus import SHORTCUTS

KEYS = (
    ("1 2 3 4, Tab", "floor, wire, machines, alarms; z: only this one, or all"),
    ("Up Down PgUp PgDn", "page or scroll; Home: the newest, the top"),
    ("v", "floor: how much of each line is drawn"),
    ("Space  .", "time stands, or goes on; . one step of 100 ms"),
    ("f  x", "strike a fault; end one before its time"),
    ("  ".join(SHORTCUTS), ", ".join(words for _, words in SHORTCUTS.values())),
    ("d D / ! c  p  h", "wire: machine, text, only errors, all; hold; words or hex"),
    ("t  ?", "dark or light; this help"),
)
SIGNS = (
    ("parcels", LEGEND),
    ("lanes", "3/40 lies there, of 40; 0-9 tenths taken; F full L locked J jam"),
    ("lines", "► runs  ▼ slow  ■ stands, and why"),
    ("machines", "  ".join(f"{sign} {name}" for name, (sign, _) in LIGHTS.items()) + ";  ! at a point: wrong there"),
    ("wire", "> the machine says  < the host says  ! garbled, error, no-read"),
)


LEAVE = "leave (the floor goes on)"
LEAVE_DEMO = "leave (no more parcels come, the verdict follows)"


@dataclass(frozen=True, slots=True)
class Page:
    """The help in a dialog. `of_demo`: who leaves the view ends a demo."""

    of_demo: bool = False

    def rows(self, width: int, height: int) -> list[Row]:
        """As many as there is room for."""
        return rows(self.of_demo)[:height]


def rows(of_demo: bool = False) -> list[Row]:
    """At most 76 columns wide."""
    out: list[Row] = [[("Keys", "title")]]
    for keys, what in (*KEYS, ("q", LEAVE_DEMO if of_demo else LEAVE)):
        out += _two(f"  {keys:<19}", "pick", what)
    out += [[("Signs", "title")]]
    for name, what in SIGNS:
        out += _two(f"  {name:<9}", "device", what)
    return [*out, [("Faults are simulated, logged, and end by themselves. Esc leaves.", "dim")]]


def _two(first: str, ink: str, what: str) -> list[Row]:
    lines = textwrap.wrap(what, 76 - len(first))
    return [[(first if not at else " " * len(first), ink), (line, "plain")] for at, line in enumerate(lines)]
