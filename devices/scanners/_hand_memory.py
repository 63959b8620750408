"""Which scans of hands were heard, and what was answered: for ten minutes, and so many at most."""

from __future__ import annotations

from dataclasses import dataclass

from devices.types import Counters, HandAnswer

KEPT_MS = 600_000.0
MOST = 16_384
EARLY = "scan forgotten before its ten minutes"


@dataclass(slots=True)
class Asked:
    """One scan: what it meant, and the answer as far as there is one."""

    at: float
    meaning: bytes
    stored: bool
    answer: HandAnswer | None = None


class Memory:
    """Scans by (device, ref), in the order in which they came."""

    def __init__(self, counters: Counters, most: int = MOST) -> None:
        self._counters, self._most = counters, most
        self._asked: dict[tuple[str, str], Asked] = {}

    def known(self, device: str, ref: str, now: float) -> Asked | None:
        """The scan that the device called so, if it was within ten minutes."""
        self._forget(now)
        return self._asked.get((device, ref))

    def add(self, device: str, ref: str, asked: Asked) -> None:
        """A new scan; it takes the place of one that was called the same."""
        self._asked.pop((device, ref), None)
        self._asked[device, ref] = asked
        if len(self._asked) > self._most:
            self._counters.note(EARLY)
            del self._asked[next(iter(self._asked))]

    def _forget(self, now: float) -> None:
        while self._asked and now >= next(iter(self._asked.values())).at + KEPT_MS:
            del self._asked[next(iter(self._asked))]


class Repeats:
    """Payloads of those who number nothing: the same of the same device within `again_ms` is a repeat; 0 = never."""

    def __init__(self, again_ms: float, most: int = MOST) -> None:
        self._again_ms, self._most = again_ms, most
        self._told: dict[tuple[str, bytes], float] = {}

    def is_repeat(self, device: str, digest: bytes, now: float) -> bool:
        """Of one that was told; a repeat does not make the time begin anew."""
        while self._told and now >= next(iter(self._told.values())) + self._again_ms:
            del self._told[next(iter(self._told))]
        if not self._again_ms or (device, digest) in self._told:
            return bool(self._again_ms)
        self._told[device, digest] = now
        if len(self._told) > self._most:
            del self._told[next(iter(self._told))]
        return False
