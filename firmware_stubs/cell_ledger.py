"""The ledger of one cell: what really happened there, written from the belt and the stubs and never from what the other
side says. Its times are CLOCK_MONOTONIC in ms, so that other processes of the machine can compare them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from firmware_stubs.floor_lines import Line
from firmware_stubs.rides import Parcel, Ride, Told
from firmware_stubs.stub import CentreStub, HandStub, PlcStub
from firmware_stubs.whereabouts import Whereabouts

Record = Callable[[dict[str, Any]], None]

_REMEMBERED = 10_000  # tracks of a line whose parcel is still known, for DESTs that come after the drop


class CellLedger:
    """Writes, and counts what came and went. `place` is in each entry: the line, or the point."""

    def __init__(
        self, line: Line | None, place: dict[str, str], record: Record, whereabouts: Whereabouts, utc_offset_ms: float
    ) -> None:
        self.inducted = self.in_lanes = self.removed = 0
        self.gated: dict[str, deque[str]] = {}  # by scanner: whose each result will be
        self.news: list[tuple[str, Parcel, str, float]] = []  # announced, came, lane: for the centre and for desks
        self.watched: set[str] = set()  # lanes, what falls there is news
        self.on_carriers: Callable[[Ride], list[int]] = lambda ride: []
        self._line = line
        self._place = place
        self._record = record
        self._whereabouts = whereabouts
        self._utc_offset = utc_offset_ms
        self._parcels: dict[tuple[int, int], str] = {}  # by epoch and track

    def obeyed(self, plc: PlcStub, now: float) -> None:
        """What a PLC told and judged; `now` is outside."""
        for epoch, track, at in plc.sent_arrivals():
            self.write("arrived", max(at, now), epoch=epoch, track=track, parcel=self._parcel(epoch, track))
        for taken in plc.taken():
            self.write(
                "dest",
                taken.at,
                epoch=taken.epoch,
                track=taken.track,
                parcel=self._parcel(taken.epoch, taken.track),
                decision=taken.decision,
                reason=taken.reason,
                lanes=list(taken.lanes),
                if_none=taken.if_none,
                no_default=taken.no_default,
                refusal=taken.refusal,
            )

    def told(self, told: Told) -> None:
        """The belt says what happened."""
        if told.what == "struck":
            self._struck(told)
        elif told.ride:
            self._of_parcel(told, told.ride)
        elif told.what == "missed":
            self.write("missed", told.at, lane=told.place, track=told.track)
        elif told.what == "speed":
            self.write("speed", told.at, mm_s=told.mm_s)
        elif told.what == "bag":
            self.write("bag", told.at, lane=told.place, container=told.container, said=told.said)
        else:  # a lane is full, free or locked
            self.write(told.what, told.at, lane=told.place)

    def _of_parcel(self, told: Told, ride: Ride) -> None:
        name, what, line = ride.parcel.parcel, told.what, self._line
        if what == "reader":
            self.gated[told.place].extend(told.names)
        elif what == "falling":
            self._whereabouts.moved(name, "falling", told.place)
        elif what == "lane":
            transfer = line.transfers.get(told.place) if line else None
            more = {"leads_to": transfer.point} if transfer else {}
            self.in_lanes += not transfer
            self._whereabouts.moved(name, "lane", told.place)
            if told.place in self.watched:
                self.news.append((what, ride.parcel, told.place, told.at))
            fields = {"lane": told.place, "overfilled": told.overfilled, "container": told.container}
            self.write("lane", told.at, parcel=name, **fields, **more)
        else:  # an eye, or it came onto the belt
            self._remember(ride)
            if what != "eye":
                self._came_on(told, ride)

    def _came_on(self, told: Told, ride: Ride) -> None:
        parcel, came = ride.parcel, ride.came
        assert self._line is not None
        self._whereabouts.moved(parcel.parcel, "belt", self._line.name)
        fields: dict[str, Any] = {
            "parcel": parcel.parcel,
            "point": told.place,
            "epoch": ride.epoch,
            "track": ride.track,
        }
        if carriers := self.on_carriers(ride):
            fields["carriers"] = carriers
        if ride.leader:
            fields["touches"] = ride.leader.parcel.parcel
        if came:
            origin = {"lane": came.lane, "from_line": came.from_line}
            fields |= origin | {"from_epoch": came.epoch, "from_track": came.track}
        else:
            self.inducted += 1
            fields["utc_ms"] = round(told.at + self._utc_offset)
            fields["codes"] = [code.decode("latin-1") for code in parcel.codes]
            fields["length_mm"] = parcel.length_mm
            if parcel.goods:
                self.news.append(("came", parcel, "", told.at))
        self.write(told.what, told.at, **fields)

    def shown(self, parcel: Parcel, at: float, results: Mapping[str, int], mishaps: Mapping[str, str]) -> None:
        """The desk shows an item: so many results each reader will have, and that goes wrong at some."""
        for reader, count in results.items():
            self.gated[reader].extend([parcel.parcel] * count)
        if parcel.goods:
            self.news.append(("came", parcel, "", at))
        codes = [code.decode("latin-1") for code in parcel.codes]
        self.write("shown", at, parcel=parcel.parcel, utc_ms=round(at + self._utc_offset), codes=codes)
        for reader, mishap in mishaps.items():
            self.write("struck", at, mishap=mishap, place=reader, parcel=parcel.parcel)

    def hand_told(self, name: str, hand: HandStub) -> None:
        """What hands were told."""
        for one in hand.verdicts():
            code, whose = one.code.decode("latin-1"), {"reader": name, "device": one.device}
            self.write("told", one.at, **whose, code=code, verdict=one.verdict, words=one.words, local=one.local)

    def customs(self, centre: CentreStub) -> None:
        """What the centre said of parcels."""
        for parcel, status, at in centre.left():
            self.write("customs", at, parcel=parcel, status=status)

    def taken_off(self, parcel: str) -> None:
        """A parcel was taken off the belt by hand."""
        assert self._line is not None  # a belt has one
        self.removed += 1
        self._whereabouts.moved(parcel, "removed", self._line.name)

    def _struck(self, told: Told) -> None:
        """A mishap that was waiting for a parcel happened."""
        parcel = told.ride.parcel.parcel if told.ride else None
        self.write("struck", told.at, mishap=told.mishap, place=told.place, parcel=parcel)

    def _remember(self, ride: Ride) -> None:
        if ride.track is None or ride.leader:  # no eye saw it, or it was taken for a part of the one ahead
            return
        self._parcels.pop((ride.epoch, ride.track), None)
        self._parcels[ride.epoch, ride.track] = ride.parcel.parcel
        if len(self._parcels) > _REMEMBERED:
            del self._parcels[next(iter(self._parcels))]

    def _parcel(self, epoch: int, track: int) -> str | None:
        return self._parcels.get((epoch, track))

    def read(self, reader: str, text: bytes | None, now: float) -> None:
        """A scanner said something of what was at its gate, None = nothing."""
        said = None if text is None else text.decode("latin-1")
        self.write("read", now, reader=reader, parcel=self.gated[reader].popleft(), text=said)

    def write(self, what: str, at: float, **fields: Any) -> None:
        """An entry."""
        self._record({"what": what, "t": round(at, 3), **self._place, **fields})
