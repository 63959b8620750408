"""`cargo-station`: where units come from the aircraft and go to it.

A day of 8,000 parcels/h in units of 40 = 200 units/h, through 6 RFID portals: at each one every 108 s. 40 handhelds
(16 unload, 8 put, 12 load, 4 inspect) scan one thing each 45 s = 3,200/h. A desk measures one piece every 20 s.
"""

from __future__ import annotations

from firmware_stubs.floors import _cargo
from firmware_stubs.floors._figures import starting
from firmware_stubs.floors._mixes import centre
from firmware_stubs.floors._sorter import machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head, section

TITLE = "a cargo station without belts: 6 RFID portals, 40 handhelds, a desk that weighs and measures"
FLOORS = ("floor.toml",)
PARCELS_PER_HOUR = 8000
DESK_S = 20


def texts(place: Place) -> dict[str, str]:
    """The floor file and its sort plan."""
    figures = [*_cargo.figures(PARCELS_PER_HOUR), ("desk", f"a piece every {DESK_S} s = {3600 // DESK_S}/h")]
    text = head(f"cargo-station: {TITLE}", figures, starting("floor.toml", place)) + node(place, "cargo-station")
    text += _cargo.text(place, PARCELS_PER_HOUR)
    text += section("point.DIM", kind="presence") + section("desk.DIM", mix="hands", every_s=DESK_S)
    text += machine("scanner", "dim-1", "cubiscan", place.serial("dim-1", 9600), {"point": "DIM"},
                    stub={"gate_measure": True})  # fmt: skip
    return {"floor.toml": text + centre(place), "plan.toml": plan("cargo-station", {}, destinations(30))}
