"""Topics of MQTT and their filters. Source: MQTT 3.1.1 §4.7."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def matches(filter_: str, topic: str) -> bool:
    """Whether a subscription to `filter_` hears `topic`: `+` is one level, `#` at the end any number, none included."""
    if topic.startswith("$") and not filter_.startswith("$"):
        return False
    wanted, levels = filter_.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)
