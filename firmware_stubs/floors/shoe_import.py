"""`shoe-import`: a shoe sorter for imports.

Cartons of 610 mm follow at 152 mm, a pitch of 762 mm. At 1.83 m/s that is 1,830 / 762 = 2.40/s = 8,640 parcels/h, all
that the belt carries of such cartons; of shorter ones it would carry more. 24 chutes, from 11 m on one each 1.2 m. The
tunnel weighs and measures, too.
"""

from __future__ import annotations

from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head

TITLE = "a shoe sorter for imports: 24 chutes, code, weight and size in one tunnel, Modbus on TCP"
FLOORS = ("floor.toml",)
CARTON_MM, GAP_MM, PORT = 610, 152, 15_021

H1 = Sorter(
    name="H1",
    speed_mm_s=1830,
    length_mm=46_000,
    parcels_per_hour=8640,
    gap_mm=GAP_MM,
    reads_mm=3500,
    decides_mm=6000,
    chutes=24,
    first_mm=11_000,
    step_mm=1200,
    bond_mm=41_000,
    end_mm=45_000,
)


def texts(place: Place) -> dict[str, str]:
    """The floor file and its sort plan."""
    sorted_ = destinations(H1.chutes)
    chutes = {one.name: [lane] for one, lane in zip(sorted_, H1.names, strict=True)}
    pitch = CARTON_MM + GAP_MM
    most = H1.speed_mm_s / pitch
    rows = [
        ("pitch", f"{CARTON_MM} + {GAP_MM} = {pitch} mm: {most:.2f}/s = {most * 3600:,.0f} of such cartons/h at most")
    ]
    text = head(f"shoe-import: {TITLE}", figures(H1, sorted_) + rows, starting("floor.toml", place))
    text += node(place, "shoe-import") + H1.text("import")
    text += machine("scanner", "dws-1", "mda", place.serial("dws-1"), {"point": "H1-T1"}, floord={"window_mm": 200})
    numbers = {name: number for number, name in enumerate(H1.places, 2)}
    text += machine("plc", "plc-1", "modbus", place.tcp(PORT), {"line": "H1"}, {"numbers": numbers})
    return {
        "floor.toml": text + mix("import", imports=1.0) + centre(place),
        "plan.toml": plan("shoe-import", {**chutes, **H1.special()}, sorted_),
    }
