"""The wire between the node and the PLCs, watched: deadlines, "durable", and who is a neighbour of what was lost."""

from __future__ import annotations

from collections import deque

from controller.config import Config
from tests.sim import telegram
from tests.sim.broken import Broken
from tests.sim.clock import Clock
from tests.sim.journal import Journal

Track = tuple[str, int, int]
"""line, the PLC's epoch, track number"""

REPEATED_MS = 5_000.0
"""The same decision of the same track number so much later is no repeat, but one of another epoch."""
WORTH_A_LOOK = (b"ARRVR", b"TRAKR", b"LOSTR", b"GHSTR")
A_LAP_MS = 20_000.0
"""Nothing arrives twice at a point within it."""
OLD = 99_999
"""An age that says "older" (PLC interface v1 §2, rule 10)."""
EVTS_KEPT = 200
HALF_OF_EVT = 500_000


class Wire:
    """What went over it, as far as something depends on it."""

    def __init__(self, clock: Clock, config: Config, journal: Journal) -> None:
        self.line_of = {name: plc.line for name, plc in config.plc.items()}
        self._clock = clock
        self._journal = journal
        self._margin = {name: config.line[plc.line].margin_ms for name, plc in config.plc.items()}
        self._arrived: dict[tuple[str, int], tuple[float, float]] = {}
        """(edge, left) of a track's last arrival, ms"""
        self._sent: dict[tuple[str, int, int], float] = {}
        self._doubt: dict[Track, float] = {}
        self._evts: dict[str, deque[int]] = {name: deque(maxlen=EVTS_KEPT) for name in config.plc}

    def sent(self, line: str, track: int, decision: int) -> float | None:
        """When the DEST with this decision left for the first time."""
        return self._sent.get((line, track, decision))

    def doubted_at(self, track: Track) -> float:
        """When the PLC last named this track as the neighbour of something lost or unknown; 0 = never."""
        return self._doubt.get(track, 0.0)

    def decide_by(self, track: Track) -> float:
        """Until when the node may send a DEST for this track; the belt may have slowed down since, that counts not."""
        line, _, number = track
        link = next(name for name, its in self.line_of.items() if its == line)
        edge, left = self._arrived.get((link, number), (float("inf"), 0.0))
        return edge + left - self._margin[link]

    def to_node(self, link: str, data: bytes) -> None:
        """Bytes of a machine reach the node."""
        line = self.line_of.get(link)
        if line is None or not any(kind in data for kind in WORTH_A_LOOK):
            return
        for seen in telegram.frames(data):
            if seen.flag != "R":
                continue
            if seen.type == "ARRV":
                _, _, track, age, left = telegram.arrival(seen.body)
                self._arrived[link, track] = self._clock.now - age, left
            elif seen.type == "TRAK":
                self._named(link, seen)
            elif seen.type in ("LOST", "GHST"):
                self._neighbours(link, line, seen)

    def from_node(self, link: str, data: bytes) -> None:
        """Bytes of the node leave for a machine."""
        line = self.line_of.get(link)
        if line is None:
            return
        for seen in telegram.frames(data):
            if seen.flag == "A" or (seen.type == "LIFE" and seen.flag == "R"):
                self._durable(link, seen)
            elif seen.type == "DEST":
                self._destination(link, line, telegram.dest(seen.body))

    def _named(self, link: str, seen: telegram.Seen) -> None:
        """On a loop an item may have arrived again meanwhile: the event of it comes after the synchronisation."""
        for track, age in telegram.on_belt(seen.body):
            edge, left = self._arrived.get((link, track), (0.0, 0.0))
            if left and age < OLD and self._clock.now - age > edge + A_LAP_MS:
                self._arrived[link, track] = self._clock.now - age, left

    def _destination(self, link: str, line: str, dest: telegram.Dest) -> None:
        """P5: a destination in time or the fallback; late answers are never sent, nor repeated."""
        now, decide_by = self._clock.now, self.decide_by((line, 0, dest.track))
        if now > decide_by + 1:
            late = f"{line} track {dest.track} decision {dest.decision}: {now - decide_by:.0f} ms late"
            raise Broken("P5", f"a DEST leaves after its decide_by: {late}")
        key = line, dest.track, dest.decision
        if now - self._sent.get(key, float("-inf")) > REPEATED_MS:
            self._sent[key] = now

    def _durable(self, link: str, seen: telegram.Seen) -> None:
        """P1: a PLC is told "durable" only of what is on the disk; numbers wrap at 999999."""
        evt = int(seen.body[:6]) if seen.body else 0
        epoch, known = self._journal.channels.get(link, (0, 0))
        if evt and 0 < (evt - known) % 999_999 < HALF_OF_EVT:
            raise Broken(
                "P1", f"{link} is told that event {evt} is durable, the journal holds {known} of epoch {epoch}"
            )

    def _neighbours(self, link: str, line: str, seen: telegram.Seen) -> None:
        evt, tracks = telegram.neighbours(seen)
        if evt not in self._evts[link]:
            self._evts[link].append(evt)
            for track in tracks:
                self._doubt[line, seen.epoch, track] = self._clock.now
