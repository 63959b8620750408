"""What goes into the journal and comes out of it, as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from devices.value import value

NAMED = 20
"""Ranges of sequences that a text names; of more it says how many."""


@value
class Row:
    """One event. `time` is RFC 3339 UTC with ms; `body` the whole CloudEvents JSON as it will be published.

    `code`: the code that a reader read, so that a parcel is found by it also where nobody was told of it.
    """

    seq: int
    id: str
    type: str
    subject: str
    visit: str | None
    travel: str | None
    parcel: str | None
    time: str
    topic: str
    body: bytes
    code: str | None = None


@value
class Evidence:
    """A message about customs as it came, and what was done: the events it caused, from `first_seq` to `last_seq` (none
    caused: both None), and what of it was refused, and why. `subjects`: whom it is about, each as `kind/id`."""

    utc_ms: int
    topic: str
    raw: bytes
    subjects: tuple[str, ...] = ()
    first_seq: int | None = None
    last_seq: int | None = None
    refused: tuple[str, ...] = ()


@dataclass(slots=True)
class Batch:
    """One transaction.

    `channels`: channel -> its last (epoch, evt). `state`: (kind, key) -> JSON, None deletes. `advice`: parcel, aliases,
    JSON, None deletes. `delivered`: seqs; `quarantined`: (seq, reason code). `tokens`: MQTT messages whose PUBACK may
    leave after this commit; carried along, not stored.
    """

    events: list[Row] = field(default_factory=list)
    channels: dict[str, tuple[int, int]] = field(default_factory=dict)
    state: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    advice: list[tuple[str, tuple[str, ...], bytes | None]] = field(default_factory=list)
    delivered: list[int] = field(default_factory=list)
    quarantined: list[tuple[int, int]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)

    def empty(self) -> bool:
        """Whether there is nothing in it, not even a token."""
        written = self.events or self.channels or self.state or self.advice or self.delivered or self.quarantined
        return not (written or self.evidence or self.tokens)

    def merge(self, other: Batch) -> None:
        """Take in a later batch: where both speak of the same thing, the later one wins."""
        self.events += other.events
        self.channels.update(other.channels)
        self.state.update(other.state)
        self.advice += other.advice
        self.delivered += other.delivered
        self.quarantined += other.quarantined
        self.tokens += other.tokens
        self.evidence += other.evidence


@value
class Finding:
    """Something about the journal that people must know: the alarm's id, what in words, and how bad it is."""

    alarm: str
    what: str
    priority: Literal["low", "medium", "high", "critical"]


@value
class Restored:
    """What a start finds.

    `last_seq` is 0 where there is no event yet. `pending` counts the rows the broker has not accepted, refused ones
    included; `oldest_pending` is the lowest of them. `parcels` counts the parcels with advice. `first` is the first
    sequence of this journal id: what is lower was given under another id and keeps its source. `findings`: what the
    opening met; each of them is found again until something was committed after it. `new`: the id was made by this
    opening, so nobody has heard events of it that are not here.
    """

    journal: str
    boot: int
    last_seq: int
    channels: dict[str, tuple[int, int]]
    state: dict[tuple[str, str], bytes]
    pending: int
    oldest_pending: int | None
    parcels: int
    first: int = 1
    findings: tuple[Finding, ...] = ()
    new: bool = False


@value
class Counts:
    """Figures of a journal. `refused` are those of `pending` whose last answer was a refusal. `used` and `free`: bytes
    of the file that hold something, and that the next rows will take. `evidence_ms`: UTC of the oldest evidence."""

    first_seq: int | None
    last_seq: int | None
    pending: int
    refused: int
    used: int = 0
    free: int = 0
    evidence_ms: int | None = None


def ranges(numbers: Iterable[int]) -> str:
    """Sequences in words: `3, 5-9`; of many only the lowest."""
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs(numbers)]
    return ", ".join(texts[:NAMED]) + (f" and {len(texts) - NAMED} more ranges" if len(texts) > NAMED else "")


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of successive numbers, in order."""
    for _, run in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        values = [number for _, number in run]
        yield values[0], values[-1]
