"""A journal in memory, for a daemon that is rehearsed: what a disk would hold, and nothing outlives the process."""

from __future__ import annotations

from collections import deque
from itertools import islice

from controller.journal_rows import Batch, Restored, Row

DELIVERED = 10_000
"""So many of the latest delivered rows are kept, for consumers that lack some; a rehearsal may last for months."""


class MemoryJournal:
    """Holds only what was committed. `journal`: its id; `boot` counts its starts, as that of the next one."""

    def __init__(self, journal: str, boot: int = 0) -> None:
        self.journal, self.boot = journal, boot
        self.last_seq = 0
        self.pending: dict[int, Row] = {}
        self.delivered: deque[Row] = deque(maxlen=DELIVERED)
        self.channels: dict[str, tuple[int, int]] = {}
        self.state: dict[tuple[str, str], bytes] = {}
        self.advice: dict[str, tuple[tuple[str, ...], bytes]] = {}
        self.aliases: dict[str, set[str]] = {}

    def commit(self, batch: Batch) -> None:
        """One transaction. Raises ValueError for a sequence that does not follow the last one."""
        for row in batch.events:
            if row.seq != self.last_seq + 1:
                raise ValueError(f"sequence {row.seq} is committed after {self.last_seq}")
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
            if seq in self.pending:
                self.delivered.append(self.pending.pop(seq))

    def restored(self) -> Restored:
        """What a start finds; the boot counts on."""
        new, self.boot = not self.last_seq, self.boot % 0xFFFF + 1
        channels, state = dict(self.channels), dict(self.state)
        oldest = next(iter(self.pending), None)
        pending, parcels = len(self.pending), len(self.advice)
        return Restored(self.journal, self.boot, self.last_seq, channels, state, pending, oldest, parcels, new=new)

    def backlog(self, after: int, limit: int) -> list[Row]:
        """Rows that are not delivered, in order."""
        return list(islice((row for seq, row in self.pending.items() if seq > after), limit))

    def since(self, after: int, limit: int) -> list[Row]:
        """Rows after a sequence, delivered or not, in order; the oldest delivered ones are gone."""
        rows = {row.seq: row for row in (*self.delivered, *self.pending.values()) if row.seq > after}
        return [rows[seq] for seq in sorted(rows)][:limit]

    def look(self, key: str) -> list[tuple[str, bytes]]:
        """(parcel, JSON) of all committed advice that a key names."""
        parcels = {key} | self.aliases.get(key, set())
        return [(parcel, self.advice[parcel][1]) for parcel in sorted(parcels) if parcel in self.advice]

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
