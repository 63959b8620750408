"""What is watched: three ledgers, the belts' (here), the wire's and the witness's, held against each other.

Each fact is noted as it happens and judged as soon as it can be. A parcel is forgotten some minutes after its end, so
that a run may last for hours. Every check names the promise or the sentence of the design that it stands for.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller.config import Config
from tests.sim.broken import Broken
from tests.sim.centre import Centre
from tests.sim.clock import Clock
from tests.sim.journal import Journal
from tests.sim.parcels import Parcel
from tests.sim.truth import Truth
from tests.sim.wire import Track, Wire
from tests.sim.witness import Trip, Witness

FORGET_MS = 180_000.0
"""A parcel is judged for good and forgotten so long after it lay still."""
NOTICE_MS = 20_000.0
"""A word of customs younger than this need not have become a recall yet."""
REACT_MS = 700.0
"""On a healthy line a hold is obeyed when it comes so long before the point of no return."""
UPSET_MS, UPSET_LOOP_MS = 12_000.0, 60_000.0
"""What comes onto a line so soon after a mishap may still meet its victim."""
DROP_MS, LATE_MS = 300.0, 50.0
"""Of the stubs: from gate to lane eye; the PLC's own point of no return before the gate."""
HIDDEN = frozenset("remove_told put slip swap eye_blind eye_bounce".split())
"""Mishaps after which the PLC may be wrong about whatever is on the line."""
CAME_ON = frozenset(("inducted", "handed_over", "put"))


@dataclass(slots=True)
class Body:
    """One parcel as it physically is."""

    parcel: Parcel
    tracks: list[Track] = field(default_factory=list)
    dest: dict[str, Any] | None = None
    """the DEST that is obeyed for the track it lies on"""
    lane: str | None = None
    container: str | None = None
    """the one that stood there when it fell"""
    lane_at: float = 0.0
    disturbed: str = ""
    """what physically happened to it or beside it that no rule can know: then its ends may be wrong"""
    misread: str = ""
    """why it is taken for another parcel, and no rule can know"""
    gone: bool = False
    """taken off by hand"""
    shadow: bool = False
    """so close behind another that no eye saw it: for the PLC the two are one item"""
    read_at: float = 0.0

    @property
    def excused(self) -> bool:
        """Whether nothing can be asked of the rules about it."""
        return bool(self.disturbed or self.misread)


