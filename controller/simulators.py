"""Simulated machines at the centre's broker, as floorsim's retained notices tell: an alarm of a node in production.

Notices come again with each connection, so what was known is forgotten then; an empty one says that it is over.
"""

from __future__ import annotations

import json

from controller.wording import counted

PREFIX = "floorsim/"
TOPIC = f"{PREFIX}+"
ALARM = "simulator"
MOST = 100  # notices; of more, the first
_TEXT = 100  # characters of what a stranger says of himself


class Simulators:
    """Who simulates there now."""

    def __init__(self) -> None:
        self._by: dict[str, str] = {}  # by topic

    def connected(self) -> None:
        """All that stand will be told again."""
        self._by.clear()

    def heard(self, topic: str, payload: bytes) -> None:
        """A notice, new or taken back."""
        if not payload:
            self._by.pop(topic, None)
        elif topic in self._by or len(self._by) < MOST:
            self._by[topic] = _text(payload)

    @property
    def what(self) -> str | None:
        """What the alarm says; None = there are none."""
        if not self._by:
            return None
        first = next(iter(self._by.values()))
        others = f", and {counted(len(self._by) - 1, 'other')}" if len(self._by) > 1 else ""
        return f"simulated machines are at the broker of this node, which is in production: {first}{others}"


def _text(payload: bytes) -> str:
    try:
        notice = json.loads(payload)
    except (ValueError, RecursionError):
        notice = None
    if not isinstance(notice, dict):
        return "somebody who does not say who"
    by, since, stubs = notice.get("by"), notice.get("since"), notice.get("simulated")
    names = ", ".join(map(str, stubs)) if isinstance(stubs, dict) else ""
    return f"{str(by)[:_TEXT]} since {str(since)[:_TEXT]} simulates {names[:_TEXT]}"
