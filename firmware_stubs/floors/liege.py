"""`liege`: a hub such as the one at Liège airport, as three nodes: two sorters and the cargo station.

Peak 20,000 parcels/h in all, 85 % imports, customs holds 2 % of them. Each sorter is a loop of 312 m at 2.5 m/s: a lap
is 124.8 s. Of its 520 carriers, pitch 0.6 m, 15,000 pass an hour. It gets 10,000 parcels/h over 3 inductions = 0.926/s
each: 67 % of the carriers. Both have 110 chutes, one for each destination, so any induction takes any parcel. In the
cargo station 20,000 parcels/h are 500 units of 40 an hour, through 6 portals: at each one every 43.2 s; 40 handhelds.
"""

from __future__ import annotations

from firmware_stubs.floors import _cargo
from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head

TITLE = "a hub in three nodes: two loops with 110 chutes each, a cargo station with RFID and handhelds"
FLOORS = ("sorter-1.toml", "sorter-2.toml", "cargo.toml")
PARCELS_PER_HOUR, DESTINATIONS = 20_000, 110
PORT = 15_041


def sorter(name: str) -> Sorter:
    """One of the two loops."""
    return Sorter(
        name=name,
        speed_mm_s=2500,
        length_mm=312_000,
        carriers=520,
        parcels_per_hour=PARCELS_PER_HOUR // 2,
        gap_mm=100,
        inductions=(0, 3000, 6000),
        reads_mm=11_000,
        decides_mm=15_000,
        chutes=DESTINATIONS,
        first_mm=25_000,
        step_mm=2500,
        bond_mm=302_000,
        end_mm=308_000,
        line={"load_max": 490, "laps_max": 3},
    )


def texts(place: Place) -> dict[str, str]:
    """Three floor files, and a sort plan for each."""
    telegram = {"plc": "PLC1", "controller": "HUB"}
    index = {"separator": "\x1e", "local_no_read": "\x15", "index_digits": 6}
    first = machine("scanner", "tunnel-1", "datalogic", place.serial("tunnel-1"), {"point": "S1-T1"}, index,
                    floord={"match": "carrier"}, stub={"index": "carrier"})  # fmt: skip
    first += machine("plc", "plc-1", "telegram", place.tcp(PORT), {"line": "S1"}, telegram)
    second = machine("scanner", "tunnel-2", "dataman", place.serial("tunnel-2"), {"point": "S2-T1"},
                     {"response": "extended"}, floord={"window_mm": 250})  # fmt: skip
    second += machine("plc", "plc-2", "mqtt_json", place.mqtt(), {"line": "S2"}, {"base": f"floorsim/{place.site}/S2"})
    return {
        "sorter-1.toml": _sorter_file(place, "S1", "sorter-1", first + centre(place)),
        "sorter-2.toml": _sorter_file(place, "S2", "sorter-2", second),
        "cargo.toml": _cargo_file(place),
        "plan-1.toml": _plan("S1"),
        "plan-2.toml": _plan("S2"),
        "plan-cargo.toml": plan("liege", {}, destinations(DESTINATIONS)),
    }


def _sorter_file(place: Place, line: str, name: str, machines: str) -> str:
    one, number = sorter(line), line[1:]
    hub = (
        "hub",
        f"{PARCELS_PER_HOUR:,} parcels/h at the peak over two sorters; 85 % imports, customs holds 2 % of them",
    )
    rows = [hub, *figures(one, destinations(DESTINATIONS))]
    text = head(f"liege, {name}: {TITLE}", rows, starting(" ".join((f"{name}.toml", *_others(name))), place))
    text += node(place, name, plan=f"plan-{number}.toml", state=f"state-{number}") + one.text("import")
    return text + machines + mix("import")


def _others(name: str) -> list[str]:
    return [file for file in FLOORS if file != f"{name}.toml"]


def _cargo_file(place: Place) -> str:
    run = starting(" ".join(("cargo.toml", *_others("cargo"))), place)
    text = head(f"liege, cargo: {TITLE}", _cargo.figures(PARCELS_PER_HOUR), run)
    text += node(place, "cargo", plan="plan-cargo.toml", state="state-cargo")
    return text + _cargo.text(place, PARCELS_PER_HOUR)


def _plan(line: str) -> str:
    sorted_, one = destinations(DESTINATIONS), sorter(line)
    chutes = {target.name: [lane] for target, lane in zip(sorted_, one.names, strict=True)}
    return plan("liege", {**chutes, **one.special()}, sorted_)
