"""A journal in memory that holds only what was committed. Delivered rows are forgotten: a run may last for hours."""

from __future__ import annotations

from controller.journal_rows import Batch, Restored, Row
from tests.sim.broken import Broken

JOURNAL = "simjrnl0"


class Journal:
    """What would be on the disk."""

    def __init__(self, boot: int = 0, channels: dict[str, tuple[int, int]] | None = None) -> None:
        self.boot = boot
        self.last_seq = 0
        self.pending: dict[int, Row] = {}
        self.channels: dict[str, tuple[int, int]] = dict(channels or {})
        self.state: dict[tuple[str, str], bytes] = {}
        self.advice: dict[str, tuple[tuple[str, ...], bytes]] = {}
        self.aliases: dict[str, set[str]] = {}

    def commit(self, batch: Batch) -> None:
        """One transaction. P2: sequences are contiguous, each given once."""
        for row in batch.events:
            if row.seq != self.last_seq + 1:
                raise Broken("P2", f"sequence {row.seq} is committed after {self.last_seq}")
            self.last_seq = row.seq
            self.pending[row.seq] = row
        self.channels.update(batch.channels)
        for key, body in batch.state.items():
            if body is None:
                self.state.pop(key, None)
            else:
                self.state[key] = body
        for parcel, aliases, advice in batch.advice:
            self._advise(parcel, aliases, advice)
        for seq in batch.delivered:
            self.pending.pop(seq, None)

    def _advise(self, parcel: str, aliases: tuple[str, ...], body: bytes | None) -> None:
        for alias in self.advice.pop(parcel, ((), b""))[0]:
            named = self.aliases.get(alias, set())
            named.discard(parcel)
            if not named:
                self.aliases.pop(alias, None)
        if body is not None:
            self.advice[parcel] = (aliases, body)
            for alias in aliases:
                self.aliases.setdefault(alias, set()).add(parcel)

    def restored(self) -> Restored:
        """What a start finds; the boot counts on."""
        self.boot = self.boot % 0xFFFF + 1
        oldest = next(iter(self.pending), None)
        return Restored(
            JOURNAL,
            self.boot,
            self.last_seq,
            dict(self.channels),
            dict(self.state),
            len(self.pending),
            oldest,
            len(self.advice),
        )

    def backlog(self, after: int, limit: int) -> list[Row]:
        """Rows that are not delivered, in order."""
        found = []
        for seq, row in self.pending.items():  # in order of their sequence
            if seq > after:
                found.append(row)
                if len(found) == limit:
                    break
        return found

    def look(self, key: str) -> list[tuple[str, bytes]]:
        """Committed advice that a key names."""
        found = []
        if key in self.advice:
            found.append((key, self.advice[key][1]))
        for parcel in sorted(self.aliases.get(key, ())):
            if parcel != key:
                found.append((parcel, self.advice[parcel][1]))
        return found
