"""What stands along a belt and notices parcels: eyes, scales and readers.

The eye of a decision point sees all that passes, and so does that of an induction in the course of a line; on a loop
an induction's eye sees what comes onto the belt there and nothing else. Parcels that touch are one long item to an eye
and on a scale, and a reader sees the codes of both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from firmware_stubs.carriers import Carriers
from firmware_stubs.floor_lines import Line, Scale
from firmware_stubs.motion import Motion
from firmware_stubs.readers import Mishap, Reader, seen
from firmware_stubs.rides import Ride, Rides, Told
from firmware_stubs.spells import Spell, struck
from firmware_stubs.stub import Measures, PlcStub

BOUNCE_MS = 20.0  # from an eye's edge to the second one, when it bounces


@dataclass(slots=True)
class Eye:
    """What is wrong with the eye of a point."""

    blind: bool = False
    stuck: bool = False  # it sees something all the time, so it sees nobody come
    bounces: int = 0  # so many of its next edges come twice
    spells: list[Spell] = field(default_factory=list)  # in which edges come twice


@dataclass(frozen=True, slots=True)
class Station:
    """What a front edge does at a place."""

    mm: float
    act: Callable[[Ride, float], None]
    reader: Reader | None = None


class Senses:
    """All that one line sees of its parcels."""

    def __init__(
        self,
        line: Line,
        plc: PlcStub,
        readers: Iterable[Reader],
        tell: Callable[[Told], None],
        after: Callable[[float, Callable[[float], None]], None],
        approaching: Callable[[Reader], None],
        around: tuple[Motion, Rides, Carriers | None],
    ) -> None:
        self.eyes = {name: Eye() for name, at in line.points.items() if at.decision or at.induction}
        self.readers = {reader.name: reader for reader in readers}
        self._line = line
        self._plc = plc
        self._tell = tell
        self._after = after
        self._approaching = approaching
        self._motion, self._rides, self._carriers = around
        self._records = itertools.count(1)

    def stations(self) -> list[Station]:
        """Where a front edge does something; at one place eyes come first, then scales, then readers."""
        line, points = self._line, self._line.points
        seen = [name for name, at in points.items() if at.decision or (at.induction and at.mm and not line.loop)]
        stations = [Station(points[name].mm, partial(self._eye, name)) for name in seen]
        stations += [Station(points[scale.point].mm, partial(self._weigh, scale)) for scale in line.scales.values()]
        stations += [Station(reader.mm, partial(self._read, reader), reader) for reader in self.readers.values()]
        return sorted(stations, key=lambda station: station.mm)

    def come_on(self, ride: Ride, at: float) -> None:
        """A parcel comes onto the belt: its front edge, or that of the one it touches, is at the eye there."""
        if ride.leader:
            ride.track, ride.epoch = ride.leader.track, ride.leader.epoch
        else:
            self._edge(ride.point, ride, at)
        self._tell(Told("handed_over" if ride.came else "inducted", at, ride, ride.point))

    def read_early(self, reader: Reader, ride: Ride, at: float) -> None:
        """A reader says a parcel's codes before its time."""
        self._show(reader, ride, at, reader.mishaps.popleft())

    def on_carriers(self, ride: Ride) -> list[int]:
        """The carriers under a parcel and under those that touch it; none where there are none."""
        length = sum(item.parcel.length_mm for item in ride.chain())
        return self._carriers.under(ride.origin, length) if self._carriers else []

    def _eye(self, point: str, ride: Ride, at: float) -> None:
        if ride.coming_on and point == ride.point:
            ride.coming_on = False
        elif not ride.leader:
            self._edge(point, ride, at)
            self._tell(Told("eye", at, ride, point))

    def _edge(self, point: str, ride: Ride, at: float) -> None:
        """The PLC is told an edge and learns of an item, unless the eye is blind."""
        eye = self.eyes[point]
        ride.epoch = self._plc.epoch
        if eye.blind or eye.stuck:
            self._tell(Told("struck", at, ride, point, mishap="eye_blind" if eye.blind else "eye_stuck"))
            return
        length = sum(item.parcel.length_mm for item in ride.chain())
        ride.track = self._tell_plc(point, length, ride, at) or ride.track
        for follower in ride.chain()[1:]:
            follower.track, follower.epoch = ride.track, ride.epoch
        if eye.bounces or struck(eye.spells):
            eye.bounces -= bool(eye.bounces)
            self._tell(Told("struck", at, ride, point, mishap="eye_bounce"))
            again = partial(self._plc.edge, point, length)
            self._after(at + BOUNCE_MS, partial(self._bounce, again, self._carriers_told(ride)))

    def _bounce(self, edge: Callable[..., int], carriers: tuple[int, ...], at: float) -> None:
        edge(at, *carriers)

    def _tell_plc(self, point: str, length: int, ride: Ride, at: float) -> int:
        came, carriers = ride.came, self._carriers_told(ride)
        if came and came.track and point == ride.point and ride.track is None:
            return self._plc.handed_over(point, length, came.from_line, came.epoch, came.track, at, *carriers)
        return self._plc.edge(point, length, at, *carriers)

    def _carriers_told(self, ride: Ride) -> tuple[int, ...]:
        """The first one and how many, as far as the PLC can say it."""
        carriers = self.on_carriers(ride)
        return (carriers[0], min(9, len(carriers))) if carriers else ()

    def _weigh(self, scale: Scale, ride: Ride, at: float) -> None:
        if ride.leader or not ride.track:
            return
        measures = _measures(ride, scale.weight_status, scale.size_status, f"{next(self._records):08}")
        self._plc.measured(scale.point, ride.track, measures, at)

    def _read(self, reader: Reader, ride: Ride, at: float) -> None:
        if not ride.leader:
            self._show(reader, ride, at, reader.strike())

    def _show(self, reader: Reader, ride: Ride, at: float, mishap: Mishap | None) -> None:
        kind = mishap.kind if mishap else ""
        codes, names = seen(ride, kind, self._rides.behind)
        told = Told("reader", at, ride, reader.name, names=names)
        if mishap:
            self._tell(Told("struck", at, ride, reader.name, mishap=kind))
            if reader.lead_ms:
                self._approaching(reader)
        carriers = self.on_carriers(ride) if reader.by_carrier else []
        index = carriers[0] if carriers else ride.track or 0
        encoder = int(self._motion.reading(at) * 1000 / self._line.encoder_um + 1e-6)
        say = partial(self._say, reader, codes, told, index, encoder)
        if mishap and kind == "late":
            self._after(at + mishap.ms, say)
            return
        say(at)
        if kind == "double":
            say(at)

    def _say(self, reader: Reader, codes: list[bytes], told: Told, index: int, encoder: int, at: float) -> None:
        if reader.dead:
            return
        self._tell(told)
        if reader.measure and told.ride:
            reader.measure(_measures(told.ride, "A", "A", ""), at)
        reader.scanner.gate(codes, at, index, encoder)


def _measures(ride: Ride, weight_status: str, size_status: str, record_id: str) -> Measures:
    """What an item weighs and how large it is, with all that touches it; zeros where the status is an error."""
    items = [item.parcel for item in ride.chain()]
    weight, size = weight_status != "E", size_status != "E"
    return Measures(
        grams=sum(item.weight_g for item in items) if weight else 0,
        weight_status=weight_status,
        record_id=record_id,
        length_mm=sum(item.length_mm for item in items) if size else 0,
        width_mm=max(item.width_mm for item in items) if size else 0,
        height_mm=max(item.height_mm for item in items) if size else 0,
        size_status=size_status,
    )
