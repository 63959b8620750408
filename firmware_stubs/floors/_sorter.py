"""The tables of one sorter: belt, points, lanes, inductions; and of a machine, as both programs read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_stubs.floors._toml import Place, Row, rows, section

Settings = Mapping[str, object]
NONE: Settings = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorter:
    """One line or loop; lengths in mm, positions from its start. Chute `n` is at `first_mm + (n - 1) * step_mm`.

    `carriers` above 0 = a loop. `inductions`: where parcels come on. Bond and end are the supervised lanes that the
    plan calls BOND and EXCEPTION; the end is the PLC's default lane.
    """

    name: str
    speed_mm_s: int
    length_mm: int
    parcels_per_hour: int  # that come onto it, over all inductions
    gap_mm: int = 150
    inductions: tuple[int, ...] = (0,)
    reads_mm: int
    decides_mm: int
    chutes: int
    first_mm: int
    step_mm: int
    bond_mm: int
    end_mm: int
    carriers: int = 0
    line: Settings = field(default_factory=dict)  # more keys of [line]
    lane: Settings = field(default_factory=dict)  # and of each chute's [lane]
    lanes: Mapping[str, Row] = field(default_factory=dict)  # further lanes, without their line

    @property
    def names(self) -> list[str]:
        """Its chutes."""
        wide = 3 if self.chutes > 99 else 2
        return [f"{self.name}-L{number:0{wide}}" for number in range(1, self.chutes + 1)]

    @property
    def bond(self) -> str:
        """The lane of what customs holds."""
        return f"{self.name}-BOND"

    @property
    def end(self) -> str:
        """The exception lane."""
        return f"{self.name}-EX"

    @property
    def places(self) -> list[str]:
        """Every point and lane, as the PLC may have to number them."""
        return [*self._points(), *self._lanes()]

    @property
    def per_induction_s(self) -> float:
        """Parcels a second at each of its inductions."""
        return round(self.parcels_per_hour / 3600 / len(self.inductions), 4)

    def special(self) -> dict[str, list[str]]:
        """The lanes of BOND and EXCEPTION in the sort plan."""
        return {"BOND": [self.bond, self.end], "EXCEPTION": [self.end]}

    def text(self, mix: str) -> str:
        """All tables but those of its machines; `mix` is what comes onto it."""
        kind = {"kind": "loop", "carriers": self.carriers} if self.carriers else {"kind": "line"}
        text = section(f"line.{self.name}", **kind, speed_mm_s=self.speed_mm_s, length_mm=self.length_mm,
                       default_lane=self.end, **self.line)  # fmt: skip
        text += rows("point", self._points()) + rows("lane", self._lanes())
        text += section(f"belt.{self.name}", seed=1, restart_s=10)
        points = self._induction_points()
        for number, point in enumerate(points, 1):
            name = self.name if len(points) == 1 else f"{self.name}-I{number}"
            text += section(f"induction.{name}", point=point, gap_mm=self.gap_mm, rate_per_s=self.per_induction_s,
                            mix=mix)  # fmt: skip
        return text

    def _induction_points(self) -> list[str]:
        if len(self.inductions) == 1:
            return [f"{self.name}-IND"]
        return [f"{self.name}-IND{number}" for number in range(1, len(self.inductions) + 1)]

    def _points(self) -> dict[str, dict[str, Any]]:
        on = {"line": self.name}
        points: dict[str, dict[str, Any]] = {
            name: {**on, "position_mm": mm, "induction": True}
            for name, mm in zip(self._induction_points(), self.inductions, strict=True)
        }
        points[f"{self.name}-T1"] = {**on, "position_mm": self.reads_mm}
        points[f"{self.name}-DEC"] = {**on, "position_mm": self.decides_mm, "decision": True}
        return points

    def _lanes(self) -> dict[str, dict[str, Any]]:
        on = {"line": self.name}
        lanes: dict[str, dict[str, Any]] = {
            name: {**on, "position_mm": self.first_mm + number * self.step_mm, **self.lane}
            for number, name in enumerate(self.names)
        }
        lanes |= {name: {**on, **row} for name, row in self.lanes.items()}
        lanes[self.bond] = {**on, "position_mm": self.bond_mm, "supervised": True}
        roles = ["exception"] if any("overflow" in str(row.get("roles")) for row in self.lanes.values()) else None
        lanes[self.end] = {**on, "position_mm": self.end_mm, "supervised": True,
                           "roles": roles or ["exception", "overflow"]}  # fmt: skip
        return lanes


def node(place: Place, name: str, *, plan: str = "plan.toml", state: str = "state", **more: object) -> str:
    """The keys of the whole node, and its broker."""
    text = f'site = "{place.site}"\nnode = "{name}"\nmode = "simulated"\nstate_dir = "{state}"\nplan = "{plan}"\n'
    text += 'time_zone = "Europe/Brussels"\n'
    return text + section("broker", url=place.broker) + section("customs", stale_s=60, **more)


def machine(
    table: str,
    name: str,
    kind: str,
    links: tuple[str, str],
    at: Settings,
    both: Settings = NONE,
    *,
    floord: Settings = NONE,
    stub: Settings = NONE,
) -> str:
    """A machine twice: what floord is told of it, and its stub. `at`: point or line; `both`: settings they share."""
    text = section(f"{table}.{name}", kind=kind, link=links[0], **at, **both, **floord)
    return text + section(f"stub.{name}", kind=kind, link=links[1], **at, **both, **stub)