class Watch:
    """Raises Broken where something is wrong."""

    def __init__(self, clock: Clock, config: Config, centre: Centre, journal: Journal) -> None:
        self.counts: Counter[str] = Counter()
        self.bodies: dict[str, Body] = {}
        self.misread: dict[str, str] = {}
        """parcels that are going to be taken for others, and why no rule can know"""
        self.truth = Truth(clock, centre)
        self.wire = Wire(clock, config, journal)
        self.unsupervised = {name for name, lane in config.lane.items() if not lane.supervised}
        self.witness = Witness(clock, self.counts, self.unsupervised)
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        """who reads the belts' ledger, too"""
        self._clock = clock
        self._rough: dict[str, float] = {}
        """line -> until when nothing can be expected of it in time: a fault is, or just was, at work there"""
        self._deaf: dict[str, float] = {}
        """the same, of the node and its cables alone"""
        self._upset: dict[str, float] = {}
        """line -> until when what comes on may meet what happened there"""
        self._lines = list(config.line)
        self._loops = {name for name, line in config.line.items() if line.kind == "loop"}
        points = {name: point.line or "" for name, point in config.point.items()}
        self._at = self.wire.line_of | {name: points[scanner.point] for name, scanner in config.scanner.items()}
        self._resting: deque[tuple[float, str]] = deque()

    # --- what the faults say ----------------------------------------------------------------------------------------

    def coming(self, parcel: Parcel) -> None:
        """A parcel is going to be put on a belt."""
        self.bodies[parcel.name] = Body(parcel, misread=self.misread.pop(parcel.name, ""))

    def roughen(self, where: str, lasts: float, deaf: bool) -> None:
        """Until so much later nothing can be expected in time of a line, the line of a cable, or (nothing) of all.
        `deaf`: because the node or its cables suffer."""
        lines = [where] if where in self._lines else [self._at[where]] if where in self._at else self._lines
        for line in lines:
            for until in (self._rough, self._deaf)[: 1 + deaf]:
                until[line] = max(until.get(line, 0.0), self._clock.now + lasts)

    def upset(self, line: str, why: str, lasts: float = 0.0) -> None:
        """Something happened to everything on a line that makes its ends other than they should be."""
        for body in self.bodies.values():
            if body.lane is None and body.tracks and body.tracks[-1][0] == line:
                body.disturbed = body.disturbed or why
        until = self._clock.now + lasts + (UPSET_LOOP_MS if line in self._loops else UPSET_MS)
        self._upset[line] = max(self._upset.get(line, 0.0), until)

    # --- the belts: what physically is ------------------------------------------------------------------------------

    def belt(self, entry: dict[str, Any]) -> None:
        """A line of the simulator's own ledger."""
        what, body = entry["what"], self.bodies.get(entry.get("parcel") or "")
        self.counts[what] += 1
        for listener in self.listeners:
            listener(entry)
        if what in ("mishap", "struck"):
            self._mishap(entry, body)
        if body is None or what == "mishap":
            return
        if what in CAME_ON:
            self._came_on(entry, body)
        if "track" in entry and (track := (entry["line"], entry["epoch"], entry["track"])) not in body.tracks:
            body.tracks.append(track)
        if what == "read":
            body.read_at = entry["t"]
        elif what == "dest":
            self._dest(body, entry)
        elif what == "lane" and "leads_to" not in entry:
            body.lane, body.lane_at, body.container = entry["lane"], entry["t"], entry["container"]
            self._dropped(body)
            self._resting.append((entry["t"] + FORGET_MS, body.parcel.name))
            while self._resting and self._resting[0][0] <= self._clock.now:
                self.judge(self._resting.popleft()[1])

    def _came_on(self, entry: dict[str, Any], body: Body) -> None:
        if "touches" in entry:
            body.disturbed, body.shadow = "it touched another", True
            if (ahead := self.bodies.get(entry["touches"])) is not None:
                ahead.disturbed = "it touched another"
        if self._upset.get(entry["line"], 0.0) > self._clock.now:
            body.disturbed = body.disturbed or "it came on where something had just happened"

    def _mishap(self, entry: dict[str, Any], body: Body | None) -> None:
        """Somebody or something did what no rule can know of at once."""
        what, line = entry["mishap"], entry["line"]
        self.counts[f"mishap {what}"] += 1
        if what == "put" and (laid := self.bodies.get(entry["parcel"])) is not None:
            laid.disturbed = "it was laid on"
        if what in HIDDEN:
            self.upset(line, what)
        elif what == "plc_power" and not entry["retentive"]:
            self._forgotten(line)
            self.upset(line, what)
        if body is None:
            return
        if what in ("remove", "remove_told"):
            body.gone = True
            self._resting.append((entry["t"] + FORGET_MS, body.parcel.name))
        elif entry["what"] == "struck" and what == "wrong":
            body.misread = "the reader said another code"
        elif entry["what"] == "struck" and what in ("late", "early"):
            body.misread = body.misread or "the reader was not in time"
        elif entry["what"] == "struck":
            body.disturbed = body.disturbed or what

    def _forgotten(self, line: str) -> None:
        """A PLC lost its memory, and with it the ends that it has not told yet."""
        for body in self.bodies.values():
            if body.lane is not None and body.tracks and body.tracks[-1][0] == line:
                trip = self.witness.by_track.get(body.tracks[-1])
                if trip is None or trip.ended is None:
                    body.disturbed = body.disturbed or "the PLC forgot its end"

    def _dest(self, body: Body, entry: dict[str, Any]) -> None:
        """P6, P17: the PLC took a destination for the parcel that lies on this track."""
        if entry["refusal"] is not None:
            return
        body.dest = entry
        if body.excused or self.unsupervised.isdisjoint(entry["lanes"]):
            return
        sent = self.wire.sent(entry["line"], entry["track"], entry["decision"]) or entry["t"]
        why = self.truth.not_released(body.parcel, sent)
        if why:
            raise Broken("P17", f"{body.parcel.name} was sent to {' '.join(entry['lanes'])} at {sent:.0f}: {why}")
        doubted = max((self.wire.doubted_at(track) for track in body.tracks[-1:]), default=0.0)
        if body.read_at < doubted < sent:
            raise Broken("doubt", f"{body.parcel.name} uses a release at {sent:.0f}, doubtful since {doubted:.0f}")

    def _dropped(self, body: Body) -> None:
        """P17: what lies in an unsupervised lane had a positive release at the PLC's point of no return."""
        assert body.lane is not None
        name, lane, dest = body.parcel.name, body.lane, body.dest
        if lane not in self.unsupervised:
            return
        line = body.tracks[-1][0] if body.tracks else ""
        no_return = body.lane_at - DROP_MS - LATE_MS
        decide_by = min((self.wire.decide_by(track) for track in body.tracks[-1:]), default=no_return)
        last = min(no_return - REACT_MS, decide_by)
        sent_in_time = dest is not None and lane in dest["lanes"] and dest["t"] < last
        doubted = max((self.wire.doubted_at(track) for track in body.tracks[-1:]), default=0.0)
        if sent_in_time and body.read_at < doubted < last and self._deaf.get(line, 0.0) < last - REACT_MS:
            raise Broken("doubt", f"{name} went to {lane}, and was a neighbour of what was lost at {doubted:.0f}")
        if body.excused:
            return
        if dest is None or lane not in dest["lanes"]:
            raise Broken("P17", f"{name} lies in {lane}, where nobody sent it")
        if not sent_in_time or self._rough.get(line, 0.0) > last - REACT_MS:
            return
        why = self.truth.not_released(body.parcel, last)
        if why and self.truth.not_released(body.parcel, no_return):
            raise Broken(
                "P17", f"{name} lies in {lane}: {why}, {no_return - last:.0f} ms before the point of no return"
            )

    # --- the end of each --------------------------------------------------------------------------------------------

    def judge(self, name: str) -> None:
        """Conservation: each inducted item has its travel, each travel its one end, which says what physically is."""
        body = self.bodies.pop(name, None)
        if body is None:
            return
        trips = [self.witness.by_track.get(track) for track in body.tracks]
        ended = [trip for trip in trips if trip is not None and trip.ended is not None]
        if ended:
            self._end(body, ended[-1])
        elif not body.disturbed and not body.gone:  # else its track goes on under another item
            raise Broken("conservation", f"{name} lies in {body.lane} and no travel ended for it: {body.tracks}")

    def _end(self, body: Body, trip: Trip) -> None:
        name, said = body.parcel.name, trip.ended
        assert said is not None
        as_said = said.get("lane") == body.lane and said.get("parcel") == name
        if not body.disturbed and not body.gone:
            if said.get("lane") != body.lane:
                raise Broken(
                    "conservation", f"{name} lies in {body.lane}, its end says {trip.name} in {said.get('lane')}"
                )
            if said.get("parcel") not in (None, name) and not body.misread and not said["doubtful"]:
                raise Broken("P6", f"{name} was taken for {said['parcel']}")
            if None not in (body.container, said.get("container")) and said["container"] != body.container:
                raise Broken("containers", f"{name} fell into {body.container}, its end says {said['container']}")
        if body.lane in self.unsupervised and (as_said or not body.excused):
            self._may_lie_there(body, trip)

    def _may_lie_there(self, body: Body, trip: Trip) -> None:
        """P17: what lies in an unsupervised lane without a release is recalled, once the node knows."""
        now, name = self._clock.now, body.parcel.name
        if name in self.witness.recalled or trip.recalled:
            return
        before = self.truth.statuses(body.parcel.subjects, max(now - NOTICE_MS, body.lane_at))
        after = self.truth.statuses(body.parcel.subjects, now)
        held = next((status for status in after if status in before and status != "release"), None)
        if held is None and body.parcel.required and not before and not after:
            held = "nothing"
        if held is not None:
            raise Broken("P17", f"{name} lies in {body.lane}, customs says {held}, and nobody recalls it")

    def finish(self) -> None:
        """The run is over: judge what is left, and that nothing is missing."""
        for name in [name for name, body in self.bodies.items() if body.lane is not None or body.gone]:
            self.judge(name)
