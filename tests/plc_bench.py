"""A telegram PLC of a short line in a session with a scripted controller, for tests of the stub."""

from __future__ import annotations

from firmware_stubs.plcs.telegram import Geometry, Plc, Settings
from tests.scripted_hub import Hub, Said

LINE = Geometry(
    points={"IND": 0, "EYE": 500, "DEC": 1000},
    inductions=frozenset({"IND"}),
    decisions=frozenset({"DEC"}),
    lanes={"L01": 3000, "L02": 4000, "EX": 6000},
    default_lane="EX",
    speed_mm_s=1000,
    length_mm=6500,
)
# At 1 mm a ms an item inducted at t is at DEC at t + 1000, at the gate of L01 at t + 3000; it is decided 50 ms earlier.


def new(geometry: Geometry = LINE, **settings: object) -> Plc:
    return Plc(Settings(plc="PLC1", controller="HUB", **settings), geometry, seed=1, now=0.0)  # type: ignore[arg-type]


def session(geometry: Geometry = LINE, **settings: object) -> tuple[Plc, Hub]:
    plc = new(geometry, **settings)
    hub = Hub(plc)
    hub.start(0.0)
    return plc, hub


def kinds(said: list[Said]) -> list[str]:
    return [one.kind for one in said]


def arrived(plc: Plc, hub: Hub, at: float = 1000.0) -> int:
    """An item stands at DEC at this time and the hub knows."""
    plc.edge("IND", 300, at - 1000)
    hub.listen(at - 1000)
    track = plc.edge("DEC", 300, at)
    hub.listen(at)
    return track


def arrived_two(plc: Plc, hub: Hub) -> tuple[int, int]:
    """Two items at DEC, at 1000 and at 1400."""
    first = plc.edge("IND", 300, 0.0)
    second = plc.edge("IND", 300, 400.0)
    assert plc.edge("DEC", 300, 1000.0) == first
    assert plc.edge("DEC", 300, 1400.0) == second
    hub.listen(1400.0)
    return first, second


def divc(plc: Plc, hub: Hub, now: float) -> Said:
    """The DIVC in what the PLC says now, through a new session if the long way there lost the old one."""
    plc.tick(now)
    said = hub.listen(now) if plc.in_session else hub.start(now)
    (found,) = [one for one in said if one.kind == "DIVC"]
    return found
