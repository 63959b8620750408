"""Reads of tags merged to passages: one tag through one portal, told once, when it has been silent for long enough.

A tag that stays in the field is told when `longest_ms` are over and then not again until it has been silent: a pallet
that was left at a door is one passage and not one each minute. Order is the order of arrival, clocks of readers do not
count. At most `most` tags are remembered: of more, the one that was read longest ago is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devices.barcodes.epc import code_of
from devices.types import Counters, Passage

STAYS, EARLY = "read of a tag that stays", "passage told early, too many tags"


@dataclass(slots=True)
class _Tag:
    raw: bytes
    first: float
    last: float
    count: int = 0
    rssi: float | None = None
    antennas: dict[int, None] = field(default_factory=dict)
    began: dict[str, int] = field(default_factory=dict)  # side -> number of its first read there, and of its last
    ended: dict[str, int] = field(default_factory=dict)


class Passages:
    """Of one portal; `sides`: antenna -> `inside` or `outside`."""

    def __init__(
        self, portal: str, silence_ms: float, longest_ms: float, most: int, sides: dict[int, str], counters: Counters
    ) -> None:
        self._portal, self._silence_ms, self._longest_ms, self._most = portal, silence_ms, longest_ms, most
        self._sides, self._counters = sides, counters
        self._tags: dict[str, _Tag] = {}  # in the order of their last read
        self._untold: dict[str, _Tag] = {}  # in the order of their first read
        self._reads = 0

    def read(
        self, epc: str, antenna: int | None, rssi: float | None, count: int, raw: bytes, at: float
    ) -> list[Passage]:
        """A reader saw the tag `epc` (upper-case hex) so many times, after `tick`; what must end early for it."""
        tag = self._tags.pop(epc, None)
        if tag is None:
            tag = self._untold[epc] = _Tag(raw, at, at)
        elif epc not in self._untold:
            self._counters.note(STAYS)
        self._tags[epc] = tag
        self._reads += 1
        tag.last, tag.count = at, tag.count + count
        if rssi is not None:
            tag.rssi = rssi if tag.rssi is None else max(tag.rssi, rssi)
        if antenna is not None:
            tag.antennas[antenna] = None
            if side := self._sides.get(antenna):
                tag.began.setdefault(side, self._reads)
                tag.ended[side] = self._reads
        if len(self._tags) <= self._most:
            return []
        self._counters.note(EARLY)
        return self._end(next(iter(self._tags)), at)

    def tick(self, now: float) -> list[Passage]:
        """What has been silent, or in the field, for long enough."""
        told = []
        while self._tags and now >= next(iter(self._tags.values())).last + self._silence_ms:
            told += self._end(next(iter(self._tags)), now)
        while self._untold and now >= next(iter(self._untold.values())).first + self._longest_ms:
            told.append(self._tell(next(iter(self._untold)), now))
        return told

    def next_at(self) -> float | None:
        """When `tick` has something to tell or to forget."""
        silent = [tag.last + self._silence_ms for tag in _first(self._tags)]
        return min([*silent, *(tag.first + self._longest_ms for tag in _first(self._untold))], default=None)

    def close(self, now: float) -> list[Passage]:
        """The channel is gone: whatever is in the field is told."""
        told = [self._tell(epc, now) for epc in list(self._untold)]
        self._tags.clear()
        return told

    def _end(self, epc: str, now: float) -> list[Passage]:
        told = [self._tell(epc, now)] if epc in self._untold else []
        del self._tags[epc]
        return told

    def _tell(self, epc: str, now: float) -> Passage:
        tag = self._untold.pop(epc)
        return Passage(
            text=code_of(epc) or epc,
            epc=epc,
            portal=self._portal,
            direction=_direction(tag),
            first=tag.first,
            last=tag.last,
            count=tag.count,
            raw=tag.raw,
            at=now,
            rssi=tag.rssi,
            antennas=tuple(tag.antennas),
        )


def _first(tags: dict[str, _Tag]) -> list[_Tag]:
    return [next(iter(tags.values()))] if tags else []


def _direction(tag: _Tag) -> Literal["in", "out", ""]:
    """Proven where one side saw it before the other and lost it before the other; else it may have turned round."""
    if len(tag.began) < 2:
        return ""
    came = tag.began["outside"] < tag.began["inside"]
    went = tag.ended["outside"] < tag.ended["inside"]
    return "" if came != went else "in" if came else "out"
