"""`loop-400`: one large loop.

400 m at 2.5 m/s = a lap of 160 s. 666 carriers, pitch 400 / 666 = 0.6 m, of which 2.5 / 0.6 = 4.16/s = 14,985/h pass.
11,000 parcels/h over 4 inductions = 0.764/s each: 73 % of the carriers when each parcel takes one; a parcel longer than
0.6 m takes two. All inductions lie ahead of the tunnel and of the 120 chutes, so all parcels pass the tunnel at once.
"""

from __future__ import annotations

from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head

TITLE = "a loop of 400 m: 666 carriers, 4 inductions, 120 chutes, a PLC on TCP"
FLOORS = ("floor.toml",)
PORT = 15_031

O1 = Sorter(
    name="O1",
    speed_mm_s=2500,
    length_mm=400_000,
    carriers=666,
    parcels_per_hour=11_000,
    gap_mm=100,
    inductions=(0, 3000, 6000, 9000),
    reads_mm=14_000,
    decides_mm=18_000,
    chutes=120,
    first_mm=30_000,
    step_mm=3000,
    bond_mm=391_000,
    end_mm=396_000,
    line={"load_max": 630, "laps_max": 3},
)


def texts(place: Place) -> dict[str, str]:
    """The floor file and its sort plan."""
    sorted_ = destinations(O1.chutes)
    chutes = {one.name: [lane] for one, lane in zip(sorted_, O1.names, strict=True)}
    text = head(f"loop-400: {TITLE}", figures(O1, sorted_), starting("floor.toml", place))
    text += node(place, "loop-400") + O1.text("import")
    both = {"separator": "\x1e", "local_no_read": "\x15", "index_digits": 6}
    text += machine("scanner", "tunnel-1", "datalogic", place.serial("tunnel-1"), {"point": "O1-T1"}, both,
                    floord={"match": "carrier"}, stub={"index": "carrier"})  # fmt: skip
    text += machine("plc", "plc-1", "telegram", place.tcp(PORT), {"line": "O1"}, {"plc": "PLC1", "controller": "HUB"})
    return {
        "floor.toml": text + mix("import") + centre(place),
        "plan.toml": plan("loop-400", {**chutes, **O1.special()}, sorted_),
    }
