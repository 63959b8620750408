"""What is not well with a running floord, from its status (status.py). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STANDS = {"ESTP": "emergency stop", "JAM": "jam", "FALT": "fault"}
"""States of a line that wants people, in words. In all others it runs, or stands because people want it to."""


def problems(s: dict[str, Any], *, alarms: bool = True) -> list[str]:
    """In words; empty = all is well, and `floord status` ends with the exit code 0. Without `alarms` those that stand
    are left out, and so is what they say already."""
    down = [name for name, link in s["links"].items() if not link["up"]]
    lost = [name for name, line in s["lines"].items() if not line["synchronised"]]
    found = [] if s["broker"]["online"] else ["the broker is away"]
    if s["customs"]["expected"] and not s["customs"]["fresh"]:
        found.append("the customs feed is not fresh: what needs a release counts as held")
    standing, disk = s.get("alarms", {}), s.get("disk", "")
    found += [disk] if disk else []
    for what, names in (("link down", down), ("line without session", lost)):
        found += [f"{what}: {_few(names)}"] if names else []
    found += _standing_lines(s["lines"], standing)
    return found + ([f"alarm: {_few(list(standing))}"] if standing and alarms else [])


def _standing_lines(lines: dict[str, Any], alarms: dict[str, str]) -> list[str]:
    """Lines that stand, by what their PLC says. An alarm of an element says why a line is jammed or at fault."""
    found = []
    for state, word in STANDS.items():
        stand = [name for name, line in lines.items() if line["synchronised"] and line["state"] == state]
        names = [name for name in stand if state == "ESTP" or not _has_alarm(name, alarms)]
        if names:
            found.append(
                f"{'line' if len(names) == 1 else 'lines'} {_few(names)} "
                f"{'stands' if len(names) == 1 else 'stand'}: {word}"
            )
    return found


def _has_alarm(line: str, alarms: dict[str, str]) -> bool:
    return any(name.startswith("element-") and what.startswith(f"line {line}: ") for name, what in alarms.items())


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
