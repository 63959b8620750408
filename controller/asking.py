"""What the centre is being asked: codes without advice, until when a decision waits for the answer.

An answer may come late, twice, or unasked; its advice is stored all the same. Nothing here is kept over a restart: what
is asked twice does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

AGAIN_MS = 60_000.0
"""The same code is not asked for again within this time, answered or not."""

MOST = 10_000
"""Codes that are remembered; of more the oldest is forgotten, and may be asked for again."""


@dataclass(slots=True)
class Asked:
    """One question. `until` None: it was answered, or nobody will answer it any more."""

    at: float
    until: float | None


@dataclass(slots=True)
class Asking:
    """The questions of one floor; moments are monotonic ms."""

    _asked: dict[str, Asked] = field(default_factory=dict)

    def wants(self, code: str, now: float, deadline: float | None, wait_ms: float, online: bool) -> float | None:
        """Whether to ask for this code now: until when the answer is waited for, or None. What is wanted counts as
        asked: send it. `deadline`: when the decision must be made, None = nobody says."""
        until = now + wait_ms if deadline is None else min(now + wait_ms, deadline)
        known = self._asked.get(code)
        if not online or until <= now or (known is not None and now < known.at + AGAIN_MS):
            return None
        self._asked.pop(code, None)
        self._asked[code] = Asked(now, until)
        while len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        return until

    def waits(self, code: str, now: float) -> float | None:
        """Until when a decision about this code should wait; None = not, or not any more."""
        known = self._asked.get(code)
        return known.until if known is not None and known.until is not None and known.until > now else None

    def answered(self, code: str, now: float) -> bool:
        """The centre answered. False: nobody waits for it (any more)."""
        known = self._asked.get(code)
        if known is None or known.until is None:
            return False
        in_time, known.until = now <= known.until, None
        return in_time

    def parted(self) -> None:
        """The broker is gone: no decision waits any longer."""
        for known in self._asked.values():
            known.until = None
