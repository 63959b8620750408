"""What the journal's disk lets the floor do: alarms before it is full, and when no item is inducted any more. Pure.

A disk that takes nothing loses nothing: what is on the belts is still decided, its events wait in memory, and no
machine is told that they are durable. So that they stay few, induction is inhibited until there is room again; with
`when_full = "continue"` only when `WAITING` of them wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.events import Priority
from controller.sections import Journal

SPACE, FULL, HELD, SLOW = "disk-space", "disk-full", "disk-held", "disk-slow"
PRIORITY: dict[str, Priority] = {SPACE: "high", FULL: "critical", HELD: "critical", SLOW: "critical"}
"""of its alarms"""

AGAIN_PERCENT = 110
"""So much of a limit must be free before it counts as kept again: no alarm flickers."""

WAITING = 50_000
"""Events that may wait for the disk, some 50 MB: of a journal that is slower than the floor, or takes nothing."""

MB = 1_000_000


def scarce(free: int | None, settings: Journal) -> str:
    """What a disk with so many bytes free means from the start on; "" = there is room, or nobody knows."""
    if free is None or free >= settings.stop_mb * MB:
        return ""
    then = "nothing will be inducted" if settings.when_full == "inhibit" else "it counts as full"
    return f"state_dir has {free // MB} MB free, and stop_mb is {settings.stop_mb}: {then}; make room on its disk"


@dataclass(frozen=True, slots=True)
class Disk:
    """The journal's disk at a moment. `free`: bytes, None = not known. `held`: why it takes nothing, None = it does."""

    free: int | None
    held: str | None = None


@dataclass(slots=True)
class Room:
    """`inhibit`: nothing shall be inducted. `alarms`: what stands, in words, by alarm id."""

    settings: Journal
    inhibit: bool = False
    alarms: dict[str, str] = field(default_factory=dict)

    def judge(self, disk: Disk, waiting: int) -> None:
        """Take what the disk is like now; call it about once a second. `waiting`: events that it has not taken yet."""
        settings, free_mb = self.settings, (disk.free or 0) // MB
        inhibits = settings.when_full == "inhibit"
        then = "nothing is inducted" if inhibits else "events wait in memory where it takes none"
        low = f"the journal's disk has {free_mb} MB free; below stop_mb ({settings.stop_mb} MB) {then}"
        self._stands(SPACE, low if self._below(disk, settings.warn_mb, SPACE in self.alarms) else None)
        full = f"the journal's disk is full: {free_mb} MB free, less than stop_mb ({settings.stop_mb} MB); {then}"
        is_full = self._below(disk, settings.stop_mb, FULL in self.alarms)
        self._stands(FULL, full if is_full else None)
        self._stands(HELD, self._held(disk))
        crowded = waiting >= (WAITING * 100 // AGAIN_PERCENT if SLOW in self.alarms else WAITING)
        slow = f"{waiting} events wait for the journal's disk: nothing is inducted until it has taken them"
        self._stands(SLOW, slow if crowded else None)
        self.inhibit = crowded or (inhibits and (is_full or disk.held is not None))

    def _held(self, disk: Disk) -> str | None:
        if disk.held is None:
            return None
        return f"the journal takes nothing: {disk.held}; nothing is lost while this daemon runs, so make room first"

    def _below(self, disk: Disk, limit_mb: int, already: bool) -> bool:
        return disk.free is not None and disk.free < limit_mb * MB * (AGAIN_PERCENT if already else 100) // 100

    def _stands(self, name: str, what: str | None) -> None:
        if what is None:
            self.alarms.pop(name, None)
        else:
            self.alarms.setdefault(name, what)
