"""A simulated floor with PLCs that follow a rule instead of a controller, and note all that they are told."""

from __future__ import annotations

import copy
import dataclasses
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from firmware_stubs import floor_file
from firmware_stubs.rides import Parcel
from firmware_stubs.stub import GateCommand, Measures, Quiet, Taken
from firmware_stubs.world import World

Route = Callable[[str, int], str]  # decision point and track -> lane, empty = none


@dataclass(frozen=True)
class Geometry:
    points: dict[str, int]
    inductions: tuple[str, ...]
    decisions: tuple[str, ...]
    lanes: dict[str, int]
    default_lane: str
    speed_mm_s: int
    length_mm: int
    kind: str = "line"
    carriers: int = 0
    encoder_um: int = 1000


@dataclass
class Plc(Quiet):
    """At a decision point it takes the lane that its rule names, and fires after what the belt needs at that speed."""

    geometry: Geometry
    route: Route
    inhibited: frozenset[str] = frozenset()
    stop_wanted: bool = False
    epoch: int = 1
    in_session: bool = True
    told: list[tuple[Any, ...]] = field(default_factory=list)
    _fired: list[GateCommand] = field(default_factory=list)
    _speed: int = 0
    _tracks: int = 0
    _near: dict[tuple[int, int], int] = field(default_factory=dict)

    def edge(self, point: str, length: int, now: float, carrier: int = 0, carriers: int = 1) -> int:
        self._tracks += 1
        self.told.append(("edge", point, length, now, carrier, carriers))
        if point in self.geometry.decisions and self._speed and (lane := self.route(point, self._tracks)):
            way = self.geometry.lanes[lane] - self.geometry.points[point]
            if self.geometry.kind == "loop":
                way %= self.geometry.length_mm
            self._fired.append(GateCommand(lane, self._tracks, now + way * 1000 / self._speed))
        return self._tracks

    def handed_over(
        self,
        point: str,
        length: int,
        from_line: str,
        epoch: int,
        track: int,
        now: float,
        carrier: int = 0,
        carriers: int = 1,
    ) -> int:
        self._tracks += 1
        self.told.append(("handed_over", point, length, from_line, epoch, track, carrier, carriers, now))
        return self._tracks

    def measured(self, point: str, track: int, measures: Measures, now: float) -> None:
        self.told.append(("measured", point, track, measures, now))

    def button(self, lane: str, button: str, now: float) -> None:
        self.told.append(("button", lane, button, now))

    def read(self, point: str, track: int, codes: Sequence[bytes], now: float) -> None:
        self.told.append(("read", point, track, tuple(codes), now))

    def container(self, lane: str, code: bytes, now: float, *, unlabelled: bool = False) -> None:
        self.told.append(("unlabelled" if unlabelled else "container", lane, code, now))

    def eye(self, point: str, covered: bool, now: float) -> None:
        self.told.append(("eye", point, covered, now))

    def line_state(self, state: str, now: float) -> None:
        self.told.append(("line_state", state, now))

    def removed(self, track: int, now: float) -> None:
        self.told.append(("removed", track, now))

    def power_cycle(self, now: float, retentive: bool | None = None) -> None:
        self.told.append(("power_cycle", retentive, now))

    def gates(self, now: float) -> list[GateCommand]:
        fired = [command for command in self._fired if command.at <= now]
        self._fired = [command for command in self._fired if command.at > now]
        return fired

    def lane_eye(self, lane: str, now: float) -> None:
        self.told.append(("lane_eye", lane, now))

    def lane_state(self, lane: str, state: str, now: float) -> None:
        self.told.append(("lane_state", lane, state, now))

    def belt_speed(self, mm_s: int, now: float) -> None:
        self._speed = mm_s
        self.told.append(("belt_speed", mm_s, now))

    def taken(self) -> list[Taken]:
        return []

    def sent_arrivals(self) -> list[tuple[int, int, float]]:
        return []

    def feed(self, data: bytes, now: float) -> None: ...

    def tick(self, now: float) -> None: ...

    def next_at(self) -> float | None:
        return min((command.at for command in self._fired), default=None)

    def take(self) -> bytes:
        return b""


