"""The journal of a simulated hub: the one in memory, whose sequences are a promise."""

from __future__ import annotations

from controller.journal_memory import MemoryJournal
from controller.journal_rows import Batch
from tests.sim.broken import Broken

JOURNAL = "simjrnl0"


class Journal(MemoryJournal):
    """What would be on the disk."""

    def __init__(self, boot: int = 0, channels: dict[str, tuple[int, int]] | None = None) -> None:
        super().__init__(JOURNAL, boot)
        self.channels.update(channels or {})

    def commit(self, batch: Batch) -> None:
        """One transaction. P2: sequences are contiguous, each given once."""
        try:
            super().commit(batch)
        except ValueError as error:
            raise Broken("P2", str(error)) from error
