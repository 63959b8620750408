"""`old-cell`: an old sorting cell, whose one cable is a serial line at 9,600 baud.

20 m at 1.2 m/s = 16.7 s from end to end; 3,600 parcels/h = 1/s, one every 1,200 mm. 6 chutes. The scanner hangs on the
PLC, whose codes come in ARRV; that there was none, and what does not fit, comes by CODE. 9,600 baud are 960
characters/s. A parcel's INDU, ARRV with a code of 13 characters, and DIVC, with their answers, are 72 + 37 + 101 + 37 +
81 + 37 = 365 characters = 380 ms of the second that it has.
"""

from __future__ import annotations

from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head, section

TITLE = "an old cell: 6 chutes, a PLC at 9,600 baud, the scanner hangs on the PLC"
FLOORS = ("floor.toml",)
BAUD, A_PARCEL = 9600, 365
NEAR = {"DE": 30, "FR": 25, "BE": 20, "NL": 15, "LU": 10}
"""country -> percent of what comes here"""

C1 = Sorter(
    name="C1",
    speed_mm_s=1200,
    length_mm=20_000,
    parcels_per_hour=3600,
    reads_mm=1200,
    decides_mm=2400,
    chutes=6,
    first_mm=6000,
    step_mm=2000,
    bond_mm=17_500,
    end_mm=19_500,
)


def texts(place: Place) -> dict[str, str]:
    """The floor file and its sort plan."""
    sorted_ = destinations(C1.chutes, NEAR)
    chutes = {one.name: [lane] for one, lane in zip(sorted_, C1.names, strict=True)}
    share = A_PARCEL / (BAUD / 10) * C1.parcels_per_hour / 3600
    wire = (
        "wire",
        f"{BAUD:,} baud = {BAUD // 10} characters/s; a parcel's events with their answers are {A_PARCEL}: {share:.0%}",
    )
    text = head(f"old-cell: {TITLE}", [*figures(C1, sorted_), wire], starting("floor.toml", place))
    text += node(place, "old-cell") + C1.text("import")
    text += section("reader.C1-T", point="C1-T1")
    text += machine("plc", "plc-1", "telegram", place.serial("plc-1", BAUD), {"line": "C1"},
                    {"plc": "PLC1", "controller": "HUB", "baud": BAUD})  # fmt: skip
    return {
        "floor.toml": text + mix("import", NEAR) + centre(place),
        "plan.toml": plan("old-cell", {**chutes, **C1.special()}, sorted_),
    }
