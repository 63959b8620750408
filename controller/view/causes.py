"""Which line stands, and why; which faults lie on what. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.view.facts import Moment, Plant, Standing

WORDS = {"stop": "STOPPED", "jam": "JAM", "estop": "EMERGENCY STOP", "manual": "MANUAL"}
"""A line's state -> what stands in its head; `run` is none of them."""
SLOW = 0.95
"""Below so much of its own speed a belt is slow."""
HALTS = ("estop", "jam", "stop")
"""Faults that make a belt stand: told first."""


def left(fault: Standing) -> str:
    """When a fault ends: `24 s`, `2:05 min`, `3 times more`; empty if it is not said."""
    if fault.left is not None:
        return "once more" if fault.left == 1 else f"{fault.left} times more"
    if fault.left_ms is None:
        return ""
    seconds = max(0, round(fault.left_ms / 1000))
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds // 60 % 60:02} h"
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60}:{seconds % 60:02} min"


def ends(fault: Standing) -> str:
    """`ends in 24 s`, `strikes 3 times more`."""
    rest = left(fault)
    return "ends by itself" if not rest else f"ends in {rest}" if fault.left is None else f"strikes {rest}"


def on_line(plant: Plant, moment: Moment, line: str) -> list[Standing]:
    """Faults at a line, its points, lanes and machines; those that make it stand first."""
    found = [fault for fault in moment.faults if plant.line_of(fault.target) == line]
    return sorted(found, key=lambda fault: fault.fault not in HALTS)


def stands(plant: Plant, moment: Moment, line: str) -> str:
    """Why a line stands, in a word; empty if it runs, or time itself stands."""
    belt = moment.lines.get(line)
    if belt is None:
        return "NO STATE"
    if belt.state != "run":
        return WORDS.get(belt.state, belt.state.upper())
    return "STANDS" if not belt.speed_mm_s and plant.lines[line].speed_mm_s and not moment.paused else ""


def why(plant: Plant, moment: Moment, line: str, alarms: Mapping[str, str]) -> str:
    """Of a line that stands: the fault that makes it, else what floord says of it, else any fault at it."""
    faults = on_line(plant, moment, line)
    for fault in faults:
        if fault.fault in HALTS:
            return f"{fault.fault}, {ends(fault)}"
    for name, what in alarms.items():
        if re.search(rf"\b{re.escape(line)}\b", f"{name} {what}"):
            return f"floord: {what.removeprefix(f'line {line}: ')}"
    return f"{faults[0].fault} {faults[0].target}, {ends(faults[0])}" if faults else "no fault told"
