"""A whole daemon against a floor whose parcels come from a mix, with the stub of the centre in place of a real one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from controller import demo_floor
from tests.rehearsed import Coupled, Published

MIX = """
[mix.in]
held = 0.1
late_release = 0.2
recalled = 0.2
recalled_after_s = [0.5, 40]
[stub.centre]
kind = "centre"
link = "mqtt://127.0.0.1:1"
site = "lgg"
"""


def test_floord_believes_the_simulated_centre_and_sorts_by_what_it_says(tmp_path: Path) -> None:
    path = demo_floor.write(tmp_path, 1, 3.0, "mqtt://127.0.0.1:1", seed=7)
    path.write_text(path.read_text().replace("[induction.S1]\n", '[induction.S1]\nmix = "in"\n') + MIX)
    heard = Published()
    floor = Coupled(path, seed=7, listener=heard, parcels=150)
    while not floor.world.in_session:
        assert floor.lockstep.now < 1_010_000
        floor.run(0.1)
    floor.world.release(floor.lockstep.now)
    floor.run(150)

    lanes = {entry["parcel"]: entry["lane"] for entry in floor.ledger if entry["what"] == "lane"}
    announced = [entry for entry in floor.ledger if entry["what"] == "announced" and entry["codes"]]
    stories = {entry["parcel"]: entry["goods"]["customs"] for entry in announced}
    assert len(lanes) == 150
    ended = Counter((story, _place(lanes[parcel])) for parcel, story in stories.items())
    total = Counter(stories.values())
    assert ended["unknown", "exception"] == total["unknown"] > 0
    assert ended["hold", "sorted"] == 0 < total["hold"]
    assert ended["release", "sorted"] >= 0.9 * total["release"] > 0
    assert ended["none", "sorted"] >= 0.9 * total["none"] > 0
    assert ended["late_release", "sorted"] > 0
    too_late = {parcel for parcel, story in stories.items() if story == "recall" and _place(lanes[parcel]) == "sorted"}
    recalled = {event["data"]["parcel"] for event in heard.events() if event["type"] == "hubfloor.parcel.recall.v1"}
    assert recalled == too_late != set()


def _place(lane: str) -> str:
    return {"S1-EX": "exception", "S1-BOND": "bond"}.get(lane, "sorted")
