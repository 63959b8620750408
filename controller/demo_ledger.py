"""The demo's judge: the physical ledger, the witness and the journal held against each other. Pure.

The physical ledger comes from the simulated belt, not from the wire: what parcel really lies in what lane. The witness
is a subscriber at the broker that was there first. What customs said and when comes from who said it.

A release is *in force* at a moment when it was the last word published before it. The wire needs time: a word that was
published less than `IN_FLIGHT_MS` before counts as later, and a hold that is later needs a recall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.demo_floor import unsupervised
from controller.demo_parcels import DemoParcel
from controller.events import TERMINAL

IN_FLIGHT_MS = 250.0
Event = dict[str, Any]


@dataclass(slots=True)
class Physical:
    """What really happened to one parcel. Moments are monotonic ms."""

    line: str
    inducted: float
    tracks: set[tuple[str, int, int]] = field(default_factory=set)
    arrived: float | None = None
    reads: list[float] = field(default_factory=list)
    dests: list[Event] = field(default_factory=list)
    lane: str | None = None
    lane_at: float = 0.0

    def obeyed(self) -> Event | None:
        """The last destination that the PLC took before the parcel left."""
        taken = [
            dest for dest in self.dests if dest["refusal"] is None and (not self.lane or dest["t"] <= self.lane_at)
        ]
        return taken[-1] if taken else None


@dataclass(slots=True)
class Ledger:
    """Everything that the demo hears, as it hears it."""

    physical: dict[str, Physical] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    """event id -> sequence, of every event at the witness"""
    sequences: set[tuple[str, int]] = field(default_factory=set)
    duplicates: int = 0
    terminals: dict[str, set[str]] = field(default_factory=dict)
    """travel -> ids of its terminal events"""
    travel_of: dict[tuple[str, int, int], list[str]] = field(default_factory=dict)
    recalled: set[str] = field(default_factory=set)
    late: int = 0
    lanes: dict[str, int] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)

    def belt(self, entry: Event) -> None:
        """A line of the simulator's ledger."""
        what, name = entry["what"], entry.get("parcel")
        if what in ("full", "free"):
            (self.full.add if what == "full" else self.full.discard)(entry["lane"])
        if name is None:
            return
        if what == "inducted":
            self.physical[name] = Physical(entry["line"], entry["t"])
        parcel = self.physical.get(name)
        if parcel is None:
            return
        if "track" in entry:
            parcel.tracks.add((entry["line"], entry["epoch"], entry["track"]))
        if what == "arrived":
            parcel.arrived = entry["t"]
        elif what == "read":
            parcel.reads.append(entry["t"])
        elif what == "dest":
            parcel.dests.append(entry)
        elif what == "lane":
            parcel.lane, parcel.lane_at = entry["lane"], entry["t"]
            self.lanes[entry["lane"]] = self.lanes.get(entry["lane"], 0) + 1

    def event(self, event: Event) -> None:
        """A delivery at the witness."""
        if event["id"] in self.ids:
            self.duplicates += 1
            return
        sequence = int(event["sequence"])
        self.ids[event["id"]] = sequence
        self.sequences.add((event["source"].rsplit(":", 1)[1], sequence))
        name, data = "/".join(event["type"].split(".")[1:3]), event["data"]
        if name == "parcel/inducted":
            self.travel_of.setdefault((data["line"], data["epoch"], data["track"]), []).append(data["travel"])
        elif name in TERMINAL:
            self.terminals.setdefault(data["travel"], set()).add(event["id"])
        elif name in ("parcel/recall", "parcel/held_escaped") and data.get("parcel"):
            self.recalled.add(data["parcel"])
        elif name == "parcel/refused" and data["code"] in ("LATE", "EXPIRED"):
            self.late += 1

    @property
    def in_lanes(self) -> int:
        """Parcels that have left a belt."""
        return sum(self.lanes.values())

    def divert_ms(self) -> list[float]:
        """For each parcel: from the later of arrival message and last read to its first DEST, sorted."""
        found = []
        for parcel in self.physical.values():
            if parcel.arrived is not None and parcel.dests:
                first = parcel.dests[0]["t"]
                found.append(first - max([parcel.arrived, *(read for read in parcel.reads if read <= first)]))
        return sorted(found)


def judge(ledger: Ledger, parcels: Mapping[str, DemoParcel], journal: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """The verdict; docs/demo.md and the README explain each figure. `journal` = (journal id, sequence) of each row."""
    travels = {track: names for track, names in ledger.travel_of.items()}
    without = [name for name, found in ledger.physical.items() if not _has_terminal(ledger, travels, found.tracks)]
    unheard = [row for row in journal if row not in ledger.sequences]
    times = ledger.divert_ms()
    return {
        "parcels": len(ledger.physical),
        "terminal": sum(len(ids) == 1 for ids in ledger.terminals.values()),
        "missing": len(without) + len(unheard),
        "duplicates": ledger.duplicates,
        "double_terminal": sum(len(ids) > 1 for ids in ledger.terminals.values()),
        "mis_sorted": sum(_mis_sorted(parcel) for parcel in ledger.physical.values()),
        "escaped": sum(_escaped(ledger, parcels[name], found) for name, found in ledger.physical.items()),
        "late": ledger.late,
        "parcels_per_hour": _per_hour(ledger),
        "divert_ms_p50": _percentile(times, 50),
        "divert_ms_p99": _percentile(times, 99),
        "recalled": len(ledger.recalled),
        "lanes": dict(sorted(ledger.lanes.items())),
    }


def passed(verdict: Mapping[str, Any]) -> bool:
    """Whether nothing went wrong that must not go wrong."""
    return not any(verdict[name] for name in ("missing", "double_terminal", "mis_sorted", "escaped"))


def _has_terminal(
    ledger: Ledger, travels: Mapping[tuple[str, int, int], list[str]], tracks: Iterable[tuple[str, int, int]]
) -> bool:
    return any(ledger.terminals.get(travel) for track in tracks for travel in travels.get(track, ()))


def _mis_sorted(parcel: Physical) -> bool:
    if parcel.lane is None:
        return False
    obeyed, default = parcel.obeyed(), f"{parcel.line}-EX"
    if obeyed is None:
        return parcel.lane != default
    allowed = set(obeyed["lanes"]) | ({default} if not obeyed["no_default"] else set())
    return parcel.lane not in allowed


def _escaped(ledger: Ledger, parcel: DemoParcel, found: Physical) -> bool:
    if found.lane is None or not unsupervised(found.lane):
        return False
    if parcel.advice is None:
        return True
    if parcel.advice["customs"] == "none":
        return False
    obeyed = found.obeyed()
    taken = obeyed["t"] if obeyed else found.lane_at
    before = [
        status for at, status in parcel.said if at <= taken - IN_FLIGHT_MS or (status == "release" and at <= taken)
    ]
    after = [status for at, status in parcel.said if at > taken - IN_FLIGHT_MS and status != "release"]
    if not before or before[-1] != "release":
        return True
    return bool(after) and parcel.parcel not in ledger.recalled


def _per_hour(ledger: Ledger) -> int:
    ends = [parcel.lane_at for parcel in ledger.physical.values() if parcel.lane is not None]
    if not ends:
        return 0
    took = max(ends) - min(parcel.inducted for parcel in ledger.physical.values())
    return round(len(ends) * 3_600_000 / took) if took > 0 else 0


def _percentile(values: list[float], percent: int) -> float | None:
    if not values:
        return None
    return round(values[min(len(values) - 1, len(values) * percent // 100)], 3)