class Bench:
    """A world with such PLCs; time goes from event to event."""

    def __init__(
        self,
        document: dict[str, Any],
        route: Route = lambda point, track: "",
        seed: int = 1,
        parcels: int | None = None,
    ) -> None:
        self.plcs: dict[str, Plc] = {}
        self.ledger: list[dict[str, Any]] = []
        self.now = 0.0

        def plc(settings: Any, geometry: Geometry, seed: int, now: float) -> Plc:
            return self.plcs.setdefault(geometry.default_lane[:2], Plc(geometry, route))

        module = types.ModuleType("a PLC that follows a rule")
        module.__dict__.update(Geometry=Geometry, Plc=plc)
        floor = floor_file.read(document)
        stubs = [dataclasses.replace(one, module=module) if one.family == "plc" else one for one in floor.stubs]
        floor = dataclasses.replace(floor, stubs=tuple(stubs))
        self.world = World(floor, self.ledger.append, seed=seed, now=0.0, utc_offset_ms=0.0, parcels=parcels)

    def give(self, *names: str, line: str = "S1", length: int = 300, induction: str = "", wait: bool = False) -> None:
        """They wait at an induction; `wait`: it does not begin yet."""
        for name in names:
            codes = (f"C-{name}".encode(),)
            self.world.add(Parcel(name, line, codes, length, 900, induction=induction), self.now)
        if not wait:
            self.world.release(self.now)

    def run(self, until: float = 1e9) -> None:
        for _ in range(200_000):
            at = self.world.next_at()
            if at is None or at > until:
                break
            self.now = at
            self.world.advance(at)
        else:
            raise AssertionError("the floor never comes to rest")
        self.now = min(until, 1e8) if until < 1e9 else self.now
        self.world.advance(self.now)

    def of(self, what: str, *keys: str) -> list[Any]:
        """Entries of the ledger, or what stands in them under these keys."""
        found = [entry for entry in self.ledger if entry["what"] == what]
        return [tuple(entry[key] for key in keys) for entry in found] if keys else found

    def told(self, what: str, line: str = "S1") -> list[tuple[Any, ...]]:
        """What a line's PLC was told."""
        return [told[1:] for told in self.plcs[line].told if told[0] == what]

    def lanes(self) -> dict[str, str]:
        return dict(self.of("lane", "parcel", "lane"))


def line(name: str, length: int, lanes: dict[str, int], **more: Any) -> dict[str, Any]:
    """The tables of a line: induction at 0, reader at 1200, decision point at 2000; its lanes begin with its name."""
    loop = {"kind": "loop", "carriers": more.pop("carriers", 0)} if more.pop("loop", False) else {}
    return {
        "line": {
            name: {"speed_mm_s": 2500, "length_mm": length, "default_lane": f"{name}-{next(reversed(lanes))}"} | loop
        },
        "point": {
            f"{name}-IND": {"line": name, "position_mm": 0, "induction": True},
            f"{name}-T1": {"line": name, "position_mm": 1200},
            f"{name}-DEC": {"line": name, "position_mm": 2000, "decision": True},
        },
        "lane": {f"{name}-{lane}": {"line": name, "position_mm": mm} for lane, mm in lanes.items()},
        "induction": {name: {"point": f"{name}-IND", "rate_per_s": more.pop("rate", 5.0)}},
        "stub": {
            f"tunnel-{name}": {"kind": "line", "link": f"pty:///t/{name}", "point": f"{name}-T1"},
            f"plc-{name}": {"kind": "telegram", "link": f"pty:///p/{name}", "line": name}
            | {"plc": name, "controller": "HUB"},
        },
    }


def floor(*lines: dict[str, Any]) -> dict[str, Any]:
    """Several lines' tables as one document."""
    document: dict[str, Any] = {}
    for tables in lines:
        for table, sections in tables.items():
            document.setdefault(table, {}).update(copy.deepcopy(sections))
    return document


S1 = line("S1", 10_000, {"L1": 5000, "L2": 6000, "EX": 9000})
