"""The event buffer of a PLC on Modbus, which shows how many events it ever lost (register 8)."""

from __future__ import annotations

from firmware_stubs.plcs._events import EventBuffer


class Buffer(EventBuffer):
    """An EventBuffer that counts what was dropped in this life of its memory, reported by OVFL or not yet."""

    def __init__(self, size: int) -> None:
        super().__init__(size, next_evt=1)
        self._reported = 0

    @property
    def lost_ever(self) -> int:
        """Events dropped since the memory began."""
        return self._reported + self.lost.count

    def report_lost(self) -> None:
        """See EventBuffer."""
        count, lost = self.lost.count, self.lost
        super().report_lost()
        if self.lost is not lost:
            self._reported += count

    def restart(self, *, counted: bool) -> None:
        """See EventBuffer."""
        if not counted:
            self._reported = 0
        super().restart(counted=counted)
