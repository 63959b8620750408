"""The journals of the demo's nodes, read while their daemons run."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from controller.journal_reader import Reader

Key = tuple[str, int]
"""Journal id and sequence."""


def rows(state: Path, since: int = 1) -> list[Key]:
    """Every event of a journal from a sequence on."""
    reader = Reader(state / "journal.db")
    try:
        return [(json.loads(row.body)["source"].rsplit(":", 1)[1], row.seq) for row in reader.since(since)]
    finally:
        reader.close()


class Journals:
    """What the witness has not heard yet. Each event is read once, however often one asks."""

    def __init__(self, states: Sequence[Path]) -> None:
        self._next = dict.fromkeys(states, 1)
        self._unheard: set[Key] = set()

    def unheard(self, heard: Collection[Key]) -> int:
        """How many events are in the journals and not in `heard`."""
        for state, since in self._next.items():
            new = rows(state, since)
            self._unheard.update(new)
            self._next[state] = max((seq for _, seq in new), default=since - 1) + 1
        self._unheard.difference_update(heard)
        return len(self._unheard)
