"""The witness at the broker: every event as the centre hears it. It finds gaps, doubles, two ends, and wrong order."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from controller.events import TERMINAL
from tests.sim.broken import Broken
from tests.sim.clock import Clock
from tests.sim.wire import Track

TRIP_KEPT_MS = 360_000.0
IDS_KEPT = 20_000


@dataclass(slots=True)
class Trip:
    """One travel as the centre hears of it."""

    travel: str
    track: Track
    last: int
    """sequence of its last event"""
    ended: dict[str, Any] | None = None
    """data of its one terminal event"""
    name: str = ""
    """of that event"""
    recalled: bool = False
    """held_escaped or recall was said of it"""


class Witness:
    """All that was delivered."""

    def __init__(self, clock: Clock, counts: Counter[str], unsupervised: set[str]) -> None:
        self.trips: dict[str, Trip] = {}
        self.by_track: dict[Track, Trip] = {}
        self.recalled: dict[str, float] = {}
        """parcel -> when something was last said of it that brings it back"""
        self.heard = 0
        """everything up to this sequence was heard"""
        self._clock = clock
        self._counts = counts
        self._unsupervised = unsupervised
        self._ids: dict[int, str] = {}
        self._done: deque[tuple[float, Trip]] = deque()

    def event(self, payload: bytes) -> None:
        """A delivery. P2: at least once, in order per parcel, one id for each sequence."""
        event = from_json(payload)
        sequence, event_id = int(event["sequence"]), event["id"]
        known = self._ids.get(sequence)
        if known is not None:
            if known != event_id:
                raise Broken("P2", f"sequence {sequence} came with two ids")
            self._counts["doubled"] += 1
            return
        self._ids[sequence] = event_id
        while self.heard + 1 in self._ids:
            self.heard += 1
        family, name = event["type"].split(".")[1:3]
        if family == "parcel":
            self._of_parcel(f"parcel/{name}", sequence, event["data"])
        elif family == "alarm":
            self._counts[f"alarm {event['data']['alarm'].split('-')[0]}"] += 1

    def finish(self, last: int) -> None:
        """P2 and conservation: nothing is missing, and no travel is left without its end."""
        left = [travel for travel, trip in self.trips.items() if trip.ended is None]
        if left:
            raise Broken("conservation", f"travels without an end: {left[:5]}")
        if self.heard != last:
            raise Broken("P2", f"the centre heard up to {self.heard} without a gap, of {last}")
        for trip in self.trips.values():
            self._end_is_told(trip)

    def _of_parcel(self, name: str, sequence: int, data: dict[str, Any]) -> None:
        travel = data.get("travel")
        if name == "parcel/inducted":
            trip = Trip(data["travel"], (data["line"], data["epoch"], data["track"]), sequence)
            self.trips[trip.travel] = self.by_track[trip.track] = trip
            return
        known = self.trips.get(travel or "")
        if name in ("parcel/recall", "parcel/held_escaped"):
            self._counts["recalls"] += 1
            if data.get("parcel"):
                self.recalled[data["parcel"]] = self._clock.now
            if known is not None:
                known.recalled = True
        if known is None:
            return
        if name == "parcel/corrected":
            if known.ended is not None and data.get("container"):
                known.ended = known.ended | {"container": data["container"]}
            return
        if sequence < known.last:
            raise Broken("P2", f"{travel}: sequence {sequence} comes after {known.last}")
        known.last = sequence
        if name in TERMINAL:
            self._ended(known, name, data)

    def _ended(self, trip: Trip, name: str, data: dict[str, Any]) -> None:
        """Conservation: every travel ends in exactly one terminal event."""
        if trip.ended is not None:
            raise Broken("conservation", f"{trip.travel} ended as {trip.name} and again as {name}")
        trip.ended, trip.name = data, name
        self._counts[name] += 1
        self._done.append((self._clock.now + TRIP_KEPT_MS, trip))
        while self._done and self._done[0][0] <= self._clock.now:
            self._forget(self._done.popleft()[1])

    def _forget(self, trip: Trip) -> None:
        self._end_is_told(trip)
        self.trips.pop(trip.travel, None)
        if self.by_track.get(trip.track) is trip:
            del self.by_track[trip.track]
        if len(self._ids) > IDS_KEPT:
            for sequence in list(self._ids)[: IDS_KEPT // 2]:
                if sequence <= self.heard:
                    del self._ids[sequence]
            for parcel in list(self.recalled)[: -IDS_KEPT // 2]:
                del self.recalled[parcel]

    def _end_is_told(self, trip: Trip) -> None:
        """P17: whatever ends without identity in an unsupervised lane raises `held_escaped`."""
        assert trip.ended is not None
        if trip.ended.get("lane") in self._unsupervised and not trip.ended.get("parcel") and not trip.recalled:
            raise Broken("P17", f"{trip.travel} lies in {trip.ended['lane']}, nobody knows what it is, nobody says so")
