"""`wheel-30`: one wheel line.

30 m at 1.5 m/s = 20 s from end to end. 5,000 parcels/h = 1.389/s, so one every 1,080 mm on average; the belt could
carry 1,500 / (350 + 150) = 3/s of parcels of 350 mm at a gap of 150 mm. 12 chutes, from 7.5 m on one each 1.5 m. From
the decision eye at 3 m to the first gate are 4.5 m = 3 s.
"""

from __future__ import annotations

from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head

TITLE = "a wheel line of 30 m: 12 chutes, one tunnel, one PLC on a serial line"
FLOORS = ("floor.toml",)

W1 = Sorter(
    name="W1",
    speed_mm_s=1500,
    length_mm=30_000,
    parcels_per_hour=5000,
    reads_mm=1500,
    decides_mm=3000,
    chutes=12,
    first_mm=7500,
    step_mm=1500,
    bond_mm=26_000,
    end_mm=29_000,
)


def texts(place: Place) -> dict[str, str]:
    """The floor file and its sort plan."""
    sorted_ = destinations(W1.chutes)
    chutes = {one.name: [lane] for one, lane in zip(sorted_, W1.names, strict=True)}
    text = head(f"wheel-30: {TITLE}", figures(W1, sorted_), starting("floor.toml", place))
    text += node(place, "wheel-30") + W1.text("import")
    text += machine("scanner", "tunnel-1", "sick_cola", place.serial("tunnel-1", 57_600), {"point": "W1-T1"},
                    {"heartbeat": "HB"}, floord={"window_mm": 200, "heartbeat_s": 25},
                    stub={"heartbeat_s": 10})  # fmt: skip
    text += machine(
        "plc", "plc-1", "telegram", place.serial("plc-1"), {"line": "W1"}, {"plc": "PLC1", "controller": "HUB"}
    )
    return {
        "floor.toml": text + mix("import") + centre(place),
        "plan.toml": plan("wheel-30", {**chutes, **W1.special()}, sorted_),
    }
