"""A cargo station: RFID portals in its doors and people with handhelds, all on the broker; no belt.

Units (bags, cages) carry an SSCC tag through a portal; each handheld scans one thing every 45 s.
"""

from __future__ import annotations

from firmware_stubs.floors._mixes import mix
from firmware_stubs.floors._sorter import machine
from firmware_stubs.floors._toml import Place, rows, section

PORTALS, ITEMS_A_UNIT = 6, 40
HANDS = {"unload": 16, "put": 8, "load": 12, "inspect": 4}
"""process -> handhelds that do it"""
SCAN_S = 45.0
"""from one scan of a handheld to its next"""


def figures(parcels_per_hour: int) -> list[tuple[str, str]]:
    """Its rows at the top of the file, for what the station passes."""
    units, hands = parcels_per_hour / ITEMS_A_UNIT, sum(HANDS.values())
    each = ", ".join(f"{count} {process}" for process, count in HANDS.items())
    return [
        ("passes", f"{parcels_per_hour:,} parcels/h in units of {ITEMS_A_UNIT}: {units:,.0f} units/h"),
        ("portals", f"{PORTALS}: at each a unit every {PORTALS * 3600 / units:.3g} s"),
        ("handhelds", f"{hands} ({each}), each a scan every {SCAN_S:g} s: {hands * 3600 / SCAN_S:,.0f}/h"),
    ]


def text(place: Place, parcels_per_hour: int) -> str:
    """All tables of the station but the keys of its node."""
    portals = {f"PORTAL-{number}": f"portal-{number}" for number in range(1, PORTALS + 1)}
    hands = {process.upper(): process for process in HANDS}
    text = rows("point", {name: {"kind": "presence"} for name in (*portals, *hands)})
    for name, device in portals.items():
        base = {"base": f"floorsim/{place.site}/{device}", "outside": [1, 2], "inside": [3, 4]}
        text += machine("scanner", device, "zebra_fx", place.mqtt(), {"point": name}, base,
                        floord={"epc_prefix": ["31"], "heartbeat_s": 180})  # fmt: skip
    for name, process in hands.items():
        devices = [f"HT-{process[:2].upper()}-{number:02}" for number in range(1, HANDS[process] + 1)]
        text += machine("scanner", f"hands-{process}", "mqtt_scan", place.mqtt(), {"point": name},
                        {"base": f"floorsim/{place.site}/{process}"},
                        stub={"devices": devices, "process": process, "station": "CARGO"})  # fmt: skip
    every = PORTALS * 3600 / (parcels_per_hour / ITEMS_A_UNIT)
    for name in portals:
        text += section(f"desk.{name}", mix="units", every_s=round(every, 2))
    for name, process in hands.items():
        text += section(f"desk.{name}", mix="hands", every_s=round(SCAN_S / HANDS[process], 3))
    return (
        text
        + mix("units", polybag=0, box=0, heavy=0, nonconveyable=0, bag=85, cage=15, labels={"sscc": 1}, codes=[0, 1])
        + mix("hands", codes=[1, 99])
    )
