"""The demo's judge: the physical ledger, the witness and the journal held against each other. Pure.

The physical ledger comes from the simulated belt, not from the wire: what parcel really lies in what lane. The witness
is a subscriber at the broker that was there first. What customs said and when comes from who said it.

A release is *in force* at a moment when it was the last word published before it. The wire needs time: a word that was
published less than `IN_FLIGHT_MS` before counts as later, and a hold that is later needs a recall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from controller.config import Config
from controller.events import TERMINAL

IN_FLIGHT_MS = 250.0
MUST_BE_0 = ("missing", "double_terminal", "mis_sorted", "escaped")
Event = dict[str, Any]


class Known(Protocol):
    """What the centre knows of a parcel, and has said of it."""

    @property
    def advice(self) -> Event | None:
        """As published; None = it knows nothing."""

    @property
    def said(self) -> list[tuple[float, str]]:
        """(monotonic ms, customs status) of each record published."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """What the judge must know of a floor: lanes that are not supervised, and each line's default lane."""

    unsupervised: frozenset[str]
    default: Mapping[str, str]

    @classmethod
    def of(cls, configs: Iterable[Config]) -> Lanes:
        """Those of all nodes."""
        nodes = list(configs)
        return cls(
            frozenset(name for node in nodes for name, lane in node.lane.items() if not lane.supervised),
            {name: line.default_lane for node in nodes for name, line in node.line.items()},
        )


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
    taken_off: bool = False

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
    faults: int = 0
    """what went wrong on purpose: then parcels lie where nobody sent them, and some were never seen"""

    def belt(self, entry: Event) -> None:
        """A line of the simulator's ledger."""
        what, name = entry["what"], entry.get("parcel")
        if what in ("full", "free"):
            (self.full.add if what == "full" else self.full.discard)(entry["lane"])
        self.faults += what == "mishap" or (what == "fault" and entry["state"] == "begun")
        if name is None:
            return
        if what == "inducted":
            self.physical[name] = Physical(entry["line"], entry["t"])
        parcel = self.physical.get(name)
        if parcel is None:
            return
        if "track" in entry and "epoch" in entry:  # what hands do has no epoch: the PLC knows nothing of it
            parcel.tracks.add((entry["line"], entry["epoch"], entry["track"]))
        if what == "handed_over":
            parcel.line, parcel.dests = entry["line"], []
        elif what == "arrived":
            parcel.arrived = entry["t"]
        elif what == "read":
            parcel.reads.append(entry["t"])
        elif what == "dest":
            parcel.dests.append(entry)
        elif what == "mishap" and entry["mishap"] in ("remove", "remove_told"):
            parcel.taken_off = True
        elif what == "lane" and "leads_to" not in entry:
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

    @property
    def riding(self) -> int:
        """Parcels that are in no lane yet, and that nobody took off a belt."""
        return sum(parcel.lane is None and not parcel.taken_off for parcel in self.physical.values())

    def open_travels(self) -> int:
        """Travels without a terminal event at the witness."""
        return len({travel for names in self.travel_of.values() for travel in names} - self.terminals.keys())

    def divert_ms(self) -> list[float]:
        """For each parcel: from the later of arrival message and last read to its first DEST, sorted."""
        found = []
        for parcel in self.physical.values():
            if parcel.arrived is not None and parcel.dests:
                first = parcel.dests[0]["t"]
                found.append(first - max([parcel.arrived, *(read for read in parcel.reads if read <= first)]))
        return sorted(found)


def judge(
    ledger: Ledger, parcels: Mapping[str, Known], journal: Iterable[tuple[str, int]], lanes: Lanes
) -> dict[str, Any]:
    """The verdict; docs/demo.md and the README explain each figure. `journal` = (journal id, sequence) of each row."""
    travels = {track: names for track, names in ledger.travel_of.items()}
    seen = [found for found in ledger.physical.values() if found.tracks or not ledger.faults]
    without = [found for found in seen if not _has_terminal(ledger, travels, found.tracks)]
    unheard = [row for row in journal if row not in ledger.sequences]
    times = ledger.divert_ms()
    return {
        "parcels": len(ledger.physical),
        "terminal": sum(len(ids) == 1 for ids in ledger.terminals.values()),
        "missing": len(without) + len(unheard),
        "duplicates": ledger.duplicates,
        "double_terminal": sum(len(ids) > 1 for ids in ledger.terminals.values()),
        "mis_sorted": sum(_mis_sorted(parcel, lanes) for parcel in ledger.physical.values()),
        "escaped": sum(
            _escaped(ledger, parcels.get(name), name, found, lanes) for name, found in ledger.physical.items()
        ),
        "late": ledger.late,
        "parcels_per_hour": _per_hour(ledger),
        "inducted_per_hour": _inducted_per_hour(ledger),
        "divert_ms_p50": _percentile(times, 50),
        "divert_ms_p99": _percentile(times, 99),
        "recalled": len(ledger.recalled),
        "faults": ledger.faults,
        "lanes": dict(sorted(ledger.lanes.items())),
    }


def passed(verdict: Mapping[str, Any]) -> bool:
    """Whether nothing went wrong that must not go wrong. Where gates fail and hands move parcels on purpose, some lie
    where nobody sent them: then only what floord reports is judged."""
    wrong = ("missing", "double_terminal") if verdict["faults"] else MUST_BE_0
    return not any(verdict[name] for name in wrong)


def _has_terminal(
    ledger: Ledger, travels: Mapping[tuple[str, int, int], list[str]], tracks: Iterable[tuple[str, int, int]]
) -> bool:
    return any(ledger.terminals.get(travel) for track in tracks for travel in travels.get(track, ()))


def _mis_sorted(parcel: Physical, lanes: Lanes) -> bool:
    if parcel.lane is None:
        return False
    obeyed, default = parcel.obeyed(), lanes.default[parcel.line]
    if obeyed is None:
        return parcel.lane != default
    allowed = set(obeyed["lanes"]) | ({default} if not obeyed["no_default"] else set())
    return parcel.lane not in allowed


def _escaped(ledger: Ledger, parcel: Known | None, name: str, found: Physical, lanes: Lanes) -> bool:
    if found.lane not in lanes.unsupervised:
        return False
    if parcel is None or parcel.advice is None:
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
    return bool(after) and name not in ledger.recalled


def _per_hour(ledger: Ledger) -> int:
    ends = [parcel.lane_at for parcel in ledger.physical.values() if parcel.lane is not None]
    if not ends:
        return 0
    took = max(ends) - min(parcel.inducted for parcel in ledger.physical.values())
    return round(len(ends) * 3_600_000 / took) if took > 0 else 0


def _inducted_per_hour(ledger: Ledger) -> int:
    starts = [parcel.inducted for parcel in ledger.physical.values()]
    took = max(starts) - min(starts) if len(starts) > 1 else 0
    return round((len(starts) - 1) * 3_600_000 / took) if took > 0 else 0


def _percentile(values: list[float], percent: int) -> float | None:
    if not values:
        return None
    return round(values[min(len(values) - 1, len(values) * percent // 100)], 3)
