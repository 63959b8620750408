"""What the PLC of one line was answered: to which decision each DEST belongs, and how soon each arrival had one.

Two sources are held against each other: the belts' ledger (what the PLC took, in which epoch and when) and the events
that the centre heard. Neither knows what the driver believes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from pydantic_core import from_json

from controller.events import TERMINAL
from tests.sim.broken import Broken
from tests.sim.hub import Hub

Track = tuple[int, int]
"""the PLC's epoch, track number"""

ON_THE_WAY_MS = 150.0
"""A DEST that left before a kill is at the PLC so much later at most: a Modbus record, then the counter, at 115,200."""


class Answers:
    """Listens to a hub from its start."""

    def __init__(self, hub: Hub, line: str) -> None:
        self._hub, self._line = hub, line
        self.ends: list[dict[str, Any]] = []
        """data of the terminal events, with `name`"""
        self.killed_at = float("-inf")
        self._heard: set[str] = set()
        self._arrived: dict[Track, float] = {}
        self._decide_by: dict[Track, float] = {}
        self._dests: dict[Track, list[dict[str, Any]]] = defaultdict(list)
        self._travels: dict[str, Track] = {}
        self._routed: dict[tuple[Track, int], set[tuple[str, ...]]] = defaultdict(set)
        self._items: dict[str, set[Track]] = defaultdict(set)
        self._shadows: set[str] = set()
        hub.listeners.append(self._hear)
        hub.watch.listeners.append(self._belt)

    def _hear(self, payload: bytes) -> None:
        event = from_json(payload)
        if event["id"] in self._heard:  # P2: at least once
            return
        self._heard.add(event["id"])
        name, data = event["type"].removeprefix("hubfloor.").removesuffix(".v1").replace(".", "/", 1), event["data"]
        if name == "parcel/inducted":
            self._travels[data["travel"]] = data["epoch"], data["track"]
        elif name in ("parcel/routed", "parcel/rerouted"):
            self._routed[self._travels[data["travel"]], data["decision"]].add(tuple(data["lanes"]))
        elif name in TERMINAL:
            self.ends.append(data | {"name": name})

    def _belt(self, entry: dict[str, Any]) -> None:
        track = entry.get("epoch", 0), entry.get("track", 0)
        if entry.get("parcel") and entry.get("track"):
            self._items[entry["parcel"]].add(track)
        if "touches" in entry:
            self._shadows |= {entry["parcel"], entry["touches"]}
        if entry["what"] == "arrived":
            self._arrived.setdefault(track, entry["t"])
        elif entry["what"] == "dest" and entry["refusal"] is None:
            self._dests[track].append(entry)
            self._decide_by.setdefault(track, self._hub.watch.wire.decide_by((self._line, *track)))

    def check_decisions(self) -> None:
        """P6: what the PLC obeys for a track of its epoch is what was decided for the travel of that track and epoch.
        A decision that died with the daemon is told by nobody: then its DEST came before that, or hardly later."""
        for track, dests in self._dests.items():
            for dest in dests:
                decided = self._routed.get((track, dest["decision"]), set())
                if tuple(dest["lanes"]) in decided:
                    continue
                if not decided and -60_000 < dest["t"] - self.killed_at < ON_THE_WAY_MS:
                    continue
                said = f"decision {dest['decision']} {' '.join(dest['lanes'])} at {dest['t']:.0f}"
                raise Broken(
                    "P6", f"track {track[1]} of epoch {track[0]} obeys {said}; decided was {decided or 'none'}"
                )

    def check_items(self) -> None:
        """Each item that came onto the line was a travel, and each of its travels has one end.

        A PLC that lost its memory finds it again under another track, or never: then the first travel's end is its.
        What touched another was one item for every eye.
        """
        ended = {data["travel"] for data in self.ends}
        if len(ended) != len(self.ends):
            raise Broken("conservation", "a travel has two ends")
        of_track = {track: travel for travel, track in self._travels.items()}
        for parcel, tracks in self._items.items():
            its = [of_track[track] for track in tracks if track in of_track]
            if parcel not in self._shadows and (not its or not ended.issuperset(its)):
                raise Broken("conservation", f"{parcel}: tracks {sorted(tracks)}, travels {its}, not each with an end")

    @property
    def items(self) -> int:
        """How many were on the line."""
        return len(self._items)

    def check_answered(self, begin: float, end: float, within_ms: float) -> tuple[int, float]:
        """P5: each arrival said in this time has a DEST at the PLC before its `left` is over, and `within_ms` after it
        was said. Returns how many there were and the slowest answer in ms."""
        arrivals = [(track, at) for track, at in self._arrived.items() if begin <= at <= end]
        slowest = 0.0
        for track, at in arrivals:
            took = min((dest["t"] for dest in self._dests[track]), default=float("inf")) - at
            slowest = max(slowest, took)
            # The node's view of the deadline has a margin; a DEST that keeps it keeps the PLC's own.
            if took > within_ms or at + took > self._decide_by[track]:
                raise Broken("P5", f"track {track[1]}: answered {took:.0f} ms after its arrival was said at {at:.0f}")
        return len(arrivals), slowest
