"""A line's PLC stub from its section of the floor file."""

from __future__ import annotations

from typing import cast

from firmware_stubs.floor_file import StubSection
from firmware_stubs.floor_lines import Line
from firmware_stubs.sections import FloorError
from firmware_stubs.stub import PlcStub


def make_plc(section: StubSection, line: Line, seed: int, now: float) -> PlcStub:
    """The stub with the line's geometry. Raises FloorError."""
    loop = {"kind": "loop", "carriers": line.carriers} if line.loop else {}
    try:
        geometry = section.module.Geometry(
            points={name: point.mm for name, point in line.points.items()},
            inductions=tuple(name for name, point in line.points.items() if point.induction),
            decisions=tuple(name for name, point in line.points.items() if point.decision),
            lanes=dict(line.lanes),
            default_lane=line.default_lane,
            speed_mm_s=line.speed_mm_s,
            length_mm=line.length_mm,
            encoder_um=line.encoder_um,
            **loop,
        )
    except ValueError as error:
        raise FloorError(f"[line.{line.name}]: {error}") from error
    try:
        return cast(PlcStub, section.module.Plc(section.settings, geometry, seed, now))
    except ValueError as error:
        raise FloorError(f"[stub.{section.name}] {error}") from error
