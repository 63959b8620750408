"""`bad-night`: a line on which a night's trouble comes in 20 minutes.

30 m at 1.5 m/s = 20 s from end to end; 3,000 parcels/h = 0.833/s, one every 1,800 mm. 10 chutes. What goes wrong, when,
and what floord must show of it stand in scenario.toml: 12 troubles, from the first minute on one about every 90 s.
"""

from __future__ import annotations

from firmware_stubs.floors._figures import figures, starting
from firmware_stubs.floors._mixes import centre, mix
from firmware_stubs.floors._sorter import Sorter, machine, node
from firmware_stubs.floors._sorting import destinations, plan
from firmware_stubs.floors._toml import Place, head, section

TITLE = "a night of trouble in 20 minutes, with what floord must show of it"
FLOORS = ("floor.toml",)
MINUTES, WITHIN_S = 20, 130

N1 = Sorter(
    name="N1",
    speed_mm_s=1500,
    length_mm=30_000,
    parcels_per_hour=3000,
    reads_mm=1500,
    decides_mm=3000,
    chutes=10,
    first_mm=7500,
    step_mm=1700,
    bond_mm=25_500,
    end_mm=29_000,
)

Event = tuple[str, dict[str, str]]
TROUBLES: tuple[tuple[int, str, str, dict[str, object], tuple[Event, ...]], ...] = (
    (60, "no_read", "tunnel-1", {"count": 8}, (("parcel/rejected", {"reason": "NORD"}),)),
    (120, "eye_blind", "N1-DEC", {"for_s": 15}, (("parcel/rejected", {"reason": "NA"}),)),
    (210, "silent", "tunnel-1", {"for_s": 60}, (("device/degraded", {"device": "tunnel-1"}),
                                                ("alarm/raised", {"alarm": "device-tunnel-1"}),
                                                ("alarm/cleared", {"alarm": "device-tunnel-1"}))),
    (330, "jam", "N1", {"for_s": 30}, (("line/jammed", {"line": "N1"}), ("line/started", {"line": "N1"}))),
    (420, "lane_full", "N1-L01", {"for_s": 60}, (("lane/full", {"lane": "N1-L01"}), ("lane/free", {"lane": "N1-L01"}))),
    (520, "unplug", "plc-1", {"for_s": 20}, (("device/offline", {"device": "plc-1"}),
                                             ("device/online", {"device": "plc-1"}))),
    (600, "remove", "N1", {"count": 3}, (("parcel/lost", {}),)),
    (700, "plc_restart", "plc-1", {"for_s": 10}, (("device/degraded", {"device": "plc-1"}),
                                                  ("device/recovered", {"device": "plc-1"}))),
    (780, "estop", "N1", {"for_s": 30}, (("line/estop", {"line": "N1"}), ("line/started", {"line": "N1"}))),
    (880, "lane_lock", "N1-L04", {"for_s": 45}, (("lane/locked", {"lane": "N1-L04"}),
                                                 ("lane/opened", {"lane": "N1-L04"}))),
    (960, "lane_full", "N1-BOND", {"for_s": 100}, (("lane/full", {"lane": "N1-BOND"}),)),
    (970, "lane_full", "N1-EX", {"for_s": 80}, (("line/inhibited", {"line": "N1"}),)),
)  # fmt: skip
"""at, fault, target, how long or often, and the events that it must bring within `WITHIN_S`"""


def texts(place: Place) -> dict[str, str]:
    """The floor file, its sort plan and the scenario."""
    sorted_ = destinations(N1.chutes)
    chutes = {one.name: [lane] for one, lane in zip(sorted_, N1.names, strict=True)}
    night = [("night", f"{len(TROUBLES)} troubles in {MINUTES} min: scenario.toml")]
    run = starting("floor.toml", place)
    run[2] += " --scenario scenario.toml"
    text = head(f"bad-night: {TITLE}", figures(N1, sorted_) + night, run)
    text += node(place, "bad-night") + N1.text("import")
    frame = {"separator": "\x1e", "local_no_read": "\x15", "heartbeat": "HB"}
    text += machine("scanner", "tunnel-1", "datalogic", place.serial("tunnel-1"), {"point": "N1-T1"}, frame,
                    floord={"window_mm": 200, "heartbeat_s": 25}, stub={"heartbeat_s": 10})  # fmt: skip
    names = {"plc": "PLC1", "controller": "HUB"}
    text += machine("plc", "plc-1", "telegram", place.serial("plc-1"), {"line": "N1"}, names)
    return {
        "floor.toml": text + mix("import") + centre(place),
        "plan.toml": plan("bad-night", {**chutes, **N1.special()}, sorted_),
        "scenario.toml": _scenario(),
    }


def _scenario() -> str:
    text = "# What goes wrong in this night, and what floord must show of it. Times are in s after the start.\n"
    text += f'title = "A bad night"\nfloor = "floor.toml"\nseed = 7\nminutes = {MINUTES}\n'
    for at, fault, target, how, events in TROUBLES:
        text += section("[step]", at_s=at, fault=fault, target=target, **how)
        for event, where in events:
            text += section("[expect]", event=event, where=where or None, after_s=at, by_s=at + WITHIN_S)
    return text
