"""`bagging`: sorting into bags.

3,000 parcels/h come onto a line of 34 m at 1.5 m/s and fall into 16 chutes, under each of which hangs a bag. The top
chute gets 22 % = 660/h, one every 5.45 s; a bag of 40 is full after 40 / 660 h = 3.6 min. Somebody presses the button,
takes the bag off and hangs a new one, in 12 s, with its label scanned; 3 of 100 labels are forgotten, and 1 is that of
the bag before. What comes meanwhile, 12 / 218 = 5.5 %, goes to the overflow lane.
"""

from __future__ import annotations

from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import Destination, plan
from firmware_stubs.floors._toml import Place, head, section

TITLE = "sorting into bags: 16 chutes, a bag of 40 under each, people who change them and make mistakes"
FLOORS = ("floor.toml",)
ITEMS, CHANGE_S, FORGOTTEN, WRONG = 40, 12, 0.03, 0.01
COUNTRIES = {
    "DE": 22, "FR": 16, "NL": 10, "BE": 8, "IT": 8, "ES": 7, "PL": 6, "AT": 5, "SE": 4, "DK": 3, "CZ": 3, "PT": 2,
    "HU": 2, "FI": 2, "LU": 1, "IE": 1,
}  # fmt: skip

B1 = Sorter(
    name="B1",
    speed_mm_s=1500,
    length_mm=34_000,
    parcels_per_hour=3000,
    reads_mm=1500,
    decides_mm=3000,
    chutes=len(COUNTRIES),
    first_mm=7500,
    step_mm=1300,
    bond_mm=30_500,
    end_mm=33_000,
    lane={"needs_container": True},
    lanes={"B1-OVER": {"position_mm": 28_500, "supervised": True, "roles": ["overflow"]}},
)


def texts(place: Place) -> dict[str, str]:
    """The floor file and its sort plan."""
    sorted_ = [Destination(country, country, share=share) for country, share in COUNTRIES.items()]
    top = B1.parcels_per_hour * max(COUNTRIES.values()) / 100
    full_s = ITEMS * 3600 / top
    bags = [
        ("bags", f"of {ITEMS}: at {top:,.0f}/h one is full after {full_s:.0f} s = {full_s / 60:.1f} min"),
        ("change", f"{CHANGE_S} s = {CHANGE_S / full_s:.1%} of that: what comes meanwhile goes to B1-OVER"),
    ]
    text = head(f"bagging: {TITLE}", figures(B1, sorted_) + bags, starting("floor.toml", place))
    text += node(place, "bagging") + B1.text("bags")
    for lane in B1.names:
        text += section(f"bagging.{lane}", items=ITEMS, change_s=CHANGE_S, forgotten=FORGOTTEN, wrong=WRONG)
    text += machine("scanner", "tunnel-1", "zebra_ssi", place.serial("tunnel-1", 9600), {"point": "B1-T1"},
                    floord={"window_mm": 200, "heartbeat_s": 25}, stub={"heartbeat_s": 10})  # fmt: skip
    text += machine("plc", "plc-1", "mqtt_json", place.mqtt(), {"line": "B1"}, {"base": f"floorsim/{place.site}/B1"})
    chutes = {one.name: [lane, "B1-OVER"] for one, lane in zip(sorted_, B1.names, strict=True)}
    text += mix("bags", COUNTRIES, imports=0.0, unknown=0.0, codes=[0, 70, 30], heavy=0, nonconveyable=0)
    special = {**B1.special(), "OVERFLOW": ["B1-OVER", B1.end]}
    return {"floor.toml": text + centre(place), "plan.toml": plan("bagging", {**chutes, **special}, sorted_)}
