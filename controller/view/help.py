"""What `?` shows: every key, and every sign. Pure."""

from __future__ import annotations

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
    ("d D / ! p c", "wire: machine, text, only errors, pause, clear all of it"),
    ("t  ?  q", "dark or light; this help; leave (the floor goes on)"),
)
SIGNS = (
    ("parcels", LEGEND),
    ("lanes", "3/40 lies there, of 40; 0-9 tenths taken; F full L locked J jam, * customs"),
    ("lines", "► runs  ▼ slow  ■ stands, and why; head: m/s, parcels, waiting ones"),
    ("machines", "  ".join(f"{sign} {name}" for name, (sign, _) in LIGHTS.items()) + ";  ! at a point: wrong there"),
    ("wire", "> the machine says, < the host says; ! garbled, an error or a no-read"),
)


def rows() -> list[Row]:
    """At most 78 columns wide."""
    out: list[Row] = [[("Keys", "title")]]
    out += [[(f"  {keys:<18}", "pick"), (f" {what}", "plain")] for keys, what in KEYS]
    out += [[], [("Signs", "title")]]
    for name, what in SIGNS:
        first, _, rest = _cut(what, 64)
        out.append([(f"  {name:<9}", "device"), (f" {first}", "plain")])
        out += [[(" " * 12 + rest, "plain")]] if rest else []
    return [*out, [], [("Faults are simulated, logged, and end by themselves. Esc leaves.", "dim")]]


def _cut(text: str, width: int) -> tuple[str, str, str]:
    if len(text) <= width:
        return text, "", ""
    at = text.rindex(" ", 0, width)
    return text[:at], " ", text[at:].strip()
