"""The wire between the node and the PLCs, watched: deadlines, "durable", and who is a neighbour of what was lost."""

from __future__ import annotations

from collections import deque

from controller.config import Config
from devices.links import parse
from tests.sim.broken import Broken
from tests.sim.clock import Clock
from tests.sim.journal import Journal
from tests.sim.views import Arrived, Dest, Durable, Neighbours, OnBelt, Piece, View, view

Track = tuple[str, int, int]
"""line, the PLC's epoch, track number"""

REPEATED_MS = 5_000.0
"""The same decision of the same track number so much later is no repeat, but one of another epoch."""
A_LAP_MS = 20_000.0
"""Nothing arrives twice at a point within it."""
OLD = 99_999
"""An age that says "older" (PLC interface v1 §2, rule 10)."""
EVTS_KEPT = 200


class Wire:
    """What went over it, as far as something depends on it."""

    def __init__(self, clock: Clock, config: Config, journal: Journal) -> None:
        first: dict[str, str] = {}
        ports = {
            name: name if parse(plc.link).transport == "mqtt" else first.setdefault(plc.link, name)
            for name, plc in config.plc.items()
        }
        self.line_of = {name: plc.line for name, plc in config.plc.items()}
        self._clock = clock
        self._journal = journal
        self._margin = {name: config.line[plc.line].margin_ms for name, plc in config.plc.items()}
        self._arrived: dict[tuple[str, int], tuple[float, float]] = {}
        """(edge, left) of a track's last arrival, ms"""
        self._sent: dict[tuple[str, int, int], float] = {}
        self._doubt: dict[Track, float] = {}
        self._views: dict[str, dict[str, View]] = {}
        """port -> the PLCs on it"""
        for name, plc in config.plc.items():
            seen = view(plc.kind, parse(plc.link).transport, getattr(plc.settings, "unit", 0))
            self._views.setdefault(ports[name], {})[name] = seen
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

    def to_node(self, port: str, piece: Piece) -> None:
        """Something of a machine reaches the node."""
        for link, seen in self._views.get(port, {}).items():
            for said in seen.up(piece):
                if isinstance(said, Arrived):
                    self._arrived[link, said.track] = self._clock.now - said.age, said.left
                elif isinstance(said, OnBelt):
                    self._named(link, said)
                elif isinstance(said, Neighbours):
                    self._neighbours(link, said)

    def from_node(self, port: str, piece: Piece) -> None:
        """Something of the node leaves for a machine."""
        for link, seen in self._views.get(port, {}).items():
            for said in seen.down(piece):
                if isinstance(said, Durable):
                    self._durable(link, said)
                elif isinstance(said, Dest):
                    self._destination(link, self.line_of[link], said)

    def _named(self, link: str, said: OnBelt) -> None:
        """On a loop an item may have arrived again meanwhile: the event of it comes after the synchronisation."""
        edge, left = self._arrived.get((link, said.track), (0.0, 0.0))
        if left and said.age < OLD and self._clock.now - said.age > edge + A_LAP_MS:
            self._arrived[link, said.track] = self._clock.now - said.age, left

    def _destination(self, link: str, line: str, dest: Dest) -> None:
        """P5: a destination in time or the fallback; late answers are never sent, nor repeated."""
        now, decide_by = self._clock.now, self.decide_by((line, 0, dest.track))
        if now > decide_by + 1:
            late = f"{line} track {dest.track} decision {dest.decision}: {now - decide_by:.0f} ms late"
            raise Broken("P5", f"a DEST leaves after its decide_by: {late}")
        key = line, dest.track, dest.decision
        if now - self._sent.get(key, float("-inf")) > REPEATED_MS:
            self._sent[key] = now

    def _durable(self, link: str, said: Durable) -> None:
        """P1: a PLC is told "durable" only of what is on the disk; numbers wrap."""
        epoch, known = self._journal.channels.get(link, (0, 0))
        if said.event and 0 < (said.event - known) % said.ring < said.ring // 2:
            told = f"{link} is told that event {said.event} is durable"
            raise Broken("P1", f"{told}, the journal holds {known} of epoch {epoch}")

    def _neighbours(self, link: str, said: Neighbours) -> None:
        if said.event not in self._evts[link]:
            self._evts[link].append(said.event)
            for track in said.tracks:
                self._doubt[self.line_of[link], said.epoch, track] = self._clock.now
