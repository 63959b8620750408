"""What is not well with a running floord, from its status (status.py). Pure."""

from __future__ import annotations

from typing import Any


def problems(s: dict[str, Any]) -> list[str]:
    """In words; empty = all is well, and `floord status` ends with the exit code 0."""
    down = [name for name, link in s["links"].items() if not link["up"]]
    lost = [name for name, line in s["lines"].items() if not line["synchronised"]]
    found = [] if s["broker"]["online"] else ["the broker is away"]
    if s["customs"]["expected"] and not s["customs"]["fresh"]:
        found.append("the customs feed is not fresh: what needs a release counts as held")
    alarms, disk = list(s.get("alarms", ())), s.get("disk", "")
    found += [disk] if disk else []
    for what, names in (("link down", down), ("line without session", lost), ("alarm", alarms)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            found.append(f"{what}: {', '.join(names[:3])}{more}")
    return found
